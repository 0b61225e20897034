defmodule FormdbHttpCli.Backup do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.{Backup, Inspection}
  alias FormdbHttpCli.{Command, Owner}

  @usage "usage: mix formdb.backup DATABASE [--name NAME], or mix formdb.backup DIR TO"

  @impl true
  def summary, do: "Takes a backup of a database, open or not"

  @impl true
  def help do
    """
    Takes a backup of a database into a new folder.

        mix formdb.backup DATABASE [--name NAME]
        mix formdb.backup DIR TO

    The first form takes the database DATABASE of `FORMDB_DATA_DIR` and makes the folder NAME, by
    default the time, below `FORMDB_BACKUP_DIR/DATABASE`. Where a server has the database open it is
    asked to do so, with the API key or token in `FORMDB_TOKEN`, which needs the scope `admin`. Both have
    to have the same settings: by these it is found, also with TLS. Where it is reached in another way, such as
    through a proxy, `FORMDB_URL` is its address, and `FORMDB_CA_FILE` the certificate (PEM) of the authority
    that signed its own, if the system does not know that one.

    The second takes a database's folder, which nobody may have open, into the folder TO, which is
    not there yet.

    What the newest backup of the same database beside the new one has is read, and linked where it
    is whole: only what is new or damaged there is copied.
    Progress goes to standard error where that is a terminal, the report to standard output. What fails
    leaves nothing, and the exit status is 1.
    """
  end

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: [name: :string]) do
      {options, [database], []} -> by_name(database, options[:name] || Backup.default_name())
      {[], [dir, to], []} -> report(to, dir, dir, &Backup.take_closed(dir, to, &1))
      _other -> Command.refuse(@usage)
    end
  end

  defp by_name(database, name) do
    config = Command.config()

    server = %{
      url: System.get_env("FORMDB_URL"),
      token: System.get_env("FORMDB_TOKEN"),
      ca_file: System.get_env("FORMDB_CA_FILE")
    }

    to = Path.join([config.backup_dir || ".", database, name])
    from = Path.join(config.data_dir, database)
    report(to, database, from, &Backup.Command.take(config, database, name, server, &1))
  end

  defp report(to, what, from, work) do
    progress = Inspection.progress_line(what)

    result =
      Owner.keep(to, from, fn ->
        result = work.(progress)
        Inspection.end_progress()
        result
      end)

    case result do
      {:ok, report} ->
        Command.say([
          "#{to}: backup of #{what} up to block #{report.seq}\n",
          "  Merkle root #{report.root}\n",
          "  log #{report.log}\n",
          "  #{report.files} files, #{report.bytes} bytes, of which #{report.copied_bytes} were copied and " <>
            "#{report.linked_bytes} linked",
          damaged(report)
        ])

      {:error, error} ->
        Command.say("no backup of #{what}: #{error.detail}")
        :failed
    end
  end

  # A server of an earlier version does not say.
  defp damaged(%{previous_damaged: [_ | _] = files} = report) do
    "\n  backup #{report.previous} is damaged, and earlier ones may have the same files, which were copied " <>
      "from the database: #{Enum.join(files, ", ")}"
  end

  defp damaged(_report), do: []
end
