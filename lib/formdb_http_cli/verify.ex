defmodule FormdbHttpCli.Verify do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.Inspection
  alias FormdbHttpCli.Command

  @usage "usage: mix formdb.verify DIR (the folder of a database, or a data folder)"

  @impl true
  def summary, do: "Checks every byte of a database that is not open"

  @impl true
  def help do
    """
    Checks every byte of databases that nobody has open, and reports.

        mix formdb.verify DIR

    DIR is the folder of a database, or a data folder: then all databases in it are
    checked. Headers and checksums of all segments, groups and blocks are recomputed,
    sequences, commit times and what each block says, the Merkle root of every commit,
    and the derived data (footers and index snapshots). Nothing is changed.

    Progress goes to standard error where that is a terminal, the report to standard
    output. The exit status is 0 when everything is sound, else 1. A footer that a crash kept from being written is a
    note, and nothing unsound: the next opening writes it from the journal. `mix formdb.doctor` explains what is wrong and what
    to do about it.

    It neither starts a server nor needs one. A database that a server has open cannot
    be checked: close it first.
    """
  end

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: []) do
      {[], [dir], []} -> verify_all(dir)
      _other -> Command.refuse(@usage)
    end
  end

  defp verify_all(dir) do
    dir
    |> Inspection.databases()
    |> Command.check_all("there is no database in #{dir}; #{@usage}", &verify/1)
  end

  defp verify(dir) do
    result = Inspection.verify(dir, Inspection.progress_line(dir))
    Inspection.end_progress()

    case result do
      {:ok, report} ->
        sound = if report.sound, do: "sound", else: "NOT SOUND"
        Command.say([dir, ": ", sound, "\n", text(report)])
        report.sound

      {:error, error} ->
        Command.say("#{dir}: NOT CHECKED\n  #{error.detail}")
        false
    end
  end

  defp text(report) do
    [
      "  #{report.blocks} blocks in #{report.transactions} transactions, #{report.groups} groups " <>
        "and #{report.segments} segments; #{report.bytes} bytes\n",
      "  Merkle root #{report.root}\n",
      if(report.damage, do: "  damaged: #{report.damage}\n", else: []),
      torn(report),
      for(footer <- report.footers, do: "  footer: #{footer}\n"),
      for(footer <- report.footers_missing, do: "  note: #{footer}; opening writes it\n"),
      for(snapshot <- report.snapshots_damaged, do: "  index snapshot: #{snapshot}\n"),
      "  #{report.snapshots} index snapshots whole; checked in #{seconds(report.microseconds)} s"
    ]
  end

  defp torn(%{torn: nil}), do: []
  defp torn(report), do: "  torn tail of #{report.torn_bytes} bytes: #{report.torn}\n"

  defp seconds(micros), do: :erlang.float_to_binary(micros / 1_000_000, decimals: 2)
end
