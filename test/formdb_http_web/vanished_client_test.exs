defmodule FormdbHttpWeb.VanishedClientTest do
  # Nobody works for a client that has gone.
  use ExUnit.Case

  import FormdbHttp.Waiting

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Admission, Config, JSON}
  alias FormdbHttpWeb.Cowboy.Pipelining
  alias FormdbHttpWeb.Endpoint

  # How long a request goes on whose client has closed its side.
  @grace 200

  setup do
    start_supervised!({Endpoint, %{Config.load!() | half_close_ms: @grace}})
    name = "vanished_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    feature = %{"type" => "Feature", "geometry" => sheaf(0.0), "properties" => %{}}
    {:ok, _} = FormdbHttp.put_feature(name, feature)
    {:ok, port: Endpoint.port(), db: "/api/v1/databases/" <> name, name: name}
  end

  # Lines side by side: of two such sheaves every pair has to be looked at, and no two
  # meet, which takes seconds.
  defp sheaf(shift, count \\ 8_000) do
    lines =
      for n <- 0..(count - 1) do
        x = (n + shift) / count
        [[x, 0], [x + 20, 20]]
      end

    %{"type" => "MultiLineString", "coordinates" => lines}
  end

  test "the search of a client that vanishes ends, and its place is free", context do
    %{port: port, db: db, name: name} = context
    body = JSON.text(%{"geometry" => sheaf(0.5)})
    ask = format("POST", db <> "/features/intersects", body: body)
    threads = :erlang.system_info(:dirty_io_schedulers)

    # More than are let in at once, so that some stand in the line.
    sockets =
      for _ <- 1..(threads + 4) do
        socket = connect(port)
        write(socket, ask)
        socket
      end

    wait_until(fn -> Admission.figures(:question).taken > 0 end, 5_000)
    Process.sleep(300)
    assert Admission.figures(:question).taken > 0
    [last | _] = sockets
    assert {:error, :timeout} = :gen_tcp.recv(last, 0, 0)

    # Some say goodbye, some do not even do that.
    for {socket, n} <- Enum.with_index(sockets) do
      if rem(n, 2) == 0, do: :inet.setopts(socket, linger: {true, 0})
      :gen_tcp.close(socket)
    end

    closed = System.monotonic_time(:millisecond)
    wait_until(fn -> idle?() end, 5_000)
    # Their time would have been 30 s.
    assert System.monotonic_time(:millisecond) - closed < 5_000

    # And so are the threads: as many reads as there are of them are answered at once.
    {micros, answers} =
      :timer.tc(fn ->
        1..threads
        |> Enum.map(fn _ -> Task.async(fn -> FormdbHttp.block(name, 1) end) end)
        |> Task.await_many(10_000)
      end)

    assert Enum.all?(answers, &match?({:ok, _}, &1))
    assert micros < 3_000_000
  end

  test "what it has pipelined after the search is not done, and makes no processes", context do
    %{port: port, db: db} = context
    socket = connect(port)
    body = JSON.text(%{"geometry" => sheaf(0.5, 96_000)})
    processes = length(Process.list())
    write(socket, format("POST", db <> "/features/intersects", body: body))
    wait_until(fn -> Admission.figures(:question).taken > 0 end, 5_000)
    feature = ~s({"type":"Feature","geometry":null,"properties":null})
    write(socket, for(n <- 1..10, do: format("PUT", "#{db}/features/v#{n}", body: feature)))

    # All that the server and the kernel take while the search goes on.
    bytes = String.duplicate(IO.iodata_to_binary(format("GET", "/health")), 10_000)
    :ok = :inet.setopts(socket, send_timeout: 50)
    taken = Enum.count(1..100, fn _ -> :gen_tcp.send(socket, bytes) == :ok end)
    assert taken < 100
    assert Admission.figures(:question).taken > 0
    assert length(Process.list()) < processes + 500
    :inet.setopts(socket, linger: {true, 0})
    :gen_tcp.close(socket)
    wait_until(fn -> Endpoint.connections() == 0 end, 5_000)
    wait_until(fn -> idle?() end, 5_000)
    for n <- 1..10, do: assert(get(port, "#{db}/features/v#{n}").status == 404)
  end

  # As the process of TLS does with the one beneath its own: with nothing left to deliver it reads on,
  # though nobody asks for more, and finds the end.
  test "who has pipelined, and whose socket is closed beneath, is gone" do
    {:ok, listener} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(listener)
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [])
    Pipelining.hold({:tcp, socket, "GET /"})
    Pipelining.postpone(socket, active: 1)
    Pipelining.look()
    refute_received {:tcp_closed, ^socket}
    :gen_tcp.close(socket)
    Pipelining.look()
    assert_received {:tcp_closed, ^socket}
  end

  defp idle? do
    figures = Admission.figures(:question)
    figures.taken == 0 and figures.waiting == 0
  end
end
