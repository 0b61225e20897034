for file <- ~w(comparison beside), do: Code.require_file("#{file}.exs", __DIR__)
for part <- ~w(growth interference), do: Code.require_file("../#{part}/tell.exs", __DIR__)

defmodule Bench.Summary do
  @moduledoc """
  SUMMARY.md of a folder of results: machine and versions, the comparison with the earlier
  system, every figure beside the earlier system's, the target, and the last run kept.
  """

  alias Bench.{Beside, Comparison, Figure, Results}
  alias Bench.Growth.Tell
  alias Bench.Interference

  @doc "The text, from results and those of an earlier run, or `nil`."
  def text(results, before) do
    [
      head(results, before),
      failures(results.run["benchmarks"] || []),
      promised(results),
      Beside.text(results),
      Enum.map(results.records, &record(&1, before && Results.figures(before))),
      for(record <- results.records, do: Tell.tables(record.curves, results.folder)),
      for(record <- results.records, do: Interference.Tell.text(record.companies)),
      targets(results),
      for(record <- results.records, do: Tell.above(record.curves)),
      changes(results, before)
    ]
  end

  defp head(%{run: run}, before) do
    machine = run["machine"]

    """
    # Benchmarks of #{run["started"]}

    #{if run["quick"], do: "A quick run: less work and shorter rounds, so its figures vary more.\n\n"}\
    - #{machine["processors"]} x #{machine["processor"]}, #{machine["memory"]} of memory, \
    load average #{machine["load"]} at the start
    - Linux #{machine["kernel"]}, data on #{machine["file_system"]}
    - FormDB HTTP #{machine["revision"]}; Elixir #{machine["elixir"]}, Erlang/OTP #{machine["otp"]}, \
    Rust #{machine["rust"]}; timed by #{run["timed_by"]}; k6 #{machine["k6"]}
    - #{run["rounds"]} rounds; #{run["seconds"]} s in all
    - last run kept: #{if before, do: "#{Path.basename(before.folder)}, #{before.run["machine"]["revision"]}", else: "none of its kind"}

    Figures are medians of the rounds, with the smallest and the greatest beside them. A ratio says
    how many times better than the earlier system, as it was measured again on such a machine. Where
    a row is called "kept", answers may come from the cache of results; no other row had any from
    there. bench/README.md says what each row measures.
    """
    |> Kernel.<>(busy(machine["load"]))
  end

  # Half a processor is what a build that has just ended still shows.
  defp busy(load) do
    case Float.parse(load || "") do
      {load, _} when load > 0.5 ->
        "\nThe machine was not idle when this began: these are not its best figures, and a row that " <>
          "seems worse may not be.\n"

      _ ->
        ""
    end
  end

  defp failures(benchmarks) do
    case for(%{"status" => status} = benchmark when status != 0 <- benchmarks, do: benchmark) do
      [] -> ["\nEvery answer that was checked was right", bounds(benchmarks), ".\n"]
      failed -> ["\n## What failed\n\n", Enum.map(failed, &failure/1)]
    end
  end

  defp bounds(benchmarks) do
    if Enum.any?(benchmarks, &(&1["name"] == "http_load")),
      do: ", and the load test kept its bounds (p95 < 500 ms, p99 < 1000 ms)",
      else: ""
  end

  defp failure(%{"name" => name, "status" => status}),
    do: "- **#{name}** ended with #{status}: #{name}.txt has the reason\n"

  # What was published of the earlier system, and what was aimed at when this one was planned.
  defp promised(results) do
    case for({_, figure} <- in_order(results), figure.published, do: figure) do
      [] -> ""
      figures -> ["\n## Beside the earlier system\n\n", promised_table(figures)]
    end
  end

  defp promised_table(figures) do
    table(
      ["figure", "published", "measured again", "target then", "target now", "now", "ratio"],
      for figure <- figures do
        text = &Figure.text(&1, figure.unit)

        [
          "#{figure.section}: #{figure.name}",
          text.(figure.published),
          text.(figure.earlier),
          text.(figure.promised),
          text.(figure.target),
          "**#{text.(Figure.value(figure))}**",
          Figure.factor(Figure.times(figure, figure.earlier))
        ]
      end
    )
  end

  defp in_order(results),
    do: for(record <- results.records, figure <- record.figures, do: {record.benchmark, figure})

  ## Every figure

  defp record(record, before) do
    sections = Enum.chunk_by(record.figures, & &1.section)
    unfinished = unless record.finished, do: "\nIt did not come to its end.\n"

    [
      "\n## #{record.benchmark}\n",
      unfinished || "",
      Enum.map(sections, &section(record, &1, before))
    ]
  end

  defp section(record, [first | _] = figures, before) do
    checked = if first.checked, do: "Checked: #{first.checked}.\n\n", else: ""

    header = [
      "figure",
      "median",
      "min to max",
      "earlier",
      "ratio",
      "target",
      "",
      "last run",
      "change",
      ""
    ]

    rows = Enum.map(figures, &row(record.benchmark, &1, before))
    ["\n### #{first.section}\n\n", checked, table(header, rows)]
  end

  defp row(benchmark, figure, before) do
    {min, median, max} = Figure.range(figure)
    text = &Figure.text(&1, figure.unit)
    last = before && before[{benchmark, figure.section, figure.name}]

    [
      figure.name,
      text.(median),
      if(length(figure.values) > 1, do: "#{text.(min)} to #{text.(max)}", else: "one round"),
      text.(figure.earlier),
      Figure.factor(Figure.times(figure, figure.earlier)),
      text.(figure.target),
      Figure.verdict_text(Figure.verdict(figure)),
      if(last, do: text.(Figure.value(last)), else: "-"),
      if(last, do: changed(last, figure), else: "-"),
      [Figure.hits_text(figure), figure.note] |> Enum.reject(&is_nil/1) |> Enum.join("; ")
    ]
  end

  defp changed(last, figure) do
    change = Comparison.change(last, figure)

    case Comparison.verdict(last, figure) do
      :same -> "#{change}, noise"
      :unknown -> change
      verdict -> "**#{change}, #{Comparison.word(verdict)}**"
    end
  end

  ## What of it is to be looked at

  defp targets(results) do
    judged =
      for {benchmark, figure} <- in_order(results),
          verdict = Figure.verdict(figure),
          do: {benchmark, figure, verdict}

    missed = for {_, _, {:missed, _}} = judged <- judged, do: judged

    [
      "\n## Targets\n\n#{length(judged) - length(missed)} of #{length(judged)} met.",
      if(missed == [], do: "\n", else: " Missed:\n\n"),
      for {benchmark, figure, verdict} <- missed do
        "- #{benchmark}, #{figure.section}: #{figure.name}: " <>
          "#{Figure.text(Figure.value(figure), figure.unit)}, target " <>
          "#{Figure.text(figure.target, figure.unit)} (#{Figure.verdict_text(verdict)})\n"
      end
    ]
  end

  defp changes(_results, nil), do: ""

  defp changes(results, before) do
    worse =
      for {benchmark, section, name, last, now, :worse} <- Comparison.rows(before, results),
          do:
            "- #{benchmark}, #{section}: #{name}: #{Comparison.change(last, now)}, from " <>
              "#{Figure.text(Figure.value(last), last.unit)} to #{Figure.text(Figure.value(now), now.unit)}\n"

    case worse do
      [] -> "\n## Since the last run\n\nNo row is worse beyond noise.\n"
      worse -> ["\n## Since the last run\n\nWorse beyond noise:\n\n", worse]
    end
  end

  defp table(header, rows) do
    line = fn cells -> ["| ", Enum.map_join(cells, " | ", &cell/1), " |\n"] end
    [line.(header), ["|", List.duplicate("---|", length(header)), "\n"], Enum.map(rows, line)]
  end

  defp cell(nil), do: ""
  defp cell(text), do: String.replace(text, "|", "\\|")
end
