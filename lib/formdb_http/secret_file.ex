defmodule FormdbHttp.SecretFile do
  @moduledoc false
  # Files with secrets in them: written as a whole or not at all, and for their owner alone.

  import Bitwise

  require Logger

  @doc """
  Writes a file by way of another one, which takes its place once it is on disk. A file that was
  there keeps its owner, its group and its mode; a new one has mode 0600. A group that this user may
  not give a file to, which is not theirs, is kept no longer: the file has one of theirs then, which
  may do nothing with it, and `warn` is called with a sentence.
  """
  @spec write(Path.t(), iodata(), (String.t() -> term())) :: :ok | {:error, String.t()}
  def write(path, content, warn \\ &Logger.warning/1) do
    folder = "#{path}.#{System.pid()}-#{System.unique_integer([:positive])}.tmp"

    with :ok <- private_folder(folder),
         :ok <- replace(path, Path.join(folder, "new"), content, warn),
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

  defp replace(path, temporary, content, warn) do
    {mode, owner} = like(path)

    with {:ok, file} <- :file.open(temporary, [:write, :exclusive, :raw, :binary]),
         # For the owner alone until it is known whose it is.
         :ok <- File.chmod(temporary, mode &&& 0o700),
         {:ok, group} <- owned(temporary, owner),
         :ok <- File.chmod(temporary, mode_for(group, mode)),
         :ok <- :file.write(file, content),
         :ok <- :file.sync(file),
         :ok <- :file.close(file),
         :ok <- File.rename(temporary, path) do
      if group == :other, do: warn.(group_lost(path, owner, mode))
      :ok
    end
  end

  # Who was to read it before is to read it still.
  defp like(path) do
    case File.stat(path) do
      {:ok, %{mode: mode, uid: uid, gid: gid}} -> {mode &&& 0o777, {uid, gid}}
      {:error, _} -> {0o600, nil}
    end
  end

  # Whether it has the group that it had.
  defp owned(_temporary, nil), do: {:ok, :same}

  defp owned(temporary, {uid, gid}) do
    with {:ok, %{uid: own, gid: group}} <- File.stat(temporary),
         {:ok, group} <- grouped(temporary, group, gid),
         :ok <- if(own == uid, do: :ok, else: File.chown(temporary, uid)),
         do: {:ok, group}
  end

  defp grouped(_temporary, gid, gid), do: {:ok, :same}

  defp grouped(temporary, _group, gid) do
    case File.chgrp(temporary, gid) do
      :ok -> {:ok, :same}
      {:error, :eperm} -> {:ok, :other}
      error -> error
    end
  end

  # What the old group might do, the new one may not.
  defp mode_for(:same, mode), do: mode
  defp mode_for(:other, mode), do: mode &&& 0o707

  defp group_lost(path, {_uid, gid}, mode) do
    lost = if (mode &&& 0o070) == 0, do: "", else: " and members of it can use it no longer"

    "#{path} has not kept its group (number #{gid})#{lost}: this user may not give a file to that group. " <>
      "Where it is to have it, root can give it back (chgrp)"
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
