defmodule FormdbHttpWeb.EndpointTest do
  # What concerns every request: methods, bodies, connections, the stop.
  use ExUnit.Case

  import ExUnit.CaptureLog
  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  @max_body_bytes 200_000

  setup do
    config = %{Config.load!() | max_body_bytes: @max_body_bytes, drain_timeout_ms: 5_000}
    start_endpoint(config)
    name = "endpoint_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), config: config, db: "/api/v1/databases/" <> name, name: name}
  end

  defp feature(id), do: ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{}})

  defp code(response) do
    assert response.headers["content-type"] == "application/problem+json"
    problem = json(response)
    assert problem["status"] == response.status
    problem["code"]
  end

  test "what keeps it from listening is met by advice that helps", %{config: config} do
    said = fn reason ->
      failed = {:failed_to_start_child, :listener, {:listen_error, Endpoint, reason}}
      Endpoint.explain({:shutdown, failed}, config)
    end

    assert said.(:eaddrinuse) =~ "set FORMDB_HOST and FORMDB_PORT to an address that is free"
    assert said.(:eaddrnotavail) =~ "to an address of this machine"
    assert said.(:eacces) =~ "ports below 1024"

    for reason <- [:emfile, :enfile] do
      assert said.(reason) =~ "ulimit -n"
      refute said.(reason) =~ "FORMDB_PORT"
    end
  end

  describe "methods" do
    test "HEAD has the headers of GET and no body", %{port: port} do
      socket = connect(port)
      write(socket, format("HEAD", "/api/v1/version"))
      head = read(socket, "HEAD")
      # Were there a body, this answer would begin with it.
      write(socket, format("GET", "/api/v1/version"))
      get = read(socket)

      assert head.status == 200
      assert get.body != ""
      assert head.headers["content-length"] == "#{byte_size(get.body)}"
      own = ["date", "x-request-id"]
      assert Map.drop(head.headers, own) == Map.drop(get.headers, own)
    end

    test "HEAD of what is not there has no body either", %{port: port} do
      socket = connect(port)
      write(socket, [format("HEAD", "/nothing"), format("GET", "/health")])
      assert %{status: 404, body: ""} = read(socket, "HEAD")
      assert %{status: 200, body: ~s({"status":"ok"})} = read(socket)
    end

    test "OPTIONS says what a path takes", %{port: port, db: db} do
      for {path, allow} <- [
            {"/health", "GET, HEAD, OPTIONS"},
            {"/health/live", "GET, HEAD, OPTIONS"},
            {"/health/ready", "GET, HEAD, OPTIONS"},
            {"/health/detailed", "GET, HEAD, OPTIONS"},
            {"/api/v1/version", "GET, HEAD, OPTIONS"},
            {"/api/v1/databases", "GET, POST, HEAD, OPTIONS"},
            {db, "GET, PATCH, DELETE, HEAD, OPTIONS"},
            {db <> "/features", "GET, POST, HEAD, OPTIONS"},
            {db <> "/features/bbox", "GET, HEAD, OPTIONS"},
            {db <> "/features/nearby", "GET, HEAD, OPTIONS"},
            {db <> "/features/geometry", "GET, POST, HEAD, OPTIONS"},
            {db <> "/features/within", "GET, POST, HEAD, OPTIONS"},
            {db <> "/features/intersects", "GET, POST, HEAD, OPTIONS"},
            {db <> "/features/heatmap", "GET, HEAD, OPTIONS"},
            {db <> "/features/a", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"},
            {db <> "/schema", "GET, HEAD, OPTIONS"},
            {db <> "/blocks/1", "GET, HEAD, OPTIONS"},
            {db <> "/blocks/1/revert", "POST, OPTIONS"},
            {db <> "/transactions", "POST, OPTIONS"},
            {db <> "/transactions/t", "GET, HEAD, OPTIONS"},
            {db <> "/transactions/t/operations", "POST, OPTIONS"},
            {db <> "/transactions/t/commit", "POST, OPTIONS"},
            {db <> "/transactions/t/abort", "POST, OPTIONS"},
            {db <> "/timeseries", "GET, POST, HEAD, OPTIONS"},
            {db <> "/timeseries/a", "GET, PUT, DELETE, HEAD, OPTIONS"},
            {db <> "/timeseries/a*", "GET, HEAD, OPTIONS"},
            {db <> "/timeseries/a%2A", "GET, PUT, DELETE, HEAD, OPTIONS"},
            {db <> "/timeseries/a/aggregate", "GET, HEAD, OPTIONS"},
            {db <> "/timeseries/a*/aggregate", "GET, HEAD, OPTIONS"},
            {db <> "/timeseries/a/summary", "GET, HEAD, OPTIONS"},
            {db <> "/timeseries/a/latest", "GET, HEAD, OPTIONS"}
          ] do
        response = request(port, "OPTIONS", path)
        assert {path, 204, allow} == {path, response.status, response.headers["allow"]}
        assert response.body == ""

        for method <- ["PUT", "PATCH", "DELETE"] -- String.split(allow, ", ") do
          response = request(port, method, path)
          assert {path, 405, allow} == {path, response.status, response.headers["allow"]}
          assert code(response) == "method_not_allowed"
        end
      end

      assert %{status: 204, headers: %{"allow" => "GET" <> _}} = request(port, "OPTIONS", "*")
    end

    test "unknown paths are problems", %{port: port} do
      for path <- ["/nothing", "/api/v1", "/api/v2/version", "/health/x", "//health"],
          method <- ["GET", "POST", "OPTIONS"] do
        response = request(port, method, path)
        assert {path, 404} == {path, response.status}
        assert code(response) == "not_found"
      end
    end

    test "a slash at the end of a path counts for nothing", %{port: port} do
      assert get(port, "/health/").status == 200
    end

    test "parameters that a call does not have are refused", %{port: port, db: db} do
      for path <- [
            "/health",
            "/health/live",
            "/health/ready",
            "/health/detailed",
            "/api/v1/version",
            "/api/v1/databases",
            db,
            db <> "/features/a",
            db <> "/features",
            db <> "/features/bbox",
            db <> "/features/nearby",
            db <> "/features/geometry",
            db <> "/features/within",
            db <> "/features/intersects",
            db <> "/features/heatmap",
            db <> "/timeseries/a",
            db <> "/timeseries/a*",
            db <> "/timeseries/a/aggregate",
            db <> "/timeseries/a*/aggregate",
            db <> "/timeseries/a/summary",
            db <> "/timeseries/a/latest"
          ] do
        response = get(port, path <> "?limt=1")
        assert {path, 400} == {path, response.status}
        assert code(response) == "unknown_parameter"
      end

      for path <- ["/api/v1/databases", db <> "/features", db <> "/timeseries"] do
        assert code(post(port, path <> "?limt=1", "{}")) == "unknown_parameter"
      end

      assert code(get(port, "/health?%zz")) == "invalid_query"
      assert code(get(port, "/api/v1/databases/%zz")) == "invalid_path"
      assert code(get(port, db <> "/features/%FF")) == "invalid_path"
    end
  end

  describe "bodies" do
    test "one as large as the limit is taken, one byte more is not", context do
      %{port: port, db: db} = context
      filler = @max_body_bytes - byte_size(feature("full"))
      full = feature("full") <> String.duplicate(" ", filler)
      assert byte_size(full) == @max_body_bytes
      assert post(port, db <> "/features", full).status == 201

      response = post(port, db <> "/features", full <> " ")
      assert response.status == 413
      assert response.headers["connection"] == "close"
      assert code(response) == "payload_too_large"
      assert json(response)["detail"] =~ "#{@max_body_bytes + 1} bytes"
    end

    test "one that is announced as too large is refused before it comes", context do
      socket = connect(context.port)
      path = context.db <> "/features"
      write(socket, format("POST", path, headers: [{"content-length", 10_000_000_000}]))
      assert code(read(socket)) == "payload_too_large"
      assert closed?(socket)
    end

    test "a client that waits for leave to send is given it, or the refusal", context do
      path = context.db <> "/features"
      body = feature("patient")
      expect = {"expect", "100-continue"}
      socket = connect(context.port)
      write(socket, format("POST", path, headers: [expect, {"content-length", byte_size(body)}]))
      assert %{status: 100} = read(socket)
      write(socket, body)
      assert %{status: 201} = read(socket)

      socket = connect(context.port)
      write(socket, format("POST", path, headers: [expect, {"content-length", 10_000_000}]))
      assert %{status: 413} = read(socket)
    end

    test "a chunked one is put together", %{port: port, db: db} do
      socket = connect(port)
      chunked = [{"transfer-encoding", "chunked"}]
      write(socket, format("POST", db <> "/features", headers: chunked))
      for <<byte <- feature("chunks")>>, do: write(socket, ["1\r\n", byte, "\r\n"])
      write(socket, "0\r\n\r\n")
      assert %{status: 201} = read(socket)
      assert get(port, db <> "/features/chunks").status == 200
    end

    test "a chunked one is refused as soon as it passes the limit", %{port: port, db: db} do
      socket = connect(port)
      chunked = [{"transfer-encoding", "chunked"}]
      write(socket, format("POST", db <> "/features", headers: chunked))
      chunk = String.duplicate(" ", 50_000)
      for _ <- 1..4, do: write(socket, ["C350\r\n", chunk, "\r\n"])
      # 200,000 bytes have come. The end never does: the next chunk is enough.
      write(socket, ["1000\r\n", String.duplicate(" ", 0x1000), "\r\n"])
      # Answers must not wait for a part of the body to fill.
      response = read(socket)
      assert response.status == 413
      assert code(response) == "payload_too_large"
      assert response.headers["connection"] == "close"
      assert closed?(socket)
    end

    test "one that breaks the chunked coding is refused and not collected", context do
      %{port: port, db: db} = context
      chunked = [{"transfer-encoding", "chunked"}]
      request = format("POST", db <> "/features", headers: chunked)

      # Within a chunk, the decoder notices by itself.
      socket = connect(port)
      write(socket, [request, "2\r\n{}garbage\r\n"])
      response = read(socket)
      assert response.status == 400
      assert code(response) == "malformed_request"
      assert closed?(socket)

      # Before one, it does not.
      socket = connect(port)
      write(socket, [request, String.duplicate("z", 3_000_000)])
      response = read(socket)
      assert response.status == 400
      assert code(response) == "malformed_request"
      assert closed?(socket)

      assert get(port, "/health").status == 200
    end

    test "a client that goes away in the middle leaves nothing behind", %{port: port, db: db} do
      socket = connect(port)
      partial = [format("POST", db <> "/features", headers: [{"content-length", 100}]), "{"]
      write(socket, partial)
      :ok = :gen_tcp.close(socket)
      assert get(port, "/health").status == 200
      # Nothing is under way any more, so the stop does not wait for it.
      assert stop_ms() < 2_000
    end

    test "their type is checked", %{port: port, db: db} do
      for type <- [
            "application/json",
            "application/geo+json",
            "application/vnd.geo+json; charset=utf-8",
            "Application/JSON; charset=utf-8",
            "application/problem+json"
          ] do
        assert {type, 201} == {type, post(port, db <> "/features", feature("a"), type).status}
      end

      assert request(port, "POST", db <> "/features", body: feature("a")).status == 201

      for type <- [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "",
            "+"
          ] do
        response = post(port, db <> "/features", feature("a"), type)
        assert {type, 415} == {type, response.status}
        assert code(response) == "unsupported_media_type"
      end
    end
  end

  describe "connections" do
    test "answers to pipelined requests come in their order", %{port: port, db: db} do
      ids = for n <- 1..50, do: "p#{n}"
      socket = connect(port)
      write(socket, for(id <- ids, do: format("POST", db <> "/features", body: feature(id))))
      assert for(_ <- ids, do: json(read(socket))["feature_id"]) == ids

      write(socket, for(id <- ids, do: format("GET", db <> "/features/" <> id)))
      assert for(_ <- ids, do: json(read(socket))["id"]) == ids
    end

    test "the body of a refused request is not taken for the next one", %{port: port} do
      socket = connect(port)
      smuggled = IO.iodata_to_binary(format("GET", "/api/v1/version"))
      write(socket, format("POST", "/nothing", body: smuggled))
      assert %{status: 404} = read(socket)
      write(socket, format("GET", "/health"))
      assert %{status: 200, body: ~s({"status":"ok"})} = read(socket)
    end

    test "a body that nobody wants and that comes late does not stop the next one", context do
      %{port: port, db: db} = context

      kept =
        for method <- ["GET", "PUT", "POST"],
            path <- ["/nothing", "/health", db <> "/features?limt=1"],
            pause <- [0, 5],
            _ <- 1..5 do
          socket = connect(port)
          :ok = :inet.setopts(socket, nodelay: true)
          [line, headers, ends, body] = format(method, path, body: feature("a"))
          write(socket, [line, headers, ends])
          Process.sleep(pause)
          write(socket, body)
          assert %{status: status, headers: headers} = read(socket)
          assert {method, path, status} != {"POST", db <> "/features?limt=1", 201}

          # What does not come for a while is not waited for, and a busy machine may keep
          # this test from sending it.
          if headers["connection"] == "close" do
            0
          else
            write(socket, format("GET", "/health"))
            assert %{status: 200, body: ~s({"status":"ok"})} = read(socket)
            1
          end
        end

      assert Enum.sum(kept) > div(length(kept), 2)

      socket = connect(port)
      write(socket, format("POST", "/nothing", headers: [{"content-length", 2_000_000}]))
      assert %{status: 404, headers: %{"connection" => "close"}} = read(socket)
    end

    test "what is no request gets a problem and does no harm", %{port: port} do
      long = String.duplicate("a", 20_000)

      for {bytes, status, code} <- [
            {"\x16\x03\x01 hello\r\n\r\n", 400, "malformed_request"},
            {"GET\r\n\r\n", 400, "malformed_request"},
            {"GET /health HTTP/1.1\r\n\r\n", 400, "malformed_request"},
            {"GET /health HTTP/1.1\r\nhost localhost\r\n\r\n", 400, "malformed_request"},
            {"GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", 400,
             "malformed_request"},
            {"GET /#{long} HTTP/1.1\r\nhost: a\r\n\r\n", 414, "uri_too_long"},
            {"GET / HTTP/1.1\r\nhost: a\r\nx: #{long}\r\n\r\n", 431, "headers_too_large"},
            {"GET / HTTP/3.0\r\nhost: a\r\n\r\n", 505, "version_not_supported"}
          ] do
        socket = connect(port)
        write(socket, bytes)
        response = read(socket)
        assert {bytes, status} == {bytes, response.status}
        assert code(response) == code
        assert response.headers["connection"] == "close"
        assert closed?(socket)
      end

      assert get(port, "/health").status == 200
    end

    test "a header field with a control character is refused, one with a tab is not", context do
      %{port: port, db: db} = context

      for {value, status} <- [{"a\0b", 400}, {"a\x1Fb", 400}, {"\x7F", 400}, {"a\tb é", 200}] do
        headers = [{"x-note", value}]
        response = get(port, db, headers)
        assert {value, status} == {value, response.status}
        if status == 400, do: assert(code(response) == "malformed_request")
      end

      # Nothing of such a request is done.
      key = [{"idempotency-key", "a\0"}]

      assert request(port, "POST", db <> "/features", headers: key, body: feature("n")).status ==
               400

      assert get(port, db <> "/features/n").status == 404
    end

    test "HTTP/1.0 is answered and the connection closed", %{port: port} do
      socket = connect(port)
      write(socket, "GET /health HTTP/1.0\r\n\r\n")
      assert %{status: 200, headers: %{"connection" => "close"}} = read(socket)
      assert closed?(socket)
    end

    test "the server gives its name and no other", %{port: port} do
      assert get(port, "/health").headers["server"] == "FormDB"
      assert get(port, "/nothing").headers["server"] == "FormDB"
    end

    test "an exception is a 500 that tells nothing, and is logged", context do
      %{port: port, name: name, config: config} = context
      # Without its catalog nothing works.
      handle = :persistent_term.get(FormdbHttp.Catalog)
      :persistent_term.put(FormdbHttp.Catalog, {:broken, config})

      log =
        capture_log(fn ->
          socket = connect(port)
          write(socket, format("GET", "/api/v1/databases/#{name}"))
          response = read(socket)
          :persistent_term.put(FormdbHttp.Catalog, handle)

          assert response.status == 500
          assert code(response) == "internal_error"
          refute response.body =~ "Argument"
          refute response.body =~ ".ex"

          # The connection lives.
          write(socket, format("GET", "/api/v1/databases/#{name}"))
          assert %{status: 200} = read(socket)
        end)

      assert log =~ "/api/v1/databases/#{name}"
      assert log =~ "database_controller.ex"
      assert length(String.split(log, "failed:")) == 2
    end

    test "a taken port is named in the error", %{config: config} do
      stop_supervised!(Endpoint)
      {:ok, taken} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
      {:ok, port} = :inet.port(taken)
      Process.flag(:trap_exit, true)

      log =
        capture_log(fn ->
          assert {:error, message} = Endpoint.start_link(%{config | port: port})
          assert message =~ "127.0.0.1 port #{port}"
          assert message =~ "address already in use"
        end)

      # Ranch would show all of its options.
      refute log =~ "socket_opts"
      :ok = :gen_tcp.close(taken)
    end

    test "it listens on IPv6 as well", %{config: config} do
      stop_supervised!(Endpoint)
      start_endpoint(%{config | host: {0, 0, 0, 0, 0, 0, 0, 1}})
      {:ok, socket} = :gen_tcp.connect(~c"::1", Endpoint.port(), [:binary, :inet6, active: false])
      write(socket, format("GET", "/health"))
      assert %{status: 200} = read(socket)
    end
  end

  describe "the stop" do
    test "lets a request under way finish, and takes no new ones", %{port: port, db: db} do
      body = feature("late")
      {half, rest} = String.split_at(body, 20)
      busy = connect(port)
      headers = [{"content-length", byte_size(body)}, {"expect", "100-continue"}]
      write(busy, format("POST", db <> "/features", headers: headers))
      # From now on the request is under way.
      assert {:ok, "HTTP/1.1 100 " <> _continue} = :gen_tcp.recv(busy, 0, 5_000)
      write(busy, half)
      idle = connect(port)
      write(idle, format("GET", "/health"))
      assert %{status: 200} = read(idle)

      stopping = Task.async(&stop_ms/0)
      wait_until(fn -> match?({:error, _}, :gen_tcp.connect({127, 0, 0, 1}, port, [])) end)
      refute Task.yield(stopping, 100), "the server did not wait"

      # A connection that is open already is still served, and told to close.
      write(idle, format("GET", "/health/ready"))
      response = read(idle)
      assert response.status == 503
      assert response.headers["connection"] == "close"
      assert [%{"reason" => "the server is stopping"}] = json(response)["reasons"]
      assert closed?(idle)

      write(busy, rest)
      response = read(busy)
      assert response.status == 201
      assert response.headers["connection"] == "close"
      assert closed?(busy)
      assert Task.await(stopping) < 4_000
      assert {:ok, _} = FormdbHttp.get_feature(Path.basename(db), "late")
    end

    test "does not wait for idle connections", %{port: port} do
      sockets = for _ <- 1..20, do: connect(port)
      for socket <- sockets, do: write(socket, format("GET", "/health"))
      for socket <- sockets, do: assert(%{status: 200} = read(socket))
      assert stop_ms() < 2_000
      for socket <- sockets, do: assert(closed?(socket))
    end

    test "waits no longer than it is set to", %{config: config, db: db} do
      stop_supervised!(Endpoint)
      start_endpoint(%{config | drain_timeout_ms: 200})
      busy = connect(Endpoint.port())
      write(busy, format("POST", db <> "/features", headers: [{"content-length", 10}]))
      wait_until(fn -> Endpoint.connections() == 1 end)
      Process.sleep(50)
      log = capture_log(fn -> assert stop_ms() in 200..2_500 end)
      assert log =~ "1 requests unanswered and 0 sockets open after 200 ms"
      assert read_all(busy) == ""
    end

    test "can be followed by a start", %{config: config} do
      stop_supervised!(Endpoint)
      start_endpoint(config)
      response = get(Endpoint.port(), "/health/ready")
      assert {response.status, json(response)} == {200, %{"status" => "ready"}}
    end
  end

  defp stop_ms do
    {microseconds, :ok} = :timer.tc(fn -> stop_endpoint() end)
    div(microseconds, 1_000)
  end

  # Not restarted, since some tests stop it.
  defp start_endpoint(config) do
    start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))
  end

  defp stop_endpoint, do: Supervisor.stop(Endpoint, :shutdown, 30_000)

  defp wait_until(condition, attempts \\ 200) do
    cond do
      condition.() ->
        :ok

      attempts > 0 ->
        Process.sleep(10)
        wait_until(condition, attempts - 1)

      true ->
        flunk("waited in vain")
    end
  end
end
