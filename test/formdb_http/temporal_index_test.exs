defmodule FormdbHttp.TemporalIndexTest do
  use ExUnit.Case, async: true

  alias FormdbHttp.{Error, TemporalIndex}

  defp unpack({:ok, {timestamps, values}}) do
    times = for <<t::little-signed-64 <- timestamps>>, do: t
    Enum.zip(times, for(<<v::little-float-64 <- values>>, do: v))
  end

  test "ranges, latest and aggregates are those of a sorted list" do
    :rand.seed(:exsss, {4, 7, 2})
    index = TemporalIndex.new()
    comparisons = :counters.new(1, [])

    # Few timestamps, so that many points share one; the place in the model is the
    # order of arrival.
    Enum.reduce(1..1_500, [], fn turn, model ->
      count = Enum.random([1, 1, 1, 7, 40])
      points = for _ <- 1..count, do: {:rand.uniform(4_000), :rand.uniform(1_000) * 1.0}

      case points do
        [{timestamp, value}] ->
          assert TemporalIndex.insert(index, "s", timestamp, value) == :ok

        _ ->
          {timestamps, values} = Enum.unzip(points)
          assert TemporalIndex.insert_many(index, "s", timestamps, values) == :ok
      end

      model = Enum.sort_by(model ++ points, &elem(&1, 0))
      from = :rand.uniform(4_000)
      to = from + :rand.uniform(1_000)
      {inside, outside} = Enum.split_with(model, fn {t, _} -> t >= from and t < to end)

      if rem(turn, 10) == 0 do
        assert TemporalIndex.range(index, "s", from, to) == {:ok, inside}
        assert unpack(TemporalIndex.range(index, "s", from, to, as: :columns)) == inside
        values = Enum.map(inside, &elem(&1, 1))
        aggregate = &TemporalIndex.aggregate(index, "s", &1, from, to)
        assert aggregate.(:count) == {:ok, length(values)}
        assert aggregate.(:max) == {:ok, Enum.max(values, fn -> nil end)}
        assert aggregate.("sum") == {:ok, if(values != [], do: Enum.sum(values))}
        assert aggregate.(:first) == {:ok, List.first(values)}
        assert aggregate.(:last) == {:ok, List.last(values)}
        assert TemporalIndex.latest(index, "s") == {:ok, List.last(model)}
        :counters.add(comparisons, 1, 8)
      end

      if rem(turn, 50) == 0 do
        assert TemporalIndex.delete(index, "s", from, to) == {:ok, length(inside)}
        assert TemporalIndex.range(index, "s", from, to) == {:ok, []}
        :counters.add(comparisons, 1, 2)
        outside
      else
        model
      end
    end)

    assert TemporalIndex.size(index) == 1
    compared = :counters.get(comparisons, 1)

    IO.write(
      :stderr,
      "oracles: ranges and aggregates of TemporalIndex: #{compared} comparisons\n"
    )
  end

  test "long columns and long answers are whole" do
    index = TemporalIndex.new()
    numbers = 1..200_000
    timestamps = for n <- numbers, into: <<>>, do: <<n * 1_000::little-signed-64>>
    values = for n <- numbers, into: <<>>, do: <<n * 0.5::little-float-64>>
    assert TemporalIndex.insert_many(index, "s", timestamps, values) == :ok
    all = [index, "s", 0, 200_000_001]
    assert apply(TemporalIndex, :range, all ++ [[as: :columns]]) == {:ok, {timestamps, values}}
    assert {:ok, points} = apply(TemporalIndex, :range, all)
    assert points == for(n <- numbers, do: {n * 1_000, n * 0.5})

    # Just below and above what a normal scheduler answers.
    for count <- [2_000, 2_001, 16_384, 16_385] do
      assert {:ok, points} = TemporalIndex.range(index, "s", 1_000, count * 1_000 + 1)
      assert length(points) == count

      assert length(
               unpack(TemporalIndex.range(index, "s", 1_000, count * 1_000 + 1, as: :columns))
             ) == count
    end

    sum = 0.5 * 200_000 * 200_001 / 2
    assert TemporalIndex.aggregate(index, "s", :sum, 0, 200_000_001) == {:ok, sum}
    assert {:ok, p50} = TemporalIndex.aggregate(index, "s", :median, 0, 200_000_001)
    assert p50 == 0.5 * 100_000.5

    # More deleted points than a normal scheduler passes over.
    assert TemporalIndex.delete(index, "s", 100_001_000, 300_000_000) == {:ok, 100_000}
    assert TemporalIndex.latest(index, "s") == {:ok, {100_000_000, 50_000.0}}

    assert TemporalIndex.range(index, "s", 99_999_500, 300_000_000) ==
             {:ok, [{100_000_000, 50_000.0}]}

    assert TemporalIndex.aggregate(index, "s", :count, 0, 300_000_000) == {:ok, 100_000}
  end

  test "buckets by interval, with and without those that are empty" do
    index = TemporalIndex.new()
    minute = 60_000_000
    for n <- [0, 10, 70, 200], do: :ok = TemporalIndex.insert(index, "s", n * 1_000_000, n)
    aggregate = &TemporalIndex.aggregate(index, "s", &1, 0, 4 * minute, [interval: "1m"] ++ &2)
    assert aggregate.(:avg, []) == {:ok, [{0, 5.0}, {minute, 70.0}, {3 * minute, 200.0}]}

    assert aggregate.(:count, fill: :null) ==
             {:ok, [{0, 2}, {minute, 1}, {2 * minute, 0}, {3 * minute, 1}]}

    assert aggregate.(:max, fill: :linear) ==
             {:ok, [{0, 10.0}, {minute, 70.0}, {2 * minute, 135.0}, {3 * minute, 200.0}]}

    # A day of Berlin, in winter.
    {:ok, [{start, 4}]} =
      TemporalIndex.aggregate(index, "s", :count, 0, minute * 4,
        interval: "1d",
        tz: "Europe/Berlin"
      )

    assert start == -60 * minute
    assert TemporalIndex.aggregate(index, "s", :count, 5, 5) == {:ok, 0}
    assert TemporalIndex.aggregate(index, "s", :avg, 5, 6) == {:ok, nil}
  end

  test "what cannot be entered or asked is refused with a reason" do
    index = TemporalIndex.new()
    nan = <<0, 0, 0, 0, 0, 0, 0xF8, 0x7F>>

    for {call, code} <- [
          {TemporalIndex.insert_many(index, "s", [1, 2], [1.0]), :invalid_point},
          {TemporalIndex.insert_many(index, "s", <<1, 2>>, [1.0]), :invalid_point},
          {TemporalIndex.insert_many(index, "s", [1], nan), :invalid_value},
          {TemporalIndex.insert(index, "s", 1_000_000_000_000_000_000, 1.0), :invalid_timestamp},
          {TemporalIndex.range(index, "s", 0, 1), :series_not_found},
          {TemporalIndex.range(index, "s", 0, 1, as: :columns), :series_not_found},
          {TemporalIndex.latest(index, "s"), :series_not_found},
          {TemporalIndex.delete(index, "s", 0, 1), :series_not_found},
          {TemporalIndex.aggregate(index, "s", :avg, 0, 1), :series_not_found},
          {TemporalIndex.aggregate(index, "s", :mode, 0, 1), :invalid_parameter},
          {TemporalIndex.aggregate(index, "s", :avg, 0, 1, interval: "x"), :invalid_parameter}
        ] do
      assert {:error, %Error{code: ^code}} = call
    end

    assert TemporalIndex.insert_many(index, "s", [], []) == :ok
    assert TemporalIndex.size(index) == 0
  end

  test "readers see all of what a call wrote or nothing" do
    index = TemporalIndex.new()
    :ok = TemporalIndex.insert(index, "s", 0, 0.0)

    # Each call lays points between all those before.
    writer =
      Task.async(fn ->
        for turn <- 1..30 do
          timestamps = for n <- 1..3_000, into: <<>>, do: <<n * 100 + turn::little-signed-64>>
          values = :binary.copy(<<1.0::little-float-64>>, 3_000)
          :ok = TemporalIndex.insert_many(index, "s", timestamps, values)
        end
      end)

    counts =
      Stream.repeatedly(fn ->
        {:ok, sum} = TemporalIndex.aggregate(index, "s", :sum, 0, 1_000_000)
        assert rem(trunc(sum), 3_000) == 0

        assert length(unpack(TemporalIndex.range(index, "s", 1, 1_000_000, as: :columns)))
               |> rem(3_000) == 0

        sum
      end)

    assert Enum.find(counts, &(&1 == 90_000.0))
    Task.await(writer, :infinity)
  end

  test "a writer that has to wait still writes" do
    index = TemporalIndex.new()

    1..8
    |> Task.async_stream(
      fn writer ->
        for n <- 1..2_000 do
          :ok = TemporalIndex.insert(index, "s#{rem(n, 3)}", n, writer)

          if rem(n, 200) == 0,
            do:
              :ok =
                TemporalIndex.insert_many(
                  index,
                  "long",
                  Enum.to_list(1..5_000),
                  Enum.to_list(1..5_000)
                )
        end
      end,
      timeout: :infinity
    )
    |> Stream.run()

    counts =
      for series <- ["s0", "s1", "s2", "long"] do
        {:ok, count} = TemporalIndex.aggregate(index, series, :count, 0, 10_000)
        count
      end

    assert Enum.sum(Enum.take(counts, 3)) == 16_000
    assert List.last(counts) == 8 * 10 * 5_000
  end
end
