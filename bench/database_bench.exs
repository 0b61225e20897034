# The database through its public Elixir API: durable writes, bulk load, queries.
#
#   MIX_ENV=prod mix run bench/database_bench.exs
#
# Works in a temporary folder, removed at the end. Every answer that is timed is
# checked, too.

Code.require_file("support/measure.exs", __DIR__)
alias Bench.Measure

Logger.configure(level: :warning)

name = "bench-#{System.unique_integer([:positive])}"
{:ok, _} = FormdbHttp.open(name)
{:ok, _} = FormdbHttp.open(name <> "-bulk")
bulk = name <> "-bulk"

feature = fn id, lon, lat ->
  ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
    ~s("properties":{"mag":4.2,"place":"10 km W of somewhere","status":"reviewed"}})
end

# The disk's own pace, in the same folder: append 300 bytes, fdatasync. The file is
# opened by the process that uses it, as raw files must be.
probe = Path.join(FormdbHttp.Catalog.config().data_dir, "fdatasync-probe")

disk_rate =
  Measure.throughput(1, 1_500, fn _caller, n ->
    if n == 0, do: Process.put(:probe, File.open!(probe, [:raw, :append]))
    :ok = :file.write(Process.get(:probe), :binary.copy("x", 300))
    :ok = :file.datasync(Process.get(:probe))
  end)

File.rm!(probe)
Measure.line("fdatasync of a 300-byte append", Measure.rate(disk_rate), "the disk's own pace")

## Durable single writes

for callers <- [1, 16, 64, 256] do
  written =
    Measure.throughput(callers, 2_000, fn caller, n ->
      lon = rem(caller * 7919 + n, 36_000) / 100 - 180
      lat = rem(n, 18_000) / 100 - 90
      {:ok, _} = FormdbHttp.put_feature(name, feature.("w#{callers}-#{caller}-#{n}", lon, lat))
    end)

  Measure.line(
    "durable feature writes, #{callers} callers",
    Measure.rate(written),
    "x#{Float.round(written / disk_rate, 2)} of the disk"
  )
end

for callers <- [1, 64] do
  written =
    Measure.throughput(callers, 2_000, fn caller, n ->
      {:ok, _} = FormdbHttp.put_point(name, "s#{callers}-#{caller}", n, n / 7)
    end)

  Measure.line("durable point writes, #{callers} callers", Measure.rate(written))
end

{:ok, info} = FormdbHttp.database(name)
{:ok, %{json: _}} = FormdbHttp.get_feature(name, "w64-64-0")
Measure.check!(info.seq == info.features + info.points, "a block for every write")

## Bulk load

points = 1_000_000
batch = 50_000
start = 1_700_000_000_000_000
noise = fn i -> 20 + 5 * :math.sin(i / 5_000) + rem(i * 7919, 100) / 100 end

batches =
  for from <- 0..(points - 1)//batch do
    range = from..(from + batch - 1)

    {for(i <- range, into: <<>>, do: <<start + i * 1_000_000::little-signed-64>>),
     for(i <- range, into: <<>>, do: <<noise.(i)::little-float-64>>)}
  end

{:ok, before} = FormdbHttp.database(bulk)

{micros, _} =
  Measure.time(fn ->
    batches
    |> Task.async_stream(
      fn {timestamps, values} ->
        {:ok, _} = FormdbHttp.put_columns(bulk, "sensor", timestamps, values, timeout: :infinity)
      end,
      max_concurrency: 2,
      ordered: false,
      timeout: :infinity
    )
    |> Stream.run()
  end)

{:ok, after_points} = FormdbHttp.database(bulk)
Measure.check!(after_points.points == points, "all points are there")
bytes = (after_points.journal_bytes - before.journal_bytes) / points

Measure.line(
  "bulk load of #{points} points",
  Measure.rate(points * 1.0e6 / micros),
  "#{Float.round(bytes, 2)} bytes a point on disk"
)

