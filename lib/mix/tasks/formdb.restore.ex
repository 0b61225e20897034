defmodule Mix.Tasks.Formdb.Restore do
  @shortdoc "Makes a database of a backup"
  @moduledoc """
  Makes a database of a backup.

      mix formdb.restore BACKUP DIR [--until SEQ]

  BACKUP is the folder of a backup. DIR is that of the new database, which may not be there yet: in a
  data folder it is opened when the server starts, or by `POST /api/v1/databases`. Every byte is
  checked on the way; what fails leaves nothing, and the exit status is 1.

  With `--until` the database ends with block SEQ; where that lies within a transaction, with the
  transaction before it, since there is never a part of one.

  The database has the same blocks and the same Merkle root as the original had, and a log id of its
  own: clients that follow the original begin anew. Its webhooks are paused.
  """

  use Mix.Task

  alias FormdbHttp.{Backup, Inspection}

  @usage "usage: mix formdb.restore BACKUP DIR [--until SEQ]"

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: [help: :boolean, until: :integer]) do
      {[help: true], _, _} -> IO.puts(@moduledoc)
      {[until: until], _, _} when until < 0 -> Mix.raise(@usage)
      {options, [from, to], []} -> restore(from, to, options[:until])
      _other -> Mix.raise(@usage)
    end
  end

  defp restore(from, to, until) do
    Mix.Task.run("app.config")
    result = Backup.restore(from, to, until, Inspection.progress_line(from))
    Inspection.end_progress()

    case result do
      {:ok, restored} ->
        IO.puts([
          "#{to}: database #{restored.backup.database} up to block #{restored.seq}\n",
          "  Merkle root #{restored.root}\n",
          "  log #{restored.log}, which was #{restored.backup.log}\n",
          within(until, restored.seq),
          "  #{restored.bytes} bytes"
        ])

      {:error, error} ->
        IO.puts("nothing was restored: #{error.detail}")
        exit({:shutdown, 1})
    end
  end

  defp within(until, seq) when until in [nil, seq], do: []

  defp within(until, seq),
    do: "  block #{until} lies within a transaction, so it ends with the one before, at #{seq}\n"
end
