defmodule FormdbHttpWeb.PlugTest do
  # FormDB inside another application, on a stand-in for Plug. What it answers is held against the
  # answers of the server.
  use ExUnit.Case

  import ExUnit.CaptureLog
  import FormdbHttp.HTTPClient, only: [json: 1]

  alias FormdbHttp.{Config, Contract, HTTPClient, JSON, PlugHost, WebSocketClient, WorkMemory}
  alias FormdbHttpWeb.{Endpoint, Mounted, Routes}
  alias FormdbHttpWeb.Live.Open

  defmodule Broken do
    # As a server raises what it would answer.
    defexception message: "the body is broken", plug_status: nil
  end

  # As Bandit has a stream of HTTP/2, and the error that resets it.
  defmodule Elixir.Bandit.HTTP2.Stream do
    defstruct [:stream_id]
  end

  defmodule Elixir.Bandit.HTTP2.Errors.StreamError do
    defexception [:message, :error_code]
  end

  @at [at: "/formdb"]
  @feature ~s({"type":"Feature","id":"a","geometry":null,"properties":{}})

  setup do
    on_exit(&PlugHost.stop/0)
    name = "plug_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, name: name, db: "/api/v1/databases/" <> name}
  end

  defp ask(method, path, opts \\ []), do: PlugHost.request(@at, method, "/formdb" <> path, opts)

  def ana(%{req_headers: headers}) do
    case List.keyfind(headers, "x-user", 0) do
      {_, "ana"} -> %{actor: "ana", scopes: "write:plug_*"}
      {_, "rob"} -> %{actor: "rob", scopes: "read:other"}
      {_, "old"} -> %{actor: "old", scopes: "read:*", expires: 1}
      {_, "odd"} -> :odd
      {_, "wrong"} -> %{actor: "x", scopes: "everything"}
      {_, "number"} -> %{actor: 7, scopes: "read:*", secret: "secret"}
      {_, "scopes"} -> %{actor: "x", scopes: ["read:*"]}
      {_, "record"} -> %FormdbHttp.Error{code: :none, detail: "secret"}
      {_, "map"} -> %{user: "x", password: "secret"}
      nil -> nil
    end
  end

  describe "every route" do
    # Blocks have times, ids of requests and transactions are new each time.
    @varying ~w(x-request-id date server connection content-length transfer-encoding)

    test "answers as the server does, with the mount in its links", %{name: name, db: db} do
      fill(name)
      start_supervised!({Endpoint, %{Config.load!() | base_path: "/formdb"}})
      port = Endpoint.port()
      # What has no end, or other figures each time, has tests of its own.
      others = ~r{/stream\z|/socket/|/metrics\z|/health/detailed\z}

      tried =
        for resource <- Routes.all(), {method, call} <- resource.calls, uniq: true do
          path = path(resource.template, db) <> query(resource.template)
          unless resource.template =~ others, do: compare(port, method, path, body(method, call))
          resource.name
        end

      assert length(Enum.uniq(tried)) == length(Routes.all())
      # It was no server that answered.
      assert FormdbHttp.databases() |> elem(1) |> Enum.any?(&(&1.id == name))
    end

    defp fill(name) do
      for n <- 0..5 do
        geometry = %{"type" => "Point", "coordinates" => [n, n]}
        feature = %{"type" => "Feature", "geometry" => geometry, "properties" => %{"n" => n}}
        {:ok, _} = FormdbHttp.put_feature(name, feature, id: "f#{n}")
        {:ok, _} = FormdbHttp.put_point(name, "s1", n, n / 1)
      end
    end

    defp path(template, db) do
      template
      |> String.replace("/api/v1/databases/{db}", db)
      |> String.replace("{id}", "f1")
      |> String.replace("{series}", "s1")
      |> String.replace("{prefix}", "s")
      |> String.replace("{point_id}", "pt_7_0")
      |> String.replace("{block}", "2")
      |> String.replace("{txn}", "txn_none")
      |> String.replace(~r/\{\w+\}/, "none")
    end

    # Those that need something more to have an answer other than that.
    defp query("/api/v1/databases/{db}/features"), do: "?limit=2"
    defp query("/api/v1/databases/{db}/features/nearby"), do: "?point=1,1&k=2"
    defp query("/api/v1/databases/{db}/proofs/inclusion"), do: "?seq=2"
    defp query("/api/v1/databases/{db}/proofs/consistency"), do: "?first=2&second=5"
    defp query(_template), do: ""

    # Nothing is written that could not be written twice: bodies that are refused.
    defp body("GET", _call), do: nil
    defp body("DELETE", _call), do: nil
    defp body(_method, _call), do: ~s({"nothing":)

    defp compare(port, method, path, body) do
      opts = if body, do: [headers: [{"content-type", "application/json"}], body: body], else: []
      # What the first one deletes is not there for the second.
      path = if method == "DELETE", do: path <> "?unknown=1", else: path
      there = HTTPClient.request(port, method, path, opts)
      here = ask(method, path, opts)
      Contract.check(method, path, here)
      call = "#{method} #{path}"
      assert {call, here.status} == {call, there.status}
      assert {call, meaning(here)} == {call, meaning(there)}
    end

    # The ids of requests are new each time.
    defp meaning(%{headers: headers, body: body}),
      do: {Map.drop(headers, @varying), String.replace(body, ~r/urn:formdb:request:\w+/, "")}
  end

  describe "paths" do
    test "are those below the mount, and others go on", %{db: db} do
      options = FormdbHttpWeb.Plug.init(@at)

      for path <- ["/", "/formdbx", "/api/v1/version", "/x/formdb"] do
        conn = PlugHost.conn("GET", path)
        assert FormdbHttpWeb.Plug.call(conn, options) == conn
      end

      for path <- ["/formdb", "/formdb/", "//formdb"],
          do: assert(%{status: 200} = PlugHost.request(@at, "GET", path))

      # As a router of Phoenix forwards: the host has taken its part away, of which some may vary.
      opts = [script_name: ["teams", "a%2Fb"]]
      path = "/teams/a%2Fb#{db}/features"
      body = [headers: json_headers(), body: @feature]
      answer = PlugHost.request([], "POST", path, opts ++ body)
      assert {answer.status, answer.headers["location"]} == {201, path <> "/a"}
      answer = PlugHost.request([], "GET", "/teams/a%2Fb/", opts)
      assert answer.status == 200 and answer.body =~ "/teams/a%2Fb/api/v1"

      # And both: what is in front of the endpoint says where it stands (config :url, path:).
      conn = %{PlugHost.conn("GET", "/formdb/openapi.json") | script_name: ["app"]}
      answer = PlugHost.answer(FormdbHttpWeb.Plug.call(conn, options))
      assert json(answer)["servers"] == [%{"url" => "/app/formdb"}]
    end

    test "stay as they were sent", %{db: db} do
      id = "a/b%.."
      sent = URI.encode(id, &URI.char_unreserved?/1)
      opts = [headers: json_headers(), body: String.replace(@feature, "\"a\"", "\"#{id}\"")]

      assert %{status: 201, headers: %{"location" => location}} =
               ask("POST", db <> "/features", opts)

      assert location == "/formdb#{db}/features/#{sent}"
      assert %{status: 200} = ask("GET", db <> "/features/" <> sent)
      # An empty part is one, but at the end.
      assert %{status: 404} = ask("GET", "/" <> db)
      assert %{status: 404} = ask("GET", db <> "//features")
      assert %{status: 200} = ask("GET", db <> "/features/")
      # What a host has written anew is what it says.
      conn = %{PlugHost.conn("GET", "/old") | path_info: ["formdb", "api", "v1", "version"]}
      conn = FormdbHttpWeb.Plug.call(conn, FormdbHttpWeb.Plug.init(@at))
      assert PlugHost.answer(conn).status == 200
    end

    test "and what proxies in front of the host say goes before them", %{db: db} do
      configured(trusted_proxies: "10.0.0.0/8")
      opts = [headers: [{"x-forwarded-prefix", "/outside"}], peer: {10, 1, 1, 1}]
      body = [body: @feature]
      plug = [at: "/formdb", principal: &__MODULE__.ana/1]

      opts = Keyword.update!(opts, :headers, &(&1 ++ [{"x-user", "ana"} | json_headers()]))
      answer = PlugHost.request(plug, "POST", "/formdb#{db}/features", opts ++ body)

      assert {answer.status, answer.headers["location"]} ==
               {201, "/outside/formdb#{db}/features/a"}
    end
  end

  describe "bodies" do
    test "come in parts, whole or as they are written", %{db: db} do
      {one, other} = String.split_at(@feature, 20)
      before = WorkMemory.figures()

      for length <- [true, false] do
        opts = [headers: json_headers(), body: [one, {:wait, 10}, other], length: length]

        assert %{status: 201, headers: %{"location" => "/formdb" <> _}} =
                 ask("POST", db <> "/features", opts)
      end

      lines =
        for n <- 1..20_000,
            do: ~s({"type":"Feature","id":"#{n}","geometry":null,"properties":{}}\n)

      for length <- [true, false] do
        parts = lines |> Enum.chunk_every(5_000) |> Enum.map(&IO.iodata_to_binary/1)
        opts = [headers: [{"content-type", "application/x-ndjson"}], body: parts, length: length]
        assert %{status: 200} = answer = ask("POST", db <> "/features", opts)

        assert %{"done" => true, "last_seq" => _} =
                 answer.body |> String.split("\n", trim: true) |> List.last() |> JSON.decode!()
      end

      assert json(ask("GET", db))["features"] == 20_001
      assert WorkMemory.figures() == before
    end

    test "of whoever sends slowly are asked for in smaller parts", %{db: db} do
      line = ~s({"type":"Feature","geometry":null,"properties":{}}\n)
      part = String.duplicate(line, div(40_000, byte_size(line)))

      lengths = fn body ->
        headers = [headers: [{"content-type", "application/x-ndjson"}], body: body]
        conn = PlugHost.conn("POST", "/formdb#{db}/features", headers)
        conn = FormdbHttpWeb.Plug.call(conn, FormdbHttpWeb.Plug.init(@at))
        assert PlugHost.answer(conn).body =~ ~s("done":true)
        PlugHost.asked(conn)
      end

      slow = lengths.(for _ <- 1..5, part <- [part, {:wait, 300}], do: part)
      assert [65_536, 32_768 | _] = slow
      quick = lengths.(List.duplicate(part, 20))
      assert hd(quick) == 65_536 and Enum.max(quick) == 262_144
    end

    test "that stop, or break, are refused as the server's are", %{db: db} do
      configured(body_timeout_ms: 100)

      for {body, status} <- [
            {["{", {:wait, 200}, "}"], 408},
            {[
               "{",
               %Broken{plug_status: 408}
             ], 408},
            {[
               "{",
               %Broken{plug_status: :bad_request}
             ], 400},
            {[%RuntimeError{message: "of the host\'s"}], 500}
          ] do
        opts = [headers: json_headers(), body: body, length: false]
        {answer, _log} = with_log(fn -> ask("POST", db <> "/features", opts) end)
        assert answer.status == status
      end
    end

    test "that are too large are refused by their length, and by what comes", %{db: db} do
      configured(max_body_bytes: 2_000)

      for length <- [true, false] do
        opts = [headers: json_headers(), body: String.duplicate("x", 3_000), length: length]
        assert %{status: 413} = ask("POST", db <> "/features", opts)
      end
    end

    test "that somebody else has read are refused, and never taken for empty ones", %{db: db} do
      {:ok, before} = FormdbHttp.databases()
      json = [headers: json_headers()]
      taken = %{"name" => "made_up"}

      for {path, opts} <- [
            # A parser has made something of it.
            {"/api/v1/databases", json ++ [body: ~s({"name":"made_up"}), parsed: taken]},
            {db <> "/features", json ++ [body: @feature, parsed: %{"_json" => []}]},
            {db <> "/features", json ++ [body: @feature, parsed: taken, length: false]},
            # Or an empty object, and nothing is left.
            {"/api/v1/databases",
             [headers: [{"content-length", "2"} | json_headers()], parsed: %{}]},
            {db <> "/transactions",
             [headers: [{"transfer-encoding", "chunked"} | json_headers()], parsed: %{}]}
          ] do
        answer = ask("POST", path, opts)
        assert {answer.status, json(answer)["code"]} == {500, "body_consumed"}
        assert json(answer)["detail"] =~ "before Plug.Parsers"
      end

      assert FormdbHttp.databases() == {:ok, before}
    end

    test "of which somebody has read a part are refused, too", %{db: db} do
      for read <- [5, 1_000] do
        opts = [headers: json_headers(), body: @feature]
        conn = PlugHost.conn("POST", "/formdb#{db}/features", opts)
        # As a check of a signature does, and no parser.
        {_more_or_ok, _part, conn} = Plug.Conn.read_body(conn, length: read)
        answer = PlugHost.answer(FormdbHttpWeb.Plug.call(conn, FormdbHttpWeb.Plug.init(@at)))
        assert {read, answer.status, json(answer)["code"]} == {read, 500, "body_consumed"}
      end
    end

    test "that a client waits to be asked for, and nobody asks for, end the connection", %{db: db} do
      expect = [{"expect", "100-continue"} | json_headers()]
      refused = ask("POST", "/api/v1/databases/none/features", headers: expect, body: @feature)
      assert {refused.status, refused.headers["connection"]} == {404, "close"}
      taken = ask("POST", db <> "/features", headers: expect, body: @feature)
      assert {taken.status, taken.headers["connection"]} == {201, nil}
    end

    test "that nobody wants are taken over HTTP/2, where the answer might be lost", %{db: db} do
      headers = [{"origin", "https://evil.example"} | json_headers()]

      for {protocol, asked} <- ["HTTP/2": [byte_size(@feature)], "HTTP/1.1": []] do
        conn = PlugHost.conn("POST", "/formdb#{db}/features", headers: headers, body: @feature)
        %{adapter: {name, server}} = conn
        conn = %{conn | adapter: {name, Map.put(server, :protocol, protocol)}}
        conn = FormdbHttpWeb.Plug.call(conn, FormdbHttpWeb.Plug.init(@at))
        assert {protocol, PlugHost.answer(conn).status} == {protocol, 403}
        assert {protocol, PlugHost.asked(conn)} == {protocol, asked}
      end
    end

    test "that parsers have left alone are read", %{db: db} do
      opts = [headers: json_headers(), body: @feature, parsed: %{}]
      assert %{status: 201} = ask("POST", db <> "/features", opts)
      # Nor is one missing that was never there.
      assert %{status: 201} = ask("POST", db <> "/transactions", parsed: %{})

      # As `body_reader` of Plug.Parsers.
      conn = PlugHost.conn("POST", "/formdb#{db}/features", opts)
      assert {:ok, "", ^conn} = FormdbHttpWeb.Plug.read_body(conn, [], "/formdb")
      conn = PlugHost.conn("POST", "/elsewhere", opts)

      assert {:ok, @feature, _conn} =
               FormdbHttpWeb.Plug.read_body(conn, [length: 1_000], "/formdb")
    end
  end

  describe "answers" do
    test "keep what the host says of all of its own, and say what is ours", %{db: db} do
      conn = PlugHost.conn("GET", "/formdb" <> db)
      host = [{"x-frame-options", "SAMEORIGIN"}, {"vary", "cookie"}, {"cache-control", "public"}]
      conn = FormdbHttpWeb.Plug.call(%{conn | resp_headers: host}, FormdbHttpWeb.Plug.init(@at))
      %{headers: headers} = PlugHost.answer(conn)
      assert %{"x-frame-options" => "SAMEORIGIN", "cache-control" => "no-cache"} = headers
      assert headers["vary"] =~ "cookie, "
    end

    test "have the id that the host gave the request, whose log is its own again", %{db: db} do
      id = "F9kYbNtcfXBcJzsAAAkB"
      Logger.metadata(request_id: id, user: "ana")
      conn = PlugHost.conn("GET", "/formdb#{db}/features/none")
      conn = %{conn | resp_headers: [{"x-request-id", id}]}
      answer = PlugHost.answer(FormdbHttpWeb.Plug.call(conn, FormdbHttpWeb.Plug.init(@at)))
      assert answer.headers["x-request-id"] == id
      assert json(answer)["instance"] == "urn:formdb:request:" <> id
      assert Logger.metadata() == [request_id: id, user: "ana"]

      Logger.reset_metadata()
      assert ask("GET", db).headers["x-request-id"] =~ ~r/\A[0-9a-f]{32}\z/
      assert Logger.metadata() == []
    end

    test "to HEAD are such, where the host makes GET of it", %{db: db} do
      for path <- [db, db <> "/journal/stream"] do
        conn = PlugHost.conn("HEAD", "/formdb" <> path)

        task =
          Task.async(fn ->
            # As Plug.Head does.
            FormdbHttpWeb.Plug.call(%{conn | method: "GET"}, FormdbHttpWeb.Plug.init(@at))
          end)

        assert %{status: 200} = Task.await(task)
        {200, _headers, sent} = PlugHost.sent(conn)
        # Of an answer that is whole the server leaves out the body.
        assert path == db or sent == ""
      end

      assert Open.count(:stream) == 0
    end

    test "say nothing of TLS, which is the host's" do
      configured(hsts_seconds: 1_000)
      answer = ask("GET", "/api/v1/version", scheme: :https)
      assert {answer.status, answer.headers["strict-transport-security"]} == {200, nil}
    end

    test "go out piece by piece, as the client takes them", %{name: name, db: db} do
      text = String.duplicate("x", 1_000)

      features =
        for n <- 1..2_000,
            do: %{
              "type" => "Feature",
              "id" => "#{n}",
              "geometry" => nil,
              "properties" => %{"t" => text}
            }

      {:ok, _} =
        FormdbHttp.put_features(name, %{"type" => "FeatureCollection", "features" => features})

      path = db <> "/features?limit=2000"
      opts = [headers: [{"accept", "application/geo+json-seq"}]]
      me = self()
      whole = ask("GET", path, opts)
      assert byte_size(whole.body) > 2_000_000

      task = Task.async(fn -> ask("GET", path, opts ++ [listener: me]) end)
      first = PlugHost.take()
      assert byte_size(first) < byte_size(whole.body)
      # Who is gone is sent no more.
      PlugHost.take(:gone)
      assert Task.await(task).status == 200
      refute_received {PlugHost, _, _}
    end

    test "that follow go on until the client is gone, and are told of the end", %{
      name: name,
      db: db
    } do
      follow = fn ->
        ask("GET", db <> "/journal/stream?since=0", listener: hd(Process.get(:"$callers")))
      end

      task = Task.async(follow)
      assert PlugHost.take() =~ "retry: 1000"
      {:ok, %{seq: 1}} = FormdbHttp.put_point(name, "s", 0, 1)
      assert PlugHost.take() =~ ~r/event: live|event: journal_event\ndata/
      assert Open.count(:stream) == 1
      send(task.pid, {Open, :drain})
      assert until("server_stops") =~ "event: closed"
      assert Task.await(task).status == 200
      assert Open.count(:stream) == 0

      task = Task.async(follow)
      PlugHost.take(:gone)
      Task.await(task)
      assert Open.count(:stream) == 0
    end

    defp until(text) do
      part = PlugHost.take()
      if part =~ text, do: part, else: until(text)
    end

    test "that cannot be made to the end end the request, not as if they were whole", %{db: db} do
      Process.flag(:trap_exit, true)
      conn = PlugHost.conn("GET", "/formdb" <> db)
      Mounted.Body.begin(conn)
      {:ok, settings, :this_machine} = Mounted.settings(:own)

      parts =
        Stream.map([1, 2], fn
          1 -> "one"
          2 -> throw({:cut_off, %FormdbHttp.Error{code: :io_error, detail: "gone"}})
        end)

      log =
        capture_log(fn ->
          exit = catch_exit(Mounted.Sending.send({200, %{}, {:stream, parts}}, settings))
          assert exit == {:shutdown, :cut_off}
        end)

      assert log =~ "an answer was cut off: io_error: gone"
      assert PlugHost.answer(conn).body == "one"
    end

    test "that are cut off reset a stream of HTTP/2, which would stay open", %{db: db} do
      %{adapter: {_name, server}} = conn = PlugHost.conn("GET", "/formdb" <> db)
      stream = struct(Bandit.HTTP2.Stream, stream_id: 3)
      Mounted.Body.begin(%{conn | adapter: {Bandit.Adapter, Map.put(server, :transport, stream)}})
      {:ok, settings, :this_machine} = Mounted.settings(:own)
      parts = Stream.map([1], fn 1 -> throw({:cut_off, %FormdbHttp.Error{code: :io_error}}) end)

      capture_log(fn ->
        assert %{error_code: 2} =
                 assert_raise(Bandit.HTTP2.Errors.StreamError, fn ->
                   Mounted.Sending.send({200, %{}, {:stream, parts}}, settings)
                 end)
      end)
    end

    test "to a handshake hand the connection over" do
      headers = WebSocketClient.fields()
      conn = PlugHost.conn("GET", "/formdb/socket/websocket?vsn=2.0.0", headers: headers)
      conn = FormdbHttpWeb.Plug.call(conn, FormdbHttpWeb.Plug.init(@at))
      assert %{state: :upgraded, halted: true, private: %{upgraded: {module, state, opts}}} = conn
      assert opts[:timeout] == 60_000 and opts[:max_frame_size] == 262_144
      assert {:ok, state} = module.init(state)
      heartbeat = ~s([null,"6","phoenix","heartbeat",{}])
      assert {:push, [{:text, reply}], _} = module.handle_in({heartbeat, opcode: :text}, state)
      assert IO.iodata_to_binary(reply) =~ ~s("status":"ok")

      refused =
        PlugHost.request(@at, "GET", "/formdb/socket/websocket?vsn=3.0.0", headers: headers)

      assert {refused.status, json(refused)["code"]} == {403, "vsn_not_supported"}
    end
  end

  describe "who asks" do
    test "is this machine, where nobody is known", %{db: db} do
      assert %{status: 200} = ask("GET", db)
      refused = ask("GET", db, peer: {192, 0, 2, 1})
      assert {refused.status, json(refused)["code"]} == {403, "forbidden"}
      assert json(refused)["detail"] =~ ":principal"
      # Nor by a name that somebody lets point to it.
      conn = PlugHost.conn("GET", "/formdb" <> db)

      conn =
        FormdbHttpWeb.Plug.call(
          %{conn | req_headers: [{"host", "evil.example"}]},
          FormdbHttpWeb.Plug.init(@at)
        )

      assert PlugHost.answer(conn).status == 421

      # Of a proxy on this machine nobody knows for whom it asks.
      for field <- ["x-forwarded-for", "x-real-ip", "forwarded"],
          do: assert(%{status: 403} = ask("GET", db, headers: [{field, "127.0.0.1"}]))

      configured(allow_unauthenticated: true)
      assert %{status: 200} = ask("GET", db, peer: {192, 0, 2, 1})
      assert %{status: 200} = ask("GET", db, headers: [{"x-forwarded-for", "192.0.2.1"}])
    end

    test "may be a page of the host's own, by whatever name it was asked", %{db: db} do
      plug = FormdbHttpWeb.Plug.init(at: "/formdb", principal: &__MODULE__.ana/1)

      post = fn origin, changes ->
        headers = [{"x-user", "ana"}, {"origin", origin} | json_headers()]
        conn = PlugHost.conn("POST", "/formdb#{db}/features", headers: headers, body: @feature)
        conn = Map.merge(conn, changes)
        # HTTP/2 has no such field: Bandit gives it as `conn.host` alone.
        fields = for {name, _} = field <- conn.req_headers, name != changes[:without], do: field
        PlugHost.answer(FormdbHttpWeb.Plug.call(%{conn | req_headers: fields}, plug)).status
      end

      by_http2 = %{without: "host", host: "app.example", port: 443, scheme: :https}
      assert post.("https://app.example", by_http2) == 201
      assert post.("https://evil.example", by_http2) == 403
      assert post.("http://[::1]:4000", %{without: "host", host: "::1", port: 4_000}) == 201
      # As Plug.RewriteOn and Plug.SSL do by what a proxy says, which has its own name for us.
      rewritten = %{host: "app.example", port: 443, scheme: :https}
      assert post.("https://app.example", rewritten) == 201
      assert post.("https://app.example:8443", %{rewritten | port: 8_443}) == 201
      assert post.("https://localhost", rewritten) == 403
    end

    test "is nobody by a name that points to this machine, whatever a plug makes of it", %{db: db} do
      get = fn changes ->
        conn = Map.merge(PlugHost.conn("GET", "/formdb" <> db), changes)
        PlugHost.answer(FormdbHttpWeb.Plug.call(conn, FormdbHttpWeb.Plug.init(@at))).status
      end

      assert get.(%{req_headers: [], host: "localhost"}) == 200
      assert get.(%{req_headers: [], host: "evil.example"}) == 421
      # A page can write the fields by which a plug is told of another name.
      assert get.(%{req_headers: [{"host", "evil.example"}], host: "localhost"}) == 421
    end

    test "is who the application says, and in whose name is written", %{name: name, db: db} do
      plug = [at: "/formdb", principal: &__MODULE__.ana/1]
      peer = {192, 0, 2, 1}

      ask = fn method, path, user, opts ->
        headers = if user, do: [{"x-user", user} | json_headers()], else: json_headers()
        PlugHost.request(plug, method, "/formdb" <> path, [headers: headers, peer: peer] ++ opts)
      end

      assert %{status: 201} = ask.("POST", db <> "/features", "ana", body: @feature)
      [entry] = json(ask.("GET", db <> "/journal", "ana", []))["entries"]
      assert entry["actor"] == "ana"
      # What the process does next is in nobody's name.
      {:ok, %{seq: 2}} = FormdbHttp.put_point(name, "s", 0, 1)
      [_, entry] = json(ask.("GET", db <> "/journal", "ana", []))["entries"]
      assert entry["actor"] == nil

      nobody = ask.("GET", db, nil, [])
      assert {nobody.status, json(nobody)["code"]} == {401, "unauthenticated"}
      assert nobody.headers["cache-control"] == "private, no-cache"
      assert %{status: 200} = ask.("GET", "/openapi.json", nil, [])
      # Of what may not be known nothing is told.
      assert %{status: 404} = ask.("GET", db, "rob", [])
      assert %{status: 403} = ask.("DELETE", db, "ana", [])
      assert %{status: 403} = ask.("POST", "/api/v1/databases", "ana", body: ~s({"name":"x"}))
      # Signing in is the application's.
      assert %{status: 404} = ask.("POST", "/auth/token", nil, body: "{}")

      # A page of another site has the cookies of whoever looks at it.
      foreign = [
        headers: [{"x-user", "ana"}, {"origin", "https://evil.example"} | json_headers()],
        peer: peer,
        body: @feature
      ]

      assert %{status: 403} = PlugHost.request(plug, "POST", "/formdb#{db}/features", foreign)

      # A stream ends with the time that it was given.
      old = ask.("GET", db <> "/journal/stream", "old", [])
      assert old.body =~ "token_expired"

      for {user, what} <- [
            {"odd", ":odd"},
            {"wrong", "scopes that are none"},
            {"number", "[actor: 7]"},
            {"scopes", ~s([scopes: ["read:*"]])},
            {"record", "a %FormdbHttp.Error{}"},
            {"map", "a map with the keys [:password, :user]"}
          ] do
        raised = assert_raise(ArgumentError, fn -> ask.("GET", db, user, []) end)
        assert raised.message =~ "ana/1 gave " <> what
        assert raised.message =~ "expected nil, or a map such as"
        # It goes to the log of the host.
        refute raised.message =~ "secret"
      end

      # What was asked next in this process is nobody's.
      assert %{status: 401} = ask.("GET", db, nil, [])
    end

    @tag :tmp_dir
    test "is by FormDB's own credentials where there are some", %{db: db, tmp_dir: dir} do
      file = Path.join(dir, "keys.json")
      {:ok, key} = FormdbHttpWeb.Auth.ApiKeys.create(file, "robot", "write:*", nil)
      configured(api_keys_file: file)
      peer = {192, 0, 2, 1}
      assert %{status: 401} = ask("GET", db, peer: peer)
      headers = [{"authorization", "Bearer " <> key} | json_headers()]

      assert %{status: 201} =
               ask("POST", db <> "/features", headers: headers, body: @feature, peer: peer)

      [entry] = json(ask("GET", db <> "/journal", headers: headers, peer: peer))["entries"]
      assert entry["actor"] == "key:robot"
    end
  end

  test "while the databases are not started it says so, and goes on when they are", %{
    name: name,
    db: db
  } do
    assert %{status: 200} = ask("GET", db)

    capture_log(fn ->
      :ok = Application.stop(:formdb_http)
      answer = ask("GET", db)
      assert {answer.status, json(answer)["code"]} == {503, "database_opening"}
      assert answer.headers["retry-after"] == "1"
      assert json(answer)["detail"] =~ "before the endpoint"
      {:ok, _} = Application.ensure_all_started(:formdb_http)
    end)

    {:ok, _} = FormdbHttp.open(name)
    assert %{status: 200} = ask("GET", db)

    assert %{status: 201} =
             ask("POST", db <> "/features", headers: json_headers(), body: @feature)
  end

  # The databases end while the request is answered.
  def ending(_conn) do
    PlugHost.stop()
    %{actor: "ana", scopes: "admin:*"}
  end

  test "what is not found while the databases end may be there", %{db: db} do
    plug = [at: "/formdb", principal: &__MODULE__.ending/1]
    answer = PlugHost.request(plug, "GET", "/formdb#{db}/features/none")
    assert {answer.status, json(answer)["code"]} == {503, "database_opening"}
    assert %{status: 200} = PlugHost.request(plug, "GET", "/formdb" <> db)
    assert %{status: 404} = ask("GET", db <> "/features/none")
  end

  test "options are looked at when the host is compiled" do
    for {opts, why} <- [
          {[path: "/x"], ~r/no option :path/},
          {[at: "x"], ~r/:at is "x"; expected a path/},
          {[principal: fn _conn -> nil end], ~r/expected a function such as &MyAppWeb/},
          {[principal: :ana], ~r/:principal is :ana/},
          {:at, ~r/no options/}
        ],
        do: assert_raise(ArgumentError, why, fn -> FormdbHttpWeb.Plug.init(opts) end)

    # What it gives can be a part of compiled code.
    options = FormdbHttpWeb.Plug.init(at: "/a/b", principal: &__MODULE__.ana/1)
    assert {^options, _} = options |> Macro.escape() |> Code.eval_quoted()
  end

  defp json_headers, do: [{"content-type", "application/json"}]

  # The databases stay as they are; what the plug knows of their settings is of another start.
  defp configured(settings) do
    PlugHost.stop()
    {handle, config} = :persistent_term.get(FormdbHttp.Catalog)
    {:ok, checked} = Config.new(settings)
    changed = Map.merge(config, Map.take(checked, Keyword.keys(settings)))
    :persistent_term.put(FormdbHttp.Catalog, {handle, changed})
    on_exit(fn -> :persistent_term.put(FormdbHttp.Catalog, {handle, config}) end)
  end
end
