defmodule Mix.Tasks.Formdb.Doctor do
  @shortdoc "Explains what is wrong with a database, and salvages it"
  @moduledoc """
  Explains databases that nobody has open: what is there, what is wrong, what opening
  would do, and what to do next.

      mix formdb.doctor DIR
      mix formdb.doctor DIR --salvage NEW_DIR

  DIR is the folder of a database; without `--salvage` also a data folder. Nothing in it
  is ever changed.

  `--salvage` copies the longest beginning of the journal that can be proved into a new
  database in the folder NEW_DIR, which must not exist yet or be empty. Blocks keep their
  bytes, hashes and sequences. To use the copy, move it into a data folder, under the name
  that the database is to have.

  The exit status is 0 when everything is sound, and after salvaging when the copy is made;
  else 1. It neither starts a server nor needs one.
  """

  use Mix.Task

  alias FormdbHttp.Inspection

  @usage "usage: mix formdb.doctor DIR [--salvage NEW_DIR]"

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: [help: :boolean, salvage: :string]) do
      {[help: true], _, _} -> IO.puts(@moduledoc)
      {[], [dir], []} -> diagnose_all(dir)
      {[salvage: to], [dir], []} -> salvage(dir, to)
      _other -> Mix.raise(@usage)
    end
  end

  defp diagnose_all(dir) do
    Mix.Task.run("app.config")

    # One that is none is explained, too.
    databases = with [] <- Inspection.databases(dir), do: [dir]
    if Enum.all?(Enum.map(databases, &diagnose/1)), do: :ok, else: exit({:shutdown, 1})
  end

  defp diagnose(dir) do
    IO.puts(:stderr, "#{dir}: checking all of it")

    case Inspection.diagnose(dir) do
      {:ok, diagnosis} ->
        IO.puts([dir, "\n", Enum.map(diagnosis.sentences, &["  ", &1, "\n"])])
        diagnosis.sound

      {:error, error} ->
        IO.puts("#{dir}\n  #{error.detail}\n")
        false
    end
  end

  defp salvage(from, to) do
    Mix.Task.run("app.config")
    result = Inspection.salvage(from, to, Inspection.progress_line(from))
    Inspection.end_progress()

    case result do
      {:ok, report} ->
        IO.puts(text(report, to))

      {:error, error} ->
        IO.puts("nothing was salvaged: #{error.detail}")
        exit({:shutdown, 1})
    end
  end

  defp text(report, to) do
    [
      "salvaged #{report.blocks} blocks in #{report.transactions} transactions into #{to}\n",
      "  Merkle root #{report.root}\n",
      if(report.damage, do: "  the old journal: #{report.damage}\n", else: []),
      unproved(report.unproved_transactions),
      for(
        {path, from, bytes} <- report.lost,
        do: "  not copied: #{bytes} bytes of #{path} from byte #{from}\n"
      ),
      "  check the copy with mix formdb.verify #{to}, then move it into a data folder"
    ]
  end

  defp unproved(0), do: []

  defp unproved(count) do
    "  transactions at its end that lay in a damaged commit group: #{count}. Their blocks are " <>
      "whole, but that group's root vouches for them no more\n"
  end
end
