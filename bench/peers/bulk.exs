# Much at once, from one connection, asked of this system and of others.
# bench/peers/README.md says what the rows mean.

Code.require_file("../support/bench.exs", __DIR__)
Code.require_file("../support/server.exs", __DIR__)
Code.require_file("support/peers.exs", __DIR__)
Logger.configure(level: :warning)

defmodule Bench.Peers.Bulk do
  alias Bench.{Measure, Peers, Report}

  alias Bench.Peers.{
    Clients,
    Data,
    Embedded,
    InfluxDB,
    Ours,
    Points,
    Postgres,
    Redis,
    Tile38,
    Victoria
  }

  @databases "/api/v1/databases"
  # A request of lines to InfluxDB, as its manual has it.
  @batch 10_000

  def run do
    Report.open("peers_bulk")

    Peers.with(
      [Ours, Postgres, Tile38, Redis, InfluxDB, Victoria, "SQLite", "DuckDB", "GeoPandas"],
      fn peers ->
        peers = Map.put(peers, :round, Measure.counter())
        features(peers)
        points(peers)
      end
    )

    Report.close()
  end

  ## Features

  defp features(peers) do
    count = Bench.scaled(300_000, 20_000)
    features = Data.uniform(count)
    file = Data.file("bulk.ndjson", Stream.map(features, &elem(&1, 3)))
    Report.section("upload of much, one connection", checked: "how many are there")

    Peers.row("#{count} features, with an index", [
      {peers[Ours],
       fn ->
         rate(count, upload_ours(peers, "/features", file, count, "application/x-ndjson"))
       end, durability: "synced"},
      postgres_features(peers, features, count),
      tile38_features(peers, features, count),
      redis_documents(peers, features, count) | embedded_features(peers, file, count)
    ])
  end

  defp upload_ours(peers, path, file, count, type) do
    database = Ours.database(peers[Ours], "bulk-#{peers.round.()}")
    Ours.load(peers[Ours], database <> path, file, count, type)
  end

  defp postgres_features(peers, features, count) do
    if postgres = peers[Postgres] do
      rows =
        Stream.map(features, fn {id, x, y, document} ->
          "#{id}\tSRID=4326;POINT(#{x} #{y})\t#{document}"
        end)

      file = Data.file("bulk.tsv", rows)

      {postgres,
       fn ->
         table = "bulk_#{peers.round.()}"

         copied(postgres, table, count, """
         create table #{table} (id text, geom geometry(point, 4326), doc text);
         \\copy #{table} from '#{file}'
         alter table #{table} add primary key (id);
         create index on #{table} using gist (geom);
         """)
       end, durability: "synced"}
    end
  end

  defp copied(postgres, table, count, statements) do
    {micros, _} = Measure.time(fn -> Postgres.sql(postgres, statements) end)
    [found] = Postgres.sql(postgres, "select count(*) from #{table}; drop table #{table}")
    Measure.check!(found == "#{count}", "#{table} has #{found} rows")
    rate(count, micros)
  end

  defp tile38_features(peers, features, count) do
    if tile38 = peers[Tile38] do
      documents = Enum.map(features, fn {id, _, _, document} -> {id, document} end)

      {tile38, fn -> rate(count, Tile38.load(tile38, "bulk#{peers.round.()}", documents)) end,
       durability: "within a second"}
    end
  end

  defp redis_documents(peers, features, count) do
    if redis = peers[Redis] do
      commands = Enum.map(features, fn {id, _, _, document} -> ["SET", id, document] end)

      {redis, fn -> rate(count, Redis.send_all(redis, commands)) end,
       durability: "within a second", note: "SET of the document: no index"}
    end
  end

  defp embedded_features(peers, file, count) do
    for {library, durability} <- [
          {"SQLite", "synced"},
          {"DuckDB", "synced"},
          {"GeoPandas", "in memory"}
        ],
        peer = peers[library] do
      {peer, fn -> rate(count, Embedded.load(peer, "bulk#{peers.round.()}", file, count)) end,
       durability: durability}
    end
  end

  ## Points

  defp points(peers) do
    columns(peers, Bench.scaled(50, 5), 100_000)
    lines(peers, "lines", 100, Bench.scaled(20_000, 1_000))
    lines(peers, "wide", Bench.scaled(100_000, 10_000), 1)
  end

  defp columns(peers, series, minutes) do
    count = series * minutes
    values = for kind <- 0..15, do: {kind, column(minutes, &Points.value(kind, &1))}
    values = Map.new(values)

    [micros, millis] =
      for factor <- [1_000_000, 1_000], do: column(minutes, &(Points.at(&1) * factor))

    bodies = fn body ->
      for n <- 0..(series - 1), do: Data.file("columns-#{n}", [body.(n, values[rem(n, 16)])])
    end

    Peers.row("#{count} points in columns", [
      {peers[Ours],
       fn ->
         files =
           bodies.(fn n, values ->
             ~s({"series_id":"s#{n}","timestamps":[#{micros}],"values":[#{values}]})
           end)

         name = "bulk-#{peers.round.()}"
         path = Ours.database(peers[Ours], name) <> "/timeseries"

         {took, _} =
           Clients.upload(
             for(file <- files, do: {peers[Ours].url <> path, file}),
             "application/json"
           )

         there(Ours.get(peers[Ours], "#{@databases}/#{name}")["points"], count)
         rate(count, took)
       end, durability: "synced"},
      (victoria = peers[Victoria]) &&
        {victoria,
         fn ->
           files =
             bodies.(fn n, values ->
               ~s({"metric":{"__name__":"c","s":"#{n}"},"values":[#{values}],"timestamps":[#{millis}]})
             end)

           round = peers.round.()
           url = victoria.url <> "/api/v1/import?extra_label=round=#{round}"
           {took, _} = Clients.upload(for(file <- files, do: {url, file}), "application/json")
           counted(victoria, "c", round, minutes, count)
           rate(count, took)
         end, durability: "in memory"}
    ])
  end

  defp column(minutes, value), do: Enum.map_join(0..(minutes - 1), ",", &to_string(value.(&1)))

  defp lines(peers, shape, series, minutes) do
    count = series * minutes
    csv = csv(series, minutes)
    influx = influx_lines(series, minutes)

    title =
      if shape == "wide",
        do: "#{count} series with a point each",
        else: "#{count} points in lines"

    Peers.row(title, [
      {peers[Ours],
       fn ->
         rate(count, upload_ours(peers, "/timeseries?unit=s", csv.ours, count, "text/csv"))
       end, durability: "synced"},
      (victoria = peers[Victoria]) &&
        {victoria,
         fn ->
           round = peers.round.()
           url = victoria.url <> "/write?extra_label=round=#{round}"
           {took, _} = Clients.upload([{url, influx.whole}], "text/plain")
           counted(victoria, "l_v", round, minutes, count)
           rate(count, took)
         end, durability: "in memory"},
      (influxdb = peers[InfluxDB]) &&
        {influxdb,
         fn ->
           name = "bulk#{peers.round.()}"
           InfluxDB.database(influxdb, name)
           url = influxdb.url <> "/write?db=#{name}"
           {took, _} = Clients.upload(for(file <- influx.parts, do: {url, file}), "text/plain")
           [[_, found]] = InfluxDB.rows(influxdb, name, "select count(v) from l")
           there(found, count)
           rate(count, took)
         end, durability: "synced"},
      (postgres = peers[Postgres]) &&
        {postgres,
         fn ->
           table = "bulk_#{peers.round.()}"

           copied(postgres, table, count, """
           create table #{table} (series int, t timestamptz, value float8);
           \\copy #{table} from '#{csv.sql}' with (format csv)
           create index on #{table} (series, t);
           """)
         end, durability: "synced"},
      (duckdb = peers["DuckDB"]) &&
        {duckdb, fn -> duckdb_lines(duckdb, peers.round.(), csv.sql, count) end,
         durability: "synced"}
    ])
  end

  defp duckdb_lines(duckdb, round, file, count) do
    table = "lines#{round}"
    create = "create table #{table} (series int, t timestamptz, value double)"
    [_, _] = Embedded.call(duckdb, "sql", statement: create)

    [_, copy] =
      Embedded.call(duckdb, "sql", statement: "copy #{table} from '#{file}' (header false)")

    [[[found]], _] = Embedded.call(duckdb, "sql", statement: "select count(*) from #{table}")
    there(found, count)
    [_, sync] = Embedded.call(duckdb, "sql", statement: "checkpoint")
    rate(count, (copy + sync) * 1.0e6)
  end

  defp csv(series, minutes) do
    ours =
      Points.lines(series, minutes, &Points.at/1, fn n, at, value ->
        ["s#{n},#{at},", to_string(value)]
      end)

    sql =
      Points.lines(series, minutes, &Points.iso/1, fn n, at, value ->
        ["#{n},#{at},", to_string(value)]
      end)

    %{
      ours: Data.file("points.csv", Stream.concat(["series_id,timestamp,value"], ours)),
      sql: Data.file("points.sql.csv", sql)
    }
  end

  defp influx_lines(series, minutes) do
    lines =
      Points.lines(series, minutes, &"#{Points.at(&1)}000000000", fn n, at, value ->
        ["l,s=#{n} v=", to_string(value), " ", at]
      end)

    parts =
      for {part, n} <- lines |> Stream.chunk_every(@batch) |> Stream.with_index(),
          do: Data.file("points-#{n}.lines", part)

    %{whole: Data.file("points.lines", lines), parts: parts}
  end

  defp counted(victoria, metric, round, minutes, count) do
    Victoria.flush(victoria)
    question = ~s|sum(count_over_time(#{metric}{round="#{round}"}[#{minutes + 1}m]))|

    [%{"value" => [_, found]}] =
      Victoria.series(victoria, Victoria.path(question, Points.at(minutes)))

    there(String.to_integer(found), count)
  end

  defp there(found, count), do: Measure.check!(found == count, "#{found} are there, not #{count}")
  defp rate(count, micros), do: count * 1.0e6 / micros
end

Bench.Peers.Bulk.run()
