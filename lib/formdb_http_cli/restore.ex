defmodule FormdbHttpCli.Restore do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.{Backup, Inspection}
  alias FormdbHttpCli.{Command, Owner}

  @usage "usage: mix formdb.restore BACKUP DIR [--until SEQ]"

  @impl true
  def summary, do: "Makes a database of a backup"

  @impl true
  def help do
    """
    Makes a database of a backup.

        mix formdb.restore BACKUP DIR [--until SEQ]

    BACKUP is the folder of a backup. DIR is that of the new database, which may not be there yet: in a
    data folder it is opened when the server starts, or by `POST /api/v1/databases`. Every byte is
    checked on the way; what fails leaves nothing, and the exit status is 1.

    With `--until` the database ends with block SEQ; where that lies within a transaction, with the
    transaction before it, since there is never a part of one. The last block before a time is found where the
    database is open, in `seq` of
    `GET /api/v1/databases/DATABASE/features?count=true&as_of=TIME`, and in the backup itself by

        mix formdb.dump BACKUP - | jq -r 'select(.time != null and .time < "2026-01-31T12:36:00") | .seq' | tail -1

    The database has the same blocks and the same Merkle root as the original had, and a log id of its
    own: clients that follow the original begin anew. Its webhooks are paused.
    """
  end

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: [until: :string]) do
      {options, [from, to], []} -> restore(from, to, until(options[:until]))
      _other -> Command.refuse(@usage)
    end
  end

  defp until(nil), do: nil

  defp until(text) do
    case Integer.parse(text) do
      {seq, ""} when seq in 0..0xFFFFFFFFFFFFFFFF ->
        seq

      _other ->
        Command.refuse(
          "--until is #{inspect(text)}; expected the sequence of a block. `mix help formdb.restore` says how the " <>
            "last one before a time is found"
        )
    end
  end

  defp restore(from, to, until) do
    :ok = Command.check_new_database(to)
    progress = Inspection.progress_line(from)

    result =
      Owner.keep(to, fn ->
        result = Backup.restore(from, to, until, progress)
        Inspection.end_progress()
        result
      end)

    case result do
      {:ok, restored} ->
        Command.say([
          "#{to}: database #{restored.backup.database} up to block #{restored.seq}\n",
          "  Merkle root #{restored.root}\n",
          "  log #{restored.log}, which was #{restored.backup.log}\n",
          within(until, restored.seq),
          empty(restored),
          "  #{restored.bytes} bytes"
        ])

      {:error, error} ->
        Command.say("nothing was restored: #{error.detail}")
        :failed
    end
  end

  defp within(until, seq) when until in [nil, seq], do: []

  defp within(until, seq),
    do: "  block #{until} lies within a transaction, so it ends with the one before, at #{seq}\n"

  defp empty(%{seq: 0, backup: %{seq: seq}}) when seq > 0,
    do: "  nothing is in it: of the backup's #{seq} blocks none is restored\n"

  defp empty(_restored), do: []
end
