# 50,000 points, one a minute: entering, reading an hour, a day and a week, aggregating a
# week. First through FormdbHttp.TemporalIndex, which is in memory, then through a
# database on disk.
#
#   mix run bench/temporal_index_bench.exs
#
# The database is in a temporary folder, removed at the end. Every kind of answer that is
# timed is checked against the list of points, at many places.

Code.require_file("support/bench.exs", __DIR__)
Bench.start()

# In a module, because scripts are interpreted outside of one.
defmodule Bench.Temporal do
  alias Bench.{Measure, Report}
  alias FormdbHttp.TemporalIndex

  @points 50_000
  @minute 60_000_000
  @start 1_700_000_000_000_000
  @series "sensor"

  # Points in each.
  @spans [{"1 h", 60}, {"1 day", 1_440}, {"1 week", 10_000}]

  def run do
    points = for n <- 0..(@points - 1), do: {@start + n * @minute, value(n)}
    Report.open("temporal_index")
    IO.puts("#{@points} points, one a minute; an hour 60, a day 1,440, a week 10,000 points")
    in_memory(points)
    Bench.with_database(&durable(&1, points))
    Report.close()
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
    index = filled(packed)
    check(index, points)

    Report.section("FormdbHttp.TemporalIndex, one process",
      checked:
        "20 ranges of each length, as lists and packed, and their mean, maximum and median, against " <>
          "the list of points; the latest; the number after inserting"
    )

    Report.measure([
      {"insert, one by one", fn -> one_by_one(points) end, earlier: 91_000},
      {"insert, packed columns", fn -> at_once(packed) end,
       earlier: 91_000, published: 68_700, promised: 100_000, target: 3_000_000}
    ])

    range = fn width, as ->
      fn ->
        from = place(width)
        {:ok, _} = TemporalIndex.range(index, @series, from, from + width * @minute, as: as)
      end
    end

    aggregate = fn what, opts ->
      fn ->
        from = place(10_000)
        to = from + 10_000 * @minute
        {:ok, _} = TemporalIndex.aggregate(index, @series, what, from, to, opts)
      end
    end

    Report.time([
      {"1 h, list", range.(60, :points),
       earlier: 3_000, published: 1_600, promised: 10_000, note: "the earlier answer was wrong"},
      {"1 h, packed", range.(60, :columns), earlier: 3_000, target: 500_000},
      {"1 day, list", range.(1_440, :points), earlier: 250},
      {"1 day, packed", range.(1_440, :columns), earlier: 250, target: 50_000},
      {"1 week, list", range.(10_000, :points), earlier: 247},
      {"1 week, packed", range.(10_000, :columns), earlier: 247, target: 3_000},
      {"avg of 1 week", aggregate.(:avg, []), target: 200_000},
      {"max of 1 week", aggregate.(:max, []), []},
      {"median of 1 week", aggregate.(:median, []), []},
      {"avg by hour of 1 week", aggregate.(:avg, interval: "1h"), []},
      {"latest", fn -> {:ok, {_, _}} = TemporalIndex.latest(index, @series) end, []}
    ])
  end

  defp filled({timestamps, values}) do
    index = TemporalIndex.new()
    :ok = TemporalIndex.insert_many(index, @series, timestamps, values)
    index
  end

  defp one_by_one(points) do
    index = TemporalIndex.new()
    insert = fn {time, value} -> :ok = TemporalIndex.insert(index, @series, time, value) end
    rate = Measure.each(points, insert)
    check_count(index)
    rate
  end

  # The mean of many, since one takes half a millisecond. None stays for the next one's time.
  defp at_once(packed) do
    passes = Bench.scaled(200, 20)

    micros =
      for _ <- 1..passes do
        {micros, index} = Measure.time(fn -> filled(packed) end)
        check_count(index)
        micros
      end

    passes * @points * 1.0e6 / Enum.sum(micros)
  end

  defp check_count(index) do
    {:ok, count} = TemporalIndex.aggregate(index, @series, :count, @start, now())
    Measure.check!(count == @points, "all points are there")
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

  defp durable(name, points) do
    {timestamps, values} = columns(points)
    {:ok, _} = FormdbHttp.put_columns(name, @series, timestamps, values)

    for {_, width} <- @spans, _ <- 1..20 do
      from = place(width)
      to = from + width * @minute
      expected = Enum.filter(points, fn {t, _} -> t >= from and t < to end)
      {:ok, page} = FormdbHttp.range(name, @series, from, to, limit: 10_000)
      Measure.check!(page.points == expected and page.next == nil, "a range of the database")
    end

    Report.section("through a database, on disk before the answer",
      hits: Report.hits_of(name),
      checked:
        "20 ranges of each length against the list of points; figures of the database after writing"
    )

    packed = {timestamps, values}

    Report.measure([
      {"insert, 1 caller", fn -> written(1, Bench.span(1_000)) end, earlier: 91_000},
      {"insert, 64 callers", fn -> written(64, Bench.span(1_500)) end,
       earlier: 91_000, note: "the earlier one kept them in memory"},
      {"insert, packed columns", fn -> written_at_once(packed) end,
       earlier: 91_000, target: 1_000_000}
    ])

    range = fn width, as ->
      fn ->
        from = place(width)
        opts = [limit: width, as: as]
        {:ok, _} = FormdbHttp.range(name, @series, from, from + width * @minute, opts)
      end
    end

    Report.time([
      {"1 h, list", range.(60, :points), earlier: 3_000},
      {"1 h, JSON", range.(60, :json), earlier: 3_000},
      {"1 day, list", range.(1_440, :points), earlier: 250},
      {"1 day, JSON", range.(1_440, :json), earlier: 250},
      {"1 week, list", range.(10_000, :points), earlier: 247},
      {"1 week, JSON", range.(10_000, :json), earlier: 247}
    ])
  end

  defp written(callers, millis) do
    Bench.with_database(fn name ->
      rate =
        Measure.throughput(callers, millis, fn caller, n ->
          {:ok, _} = FormdbHttp.put_point(name, "caller-#{caller}", @start + n * @minute, n / 7)
        end)

      {:ok, info} = FormdbHttp.database(name)
      Measure.check!(info.points == info.seq and info.points > 0, "all that was written")
      rate
    end)
  end

  # The mean of some series, since one takes some milliseconds.
  defp written_at_once({timestamps, values}) do
    series = Bench.scaled(20, 4)

    Bench.with_database(fn name ->
      {micros, _} =
        Measure.time(fn ->
          for n <- 1..series,
              do: {:ok, _} = FormdbHttp.put_columns(name, "series-#{n}", timestamps, values)
        end)

      {:ok, %{points: points}} = FormdbHttp.database(name)
      Measure.check!(points == series * @points, "all points are there")
      points * 1.0e6 / micros
    end)
  end
end

Bench.Temporal.run()
