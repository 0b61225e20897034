defmodule FormdbHttpCli.LoadDump do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.{Backup, Inspection}
  alias FormdbHttpCli.{Command, Owner}

  @usage "usage: mix formdb.load_dump FILE DIR"

  @impl true
  def summary, do: "Makes a database of a dump"

  @impl true
  def help do
    """
    Makes a database of lines that `mix formdb.dump` has written.

        mix formdb.load_dump FILE DIR

    FILE is the dump, or a pipe such as `<(zstd -dc air.ndjson.zst)`. DIR is the folder of the new database,
    which may not be there yet. The database has the same blocks, times, actors and transactions, and a
    log id of its own. Where the Merkle root is not that of the first line, or a line does not hold,
    there is nothing, and the exit status is 1.
    """
  end

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: []) do
      {[], [file, dir], []} -> load(file, dir)
      _other -> Command.refuse(@usage)
    end
  end

  defp load(file, dir) do
    :ok = Command.check_new_database(dir)
    progress = Inspection.progress_line(file)

    result =
      Owner.keep(dir, fn ->
        result = Backup.load_dump(file, dir, progress)
        Inspection.end_progress()
        result
      end)

    case result do
      {:ok, loaded} ->
        Command.say([
          "#{dir}: #{loaded.seq} blocks in #{loaded.transactions} transactions\n",
          "  Merkle root #{loaded.root}\n",
          "  log #{loaded.log}, which was #{loaded.dump.log}"
        ])

      {:error, error} ->
        Command.say("nothing was loaded: #{error.detail}")
        :failed
    end
  end
end
