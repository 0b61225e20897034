defmodule FormdbHttpWeb.Auth.SecretFile do
  @moduledoc false
  # Files with secrets in them: written as a whole or not at all, and for their owner alone.

  import Bitwise

  @doc """
  Writes a file by way of another one, which takes its place once it is on disk. A file that was
  there keeps its owner and its mode; a new one has mode 0600.
  """
  @spec write(Path.t(), iodata()) :: :ok | {:error, String.t()}
  def write(path, content) do
    temporary = "#{path}.#{System.pid()}-#{System.unique_integer([:positive])}.tmp"

    with {:error, reason} <- replace(path, temporary, content) do
      File.rm(temporary)
      {:error, "#{path} cannot be written: #{:file.format_error(reason)}"}
    end
  end

  defp replace(path, temporary, content) do
    {mode, owner} = like(path)

    with {:ok, file} <- :file.open(temporary, [:write, :exclusive, :raw, :binary]),
         # Nothing secret is in it yet.
         :ok <- File.chmod(temporary, mode),
         :ok <- owned(temporary, owner),
         :ok <- :file.write(file, content),
         :ok <- :file.sync(file),
         :ok <- :file.close(file),
         :ok <- File.rename(temporary, path),
         do: sync_folder(Path.dirname(path))
  end

  # Who was to read it before is to read it still.
  defp like(path) do
    case File.stat(path) do
      {:ok, %{mode: mode, uid: uid, gid: gid}} -> {mode &&& 0o777, {uid, gid}}
      {:error, _} -> {0o600, nil}
    end
  end

  defp owned(_temporary, nil), do: :ok

  defp owned(temporary, {uid, gid}) do
    case File.stat(temporary) do
      {:ok, %{uid: ^uid, gid: ^gid}} -> :ok
      {:ok, _other} -> with :ok <- File.chgrp(temporary, gid), do: File.chown(temporary, uid)
      error -> error
    end
  end

  defp sync_folder(folder) do
    with {:ok, file} <- :file.open(folder, [:read, :raw, :directory]) do
      synced = :file.sync(file)
      :file.close(file)
      synced
    end
  end

  @doc "Whether others than its owner and group may read it."
  @spec readable_by_all?(File.Stat.t()) :: boolean()
  def readable_by_all?(%{mode: mode}), do: (mode &&& 0o004) != 0
end
