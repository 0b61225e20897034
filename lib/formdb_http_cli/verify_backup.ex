defmodule FormdbHttpCli.VerifyBackup do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.{Backup, Inspection}
  alias FormdbHttpCli.Command

  @usage "usage: mix formdb.verify_backup DIR, where DIR is a backup, or a folder of backups of one database or of all"

  @parts ~w(MANIFEST.json MANIFEST.sha256 files)

  @impl true
  def summary, do: "Checks every byte of a backup"

  @impl true
  def help do
    """
    Checks every byte of backups, without restoring them.

        mix formdb.verify_backup DIR

    DIR is a backup, a folder of backups, or the folder of those of all databases: then all of them are checked. The SHA-256 of each file is held
    against the manifest, and everything that the journal says of itself is recomputed, up to the Merkle
    root. A folder among them that has no manifest is not whole. Nothing is changed. The exit status is 0 when all are whole, else 1.
    """
  end

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: []) do
      {[], [dir], []} -> verify_all(dir)
      _other -> Command.refuse(@usage)
    end
  end

  defp verify_all(dir),
    do: Command.check_all(backups(dir), "there is no backup in #{dir}; #{@usage}", &verify/1)

  # The backup itself, those in its folder, or those of each database in it.
  defp backups(dir) do
    if backup?(dir) do
      [dir]
    else
      listed =
        case listed(dir) do
          {:ok, listed} -> listed
          {:error, error} -> Command.refuse(error.detail)
        end

      dir |> folders() |> Enum.concat(listed) |> Enum.uniq() |> Enum.flat_map(&within(&1, listed))
    end
  end

  defp within(dir, listed) do
    with false <- backup?(dir), {:ok, [_ | _] = backups} <- listed(dir) do
      backups
    else
      _none -> if dir in listed, do: [dir], else: []
    end
  end

  # One that has lost a part of itself is a backup all the same.
  defp backup?(dir), do: Enum.any?(@parts, &File.exists?(Path.join(dir, &1)))

  defp listed(dir) do
    with {:ok, listed} <- Backup.list(dir),
         do: {:ok, Enum.map(listed, &Path.join(dir, &1.name))}
  end

  defp folders(dir), do: dir |> Path.join("*") |> Path.wildcard() |> Enum.filter(&File.dir?/1)

  defp verify(dir) do
    result = Backup.verify(dir, Inspection.progress_line(dir))
    Inspection.end_progress()

    case result do
      {:ok, found} ->
        Command.say([
          "#{dir}: whole\n",
          "  database #{found.database} up to block #{found.seq}, taken #{found.time}\n",
          "  Merkle root #{found.root}\n",
          "  #{found.files} files, #{found.bytes} bytes"
        ])

        true

      {:error, error} ->
        Command.say("#{dir}: NOT WHOLE\n  #{error.detail}")
        false
    end
  end
end
