defmodule FormdbHttpWeb.RequestIdTest do
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, Telemetry}
  alias FormdbHttpWeb.{Endpoint, RequestId}

  @trace "4bf92f3577b34da6a3ce929d0e0e4736"
  @span "00f067aa0ba902b7"

  setup do
    start_supervised!({Endpoint, Config.load!()})
    {:ok, port: Endpoint.port()}
  end

  defp made?(id), do: id =~ ~r/\A[0-9a-f]{32}\z/

  test "is the one that the client gives, if it may be one", %{port: port} do
    for id <- ["a", "0193-ab.c_d~e+f/g=h:i@j", String.duplicate("x", 128)] do
      answer = get(port, "/health", [{"x-request-id", id}])
      assert answer.headers["x-request-id"] == id
    end

    for id <- ["", "a b", "a\"b", "a%0d%0ab", "a;b", "\u00e9", String.duplicate("x", 129)] do
      answer = get(port, "/health", [{"x-request-id", id}])
      assert {id, made?(answer.headers["x-request-id"])} == {id, true}
    end
  end

  test "is a new one else, and another each time", %{port: port} do
    ids = for _ <- 1..20, do: get(port, "/health").headers["x-request-id"]
    assert Enum.all?(ids, &made?/1)
    assert Enum.uniq(ids) == ids
  end

  test "is in a problem, too, also where the request is none", %{port: port} do
    answer = get(port, "/nothing", [{"x-request-id", "mine"}])
    assert json(answer)["instance"] == "urn:formdb:request:mine"
    assert answer.headers["x-request-id"] == "mine"

    for bytes <- [
          "NONSENSE\r\n\r\n",
          "GET / HTTP/1.1\r\nhost: localhost\r\nx: #{String.duplicate("y", 20_000)}\r\n\r\n",
          "GET /#{String.duplicate("z", 20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n",
          "POST /api/v1/databases HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxyz\r\n"
        ] do
      socket = connect(port)
      write(socket, bytes)
      answer = read(socket)
      assert answer.status >= 400
      id = answer.headers["x-request-id"]
      assert made?(id)
      assert json(answer)["instance"] == "urn:formdb:request:" <> id
    end
  end

  test "a trace is taken from traceparent if that is well formed" do
    trace = &RequestId.trace(%{"traceparent" => &1})
    found = %{trace_id: @trace, span_id: @span}
    assert trace.("00-#{@trace}-#{@span}-01") == found
    # A later version may say more.
    assert trace.("cc-#{@trace}-#{@span}-01-what-the-future-brings") == found

    for text <- [
          "00-#{@trace}-#{@span}-01-more",
          "cc-#{@trace}-#{@span}-01.more",
          "ff-#{@trace}-#{@span}-01",
          "00-#{String.duplicate("0", 32)}-#{@span}-01",
          "00-#{@trace}-#{String.duplicate("0", 16)}-01",
          "00-#{String.upcase(@trace)}-#{@span}-01",
          "00-#{@trace}-#{@span}",
          "0-#{@trace}-#{@span}-01",
          ""
        ],
        do: assert({text, trace.(text)} == {text, %{}})

    assert RequestId.trace(%{}) == %{}
  end

  test "whoever watches is told of each request", %{port: port} do
    test = self()

    handler = fn event, measurements, metadata, nil ->
      send(test, {event, measurements, metadata})
    end

    Telemetry.attach("test", [:formdb, :request, :stop], handler, nil)
    on_exit(fn -> Telemetry.detach("test") end)

    request(port, "POST", "/api/v1/databases?token=hush",
      headers: [
        {"x-request-id", "mine"},
        {"traceparent", "00-#{@trace}-#{@span}-01"},
        {"x-forwarded-for", "203.0.113.9"}
      ],
      body: ~s({"name":1})
    )

    assert_receive {[:formdb, :request, :stop], measurements, metadata}

    assert metadata == %{
             method: "POST",
             route: "/api/v1/databases",
             path: "/api/v1/databases",
             status: 400,
             request_id: "mine",
             trace_id: @trace,
             span_id: @span,
             # Nobody has said that this peer is a proxy.
             client: "127.0.0.1",
             actor: nil
           }

    assert measurements.duration > 0 and measurements.response_bytes > 100
    # The parameter was refused before the body was read.
    assert measurements.request_bytes == 0
  end
end
