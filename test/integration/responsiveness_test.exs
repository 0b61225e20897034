defmodule FormdbHttp.ResponsivenessTest do
  @moduledoc """
  Heavy and hostile requests keep nobody else waiting: beside each kind of them the
  schedulers go on ticking, probes and small requests are answered at once, and the heavy
  ones get on as without them.

  Every bound is for what the server adds. How late the machine makes everybody in the same
  moments, which `FormdbHttp.Bystander` sees, is taken off; times are allowed to be longer, and
  rates to be lower, by as much as others use the processors; and a scheduler stood still only
  if somebody ran on it for as long: one that the machine does not run is late without that. A
  kind that fails is tried once more.
  """

  use ExUnit.Case

  import ExUnit.Assertions
  import FormdbHttp.HTTPClient, only: [format: 3, connect: 1, json: 1]

  alias FormdbHttp.{Admission, Bystander, Config, Ticker}
  alias FormdbHttpWeb.Endpoint

  # Milliseconds that a tick and a probe may be late, and the part of their rate that
  # heavy requests keep. Those that are answered in thousands a second are as small as the
  # probes are: they share the processors with these, request by request.
  @stall 50
  @slow_probe 250
  @kept_rate 0.8
  @small 2_000
  @kept_rate_of_small 0.5

  # How long each is measured without probes, before and after, and with them.
  @alone 600
  @beside 1_500

  @features 50_000
  @series 20_000
  @points 2_000_000
  @epoch 1_767_225_600_000_000
  @world "-180,-90,180,90"

  @settings %{
    "FORMDB_PORT" => "0",
    # Questions that never end would show nothing.
    "FORMDB_QUERY_TIMEOUT_MS" => "1000",
    # Most documents are not in memory.
    "FORMDB_BODY_CACHE_BYTES" => "256KiB"
  }

  setup_all do
    data_dir = Path.join(System.tmp_dir!(), "formdb-responsiveness-#{System.pid()}")
    File.rm_rf!(data_dir)
    before = Application.get_env(:formdb_http, :config)
    restart(Map.put(@settings, "FORMDB_DATA_DIR", data_dir))

    on_exit(fn ->
      restart(before)
      File.rm_rf!(data_dir)
    end)

    load()
    :ok
  end

  # The application with other settings.
  defp restart(settings) do
    level = Logger.level()
    Logger.configure(level: :error)
    Application.stop(:formdb_http)
    Application.put_env(:formdb_http, :config, settings)
    {:ok, _} = Application.ensure_all_started(:formdb_http)
    Logger.configure(level: level)
  end

  ## What there is

  defp load do
    for name <- ["busy", "large", "edges"], do: {:ok, _} = FormdbHttp.open(name)

    for name <- ["busy", "large"], first <- 0..(@features - 1)//10_000 do
      features = Enum.map_intersperse(first..(first + 9_999), ",", &feature/1)
      text = IO.iodata_to_binary([~s({"type":"FeatureCollection","features":[), features, "]}"])
      {:ok, %{inserted: 10_000}} = FormdbHttp.put_features(name, text)
    end

    points =
      Enum.map_intersperse(1..@series, ",", fn n ->
        ~s({"series_id":"s.#{n}","timestamp":#{@epoch},"value":#{n}})
      end)

    {:ok, _} =
      FormdbHttp.write_points("busy", IO.iodata_to_binary([~s({"points":[), points, "]}"]))

    # Values that lie anyhow, so that percentiles have to look at all of them.
    for part <- 0..3 do
      count = div(@points, 4)
      first = part * count

      times =
        for n <- first..(first + count - 1), into: <<>>, do: <<@epoch + n * 1_000::little-64>>

      values = for n <- 1..count, into: <<>>, do: <<rem(n * 7_919, 100_003) / 1::little-float-64>>
      {:ok, _} = FormdbHttp.put_columns("busy", "all", times, values)
    end

    one = ~s({"type":"Feature","id":"rising","geometry":#{diagonals(0.0)},"properties":{}})
    {:ok, _} = FormdbHttp.put_feature("edges", one)
  end

  defp feature(n) do
    lon = rem(n, 3_600) / 10 - 180
    lat = rem(div(n, 3_600) * 7, 1_700) / 10 - 85

    ~s({"type":"Feature","id":"f#{n}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
      ~s("properties":{"n":#{n},"kind":"k#{rem(n, 10)}","text":"#{String.duplicate("x", 200)}"}})
  end

  # Parallel lines; those of two such geometries never meet, but all of their envelopes do.
  defp diagonals(shift, count \\ 8_000) do
    lines =
      Enum.map_intersperse(1..count, ",", fn n ->
        from = n / 1_000 + shift
        "[[#{from},0.0],[#{from + 20},20.0]]"
      end)

    IO.iodata_to_binary([~s({"type":"MultiLineString","coordinates":[), lines, "]}"])
  end

  ## Heavy and hostile requests: how many clients, what each of them does, over and over, on
  ## a connection of its own (n is different every time), and how that ends: with an answer
  ## at least now and then, or always at the deadline.

  @db "/api/v1/databases/busy"

  defp kinds do
    edges = fn count ->
      body = ~s({"geometry":#{diagonals(0.0005, count)}})

      fn socket, _n ->
        ask(socket, "POST", "/api/v1/databases/edges/features/intersects", body)
      end
    end

    [
      {"counts with filters", 60, &count/2},
      {"heatmaps with filters", 12, &heatmap/2},
      {"percentiles of everything", 12, &percentile/2},
      {"transactions that read the world", 12, &transaction/2},
      {"lists of series", 12, &list/2},
      {"schemas", 12, fn socket, _n -> ask(socket, "GET", @db <> "/schema") end},
      {"rare blocks of the journal", 12,
       fn socket, _n -> ask(socket, "GET", @db <> "/journal?type=delete_feature&limit=1") end},
      {"plans of undoing 10,000 blocks", 12,
       fn socket, n -> undo(socket, ~s({"transaction":#{rem(n, 5) * 10_000 + 1}})) end},
      {"blocks to undo by a filter", 12,
       fn socket, n -> undo(socket, ~s({"filter":{"provenance":{"run":#{n}}}})) end},
      {"ranges of many points", 12,
       fn socket, n ->
         ask(socket, "GET", @db <> "/timeseries/all?limit=#{100_000 - rem(n, 100)}")
       end},
      {"large writes", 12, &write/2},
      {"slow bodies", 60, &slow_body/2},
      {"slow readers", 20, &slow_reader/2},
      {"opening and closing", 1, &reopen/2},
      {"predicates of 100 edges", 12, edges.(100)},
      # Sixty-four million pairs are more than the time of a question.
      {"predicates of 8,000 edges", 12, edges.(8_000), :deadline}
    ]
    |> Enum.map(fn
      {name, clients, action} -> {name, clients, action, :answered}
      kind -> kind
    end)
  end

  defp count(socket, n) do
    ask(socket, "GET", @db <> "/features?count=true&bbox=#{@world}&prop.n=gte:#{rem(n, 40_000)}")
  end

  defp undo(socket, selection),
    do: ask(socket, "POST", @db <> "/reverts?dry_run=true", selection)

  defp heatmap(socket, n) do
    ask(socket, "GET", @db <> "/features/heatmap?zoom=6&prop.n=gte:#{rem(n, 40_000)}")
  end

  defp percentile(socket, n) do
    path = "/timeseries/all/aggregate?aggregation=p95&start=#{@epoch + rem(n, 100_000)}"
    ask(socket, "GET", @db <> path)
  end

  defp list(socket, n) do
    ask(socket, "GET", @db <> "/timeseries?prefix=s.#{rem(n, 9) + 1}&limit=10")
  end

  defp transaction(socket, n) do
    with {:ok, 201, body} <- ask(socket, "POST", @db <> "/transactions", ~s({"read_only":true})) do
      %{"transaction_id" => id} = json(%{body: body})
      # Probes ask for one that is being read.
      :persistent_term.put({__MODULE__, :transaction}, id)
      path = "/features?bbox=#{@world}&limit=#{10_000 + rem(n, 100)}&transaction=#{id}"
      answer = ask(socket, "GET", @db <> path)
      ask(socket, "POST", @db <> "/transactions/#{id}/abort")
      answer
    end
  end

  # 4 MB, all of it parsed; refused at its last point, so that nothing grows.
  defp write(socket, _n) do
    case ask(socket, "POST", @db <> "/timeseries", large_body()) do
      {:ok, 400, _body} -> {:ok, 200, ""}
      other -> other
    end
  end

  defp large_body do
    with nil <- :persistent_term.get({__MODULE__, :body}, nil) do
      point = fn n -> ~s({"series_id":"w","timestamp":#{@epoch + n},"value":#{n}}) end
      points = Enum.map_intersperse(1..80_000, ",", point)
      body = IO.iodata_to_binary([~s({"points":[), points, ~s(,{"series_id":"w"}]})])
      :persistent_term.put({__MODULE__, :body}, body)
      body
    end
  end

  # Counts for nothing but how it feels to others.
  defp slow_body(socket, _n) do
    head = "POST #{@db}/features HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n"
    :ok = :gen_tcp.send(socket, head)

    for _ <- 1..20 do
      :ok = :gen_tcp.send(socket, String.duplicate(" ", 100))
      Process.sleep(50)
    end

    {:again, 200}
  end

  defp slow_reader(socket, n) do
    path = @db <> "/features?bbox=#{@world}&limit=#{20_000 + rem(n, 1_000)}"
    :ok = :gen_tcp.send(socket, format("GET", path, []))

    for _ <- 1..8 do
      :gen_tcp.recv(socket, 100, 1_000)
      Process.sleep(50)
    end

    {:again, 200}
  end

  defp reopen(socket, _n) do
    with {:ok, 200, _} <- ask(socket, "DELETE", "/api/v1/databases/large"),
         do: ask(socket, "POST", "/api/v1/databases", ~s({"name":"large"}))
  end

  ## Probes: what each asks, how often in milliseconds, and what it is to be answered.

  defp probes do
    small = ~s({"series_id":"probe","timestamp":#{@epoch},"value":1})

    bulk =
      IO.iodata_to_binary([
        ~s({"points":[),
        Enum.map_intersperse(
          1..2_000,
          ",",
          &~s({"series_id":"bulk","timestamp":#{&1},"value":1})
        ),
        "]}"
      ])

    [
      {"live", 20, 200, fn _n -> {"GET", "/health/live", nil} end},
      {"ready", 20, [200, 503], fn _n -> {"GET", "/health/ready", nil} end},
      {"metrics", 100, 200, fn _n -> {"GET", "/metrics", nil} end},
      {"database", 20, 200, fn _n -> {"GET", @db, nil} end},
      {"unknown database", 50, 404,
       fn _n -> {"GET", "/api/v1/databases/none/features/f", nil} end},
      {"feature", 20, 200,
       fn n -> {"GET", @db <> "/features/f#{rem(n * 7_919, @features)}", nil} end},
      {"latest", 20, 200,
       fn n -> {"GET", @db <> "/timeseries/s.#{rem(n, @series) + 1}/latest", nil} end},
      {"range", 20, 200,
       fn n -> {"GET", @db <> "/timeseries/all?limit=#{10 + rem(n, 100)}", nil} end},
      {"block", 20, 200,
       fn n -> {"GET", @db <> "/blocks/#{rem(n * 7_919, @features) + 1}", nil} end},
      # 404 once it was aborted, and where nobody reads in one.
      {"transaction", 20, [200, 404],
       fn _n ->
         id = :persistent_term.get({__MODULE__, :transaction}, "txn_none")
         {"GET", @db <> "/transactions/#{id}", nil}
       end},
      {"small write", 20, 201,
       fn _n -> {"POST", @db <> "/timeseries?durability=interval", small} end},
      {"write of 2,000 points", 100, 201,
       fn _n -> {"POST", @db <> "/timeseries?durability=interval", bulk} end}
    ]
  end

  ## The test

  @tag timeout: 600_000
  test "heavy requests keep nobody else waiting" do
    start_supervised!({Endpoint, Config.load!()})
    {:ok, ticker} = Ticker.start_link()
    bystander = Bystander.start()
    only = System.get_env("FORMDB_RESPONSIVENESS_KIND", "")
    {at_rest, _} = measure(nil, ticker, bystander)
    IO.puts("\nresponsiveness: at rest: " <> describe(at_rest))

    failures =
      for {name, _clients, _action, _ends} = kind <- kinds(), name =~ only, reduce: [] do
        failures -> try_kind(kind, ticker, bystander) ++ failures
      end

    Bystander.stop(bystander)
    assert failures == [], Enum.join(failures, "\n")
  end

  defp try_kind({name, _, _, _} = kind, ticker, bystander) do
    {figures, failures} = measure(kind, ticker, bystander)
    IO.puts("responsiveness: #{name}: " <> describe(figures))

    if failures == [] do
      []
    else
      {figures, failures} = measure(kind, ticker, bystander)
      IO.puts("responsiveness: #{name}, again: " <> describe(figures))
      for failure <- failures, do: "#{name}: #{failure}"
    end
  end

  defp measure(kind, ticker, bystander) do
    {done, clients} = start_clients(kind)
    Process.sleep(300)
    {before, _slowness} = rate(done, @alone)
    probing = for probe <- probes(), do: Task.async(fn -> probe(probe) end)
    Ticker.read(ticker)
    Bystander.worst(bystander)
    {beside, slowness} = rate(done, @beside)
    Process.sleep(5)
    reading = Ticker.read(ticker)
    for task <- probing, do: send(task.pid, :stop)
    probed = Task.await_many(probing, 60_000)
    noise = Bystander.worst(bystander)
    {later, _slowness} = rate(done, @alone)

    for {pid, monitor} <- clients do
      Process.exit(pid, :kill)
      receive do: ({:DOWN, ^monitor, _, _, _} -> :ok)
    end

    quiet(500)

    figures = %{
      stall: reading.worst,
      longest: reading.longest,
      culprits: reading.culprits,
      slowness: slowness,
      noise: noise,
      probes: probed,
      clients: length(clients),
      alone: min(before, later),
      beside: beside,
      answers: answers(done)
    }

    {figures, failures(figures) ++ unanswered(kind, done, figures)}
  end

  # Until nothing is left that those clients had asked, for some seconds at most.
  defp quiet(0), do: :ok

  defp quiet(left) do
    if Admission.figures(:question).taken + Admission.figures(:write).taken > 0 do
      Process.sleep(20)
      quiet(left - 1)
    end
  end

  defp failures(figures) do
    # Of both, since each alone shows what is no standstill.
    stall = min(figures.stall, figures.longest) - figures.noise
    named = Enum.map_join(figures.culprits, "", &("\n    " <> &1))

    stalled =
      if stall > @stall * figures.slowness,
        do: ["a scheduler stood still for #{round(stall)} ms; ran for long:" <> named],
        else: []

    slow =
      for {probe, worst, _count, unexpected} <- figures.probes,
          worst - 2 * figures.noise > @slow_probe * figures.slowness or unexpected != [] do
        "#{probe} took #{round(worst)} ms, unexpected answers: #{inspect(unexpected)}"
      end

    # One client that does one thing after the other is as slow as each of them is late: that
    # is no rate that others could take.
    many? = figures.clients > 1
    # One answer more or less in each stretch is chance.
    chance = fn ms -> figures.slowness * 1_000 / ms end
    kept = if figures.alone < @small, do: @kept_rate, else: @kept_rate_of_small
    least = kept * (figures.alone - chance.(@alone)) - chance.(@beside)

    starved =
      if many? and figures.beside < least,
        do: ["#{figures.beside} answers a second beside probes, #{figures.alone} without"],
        else: []

    stalled ++ slow ++ starved
  end

  # What is refused each time shows nothing. Where others have most of the processors, a
  # question may not get its time, whatever the server does.
  @crowded 4.0

  defp unanswered(nil, _done, _figures), do: []
  defp unanswered(_kind, _done, %{slowness: slowness}) when slowness > @crowded, do: []

  defp unanswered({_name, _clients, _action, ends}, done, _figures) do
    status = if ends == :answered, do: 200, else: 504

    if :ets.member(done, status),
      do: [],
      else: ["no request was answered #{status}: #{answers(done)}"]
  end

  defp describe(figures) do
    {probe, worst, _count, _unexpected} = Enum.max_by(figures.probes, &elem(&1, 1))

    "ticker #{round(figures.stall)} ms, machine #{round(figures.noise)} ms and " <>
      "#{Float.round(figures.slowness, 1)} times slower, slowest probe " <>
      "#{round(worst)} ms (#{probe}), answers a second #{round(figures.beside)} beside, " <>
      "#{round(figures.alone)} without; #{figures.answers}"
  end

  ## Clients

  defp start_clients(nil), do: start_clients({"", 0, nil, :answered})

  defp start_clients({_name, count, action, _ends}) do
    done = :ets.new(:done, [:public, write_concurrency: true])
    :ets.insert(done, {:n, 0})
    clients = for _ <- 1..count//1, do: spawn_monitor(fn -> client(action, done, nil) end)
    {done, clients}
  end

  defp client(action, done, socket) do
    socket = socket || connect(Endpoint.port())
    n = :ets.update_counter(done, :n, 1)

    {status, socket} =
      case action.(socket, n) do
        {:ok, status, _body} -> {status, socket}
        {:again, status} -> {status, :gen_tcp.close(socket) && nil}
        {:error, _reason} -> {:closed, :gen_tcp.close(socket) && nil}
      end

    :ets.update_counter(done, status, 1, {status, 0})
    # As clients do that are told to come again later.
    if status not in [200, 504], do: Process.sleep(100)
    client(action, done, socket)
  end

  # Answers a second, as many as there would be if nobody else used the processors, and by
  # how much those slow us down. A question that ended at its deadline was worked on.
  defp rate(done, ms) do
    processors = Bystander.processors()
    before = answered(done)
    Process.sleep(ms)
    slowness = Bystander.slowness(processors, Bystander.processors())
    {(answered(done) - before) * 1_000 / ms * slowness, slowness}
  end

  defp answered(done) do
    for status <- [200, 504], [{_, n}] <- [:ets.lookup(done, status)], reduce: 0 do
      sum -> sum + n
    end
  end

  defp answers(done) do
    done |> :ets.tab2list() |> List.keydelete(:n, 0) |> Enum.sort() |> inspect()
  end

  defp probe({name, pace, expected, request}) do
    socket = connect(Endpoint.port())
    probe(socket, {pace, List.wrap(expected), request}, 0, 0.0, []) |> Tuple.insert_at(0, name)
  end

  defp probe(socket, {pace, expected, request} = probe, n, worst, unexpected) do
    {method, path, body} = request.(n)
    started = System.monotonic_time(:microsecond)
    answer = ask(socket, method, path, body)
    took = (System.monotonic_time(:microsecond) - started) / 1_000

    unexpected =
      case answer do
        {:ok, status, body} ->
          if status in expected, do: unexpected, else: [{status, body} | unexpected]

        {:error, reason} ->
          [reason | unexpected]
      end

    receive do
      :stop -> {max(worst, took), n + 1, Enum.take(unexpected, 3)}
    after
      pace -> probe(socket, probe, n + 1, max(worst, took), unexpected)
    end
  end

  # One request on a connection that stays: {:ok, status, body} or {:error, reason}.
  defp ask(socket, method, path, body \\ nil) do
    headers = if body, do: [{"content-type", "application/json"}], else: []

    with :ok <- :gen_tcp.send(socket, format(method, path, headers: headers, body: body)),
         :ok <- :inet.setopts(socket, packet: :http_bin),
         {:ok, {:http_response, _version, status, _phrase}} <- :gen_tcp.recv(socket, 0, 60_000),
         {:ok, length} <- read_headers(socket, 0),
         :ok <- :inet.setopts(socket, packet: :raw),
         {:ok, body} <- read_body(socket, length),
         do: {:ok, status, body}
  end

  defp read_headers(socket, length) do
    case :gen_tcp.recv(socket, 0, 60_000) do
      {:ok, {:http_header, _, :"Content-Length", _, text}} ->
        read_headers(socket, String.to_integer(text))

      {:ok, {:http_header, _, _name, _, _value}} ->
        read_headers(socket, length)

      {:ok, :http_eoh} ->
        {:ok, length}

      {:error, reason} ->
        {:error, reason}
    end
  end

  defp read_body(_socket, 0), do: {:ok, ""}
  defp read_body(socket, length), do: :gen_tcp.recv(socket, length, 60_000)
end
