defmodule FormdbHttpCli.VerifyBackup do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.{Backup, Inspection}
  alias FormdbHttpCli.Command

  @usage "usage: mix formdb.verify_backup DIR (a backup, or a folder of backups)"

  @parts ~w(MANIFEST.json MANIFEST.sha256 files)

  @impl true
  def summary, do: "Checks every byte of a backup"

  @impl true
  def help do
    """
    Checks every byte of backups, without restoring them.

        mix formdb.verify_backup DIR

    DIR is a backup, or a folder of backups: then all of them are checked. The SHA-256 of each file is held
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

  defp backups(dir) do
    # One that has lost a part of itself is a backup all the same.
    if Enum.any?(@parts, &File.exists?(Path.join(dir, &1))) do
      [dir]
    else
      with {:ok, listed} <- Backup.list(dir),
           do: Enum.map(listed, &Path.join(dir, &1.name)),
           else: ({:error, _unreadable} -> [])
    end
  end

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
