for file <- ~w(asking journal_questions write_questions),
    do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Points do
  @moduledoc """
  A world of many points in four series: three tenths in each of three that are written in order,
  in turn, a second apart, and a tenth in one that is written in an order that jumps about. The value
  of a point is the number of its second, modulo 1,000.
  """

  alias Bench.Growth.{JournalQuestions, Question, WriteQuestions}
  alias Bench.Measure

  @start 1_700_000_000_000_000
  @second 1_000_000
  @a_call 10_000
  @jumbled "t/jumbled"

  def world(size) do
    jumbled = div(size, 10)
    step = Enum.find(round(jumbled * 0.618)..jumbled, &(Integer.gcd(&1, jumbled) == 1))
    %{size: size, each: 3 * jumbled, jumbled: jumbled, step: step}
  end

  defp id(n), do: "t/#{rem(n, 3)}"
  defp time(second), do: @start + second * @second

  ## Loading

  @doc "Writes it all, columns of 10,000 points at a time. Returns the microseconds of each call."
  def load(name, world) do
    values = for i <- 0..(@a_call - 1), into: <<>>, do: <<rem(i, 1_000)::little-float-64>>

    in_order =
      for from <- 0..(world.each - 1)//@a_call, series <- 0..2 do
        {series, from}
      end
      |> made(fn {series, from} ->
        timestamps =
          for i <- from..(from + @a_call - 1), into: <<>>, do: <<time(i)::little-signed-64>>

        {id(series), timestamps, values}
      end)

    jumbled =
      0..(world.jumbled - 1)//@a_call
      |> made(fn from ->
        seconds = for i <- from..(from + @a_call - 1), do: rem(i * world.step, world.jumbled)

        {@jumbled, for(i <- seconds, into: <<>>, do: <<time(i)::little-signed-64>>),
         for(i <- seconds, into: <<>>, do: <<rem(i, 1_000)::little-float-64>>)}
      end)

    for {:ok, {series, timestamps, values}} <- Stream.concat(in_order, jumbled) do
      {micros, {:ok, _}} =
        Measure.time(fn ->
          FormdbHttp.put_columns(name, series, timestamps, values, timeout: :infinity)
        end)

      micros
    end
  end

  defp made(items, fun), do: Task.async_stream(items, fun, max_concurrency: 2, timeout: :infinity)

  ## Questions

  @doc "All of them."
  def questions(name, world) do
    rounds = div(world.each, @a_call)

    # As many points in each series, then, and how many of them in the jumbled one.
    states = [
      {"", [], world.each, world.jumbled},
      {", as of near the end", [as_of: 3 * rounds + div(world.jumbled, @a_call) - 1], world.each,
       world.jumbled - @a_call},
      {", as of early", [as_of: 3 * div(rounds, 10)], div(rounds, 10) * @a_call, 0}
    ]

    read =
      for {suffix, opts, there, jumbled} <- states,
          {part, questions} <- [
            {"ranges", ranges(name, opts, there)},
            {"aggregates", aggregates(name, opts, there)},
            {"jumbled points",
             if(jumbled > 0, do: jumbled(name, world, opts, jumbled), else: [])},
            {"several series", several(name, opts, there)}
          ],
          question <- questions do
        part = if suffix == "", do: part, else: part <> " of the past"
        question = Keyword.update!(question, :name, &(&1 <> suffix))
        struct!(Question, [{:group, "many-points: #{part}"} | question])
      end

    changes =
      for question <- changes(name, world),
          do: struct!(Question, [{:group, "many-points: history"} | question])

    journal = JournalQuestions.all(name, "many-points", page: 10)
    writes = WriteQuestions.points(name, "many-points", id(0), @start, time(world.each - 1))
    read ++ changes ++ journal ++ writes
  end

  defp points(seconds), do: for(second <- seconds, do: {time(second), rem(second, 1_000) / 1})

  defp ranges(name, opts, there) do
    from = &rem(&1 * 7_919, there - 60)

    range = fn n, from, to, more ->
      FormdbHttp.range(name, id(n), time(from), time(to), more ++ opts)
    end

    same = fn {:ok, range}, seconds ->
      Measure.check!(range.points == points(seconds), "the points")
    end

    [
      [
        name: "latest point",
        should: :log,
        ask: fn n -> FormdbHttp.latest(name, id(n), opts) end,
        check: fn _n, {:ok, point} ->
          Measure.check!(point.timestamp == time(there - 1), "the last")
        end
      ],
      [
        name: "sixty points",
        should: :log,
        ask: fn n -> range.(n, from.(n), from.(n) + 60, []) end,
        check: fn n, answer -> same.(answer, from.(n)..(from.(n) + 59)) end
      ],
      [
        name: "sixty points, the last first",
        should: :log,
        ask: fn n -> range.(n, from.(n), from.(n) + 60, order: :desc) end,
        check: fn n, answer -> same.(answer, (from.(n) + 59)..from.(n)//-1) end
      ],
      [
        name: "the first sixty of all",
        should: :log,
        ask: fn n -> range.(n, 0, 1_000_000_000, limit: 60) end,
        check: fn _n, answer -> same.(answer, 0..59) end
      ],
      [
        name: "the last sixty of all",
        should: :log,
        ask: fn n -> range.(n, 0, 1_000_000_000, limit: 60, order: :desc) end,
        check: fn _n, answer -> same.(answer, (there - 1)..(there - 60)//-1) end
      ],
      [
        name: "sixty points with what wrote them",
        should: :log,
        ask: fn n -> range.(n, from.(n), from.(n) + 60, as: :json, include: [:seq, :hash]) end,
        check: fn _n, {:ok, range} ->
          Measure.check!(length(FormdbHttp.JSON.decode!(range.points)) == 60, "sixty")
        end
      ],
      [
        name: "sixty of a value, of all",
        should: :log,
        ask: fn n -> range.(n, 0, 1_000_000_000, limit: 60, value: "gt:998.5") end,
        check: fn _n, answer ->
          same.(answer, Enum.map(0..min(59, div(there, 1_000) - 1), &(&1 * 1_000 + 999)))
        end
      ],
      [
        name: "a value that none has, of all",
        should: :log,
        ask: fn n -> range.(n, 0, 1_000_000_000, limit: 60, value: "gt:5000") end,
        check: fn _n, answer -> same.(answer, []) end
      ]
    ]
  end

  defp aggregates(name, opts, there) do
    # A full hour at some five minutes.
    from = &(rem(&1 * 7_919, div(there - 3_600, 300)) * 300)
    mean = 499.5

    of_all = fn aggregation, more, n ->
      FormdbHttp.aggregate(name, id(n), aggregation, more ++ opts)
    end

    one = fn value ->
      fn _n, {:ok, %{data: [{_, found}]}} ->
        Measure.check!(abs(found - value) < 1.0e-6, "#{value}, not #{found}")
      end
    end

    [
      [
        name: "an hour by five minutes",
        should: :log,
        ask: fn n ->
          FormdbHttp.aggregate(
            name,
            id(n),
            :count,
            [start: time(from.(n)), end: time(from.(n) + 3_600), interval: "5m"] ++ opts
          )
        end,
        check: fn _n, {:ok, %{data: data}} ->
          Measure.check!(
            Enum.sum(Enum.map(data, &elem(&1, 1))) == 3_600,
            "all points of the hour"
          )
        end
      ],
      [
        name: "number of all points",
        should: :log,
        ask: &of_all.(:count, [], &1),
        check: one.(there)
      ],
      [
        name: "mean of all points",
        should: :log,
        ask: &of_all.(:avg, [], &1),
        check: one.(mean)
      ],
      [
        name: "greatest of all points",
        should: :log,
        ask: &of_all.(:max, [], &1),
        check: one.(999.0)
      ],
      [
        name: "p95 of all points",
        should: :linear,
        ask: &of_all.(:p95, [], &1),
        check: fn _n, {:ok, %{data: [{_, found}]}} ->
          Measure.check!(abs(found - 949.5) <= 1, "949.5, not #{found}")
        end
      ],
      [
        name: "number of points of a value, of all",
        should: :linear,
        ask: &of_all.(:count, [value: "gt:499.5"], &1),
        check: one.(div(there, 2))
      ],
      [
        name: "means of all, in a hundred parts",
        should: :log,
        ask: fn n -> of_all.(:avg, [interval: "#{div(there, 100)}s", origin: @start], n) end,
        check: fn _n, {:ok, %{data: data}} -> Measure.check!(length(data) == 100, "a hundred") end
      ],
      [
        name: "summary of all",
        should: :log,
        ask: fn n -> FormdbHttp.summary(name, id(n), opts) end,
        check: fn _n, {:ok, summary} ->
          Measure.check!({summary.count, summary.max} == {there, 999.0}, "its figures")
        end
      ],
      [
        name: "summary of an hour",
        should: :log,
        ask: fn n ->
          FormdbHttp.summary(
            name,
            id(n),
            [start: time(from.(n)), end: time(from.(n) + 3_600)] ++ opts
          )
        end,
        check: fn _n, {:ok, summary} -> Measure.check!(summary.count == 3_600, "its count") end
      ]
    ]
  end

  # Which points were there is known when all were.
  defp jumbled(name, world, opts, there) do
    from = &rem(&1 * 7_919, world.jumbled - 60)
    all? = there == world.jumbled

    [
      [
        name: "sixty points of the jumbled series",
        should: :log,
        ask: fn n ->
          FormdbHttp.range(name, @jumbled, time(from.(n)), time(from.(n) + 60), opts)
        end,
        check: fn n, {:ok, range} ->
          if all?,
            do: Measure.check!(range.points == points(from.(n)..(from.(n) + 59)), "the points")

          Measure.check!(length(range.points) <= 60, "no more")
        end
      ],
      [
        name: "number of all jumbled points",
        should: :log,
        ask: fn _n -> FormdbHttp.aggregate(name, @jumbled, :count, opts) end,
        check: fn _n, {:ok, %{data: [{_, count}]}} ->
          Measure.check!(count == there, "the count")
        end
      ],
      [
        name: "mean of all jumbled points",
        should: :log,
        ask: fn _n -> FormdbHttp.aggregate(name, @jumbled, :avg, opts) end,
        check: fn _n, {:ok, %{data: [{_, mean}]}} ->
          Measure.check!(abs(mean - 499.5) < if(all?, do: 1.0e-6, else: 100), "the mean")
        end
      ]
    ]
  end

  defp several(name, opts, there) do
    three = fn rows, id ->
      Measure.check!(
        Enum.filter(Enum.map(rows, id), &(&1 != @jumbled)) == ["t/0", "t/1", "t/2"],
        "the series"
      )
    end

    from = &rem(&1 * 7_919, there - 60)

    [
      [
        name: "list of series",
        should: :constant,
        ask: fn _n -> FormdbHttp.series(name, opts) end,
        check: fn _n, {:ok, page} ->
          three.(page.series, & &1.series_id)
          Measure.check!(hd(page.series).points == there, "how many points")
        end
      ],
      [
        name: "latest of all",
        should: :log,
        ask: fn _n -> FormdbHttp.latest_many(name, "t/", opts) end,
        check: fn _n, {:ok, page} -> three.(page.series, & &1.series_id) end
      ],
      [
        name: "a minute of all",
        should: :log,
        ask: fn n ->
          FormdbHttp.range_many(name, "t/", time(from.(n)), time(from.(n) + 60), opts)
        end,
        check: fn _n, {:ok, page} -> three.(page.series, &elem(&1, 0)) end
      ],
      [
        name: "figures of a minute of all",
        should: :log,
        ask: fn n ->
          FormdbHttp.summary_many(
            name,
            "t/",
            [start: time(from.(n)), end: time(from.(n) + 60)] ++ opts
          )
        end,
        check: fn _n, {:ok, page} -> three.(page.series, & &1.series_id) end
      ],
      [
        name: "schema",
        should: if(opts == [], do: :constant, else: :linear),
        ask: fn _n -> FormdbHttp.schema(name, opts) end,
        check: fn _n, {:ok, %{json: json}} ->
          Measure.check!(FormdbHttp.JSON.decode!(json)["series"]["count"] in 3..4, "the count")
        end
      ]
    ]
  end

  defp changes(name, world) do
    {:ok, %{seq: last}} = FormdbHttp.database(name)
    from = &rem(&1 * 7_919, world.each - 60)
    # Which call a point came with.
    call = &div(&1, @a_call)

    [
      [
        name: "what wrote sixty points",
        should: :log,
        ask: fn n ->
          FormdbHttp.series_provenance(name, id(n), time(from.(n)), time(from.(n) + 60))
        end,
        check: fn n, {:ok, page} ->
          Measure.check!(
            page.returned == call.(from.(n) + 59) - call.(from.(n)) + 1,
            "its blocks"
          )
        end
      ],
      [
        name: "what wrote all points, a page of ten",
        should: :log,
        ask: fn n ->
          FormdbHttp.series_provenance(name, id(n), @start, time(1_000_000_000), limit: 10)
        end,
        check: fn _n, {:ok, page} ->
          Measure.check!(page.returned == min(10, div(world.each, @a_call)), "ten blocks")
        end
      ],
      [
        name: "what the last block changed in a series, a page of 100",
        should: :log,
        ask: fn _n -> FormdbHttp.series_diff(name, @jumbled, last - 1, last, limit: 100) end,
        check: fn _n, {:ok, diff} ->
          Measure.check!(length(FormdbHttp.JSON.decode!(diff.added)) <= 100, "no more than 100")
        end
      ],
      [
        name: "that nothing changed in a series",
        should: :log,
        ask: fn n -> FormdbHttp.series_diff(name, id(n), last - 1, last) end,
        check: fn _n, {:ok, diff} ->
          Measure.check!({diff.added, diff.next} == {"[]", nil}, "nothing")
        end
      ]
    ]
  end
end
