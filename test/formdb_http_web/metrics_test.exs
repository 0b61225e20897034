defmodule FormdbHttpWeb.MetricsTest do
  use ExUnit.Case

  import ExUnit.CaptureLog
  import FormdbHttp.Exposition, only: [value: 2, value: 3]
  import FormdbHttp.HTTPClient
  import FormdbHttp.Waiting

  alias FormdbHttp.JSON
  alias FormdbHttp.{Config, Error, Exposition}
  alias FormdbHttpWeb.{Endpoint, RequestMetrics, Router}

  @databases "/api/v1/databases"
  @requests "formdb_http_requests_total"
  @duration "formdb_http_request_duration_seconds"

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "metrics-#{System.unique_integer([:positive])}_a"
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name}
  end

  defp scrape(port) do
    response = get(port, "/metrics")
    assert response.status == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4"
    Exposition.parse!(response.body)
  end

  defp feature(id), do: ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{}})

  describe "the text" do
    test "has every metric that docs/OPERATIONS.md lists, of that type, and no other", context do
      {:ok, _} = FormdbHttp.open(context.name)
      scraped = scrape(context.port)

      listed =
        for [_, name, type] <-
              Regex.scan(
                ~r/^\| `((?:formdb|process)_\w+)` \| (\w+) \|/m,
                File.read!("docs/OPERATIONS.md")
              ),
            do: {name, type}

      assert listed != []

      ours =
        for {name, %{type: type}} <- scraped, name =~ ~r/^(formdb|process)_/, do: {name, type}

      assert Enum.sort(ours) == Enum.sort(listed)
    end

    test "names metrics as the naming guide asks", %{port: port} do
      for {name, family} <- scrape(port), name =~ ~r/^(formdb|erlang_vm)_/ do
        assert {name, String.ends_with?(name, "_total")} == {name, family.type == "counter"}
        assert {name, String.match?(family.help, ~r/^[A-Z0-9].+\.$/)} == {name, true}
        refute name =~ ~r/milli|micro|kilo|_ms|_mb/
      end
    end

    test "has the VM's figures, by the same names with every version of the library", context do
      scraped = scrape(context.port)
      memory = &value(scraped, "erlang_vm_memory_#{&1}", &2)
      kinds = for kind <- ["atom", "binary", "code", "ets", "other"], do: %{"usage" => kind}

      assert_in_delta memory.("bytes", %{"kind" => "processes"}) +
                        memory.("bytes", %{"kind" => "system"}),
                      :erlang.memory(:total),
                      100_000_000

      assert Enum.sum(Enum.map(kinds, &memory.("system_bytes", &1))) ==
               memory.("bytes", %{"kind" => "system"})

      for usage <- ["used", "free"],
          of <- ["processes_bytes", "atom_bytes"],
          do: assert(memory.(of, %{"usage" => usage}) >= 0)

      assert memory.("ets_tables", %{}) > 10

      for {what, limit} <- [processes: "process_limit", ports: "port_limit", atoms: "atom_limit"] do
        found = value(scraped, "erlang_vm_#{what}")
        assert found > 0 and found < value(scraped, "erlang_vm_" <> limit)
      end

      {uptime_ms, _} = :erlang.statistics(:wall_clock)
      uptime = value(scraped, "erlang_vm_statistics_wallclock_time_seconds_total")
      assert_in_delta uptime, uptime_ms / 1_000, 60
      assert value(scraped, "erlang_vm_statistics_runtime_seconds_total") > 0
      assert value(scraped, "erlang_vm_statistics_reductions_total") > 0
      assert value(scraped, "erlang_vm_statistics_run_queues_length") >= 0
    end

    test "writes the bounds of buckets as people do", %{port: port} do
      scrape(port)

      bounds =
        for {{@duration <> "_bucket", %{"route" => "/metrics", "le" => le}}, _} <-
              scrape(port)[@duration].samples,
            do: le

      expected =
        ~w(0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5) ++
          ~w(1 2.5 5 10 +Inf)

      assert Enum.sort(bounds) == Enum.sort(expected)
    end

    test "says what is running", %{port: port} do
      labels = %{
        "version" => FormdbHttp.version(),
        "elixir" => System.version(),
        "otp" => System.otp_release()
      }

      scraped = scrape(port)
      assert scraped["formdb_build_info"].samples == %{{"formdb_build_info", labels} => 1.0}
      {uptime, _} = :erlang.statistics(:wall_clock)
      assert_in_delta value(scraped, "formdb_uptime_seconds"), uptime / 1_000, 5
    end
  end

  describe "the resource" do
    test "answers HEAD, and the connection goes on", %{port: port} do
      socket = connect(port)
      write(socket, [format("HEAD", "/metrics"), format("GET", "/metrics")])
      head = read(socket, "HEAD")
      assert {head.status, head.body} == {200, ""}
      assert head.headers["content-type"] == "text/plain; version=0.0.4"
      assert String.to_integer(head.headers["content-length"]) > 1_000
      assert %{"formdb_databases" => _} = Exposition.parse!(read(socket, "GET").body)
    end

    test "takes no other method and no parameters", %{port: port} do
      refused = post(port, "/metrics", "")
      assert {refused.status, refused.headers["allow"]} == {405, "GET, HEAD, OPTIONS"}
      refused = get(port, "/metrics?name=formdb_databases")
      assert {refused.status, json(refused)["code"]} == {400, "unknown_parameter"}
    end
  end

  describe "requests" do
    test "are counted by method, route and class of status, each once", context do
      %{port: port, name: name} = context
      db = "#{@databases}/#{name}"
      before = scrape(port)

      # What the process of a database says while the journal is read.
      opening = name <> "-opening"
      {:ok, _} = Registry.register(FormdbHttp.DatabaseRegistry, opening, :opening)

      # Method, path, body, how often; the labels it is counted under.
      sent = [
        {"POST", @databases, %{name: name}, 1, {"POST", @databases, "2xx"}},
        {"GET", db, nil, 3, {"GET", "#{@databases}/{db}", "2xx"}},
        {"HEAD", db, nil, 2, {"HEAD", "#{@databases}/{db}", "2xx"}},
        {"OPTIONS", db, nil, 1, {"OPTIONS", "#{@databases}/{db}", "2xx"}},
        {"PUT", db <> "/features/a", feature("a"), 2,
         {"PUT", "#{@databases}/{db}/features/{id}", "2xx"}},
        {"GET", db <> "/features/a", nil, 4, {"GET", "#{@databases}/{db}/features/{id}", "2xx"}},
        {"GET", db <> "/features/b", nil, 2, {"GET", "#{@databases}/{db}/features/{id}", "4xx"}},
        {"GET", db <> "/features?bbox=0,0,1,1", nil, 2,
         {"GET", "#{@databases}/{db}/features", "2xx"}},
        {"GET", "#{@databases}/#{opening}/features", nil, 2,
         {"GET", "#{@databases}/{db}/features", "5xx"}},
        {"BREW", db <> "/features/a", nil, 2,
         {"other", "#{@databases}/{db}/features/{id}", "501"}},
        {"brew", "/coffee", nil, 1, {"other", "unmatched", "501"}},
        {"QUERY", db <> "/features/a", nil, 1,
         {"other", "#{@databases}/{db}/features/{id}", "4xx"}},
        {"GET", "/a" <> String.duplicate("/b", 50), nil, 1, {"GET", "unmatched", "4xx"}},
        {"GET", "/", nil, 1, {"GET", "/", "2xx"}},
        {"GET", "//", nil, 1, {"GET", "unmatched", "4xx"}},
        {"OPTIONS", "*", nil, 1, {"OPTIONS", "unmatched", "2xx"}},
        {"GET", "/health/live/", nil, 1, {"GET", "/health/live", "2xx"}}
      ]

      for {method, path, body, times, {_method, _route, class}} <- sent, _ <- 1..times do
        body = if is_map(body), do: JSON.text(body), else: body
        status = request(port, method, path, body: body).status

        assert {method, path, class in ["#{div(status, 100)}xx", "#{status}"]} ==
                 {method, path, true}
      end

      counted = scrape(port)
      # The scrape before was not over when its own text was written.
      expected = [{1, {"GET", "/metrics", "2xx"}} | for({_, _, _, n, to} <- sent, do: {n, to})]

      assert rise(before, counted, @requests, @requests, fn labels ->
               {labels["method"], labels["route"], labels["status"]}
             end) == sum(expected)

      assert rise(before, counted, @duration, @duration <> "_count", & &1["route"]) ==
               sum(for {n, {_method, route, _status}} <- expected, do: {n, route})
    end

    test "are in the bucket of their duration", %{port: port} do
      before = scrape(port)
      micros = &System.convert_time_unit(&1, :microsecond, :native)

      {resource, []} = Router.find("/api/v1/version")

      # One on a bound, one in between, and one that is longer than all bounds.
      for duration <- [1_000, 3_000, 20_000_000] do
        RequestMetrics.count("GET", resource, 200, micros.(duration), 100, 5_000)
      end

      rise =
        rise(before, scrape(port), @duration, @duration <> "_bucket", fn labels ->
          labels["route"] == "/api/v1/version" && labels["le"]
        end)

      assert rise["0.0005"] == nil
      assert rise["0.001"] == 1
      assert rise["0.0025"] == 1
      assert rise["0.005"] == 2
      assert rise["10"] == 2
      assert rise["+Inf"] == 3
      sum = rise(before, scrape(port), @duration, @duration <> "_sum", & &1["route"])
      assert_in_delta sum["/api/v1/version"], 20.004, 0.000_001
    end

    test "and the bytes of their bodies are counted, as they went over the network", context do
      %{port: port, name: name} = context
      {:ok, _} = FormdbHttp.open(name)
      before = scrape(port)
      body = feature("a")
      route = "#{@databases}/{db}/features/{id}"
      path = "#{@databases}/#{name}/features/a"
      put = request(port, "PUT", path, body: body)
      got = get(port, path)
      assert request(port, "HEAD", path).status == 200
      packed = get(port, "/openapi.json", [{"accept-encoding", "gzip"}])
      later = scrape(port)

      rise = fn metric, part ->
        rise(before, later, metric, metric <> part, & &1["route"])
      end

      received = rise.("formdb_http_request_size_bytes", "_sum")
      assert received == %{route => byte_size(body)}
      sent = rise.("formdb_http_response_size_bytes", "_sum")
      assert sent[route] == byte_size(put.body) + byte_size(got.body)
      assert sent["/openapi.json"] == byte_size(packed.body)
      assert rise.("formdb_http_response_size_bytes", "_count")[route] == 3
    end

    test "that are under way are shown, this one among them", %{port: port} do
      assert value(scrape(port), "formdb_http_requests_in_flight") == 1
      socket = connect(port)

      write(
        socket,
        "POST #{@databases} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n{"
      )

      await(fn -> value(scrape(port), "formdb_http_requests_in_flight") == 2 end)
      :gen_tcp.close(socket)
      await(fn -> value(scrape(port), "formdb_http_requests_in_flight") == 1 end)
    end

    test "stay counted when the endpoint is started again", %{port: port} do
      labels = %{"method" => "GET", "route" => "/health/live", "status" => "2xx"}
      get(port, "/health/live")
      before = value(scrape(port), @requests, labels)
      :ok = stop_supervised(Endpoint)
      start_supervised!({Endpoint, Config.load!()})
      get(Endpoint.port(), "/health/live")
      assert value(scrape(Endpoint.port()), @requests, labels) == before + 1
    end
  end

  describe "the process and its disk" do
    test "are shown as the system has them", %{port: port} do
      scraped = scrape(port)
      value = &value(scraped, &1)
      assert value.("process_open_fds") > 10
      assert value.("process_max_fds") > value.("process_open_fds")
      assert value.("process_resident_memory_bytes") > 20_000_000
      assert value.("process_cpu_seconds_total") > 0
      assert_in_delta value.("process_start_time_seconds"), System.os_time(:second), 3_600
      assert value.("formdb_disk_size_bytes") > value.("formdb_disk_free_bytes")
      assert value.("formdb_disk_min_free_bytes") == Config.load!().min_free_bytes
      assert value.("formdb_queue_limit_transactions") == 512
    end
  end

  test "routes are templates, whatever is asked for" do
    for {path, template} <- [
          {"/metrics", "/metrics"},
          {"/health", "/health"},
          {"/health/detailed", "/health/detailed"},
          {"/api/v1/version/", "/api/v1/version"},
          {@databases, "{}"},
          {"/x", "{}/{db}"},
          {"/databases/schema", "{}/{db}/schema"},
          {"/x/features", "{}/{db}/features"},
          {"/x/features/nearby", "{}/{db}/features/nearby"},
          {"/x/features/%6Eearby", "{}/{db}/features/{id}"},
          {"/features/features/features", "{}/{db}/features/{id}"},
          {"/x/features/a%2Fb/provenance", "{}/{db}/features/{id}/provenance"},
          {"/x/features/nearby/lineage", "{}/{db}/features/{id}/lineage"},
          {"/x/timeseries", "{}/{db}/timeseries"},
          {"/x/timeseries/seattle%2Ftemp", "{}/{db}/timeseries/{series}"},
          {"/x/timeseries/seattle*", "{}/{db}/timeseries/{prefix}*"},
          {"/x/timeseries/*/aggregate", "{}/{db}/timeseries/{prefix}*/aggregate"},
          {"/x/timeseries/s/aggregate", "{}/{db}/timeseries/{series}/aggregate"},
          {"/x/timeseries/s/summary", "{}/{db}/timeseries/{series}/summary"},
          {"/x/timeseries/s/latest", "{}/{db}/timeseries/{series}/latest"},
          {"/x/journal", "{}/{db}/journal"},
          {"/x/blocks/17", "{}/{db}/blocks/{block}"},
          {"/x/blocks/17/revert", "{}/{db}/blocks/{block}/revert"},
          {"/x/transactions", "{}/{db}/transactions"},
          {"/x/transactions/t", "{}/{db}/transactions/{txn}"},
          {"/x/transactions/t/operations", "{}/{db}/transactions/{txn}/operations"},
          {"/x/transactions/t/commit", "{}/{db}/transactions/{txn}/commit"},
          {"/x/tree", "{}/{db}/tree"},
          {"/x/proofs/inclusion", "{}/{db}/proofs/inclusion"},
          {"/x/proofs/nothing", "unmatched"},
          {"/x/features/a/b", "unmatched"},
          {"/x//", "{}/{db}"},
          {"//", "unmatched"},
          {"*", "unmatched"},
          {"/metrics/x", "unmatched"},
          {"/api/v2/databases", "unmatched"}
        ] do
      path = if String.starts_with?(path, "/x"), do: @databases <> path, else: path
      path = String.replace_prefix(path, "/databases/", @databases <> "/databases/")
      path = String.replace_prefix(path, "/features/", @databases <> "/features/")
      {resource, _parts} = Router.find(path) || {nil, []}
      found = Router.template(resource)
      assert {path, found} == {path, String.replace(template, "{}", @databases)}
    end
  end

  # By how much the samples named `name` of a metric rose, by what `key` makes of their
  # labels; those that did not are left out.
  defp rise(before, later, metric, name, key) do
    for {{^name, labels} = sample, value} <- later[metric].samples,
        key = key.(labels),
        rise = value - Map.get(before[metric].samples, sample, 0),
        rise != 0,
        into: %{},
        do: {key, rise}
  end

  defp sum(counts) do
    Enum.reduce(counts, %{}, fn {n, key}, sums -> Map.update(sums, key, n, &(&1 + n)) end)
  end

  describe "databases" do
    test "have their figures, under their names", %{port: port, name: name} do
      {:ok, _} = FormdbHttp.open(name)
      for id <- ["a", "b", "a"], do: {:ok, _} = FormdbHttp.put_feature(name, feature(id))

      {:ok, _} =
        FormdbHttp.write_points(name, %{
          "points" => [
            %{"series_id" => "s", "timestamp" => 1, "value" => 1},
            %{"series_id" => "t", "timestamp" => 1, "value" => 1},
            %{"series_id" => "t", "timestamp" => 2, "value" => 1}
          ]
        })

      {:ok, %{json: _}} = FormdbHttp.get_feature(name, "a")
      {:ok, figures} = FormdbHttp.database(name)
      labels = %{"database" => name}
      # Who is answered may look before the committer has written down that nothing waits.
      age = "formdb_database_oldest_transaction_age_seconds"
      wait_until(fn -> value(scrape(port), age, labels) == 0.0 end)
      scraped = scrape(port)

      assert figures.seq > 3 and figures.transactions == 4 and figures.journal_bytes > 0

      for {metric, expected} <- [
            seq: figures.seq,
            durable_seq: figures.seq,
            features: 2,
            versions: 1,
            series: 2,
            points: 3,
            journal_bytes: figures.journal_bytes,
            journal_segments: 1,
            queued_transactions: 0,
            queued_bytes: 0,
            oldest_transaction_age_seconds: 0,
            open_transactions: 0,
            snapshots_total: 0,
            snapshot_failures_total: 0,
            transactions_total: 4,
            commit_groups_total: 4,
            document_cache_bytes: figures.cached_bytes,
            geometry_cache_bytes: figures.geometry_cache_bytes,
            clock_offset_seconds: 0,
            failed: 0,
            poisoned: 0
          ] do
        found = value(scraped, "formdb_database_#{metric}", labels)
        assert {metric, found} == {metric, expected * 1.0}
      end

      assert value(scraped, "formdb_database_index_bytes", labels) == figures.index_bytes.total
      assert figures.index_bytes.total > 1_000

      for {part, bytes} <- figures.index_bytes, part != :total do
        labels = Map.put(labels, "part", to_string(part))
        found = value(scraped, "formdb_database_index_part_bytes", labels)
        assert {part, found} == {part, bytes * 1.0}
      end

      assert value(scraped, "formdb_database_opening_duration_seconds", labels) > 0
      # Of the last snapshot, where there is none yet, nothing is said.
      assert scraped["formdb_database_snapshot_timestamp_seconds"].samples[labels] == nil
    end

    test "have their commits, syncs and groups by how long and how large they are", context do
      %{port: port, name: name} = context
      {:ok, _} = FormdbHttp.open(name)
      for id <- ["a", "b", "c"], do: {:ok, _} = FormdbHttp.put_feature(name, feature(id))
      scraped = scrape(port)

      samples = fn metric, part ->
        for {{sample, %{"database" => ^name} = labels}, value} <- scraped[metric].samples,
            sample == metric <> part,
            do: {labels["le"], value}
      end

      for metric <- [
            "formdb_database_commit_duration_seconds",
            "formdb_database_fsync_duration_seconds"
          ] do
        assert samples.(metric, "_count") == [{nil, 3.0}]
        assert [{nil, sum}] = samples.(metric, "_sum")
        assert sum > 0 and sum < 30
        bounds = for {le, _count} <- samples.(metric, "_bucket"), do: le
        assert "0.00005" in bounds and "10" in bounds and "+Inf" in bounds
        assert length(bounds) == 18
      end

      sizes = samples.("formdb_database_commit_group_transactions", "_bucket")
      assert {"1", 3.0} in sizes and {"16384", 3.0} in sizes
    end

    test "and their open transactions are shown", %{port: port, name: name} do
      {:ok, _} = FormdbHttp.open(name)
      {:ok, _} = FormdbHttp.begin(name)
      labels = %{"database" => name}
      assert value(scrape(port), "formdb_database_open_transactions", labels) == 1
    end

    test "have the figures of their query caches", %{port: port, name: name} do
      {:ok, _} = FormdbHttp.open(name)
      {:ok, _} = FormdbHttp.put_feature(name, feature("a"))
      query = fn box -> {:ok, _} = FormdbHttp.search(name, {:box, box}) end
      for _ <- 1..3, do: query.("0,0,1,1")
      query.("0,0,2,2")
      assert %{"entries" => 2.0, "hits_total" => 2.0, "misses_total" => 2.0} = cache(port, name)

      # It lies where the queries looked.
      {:ok, _} =
        FormdbHttp.put_feature(
          name,
          ~s({"type":"Feature","geometry":{"type":"Point","coordinates":[0.5,0.5]},"properties":{}})
        )

      query.("0,0,1,1")
      {:ok, %{query_cache: figures}} = FormdbHttp.database(name)
      assert figures.invalidations == 1 and figures.bytes > 0

      assert cache(port, name) == %{
               "entries" => 2.0,
               "bytes" => figures.bytes * 1.0,
               "hits_total" => 2.0,
               "misses_total" => 3.0,
               "evictions_total" => 0.0,
               "expirations_total" => 0.0,
               "invalidations_total" => 1.0
             }
    end

    test "are counted by status, and only open ones have figures", context do
      %{port: port, name: name} = context
      before = statuses(scrape(port))
      {:ok, _} = FormdbHttp.open(name)
      {:ok, _} = FormdbHttp.put_feature(name, feature("a"))
      assert change(before, port) == %{"open" => 1}
      assert value(scrape(port), "formdb_database_seq", %{"database" => name}) == 1

      :ok = FormdbHttp.close(name)
      assert change(before, port) == %{"closed" => 1}
      assert value(scrape(port), "formdb_database_seq", %{"database" => name}) == nil

      # As its process says it while the journal is read.
      {:ok, _} = Registry.register(FormdbHttp.DatabaseRegistry, name, :opening)
      assert change(before, port) == %{"opening" => 1}
      assert value(scrape(port), "formdb_database_seq", %{"database" => name}) == nil
      Registry.unregister(FormdbHttp.DatabaseRegistry, name)

      [segment] =
        Path.wildcard(Path.join([Config.load!().data_dir, name, "journal", "*.journal"]))

      <<_magic, rest::binary>> = File.read!(segment)
      File.write!(segment, ["?", rest])
      capture_log(fn -> assert {:error, %Error{}} = FormdbHttp.open(name) end)
      assert change(before, port) == %{"failed" => 1}
      assert value(scrape(port), "formdb_database_seq", %{"database" => name}) == nil
    end

    test "are known also when the folder cannot be listed", %{port: port} do
      data_dir = Config.load!().data_dir
      File.rename!(data_dir, data_dir <> "-gone")

      scraped =
        try do
          scrape(port)
        after
          File.rename!(data_dir <> "-gone", data_dir)
        end

      assert statuses(scraped) == statuses(scrape(port))
      assert is_map_key(scraped, "formdb_database_seq")
    end

    test "may come and go during a scrape", %{port: port, name: name} do
      steady = name <> "-steady"
      on_exit(fn -> FormdbHttp.purge(steady) end)
      {:ok, _} = FormdbHttp.open(steady)
      until = System.monotonic_time(:millisecond) + 1_500

      restless =
        for n <- 1..3 do
          Task.async(fn -> come_and_go("#{name}-#{n}", until, 0) end)
        end

      scrapers = for _ <- 1..3, do: Task.async(fn -> scrape_on(port, steady, until, 0) end)
      assert Enum.min(Task.await_many(scrapers, 60_000)) > 0
      assert Enum.min(Task.await_many(restless, 60_000)) > 0
    end
  end

  defp cache(port, name) do
    for {"formdb_database_query_cache_" <> figure = metric, family} <- scrape(port),
        into: %{},
        do: {figure, family.samples[{metric, %{"database" => name}}]}
  end

  defp statuses(scraped) do
    for {{_name, %{"status" => status}}, n} <- scraped["formdb_databases"].samples,
        into: %{},
        do: {status, n}
  end

  defp change(before, port) do
    for {status, n} <- statuses(scrape(port)),
        n != before[status],
        into: %{},
        do: {status, n - before[status]}
  end

  defp come_and_go(name, until, rounds) do
    {:ok, _} = FormdbHttp.open(name)
    {:ok, _} = FormdbHttp.put_feature(name, feature("a"))
    if rem(rounds, 2) == 0, do: :ok = FormdbHttp.close(name)
    :ok = FormdbHttp.purge(name)

    if System.monotonic_time(:millisecond) < until,
      do: come_and_go(name, until, rounds + 1),
      else: rounds
  end

  defp scrape_on(port, steady, until, scrapes) do
    scraped = scrape(port)
    assert value(scraped, "formdb_database_seq", %{"database" => steady}) == 0
    assert value(scraped, "formdb_databases", %{"status" => "open"}) >= 1

    if System.monotonic_time(:millisecond) < until,
      do: scrape_on(port, steady, until, scrapes + 1),
      else: scrapes
  end

  test "connections are counted while they are open", %{port: port} do
    # That of the scrape itself.
    assert connections(port) == 1

    sockets =
      for _ <- 1..3 do
        socket = connect(port)
        write(socket, format("GET", "/health"))
        assert read(socket).status == 200
        socket
      end

    await(fn -> connections(port) == 4 end)
    Enum.each(sockets, &:gen_tcp.close/1)
    await(fn -> connections(port) == 1 end)
  end

  defp connections(port), do: value(scrape(port), "formdb_http_connections")

  # A connection counts until its process has ended, a little after the client sees the end.
  defp await(condition, attempts \\ 200) do
    condition.() or (attempts > 0 and Process.sleep(10) == :ok and await(condition, attempts - 1)) or
      flunk("it did not come to that within two seconds")
  end

  test "the parser of these tests refuses what is no such text" do
    help = "# TYPE a counter\n# HELP a b\n"
    histogram = "# TYPE h histogram\n# HELP h b\n"
    good = help <> ~S|a{x="1\"\\\n",y="2"} 3| <> "\na 1.5e3\n"

    assert %{"a" => %{samples: samples}} = Exposition.parse!(good)
    assert samples == %{{"a", %{"x" => "1\"\\\n", "y" => "2"}} => 3.0, {"a", %{}} => 1500.0}

    for bad <- [
          "a 1\n",
          "# TYPE a counter\na 1\n",
          "# HELP a b\na 1\n",
          help,
          help <> "a 1",
          help <> "a 1\na 1\n",
          help <> "a -1\n",
          help <> "a x\n",
          help <> "a 1 \n",
          help <> "b 1\n",
          help <> "a{} 1\n",
          help <> ~s|a{x="1"\n|,
          help <> ~s|a{x="1",x="2"} 1\n|,
          help <> ~S|a{x="\t"} 1| <> "\n",
          help <> ~s|a{1x="1"} 1\n|,
          help <> "a 1\n" <> help,
          help <> "a 1\n# TYPE b gauge\n# HELP b b\nb 1\na 2\n",
          "# TYPE a many\n# HELP a b\na 1\n",
          "# TYPE a counter\n# HELP a \\b\na 1\n",
          histogram <> ~s|h_bucket{le="1"} 1\nh_count 1\nh_sum 1\n|,
          histogram <> ~s|h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum 1\n|,
          histogram <> ~s|h_bucket{le="+Inf"} 1\nh_count 2\nh_sum 1\n|,
          histogram <> ~s|h_bucket{le="+Inf"} 1\nh_count 1\n|,
          histogram <> ~s|h_count 1\nh_sum 1\n|
        ] do
      refused =
        try do
          Exposition.parse!(bad)
          false
        rescue
          _error -> true
        end

      # A metric without samples is one that has not happened yet.
      assert {bad, refused} == {bad, bad != help}
    end
  end
end
