# 10,000 features: entering, searching by box, removing. First through
# FormdbHttp.SpatialIndex, which is in memory, then through a database on disk.
#
#   MIX_ENV=prod mix run bench/spatial_index_bench.exs
#
# The database is in a temporary folder, removed at the end. Every box that is timed is
# checked against a walk over all features, and so is what is left after deleting.

for file <- ~w(measure benchmark comparison),
    do: Code.require_file("support/#{file}.exs", __DIR__)

Logger.configure(level: :warning)

# In a module, because scripts are interpreted outside of one.
defmodule Bench.Spatial do
  alias Bench.{Benchmark, Comparison, Measure}
  alias FormdbHttp.SpatialIndex

  @features 10_000
  @boxes 500
  @passes 20

  def run do
    :rand.seed(:exsss, {10, 20, 30})
    places = for n <- 1..@features, do: {"feature-#{n}", {degrees(0, 10), degrees(40, 10)}}
    inputs = Map.new([38, 258], &{&1, boxes(places, &1)})
    for {_, {_, mean}} <- inputs, do: Measure.check!(mean > 0, "boxes that hold something")

    IO.puts("#{@features} features; boxes of #{Enum.map_join(inputs, " and ", &mean/1)} hits\n")
    in_memory(places, inputs)
    durable(places, inputs)
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
    {entering, deleting} = Enum.unzip(for _ <- 1..@passes, do: pass(places))
    index = fill(places)

    for {_, {boxes, _}} <- inputs, {box, expected} <- boxes do
      {:ok, ids} = SpatialIndex.query_box(index, box)
      Measure.check!(Enum.sort(ids) == expected, "ids in #{inspect(box)}")
      Measure.check!(SpatialIndex.count_box(index, box) == {:ok, length(expected)}, "a count")
    end

    jobs =
      for {hits, {boxes, _}} <- inputs,
          boxes = boxes |> Enum.map(&elem(&1, 0)) |> List.to_tuple(),
          {what, query} <- [
            {"box", &SpatialIndex.query_box(index, &1)},
            {"count", &SpatialIndex.count_box(index, &1)}
          ],
          into: %{},
          do: {"#{what} of #{hits}", fn -> {:ok, _} = query.(next(boxes)) end}

    points = places |> Enum.map(&elem(&1, 1)) |> List.to_tuple()
    near = fn -> {:ok, [_ | _]} = SpatialIndex.nearest(index, next(points), 10) end
    rates = Comparison.rates(Benchmark.run(Map.put(jobs, "10 nearest", near)))

    IO.puts("\nFormdbHttp.SpatialIndex, one process\n")
    Comparison.header()

    for {what, rate, opts} <- [
          {"insert", Comparison.rates_of(Enum.concat(entering)), earlier: 872, target: 500_000},
          {"box of 38, ids", rates["box of 38"], earlier: 502, target: 300_000},
          {"box of 258, ids", rates["box of 258"], earlier: 292, target: 100_000},
          {"box of 38, count", rates["count of 38"], []},
          {"box of 258, count", rates["count of 258"], []},
          {"10 nearest", rates["10 nearest"], []},
          {"delete", Comparison.rates_of(Enum.concat(deleting)), earlier: 269, target: 300_000}
        ],
        do: Comparison.line(what, rate, opts)
  end

  defp fill(places) do
    index = SpatialIndex.new()
    insert(index, places)
    index
  end

  defp insert(index, places),
    do:
      Comparison.slices(places, fn {id, place} -> :ok = SpatialIndex.insert(index, id, place) end)

  # What is entered in one order is deleted in another.
  defp pass(places) do
    index = SpatialIndex.new()
    entering = insert(index, places)
    Measure.check!(SpatialIndex.size(index) == @features, "all are there")
    shuffled = Enum.shuffle(places)

    deleting =
      Comparison.slices(shuffled, fn {id, _} -> true = SpatialIndex.delete(index, id) end)

    Measure.check!(SpatialIndex.size(index) == 0, "none is left")
    {entering, deleting}
  end

  defp next(tuple) do
    n = Process.get(:next, 0)
    Process.put(:next, n + 1)
    elem(tuple, rem(n, tuple_size(tuple)))
  end

  ## On disk

  defp durable(places, inputs) do
    name = "spatial-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    IO.puts("\nthrough a database, on disk before the answer\n")

    single = Measure.throughput(1, 1_000, &put(name, "one", &1, &2))
    many = Measure.throughput(64, 1_500, &put(name, "many", &1, &2))
    {:ok, %{features: written}} = FormdbHttp.database(name)

    removed = Measure.throughput(64, 1_500, &remove(name, &1, &2))

    # What a caller wrote and did not come to remove.
    {:ok, %{features: left}} = FormdbHttp.database(name)
    Measure.check!(left < written, "deleted features are gone")
    :ok = FormdbHttp.purge(name)

    {:ok, _} = FormdbHttp.open(name)

    collection =
      ~s({"type":"FeatureCollection","features":[#{Enum.map_join(places, ",", &text/1)}]})

    {bulk, {:ok, _}} = Measure.time(fn -> FormdbHttp.put_features(name, collection) end)

    for {_, {boxes, _}} <- inputs, {box, expected} <- boxes do
      {:ok, %{json: json, returned: count}} = FormdbHttp.search(name, {:box, box})
      ids = Regex.scan(~r/"id":"([^"]+)"/, json, capture: :all_but_first)
      Measure.check!(Enum.sort(List.flatten(ids)) == expected, "features in #{inspect(box)}")
      Measure.check!(count == length(expected), "their number")
    end

    jobs =
      for {hits, {boxes, _}} <- inputs,
          boxes = boxes |> Enum.map(&elem(&1, 0)) |> List.to_tuple(),
          {what, limit} <- [{"box", fn -> 1_000 end}, {"new box", &new_limit/0}],
          into: %{},
          do:
            {"#{what} of #{hits}",
             fn -> {:ok, _} = FormdbHttp.search(name, {:box, next(boxes)}, limit: limit.()) end}

    rates = Comparison.rates(Benchmark.run(jobs))
    IO.puts("")
    Comparison.header()

    for {what, rate, opts} <- [
          {"insert, 1 caller", single, earlier: 872},
          {"insert, 64 callers", many, earlier: 872},
          {"insert, one FeatureCollection", @features * 1.0e6 / bulk,
           earlier: 872, target: 300_000},
          {"box of 38, GeoJSON, worked out", rates["new box of 38"], earlier: 502},
          {"box of 258, GeoJSON, worked out", rates["new box of 258"], earlier: 292},
          {"box of 38, GeoJSON, asked again", rates["box of 38"], earlier: 502},
          {"box of 258, GeoJSON, asked again", rates["box of 258"], earlier: 292},
          {"delete, 64 callers", removed, earlier: 269}
        ],
        do: Comparison.line(what, rate, opts)

    :ok = FormdbHttp.purge(name)
  end

  # With another limit it is another question: its answer is not among those kept.
  defp new_limit do
    n = Process.get(:limit, 0)
    Process.put(:limit, n + 1)
    1_000 + rem(n, 90_000)
  end

  defp text({id, {lon, lat}}) do
    ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
      ~s("properties":{"status":"reviewed"}})
  end

  defp put(name, what, caller, n) do
    place = {rem(caller * 7_919 + n, 36_000) / 100 - 180, rem(n, 18_000) / 100 - 90}
    {:ok, _} = FormdbHttp.put_feature(name, text({"#{what}-#{caller}-#{n}", place}))
  end

  defp remove(name, caller, n) do
    case FormdbHttp.delete_feature(name, "many-#{caller}-#{n}") do
      {:ok, _} -> :ok
      # It has removed all it wrote: write again, so that there is something to remove.
      {:error, %{code: :feature_not_found}} -> put(name, "many", caller, n)
    end
  end
end

Bench.Spatial.run()
