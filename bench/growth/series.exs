for file <- ~w(asking journal_questions write_questions),
    do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Series do
  @moduledoc """
  A world of so many series with two points each, written a minute apart. Ids sort as numbers, and
  are written in an order that jumps about among them.
  """

  alias Bench.Growth.{JournalQuestions, Question, WriteQuestions}
  alias Bench.Measure

  @start 1_700_000_000_000_000
  @minute 60_000_000
  @a_call 5_000
  # Series that have attributes.
  @told 10

  def world(size) do
    step = Enum.find(round(size * 0.618)..size, &(Integer.gcd(&1, size) == 1))
    {1, back, _} = Integer.extended_gcd(step, size)
    %{size: size, step: step, back: Integer.mod(back, size), call: min(@a_call, div(size, 10))}
  end

  defp id(number), do: "s" <> String.pad_leading(Integer.to_string(number), 7, "0")

  @doc """
  Writes both points of all series, the second with a value that is a half more; then ten get
  attributes. Returns the microseconds of each call of points.
  """
  def load(name, world) do
    calls =
      for minute <- 0..1, first <- 0..(world.size - 1)//world.call do
        {minute, first}
      end
      |> Task.async_stream(fn {minute, first} -> points(world, minute, first) end,
        max_concurrency: 2,
        timeout: :infinity
      )
      |> Enum.map(fn {:ok, text} ->
        {micros, {:ok, {:points, ack}}} =
          Measure.time(fn -> FormdbHttp.write_points(name, text, timeout: :infinity) end)

        Measure.check!(ack.last_seq - ack.first_seq + 1 == world.call, "a block for each point")
        micros
      end)

    for n <- 0..(@told - 1) do
      number = n * div(world.size, @told)
      {:ok, _} = FormdbHttp.set_attributes(name, id(number), %{"unit" => "mm", "n" => n})
    end

    calls
  end

  defp points(world, minute, first) do
    list =
      for place <- first..(first + world.call - 1) do
        number = rem(place * world.step, world.size)

        ~s({"series_id":"#{id(number)}","timestamp":#{@start + minute * @minute},"value":#{number}.#{minute * 5}})
      end

    ~s({"points":[#{Enum.join(list, ",")}]})
  end

  ## Questions

  @doc "All of them."
  def questions(name, world) do
    # Each point is a block of its own.
    early = div(world.size, 10)

    states = [
      {"", [], fn _number -> 2 end},
      {", as of early", [as_of: early],
       fn number ->
         if rem(number * world.back, world.size) < div(world.size, 10), do: 1, else: 0
       end}
    ]

    read =
      for {suffix, opts, points} <- states,
          {part, questions} <- [
            {"one series", one(name, world, opts, points)},
            {"several series", several(name, world, opts, points)},
            {"lists", lists(name, world, opts, points)}
          ],
          question <- questions do
        part = if suffix == "", do: part, else: part <> " of the past"
        question = Keyword.update!(question, :name, &(&1 <> suffix))
        struct!(Question, [{:group, "series: #{part}"} | question])
      end

    journal = JournalQuestions.all(name, "series", [])

    writes =
      WriteQuestions.points(name, "series", id(div(world.size, 2)), @start, @start + @minute)

    read ++ journal ++ writes
  end

  # The nth series that has points then.
  defp number(world, n, points) do
    Stream.iterate(n, &(&1 + 1))
    |> Stream.map(&rem(&1 * 7_919, world.size))
    |> Enum.find(&(points.(&1) > 0))
  end

  defp one(name, world, opts, points) do
    number = &number(world, &1, points)
    id = &id(number.(&1))
    last = fn n -> number.(n) + if points.(number.(n)) == 2, do: 0.5, else: 0.0 end

    [
      [
        name: "latest point",
        should: :log,
        ask: fn n -> FormdbHttp.latest(name, id.(n), opts) end,
        check: fn n, {:ok, point} -> Measure.check!(point.value == last.(n), "its value") end
      ],
      [
        name: "all points of a series",
        should: :log,
        ask: fn n -> FormdbHttp.range(name, id.(n), @start, @start + 2 * @minute, opts) end,
        check: fn n, {:ok, range} ->
          Measure.check!(length(range.points) == points.(number.(n)), "its points")
          Measure.check!(elem(List.last(range.points), 1) == last.(n), "the last of them")
        end
      ],
      [
        name: "summary of a series",
        should: :log,
        ask: fn n -> FormdbHttp.summary(name, id.(n), opts) end,
        check: fn n, {:ok, summary} ->
          Measure.check!(
            {summary.count, summary.max} == {points.(number.(n)), last.(n)},
            "its figures"
          )
        end
      ],
      [
        name: "mean of a series",
        should: :log,
        ask: fn n -> FormdbHttp.aggregate(name, id.(n), :max, [interval: "1h"] ++ opts) end,
        check: fn n, {:ok, %{data: [{_, value}]}} ->
          Measure.check!(value == last.(n), "the value")
        end
      ],
      [
        name: "series that is not there",
        should: :log,
        ask: fn n -> FormdbHttp.latest(name, "none#{n}", opts) end,
        check: fn _n, {:error, error} ->
          Measure.check!(error.code == :series_not_found, "that there is none")
        end
      ]
    ] ++ if(opts == [], do: [attributes(name, world)], else: [])
  end

  defp attributes(name, world) do
    [
      name: "attributes of a series",
      should: :log,
      ask: fn n -> FormdbHttp.get_attributes(name, id(rem(n, @told) * div(world.size, @told))) end,
      check: fn n, {:ok, %{json: json}} ->
        Measure.check!(FormdbHttp.JSON.decode!(json)["n"] == rem(n, @told), "its attributes")
      end
    ]
  end

  # Of ten numbers that follow each other, by what their ids begin with.
  defp several(name, world, opts, points) do
    first = &(rem(&1 * 7_919, div(world.size, 10)) * 10)
    prefix = &(first.(&1) |> id() |> String.slice(0..-2//1))

    there = fn n ->
      for number <- first.(n)..(first.(n) + 9), points.(number) > 0, do: id(number)
    end

    ids = fn rows -> Enum.map(rows, & &1.series_id) end
    same = fn n, ids -> Measure.check!(ids == there.(n), "the series that there are") end

    [
      [
        name: "latest of ten series",
        should: :log,
        ask: fn n -> FormdbHttp.latest_many(name, prefix.(n), opts) end,
        check: fn n, {:ok, page} -> same.(n, ids.(page.series)) end
      ],
      [
        name: "points of ten series",
        should: :log,
        ask: fn n ->
          FormdbHttp.range_many(name, prefix.(n), @start, @start + 2 * @minute, opts)
        end,
        check: fn n, {:ok, page} -> same.(n, Enum.map(page.series, &elem(&1, 0))) end
      ],
      [
        name: "figures of ten series",
        should: :log,
        ask: fn n -> FormdbHttp.summary_many(name, prefix.(n), opts) end,
        check: fn n, {:ok, page} -> same.(n, ids.(page.series)) end
      ],
      [
        name: "means of ten series",
        should: :log,
        ask: fn n -> FormdbHttp.aggregate(name, {:prefix, prefix.(n)}, :avg, opts) end,
        check: fn n, {:ok, %{data: data}} -> same.(n, Enum.map(data, &elem(&1, 0))) end
      ]
    ]
  end

  defp lists(name, world, opts, points) do
    there = Stream.filter(0..(world.size - 1), &(points.(&1) > 0))
    list = &FormdbHttp.series(name, &1 ++ opts)

    rows = fn {:ok, page}, ids ->
      Measure.check!(Enum.map(page.series, & &1.series_id) == ids, "which series these are")
    end

    first = there |> Enum.take(100) |> Enum.map(&id/1)
    prefix = fn n -> id(number(world, n, points)) end

    now = [
      [
        name: "the ten that have an attribute",
        should: :linear,
        ask: fn _n -> walk(list, [{"attr.unit", "mm"}]) end,
        check: fn _n, answer ->
          rows.(answer, for(n <- 0..(@told - 1), do: id(n * div(world.size, @told))))
        end
      ],
      [
        name: "the ten whose ids match a pattern",
        should: :linear,
        ask: fn n -> walk(list, [{"pattern", "*#{pattern(world, n)}"}]) end,
        check: fn _n, {:ok, page} -> Measure.check!(length(page.series) == 10, "ten series") end
      ],
      [
        name: "schema",
        should: :constant,
        ask: fn _n -> FormdbHttp.schema(name) end,
        check: fn _n, {:ok, %{json: json}} ->
          Measure.check!(
            FormdbHttp.JSON.decode!(json)["series"]["count"] == world.size,
            "the count"
          )
        end
      ]
    ]

    [
      [
        name: "first page of ten series",
        should: :log,
        ask: fn _n -> list.(limit: 10) end,
        check: fn _n, answer -> rows.(answer, Enum.take(first, 10)) end
      ],
      [
        name: "a page of ten, after a tenth",
        should: :log,
        ask: page_after(list, div(world.size, if(opts == [], do: 10, else: 100))),
        check: fn _n, {:ok, page} ->
          skipped = div(world.size, if(opts == [], do: 10, else: 100))
          if opts == [], do: rows.({:ok, page}, for(n <- skipped..(skipped + 9), do: id(n)))
          Measure.check!(length(page.series) == 10, "ten series")
        end
      ],
      [
        name: "a prefix that one series has",
        should: :log,
        ask: fn n -> list.(prefix: prefix.(n)) end,
        check: fn n, answer -> rows.(answer, [prefix.(n)]) end
      ],
      [
        name: "a prefix that none has",
        should: :log,
        ask: fn n -> list.(prefix: "none#{n}") end,
        check: fn _n, answer -> rows.(answer, []) end
      ],
      [
        name: "latest of all, first page of 100",
        should: :log,
        ask: fn _n -> FormdbHttp.latest_many(name, "", [limit: 100] ++ opts) end,
        check: fn _n, answer -> rows.(answer, first) end
      ],
      [
        name: "figures of all, first page of 100",
        should: :log,
        ask: fn _n -> FormdbHttp.summary_many(name, "", [limit: 100] ++ opts) end,
        check: fn _n, answer -> rows.(answer, first) end
      ],
      [
        name: "points of all, first page of 100",
        should: :log,
        ask: fn _n ->
          FormdbHttp.range_many(name, "", @start, @start + 2 * @minute, [limit: 100] ++ opts)
        end,
        check: fn _n, {:ok, page} ->
          Measure.check!(
            Enum.sum(Enum.map(page.series, &length(elem(&1, 1)))) == 100,
            "100 points"
          )
        end
      ]
    ] ++ if(opts == [], do: now, else: [])
  end

  # All pages: one ends where much was looked at, too.
  defp walk(list, filters, cursor \\ nil, before \\ []) do
    with {:ok, page} <- list.(filters: filters, cursor: cursor) do
      series = before ++ page.series

      if page.next,
        do: walk(list, filters, page.next, series),
        else: {:ok, %{page | series: series}}
    end
  end

  # The ends that ten ids have: those of numbers below a tenth of all.
  defp pattern(world, n) do
    digits = length(Integer.digits(world.size)) - 2
    rem(n * 7, div(world.size, 10)) |> Integer.to_string() |> String.pad_leading(digits, "0")
  end

  defp page_after(list, count) do
    fn _n ->
      cursor =
        with nil <- Process.get(:cursor) do
          cursor = cursor_after(list, count, nil)
          Process.put(:cursor, cursor)
          cursor
        end

      list.(limit: 10, cursor: cursor)
    end
  end

  defp cursor_after(_list, 0, cursor), do: cursor

  defp cursor_after(list, count, cursor) do
    {:ok, page} = list.(limit: min(count, 50_000), cursor: cursor)
    cursor_after(list, count - length(page.series), page.next)
  end
end
