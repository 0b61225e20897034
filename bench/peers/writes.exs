# Single writes, by what is promised of them when they are answered, asked of this system and of
# others. bench/peers/README.md says what the rows mean.

Code.require_file("../support/bench.exs", __DIR__)
Code.require_file("../support/server.exs", __DIR__)
Code.require_file("support/peers.exs", __DIR__)
Logger.configure(level: :warning)

defmodule Bench.Peers.Writes do
  alias Bench.{Measure, Peers, Report}

  alias Bench.Peers.{
    Clients,
    Embedded,
    Inside,
    InfluxDB,
    Ours,
    Postgres,
    Redis,
    Resp,
    Tile38,
    Victoria
  }

  @connections [1, 16, 64]
  @checked "that none was refused"

  # PostgreSQL, when a commit need not wait for the disk; its log is synced within 600 ms.
  @later [{"PGOPTIONS", "-c synchronous_commit=off"}]

  def run do
    Report.open("peers_writes")

    Peers.with([Ours, Postgres, Redis, Tile38, InfluxDB, Victoria], fn peers ->
      peers |> prepare() |> rows()
    end)

    within()
    Report.close()
  end

  defp prepare(peers) do
    Peers.alone(peers[Ours], fn -> Ours.database(peers[Ours], "written") end)

    if postgres = peers[Postgres] do
      Peers.alone(postgres, fn ->
        Postgres.sql(postgres, """
        create table written (id text primary key, geom geometry(point, 4326), doc text);
        create index on written using gist (geom);
        create table points (series int, t timestamptz, value float8);
        create index on points (series, t);
        """)
      end)
    end

    if influx = peers[InfluxDB],
      do: Peers.alone(influx, fn -> InfluxDB.database(influx, "written") end)

    # Bases of ids: no two rounds write the same.
    Map.put(peers, :base, Measure.counter())
  end

  defp rows(peers) do
    Report.section("a feature, synced before it is answered", checked: @checked)

    for n <- @connections do
      Peers.row(connections(n), [
        ours(peers, "features", "sync", feature(), n),
        postgres(peers, feature_sql(), n, []),
        redis(peers, "always", n)
      ])
    end

    Report.section("a feature, synced within a second", checked: @checked)

    for n <- @connections do
      Peers.row(connections(n), [
        ours(peers, "features", "interval", feature(), n),
        postgres(peers, feature_sql(), n, @later),
        redis(peers, "everysec", n),
        tile38(peers, n)
      ])
    end

    Report.section("a point of a series, synced before it is answered", checked: @checked)

    for n <- @connections do
      Peers.row(connections(n), [
        ours(peers, "timeseries", "sync", point(), n),
        postgres(peers, point_sql(), n, []),
        influx(peers, n)
      ])
    end

    Report.section("a point of a series, answered before it is on disk", checked: @checked)

    for n <- @connections do
      Peers.row(connections(n), [
        ours(peers, "timeseries", "none", point(), n),
        victoria(peers, n)
      ])
    end
  end

  defp connections(1), do: "1 connection"
  defp connections(n), do: "#{n} connections"

  ## What is written: `n` is another number each time, `m` one of eight digits that jumps.

  defp feature do
    ~S({"type":"Feature","id":"w{n}","geometry":{"type":"Point","coordinates":[7.{m},46.{m}]},) <>
      ~S("properties":{"mag":5.5,"place":"somewhere"}})
  end

  defp feature_sql do
    """
    \\set n random(1, 1000000000000000)
    \\set m random(10000000, 99999999)
    insert into written values ('w' || :n::bigint, st_setsrid(st_point(7 + :m / 1e8, 46 + :m / 1e8), 4326),
      concat('{"type":"Feature","id":"w', :n::bigint, '","geometry":{"type":"Point","coordinates":[7.', :m::bigint,
        ',46.', :m::bigint, ']},"properties":{"mag":5.5,"place":"somewhere"}}'));
    """
  end

  defp point, do: ~S({"series_id":"s","timestamp":{n},"value":20.125})

  defp point_sql do
    """
    \\set n random(1, 1000000000)
    insert into points values (1, to_timestamp(:n::bigint), 20.125);
    """
  end

  ## Who writes

  defp ours(peers, path, durability, body, connections) do
    ours = peers[Ours]
    path = "/api/v1/databases/written/#{path}?durability=#{durability}"
    {ours, posts(ours, peers.base, path, body, connections), []}
  end

  defp influx(peers, connections) do
    if influx = peers[InfluxDB] do
      {influx,
       posts(influx, peers.base, "/write?db=written", "m,s=1 v=20.125 {n}000", connections), []}
    end
  end

  defp victoria(peers, connections) do
    if victoria = peers[Victoria] do
      # In milliseconds within the last day, as its lines have them.
      body = ~S({"metric":{"__name__":"m","s":"1"},"values":[20.125],"timestamps":[17000{m}]})
      {victoria, posts(victoria, peers.base, "/api/v1/import", body, connections), []}
    end
  end

  defp posts(peer, base, path, body, connections) do
    script = """
    local n
    function init(args) n = tonumber(args[1]) end
    function request()
      n = n + 1
      local m = string.format("%08d", n * 48271 % 100000000)
      return wrk.format("POST", "#{path}", nil, #{lua(body)})
    end
    wrk.headers["Content-Type"] = "application/json"
    """

    fn -> Clients.wrk_script(peer.url, script, ["#{base.() * 10_000_000}"], connections) end
  end

  # A template as an expression of Lua; numbers as they are written whole.
  defp lua(template) do
    template
    |> String.split(~r/\{[nm]\}/, include_captures: true)
    |> Enum.map_join(" .. ", fn
      "{n}" -> ~S[string.format("%d", n)]
      "{m}" -> "m"
      text -> "[[#{text}]]"
    end)
  end

  defp postgres(peers, script, connections, env) do
    if postgres = peers[Postgres],
      do: {postgres, Postgres.ask(postgres, script, connections, env: env), []}
  end

  defp redis(peers, policy, connections) do
    if redis = peers[Redis] do
      file = Resp.file("redis-writes", documents(fn id, document -> ["SET", id, document] end))

      {redis,
       fn ->
         Redis.synced(redis, policy)
         Clients.resp(redis.port, file, connections)
       end, note: "SET of the document: no index"}
    end
  end

  defp tile38(peers, connections) do
    if tile38 = peers[Tile38] do
      commands = documents(fn id, document -> ["SET", "written", id, "OBJECT", document] end)
      {tile38, Tile38.ask(tile38, "writes", commands, connections), []}
    end
  end

  # More than are written in a round, but with luck of the machine.
  defp documents(command) do
    for n <- 1..400_000//1 do
      m = rem(n * 48_271, 90_000_000) + 10_000_000

      document = feature() |> String.replace("{n}", "#{n}") |> String.replace("{m}", "#{m}")

      command.("w#{n}", document)
    end
  end

  ## Within the process

  defp within do
    inside = Inside.start()
    {:ok, _} = FormdbHttp.open("within")

    Peers.with(~w(SQLite DuckDB), fn peers ->
      Report.section("a feature, synced before it is answered, within the process, one caller",
        checked: @checked
      )

      base = Measure.counter()

      write = fn ->
        Measure.throughput(1, Bench.span(3_000), fn _, _ ->
          n = base.()
          m = rem(n * 48_271, 90_000_000) + 10_000_000
          document = feature() |> String.replace("{n}", "#{n}") |> String.replace("{m}", "#{m}")
          {:ok, _} = FormdbHttp.put_feature("within", document)
        end)
      end

      embedded =
        for library <- ~w(SQLite DuckDB),
            peer = peers[library],
            do:
              {peer, fn -> Embedded.call(peer, "insert", seconds: Bench.span(3_000) / 1_000) end,
               []}

      Peers.row("1 caller", [{inside, write, []} | embedded])
    end)
  end
end

Bench.Peers.Writes.run()
