# 50,000 points, one a minute: entering, reading an hour, a day and a week, aggregating a
# week. First through FormdbHttp.TemporalIndex, which is in memory, then through a
# database on disk.
#
#   MIX_ENV=prod mix run bench/temporal_index_bench.exs
#
# The database is in a temporary folder, removed at the end. Every kind of answer that is
# timed is checked against the list of points, at many places.

for file <- ~w(measure benchmark comparison),
    do: Code.require_file("support/#{file}.exs", __DIR__)

Logger.configure(level: :warning)

# In a module, because scripts are interpreted outside of one.
defmodule Bench.Temporal do
  alias Bench.{Benchmark, Comparison, Measure}
  alias FormdbHttp.TemporalIndex

  @points 50_000
  @minute 60_000_000
  @start 1_700_000_000_000_000
  @passes 20
  @series "sensor"

  # Points in each.
  @spans [{"1 h", 60}, {"1 day", 1_440}, {"1 week", 10_000}]

  def run do
    points = for n <- 0..(@points - 1), do: {@start + n * @minute, value(n)}
    IO.puts("#{@points} points, one a minute; an hour 60, a day 1,440, a week 10,000 points\n")
    in_memory(points)
    durable(points)
  end

  # In hundredths, around a slow wave.
  defp value(n), do: Float.round(20 + 5 * :math.sin(n / 500) + rem(n * 7919, 100) / 100, 2)

  defp columns(points) do
    {for({t, _} <- points, into: <<>>, do: <<t::little-signed-64>>),
     for({_, v} <- points, into: <<>>, do: <<v::little-float-64>>)}
  end

  ## In memory

  defp in_memory(points) do
    packed = columns(points)
    {one_by_one, at_once} = Enum.unzip(for _ <- 1..@passes, do: pass(points, packed))
    index = fill(packed)
    check(index, points)

    ranges =
      for {span, width} <- @spans, as <- [:points, :columns], into: %{} do
        range = fn ->
          from = place(width)
          {:ok, _} = TemporalIndex.range(index, @series, from, from + width * @minute, as: as)
        end

        {"#{span}, #{as}", range}
      end

    week = 10_000 * @minute

    aggregates =
      for what <- [:avg, :max, :median], into: %{} do
        aggregate = fn ->
          from = place(10_000)
          {:ok, _} = TemporalIndex.aggregate(index, @series, what, from, from + week)
        end

        {"#{what} of 1 week", aggregate}
      end

    hourly = fn ->
      from = place(10_000)

      {:ok, [_ | _]} =
        TemporalIndex.aggregate(index, @series, :avg, from, from + week, interval: "1h")
    end

    latest = fn -> {:ok, {_, _}} = TemporalIndex.latest(index, @series) end
    jobs = Map.merge(ranges, aggregates)
    jobs = Map.merge(jobs, %{"avg by hour of 1 week" => hourly, "latest" => latest})
    rates = Comparison.rates(Benchmark.run(jobs))

    IO.puts("\nFormdbHttp.TemporalIndex, one process\n")
    Comparison.header()

    for {what, rate, opts} <- [
          {"insert, one by one", Comparison.rates_of(Enum.concat(one_by_one)), earlier: 91_000},
          {"insert, packed columns", Comparison.rates_of(at_once),
           earlier: 91_000, target: 3_000_000},
          {"1 h, list", rates["1 h, points"],
           earlier: 3_000, note: "the earlier answer was wrong"},
          {"1 h, packed", rates["1 h, columns"], earlier: 3_000, target: 500_000},
          {"1 day, list", rates["1 day, points"], earlier: 250},
          {"1 day, packed", rates["1 day, columns"], earlier: 250, target: 50_000},
          {"1 week, list", rates["1 week, points"], earlier: 247},
          {"1 week, packed", rates["1 week, columns"], earlier: 247, target: 3_000},
          {"avg of 1 week", rates["avg of 1 week"], target: 200_000},
          {"max of 1 week", rates["max of 1 week"], []},
          {"median of 1 week", rates["median of 1 week"], []},
          {"avg by hour of 1 week", rates["avg by hour of 1 week"], []},
          {"latest", rates["latest"], []}
        ],
        do: Comparison.line(what, rate, opts)
  end

  defp fill({timestamps, values}) do
    index = TemporalIndex.new()
    :ok = TemporalIndex.insert_many(index, @series, timestamps, values)
    index
  end

  defp pass(points, packed) do
    index = TemporalIndex.new()
    insert = fn {time, value} -> :ok = TemporalIndex.insert(index, @series, time, value) end
    one_by_one = Comparison.slices(points, insert)
    {:ok, count} = TemporalIndex.aggregate(index, @series, :count, @start, now())
    Measure.check!(count == @points, "all points are there")
    {micros, _} = Measure.time(fn -> fill(packed) end)
    {one_by_one, micros * 1_000 / @points}
  end

  defp now, do: @start + @points * @minute

  defp place(width) do
    n = Process.get(:next, 0)
    Process.put(:next, n + 1)
    @start + rem(n * 7919, @points - width) * @minute
  end

  defp check(index, points) do
    for {_, width} <- @spans, _ <- 1..20 do
      from = place(width)
      to = from + width * @minute
      expected = Enum.filter(points, fn {t, _} -> t >= from and t < to end)
      Measure.check!(length(expected) == width, "a full range")
      Measure.check!(TemporalIndex.range(index, @series, from, to) == {:ok, expected}, "a range")

      packed = TemporalIndex.range(index, @series, from, to, as: :columns)
      Measure.check!(packed == {:ok, columns(expected)}, "a packed range")

      values = Enum.map(expected, &elem(&1, 1))
      {:ok, average} = TemporalIndex.aggregate(index, @series, :avg, from, to)
      Measure.check!(abs(average - Enum.sum(values) / width) < 1.0e-9, "an average")
      {:ok, greatest} = TemporalIndex.aggregate(index, @series, :max, from, to)
      Measure.check!(greatest == Enum.max(values), "a maximum")
      {:ok, median} = TemporalIndex.aggregate(index, @series, :median, from, to)
      sorted = Enum.sort(values)
      middle = (Enum.at(sorted, div(width, 2) - 1) + Enum.at(sorted, div(width, 2))) / 2
      Measure.check!(abs(median - middle) < 1.0e-9, "a median")
    end

    Measure.check!(TemporalIndex.latest(index, @series) == {:ok, List.last(points)}, "the latest")
  end

  ## On disk

  defp durable(points) do
    name = "temporal-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    IO.puts("\nthrough a database, on disk before the answer\n")

    single = Measure.throughput(1, 1_000, &put(name, "one", &1, &2))
    many = Measure.throughput(64, 1_500, &put(name, "many", &1, &2))
    {timestamps, values} = columns(points)

    {bulk, {:ok, _}} =
      Measure.time(fn -> FormdbHttp.put_columns(name, @series, timestamps, values) end)

    for {_, width} <- @spans, _ <- 1..20 do
      from = place(width)
      to = from + width * @minute
      expected = Enum.filter(points, fn {t, _} -> t >= from and t < to end)
      {:ok, page} = FormdbHttp.range(name, @series, from, to, limit: 10_000)
      Measure.check!(page.points == expected and page.next == nil, "a range of the database")
    end

    jobs =
      for {span, width} <- @spans, as <- [:points, :json], into: %{} do
        range = fn ->
          from = place(width)
          opts = [limit: width, as: as]
          {:ok, _} = FormdbHttp.range(name, @series, from, from + width * @minute, opts)
        end

        {"#{span}, #{as}", range}
      end

    rates = Comparison.rates(Benchmark.run(jobs))
    IO.puts("")
    Comparison.header()

    for {what, rate, opts} <- [
          {"insert, 1 caller", single, earlier: 91_000},
          {"insert, 64 callers", many,
           earlier: 91_000, note: "the earlier one kept them in memory"},
          {"insert, packed columns", @points * 1.0e6 / bulk, earlier: 91_000, target: 1_000_000},
          {"1 h, list", rates["1 h, points"], earlier: 3_000},
          {"1 h, JSON", rates["1 h, json"], earlier: 3_000},
          {"1 day, list", rates["1 day, points"], earlier: 250},
          {"1 day, JSON", rates["1 day, json"], earlier: 250},
          {"1 week, list", rates["1 week, points"], earlier: 247},
          {"1 week, JSON", rates["1 week, json"], earlier: 247}
        ],
        do: Comparison.line(what, rate, opts)

    :ok = FormdbHttp.purge(name)
  end

  defp put(name, what, caller, n),
    do: {:ok, _} = FormdbHttp.put_point(name, "#{what}-#{caller}", @start + n * @minute, n / 7)
end

Bench.Temporal.run()
