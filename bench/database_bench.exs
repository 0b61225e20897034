# The database through its public Elixir API: durable writes, bulk load, queries.
#
#   mix run bench/database_bench.exs
#
# Works in a temporary folder, removed at the end. Every answer that is timed is
# checked, too.

Code.require_file("support/bench.exs", __DIR__)
Bench.start()

# In a module, because scripts are interpreted outside of one.
defmodule Bench.Database do
  alias Bench.{Measure, Report}

  @start 1_700_000_000_000_000
  @batch 50_000
  @collection 5_000
  @boxes 1_000

  def run do
    Report.open("database")
    single_writes()
    many_databases()
    bulk_load()
    Report.close()
  end

  ## Durable single writes

  defp single_writes do
    Report.section("durable single writes",
      checked: "a block for every write, and of each run one that was written is read back"
    )

    features = for callers <- [1, 16, 64, 256], do: {"features, #{callers(callers)}", callers}

    rows =
      [{"fdatasync of a 300-byte append", &disk/0, note: "the disk's own pace"}] ++
        for {name, callers} <- features do
          {name, fn -> written(callers, &put_feature/3) end,
           earlier: 0, target: if(callers == 64, do: 100_000)}
        end ++
        for callers <- [1, 64] do
          {"points, #{callers(callers)}", fn -> written(callers, &put_point/3) end, earlier: 0}
        end

    values = Report.measure(rows)

    [one, disk] =
      for name <- ["features, 1 caller", "fdatasync of a 300-byte append"], do: values[name]

    Report.figure("features, 1 caller, of fdatasync", Enum.zip_with(one, disk, &(&1 / &2)),
      unit: "of it",
      target: 0.8
    )
  end

  defp callers(1), do: "1 caller"
  defp callers(n), do: "#{n} callers"

  # In the folder of the databases. The file is opened by the process that uses it, as raw
  # files must be.
  defp disk do
    probe = Path.join(FormdbHttp.Catalog.config().data_dir, "fdatasync-probe")

    rate =
      Measure.throughput(1, Bench.span(1_500), fn _caller, n ->
        if n == 0, do: Process.put(:probe, File.open!(probe, [:raw, :append]))
        :ok = :file.write(Process.get(:probe), :binary.copy("x", 300))
        :ok = :file.datasync(Process.get(:probe))
      end)

    File.rm!(probe)
    rate
  end

  defp written(callers, put) do
    Bench.with_database(fn name ->
      rate = Measure.throughput(callers, Bench.span(2_000), &put.(name, &1, &2))
      {:ok, info} = FormdbHttp.database(name)
      Measure.check!(info.seq > 0 and info.seq == info.features + info.points, "all writes")
      read_back(name, info)
      rate
    end)
  end

  defp read_back(name, %{points: 0}), do: {:ok, %{json: _}} = FormdbHttp.get_feature(name, "1-0")

  defp read_back(name, _info),
    do: {:ok, %{points: [{0, +0.0}]}} = FormdbHttp.range(name, "1", 0, 1)

  defp put_feature(name, caller, n) do
    place = {rem(caller * 7919 + n, 36_000) / 100 - 180, rem(n, 18_000) / 100 - 90}
    {:ok, _} = FormdbHttp.put_feature(name, feature("#{caller}-#{n}", place))
  end

  defp put_point(name, caller, n),
    do: {:ok, _} = FormdbHttp.put_point(name, "#{caller}", n, n / 7)

  defp feature(id, {lon, lat}) do
    ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
      ~s("properties":{"mag":4.2,"place":"10 km W of somewhere","status":"reviewed"}})
  end

  ## The same, of callers who share the processors and the disk with others

  @many Bench.scaled([{4, 16}, {4, 64}, {4, 256}, {16, 16}, {16, 64}, {16, 256}], [{4, 64}])

  defp many_databases do
    Report.section("durable single writes of features, to several databases at once",
      checked: "a block for every write"
    )

    shares = :ets.new(:shares, [:duplicate_bag])

    Report.measure(
      for {databases, callers} = row <- @many do
        written = fn ->
          {rate, counts} = written_to(databases, callers)
          :ets.insert(shares, {row, Enum.min(counts) / Enum.max(counts)})
          rate
        end

        {"#{databases} databases, #{callers} callers in all", written, []}
      end
    )

    for {databases, callers} = row <- @many do
      values = for {_row, share} <- :ets.lookup(shares, row), do: share
      name = "slowest of #{databases} databases, #{callers} callers"
      Report.figure(name, values, unit: "of the fastest")
    end
  end

  # Writes a second of all, and how many each database has taken.
  defp written_to(databases, callers) do
    with_databases(databases, [], fn names ->
      names = List.to_tuple(names)
      put = fn caller, n -> put_feature(elem(names, rem(caller, databases)), caller, n) end
      rate = Measure.throughput(callers, Bench.span(2_000), put)

      counts =
        for name <- Tuple.to_list(names) do
          {:ok, %{seq: seq, features: features}} = FormdbHttp.database(name)
          Measure.check!(seq > 0 and seq == features, "all writes")
          seq
        end

      {rate, counts}
    end)
  end

  defp with_databases(0, names, fun), do: fun.(names)

  defp with_databases(count, names, fun),
    do: Bench.with_database(&with_databases(count - 1, [&1 | names], fun))

  ## Bulk load

  defp bulk_load do
    points = Bench.scaled(1_000_000, 200_000)
    features = Bench.scaled(300_000, 60_000)
    :rand.seed(:exsss, {1, 2, 3})
    places = List.to_tuple(for _ <- 1..features, do: {at(180), at(90)})

    # Made before the clock runs: it is the database that is measured.
    batches = for from <- 0..(points - 1)//@batch, do: batch(from)
    collections = for from <- 0..(features - 1)//@collection, do: collection(places, from)

    # What is loaded last stays for the queries.
    Bench.with_database(fn name ->
      loads =
        for _ <- 2..Bench.rounds()//1 do
          Bench.with_database(&load(&1, points, batches, features, collections))
        end ++ [load(name, points, batches, features, collections)]

      Report.section("bulk load, 2 callers, durable",
        checked: "the number of points and features afterwards"
      )

      [point_rates, point_bytes, feature_rates, feature_bytes] = Enum.zip_with(loads, & &1)
      bytes = [unit: "bytes", better: :lower]
      Report.figure("#{points} points", point_rates, earlier: 0, target: 1_000_000)
      Report.figure("on disk, a point", point_bytes, bytes ++ [earlier: 140, target: 8])
      Report.figure("#{features} features", feature_rates, earlier: 0, target: 300_000)
      Report.figure("on disk, a feature", feature_bytes, bytes)
      queries(name, points, places)
    end)
  end

  defp at(bound), do: Float.round((:rand.uniform() * 2 - 1) * bound, 5)

  defp batch(from) do
    range = from..(from + @batch - 1)

    {for(i <- range, into: <<>>, do: <<time(i)::little-signed-64>>),
     for(i <- range, into: <<>>, do: <<value(i)::little-float-64>>)}
  end

  defp time(i), do: @start + i * 1_000_000
  defp value(i), do: 20 + 5 * :math.sin(i / 5_000) + rem(i * 7919, 100) / 100

  defp collection(places, from) do
    list = for i <- from..(from + @collection - 1), do: feature("f#{i}", elem(places, i))
    ~s({"type":"FeatureCollection","features":[#{Enum.join(list, ",")}]})
  end

  # Points and features a second, and bytes of each in the journal.
  defp load(name, points, batches, features, collections) do
    put_columns = fn {timestamps, values} ->
      {:ok, _} = FormdbHttp.put_columns(name, "sensor", timestamps, values, timeout: :infinity)
    end

    put_features = fn text ->
      {:ok, _} = FormdbHttp.put_features(name, text, timeout: :infinity)
    end

    {:ok, %{journal_bytes: empty}} = FormdbHttp.database(name)
    points_took = Measure.by_two(batches, put_columns)
    {:ok, %{journal_bytes: half}} = FormdbHttp.database(name)
    features_took = Measure.by_two(collections, put_features)
    {:ok, info} = FormdbHttp.database(name)
    Measure.check!({info.points, info.features} == {points, features}, "everything is there")

    [
      points * 1.0e6 / points_took,
      (half - empty) / points,
      features * 1.0e6 / features_took,
      (info.journal_bytes - half) / features
    ]
  end

  ## Queries

  defp queries(name, points, places) do
    boxes = boxes(name, places)

    Report.section("queries, in #{tuple_size(places)} features and #{points} points",
      hits: Report.hits_of(name),
      checked:
        "the number of features in one of 20 boxes against a walk over all features; the length of " <>
          "one range of 100"
    )

    question = Measure.counter()

    # With another limit it is another question, whose answer is not among those kept.
    box = fn limit ->
      fn _caller, _n ->
        n = question.()
        {:ok, _} = FormdbHttp.search(name, {:box, elem(boxes, rem(n, @boxes))}, limit: limit.(n))
      end
    end

    run = fn callers, fun -> fn -> Measure.throughput(callers, Bench.span(1_000), fun) end end
    usual = fn _n -> 1_000 end

    by_id = fn caller, n ->
      {:ok, _} = FormdbHttp.get_feature(name, "f#{rem(n * 7919 + caller, tuple_size(places))}")
    end

    Report.measure([
      {"boxes of 38, GeoJSON, 1 caller", run.(1, box.(&Measure.limit/1)), []},
      {"boxes of 38, GeoJSON, 2 callers", run.(2, box.(&Measure.limit/1)), []},
      {"boxes of 38, GeoJSON, 1 caller, kept", run.(1, box.(usual)), kept: true},
      {"boxes of 38, GeoJSON, 2 callers, kept", run.(2, box.(usual)), kept: true},
      {"features by id, 2 callers", run.(2, by_id), []},
      {"1 h (60 points), list, 1 caller", run.(1, range(name, points, 60)), []},
      {"1 day (1,440 points), list, 1 caller", run.(1, range(name, points, 1_440)), []},
      {"1 week (10,000 points), list, 1 caller", run.(1, range(name, points, 10_000)), []}
    ])
  end

  # Squares that hold about 38 features each.
  defp boxes(name, places) do
    side = 2.87 * :math.sqrt(300_000 / tuple_size(places))
    all = Tuple.to_list(places)

    List.to_tuple(
      for n <- 1..@boxes do
        {west, south} = {at(170), at(50)}
        {east, north} = {west + side, south + side}
        {:ok, %{returned: found}} = FormdbHttp.search(name, {:box, {west, south, east, north}})

        if rem(n, 20) == 0 do
          inside = fn {x, y} -> x >= west and x <= east and y >= south and y <= north end
          expected = Enum.count(all, inside)
          Measure.check!(found == expected, "a box has #{expected} features, found #{found}")
        end

        {west, south, east, north}
      end
    )
  end

  defp range(name, points, width) do
    fn _caller, n ->
      from = rem(n * 7919, points - width)

      {:ok, %{points: list}} =
        FormdbHttp.range(name, "sensor", time(from), time(from + width), limit: 10_000)

      if rem(n, 100) == 0, do: Measure.check!(length(list) == width, "a full range")
    end
  end
end

Bench.Database.run()
