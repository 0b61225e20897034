defmodule FormdbHttp.SecretFile do
  @moduledoc false
  # Files with secrets in them: written as a whole or not at all, and for their owner alone.

  import Bitwise

  @doc """
  Writes a file by way of another one, which takes its place once it is on disk. A file that was
  there keeps its owner and its mode; a new one has mode 0600.
  """
  @spec write(Path.t(), iodata()) :: :ok | {:error, String.t()}
  def write(path, content) do
    folder = "#{path}.#{System.pid()}-#{System.unique_integer([:positive])}.tmp"

    with :ok <- private_folder(folder),
         :ok <- replace(path, Path.join(folder, "new"), content),
         :ok <- File.rmdir(folder) do
      sync_folder(Path.dirname(path))
    else
      {:error, :eexist} ->
        unwritten(path, :eexist)

      {:error, reason} ->
        _ = File.rm_rf(folder)
        unwritten(path, reason)
    end
  end

  defp unwritten(path, reason),
    do: {:error, "#{path} cannot be written: #{:file.format_error(reason)}"}

  # A file is made with the mode that the umask leaves: somebody who opened it before that is
  # changed could read what is written later. What is in a folder is reached by way of the
  # folder each time. One that is there already is somebody else's.
  defp private_folder(folder) do
    with :ok <- File.mkdir(folder), do: File.chmod(folder, 0o700)
  end

  defp replace(path, temporary, content) do
    {mode, owner} = like(path)

    with {:ok, file} <- :file.open(temporary, [:write, :exclusive, :raw, :binary]),
         :ok <- File.chmod(temporary, mode),
         :ok <- owned(temporary, owner),
         :ok <- :file.write(file, content),
         :ok <- :file.sync(file),
         :ok <- :file.close(file),
         do: File.rename(temporary, path)
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

  @doc "What others than its owner and group may do with it, in words; `nil`: nothing."
  @spec exposed(File.Stat.t()) :: String.t() | nil
  def exposed(%{mode: mode}) do
    cond do
      (mode &&& 0o002) != 0 -> "change"
      (mode &&& 0o004) != 0 -> "read"
      true -> nil
    end
  end
end
