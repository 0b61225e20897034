defmodule FormdbHttpWeb.DirectTest do
  # Requests that are answered in the process of their connection, and those that begin there and
  # go on in one of their own. Nobody can tell from the answer.
  use ExUnit.Case

  import FormdbHttp.HTTPClient
  import FormdbHttp.RawExchange

  alias FormdbHttp.{Brief, Config}
  alias FormdbHttpWeb.Endpoint

  setup do
    config = struct!(Config.load!(), address_rate: 100, address_burst: 100)
    start_supervised!({Endpoint, config})
    name = "direct_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), db: "/api/v1/databases/" <> name, name: name}
  end

  defp feature(id),
    do:
      ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}})

  # The processes in which events of telemetry were executed, which is where requests are answered.
  defp answered_in(call) do
    test = self()
    id = "direct_#{System.unique_integer([:positive])}"
    tell = fn _event, _measurements, _metadata, _config -> send(test, {id, self()}) end
    :ok = FormdbHttp.Telemetry.attach(id, [:formdb, :request, :stop], tell, nil)
    result = call.()
    assert_receive {^id, process}, 5_000
    FormdbHttp.Telemetry.detach(id)
    {process, result}
  end

  describe "an attempt" do
    test "is over as soon as something would take long" do
      assert Brief.attempt(fn -> 1 + 1 end) == {:ok, 2}

      assert Brief.attempt(fn ->
               Brief.over()
               flunk("it went on")
             end) == :long

      # Nothing of it is left.
      assert Brief.over() == :ok
      assert_raise ArgumentError, fn -> Brief.attempt(fn -> raise ArgumentError end) end
      assert Brief.over() == :ok
    end
  end

  test "what is short is answered there, and what is not elsewhere", %{port: port, db: db} do
    socket = connect(port)

    ask = fn method, path, body ->
      {process, answer} =
        answered_in(fn ->
          write(socket, format(method, path, body: body))
          read(socket, method)
        end)

      # The process of a request is gone.
      {Process.alive?(process), answer.status}
    end

    assert {true, 201} = ask.("POST", db <> "/features", feature("a"))
    assert {true, 200} = ask.("GET", db <> "/features/a", "")
    assert {true, 200} = ask.("HEAD", db <> "/features/a", "")
    # Why it is not there is looked up.
    assert {false, 404} = ask.("GET", db <> "/features/b", "")
    assert {true, 200} = ask.("GET", db <> "/features?bbox=0,0,3,3", "")
    assert {true, 400} = ask.("POST", db <> "/features", "{")
    assert {true, 200} = ask.("DELETE", db <> "/features/a", "")
    # A filter is looked at in the documents.
    ask.("PUT", db <> "/features/a", feature("a"))
    assert {false, 200} = ask.("GET", db <> "/features?prop.n=gte:1", "")
    assert {false, 200} = ask.("GET", db <> "/journal", "")
    text = String.duplicate("x", 20_000)
    large = String.replace(feature("b"), "{}", ~s({"text":"#{text}"}))
    assert {false, 201} = ask.("PUT", db <> "/features/b", large)
  end

  test "answers come in order, whoever gives them", %{port: port, db: db} do
    get = fn path -> "GET #{db}#{path} HTTP/1.1\r\nhost: localhost\r\n\r\n" end
    body = feature("a")

    put =
      "PUT #{db}/features/a HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" <>
        "content-length: #{byte_size(body)}\r\n\r\n" <> body

    short = get.("/features/a")
    long = get.("/features?prop.n=gte:1")

    for order <- [[short, put, short], [put, long, short, long, put, short], [long, long, put]] do
      FormdbHttp.delete_feature(Path.basename(db), "a", [])
      heard = exchange(port, IO.iodata_to_binary(order), length(order))
      assert length(heard.statuses) == length(order)
      refute heard.closed?
      # What is asked before the write does not find it, and what is asked after it does.
      {before, later} = Enum.split_while(Enum.zip(order, heard.statuses), &(elem(&1, 0) != put))

      for {request, status} <- before,
          do: assert(status == if(request == short, do: 404, else: 200))

      for {_request, status} <- later, do: assert(status in [200, 201])
    end
  end

  test "a body may come in any pieces, and late", %{port: port, db: db, name: name} do
    body = feature("a")

    head =
      "POST #{db}/features HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" <>
        "content-length: #{byte_size(body)}\r\n\r\n"

    {first, second} = String.split_at(body, 20)

    for parts <- [
          [head <> body],
          [head, body],
          [head <> first, second],
          [head, first, second],
          [head, "", "", first, "", "", second]
        ] do
      {:ok, %{seq: before}} = FormdbHttp.database(name)
      heard = exchange(port, parts)
      assert heard.statuses == [201]
      assert {:ok, %{seq: seq}} = FormdbHttp.database(name)
      assert seq == before + 1
    end
  end

  test "a request counts once against a limit, wherever it ends", %{port: port, db: db} do
    left = fn path ->
      field = get(port, db <> path).headers["ratelimit"]
      [_, left] = Regex.run(~r/r=(\d+)/, field)
      String.to_integer(left)
    end

    # Some come back meanwhile.
    before = left.("/features?prop.n=gte:1")
    for _ <- 1..20, do: left.("/features?prop.n=gte:1")
    assert before - left.("/features?prop.n=gte:1") <= 21
  end

  test "who closes their side gets their answers first", %{port: port, db: db} do
    socket = connect(port)
    get = "GET #{db}/features?prop.n=gte:1 HTTP/1.1\r\nhost: localhost\r\n\r\n"
    last = "GET #{db}/features/none HTTP/1.1\r\nhost: localhost\r\n\r\n"
    :ok = :gen_tcp.send(socket, get <> last)
    :ok = :gen_tcp.shutdown(socket, :write)
    assert read(socket, "GET").status == 200
    assert read(socket, "GET").status == 404
    assert {:error, :closed} = :gen_tcp.recv(socket, 0, 5_000)
  end
end
