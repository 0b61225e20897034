defmodule Bench.Report do
  @moduledoc """
  Takes the figures of one benchmark, prints them, and keeps them as JSON in the file that
  `BENCH_JSON` names.

      Report.open("spatial_index")
      Report.section("in memory", checked: "500 boxes against a walk over all features")
      Report.time([{"box of 38", fn -> box.() end, earlier: 502, target: 300_000}])
      Report.measure([{"insert", fn -> inserts_a_second() end, earlier: 872}])
      Report.figure("bytes a point", [4.26], unit: "bytes", better: :lower, target: 8)
      Report.close()

  Rows are `{name, function, members}` with the members of `Bench.Figure`. Those that are
  given together are measured in rounds: all of them once, then all of them again, so that
  a slow moment of the machine does not fall on one of them alone.

  Where a section names the hits of a result cache, those during each row are counted, and
  a row that is not `kept: true` must have none.

  All calls come from one process, in whose dictionary the report stands.
  """

  alias Bench.{Figure, Measure}

  @doc "Begins the report of a benchmark, which is called as its results are."
  def open(benchmark) do
    Process.put(__MODULE__, %{
      benchmark: benchmark,
      started: DateTime.utc_now(),
      section: nil,
      members: [],
      hits: nil,
      figures: []
    })

    write(false)
  end

  @doc """
  Begins a table. Options: `:checked`, for all its figures; `:hits`, a function that returns
  how often the cache of results has answered so far, as `hits_of/1` makes one.
  """
  def section(title, opts \\ []) do
    {hits, members} = Keyword.pop(opts, :hits)
    update(&%{&1 | section: title, members: members, hits: hits})
    IO.puts("\n#{title}")
    if checked = members[:checked], do: IO.puts("checked: #{checked}")
    IO.puts(["\n", Figure.header()])
  end

  @doc "Counts the answers that a database has given from its cache of results."
  def hits_of(database) do
    fn ->
      {:ok, %{query_cache: %{hits: hits}}} = FormdbHttp.database(database)
      hits
    end
  end

  @doc "Rows whose functions return the value of one round. Returns the values by name."
  def measure(rows) do
    {hits, count} = hit_counters(rows)

    rounds =
      for _ <- 1..Bench.rounds() do
        for {{_name, fun, _members}, place} <- Enum.with_index(rows, 1) do
          count.(place, -1)
          value = fun.()
          count.(place, 1)
          value
        end
      end

    rows(rows, Enum.zip_with(rounds, & &1), hits)
  end

  @doc """
  Rows whose functions are called again and again, by `Bench.run/2`. Options: `:parallel`,
  and `:millis` (700), for each row in each round. The table of the last round is printed,
  which tells how single calls are distributed. Returns the values by name.
  """
  def time(rows, opts \\ []) do
    {hits, count} = hit_counters(rows)

    jobs =
      for {{name, fun, _members}, place} <- Enum.with_index(rows, 1), into: %{} do
        counted = fn by ->
          fn input ->
            count.(place, by)
            input
          end
        end

        {name, {fun, before_scenario: counted.(-1), after_scenario: counted.(1)}}
      end

    settings = [
      time: Bench.span(Keyword.get(opts, :millis, 700)) / 1_000,
      warmup: Bench.span(250) / 1_000,
      parallel: Keyword.get(opts, :parallel, 1),
      print: [benchmarking: false, configuration: false, fast_warning: false]
    ]

    rounds =
      for round <- 1..Bench.rounds() do
        silent = if round < Bench.rounds(), do: [formatters: []], else: []
        rates = Bench.rates(Bench.run(jobs, settings ++ silent))
        Enum.map(rows, fn {name, _fun, _members} -> Map.fetch!(rates, name) end)
      end

    IO.puts(["\n", Figure.header()])
    rows(rows, Enum.zip_with(rounds, & &1), hits)
  end

  # Counters of the hits of each row, and a function that takes the hits so far from one or
  # adds them to it. Rows are timed in other processes, too.
  defp hit_counters(rows) do
    case current().hits do
      nil ->
        {nil, fn _place, _by -> :ok end}

      hits ->
        counters = :counters.new(length(rows), [])
        {counters, fn place, by -> :counters.add(counters, place, by * hits.()) end}
    end
  end

  defp rows(rows, values, hits) do
    for {{{name, _fun, members}, values}, place} <- Enum.with_index(Enum.zip(rows, values), 1),
        into: %{} do
      figure(name, values, [{:hits, hits && :counters.get(hits, place)} | members])
      {name, values}
    end
  end

  @doc "One figure, with the value of each round. Raises if it had hits that it may not have."
  def figure(name, values, members \\ []) do
    %{section: section, members: shared} = current()

    figure = struct!(Figure, [section: section, name: name, values: values] ++ shared ++ members)

    IO.puts(Figure.line(figure))
    update(&%{&1 | figures: [figure | &1.figures]})
    write(false)

    Measure.check!(
      figure.kept or figure.hits in [nil, 0],
      "#{section}, #{name}: #{figure.hits} answers came from the cache of results, " <>
        "in a row that is to work them out"
    )
  end

  @doc "Ends the report: the benchmark came to its end, and all that it checked was right."
  def close, do: write(true)

  defp current, do: Process.get(__MODULE__)
  defp update(fun), do: Process.put(__MODULE__, fun.(current()))

  # Written again with every figure, so that a benchmark that fails leaves what it had.
  defp write(finished) do
    if path = System.get_env("BENCH_JSON") do
      File.write!(path, [FormdbHttp.JSON.encode(to_json(current(), finished)), "\n"])
    end

    :ok
  end

  defp to_json(report, finished) do
    [
      benchmark: report.benchmark,
      started: DateTime.to_iso8601(report.started),
      finished: finished,
      quick: Bench.quick?(),
      rounds: Bench.rounds(),
      timed_by: if(Code.ensure_loaded?(Benchee), do: "Benchee", else: "Bench.StandIn"),
      figures: report.figures |> Enum.reverse() |> Enum.map(&Figure.to_json/1)
    ]
  end
end
