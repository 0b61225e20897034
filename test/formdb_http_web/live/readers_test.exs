defmodule FormdbHttpWeb.Live.ReadersTest do
  # Who may follow a database, and for how long: sockets, streams and requests that wait, on a server
  # with credentials.
  use ExUnit.Case

  require Logger

  import ExUnit.CaptureLog
  import FormdbHttp.AuthServer

  import FormdbHttp.HTTPClient,
    only: [connect: 1, format: 3, json: 1, read: 1, read_head: 1, read_rest: 2]

  alias FormdbHttp.{Config, HTTPClient, Telemetry, Tokens, WebSocketClient}
  alias FormdbHttpWeb.{AccessLog, Endpoint}
  alias FormdbHttpWeb.Auth.{ApiKeys, Entries}
  alias FormdbHttpWeb.Live.Open

  @socket "/socket/websocket?vsn=2.0.0"

  setup context do
    folder = folder()
    keys = Path.join(folder, "keys.json")
    [db, other] = for name <- ["one", "two"], do: "#{name}-#{System.unique_integer([:positive])}"

    for name <- [db, other] do
      {:ok, _} = FormdbHttp.open(name)
      on_exit(fn -> FormdbHttp.purge(name) end)
      put(name)
    end

    keys_of = %{
      reader: key(keys, "reader", "read:#{db}"),
      both: key(keys, "both", "read:#{db} read:#{other}"),
      watcher: key(keys, "watcher", "read:*")
    }

    jwks = Path.join(folder, "jwks.json")
    {private, public} = Tokens.keys(:ES256)
    write(jwks, %{"keys" => [Tokens.jwk(:ES256, public)]})

    settings =
      [
        api_keys_file: keys,
        server_key_file: Path.join(folder, "server.key"),
        failed_sign_ins: 1_000_000
      ] ++ jwt(:ES256, jwks) ++ Map.get(context, :settings, [])

    start_supervised!({Endpoint, config(settings)})

    %{
      port: Endpoint.port(),
      db: db,
      other: other,
      topic: "journal:" <> db,
      stream: "/api/v1/databases/#{db}/journal/stream",
      journal: "/api/v1/databases/#{db}/journal",
      keys: keys_of,
      path: keys,
      jwks: jwks,
      private: private
    }
  end

  defp put(db) do
    feature = %{"type" => "Feature", "id" => "a", "geometry" => nil, "properties" => %{}}
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(db, feature)
    seq
  end

  defp foreign(private, db, seconds) do
    now = System.os_time(:second)
    claims = Tokens.claims(%{"exp" => now + seconds, "scope" => "read:#{db}"})
    Tokens.sign(:ES256, private, claims)
  end

  defp bearer(credential), do: [{"authorization", "Bearer " <> credential}]
  defp parameter(credential), do: "token=" <> URI.encode_www_form(credential)
  defp protocol(token), do: "base64url.bearer.phx." <> Base.encode64(token, padding: false)

  defp open(port, credential),
    do: WebSocketClient.open(port, "#{@socket}&#{parameter(credential)}")

  defp last(socket) do
    with text when is_binary(text) <- WebSocketClient.read(socket), do: last(socket)
  end

  # A stream that has begun; `ended/1` is all of it.
  defp stream(port, path, headers) do
    socket = connect(port)
    HTTPClient.write(socket, format("GET", path, headers: headers))
    {socket, read_head(socket)}
  end

  defp ended({socket, head}), do: read_rest(socket, head).body

  describe "the credential of a socket" do
    test "comes as a parameter, as a protocol and as a field", %{port: port, keys: keys} do
      {socket, head} = WebSocketClient.handshake(port, @socket)
      answer = read_rest(socket, head)
      assert {answer.status, json(answer)["code"]} == {401, "unauthenticated"}

      protocols = fn key -> [{"sec-websocket-protocol", "phoenix, " <> protocol(key)}] end

      for {query, headers, status} <- [
            {"&" <> parameter(keys.reader), [], 101},
            {"&t%6Fken=" <> keys.reader, [], 101},
            {"", protocols.(keys.reader), 101},
            {"", bearer(keys.reader), 101},
            # The field counts first.
            {"&token=none", bearer(keys.reader), 101},
            {"&" <> parameter(keys.reader), bearer("none"), 401},
            {"&token=", [], 401},
            {"&token=none", [], 401},
            {"&token=none&" <> parameter(keys.reader), [], 401},
            {"&access_token=" <> keys.reader, [], 401},
            {"", protocols.("none"), 401},
            {"", [{"sec-websocket-protocol", "phoenix, base64url.bearer.phx.!"}], 401},
            {"", [{"cookie", "token=" <> keys.reader}], 401}
          ] do
        {_socket, head} = WebSocketClient.handshake(port, @socket <> query, headers: headers)
        assert {query, headers, head.status} == {query, headers, status}

        if status == 101 and headers != [] and hd(headers) |> elem(0) =~ "protocol",
          do: assert(head.headers["sec-websocket-protocol"] == "phoenix")
      end
    end

    test "does not make a page of another site one of ours", %{port: port, keys: keys} do
      for origin <- ["https://evil.example", "null"] do
        {_socket, head} =
          WebSocketClient.handshake(port, "#{@socket}&#{parameter(keys.reader)}",
            headers: [{"origin", origin}]
          )

        assert head.status == 403
      end
    end

    test "takes no topic of a database that it does not cover", context do
      %{port: port, topic: topic, other: other, keys: keys} = context
      socket = open(port, keys.reader)
      assert %{"seq" => 1} = WebSocketClient.join(socket, topic)

      [theirs, nobodys] =
        for name <- [other, "no-such-database"] do
          {"error", reason} =
            WebSocketClient.ask(socket, "9", "9", "journal:" <> name, "phx_join", %{})

          Map.update!(reason, "detail", &String.replace(&1, name, "x"))
        end

      assert theirs == nobodys
      assert theirs["reason"] == "database_not_found"
    end
  end

  test "a join that is refused is told of as a request is", %{port: port, keys: keys} = context do
    test = self()
    handler = fn _event, %{count: 1}, metadata, nil -> send(test, {:audit, metadata}) end
    Telemetry.attach("readers-audit", [:formdb, :audit], handler, nil)
    on_exit(fn -> Telemetry.detach("readers-audit") end)
    socket = open(port, keys.reader)
    join = &WebSocketClient.ask(socket, "9", "9", &1, "phx_join", %{})
    assert {"ok", _} = join.(context.topic)
    assert {"error", %{"reason" => "database_not_found"}} = join.("journal:" <> context.other)
    assert_receive {:audit, %{act: :join, outcome: :refused, reason: :hidden} = told}
    assert %{actor: "key:reader", credential: :api_key, client: "127.0.0.1", status: 404} = told
    assert {told.database, told.route} == {context.other, "/socket/websocket"}
    # What is no name of a database may be anything.
    assert {"error", _} = join.("journal:swordfish is it")
    assert_receive {:audit, %{act: :join, database: nil}}
    refute_received {:audit, _}
  end

  test "a key that is revoked ends what it opened, and no other", context do
    %{port: port, topic: topic, keys: keys, path: path, stream: stream, journal: journal} =
      context

    gone = open(port, keys.reader)
    WebSocketClient.join(gone, topic)
    stays = open(port, keys.watcher)
    WebSocketClient.join(stays, topic)
    streams = for key <- [keys.reader, keys.watcher], do: stream(port, stream, bearer(key))
    waits = connect(port)
    headers = bearer(keys.reader) ++ [{"connection", "close"}]
    HTTPClient.write(waits, format("GET", journal <> "?wait=30&since=1", headers: headers))
    until(fn -> {Open.count(:socket), Open.count(:stream), Open.count(:wait)} == {2, 2, 1} end)

    began = System.monotonic_time(:millisecond)
    :ok = Entries.remove(path, ApiKeys, "reader")
    assert last(gone) == {:close, 1008}
    assert ended(hd(streams)) =~ ~s(event: closed\ndata: {"reason":"unauthorized"}\n\n)
    assert %{"entries" => []} = waits |> read() |> json()
    assert System.monotonic_time(:millisecond) - began < 3_000
    until(fn -> {Open.count(:socket), Open.count(:stream), Open.count(:wait)} == {1, 1, 0} end)
    {"ok", _} = WebSocketClient.ask(stays, nil, "1", "phoenix", "heartbeat", %{})
  end

  test "a key that covers less has fewer channels", context do
    %{port: port, db: db, other: other, keys: keys, path: path} = context
    socket = open(port, keys.both)
    WebSocketClient.join(socket, "journal:" <> db, %{}, "1")
    WebSocketClient.join(socket, "journal:" <> other, %{}, "2")

    # The same key with another scope.
    changed = path |> File.read!() |> String.replace("read:#{db} read:#{other}", "read:#{other}")

    write(path, changed)
    topic = "journal:" <> db

    assert ["1", "1", ^topic, "phx_error", %{"reason" => "unauthorized"}] =
             WebSocketClient.next_of(socket, "phx_error")

    {"error", %{"reason" => "database_not_found"}} =
      WebSocketClient.ask(socket, "3", "3", topic, "phx_join", %{})

    put(other)
    put(db)
    assert ["2", nil, _, "journal_event", _] = WebSocketClient.next_of(socket, "journal_event")
    {"ok", _} = WebSocketClient.ask(socket, "2", "4", "journal:" <> other, "get_history", %{})
  end

  test "a token ends what it opened when it expires, or its issuer has other keys", context do
    %{port: port, db: db, topic: topic, private: private, jwks: jwks, stream: stream} = context
    short = open(port, foreign(private, db, 2))
    WebSocketClient.join(short, topic)
    short_stream = stream(port, stream <> "?" <> parameter(foreign(private, db, 2)), [])
    long = open(port, foreign(private, db, 3_000))
    WebSocketClient.join(long, topic)
    long_stream = stream(port, stream <> "?" <> parameter(foreign(private, db, 3_000)), [])
    assert last(short) == {:close, 1008}
    assert ended(short_stream) =~ ~s(event: closed\ndata: {"reason":"token_expired"}\n\n)
    {"ok", _} = WebSocketClient.ask(long, nil, "1", "phoenix", "heartbeat", %{})

    {_private, public} = Tokens.keys(:ES256)
    write(jwks, %{"keys" => [Tokens.jwk(:ES256, public)]})
    assert last(long) == {:close, 1008}
    assert ended(long_stream) =~ ~s({"reason":"unauthorized"})
  end

  test "a token of ours ends with the key that it was given to", context do
    %{port: port, topic: topic, keys: keys, path: path} = context
    given = ask(port, "POST", "/auth/token", keys.reader)
    assert given.status == 200
    socket = open(port, json(given)["access_token"])
    WebSocketClient.join(socket, topic)
    # Another key with this name is another key.
    :ok = Entries.remove(path, ApiKeys, "reader")
    key(path, "reader", "read:*")
    assert last(socket) == {:close, 1008}
  end

  test "a credential is in no log, metric or event, and in nothing that is answered", context do
    %{port: port, db: db, stream: stream, keys: keys} = context
    test = self()

    Telemetry.attach(
      "readers-test",
      [:formdb, :request, :stop],
      fn _, _, metadata, _ ->
        send(test, {:told, inspect(metadata, limit: :infinity)})
      end,
      nil
    )

    AccessLog.attach(%{Config.load!() | access_log: true})

    level = Logger.level()
    Logger.configure(level: :debug)

    on_exit(fn ->
      Logger.configure(level: level)
      Telemetry.detach("readers-test")
      AccessLog.attach(Config.load!())
    end)

    secret = "swordfish"

    {answers, log} =
      with_log(fn ->
        WebSocketClient.join(open(port, keys.reader), "journal:" <> db)

        handshakes =
          for {query, headers} <- [
                {"&token=#{secret}", []},
                {"&token=#{secret}&token=#{secret}", []},
                {"&token=#{secret}%ff", []},
                {"&token=#{secret}", [{"origin", "https://evil.example"}]},
                {"", [{"sec-websocket-protocol", "phoenix, " <> protocol(secret)}]},
                {"&vsn=#{secret}&" <> parameter(keys.reader), []}
              ] do
            {socket, head} = WebSocketClient.handshake(port, @socket <> query, headers: headers)
            answer = read_rest(socket, head)
            assert answer.status in 400..403
            # What is no credential may be shown.
            if query =~ "vsn=swordfish", do: "", else: inspect(answer)
          end

        streams =
          for query <- [
                "token=#{secret}",
                "token=#{secret}&token=1",
                "token=#{secret}%zz",
                "tokem=#{secret}"
              ] do
            answer = ask(port, "GET", "#{stream}?#{query}", nil)
            assert answer.status in 400..401
            inspect(answer)
          end

        {socket, _head} = stream(port, "#{stream}?since=0&#{parameter(keys.reader)}", [])
        :gen_tcp.close(socket)
        until(fn -> Open.count(:stream) == 0 end)
        [ask(port, "GET", "/metrics", keys.watcher).body] ++ handshakes ++ streams
      end)

    told = for _ <- 1..12, do: assert_receive({:told, text}, 2_000) && text
    assert log =~ "/socket/websocket" and log =~ stream

    for text <- [log | answers] ++ told,
        secret <- [secret, protocol(secret), keys.reader, protocol(keys.reader)],
        do: refute(text =~ secret)
  end
end
