defmodule FormdbHttpWeb.TlsTest do
  use ExUnit.Case

  import ExUnit.CaptureLog
  import FormdbHttp.AuthServer, only: [config: 1, folder: 0, until: 1]

  import FormdbHttp.HTTPClient,
    only: [connect: 1, format: 2, format: 3, get: 2, read_all: 1]

  alias FormdbHttp.{Certificates, Config, JSON, WebSocketClient}
  alias FormdbHttpWeb.{Endpoint, Tls}

  setup do
    folder = folder()
    {certificate, key} = Certificates.write(folder, "one")
    {:ok, folder: folder, certificate: certificate, key: key}
  end

  defp settings(context, more),
    do: [tls_certificate_file: context.certificate, tls_key_file: context.key] ++ more

  defp serve(context, more \\ []) do
    config = config(settings(context, more))
    start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))
    Endpoint.port()
  end

  # What is of level info is not logged in tests.
  defp log_all do
    Logger.configure(level: :info)
    on_exit(fn -> Logger.configure(level: :warning) end)
  end

  # What keeps it from starting.
  defp refusal(context, more \\ []) do
    Process.flag(:trap_exit, true)
    {:error, sentence} = Endpoint.start_link(config(settings(context, more)))
    sentence
  end

  defp secure(port, options \\ []) do
    options = [active: false, mode: :binary, verify: :verify_none, log_level: :none] ++ options
    :ssl.connect({127, 0, 0, 1}, port, options, 10_000)
  end

  defp ask(socket, method, path, opts \\ []) do
    :ok = :ssl.send(socket, format(method, path, opts))
    answer(socket, "")
  end

  # Those with a length, which are all here.
  defp answer(socket, read) do
    with [head, body] <- String.split(read, "\r\n\r\n", parts: 2),
         [_, length] = Regex.run(~r/content-length: (\d+)/, head <> "\r\ncontent-length: 0"),
         length = String.to_integer(length),
         true <- byte_size(body) >= length do
      {body, rest} = :erlang.split_binary(body, length)
      "HTTP/1.1 " <> <<status::binary-3>> <> _ = head
      %{status: String.to_integer(status), head: head, body: body, rest: rest}
    else
      _more ->
        {:ok, more} = :ssl.recv(socket, 0, 10_000)
        answer(socket, read <> more)
    end
  end

  defp shown(port) do
    {:ok, socket} = secure(port)
    {:ok, der} = :ssl.peercert(socket)
    :ssl.close(socket)
    der
  end

  defp own(path) do
    [{:Certificate, der, _} | _] = path |> File.read!() |> :public_key.pem_decode()
    der
  end

  test "sockets and streams follow a database, and end when the server stops", context do
    port = serve(context)
    name = "tls-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)

    put =
      &FormdbHttp.put_feature(name, %{type: "Feature", id: &1, geometry: nil, properties: %{}})

    {:ok, socket} = secure(port)
    fields = WebSocketClient.fields()
    :ok = :ssl.send(socket, format("GET", "/socket/websocket?vsn=2.0.0", headers: fields))
    assert until_read(socket, "\r\n\r\n") =~ "HTTP/1.1 101"
    join = ~s(["1","1","journal:#{name}","phx_join",{}])
    :ok = :ssl.send(socket, WebSocketClient.frame(join))
    assert until_read(socket, "phx_reply") =~ ~s("status":"ok")

    {:ok, stream} = secure(port)
    :ok = :ssl.send(stream, format("GET", "/api/v1/databases/#{name}/journal/stream"))
    assert until_read(stream, "retry: 1000") =~ "HTTP/1.1 200"

    for id <- ["a", "b"] do
      {:ok, _} = put.(id)
      for one <- [socket, stream], do: until_read(one, ~s("id":"#{id}"))
      :ok = :ssl.send(socket, WebSocketClient.frame(~s([null,"h","phoenix","heartbeat",{}])))
      until_read(socket, "phx_reply")
    end

    :ok = stop_supervised(Endpoint)
    assert until_read(stream, "closed") =~ ~s({"reason":"server_stops"})
    # A close with 1012.
    until_read(socket, <<1_012::16>>)
  end

  defp until_read(socket, text, read \\ "") do
    if read =~ text do
      read
    else
      {:ok, more} = :ssl.recv(socket, 0, 10_000)
      until_read(socket, text, read <> more)
    end
  end

  describe "a handshake" do
    test "is of TLS 1.2 or 1.3, with suites that are sound", context do
      port = serve(context)

      for version <- [:"tlsv1.2", :"tlsv1.3"] do
        {:ok, socket} = secure(port, versions: [version])
        {:ok, found} = :ssl.connection_information(socket, [:protocol, :selected_cipher_suite])
        assert found[:protocol] == version
        assert found[:selected_cipher_suite].mac == :aead
        assert %{status: 200} = ask(socket, "GET", "/health")
      end

      # Older versions, and suites without authenticated encryption or whose keys could be found
      # later. (What of them OTP itself no longer has cannot be asked for.)
      for version <- [:tlsv1, :"tlsv1.1"],
          do: assert({:error, _} = secure(port, versions: [version]))

      weak =
        for suite <- :ssl.cipher_suites(:all, :"tlsv1.2"),
            suite.mac != :aead or suite.key_exchange not in [:ecdhe_ecdsa, :ecdhe_rsa],
            do: suite

      assert weak != []
      assert {:error, _} = secure(port, versions: [:"tlsv1.2"], ciphers: weak)
    end

    test "agrees on HTTP/1.1, and on nothing with who takes HTTP/2 alone", context do
      port = serve(context)
      {:ok, socket} = secure(port, alpn_advertised_protocols: ["h2", "http/1.1"])
      assert :ssl.negotiated_protocol(socket) == {:ok, "http/1.1"}
      assert %{status: 200} = ask(socket, "GET", "/health")

      assert {:error, {:tls_alert, {:no_application_protocol, _}}} =
               secure(port, alpn_advertised_protocols: ["h2"])
    end

    test "shows the certificates between ours and a root, and works for each kind of key",
         context do
      stop = fn -> stop_supervised!(Endpoint) end

      for {name, key} <- [
            {"rsa", {:rsa, 2_048, 65_537}},
            {"p384", {:namedCurve, :secp384r1}},
            {"ed25519", {:namedCurve, :ed25519}}
          ] do
        {certificate, key} = Certificates.write(context.folder, name, key: key)
        port = serve(%{certificate: certificate, key: key})
        assert shown(port) == own(certificate)
        stop.()
      end

      # Both in one file.
      both = Path.join(context.folder, "both.pem")
      File.write!(both, [File.read!(context.key), File.read!(context.certificate)])
      File.chmod!(both, 0o600)
      port = serve(%{certificate: both, key: both})
      assert shown(port) == own(context.certificate)
    end

    test "that does not come is ended, and takes a place until then", context do
      port = serve(context, max_connections: 3)
      options = :ranch.get_transport_options(Endpoint)
      :ok = :ranch.set_transport_options(Endpoint, %{options | handshake_timeout: 1_500})
      half_open = for _ <- 1..3, do: connect(port)
      until(fn -> Endpoint.connections() == 3 end)

      # Beyond the limit nobody is given the work of a handshake.
      assert {:error, _} = secure(port)
      assert Endpoint.refused_connections() == 1

      for socket <- half_open, do: assert(read_all(socket) == "")
      until(fn -> Endpoint.connections() == 0 end)
      {:ok, socket} = secure(port)
      assert %{status: 200} = ask(socket, "GET", "/health")
    end

    test "that is none is ended at once, and nothing is logged of it", context do
      port = serve(context)

      log =
        capture_log(fn ->
          for bytes <- [
                "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
                :crypto.strong_rand_bytes(1_000),
                <<22, 3, 1, 0xFFFF::16, 0::800>>,
                <<22, 3, 3, 4::16, 1, 0xFFFFFF::24>>,
                String.duplicate("\0", 100_000),
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
              ] do
            socket = connect(port)
            _ = :gen_tcp.send(socket, bytes)
            # At most an alert, and never an answer.
            assert ended(socket) |> byte_size() < 100
          end

          until(fn -> Endpoint.connections() == 0 end)
        end)

      refute log =~ "[error]"
      {:ok, socket} = secure(port)
      assert %{status: 200} = ask(socket, "GET", "/health")
    end

    defp ended(socket, read \\ "") do
      case :gen_tcp.recv(socket, 0, 10_000) do
        {:ok, more} -> ended(socket, read <> more)
        # Closed, or reset over what was not read.
        {:error, reason} when reason != :timeout -> read
      end
    end

    test "is not made again because a client asks", context do
      port = serve(context)
      {:ok, socket} = secure(port, versions: [:"tlsv1.2"])
      assert {:error, _refused} = :ssl.renegotiate(socket)
    end
  end

  describe "requests" do
    setup context do
      name = "tls_#{System.unique_integer([:positive])}"
      {:ok, _} = FormdbHttp.open(name)
      on_exit(fn -> :ok = FormdbHttp.purge(name) end)
      {:ok, port: serve(context), name: name, path: "/api/v1/databases/#{name}/features"}
    end

    defp feature(id, size \\ 1),
      do:
        ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{"a":"#{String.duplicate("a", size)}"}})

    test "are answered as in the clear, and browsers told to stay with TLS", context do
      %{port: port, path: path} = context
      {:ok, socket} = secure(port)
      headers = [{"content-type", "application/json"}]

      for size <- [1, 60_000, 65_536, 1_000_000, 5_000_000] do
        response = ask(socket, "PUT", path <> "/a", headers: headers, body: feature("a", size))
        assert response.status in [200, 201]
        assert response.head =~ "strict-transport-security: max-age=31536000"
      end

      # In parts, each as soon as the client has taken the one before.
      :ok = :ssl.send(socket, format("GET", path <> "/a"))
      assert byte_size(read_to(socket, ~s("}}), "")) > 5_000_000

      # An upload, chunked, with its lines of progress.
      headers = [{"content-type", "application/geo+json-seq"}, {"transfer-encoding", "chunked"}]
      :ok = :ssl.send(socket, format("POST", path, headers: headers))

      for n <- 1..2_000 do
        line = ["\x1e", feature("f#{n}"), "\n"]

        :ok =
          :ssl.send(socket, [Integer.to_string(IO.iodata_length(line), 16), "\r\n", line, "\r\n"])
      end

      :ok = :ssl.send(socket, "0\r\n\r\n")
      assert read_to(socket, ~s("done":true), "") =~ ~s("inserted":2000)
    end

    defp read_to(socket, text, read) do
      if String.contains?(read, text) do
        read
      else
        {:ok, more} = :ssl.recv(socket, 0, 10_000)
        read_to(socket, text, read <> more)
      end
    end

    test "that are sent before there are answers are done in their order", context do
      %{port: port, path: path} = context
      {:ok, socket} = secure(port)
      headers = [{"content-type", "application/json"}]

      sent =
        for n <- 1..30 do
          [
            format("PUT", path <> "/p#{n}", headers: headers, body: feature("p#{n}", 20_000)),
            format("DELETE", path <> "/p#{n}")
          ]
        end

      sender = Task.async(fn -> for part <- List.flatten(sent), do: :ssl.send(socket, part) end)

      {statuses, ""} =
        Enum.map_reduce(1..60, "", fn _n, rest ->
          response = answer(socket, rest)
          {response.status, response.rest}
        end)

      Task.await(sender)
      assert statuses == Enum.flat_map(1..30, fn _ -> [201, 200] end)
    end

    test "that come while one is under way are not begun", %{port: port, name: name} do
      {:ok, socket} = secure(port)
      :ok = :ssl.send(socket, format("GET", "/api/v1/databases/#{name}/journal?wait=2&since=0"))
      until(fn -> Endpoint.requests_in_flight() == 1 end)
      processes = :erlang.system_info(:process_count)
      for _ <- 1..50, do: :ok = :ssl.send(socket, for(_ <- 1..20, do: format("GET", "/health")))
      Process.sleep(200)
      assert Endpoint.requests_in_flight() == 1
      assert :erlang.system_info(:process_count) - processes < 200

      {statuses, ""} =
        Enum.map_reduce(1..1_001, "", fn _n, rest ->
          response = answer(socket, rest)
          {response.status, response.rest}
        end)

      assert Enum.uniq(statuses) == [200]

      # One that goes meanwhile is noticed, though nobody reads what it sends.
      :ok = :ssl.send(socket, format("GET", "/api/v1/databases/#{name}/journal?wait=10&since=0"))
      until(fn -> Endpoint.requests_in_flight() == 1 end)
      :ok = :ssl.send(socket, format("GET", "/health"))
      :ssl.close(socket)
      until(fn -> Endpoint.requests_in_flight() == 0 and Endpoint.connections() == 0 end)
    end

    test "that are ambiguous end the connection, as in the clear", %{port: port, path: path} do
      {:ok, socket} = secure(port)
      fields = [{"transfer-encoding", "chunked"}, {"content-length", "5"}]
      :ok = :ssl.send(socket, [format("POST", path, headers: fields), "0\r\n\r\n"])
      assert answer(socket, "").status == 400
      assert {:error, :closed} = :ssl.recv(socket, 0, 10_000)
    end

    test "of a client that has gone are ended", %{port: port, name: name} do
      {:ok, socket} = secure(port)
      headers = [{"content-type", "application/geo+json-seq"}, {"transfer-encoding", "chunked"}]

      :ok =
        :ssl.send(socket, format("POST", "/api/v1/databases/#{name}/features", headers: headers))

      until(fn -> Endpoint.requests_in_flight() == 1 end)
      :ssl.close(socket)
      until(fn -> Endpoint.requests_in_flight() == 0 and Endpoint.connections() == 0 end)
    end

    test "that stay open are told what is written, until either side ends them", context do
      %{port: port, name: name} = context
      {:ok, socket} = secure(port)
      path = "/socket/websocket?vsn=2.0.0"
      :ok = :ssl.send(socket, format("GET", path, headers: WebSocketClient.fields()))
      read_to(socket, "\r\n\r\n", "")
      join = ~s(["1","1","journal:#{name}","phx_join",{}])
      :ok = :ssl.send(socket, WebSocketClient.frame(join))
      read_to(socket, "phx_reply", "")

      {:ok, stream} = secure(port)
      stream_path = "/api/v1/databases/#{name}/journal/stream"
      headers = [{"accept", "text/event-stream"}]
      :ok = :ssl.send(stream, format("GET", stream_path, headers: headers))
      read_to(stream, "text/event-stream", "")

      {:ok, waiting} = secure(port)
      :ok = :ssl.send(waiting, format("GET", "/api/v1/databases/#{name}/journal?wait=10&since=0"))

      for n <- 1..3 do
        {:ok, _} = FormdbHttp.put_feature(name, feature("live#{n}", 50_000))
        for open <- [socket, stream], do: read_to(open, ~s("live#{n}"), "")
      end

      assert answer(waiting, "").body =~ "live1"
      :ssl.close(waiting)
      :ssl.close(stream)
      until(fn -> Endpoint.connections() == 1 end)

      # A message in frames of a few bytes, and one that is too large.
      for byte <- String.graphemes(~s([null,"9","phoenix","heartbeat",{}])) |> Enum.chunk_every(5) do
        opcode = if hd(byte) == "[", do: 1, else: 0
        last = if List.last(byte) == "]", do: 1, else: 0
        :ok = :ssl.send(socket, WebSocketClient.frame(Enum.join(byte), opcode, last))
      end

      assert read_to(socket, ~s("9"), "") =~ "phx_reply"
      _ = :ssl.send(socket, <<1::1, 0::3, 1::4, 1::1, 127::7, 0x7FFFFFFFFFFFFFFF::64, 0::32>>)
      assert {_close, :closed} = read_on(socket, "")
      until(fn -> Endpoint.connections() == 0 end)
    end

    for version <- ["1.0", "1.1"] do
      test "whose answer is cut off are not taken for whole, in HTTP/#{version}", context do
        %{port: port, name: name, path: path} = context
        features = Enum.map_join(1..4_000, ",", &feature("f#{&1}", 1_000))
        collection = ~s({"type":"FeatureCollection","features":[#{features}]})
        {:ok, _} = FormdbHttp.put_features(name, collection)
        {:ok, socket} = secure(port, recbuf: 65_536)

        head =
          "HTTP/#{unquote(version)}\r\nhost: localhost\r\naccept: application/x-ndjson\r\n\r\n"

        :ok = :ssl.send(socket, ["GET ", path, " ", head])
        {:ok, begun} = :ssl.recv(socket, 100_000, 5_000)

        log =
          capture_log(fn ->
            :ok = FormdbHttp.purge(name)
            {:ok, _} = FormdbHttp.open(name)
            send(self(), {:read, read_on(socket, begun)})
          end)

        assert log =~ "an answer was cut off: "
        assert_received {:read, {answer, _ended}}
        assert byte_size(answer) < 4_000_000
        refute String.ends_with?(answer, "0\r\n\r\n")
        until(fn -> Endpoint.connections() == 0 end)
      end
    end

    defp read_on(socket, read) do
      case :ssl.recv(socket, 0, 10_000) do
        {:ok, more} -> read_on(socket, read <> more)
        {:error, ended} -> {read, ended}
      end
    end

    test "on the listener for probes are in the clear", context do
      stop_supervised!(Endpoint)
      serve(context, probe_port: 0)
      response = get(Endpoint.probe_port(), "/metrics")
      assert response.status == 200
      assert response.body =~ "formdb_http_connections 0\n"

      assert [_, ends] =
               Regex.run(
                 ~r/^formdb_tls_certificate_expiry_timestamp_seconds (\d+)$/m,
                 response.body
               )

      assert String.to_integer(ends) in (System.os_time(:second) + 300 * 86_400)..(System.os_time(
                                                                                     :second
                                                                                   ) +
                                                                                     400 * 86_400)

      refute is_map_key(response.headers, "strict-transport-security")
    end

    test "under way are finished when the server stops", %{port: port, path: path} do
      {:ok, socket} = secure(port)

      headers = [
        {"content-type", "application/json"},
        {"content-length", byte_size(feature("s"))}
      ]

      :ok = :ssl.send(socket, format("POST", path, headers: headers))
      until(fn -> Endpoint.requests_in_flight() == 1 end)
      stop = Task.async(fn -> Supervisor.stop(Endpoint, :shutdown, 30_000) end)
      until(fn -> Endpoint.accepting?() == false end)
      :ok = :ssl.send(socket, feature("s"))
      response = answer(socket, "")
      assert {response.status, response.head =~ "connection: close"} == {201, true}
      Task.await(stop)
    end
  end

  describe "files that change" do
    setup context do
      port = serve(context)
      {:ok, port: port, look: fn -> send(Tls.Certificates, :look_again) end}
    end

    test "are read again: new connections have the new certificate, old ones go on", context do
      %{port: port, look: look, folder: folder} = context
      log_all()
      first = own(context.certificate)
      {:ok, old} = secure(port)
      assert %{status: 200} = ask(old, "GET", "/health")

      log =
        capture_log([level: :info], fn ->
          Certificates.write(folder, "one", key: {:rsa, 2_048, 65_537})
          second = own(context.certificate)
          assert second != first
          look.()
          until(fn -> shown(port) == second end)
        end)

      assert log =~ "new connections have the certificate"
      refute log =~ "[error]"
      assert %{status: 200} = ask(old, "GET", "/health")
    end

    test "and are wrong change nothing, and the log says so once", context do
      %{port: port, look: look, certificate: certificate, key: key} = context
      first = own(certificate)
      whole = File.read!(certificate)

      for {path, text, why} <- [
            {certificate, "no PEM", "no certificate"},
            {certificate, String.slice(whole, 0, 300), "is not PEM"},
            {certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
             "cannot be read"},
            {key, "no PEM", "no private key"}
          ] do
        before = File.read!(path)

        log =
          capture_log(fn ->
            File.write!(path, text)
            for _ <- 1..4, do: look.()
            _ = :sys.get_state(Tls.Certificates)
          end)

        assert [_, _] = String.split(log, why)
        assert log =~ "What was read before stays in force"
        assert shown(port) == first
        File.write!(path, before)
        look.()
        _ = :sys.get_state(Tls.Certificates)
      end
    end

    test "one after the other count together, and apart only if it stays so", context do
      %{port: port, look: look, folder: folder, certificate: certificate, key: key} = context
      first = own(certificate)
      {new_certificate, new_key} = Certificates.write(folder, "two")

      log =
        capture_log(fn ->
          File.cp!(new_certificate, certificate)
          for _ <- 1..2, do: look.()
          _ = :sys.get_state(Tls.Certificates)
          assert shown(port) == first
          File.cp!(new_key, key)
          look.()
          until(fn -> shown(port) == own(new_certificate) end)
        end)

      refute log =~ "[error]"

      {other, _key} = Certificates.write(folder, "three")

      log =
        capture_log(fn ->
          File.cp!(other, certificate)
          for _ <- 1..12, do: look.()
          _ = :sys.get_state(Tls.Certificates)
        end)

      assert [_, _] = String.split(log, "the key is not that of the certificate")
      assert shown(port) == own(new_certificate)
    end
  end

  describe "a start" do
    test "says what to do about files that are wrong", context do
      %{folder: folder, certificate: certificate, key: key} = context
      {_other, other_key} = Certificates.write(folder, "two")
      empty = Path.join(folder, "empty")
      File.write!(empty, "")
      encrypted = Path.join(folder, "encrypted")
      salt = <<0::64>>

      entry =
        :public_key.pem_entry_encode(
          :RSAPrivateKey,
          :public_key.generate_key({:rsa, 2_048, 65_537}),
          {{~c"DES-EDE3-CBC", salt}, ~c"password"}
        )

      File.write!(encrypted, :public_key.pem_encode([entry]))

      for {files, said} <- [
            {{folder <> "/none", key}, ["FORMDB_TLS_CERTIFICATE_FILE", "no such file"]},
            {{certificate, folder <> "/none"}, ["FORMDB_TLS_KEY_FILE", "no such file"]},
            {{empty, key}, ["FORMDB_TLS_CERTIFICATE_FILE", "BEGIN CERTIFICATE"]},
            {{certificate, empty}, ["FORMDB_TLS_KEY_FILE", "BEGIN PRIVATE KEY"]},
            {{certificate, certificate}, ["FORMDB_TLS_KEY_FILE", "BEGIN PRIVATE KEY"]},
            {{certificate, encrypted}, ["FORMDB_TLS_KEY_FILE", "without a password"]},
            {{certificate, other_key},
             ["FORMDB_TLS_KEY_FILE", "not that of the first certificate"]}
          ] do
        {certificate, key} = files
        sentence = refusal(%{certificate: certificate, key: key})
        for part <- said, do: assert(sentence =~ part)
        refute sentence =~ "PRIVATE KEY-----\n"
      end
    end

    test "takes both files or none", context do
      for {set, unset} <- [
            {:tls_certificate_file, "tls_key_file"},
            {:tls_key_file, "tls_certificate_file"}
          ] do
        assert {:error, sentence} = Config.new([{set, context.certificate}])
        assert sentence =~ unset
      end
    end

    test "warns of a certificate that is over, or soon, and of a key that all can read",
         context do
      today = Date.utc_today()
      day = fn days -> today |> Date.add(days) |> Date.to_erl() end

      for {first, last, said} <- [
            {-20, -10, "was good until"},
            {10, 20, "not good before"},
            {-20, 5, "is good until"}
          ] do
        validity = {day.(first), day.(last)}
        {certificate, key} = Certificates.write(context.folder, "dated", validity: validity)

        log =
          capture_log(fn ->
            serve(%{certificate: certificate, key: key})
            stop_supervised!(Endpoint)
          end)

        assert log =~ said
      end

      File.chmod!(context.certificate, 0o644)
      log = capture_log(fn -> serve(context) && stop_supervised!(Endpoint) end)
      refute log =~ "[warning]"

      File.chmod!(context.key, 0o644)
      log = capture_log(fn -> serve(context) && stop_supervised!(Endpoint) end)
      assert log =~ "FORMDB_TLS_KEY_FILE: all users of this machine can read"
    end

    test "names the address with its scheme", context do
      log_all()
      log = capture_log([level: :info], fn -> serve(context) end)
      assert log =~ "listening on https://127.0.0.1:#{Endpoint.port()}"
      {:ok, socket} = secure(Endpoint.port())
      assert JSON.decode!(ask(socket, "GET", "/api/v1/version").body)["version"]
    end

    test "warns of credentials in the clear", context do
      keys = Path.join(context.folder, "keys.json")
      FormdbHttp.AuthServer.key(keys, "one", "read:*")
      auth = [api_keys_file: keys, server_key_file: Path.join(context.folder, "server.key")]
      open = [host: {0, 0, 0, 0}] ++ auth

      said = fn settings ->
        capture_log(fn ->
          start_supervised!(
            Supervisor.child_spec({Endpoint, config(settings)}, restart: :temporary)
          )

          stop_supervised!(Endpoint)
        end)
      end

      assert said.(open) =~ "in the clear"
      refute said.(auth) =~ "in the clear"
      refute said.([trusted_proxies: [{{10, 0, 0, 0}, 8}]] ++ open) =~ "in the clear"
      refute said.(settings(context, open)) =~ "in the clear"
    end
  end

  test "a page in the clear is none of our own, by whatever name", context do
    port = serve(context)

    for {scheme, status} <- [{"https", 201}, {"http", 403}] do
      {:ok, socket} = secure(port)
      name = "tls_page_#{System.unique_integer([:positive])}"

      headers = [
        {"origin", "#{scheme}://localhost:#{port}"},
        {"content-type", "application/json"}
      ]

      # Somebody on the way may have made it.
      body = ~s({"name":"#{name}"})
      bytes = format("POST", "/api/v1/databases", headers: headers, body: body)

      bytes =
        bytes
        |> IO.iodata_to_binary()
        |> String.replace("host: localhost", "host: localhost:#{port}")

      :ok = :ssl.send(socket, bytes)
      assert {scheme, answer(socket, "").status} == {scheme, status}
      if status == 201, do: :ok = FormdbHttp.purge(name)
    end
  end
end
