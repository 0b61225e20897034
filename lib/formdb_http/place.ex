defmodule FormdbHttp.Place do
  @moduledoc false
  # Whether the folder of an open database is still what lies under its name. The engine looks for
  # that once a second and takes no writes after it; who opens a database is to know it at once,
  # since what was put there meanwhile is not what is open.

  # Where a database's blocks are, in its folder.
  @journal "journal"

  @typedoc "What was found when the database was opened: device and inode of its folder and its journal."
  @opaque t :: {identity(), identity()}
  @typep identity :: {non_neg_integer(), non_neg_integer()} | {:error, File.posix()}

  @doc "What lies there now."
  @spec of(Path.t()) :: t()
  def of(dir), do: {identity(dir), identity(Path.join(dir, @journal))}

  @doc "What became of it since, in words; `nil` when it is still there."
  @spec lost(t(), Path.t()) :: String.t() | nil
  def lost({folder, journal}, dir) do
    {folder_now, journal_now} = of(dir)

    changed("its folder", folder, folder_now) ||
      changed("the folder `#{@journal}` in it", journal, journal_now)
  end

  defp changed(_what, same, same), do: nil

  defp changed(what, _then, {:error, reason}) when reason in [:enoent, :enotdir],
    do: "#{what} was removed or moved while it was open"

  # A look that fails for another reason says nothing.
  defp changed(_what, then, now) when elem(then, 0) == :error or elem(now, 0) == :error, do: nil
  defp changed(what, _then, _now), do: "#{what} was replaced while it was open"

  # Raw: no process of the VM in between, which others may keep busy.
  defp identity(path) do
    case :file.read_file_info(path, [:raw]) do
      {:ok, info} ->
        %File.Stat{major_device: device, inode: inode} = File.Stat.from_record(info)
        {device, inode}

      {:error, reason} ->
        {:error, reason}
    end
  end
end
