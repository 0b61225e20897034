defmodule FormdbHttp.AnalyticsTest do
  # Aggregates, summaries, and ranges of several series.
  use ExUnit.Case

  alias FormdbHttp.JSON
  alias FormdbHttp.Error

  @minute 60_000_000

  setup do
    name = "analytics_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, db: name}
  end

  defp refusal({:error, %Error{code: code, detail: detail, pointer: pointer}}) do
    assert detail != ""
    {code, pointer}
  end

  # A value a minute from 1970-01-01T00:00Z.
  defp write(db, series, values) do
    timestamps = for {_value, n} <- Enum.with_index(values), do: n * @minute
    {:ok, ack} = FormdbHttp.put_columns(db, series, timestamps, values)
    ack
  end

  defp data({:ok, %{data: data}}), do: data

  test "every aggregation gives what a plain computation does", %{db: db} do
    values = [4.0, 1.5, 9.0, 2.5, 3.0]
    write(db, "t", values)
    mean = Enum.sum(values) / 5
    squares = values |> Enum.map(&((&1 - mean) * (&1 - mean))) |> Enum.sum()

    for {aggregation, expected} <- [
          count: 5.0,
          sum: 20.0,
          avg: 4.0,
          min: 1.5,
          max: 9.0,
          first: 4.0,
          last: 3.0,
          median: 3.0,
          p0: 1.5,
          p25: 2.5,
          p100: 9.0,
          delta: -1.0,
          # Begun anew twice: 1.5 and 7.5 more, then 2.5 and 0.5.
          rate: 12.0 / 240,
          stddev: :math.sqrt(squares / 4)
        ] do
      assert [{0, value}] = data(FormdbHttp.aggregate(db, "t", aggregation))
      assert_in_delta value, expected, 1.0e-12, "#{aggregation}"
    end

    assert data(FormdbHttp.aggregate(db, "t", "p50")) == [{0, 3.0}]
  end

  test "in buckets, of a range, from both ends", %{db: db} do
    write(db, "t", Enum.map(0..9, &(&1 / 1)))
    opts = [start: 2 * @minute, end: 9 * @minute, interval: "5m"]
    expected = [{0, 9.0}, {5 * @minute, 26.0}]
    assert data(FormdbHttp.aggregate(db, "t", :sum, opts)) == expected
    descending = FormdbHttp.aggregate(db, "t", :sum, [order: :desc] ++ opts)
    assert data(descending) == Enum.reverse(expected)

    # Buckets counted from minute 2.
    shifted = FormdbHttp.aggregate(db, "t", :sum, [origin: "1970-01-01T00:02:00Z"] ++ opts)
    assert data(shifted) == [{2 * @minute, 20.0}, {7 * @minute, 15.0}]
  end

  test "fills buckets without a value as it is asked", %{db: db} do
    {:ok, _} = FormdbHttp.put_columns(db, "t", [0, 3 * @minute], [1.0, 4.0])

    for {fill, expected} <- [
          none: [{0, 1.0}, {3, 4.0}],
          null: [{0, 1.0}, {1, nil}, {2, nil}, {3, 4.0}],
          previous: [{0, 1.0}, {1, 1.0}, {2, 1.0}, {3, 4.0}],
          linear: [{0, 1.0}, {1, 2.0}, {2, 3.0}, {3, 4.0}]
        ] do
      answer = FormdbHttp.aggregate(db, "t", :avg, interval: "1m", fill: fill)
      assert for({time, value} <- data(answer), do: {div(time, @minute), value}) == expected
    end
  end

  test "days follow the clock of a time zone", %{db: db} do
    # In Berlin 2026-03-29 has 23 hours: from 23:00 to 22:00 UTC.
    start = DateTime.to_unix(~U[2026-03-28 23:00:00Z], :microsecond)
    hours = for n <- 0..23, do: start + n * 60 * @minute
    {:ok, _} = FormdbHttp.put_columns(db, "t", hours, List.duplicate(1.0, 24))
    answer = FormdbHttp.aggregate(db, "t", :count, interval: "1d", tz: "Europe/Berlin")
    assert data(answer) == [{start, 23.0}, {start + 23 * 60 * @minute, 1.0}]
  end

  test "of all series with a prefix, as lists and as JSON", %{db: db} do
    write(db, "a/1", [1.0, 2.0])
    write(db, "a/2", [5.0])
    write(db, "b", [7.0])

    assert data(FormdbHttp.aggregate(db, {:prefix, "a/"}, :sum)) == [
             {"a/1", [{0, 3.0}]},
             {"a/2", [{0, 5.0}]}
           ]

    assert data(FormdbHttp.aggregate(db, {:prefix, "c"}, :sum)) == []
    json = data(FormdbHttp.aggregate(db, {:prefix, "a/2"}, :count, as: :json))

    assert JSON.decode!(json) == [
             %{
               "series_id" => "a/2",
               "data" => [%{"timestamp" => "1970-01-01T00:00:00.000000Z", "value" => 1}]
             }
           ]

    assert {:ok, %{series: [%{series_id: "a/1", points: 2}, %{series_id: "a/2"}], next: nil}} =
             FormdbHttp.series(db, prefix: "a/")

    {:ok, %{series: [%{series_id: "a/1"}], seq: seq, next: next}} =
      FormdbHttp.series(db, prefix: "a/", limit: 1)

    assert {:ok, %{series: [%{series_id: "a/2"}], seq: ^seq, next: nil}} =
             FormdbHttp.series(db, prefix: "a/", limit: 1, cursor: next)

    assert {:invalid_cursor, _} = refusal(FormdbHttp.series(db, prefix: "a", cursor: next))
  end

  test "of a long series, beyond what a normal scheduler answers", %{db: db} do
    count = 200_000
    timestamps = for n <- 1..count, into: <<>>, do: <<n::little-signed-64>>
    values = for n <- 1..count, into: <<>>, do: <<n / 1::little-float-64>>
    {:ok, _} = FormdbHttp.put_columns(db, "t", timestamps, values)
    assert data(FormdbHttp.aggregate(db, "t", :median)) == [{1, (count + 1) / 2}]
    buckets = data(FormdbHttp.aggregate(db, "t", :max, interval: "1ms"))
    assert length(buckets) == 201
    assert Enum.take(buckets, 2) == [{0, 999.0}, {1000, 1999.0}]
    assert {:ok, %{count: ^count, avg: 100_000.5}} = FormdbHttp.summary(db, "t")
  end

  test "aggregates and summaries see the past", %{db: db} do
    write(db, "t", [1.0, 2.0])
    {:ok, _} = FormdbHttp.put_point(db, "t", 5 * @minute, 9.0)
    {:ok, _} = FormdbHttp.delete_points(db, "t", 0, @minute)

    for {as_of, sum} <- [{1, 3.0}, {2, 12.0}, {3, 11.0}, {nil, 11.0}] do
      assert [{_, ^sum}] = data(FormdbHttp.aggregate(db, "t", :sum, as_of: as_of))
      assert {:ok, %{sum: ^sum, seq: seq}} = FormdbHttp.summary(db, "t", as_of: as_of)
      assert seq == as_of || seq == 3
    end
  end

  test "a summary has the figures of a series", %{db: db} do
    write(db, "t", [2.0, 4.0])

    assert FormdbHttp.summary(db, "t") ==
             {:ok,
              %{
                seq: 1,
                count: 2,
                first: {0, 2.0},
                last: {@minute, 4.0},
                min: 2.0,
                max: 4.0,
                avg: 3.0,
                sum: 6.0,
                stddev: :math.sqrt(2)
              }}

    write(db, "one", [2.0])
    assert {:ok, %{stddev: nil}} = FormdbHttp.summary(db, "one")
    assert {:series_not_found, _} = refusal(FormdbHttp.summary(db, "none"))
  end

  test "ranges of several series are paged over all of them", %{db: db} do
    for n <- 1..3, do: write(db, "a#{n}", for(m <- 0..4, do: n * 10.0 + m))
    write(db, "b", [1.0])
    expected = for n <- 1..3, m <- 1..3, do: {"a#{n}", {m * @minute, n * 10.0 + m}}

    read = fn read, cursor ->
      {:ok, page} = FormdbHttp.range_many(db, "a", @minute, 4 * @minute, limit: 2, cursor: cursor)

      points = for {id, points} <- page.series, point <- points, do: {id, point}
      assert page.seq == 4
      # Does not show on later pages.
      {:ok, _} = FormdbHttp.put_point(db, "a3", @minute, 0.0)
      if page.next, do: [points | read.(read, page.next)], else: [points]
    end

    pages = read.(read, nil)
    assert Enum.map(pages, &length/1) == [2, 2, 2, 2, 1]
    assert List.flatten(pages) == expected

    {:ok, %{series: [{"a3", points}]}} =
      FormdbHttp.range_many(db, "a3", 0, 5 * @minute, order: :desc, as_of: 4)

    assert Enum.map(points, &elem(&1, 1)) == [34.0, 33.0, 32.0, 31.0, 30.0]
    assert {:ok, %{series: [], next: nil}} = FormdbHttp.range_many(db, "x", 0, 1)
    assert {:invalid_time_range, _} = refusal(FormdbHttp.range_many(db, "a", 1, 0))
    assert {:invalid_cursor, _} = refusal(FormdbHttp.range_many(db, "a", 0, 1, cursor: "x"))
  end

  test "what cannot be computed is refused, and says where", %{db: db} do
    write(db, "t", [1.0, 2.0])

    for {aggregation, opts, refusal} <- [
          {"mean", [], {:invalid_parameter, "/aggregation"}},
          {"p101", [], {:invalid_parameter, "/aggregation"}},
          {:avg, [interval: "5"], {:invalid_parameter, "/interval"}},
          {:avg, [interval: "0s"], {:invalid_parameter, "/interval"}},
          {:avg, [fill: "zero"], {:invalid_parameter, "/fill"}},
          {:avg, [tz: "Mars/Olympus"], {:invalid_parameter, "/tz"}},
          {:avg, [start: "yesterday"], {:invalid_timestamp, "/start"}},
          {:avg, [start: 2, end: 1], {:invalid_time_range, "/start"}},
          {:avg, [interval: "1ms", fill: :null, start: 0, end: 1_000_000_000], {:too_large, nil}}
        ] do
      answer = FormdbHttp.aggregate(db, "t", aggregation, opts)
      assert {aggregation, opts, refusal(answer)} == {aggregation, opts, refusal}
    end

    assert {:series_not_found, _} = refusal(FormdbHttp.aggregate(db, "none", :avg))
    assert {:invalid_parameter, _} = refusal(FormdbHttp.aggregate(db, "t", :avg, as_of: 2))
    assert_raise ArgumentError, fn -> FormdbHttp.aggregate(db, "t", :avg, order: :up) end
    assert_raise ArgumentError, fn -> FormdbHttp.aggregate(db, "t", :avg, as: :csv) end
  end

  test "only points with such values count", %{db: db} do
    values = for n <- 0..2_999, do: rem(n * 7, 100) / 1
    write(db, "t", values)
    write(db, "u", [200.0])
    high = for {v, n} <- Enum.with_index(values), v > 90, v <= 95, do: {n * @minute, v}
    conditions = ["gt:90", "lte:95"]
    {:ok, page} = FormdbHttp.range(db, "t", 0, 3_000 * @minute, value: conditions, limit: 100)
    assert page.points == Enum.take(high, 100)
    opts = [value: conditions, limit: 100_000, cursor: page.next]
    {:ok, rest} = FormdbHttp.range(db, "t", 0, 3_000 * @minute, opts)
    assert {rest.points, rest.next} == {Enum.drop(high, 100), nil}
    opts = [value: "gt:90", limit: 100_000, cursor: page.next]

    assert refusal(FormdbHttp.range(db, "t", 0, 3_000 * @minute, opts)) ==
             {:invalid_cursor, "/cursor"}

    {:ok, many} = FormdbHttp.range_many(db, "", 0, 3_000 * @minute, value: "gt:98")
    assert [{"t", points}, {"u", [{0, 200.0}]}] = many.series
    assert Enum.all?(points, &(elem(&1, 1) == 99.0)) and length(points) == 30

    hours = FormdbHttp.aggregate(db, "t", :count, interval: "1h", value: conditions)

    assert data(hours) ==
             high
             |> Enum.frequencies_by(&div(elem(&1, 0), 60 * @minute))
             |> Enum.sort()
             |> Enum.map(fn {hour, count} -> {hour * 60 * @minute, count / 1} end)

    # Each question has an answer of its own, kept or not.
    assert data(FormdbHttp.aggregate(db, "t", :count)) == [{0, 3_000.0}]
    assert data(FormdbHttp.aggregate(db, "t", :count, value: "gt:500", start: 0)) == [{0, 0.0}]
    assert data(FormdbHttp.aggregate(db, "t", :max, value: "lt:50")) == [{0, 49.0}]

    for wrong <- ["ge:5", "five", ["gt:1", "lt:"], List.duplicate("gt:1", 65)],
        question <- [
          FormdbHttp.range(db, "t", 0, 1, value: wrong),
          FormdbHttp.range_many(db, "t", 0, 1, value: wrong),
          FormdbHttp.aggregate(db, "t", :avg, value: wrong)
        ],
        do: assert(refusal(question) == {:invalid_parameter, "/value"})
  end

  test "a transaction's own points are held to conditions too", %{db: db} do
    write(db, "t", [1.0, 5.0, 3.0, 7.0])
    {:ok, txn} = FormdbHttp.begin(db)
    delete = {:delete_points, "t", 0, @minute}
    points = %{series_id: "t", timestamps: [1, 2 * @minute, 9 * @minute], values: [9, 2, 6]}
    {:ok, _} = FormdbHttp.apply(txn, [delete, {:put_points, points}])
    ask = fn opts -> FormdbHttp.range(db, "t", 0, 10 * @minute, [transaction: txn] ++ opts) end
    expected = [{1, 9.0}, {@minute, 5.0}, {3 * @minute, 7.0}, {9 * @minute, 6.0}]
    assert {:ok, %{points: ^expected}} = ask.(value: "gt:3")
    assert {:ok, %{points: first, next: next}} = ask.(value: "gt:3", limit: 2, order: :desc)
    assert {:ok, %{points: rest}} = ask.(value: "gt:3", limit: 2, order: :desc, cursor: next)
    assert first ++ rest == Enum.reverse(expected)
    :ok = FormdbHttp.abort(txn)
  end

  test "several aggregations, windows, groups and coverage", %{db: db} do
    # A value each half hour of two days, the second hour of each day left out.
    times = for n <- 0..95, rem(n, 48) not in [2, 3], do: n
    columns = Enum.map(times, &(&1 * 30 * @minute))
    {:ok, _} = FormdbHttp.put_columns(db, "t", columns, Enum.map(times, &(&1 / 1)))
    day = 24 * 60 * @minute
    ask = fn aggregation, opts -> data(FormdbHttp.aggregate(db, "t", aggregation, opts)) end

    assert ask.([:count, :min, "p100"], interval: "1d") ==
             [{0, [46.0, 0.0, 47.0]}, {day, [46.0, 48.0, 95.0]}]

    assert ask.(:sum, interval: "1d", window: "2d") ==
             [{0, Enum.sum(for n <- times, n < 48, do: n / 1)}, {day, Enum.sum(times) / 1}]

    hours = ask.("avg,count", interval: "1h", window: "2h", start: 2 * 60 * @minute)
    assert Enum.take(hours, 2) == [{120 * @minute, [4.5, 2.0]}, {180 * @minute, [5.5, 4.0]}]

    by_hour = ask.(:count, group_by: :hour_of_day)
    assert by_hour == for(n <- 0..23, do: {n, if(n == 1, do: 0.0, else: 4.0)})
    week = ask.([:count, :max], group_by: "day_of_week", tz: "UTC")
    assert Enum.slice(week, 3, 2) == [{4, [46.0, 47.0]}, {5, [46.0, 95.0]}]
    assert [{1, 92.0} | _empty] = ask.(:count, group_by: :month)

    assert ask.(:coverage, expected: "1h", interval: "1d") == [{0, 23 / 24}, {day, 23 / 24}]
    opts = [expected: "30m", interval: "1d", end: 3 * day, fill: :null]
    assert [{0, first}, {^day, _second}, {_third, last}] = ask.(:coverage, opts)
    assert {first, last} == {46 / 48, 0.0}

    for {aggregation, opts, pointer} <- [
          {:avg, [window: "1h"], "/window"},
          {:avg, [interval: "1h", window: "1mo"], "/window"},
          {:avg, [interval: "1h", window: "8h", fill: :linear], "/fill"},
          {:avg, [interval: "1h", window: "x"], "/window"},
          {:avg, [group_by: :month, interval: "1d"], "/interval"},
          {:rate, [group_by: :month], "/aggregation"},
          {:avg, [group_by: "year"], "/group_by"},
          {:coverage, [], "/expected"},
          {:avg, [expected: "1h"], "/expected"},
          {[:avg, :avg], [], "/aggregation"},
          {Enum.map(1..17, &"p#{&1}"), [], "/aggregation"}
        ] do
      answer = FormdbHttp.aggregate(db, "t", aggregation, opts)
      assert refusal(answer) == {:invalid_parameter, pointer}, inspect({aggregation, opts})
    end
  end

  test "latest and summary of all series whose ids begin alike", %{db: db} do
    point = %{
      series_id: "a/1",
      timestamp: 5,
      value: 1.5,
      metadata: %{unit: "C"},
      provenance: %{source: "x"}
    }

    {:ok, _} = FormdbHttp.write_points(db, point)
    write(db, "a/2", [1.0, 2.0, 6.0])
    write(db, "a/3", [7.0])
    write(db, "b", [9.0])
    {:ok, first} = FormdbHttp.latest_many(db, "a/", limit: 2)
    assert [%{series_id: "a/1"} = one, %{series_id: "a/2", value: 6.0}] = first.series
    {:ok, alone} = FormdbHttp.latest(db, "a/1")
    assert Map.delete(one, :series_id) == Map.delete(alone, :as_of)
    # Pages are of one state, whatever is written between them.
    write(db, "a/2a", [0.0])
    write(db, "a/3", [8.0, 8.5])
    {:ok, second} = FormdbHttp.latest_many(db, "a/", limit: 2, cursor: first.next)

    assert {[%{series_id: "a/3", value: 7.0}], nil, seq} =
             {second.series, second.next, second.seq}

    assert seq == first.seq

    assert refusal(FormdbHttp.latest_many(db, "a", cursor: first.next)) ==
             {:invalid_cursor, "/cursor"}

    assert refusal(FormdbHttp.summary_many(db, "a/", cursor: first.next)) ==
             {:invalid_cursor, "/cursor"}

    {:ok, %{series: json}} = FormdbHttp.latest_many(db, "", as: :json, as_of: seq)

    assert [%{"metadata" => %{"unit" => "C"}, "provenance" => %{"source" => "x"}} | rest] =
             JSON.decode!(json)

    assert Enum.map(rest, & &1["series_id"]) == ["a/2", "a/3", "b"]

    {:ok, %{series: all}} = FormdbHttp.summary_many(db, "a/", as_of: seq, start: 5, value: "gt:1")

    assert [{"a/1", 1, 1.5}, {"a/2", 2, 8.0}, {"a/3", 0, nil}] =
             for(s <- all, do: {s.series_id, s.count, s.sum})

    {:ok, part} = FormdbHttp.summary(db, "a/2", end: 2 * @minute)
    assert {part.count, part.first, part.max, part.avg} == {2, {0, 1.0}, 2.0, 1.5}
    {:ok, none} = FormdbHttp.summary(db, "a/2", value: "gt:100")
    assert {none.count, none.first, none.min, none.sum} == {0, nil, nil, nil}

    assert refusal(FormdbHttp.summary(db, "a/2", start: 2, end: 1)) ==
             {:invalid_time_range, "/start"}

    assert refusal(FormdbHttp.summary(db, "none", value: "gt:1")) == {:series_not_found, nil}
  end
end
