defmodule FormdbHttpWeb.BodyTest do
  # Bodies that come slowly, not at all, or too many at once.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Catalog, Config, ContentCoding, Native, WorkMemory}
  alias FormdbHttpWeb.Endpoint

  @timeout 700
  @rate 20_000
  @mib 1_048_576

  setup do
    config = %{Config.load!() | body_timeout_ms: @timeout, body_min_rate: @rate}
    start_supervised!({Endpoint, config})
    name = "body_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), db: "/api/v1/databases/" <> name}
  end

  defp feature(id, size) do
    text = ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{}})
    text <> String.duplicate(" ", size - byte_size(text))
  end

  defp timed(fun) do
    {microseconds, result} = :timer.tc(fun)
    {div(microseconds, 1_000), result}
  end

  # A byte now and then, until the server answers.
  defp drip(socket, every) do
    case :gen_tcp.recv(socket, 1, every) do
      {:error, :timeout} ->
        write(socket, " ")
        drip(socket, every)

      {:ok, "H"} ->
        read_all(socket, "H")
    end
  end

  describe "a body that" do
    for {name, value} <- [{"content-length", 100_000}, {"transfer-encoding", "chunked"}] do
      test "does not come is given up (#{name})", %{port: port, db: db} do
        header = {unquote(name), unquote(value)}
        socket = connect(port)
        write(socket, format("POST", db <> "/features", headers: [header]))
        {ms, response} = timed(fn -> read(socket) end)
        assert response.status == 408
        assert response.headers["connection"] == "close"
        assert json(response)["detail"] =~ "FORMDB_BODY_TIMEOUT_MS"
        assert ms in (@timeout - 100)..(@timeout + 5_000)
        assert closed?(socket)
      end
    end

    test "comes by the byte is given up", %{port: port, db: db} do
      socket = connect(port)
      write(socket, format("POST", db <> "/features", headers: [{"content-length", 100_000}]))
      {ms, answer} = timed(fn -> drip(socket, 50) end)
      assert answer =~ "HTTP/1.1 408 "
      assert answer =~ "FORMDB_BODY_MIN_RATE"
      assert ms < @timeout + 5_000
    end

    test "unpacks to much is given up all the same when it comes by the byte", context do
      %{port: port, db: db} = context
      {:ok, packer} = ContentCoding.packer(:gzip)
      packed = ContentCoding.pack(packer, String.duplicate(" ", @mib), false)
      # A block that is stored (RFC 1951, 3.2.4), so that any byte may follow.
      stored = <<1, 65_535::little-16, 0::16>>
      headers = [{"content-length", 100_000}, {"content-encoding", "gzip"}]
      socket = connect(port)
      write(socket, [format("POST", db <> "/features", headers: headers), packed, stored])
      {ms, answer} = timed(fn -> drip(socket, 50) end)
      assert answer =~ "HTTP/1.1 408 "
      assert answer =~ "FORMDB_BODY_MIN_RATE"
      assert ms < @timeout + 5_000
    end

    test "takes long is taken while it brings enough", %{port: port, db: db} do
      # 100 KB at 40 KB/s: three times the time-out.
      body = feature("long", 100_000)
      socket = connect(port)
      write(socket, format("POST", db <> "/features", headers: [{"content-length", 100_000}]))

      for <<part::binary-size(2_000) <- body>> do
        write(socket, part)
        Process.sleep(50)
      end

      assert read(socket).status == 201
    end

    test "nobody wants is not waited for", %{port: port, db: db} do
      for {method, path, status} <- [
            {"POST", "/nothing", 404},
            {"PATCH", "/health", 405},
            {"GET", db <> "/features?limt=1", 400}
          ] do
        times =
          for _ <- 1..3 do
            socket = connect(port)
            write(socket, [format(method, path, headers: [{"content-length", 1_000}]), "{"])
            {ms, response} = timed(fn -> read(socket) end)
            assert {path, response.status} == {path, status}
            assert response.headers["connection"] == "close"
            assert closed?(socket)
            ms
          end

        # A busy machine may delay any of them.
        assert Enum.min(times) < @timeout - 100
      end
    end
  end

  describe "memory for bodies" do
    setup do
      # Most of the pool is in use by somebody else.
      {used, limit} = WorkMemory.figures()
      {:ok, hold} = WorkMemory.reserve(limit - used - 4 * @mib)
      on_exit(fn -> WorkMemory.release(hold) end)
      {:ok, hold: hold, used: limit - 4 * @mib, limit: limit}
    end

    defp used, do: elem(WorkMemory.figures(), 0)

    test "is refused when a body unpacks to more than there is", context do
      %{port: port, db: db, used: used} = context

      for coding <- [:gzip, :zstd] do
        body = ContentCoding.compress(coding, feature("packed", 6 * @mib))
        headers = [{"content-encoding", coding}]
        response = request(port, "POST", db <> "/features", headers: headers, body: body)
        assert response.status == 503
        assert json(response)["code"] == "memory_full"
        # The unpacker goes with the request's process.
        eventually(fn -> used() == used end)
      end
    end

    defp eventually(check, tries \\ 100) do
      unless check.() do
        assert tries > 0
        Process.sleep(10)
        eventually(check, tries - 1)
      end
    end

    test "is refused before anything is read when a body would not fit", context do
      %{port: port, db: db, used: used} = context
      socket = connect(port)
      headers = [{"content-length", 5 * @mib}, {"expect", "100-continue"}]
      write(socket, format("POST", db <> "/features", headers: headers))
      response = read(socket)
      assert response.status == 503
      assert response.headers["retry-after"] != nil
      assert response.headers["connection"] == "close"
      assert %{"code" => "memory_full", "detail" => detail} = json(response)
      assert detail =~ "FORMDB_WORK_BYTES" or detail =~ "work_bytes"
      assert used() == used
    end

    test "is held as a body comes, not as it is announced", %{port: port, db: db, used: used} do
      sockets =
        for _ <- 1..40 do
          socket = connect(port)

          write(
            socket,
            format("POST", db <> "/features", headers: [{"content-length", 3 * @mib}])
          )

          socket
        end

      # Forty announce thirty times of what there is, send nothing, and others are served.
      Process.sleep(100)
      assert post(port, db <> "/features", feature("small", 1_000)).status == 201
      for socket <- sockets, do: :gen_tcp.close(socket)
      wait_until(fn -> used() == used end)
    end

    test "is never more than there is, and given back", context do
      %{port: port, db: db, used: used, limit: limit} = context
      half = String.duplicate(" ", 2 * @mib)

      sockets =
        for _ <- 1..12 do
          socket = connect(port)

          write(
            socket,
            format("POST", db <> "/features", headers: [{"content-length", 3 * @mib}])
          )

          # The server may have refused it already.
          _ = :gen_tcp.send(socket, half)
          assert used() <= limit
          socket
        end

      answers = for socket <- sockets, do: status(socket)
      assert 503 in answers
      assert Enum.all?(answers, &(&1 in [503, 408, :closed]))
      wait_until(fn -> used() == used end)
      assert post(port, db <> "/features", feature("after", 3 * @mib)).status == 201
    end

    test "is given back when the client goes away", %{port: port, db: db, used: used} do
      socket = connect(port)
      write(socket, format("POST", db <> "/features", headers: [{"content-length", 2 * @mib}]))
      write(socket, String.duplicate(" ", @mib))
      wait_until(fn -> used() > used end)
      :ok = :gen_tcp.close(socket)
      wait_until(fn -> used() == used end)
    end

    test "is no more held by a reservation once it is released" do
      {used, _limit} = WorkMemory.figures()
      {:ok, memory} = WorkMemory.reserve(1_000)
      assert :ok = WorkMemory.resize(memory, 5_000)
      assert used() == used + 5_000
      assert {:error, %{code: :memory_full}} = WorkMemory.resize(memory, 100 * 1_024 * @mib)
      assert used() == used + 5_000
      assert :ok = WorkMemory.resize(memory, 10)
      assert used() == used + 10
      assert :ok = WorkMemory.release(memory)
      assert :ok = WorkMemory.resize(memory, 5_000)
      assert used() == used
      assert {^used, _} = Native.memory_work(Catalog.handle())
    end
  end

  # Of the answer, if there was one before the connection was cut.
  defp status(socket) do
    case :gen_tcp.recv(socket, 12, 10_000) do
      {:ok, "HTTP/1.1 " <> status} -> String.to_integer(status)
      {:error, _reason} -> :closed
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
