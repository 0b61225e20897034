# Calls over HTTP from 64 connections, beside a bare Cowboy handler that answers "ok".
#
#   mix run bench/http_read_bench.exs
#
# The server is a process of its own. The bare handler is in this VM, which is idle while
# the server is measured, as the server is while the handler is. The load comes from wrk
# (`bin/setup --tools`), one thread, which shares the machine with both, so the ratios say
# more than the rates. Each connection asks again as soon as it has its answer: how long
# calls take is how long they take under all the load that there is.
#
# Then lines and tables of many features and points go up and come down, one at a time.
#
# All answers must have a status of success. Before and after each row its answer is
# compared with what it has to say, and what was written is counted afterwards. Rows "in
# CBOR" ask for the same in that form.

Code.require_file("support/bench.exs", __DIR__)
Code.require_file("support/server.exs", __DIR__)
Bench.start()

defmodule Bench.Ok do
  def init(req, state), do: {:ok, :cowboy_req.reply(200, %{}, "ok", req), state}
end

defmodule Bench.HTTP do
  alias Bench.{Measure, Report, Server}
  alias FormdbHttp.JSON

  @connections 64
  @databases "/api/v1/databases"
  @read "#{@databases}/read"
  @written "#{@databases}/written"
  @earthquakes "priv/samples/earthquakes.geojson"
  @box {-156, 19, -155, 20}
  @in_cbor ["feature by id", "nearest ten, worked out", "an hour by 5 minutes, worked out"]
  # Writes a second that have to be durable and acknowledged.
  @durable 30_000

  def run do
    wrk = System.find_executable("wrk") || raise "wrk is not installed: run bin/setup --tools"
    routes = :cowboy_router.compile([{:_, [{"/", Bench.Ok, nil}]}])
    listen = [ip: {127, 0, 0, 1}, port: 0]
    {:ok, _} = :cowboy.start_clear(:bare, listen, %{env: %{dispatch: routes}})
    server = Server.start()

    bench = %{
      wrk: wrk,
      bare: %{url: "http://127.0.0.1:#{:ranch.get_port(:bare)}"},
      server: server,
      cbor: Map.put(server, :accept, "application/cbor"),
      requests: :atomics.new(1, []),
      latencies: :ets.new(:latencies, [:duplicate_bag])
    }

    try do
      Report.open("http_read")
      reads(bench)
      writes(bench)
      streams(bench)
    after
      Server.stop(server)
    end

    Report.close()
  end

  ## Reads

  defp reads(bench) do
    load(bench.server)

    Report.section("reads over HTTP, #{@connections} connections",
      checked: "all statuses; before and after each row the answer",
      hits: fn -> Server.figures(bench.server, "read")["query_cache"]["hits"] end
    )

    bare = {"bare Cowboy \"ok\"", :bare, "/", &(&1 == "ok"), []}
    rows = [bare | read_rows()]

    rates =
      Report.measure(
        for {name, to, path, right?, members} <- rows do
          {name, fn -> checked(bench, name, bench[to], path, right?) end, members}
        end
      )

    Report.section("reads, as a part of what the bare handler did in the same round")
    {[ok], others} = rows |> Enum.map(&{rates[elem(&1, 0)], &1}) |> Enum.split(1)

    for {values, {name, _, _, _, members}} <- others do
      values = Enum.zip_with(values, elem(ok, 0), fn value, ok -> value / ok end)
      Report.figure(name, values, [unit: "x", target: short(name)] ++ members)
    end

    latencies(bench, Enum.map(rows, &{elem(&1, 0), elem(&1, 4)}))
  end

  # What is short and in memory has to be as quick as no work at all.
  defp short("feature by id"), do: 1.0
  defp short("latest point, kept"), do: 1.0
  defp short("count of a box, kept"), do: 1.0
  defp short(_), do: nil

  # A file of features as it is, and 10,000 minutes of a series.
  defp load(server) do
    {201, _} = Server.call(server, :post, @databases, ~s({"name":"read"}))
    {201, _} = Server.call(server, :post, @read <> "/features", File.read!(@earthquakes))
    minutes = Enum.to_list(1..10_000)

    points = [
      series_id: "t",
      timestamps: Enum.map(minutes, &(&1 * 60_000_000)),
      values: Enum.map(minutes, &value/1)
    ]

    body = IO.iodata_to_binary(JSON.encode(points))
    {201, _} = Server.call(server, :post, @read <> "/timeseries", body)
  end

  # Multiples of an eighth, whose sums are exact.
  defp value(minute), do: 20 + rem(minute * 7, 96) / 8

  # In a path `{n}` stands for another number of eight digits at each call, from 40000001
  # on, so that it is another question with the same answer.
  defp read_rows do
    %{"features" => [%{"id" => id} | _] = features} = JSON.decode!(File.read!(@earthquakes))
    inside = Enum.count(features, &inside?(&1, @box))
    boxed? = &(decode(&1)["numberReturned"] == inside)
    box = "/features?bbox=-156,19,-155,20"
    hour = "start=1970-01-01T01:00:00Z&end=1970-01-01T02:00:00Z"
    sums = "/timeseries/t/aggregate?aggregation=sum&interval=5m"

    for {name, path, right?, members} <- [
          {"feature by id", "/features/#{id}", &(decode(&1)["id"] == id), []},
          {"latest point, kept", "/timeseries/t/latest", &(decode(&1)["value"] == value(10_000)),
           kept: true},
          {"count of a box, kept", box <> "&count=true", &(decode(&1)["numberMatched"] == inside),
           kept: true},
          {"box of #{inside}, kept", box, boxed?, kept: true},
          {"box of #{inside}, worked out", "/features?bbox=-156.0000{n},19,-155,20", boxed?, []},
          {"nearest ten, worked out", "/features/nearby?k=10&point=-155.5000{n},19.5",
           &nearest?/1, []},
          {"range of 60 points", "/timeseries/t?" <> hour, &(values(&1) == an_hour()), []},
          {"an hour by 5 minutes, kept", "#{sums}&#{hour}", &sums?/1, kept: true},
          # From somewhere in the minute before the first point of the hour.
          {"an hour by 5 minutes, worked out", sums <> "&end=1970-01-01T02:00:00Z&start=35{n}",
           &sums?/1, []}
        ],
        to <- if(name in @in_cbor, do: [:server, :cbor], else: [:server]) do
      name = if to == :cbor, do: name <> ", in CBOR", else: name
      {name, to, @read <> path, right?, members}
    end
  end

  defp decode(answer), do: JSON.decode!(answer)
  defp values(answer), do: Enum.map(decode(answer)["data"], & &1["value"])
  defp an_hour, do: Enum.map(60..119, &value/1)

  defp sums?(answer),
    do: values(answer) == an_hour() |> Enum.chunk_every(5) |> Enum.map(&Enum.sum/1)

  defp nearest?(answer) do
    distances = Enum.map(decode(answer)["features"], & &1["distance"])
    length(distances) == 10 and distances == Enum.sort(distances)
  end

  defp inside?(%{"geometry" => %{"coordinates" => [x, y | _]}}, {west, south, east, north}),
    do: x >= west and x <= east and y >= south and y <= north

  ## Writes

  defp writes(bench) do
    {201, _} = Server.call(bench.server, :post, @databases, ~s({"name":"written"}))

    Report.section("durable writes over HTTP, #{@connections} connections",
      checked: "all statuses; the number of what was written"
    )

    # `{m}` is a number of eight digits that jumps.
    feature =
      ~s({"type":"Feature","id":"w{n}","geometry":{"type":"Point","coordinates":[7.{n},46.{m}]},) <>
        ~s("properties":{"mag":5.5,"place":"somewhere"}})

    point = ~s({"series_id":"s","timestamp":17000000{n},"value":20.125})

    rows = [
      {"insert a feature", "/features", feature, "features"},
      {"insert a point", "/timeseries", point, "points"}
    ]

    Report.measure(
      for {name, path, body, counted} <- rows do
        {name, fn -> counted(bench, name, path, body, counted) end, target: @durable}
      end
    )

    latencies(bench, Enum.map(rows, &{elem(&1, 0), []}))
  end

  ## Many at once

  @features 100_000
  @points 1_000_000
  @streamed "#{@databases}/streamed"
  @lines "application/x-ndjson"

  defp streams(bench) do
    {201, _} = Server.call(bench.server, :post, @databases, ~s({"name":"streamed"}))
    Report.section("lines and tables over HTTP, one connection", checked: "how many come")

    Report.measure([
      {"features up as lines", fn -> features_up(bench) end, []},
      {"points up as CSV", fn -> points_up(bench) end, []},
      {"features down as lines",
       fn -> down(bench, "/features?limit=#{@features}", @lines, @features) end, []},
      {"points down as CSV",
       fn -> down(bench, "/timeseries/s?limit=#{@points}", "text/csv", @points + 1) end, []}
    ])
  end

  defp features_up(bench) do
    first = :atomics.add_get(bench.requests, 1, @features)

    lines =
      for n <- first..(first + @features - 1) do
        ~s({"type":"Feature","id":"s#{n}","geometry":{"type":"Point","coordinates":[7.#{n},46.#{n}]},) <>
          ~s("properties":{"mag":5.5,"place":"somewhere"}}\n)
      end

    up(bench, "/features", lines, @lines, @features)
  end

  defp points_up(bench) do
    first = :atomics.add_get(bench.requests, 1, @points)
    rows = for n <- first..(first + @points - 1), do: "#{n}000000,#{rem(n * 7, 96) / 8}\n"
    up(bench, "/timeseries?series_id=s", ["timestamp,value\n" | rows], "text/csv", @points)
  end

  defp up(bench, path, body, type, count) do
    body = IO.iodata_to_binary(body)
    begun = System.monotonic_time()
    {200, answer} = Server.call(bench.server, :post, @streamed <> path, body, type: type)
    took = System.monotonic_time() - begun
    last = answer |> String.split("\n", trim: true) |> List.last() |> decode()
    Measure.check!(last["done"] and last["inserted"] == count, "#{path}: #{inspect(last)}")
    count * 1.0e6 / System.convert_time_unit(took, :native, :microsecond)
  end

  defp down(bench, path, accept, lines) do
    begun = System.monotonic_time()
    {200, answer} = Server.call(bench.server, :get, @streamed <> path, nil, accept: accept)
    took = System.monotonic_time() - begun
    found = answer |> :binary.matches("\n") |> length()
    Measure.check!(found == lines, "#{path}: #{found} lines, expected #{lines}")
    lines * 1.0e6 / System.convert_time_unit(took, :native, :microsecond)
  end

  ## One row in one round

  defp checked(bench, name, server, path, right?) do
    check = fn ->
      path = String.replace(path, "{n}", number(bench))
      {200, answer} = Server.call(server, :get, path, nil, accept: server[:accept])
      answer = if server[:accept], do: in_json(answer), else: answer
      Measure.check!(right?.(answer), "#{name}: #{answer}")
    end

    check.()
    {rate, _requests} = load(bench, name, server.url <> path, "GET", nil, server[:accept])
    check.()
    rate
  end

  defp in_json(cbor) do
    {:ok, json} = FormdbHttp.Serving.cbor_to_json(cbor, byte_size(cbor) * 8)
    json
  end

  # Those that wrk no longer waited for when its time was over may have been written, too.
  defp counted(bench, name, path, body, figure) do
    before = Server.figures(bench.server, "written")[figure]
    {rate, requests} = load(bench, name, bench.server.url <> @written <> path, "POST", body)
    written = Server.figures(bench.server, "written")[figure] - before

    Measure.check!(
      written >= requests and written <= requests + @connections,
      "#{name}: #{requests} acknowledged, #{written} written"
    )

    rate
  end

  # Calls a second, and how many in all.
  defp load(bench, name, url, method, body, accept \\ nil) do
    %URI{path: path} = uri = URI.parse(url)
    path = if uri.query, do: "#{path}?#{uri.query}", else: path
    script = Path.join(System.tmp_dir!(), "formdb-wrk-#{System.pid()}.lua")
    File.write!(script, script(method, path, body, accept || "*/*"))
    seconds = max(div(Bench.span(4_000), 1_000), 1)
    options = ["-t1", "-c#{@connections}", "-d#{seconds}s", "-s", script]
    {out, 0} = System.cmd(bench.wrk, options ++ ["http://#{uri.authority}", number(bench)])
    File.rm!(script)
    # What was under way at the end is answered meanwhile, and does not count for the next row.
    Process.sleep(200)
    [_, numbers] = Regex.run(~r/^figures ([\d ]+)$/m, out)

    [requests, micros, p50, p99, errors] =
      numbers |> String.split() |> Enum.map(&String.to_integer/1)

    Measure.check!(errors == 0 and requests > 0, "#{name}: #{out}")
    # Some that are under way at the end have had their numbers, too.
    :atomics.add(bench.requests, 1, requests + 2 * @connections)
    :ets.insert(bench.latencies, {name, p50, p99})
    {requests * 1.0e6 / micros, requests}
  end

  defp number(bench), do: Integer.to_string(40_000_001 + :atomics.add_get(bench.requests, 1, 1))

  defp script(method, path, body, accept) do
    """
    local n = 0
    function init(args) n = tonumber(args[1]) end
    function request()
      n = n + 1
      local m = string.format("%08d", n * 48271 % 100000000)
      return wrk.format("#{method}", #{lua(path)}, nil, #{if body, do: lua(body), else: "nil"})
    end
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Accept"] = "#{accept}"
    function done(summary, latency)
      local e = summary.errors
      io.write(string.format("figures %d %d %d %d %d\\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
    end
    """
  end

  # A template as an expression of Lua.
  defp lua(template) do
    template
    |> String.split(~r/\{[nm]\}/, include_captures: true)
    |> Enum.map_join(" .. ", fn
      "{n}" -> "n"
      "{m}" -> "m"
      text -> "[[#{text}]]"
    end)
  end

  ## How long calls took in those rows

  defp latencies(bench, rows) do
    Report.section("how long these took, #{@connections} connections")

    for {name, members} <- rows, {percentile, place} <- [p50: 1, p99: 2] do
      values = bench.latencies |> :ets.lookup(name) |> Enum.map(&(elem(&1, place) / 1))
      members = [unit: "us", better: :lower] ++ members
      Report.figure("#{name}, #{percentile}", values, members)
    end
  end
end

Bench.HTTP.run()
