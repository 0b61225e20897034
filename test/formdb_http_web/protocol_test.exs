defmodule FormdbHttpWeb.ProtocolTest do
  # What browsers, proxies, caches and hostile peers send, and what they are told.
  use ExUnit.Case

  import ExUnit.CaptureLog
  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Cowboy.Framing
  alias FormdbHttpWeb.Endpoint

  setup context do
    {:ok, web} = Config.load(Map.new(context[:settings] || %{}))
    web = Map.take(web, [:allowed_origins, :allowed_hosts, :base_path, :trusted_proxies])
    config = %{Map.merge(Config.load!(), web) | probe_port: 0}
    start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))
    name = "protocol_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), db: "/api/v1/databases/" <> name, name: name}
  end

  defp feature(id, properties \\ "{}"),
    do: ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":#{properties}})

  defp code(response) do
    assert response.headers["content-type"] == "application/problem+json"
    json(response)["code"]
  end

  defp raw(port, bytes, method \\ "GET") do
    socket = connect(port)
    write(socket, bytes)
    {socket, read(socket, method)}
  end

  describe "caches" do
    test "ask before they give an answer again, or keep none", %{port: port, db: db} do
      created = post(port, db <> "/features", feature("a"))
      hash = json(created)["hash"]

      for {path, expected} <- [
            {db, "no-cache"},
            {db <> "/features/a", "no-cache"},
            {db <> "/features/a?as_of=1", "no-cache"},
            {db <> "/features/none", "no-cache"},
            {db <> "/features?limt=1", "no-cache"},
            {db <> "/blocks/1", "no-cache"},
            {db <> "/blocks/" <> hash, "max-age=31536000, immutable"},
            {db <> "/blocks/" <> String.duplicate("0", 64), "no-cache"},
            {"/nothing", "no-cache"},
            {"/api/v1/version", "no-cache"},
            {"/health", "no-store"},
            {"/health/live", "no-store"},
            {"/health/ready", "no-store"},
            {"/health/detailed", "no-store"},
            {"/metrics", "no-store"}
          ] do
        response = get(port, path)
        assert {path, response.headers["cache-control"]} == {path, expected}
      end

      assert created.headers["cache-control"] == "no-cache"
      tag = get(port, db <> "/features/a").headers["etag"]
      not_modified = get(port, db <> "/features/a", [{"if-none-match", tag}])
      assert {not_modified.status, not_modified.headers["cache-control"]} == {304, "no-cache"}
      assert request(port, "OPTIONS", db).headers["cache-control"] == "no-cache"
      assert get(Endpoint.probe_port(), "/health").headers["cache-control"] == "no-store"
    end
  end

  describe "pages of web sites" do
    @evil [{"origin", "https://evil.example"}, {"sec-fetch-site", "cross-site"}]

    test "of others write nothing", %{port: port, db: db, name: name} do
      post(port, db <> "/features", feature("a"))

      for {method, path} <- [
            {"POST", db <> "/blocks/1/revert"},
            {"POST", db <> "/features"},
            {"DELETE", db},
            {"DELETE", db <> "/features/a"},
            {"POST", "/nothing"},
            {"POST", "/api/v1/databases"}
          ] do
        response = request(port, method, path, headers: @evil, body: feature("b"))
        assert {path, response.status, code(response)} == {path, 403, "origin_not_allowed"}
        assert json(response)["detail"] =~ "FORMDB_ALLOWED_ORIGINS"
      end

      assert {:ok, %{seq: 1}} = FormdbHttp.database(name)
      response = get(port, db <> "/features/a", @evil)
      assert response.status == 200
      refute is_map_key(response.headers, "access-control-allow-origin")
    end

    test "whose names were made to point here are refused", %{port: port, db: db} do
      for listener <- [port, Endpoint.probe_port()], path <- ["/health", db] do
        {_socket, response} = raw(listener, "GET #{path} HTTP/1.1\r\nhost: evil.example\r\n\r\n")
        assert {response.status, code(response)} == {421, "host_not_allowed"}
        assert json(response)["detail"] =~ "FORMDB_ALLOWED_HOSTS"
      end
    end

    @tag settings: %{"FORMDB_ALLOWED_ORIGINS" => "https://map.example"}
    test "that are allowed ask beforehand, and see the answers", %{port: port, db: db} do
      origin = {"origin", "https://map.example"}

      for path <- [db <> "/features/a", "/nothing"] do
        headers = [origin, {"access-control-request-method", "PUT"}]
        response = request(port, "OPTIONS", path, headers: headers)
        assert response.status == 204
        assert response.headers["access-control-allow-origin"] == "https://map.example"
        assert response.headers["access-control-allow-methods"] =~ "PUT"
        refute is_map_key(response.headers, "allow")
      end

      # Answers that are errors, too, and those that differ by what is accepted.
      response = request(port, "PUT", db <> "/features/a", headers: [origin], body: feature("b"))
      assert response.status == 400
      assert response.headers["access-control-allow-origin"] == "https://map.example"
      response = request(port, "PUT", db <> "/features/a", headers: [origin], body: feature("a"))
      assert response.status == 201
      response = get(port, db <> "/blocks/1", [origin])
      assert response.headers["vary"] == "accept, origin"
      assert response.headers["access-control-expose-headers"] =~ "etag"
    end
  end

  describe "behind a proxy" do
    @tag settings: %{"FORMDB_BASE_PATH" => "/formdb/"}
    test "that serves it under a path, links begin with that", %{port: port, db: db} do
      for id <- ["a/b", "c"] do
        response = post(port, "/formdb" <> db <> "/features", feature(id))
        assert response.status == 201
        assert response.headers["location"] == "/formdb#{db}/features/#{URI.encode_www_form(id)}"
        assert get(port, response.headers["location"]).status == 200
      end

      # The proxy may have taken the path away.
      page = get(port, db <> "/features?limit=1")
      assert %{"href" => href} = hd(json(page)["links"])
      assert href =~ ~r/\A\/formdb#{db}\/features\?/
      assert page.headers["link"] == "<#{href}>; rel=\"next\""
      assert json(get(port, href))["numberReturned"] == 1

      points = for n <- 1..2, do: %{series_id: "s", timestamp: n, value: n}
      post(port, db <> "/timeseries", %{points: points})

      assert get(port, db <> "/timeseries/s?limit=1").headers["link"] =~
               "</formdb#{db}/timeseries/s?"

      assert get(port, db <> "/timeseries/*?limit=1").headers["link"] =~
               "</formdb#{db}/timeseries/*?"

      for path <- ["/formdb/health", "/health", "/formdb"],
          do: assert(get(port, path).status == 200)

      for path <- ["/formdbx/health", "/x/health"], do: assert(get(port, path).status == 404)
    end

    @tag settings: %{"FORMDB_TRUSTED_PROXIES" => "127.0.0.1", "FORMDB_BASE_PATH" => "/own"}
    test "that is trusted, links begin with what it says", %{port: port, db: db} do
      location = fn headers ->
        request(port, "POST", db <> "/features", headers: headers, body: feature("a")).headers[
          "location"
        ]
      end

      assert location.([{"x-forwarded-prefix", "/outer/"}]) == "/outer#{db}/features/a"
      assert location.([{"x-forwarded-prefix", "/a%20b/c"}]) == "/a%20b/c#{db}/features/a"
      assert location.([{"x-forwarded-prefix", "/"}]) == "#{db}/features/a"
      assert location.([]) == "/own#{db}/features/a"

      for prefix <- ["//evil.example", "outer", "/a/../b", "/a b", "/a\"", "/a<", "/%zz", "/é"] do
        response = get(port, db, [{"x-forwarded-prefix", prefix}])
        assert {prefix, response.status, code(response)} == {prefix, 400, "malformed_request"}
      end
    end

    @tag settings: %{"FORMDB_TRUSTED_PROXIES" => "10.0.0.0/8"}
    test "that is not trusted, what it says does not count", %{port: port, db: db} do
      headers = [{"x-forwarded-prefix", "//evil.example"}]
      response = request(port, "POST", db <> "/features", headers: headers, body: feature("a"))
      assert response.headers["location"] == "#{db}/features/a"
    end
  end

  describe "requests that could be understood in two ways" do
    test "are refused, or end the connection", %{port: port, db: db} do
      head = "POST #{db}/features HTTP/1.1\r\nhost: localhost\r\n"
      body = feature("a")

      {socket, response} = raw(port, [head, "content-length: +#{byte_size(body)}\r\n\r\n", body])
      assert {response.status, code(response)} == {400, "malformed_request"}
      assert json(response)["detail"] =~ "Content-Length"
      assert closed?(socket)
    end

    test "such as bodies whose coding is broken are answered at once", %{port: port, db: db} do
      head = format("POST", db <> "/features", headers: [{"transfer-encoding", "chunked"}])
      trailers = "2\r\n{}\r\n0\r\nGET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"

      # Others Cowlib has to be mended for (see attacks/framing_test.exs).
      mended =
        if Framing.sizes_checked?(),
          do: ["zz\r\n", "2\r\n{}\r\nzz\r\n", "-1\r\n", trailers],
          else: []

      for body <- ["\r\n", "5\n{}", "2\r\n{}zz\r\n", String.duplicate("f", 40) <> "\r\n" | mended] do
        {microseconds, {socket, response}} = :timer.tc(fn -> raw(port, [head, body]) end)
        assert {body, response.status, code(response)} == {body, 400, "malformed_request"}
        assert is_binary(response.headers["date"])
        assert closed?(socket)
        assert microseconds < 5_000_000
      end

      # White space and extensions belong to the grammar.
      {_socket, response} = raw(port, [head, "2 ;a=b\r\n{}\r\n0\r\n\r\n"])
      assert code(response) == "invalid_feature"
    end
  end

  describe "leave to send a body" do
    test "is given once, however long the body waits", %{port: port, db: db} do
      body = feature("slow")
      headers = [{"expect", "100-continue"}, {"transfer-encoding", "chunked"}]
      socket = connect(port)
      write(socket, format("POST", db <> "/features", headers: headers))
      assert %{status: 100} = read(socket)
      # Longer than the server waits between two looks at a chunked body.
      Process.sleep(2_300)
      write(socket, [Integer.to_string(byte_size(body), 16), "\r\n", body, "\r\n0\r\n\r\n"])
      assert %{status: 201} = read(socket)
    end

    test "is not given before a refusal", %{port: port, db: db} do
      expect = [{"expect", "100-continue"}, {"content-length", 20}]

      for {method, path, headers, status} <- [
            {"POST", db <> "_none/features", [], 404},
            {"POST", db <> "_none/transactions/t/operations", [], 404},
            {"POST", db <> "/features", [{"content-type", "text/plain"}], 415},
            {"POST", db <> "/features?limt=1", [], 400},
            {"POST", db <> "/features", [{"origin", "https://evil.example"}], 403},
            {"PUT", db <> "/features/a", [{"if-match", "x"}], 400},
            {"PUT", db <> "/features/a", [{"content-range", "bytes 0-1/20"}], 400},
            {"POST", db <> "/features", [{"idempotency-key", "a b"}], 400},
            {"POST", "/nothing", [], 404}
          ] do
        {_socket, response} = raw(port, format(method, path, headers: headers ++ expect))
        assert {path, headers, status} == {path, headers, response.status}
      end
    end
  end

  describe "header fields" do
    test "may be as long as tokens are, and lines as long as documented", context do
      %{port: port} = context
      token = String.duplicate("t", 16_000)
      assert get(port, "/health", [{"authorization", "Bearer " <> token}]).status == 200
      {_socket, response} = raw(port, format("GET", "/health", headers: [{"x", token <> token}]))
      assert {response.status, code(response)} == {431, "headers_too_large"}
      assert json(response)["detail"] =~ "16384"

      for size <- [16_385, 17_000, 40_000] do
        path = "/" <> String.duplicate("a", size - byte_size("GET / HTTP/1.1"))
        {_socket, response} = raw(port, format("GET", path))
        assert {size, response.status, code(response)} == {size, 414, "uri_too_long"}
        assert json(response)["detail"] =~ "16384"
      end
    end

    test "and request lines have exactly the limits that are documented", %{port: port} do
      path = fn size ->
        "/health" <> String.duplicate("a", size - byte_size("GET /health HTTP/1.1"))
      end

      query = fn size ->
        "/health?" <> String.duplicate("a", size - byte_size("GET /health? HTTP/1.1"))
      end

      name = fn size -> {"/health", [{String.duplicate("n", size), "v"}]} end
      value = fn size -> {"/health", [{"x", String.duplicate("v", size)}]} end

      half = fn size ->
        {"/health",
         [{"x", String.duplicate("v", size - 8_002)}, {"x", String.duplicate("v", 8_000)}]}
      end

      for {make, most, taken, refused} <- [
            {&{path.(&1), []}, 16_384, 404, 414},
            {&{query.(&1), []}, 16_384, 400, 414},
            {name, 64, 200, 431},
            {value, 16_384, 200, 431},
            {half, 16_384, 200, 431}
          ],
          {size, status} <- [
            {most - 1, taken},
            {most, taken},
            {most + 1, refused},
            {most + 500, refused}
          ],
          piece <- [1_000_000, 1_001, 16_384] do
        {path, headers} = make.(size)
        bytes = "GET" |> format(path, headers: headers) |> IO.iodata_to_binary()
        socket = connect(port)
        :ok = :inet.setopts(socket, nodelay: true)
        write_slowly(socket, bytes, piece)
        assert {size, piece, read(socket).status} == {size, piece, status}
      end
    end

    # What is refused need not be read to its end.
    defp write_slowly(socket, bytes, piece) when byte_size(bytes) > piece do
      _ = :gen_tcp.send(socket, binary_part(bytes, 0, piece))
      Process.sleep(1)
      write_slowly(socket, binary_part(bytes, piece, byte_size(bytes) - piece), piece)
    end

    defp write_slowly(socket, bytes, _piece), do: :gen_tcp.send(socket, bytes)

    test "that say the body is a part, or in another character set, are not ignored", context do
      %{port: port, db: db} = context

      put = fn headers ->
        request(port, "PUT", db <> "/features/a", headers: headers, body: feature("a"))
      end

      response = put.([{"content-range", "bytes 0-20/400"}])
      assert {response.status, code(response)} == {400, "malformed_request"}
      assert json(response)["detail"] =~ ~s(Content-Range is "bytes 0-20/400")

      for charset <- [
            "utf-16",
            "\"UTF-16LE\"",
            "iso-8859-1",
            "latin1; x=y",
            "utf-8; charset=utf-16"
          ] do
        response = put.([{"content-type", "application/json; charset=#{charset}"}])
        assert {charset, response.status} == {charset, 415}
        assert json(response)["detail"] =~ "UTF-8"
      end

      for charset <- ["utf-8", "UTF-8", "\"utf-8\"", "us-ascii", " utf8"] do
        type = "application/geo+json;charset=#{charset}"
        assert {charset, put.([{"content-type", type}]).status in [200, 201]} == {charset, true}
      end
    end

    @tag settings: %{"FORMDB_TRUSTED_PROXIES" => "127.0.0.1"}
    test "may hold any bytes, and are answered in text", %{port: port, db: db} do
      post(port, db <> "/features", feature("a"))
      # Cowboy from 2.13 to 2.17 ends the connection over that, without an answer.
      mended? = Keyword.has_key?(:cowboy_http.module_info(:attributes), :formdb_mended)

      answers? =
        mended? or Version.match?(to_string(Application.spec(:cowboy, :vsn)), ">= 2.18.0")

      connection = if answers?, do: ["connection"], else: []

      for name <-
            ["accept", "accept-encoding", "content-type", "content-encoding", "content-range"] ++
              ["idempotency-key", "if-match", "if-none-match", "origin", "sec-fetch-site"] ++
              ["x-forwarded-for", "x-forwarded-host", "x-forwarded-prefix", "x-forwarded-proto"] ++
              ["authorization", "expect", "range", "upgrade", "user-agent"] ++ connection,
          value <- [<<0xFF, 0xFE>>, "é", "", ",", ";", "=", "\"", String.duplicate("a,", 4_000)],
          {method, path, body} <- [
            {"GET", "/features/a", nil},
            {"GET", "/blocks/1", nil},
            {"PUT", "/features/a", feature("a")}
          ] do
        socket = connect(port)
        write(socket, format(method, db <> path, headers: [{name, value}], body: body))
        response = read(socket)
        assert {name, value, response.status < 500} == {name, value, true}
        assert String.valid?(response.body)
        :ok = :gen_tcp.close(socket)
      end
    end

    test "over which a connection ends leave nothing that a stop waits for", context do
      socket = connect(context.port)
      write(socket, format("GET", "/health", headers: [{"connection", <<0xFF, 0xFE>>}]))
      assert closed?(socket) or is_binary(read_all(socket))
      {microseconds, :ok} = :timer.tc(fn -> Supervisor.stop(Endpoint, :shutdown, 30_000) end)
      assert microseconds < 5_000_000
    end

    test "that are no text never come into the log with the document", %{port: port, db: db} do
      secret = feature("a", ~s({"secret":"do not log"}))

      log =
        capture_log(fn ->
          for key <- [<<0xFF, 0xFE>>, "a b", "ä", "a, b", "", String.duplicate("k", 256)],
              {method, path} <- [{"POST", db <> "/features"}, {"PUT", db <> "/features/a"}] do
            headers = [{"idempotency-key", key}]
            response = request(port, method, path, headers: headers, body: secret)
            assert {key, response.status} == {key, 400}
            assert String.valid?(response.body)
            assert json(response)["detail"] =~ "Idempotency-Key"
          end
        end)

      refute log =~ "secret"
    end
  end

  describe "requests that are none" do
    test "have a date and are counted", %{port: port} do
      counted = fn ->
        ~r/formdb_http_requests_total\{method="(?:GET|other)",route="unmatched",status="4xx"\} (\d+)/
        |> Regex.scan(get(port, "/metrics").body)
        |> Enum.map(fn [_, count] -> String.to_integer(count) end)
        |> Enum.sum()
      end

      before = counted.()
      long = String.duplicate("a", 40_000)

      broken = [
        "nonsense\r\n\r\n",
        "GET /#{long} HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: #{long}\r\n\r\n"
      ]

      for bytes <- broken do
        {_socket, response} = raw(port, bytes)
        assert response.headers["date"] =~ "GMT"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["server"] == "FormDB"
      end

      assert counted.() == before + length(broken)
    end
  end

  test "a fault is logged without what it failed over" do
    secret = %{"secret" => "do not log"}

    for fault <- [
          fn -> Map.fetch!(Function.identity(secret), "other") end,
          fn -> String.length(Function.identity(secret)) end,
          fn -> raise ArgumentError, inspect(secret) end,
          fn -> exit({:timeout, {GenServer, :call, [self(), secret]}}) end,
          fn -> throw(secret) end,
          fn -> {:ok, _} = Function.identity({:error, secret}) end
        ] do
      text =
        try do
          fault.()
        catch
          kind, reason -> FormdbHttp.Fault.describe(kind, reason, __STACKTRACE__)
        end
        |> IO.iodata_to_binary()

      refute text =~ "do not log"
      assert text =~ "protocol_test.exs"
    end
  end
end
