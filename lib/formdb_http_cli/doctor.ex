defmodule FormdbHttpCli.Doctor do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.Inspection
  alias FormdbHttpCli.{Command, Owner}

  @usage "usage: mix formdb.doctor DIR [--salvage NEW_DIR [--beyond]]"
  @listed 100

  @impl true
  def summary, do: "Explains what is wrong with a database, and salvages it"

  @impl true
  def help do
    """
    Explains databases that nobody has open: what is there, what is wrong, what opening
    would do, and what to do next; and whether the disk has room for writes.

        mix formdb.doctor DIR
        mix formdb.doctor DIR --salvage NEW_DIR
        mix formdb.doctor DIR --salvage NEW_DIR --beyond

    DIR is the folder of a database; without `--salvage` also a data folder. Nothing in it
    is ever changed.

    `--salvage` copies the longest beginning of the journal that can be proved into a new
    database in the folder NEW_DIR, which must not exist yet or be empty. Blocks keep their
    bytes, hashes and sequences, so proofs that were kept elsewhere still hold, as far as the
    copy reaches. To use it, move it into a data folder, under the name that the database is
    to have.

    With `--beyond` what can be read after the damage follows, too. Nothing proves any more
    where those blocks stood, so they are new blocks, in the old order, committed now: the
    provenance key `salvaged` of each holds the `seq`, `hash`, `time` and `actor` that it had.
    What named another block by its sequence (`prev`, reverts, deletions of one block's
    points, `derived_from`) names it by its new one. What is about a block or a feature that
    is lost is left out and listed, as are the sequences of which nothing could be read. Clients
    see another history from there on: those that follow the journal start again. Ids of all
    features are in memory meanwhile.

    The exit status is 0 when everything is sound, and after salvaging when the copy is made;
    else 1. It neither starts a server nor needs one.
    """
  end

  @impl true
  def run(arguments) do
    strict = [salvage: :string, beyond: :boolean]

    case OptionParser.parse(arguments, strict: strict) do
      {[], [dir], []} -> diagnose_all(dir)
      {[_ | _] = options, [dir], []} -> salvage(dir, Map.new(options))
      _other -> Command.refuse(@usage)
    end
  end

  defp diagnose_all(dir) do
    # What is none is explained, too.
    databases = with [] <- Inspection.databases(dir), do: [dir]
    if reason = Inspection.disk_low(dir), do: Command.say([reason, "\n"])
    if Enum.all?(Enum.map(databases, &diagnose/1)), do: :ok, else: :failed
  end

  defp diagnose(dir) do
    IO.puts(:stderr, "#{dir}: checking all of it")

    case Inspection.diagnose(dir) do
      {:ok, diagnosis} ->
        Command.say([dir, "\n", Enum.map(diagnosis.sentences, &["  ", &1, "\n"])])
        diagnosis.sound

      {:error, error} ->
        Command.say("#{dir}\n  #{error.detail}\n")
        false
    end
  end

  defp salvage(from, %{salvage: to} = options) do
    :ok = Command.check_new_database(to)
    beyond? = Map.get(options, :beyond, false)
    progress = Inspection.progress_line(from)

    result =
      Owner.keep(to, fn ->
        result = Inspection.salvage(from, to, beyond?, progress)
        Inspection.end_progress()
        result
      end)

    case result do
      {:ok, report} ->
        Command.say(text(report, to))

      {:error, error} ->
        Command.say("nothing was salvaged: #{error.detail}")
        :failed
    end
  end

  defp salvage(_from, _without), do: Command.refuse(@usage)

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
      beyond(report),
      "  check the copy with mix formdb.verify #{to}, then move it into a data folder"
    ]
  end

  defp beyond(%{beyond: count}) when count > 0 do
    "  #{count} blocks after the damage can be read: salvage into another folder with --beyond " <>
      "to have them follow as new blocks, but for those that depend on what is lost\n"
  end

  defp beyond(%{appended: 0, left_out: [], missing: []}), do: []

  defp beyond(report) do
    [
      "  from after the damage, as new blocks: #{report.appended} in " <>
        "#{report.appended_transactions} transactions\n",
      listed(report.missing, fn {first, last} ->
        "  not readable: blocks #{first} to #{last}\n"
      end),
      listed(report.left_out, fn {seq, reason} -> "  left out: block #{seq}: #{reason}\n" end)
    ]
  end

  defp listed(list, line) do
    {first, rest} = Enum.split(list, @listed)
    more = if rest == [], do: [], else: "  and #{length(rest)} more\n"
    [Enum.map(first, line), more]
  end

  defp unproved(0), do: []

  defp unproved(count) do
    "  transactions at its end that lay in a damaged commit group: #{count}. Their blocks are " <>
      "whole, but that group's root vouches for them no more\n"
  end
end