features = 300_000
:rand.seed(:exsss, {1, 2, 3})

positions =
  List.to_tuple(
    for _ <- 1..features,
        do:
          {Float.round(:rand.uniform() * 360 - 180, 5),
           Float.round(:rand.uniform() * 180 - 90, 5)}
  )

collections =
  for from <- 0..(features - 1)//5_000 do
    list =
      for i <- from..(from + 4_999) do
        {lon, lat} = elem(positions, i)
        feature.("f#{i}", lon, lat)
      end

    ~s({"type":"FeatureCollection","features":[#{Enum.join(list, ",")}]})
  end

{micros, _} =
  Measure.time(fn ->
    collections
    |> Task.async_stream(
      fn text -> {:ok, _} = FormdbHttp.put_features(bulk, text, timeout: :infinity) end,
      max_concurrency: 2,
      ordered: false,
      timeout: :infinity
    )
    |> Stream.run()
  end)

{:ok, after_features} = FormdbHttp.database(bulk)
Measure.check!(after_features.features == features, "all features are there")
bytes = (after_features.journal_bytes - after_points.journal_bytes) / features

Measure.line(
  "bulk load of #{features} features",
  Measure.rate(features * 1.0e6 / micros),
  "#{Float.round(bytes, 1)} bytes a feature on disk"
)

## Queries

# About 38 of 300,000 features lie in a box of this size near the equator.
boxes =
  for _ <- 1..1_000 do
    lon = Float.round(:rand.uniform() * 340 - 170, 3)
    lat = Float.round(:rand.uniform() * 100 - 50, 3)
    {lon, lat, lon + 2.87, lat + 2.87}
  end

counts =
  for {w, s, e, n} = box <- boxes do
    {:ok, page} = FormdbHttp.search(bulk, {:box, box})

    if :rand.uniform(20) == 1 do
      expected =
        Enum.count(Tuple.to_list(positions), fn {x, y} ->
          x >= w and x <= e and y >= s and y <= n
        end)

      Measure.check!(
        page.returned == expected,
        "box #{inspect(box)}: #{page.returned}, not #{expected}"
      )
    end

    page.returned
  end

mean = Enum.sum(counts) / length(counts)
boxes = List.to_tuple(boxes)

# With another limit it is another question, whose answer is not among those kept.
limits = [{"new", &(1_000 + rem(&1, 90_000))}, {"asked again", fn _n -> 1_000 end}]

for callers <- [1, 2], {what, limit} <- limits do
  queries =
    Measure.throughput(callers, 2_000, fn caller, n ->
      box = elem(boxes, rem(n * 7 + caller * 13, 1_000))
      {:ok, _} = FormdbHttp.search(bulk, {:box, box}, limit: limit.(n))
    end)

  Measure.line(
    "box queries, GeoJSON, #{what}, #{callers} callers",
    Measure.rate(queries),
    "#{Float.round(mean, 1)} features a box"
  )
end

reads =
  Measure.throughput(2, 2_000, fn caller, n ->
    {:ok, _} = FormdbHttp.get_feature(bulk, "f#{rem(n * 7919 + caller, 50_000)}")
  end)

Measure.line("feature by id, 2 callers", Measure.rate(reads))

for {what, width} <- [
      {"1 h (60 points)", 60},
      {"1 day (1,440 points)", 1_440},
      {"1 week (10,000 points)", 10_000}
    ] do
  queries =
    Measure.throughput(1, 1_000, fn _caller, n ->
      from = start + rem(n * 7919, points - width) * 1_000_000

      {:ok, %{points: list}} =
        FormdbHttp.range(bulk, "sensor", from, from + width * 1_000_000, limit: 10_000)

      if rem(n, 100) == 0, do: Measure.check!(length(list) == width, "a full range")
    end)

  Measure.line("range of #{what}, 1 caller", Measure.rate(queries))
end

for name <- [name, bulk], do: :ok = FormdbHttp.purge(name)
