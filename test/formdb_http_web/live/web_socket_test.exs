defmodule FormdbHttpWeb.Live.WebSocketTest do
  # Sockets of a server: the handshake, what ends them, and clients that are slow or gone.
  use ExUnit.Case

  import FormdbHttp.Waiting

  import ExUnit.CaptureLog

  import FormdbHttp.HTTPClient,
    only: [closed?: 1, get: 2, get: 3, json: 1, request: 3]

  alias FormdbHttp.{Config, JSON, WebSocketClient}
  alias FormdbHttpWeb.Endpoint
  alias FormdbHttpWeb.Live.Open

  @path "/socket/websocket?vsn=2.0.0"

  setup context do
    settings = Map.merge(Config.load!(), Map.get(context, :settings, %{}))
    start_supervised!({Endpoint, settings})
    name = "ws-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    %{port: Endpoint.port(), db: name, topic: "journal:" <> name}
  end

  defp put(db, id, properties \\ %{}) do
    feature = %{"type" => "Feature", "id" => id, "geometry" => nil, "properties" => properties}
    {:ok, _} = FormdbHttp.put_feature(db, feature)
  end

  defp refused(port, path, headers \\ []) do
    {socket, head} = WebSocketClient.handshake(port, path, headers: headers)
    answer = FormdbHttp.HTTPClient.read_rest(socket, head)
    :gen_tcp.close(socket)
    {answer.status, json(answer)["code"]}
  end

  describe "the handshake" do
    test "is answered, with the protocol that the client offers", %{port: port} do
      {socket, %{status: 101} = head} = WebSocketClient.handshake(port, @path)
      refute Map.has_key?(head.headers, "sec-websocket-protocol")
      assert head.headers["server"] == "FormDB"
      WebSocketClient.push(socket, ~s([null,"6","phoenix","heartbeat",{}]))

      assert WebSocketClient.read(socket) ==
               ~s([null,"6","phoenix","phx_reply",{"status":"ok","response":{}}])

      for offered <- ["phoenix", "phoenix, base64url.bearer.phx.c2VjcmV0", "x,phoenix"] do
        headers = [{"sec-websocket-protocol", offered}]
        {_socket, head} = WebSocketClient.handshake(port, @path, headers: headers)
        assert {101, "phoenix"} == {head.status, head.headers["sec-websocket-protocol"]}
      end

      # Without a version it is the first one. Parameters of the client's own are passed over.
      socket = WebSocketClient.open(port, "/socket/websocket?token=x&user=7&user=8")

      WebSocketClient.push(
        socket,
        ~s({"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"})
      )

      assert WebSocketClient.read(socket) =~ ~s({"topic":"phoenix","event":"phx_reply")
    end

    test "is refused where it is none", %{port: port} do
      assert refused(port, "/socket/websocket?vsn=3.0.0") == {403, "vsn_not_supported"}
      assert %{status: 400} = answer = get(port, @path)
      assert json(answer)["detail"] =~ "Upgrade: websocket"
      assert request(port, "HEAD", @path).status == 400
      assert request(port, "POST", @path).status == 400

      # One who speaks another version, and keys that are none.
      for {name, value} <- [
            {"sec-websocket-version", "8"},
            {"sec-websocket-key", "abc"},
            {"upgrade", "h2c"},
            {"connection", "keep-alive"}
          ] do
        fields = List.keystore(WebSocketClient.fields(), name, 0, {name, value})
        assert {name, get(port, @path, fields).status} == {name, 400}
      end
    end

    test "is refused to pages of other sites", %{port: port} do
      for {headers, expected} <- [
            {[{"origin", "https://evil.example"}], {403, "origin_not_allowed"}},
            {[{"origin", "null"}], {403, "origin_not_allowed"}},
            {[{"sec-fetch-site", "cross-site"}], {403, "origin_not_allowed"}}
          ],
          do: assert({headers, refused(port, @path, headers)} == {headers, expected})

      # A page of our own, and what is no page.
      for headers <- [[{"origin", "http://localhost"}], [{"sec-fetch-site", "same-origin"}], []] do
        {_socket, head} = WebSocketClient.handshake(port, @path, headers: headers)
        assert {headers, head.status} == {headers, 101}
      end
    end

    @tag settings: %{allowed_origins: ["https://map.example"]}
    test "is granted to sites that are allowed", %{port: port} do
      headers = [{"origin", "https://map.example"}]
      WebSocketClient.open(port, @path, headers: headers)

      assert refused(port, @path, [{"origin", "https://maps.example"}]) ==
               {403, "origin_not_allowed"}
    end

    test "is counted, and so are sockets, as connections", %{port: port} do
      socket = WebSocketClient.open(port)
      wait_until(fn -> Open.count(:socket) == 1 and Endpoint.connections() == 1 end)
      metrics = get(port, "/metrics").body

      assert metrics =~
               ~s(formdb_http_requests_total{method="GET",route="/socket/websocket",status="1xx"})

      assert metrics =~ ~r/^formdb_http_sockets 1$/m
      :gen_tcp.close(socket)
      wait_until(fn -> Open.count(:socket) == 0 and Endpoint.connections() == 0 end)
    end
  end

  test "what is written is sent, after what was there", %{port: port, db: db, topic: topic} do
    put(db, "a")
    socket = WebSocketClient.open(port)
    assert %{"seq" => 0, "log" => log} = WebSocketClient.join(socket, topic, %{"since" => 0})
    {:ok, %{log: ^log}} = FormdbHttp.database(db)

    assert ["1", nil, ^topic, "journal_event", first] = WebSocketClient.message(socket)
    assert %{"after" => 0, "seq" => 1, "op" => "put_feature", "matched" => "after"} = first
    assert %{"body" => %{"id" => "a"}, "hash" => hash} = first
    assert ["1", nil, ^topic, "live", %{"seq" => 1}] = WebSocketClient.message(socket)
    put(db, "b")
    assert ["1", nil, ^topic, "journal_event", second] = WebSocketClient.message(socket)
    assert %{"after" => 1, "seq" => 2, "body" => %{"id" => "b"}} = second

    # From a place that is not of this history nothing is sent.
    for since <- [%{seq: 1, hash: String.duplicate("0", 64)}, %{seq: 1, log: "other"}, 9] do
      {"error", %{"reason" => reason}} =
        WebSocketClient.ask(socket, "2", "2", topic, "phx_join", %{since: since})

      assert reason in ["log_diverged", "invalid_parameter"]
    end

    since = %{seq: 1, hash: hash, log: log}
    WebSocketClient.join(socket, topic, %{since: since}, "3")

    assert ["3", nil, ^topic, "journal_event", ^second] =
             WebSocketClient.next_of(socket, "journal_event")
  end

  test "who comes back with a head that it kept gets the proof that nothing else was added",
       context do
    %{port: port, db: db, topic: topic} = context
    put(db, "a")
    socket = WebSocketClient.open(port)
    greeting = WebSocketClient.join(socket, topic, %{"since" => 0, "proof" => true})
    refute Map.has_key?(greeting, "consistency")
    [_, _, _, _, %{"proof" => proof}] = WebSocketClient.next_of(socket, "journal_event")
    head = Map.take(proof, ["tree_size", "root"])
    assert %{"tree_size" => 1, "root" => root} = head
    for id <- ["b", "c"], do: put(db, id)

    # A head alone is the sequence that is its size, too.
    for {since, ref} <- [{%{seq: 1, head: head}, "2"}, {%{head: head}, "3"}] do
      assert %{"seq" => 1, "consistency" => consistency} =
               WebSocketClient.join(socket, topic, %{"since" => since}, ref)

      assert %{"first" => 1, "first_root" => ^root, "second" => 3, "path" => [_ | _]} =
               consistency

      {:ok, expected} = FormdbHttp.consistency_proof(db, 1, 3)
      assert consistency == expected |> JSON.text() |> JSON.decode!()
    end

    other = %{head | "root" => String.duplicate("0", 64)}

    {"error", %{"reason" => "log_diverged", "pointer" => "/since" <> _}} =
      WebSocketClient.ask(socket, "4", "4", topic, "phx_join", %{since: %{head: other}})

    {"error", %{"reason" => "invalid_parameter", "pointer" => "/since/head"}} =
      WebSocketClient.ask(socket, "5", "5", topic, "phx_join", %{since: %{head: 1}})
  end

  test "a database that is closed or purged ends its channels, and no others", context do
    %{port: port, db: db, topic: topic} = context
    socket = WebSocketClient.open(port)
    WebSocketClient.join(socket, topic)
    :ok = FormdbHttp.close(db)

    assert ["1", "1", ^topic, "phx_error", %{"reason" => "database_closed"}] =
             WebSocketClient.next_of(socket, "phx_error")

    {"error", %{"reason" => "database_not_found"}} =
      WebSocketClient.ask(socket, "2", "2", topic, "phx_join", %{})

    {:ok, _} = FormdbHttp.open(db)
    WebSocketClient.join(socket, topic, %{}, "3")
    FormdbHttp.purge(db)
    assert ["3", "3", ^topic, "phx_close", %{}] = WebSocketClient.next_of(socket, "phx_close")

    {"error", %{"reason" => "database_not_found"}} =
      WebSocketClient.ask(socket, "4", "4", topic, "phx_join", %{})
  end

  @tag settings: %{socket_message_bytes: 2_000}
  test "frames that break the rules close their socket alone", %{port: port, topic: topic} do
    bystander = WebSocketClient.open(port)
    WebSocketClient.join(bystander, topic)
    long = ~s([null,"1","t","e",{"x":") <> String.duplicate("x", 2_000) <> ~s("}])

    for {frame, code} <- [
          {WebSocketClient.frame("{"), 1007},
          {WebSocketClient.frame(<<0xFF, 0xFE>>), 1007},
          {WebSocketClient.frame(<<9, 9>>, :binary), 1007},
          {WebSocketClient.frame(long), 1009},
          # In parts, of which none is too long.
          {[
             WebSocketClient.frame(binary_part(long, 0, 1_500), :text, 0),
             WebSocketClient.frame(binary_part(long, 1_500, 500), 0, 0),
             WebSocketClient.frame("}", 0, 1)
           ], 1009},
          # Not masked, and of an opcode that there is not.
          {<<1::1, 0::3, 1::4, 0::1, 2::7, "{}">>, 1002},
          {WebSocketClient.frame("", 3), 1002}
        ] do
      socket = WebSocketClient.open(port)
      :ok = :gen_tcp.send(socket, frame)
      assert {code, WebSocketClient.read(socket)} == {code, {:close, code}}
      assert closed?(socket)
    end

    socket = WebSocketClient.open(port)
    WebSocketClient.push(socket, "", :ping)
    assert WebSocketClient.read(socket) == {:pong, ""}
    WebSocketClient.push(socket, "abc", :ping)
    assert WebSocketClient.read(socket) == {:pong, "abc"}
    WebSocketClient.push(socket, <<1000::16>>, :close)
    assert WebSocketClient.read(socket) == {:close, 1000}
    {"ok", %{}} = WebSocketClient.ask(bystander, nil, "9", "phoenix", "heartbeat", %{})
  end

  @tag settings: %{socket_idle_ms: 2_000}
  test "a client that says nothing is taken for gone, whatever it is sent", context do
    %{port: port, db: db, topic: topic} = context
    silent = WebSocketClient.open(port)
    WebSocketClient.join(silent, topic)
    alive = WebSocketClient.open(port)

    for i <- 1..10 do
      put(db, "f#{i}")
      {"ok", _} = WebSocketClient.ask(alive, nil, "#{i}", "phoenix", "heartbeat", %{})
      Process.sleep(300)
    end

    wait_until(fn -> Open.count(:socket) == 1 end)
    {"ok", _} = WebSocketClient.ask(alive, nil, "x", "phoenix", "heartbeat", %{})
    # A client comes again after any code but 1000.
    assert last(silent) == {:close, 1002}
  end

  @tag settings: %{socket_idle_ms: 600}
  test "a client that sends a message slowly is not silent", %{port: port} do
    slow = WebSocketClient.open(port)
    begun = System.monotonic_time(:millisecond)
    heartbeat = ~s([null,"1","phoenix","heartbeat",{}])

    <<first::binary-size(3), rest::binary>> =
      IO.iodata_to_binary(WebSocketClient.frame(heartbeat))

    :ok = :gen_tcp.send(slow, first)

    for <<byte <- rest>> do
      Process.sleep(60)
      :ok = :gen_tcp.send(slow, <<byte>>)
    end

    assert ~s([null,"1","phoenix","phx_reply") <> _ = WebSocketClient.read(slow)
    assert System.monotonic_time(:millisecond) - begun > 1_800
    assert WebSocketClient.read(slow) == {:close, 1002}
  end

  test "sockets end with the server, which says that it comes again", context do
    %{port: port, topic: topic} = context
    sockets = for _ <- 1..250, do: WebSocketClient.open(port)
    WebSocketClient.join(hd(sockets), topic)
    wait_until(fn -> Open.count(:socket) == 250 end)
    started = System.monotonic_time(:millisecond)
    :ok = stop_supervised(Endpoint)
    assert System.monotonic_time(:millisecond) - started < 5_000

    for socket <- sockets, do: assert(last(socket) == {:close, 1012})
  end

  defp last(socket) do
    case WebSocketClient.read(socket) do
      {:close, code} -> {:close, code}
      _other -> last(socket)
    end
  end

  test "a socket that fails is closed, and the log has nothing of what it was sent", context do
    %{port: port, db: db, topic: topic} = context
    socket = WebSocketClient.open(port, @path <> "&token=swordfish")
    WebSocketClient.join(socket, topic)
    [{pid, _}] = for {pid, :socket} <- entries(), do: {pid, :socket}

    log =
      capture_log(fn ->
        # No such thing comes.
        {_cowboy, {_host, %{topics: topics}, _silence}, _parsing} = :sys.get_state(pid)
        send(pid, {:formdb, topics |> Map.keys() |> hd(), {"document"}})
        assert last(socket) == {:close, 1011}
        wait_until(fn -> not Process.alive?(pid) end)
        put(db, "a")
      end)

    assert log =~ "a socket failed"
    refute log =~ "document"
    refute log =~ "swordfish"
    refute get(port, "/metrics").body =~ "swordfish"
  end

  defp entries,
    do: Registry.select(Open, [{{:"$1", :_, :"$2"}, [], [{{:"$1", :"$2"}}]}])

  describe "a client that does not read" do
    # More than the buffers on the way hold.
    @count 3_000
    @padding String.duplicate("x", 10_000)

    defp write(db) do
      for from <- 1..@count//100 do
        features =
          for i <- from..(from + 99) do
            %{
              "type" => "Feature",
              "id" => "f#{i}",
              "geometry" => nil,
              "properties" => %{"p" => @padding}
            }
          end

        {:ok, _} =
          FormdbHttp.put_features(db, %{"type" => "FeatureCollection", "features" => features})
      end
    end

    defp follow(socket, seq) do
      case WebSocketClient.message(socket) do
        [_, _, _, "journal_event", %{"seq" => next, "after" => before}] ->
          assert before == seq
          if next == @count, do: :ok, else: follow(socket, next)

        [_, _, _, event, _] when event in ["live", "lagging"] ->
          follow(socket, seq)
      end
    end

    test "costs bounded memory, keeps nobody waiting, and gets all when it reads", context do
      %{port: port, db: db, topic: topic} = context
      slow = WebSocketClient.open(port, @path, recbuf: 16_384)
      WebSocketClient.join(slow, topic)
      [{pid, :socket}] = entries()
      reader = WebSocketClient.open(port)
      WebSocketClient.join(reader, topic)
      write(db)
      follow(reader, 0)

      # What is sent and not read, and what is asked for.
      {:binary, binaries} = Process.info(pid, :binary)

      held =
        for {_, size, _} <- Enum.uniq_by(binaries, &elem(&1, 0)),
            reduce: 0,
            do: (sum -> sum + size)

      {:messages, messages} = Process.info(pid, :messages)

      waiting =
        for {:formdb, _, events} when is_list(events) <- messages,
            event <- events,
            do: byte_size(event.json)

      assert held + Enum.sum(waiting) < 20_000_000
      assert Process.alive?(pid)

      follow(slow, 0)
    end

    @tag settings: %{send_timeout_ms: 500}
    test "is cut off in the end", %{port: port, db: db, topic: topic} do
      slow = WebSocketClient.open(port, @path, recbuf: 16_384)
      WebSocketClient.join(slow, topic)
      write(db)
      wait_until(fn -> Open.count(:socket) == 0 and Endpoint.connections() == 0 end)
      :gen_tcp.close(slow)
    end
  end
end
