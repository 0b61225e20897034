defmodule FormdbHttpWeb.ConnectionTest do
  # What happens to a connection from one request to the next, byte by byte.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  @window 65_536

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "connection_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), db: "/api/v1/databases/" <> name}
  end

  # A feature of exactly `size` bytes.
  defp feature(id, size) do
    text = ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{}})
    text <> String.duplicate(" ", size - byte_size(text))
  end

  describe "a connection is listened to after a body" do
    # The mend, or a Cowboy that does not need it: is_http2_upgrade has three arguments
    # from the version on (2.13) that has neither fault.
    test "with a Cowboy that is known to do so" do
      {:ok, {_module, [abstract_code: {_, forms}]}} =
        :beam_lib.chunks(:code.which(:cowboy_http), [:abstract_code])

      mended? = Keyword.has_key?(:cowboy_http.module_info(:attributes), :formdb_mended)
      later? = Enum.any?(forms, &match?({:function, _, :is_http2_upgrade, 3, _}, &1))
      assert mended? or later?, "this Cowboy has faults that bin/setup mends; run it"
    end

    test "whose end came while the socket was passive", %{port: port, db: db} do
      socket = connect(port)
      write(socket, format("GET", "/health"))
      assert %{status: 200} = read(socket)
      [connection] = :ranch.procs(Endpoint, :connections)

      for size <- [@window - 1, @window, @window + 1, @window + 1_000, 2 * @window + 1] do
        # All of it lies in the mailbox when the connection's process goes on, so the
        # window is used up and the end is there before anybody has asked for the body.
        true = :erlang.suspend_process(connection)
        write(socket, format("POST", db <> "/features", body: feature("a", size)))
        Process.sleep(50)
        true = :erlang.resume_process(connection)
        assert %{status: status} = read(socket)
        assert status in [200, 201]
        write(socket, format("GET", "/health"))
        assert {size, read(socket).status} == {size, 200}
      end
    end

    test "around every multiple of 64 KiB, in pieces, on many connections", context do
      %{port: port, db: db} = context

      sizes = for n <- 1..5, off <- [-1, 0, 1, 700], do: n * @window + off

      1..24
      |> Task.async_stream(
        fn number ->
          :rand.seed(:exsss, number)
          socket = connect(port)
          :ok = :inet.setopts(socket, nodelay: true)

          for size <- Enum.shuffle(sizes) do
            bytes = format("PUT", "#{db}/features/f#{number}", body: feature("f#{number}", size))
            bytes |> IO.iodata_to_binary() |> write_in_pieces(socket)
            status = read(socket).status
            assert status in [200, 201]
            write(socket, format("GET", "/health"))
            assert {size, read(socket).status} == {size, 200}
          end
        end,
        max_concurrency: 24,
        timeout: 60_000
      )
      |> Enum.each(&assert {:ok, _} = &1)
    end
  end

  # Pieces end before, at and behind a window, and between them there is time to be read.
  defp write_in_pieces("", _socket), do: :ok

  defp write_in_pieces(bytes, socket) do
    piece = min(byte_size(bytes), Enum.random([1, 200, 1_460, 30_000, @window - 1, @window]))
    {part, rest} = :erlang.split_binary(bytes, piece)
    write(socket, part)
    if :rand.uniform(3) == 1, do: Process.sleep(1)
    write_in_pieces(rest, socket)
  end

  describe "requests that are pipelined" do
    # Answers with their status and the sequence of their write.
    defp read_answers(socket, count) do
      for _ <- 1..count do
        response = read(socket)
        {response.status, json(response)}
      end
    end

    defp put(db, id, value) do
      body = ~s({"type":"Feature","geometry":null,"properties":{"i":#{value}}})
      format("PUT", "#{db}/features/#{id}", body: body)
    end

    test "in one packet are done one after the other", %{port: port, db: db} do
      for round <- 1..3 do
        id = "one#{round}"
        socket = connect(port)
        requests = for(n <- 1..200, do: put(db, id, n)) ++ [format("GET", "#{db}/features/#{id}")]
        write(socket, IO.iodata_to_binary(requests))
        answers = read_answers(socket, 201)
        assert Enum.all?(answers, fn {status, _} -> status in [200, 201] end)
        {writes, [{200, %{"properties" => properties}}]} = Enum.split(answers, 200)
        sequences = for {_, %{"seq" => sequence}} <- writes, do: sequence
        assert sequences == Enum.sort(sequences)
        assert properties == %{"i" => 200}
        assert %{"properties" => %{"i" => 200}} = json(get(port, "#{db}/features/#{id}"))
      end
    end

    test "a DELETE finds what the PUT before it wrote", %{port: port, db: db} do
      for n <- 1..100 do
        socket = connect(port)
        path = "#{db}/features/d#{n}"
        write(socket, IO.iodata_to_binary([put(db, "d#{n}", n), format("DELETE", path)]))
        assert [{201, _}, {200, _}] = read_answers(socket, 2)
      end
    end

    test "in pieces, with bodies of all sizes, are done in order", %{port: port, db: db} do
      for seed <- 1..4 do
        :rand.seed(:exsss, seed)
        socket = connect(port)
        :ok = :inet.setopts(socket, nodelay: true)

        requests =
          for n <- 1..40 do
            size = Enum.random([100, 100, 100, 1_400, 20_000, @window - 1, @window, 150_000])
            method = Enum.random(["PUT", "PUT", "GET"])
            body = method == "PUT" && String.replace(feature("p", size), "{}", ~s({"n":#{n}}))
            {n, method, format(method, db <> "/features/p", body: body || nil)}
          end

        first = {0, "PUT", put(db, "p", 0)}
        bytes = for {_, _, request} <- [first | requests], do: request
        writer = Task.async(fn -> bytes |> IO.iodata_to_binary() |> write_in_pieces(socket) end)

        Enum.reduce([first | requests], {nil, 0}, fn
          {n, "PUT", _}, {_written, sequence} ->
            response = read(socket)
            assert response.status in [200, 201]
            assert %{"seq" => later} = json(response)
            assert later > sequence
            {n, later}

          {_, "GET", _}, {written, sequence} ->
            assert %{status: 200} = response = read(socket)
            properties = json(response)["properties"]
            assert properties == %{"n" => written} or properties == %{"i" => 0}
            assert written == 0 or properties == %{"n" => written}
            {written, sequence}
        end)

        assert Task.await(writer) == :ok
      end
    end
  end

  describe "HTTP/2 in the clear" do
    test "an upgrade to it is ignored, and the request done", %{port: port, db: db} do
      upgrade = [
        {"connection", "Upgrade, HTTP2-Settings"},
        {"upgrade", "h2c"},
        {"http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"}
      ]

      socket = connect(port)
      body = ~s({"series_id":"h","timestamp":1,"value":1})
      write(socket, format("POST", db <> "/timeseries", headers: upgrade, body: body))
      assert %{status: 201} = read(socket)
      write(socket, format("GET", db <> "/timeseries/h/latest"))
      assert %{status: 200} = read(socket)
    end

    test "its preface is no request", %{port: port} do
      socket = connect(port)
      write(socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
      assert %{status: status} = read(socket)
      assert status in [501, 505]
      assert closed?(socket)
    end
  end

  describe "at the limit of connections" do
    setup do
      stop_supervised!(Endpoint)

      config = %{Config.load!() | max_connections: 2, probe_port: 0}
      start_supervised!({Endpoint, config})
      open = for _ <- 1..2, do: connect(Endpoint.port())
      for socket <- open, do: write(socket, format("GET", "/health"))
      for socket <- open, do: assert(read(socket).status == 200)
      {:ok, open: open}
    end

    test "the next one is told so at once and closed, and has a place later", %{open: open} do
      port = Endpoint.port()

      for _ <- 1..20 do
        socket = connect(port)
        # Without having asked anything, or having asked.
        if :rand.uniform(2) == 1, do: :gen_tcp.send(socket, format("GET", "/health"))
        response = read(socket)
        assert response.status == 503
        assert response.headers["connection"] == "close"
        assert String.to_integer(response.headers["retry-after"]) > 0
        assert %{"code" => "too_many_connections", "detail" => detail} = json(response)
        assert detail =~ "2 connections" and detail =~ "FORMDB_MAX_CONNECTIONS"
        assert closed?(socket)
      end

      assert Endpoint.connections() == 2
      assert Endpoint.refused_connections() == 20
      :ok = :gen_tcp.close(hd(open))
      wait_until(fn -> Endpoint.connections() == 1 end)
      assert get(port, "/health").status == 200
    end

    test "a connection that its client has closed is none that is open", %{open: open} do
      port = Endpoint.port()
      :ok = :gen_tcp.close(hd(open))
      wait_until(fn -> Endpoint.connections() == 1 end)
      started = System.monotonic_time(:millisecond)

      for n <- 1..40 do
        socket = connect(port)

        # Some ask, and some only come and go.
        if rem(n, 2) == 0 do
          write(socket, format("GET", "/health"))
          assert {n, read(socket).status} == {n, 200}
        else
          wait_until(fn -> Endpoint.connections() == 2 end)
        end

        :ok = :gen_tcp.close(socket)
        wait_until(fn -> Endpoint.connections() == 1 end)
      end

      assert System.monotonic_time(:millisecond) - started < 10_000
    end

    test "probes have a listener of their own, and nothing else is there" do
      port = Endpoint.probe_port()

      for path <- ["/health", "/health/live", "/health/ready", "/health/detailed", "/metrics"],
          do: assert({path, get(port, path).status} == {path, 200})

      for path <- ["/", "/api/v1/version", "/api/v1/databases", "/healthy"],
          do: assert({path, get(port, path).status} == {path, 404})

      assert get(port, "/metrics").body =~ "formdb_http_connections 2\n"
    end
  end

  describe "a client that closes its side" do
    setup do
      stop_supervised!(Endpoint)
      start_supervised!({Endpoint, %{Config.load!() | half_close_ms: 500}})
      {:ok, port: Endpoint.port()}
    end

    test "after its request gets the answer", %{port: port, db: db} do
      for {method, path, body, status} <- [
            {"GET", "/health", nil, 200},
            {"PUT", db <> "/features/h", feature("h", 1_000), 201},
            {"PUT", db <> "/features/h", feature("h", 100_000), 200},
            {"POST", "/nothing", "{}", 404}
          ],
          _ <- 1..5 do
        socket = connect(port)
        write(socket, format(method, path, body: body))
        :ok = :gen_tcp.shutdown(socket, :write)
        response = read(socket)
        assert {path, response.status in [status, 200]} == {path, true}
        assert closed?(socket)
      end

      wait_until(fn -> Endpoint.connections() == 0 end)
    end

    test "after several requests gets the answers to all", %{port: port, db: db} do
      socket = connect(port)
      ids = for number <- 1..20, do: "h#{number}"
      write(socket, for(id <- ids, do: format("POST", db <> "/features", body: feature(id, 100))))
      :ok = :gen_tcp.shutdown(socket, :write)
      assert for(_ <- ids, do: json(read(socket))["feature_id"]) == ids
      assert closed?(socket)
      wait_until(fn -> Endpoint.connections() == 0 end)
    end

    test "without a request, or in the middle of one, is closed", %{port: port, db: db} do
      for bytes <- [
            "",
            "GET /health HTTP/1.1\r\n",
            format("POST", db <> "/features", headers: [{"content-length", 100}])
          ] do
        socket = connect(port)
        write(socket, bytes)
        :ok = :gen_tcp.shutdown(socket, :write)
        _ = read_all(socket)
      end

      wait_until(fn -> Endpoint.connections() == 0 end)
    end
  end

  defp wait_until(condition, attempts \\ 300) do
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
