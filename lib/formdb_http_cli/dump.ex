defmodule FormdbHttpCli.Dump do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.{Backup, Inspection}
  alias FormdbHttpCli.Command

  @usage "usage: mix formdb.dump DIR FILE"

  @impl true
  def summary, do: "Writes a database or a backup as lines of JSON"

  @impl true
  def help do
    """
    Writes all blocks of a database as lines of JSON, from which `mix formdb.load_dump` makes the same
    database again.

        mix formdb.dump DIR FILE

    DIR is the folder of a database, which nobody may have open, or a backup, which can be taken of one
    that is open. FILE is a new file, a pipe such as `>(zstd -o air.ndjson.zst)`, or `-` for standard
    output. docs/FORMAT.md has what the lines hold.

    Progress goes to standard error where that is a terminal, the report to standard output, or to standard
    error where the lines go there. What fails leaves no file, and the exit status is 1.
    """
  end

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: []) do
      {[], [dir, file], []} -> dump(dir, file)
      _other -> Command.refuse(@usage)
    end
  end

  # The name that the engine has for it.
  defp dump(dir, "-"), do: dump(dir, "/dev/stdout")

  defp dump(dir, file) do
    device = if file == "/dev/stdout", do: :stderr, else: :stdio
    result = Backup.dump_closed(dir, file, Inspection.progress_line(dir))
    Inspection.end_progress()

    case result do
      {:ok, head} ->
        Command.say(device, "#{file}: #{head.seq} blocks of #{dir}\n  Merkle root #{head.root}")

      {:error, error} ->
        Command.say(device, "no dump of #{dir}: #{error.detail}")
        :failed
    end
  end
end
