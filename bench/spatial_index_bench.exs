# 10,000 features: entering, searching by box, removing. First through
# FormdbHttp.SpatialIndex, which is in memory, then through a database on disk.
#
#   mix run bench/spatial_index_bench.exs
#
# The database is in a temporary folder, removed at the end. Every box that is timed is
# checked against a walk over all features, and so is what is left after deleting.

Code.require_file("support/bench.exs", __DIR__)
Bench.start()

# In a module, because scripts are interpreted outside of one.
defmodule Bench.Spatial do
  alias Bench.{Measure, Report}
  alias FormdbHttp.SpatialIndex

  @features 10_000
  @boxes 500

  def run do
    :rand.seed(:exsss, {10, 20, 30})
    places = for n <- 1..@features, do: {"feature-#{n}", {degrees(0, 10), degrees(40, 10)}}
    inputs = Map.new([38, 258], &{&1, boxes(places, &1)})
    for {_, {_, mean}} <- inputs, do: Measure.check!(mean > 0, "boxes that hold something")

    means = Enum.map_join(inputs, " and ", &mean/1)
    Report.open("spatial_index")
    IO.puts("#{@features} features; boxes of #{means} hits")
    in_memory(places, inputs)
    Bench.with_database(&durable(&1, places, inputs))
    Report.close()
  end

  defp mean({_, {_, mean}}), do: Float.round(mean, 1)

  defp degrees(from, width), do: Float.round(from + :rand.uniform() * width, 5)

  # Squares that hold so many on average, each with the ids in it.
  defp boxes(places, hits) do
    side = 10 * :math.sqrt(hits / @features)

    boxes =
      for _ <- 1..@boxes do
        {west, south} = {degrees(0, 10 - side), degrees(40, 10 - side)}
        box = {west, south, west + side, south + side}
        {box, inside(places, box)}
      end

    {boxes, Enum.sum(Enum.map(boxes, fn {_, ids} -> length(ids) end)) / @boxes}
  end

  defp inside(places, {w, s, e, n}) do
    Enum.sort(for {id, {x, y}} <- places, x >= w and x <= e and y >= s and y <= n, do: id)
  end

  ## In memory

  defp in_memory(places, inputs) do
    index = SpatialIndex.new()
    _rate = insert(index, places)

    for {_, {boxes, _}} <- inputs, {box, expected} <- boxes do
      {:ok, ids} = SpatialIndex.query_box(index, box)
      Measure.check!(Enum.sort(ids) == expected, "ids in #{inspect(box)}")
      Measure.check!(SpatialIndex.count_box(index, box) == {:ok, length(expected)}, "a count")
    end

    Report.section("FormdbHttp.SpatialIndex, one process",
      checked:
        "ids and count of all #{2 * @boxes} boxes against a walk over all features; sizes " <>
          "after inserting and deleting"
    )

    shuffled = Enum.shuffle(places)

    Report.measure([
      {"insert", fn -> passes(fn -> filled(places) end) end,
       earlier: 872, published: 656, promised: 10_000, target: 500_000},
      # What is entered in one order is deleted in another.
      {"delete", fn -> passes(fn -> emptied(places, shuffled) end) end,
       earlier: 269, target: 300_000}
    ])

    [points, small, large] =
      for list <- [Enum.map(places, &elem(&1, 1)), boxes_of(inputs, 38), boxes_of(inputs, 258)],
          do: List.to_tuple(list)

    Report.time([
      {"box of 38, ids", fn -> {:ok, _} = SpatialIndex.query_box(index, next(small)) end,
       earlier: 502, published: 550, promised: 5_000, target: 300_000},
      {"box of 258, ids", fn -> {:ok, _} = SpatialIndex.query_box(index, next(large)) end,
       earlier: 292, target: 100_000},
      {"box of 38, count", fn -> {:ok, _} = SpatialIndex.count_box(index, next(small)) end, []},
      {"box of 258, count", fn -> {:ok, _} = SpatialIndex.count_box(index, next(large)) end, []},
      {"10 nearest", fn -> {:ok, [_ | _]} = SpatialIndex.nearest(index, next(points), 10) end, []}
    ])
  end

  defp boxes_of(inputs, hits), do: inputs |> Map.fetch!(hits) |> elem(0) |> Enum.map(&elem(&1, 0))

  # The mean of some passes, since one takes a hundredth of a second.
  defp passes(pass) do
    passes = Bench.scaled(8, 2)
    passes / Enum.sum(for _ <- 1..passes, do: 1 / pass.())
  end

  defp insert(index, places),
    do: Measure.each(places, fn {id, place} -> :ok = SpatialIndex.insert(index, id, place) end)

  defp filled(places) do
    index = SpatialIndex.new()
    rate = insert(index, places)
    Measure.check!(SpatialIndex.size(index) == @features, "all are there")
    rate
  end

  defp emptied(places, shuffled) do
    index = SpatialIndex.new()
    _rate = insert(index, places)
    rate = Measure.each(shuffled, fn {id, _} -> true = SpatialIndex.delete(index, id) end)
    Measure.check!(SpatialIndex.size(index) == 0, "none is left")
    rate
  end

  defp next(tuple) do
    n = Process.get(:next, 0)
    Process.put(:next, n + 1)
    elem(tuple, rem(n, tuple_size(tuple)))
  end

  ## On disk

  defp durable(name, places, inputs) do
    collection =
      ~s({"type":"FeatureCollection","features":[#{Enum.map_join(places, ",", &text/1)}]})

    {:ok, _} = FormdbHttp.put_features(name, collection)

    for {_, {boxes, _}} <- inputs, {box, expected} <- boxes do
      {:ok, %{json: json, returned: count}} = FormdbHttp.search(name, {:box, box})
      ids = Regex.scan(~r/"id":"([^"]+)"/, json, capture: :all_but_first)
      Measure.check!(Enum.sort(List.flatten(ids)) == expected, "features in #{inspect(box)}")
      Measure.check!(count == length(expected), "their number")
    end

    Report.section("through a database, on disk before the answer",
      hits: Report.hits_of(name),
      checked:
        "ids and number of all #{2 * @boxes} boxes against a walk over all features; figures of " <>
          "the database after writing and deleting"
    )

    Report.measure([
      {"insert, 1 caller", fn -> written(1, Bench.span(1_000)) end, earlier: 872},
      {"insert, 64 callers", fn -> written(64, Bench.span(1_500)) end, earlier: 872},
      {"insert, one FeatureCollection", fn -> at_once(collection) end,
       earlier: 872, target: 300_000},
      {"delete, 64 callers", fn -> removed(64, Bench.scaled(1_500, 200)) end, earlier: 269}
    ])

    [small, large] = for hits <- [38, 258], do: List.to_tuple(boxes_of(inputs, hits))
    question = Measure.counter()

    # With a limit of its own each time, so that the answer is not among those kept.
    worked_out = fn boxes ->
      fn ->
        n = question.()
        box = elem(boxes, rem(n, @boxes))
        {:ok, _} = FormdbHttp.search(name, {:box, box}, limit: Measure.limit(n))
      end
    end

    kept = fn boxes ->
      fn -> {:ok, _} = FormdbHttp.search(name, {:box, next(boxes)}, limit: 1_000) end
    end

    Report.time([
      {"box of 38, GeoJSON", worked_out.(small), earlier: 502},
      {"box of 258, GeoJSON", worked_out.(large), earlier: 292},
      {"box of 38, GeoJSON, kept", kept.(small), earlier: 502, kept: true},
      {"box of 258, GeoJSON, kept", kept.(large), earlier: 292, kept: true}
    ])
  end

  defp written(callers, millis) do
    Bench.with_database(fn name ->
      rate = Measure.throughput(callers, millis, &put(name, &1, &2))
      {:ok, info} = FormdbHttp.database(name)
      Measure.check!(info.features == info.seq and info.features > 0, "all that was written")
      rate
    end)
  end

  defp at_once(collection) do
    Bench.with_database(fn name ->
      {micros, {:ok, _}} = Measure.time(fn -> FormdbHttp.put_features(name, collection) end)
      {:ok, info} = FormdbHttp.database(name)
      Measure.check!(info.features == @features, "all features are there")
      @features * 1.0e6 / micros
    end)
  end

  # Each caller has as many to delete, written before the clock runs.
  defp removed(callers, each) do
    Bench.with_database(fn name ->
      for caller <- 1..callers do
        texts = for n <- 1..each, do: text({"#{caller}-#{n}", place(caller, n)})
        collection = ~s({"type":"FeatureCollection","features":[#{Enum.join(texts, ",")}]})
        {:ok, _} = FormdbHttp.put_features(name, collection)
      end

      delete = fn caller ->
        for n <- 1..each, do: {:ok, _} = FormdbHttp.delete_feature(name, "#{caller}-#{n}")
      end

      {micros, _} =
        Measure.time(fn ->
          1..callers
          |> Enum.map(fn caller -> Task.async(fn -> delete.(caller) end) end)
          |> Task.await_many(:infinity)
        end)

      {:ok, left} = FormdbHttp.database(name)
      Measure.check!(left.features == 0, "deleted features are gone")
      callers * each * 1.0e6 / micros
    end)
  end

  defp put(name, caller, n),
    do: {:ok, _} = FormdbHttp.put_feature(name, text({"#{caller}-#{n}", place(caller, n)}))

  defp place(caller, n),
    do: {rem(caller * 7_919 + n, 36_000) / 100 - 180, rem(n, 18_000) / 100 - 90}

  defp text({id, {lon, lat}}) do
    ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
      ~s("properties":{"status":"reviewed"}})
  end
end

Bench.Spatial.run()
