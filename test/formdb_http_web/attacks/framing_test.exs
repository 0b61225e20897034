defmodule FormdbHttpWeb.Attacks.FramingTest do
  # Requests that a proxy on the way may take to end elsewhere than we do: what it lets pass as
  # the body of one would then be the next one's head (request smuggling). Each is refused and
  # ends its connection, or is read as RFC 9112 says.
  use ExUnit.Case

  import FormdbHttp.HTTPClient, only: [closed?: 1, connect: 1, read_all: 1, write: 2]
  import FormdbHttp.RawExchange

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Cowboy.Framing
  alias FormdbHttpWeb.Endpoint

  @smuggled "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n"

  setup do
    config = %{Config.load!() | max_body_bytes: 1_048_576, body_timeout_ms: 1_000}
    start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))

    name = "framing_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, path: "/api/v1/databases/#{name}/features"}
  end

  @feature ~s({"type":"Feature","id":"a","geometry":null,"properties":{}})
  @size byte_size(@feature)
  @hex Integer.to_string(@size, 16)
  @chunked "#{@hex}\r\n#{@feature}\r\n0\r\n\r\n"

  defp post(path, fields, body, version \\ "1.1"),
    do:
      "POST #{path} HTTP/#{version}\r\nhost: localhost\r\ncontent-type: application/json\r\n" <>
        fields <> "\r\n" <> body

  # What is behind it is not looked at, and nothing of it is done.
  defp assert_refused(port, bytes, codes \\ ["malformed_request"]) do
    heard = exchange(port, bytes)
    assert {bytes, length(heard.statuses), length(heard.codes)} == {bytes, 1, 1}
    assert {bytes, hd(heard.codes) in codes} == {bytes, true}
    assert hd(heard.statuses) in [400, 408, 431]
    assert {bytes, heard.closed?} == {bytes, true}
  end

  # Where a chunk has no size, Cowlib waits for more or takes it for the last one, unless it is
  # mended: then the body is one that does not come, or what has come of it.
  defp assert_no_chunks(port, path, body) do
    codes = if Framing.sizes_checked?(), do: [], else: ["request_timeout", "invalid_json"]
    bytes = post(path, "transfer-encoding: chunked\r\n", body) <> @smuggled
    assert_refused(port, bytes, ["malformed_request" | codes])
  end

  # Behind a body in chunks, where these are checked, and none else.
  defp exchange_chunked(port, bytes) do
    {answers, next} = if Framing.sizes_checked?(), do: {2, [404]}, else: {1, []}
    heard = exchange(port, bytes <> @smuggled, answers)
    assert {bytes, tl(heard.statuses), heard.closed?} == {bytes, next, next == []}
    hd(heard.statuses)
  end

  test "a body that breaks the chunked coding ends the connection, and the answer says so", %{
    port: port,
    path: path
  } do
    socket = connect(port)
    write(socket, post(path, "transfer-encoding: chunked\r\n", "4\r\nabcdefgh\r\n"))
    assert "HTTP/1.1 400" <> _ = answer = read_all(socket)
    [head, _body] = String.split(answer, "\r\n\r\n", parts: 2)
    assert String.downcase(head) =~ "\r\nconnection: close"
  end

  test "a length and a transfer coding, or two of either", %{port: port, path: path, name: name} do
    for {fields, body} <- [
          {"transfer-encoding: chunked\r\ncontent-length: #{byte_size(@chunked)}\r\n", @chunked},
          {"content-length: #{byte_size(@chunked)}\r\ntransfer-encoding: chunked\r\n", @chunked},
          {"content-length: 4\r\ntransfer-encoding: chunked\r\n", @chunked},
          {"transfer-encoding: chunked\r\ncontent-length: 0\r\n", @chunked},
          {"content-length: #{@size}\r\ncontent-length: 0\r\n", @feature},
          {"content-length: #{@size}\r\ncontent-length: #{@size}\r\n", @feature},
          {"content-length: #{@size}, #{@size}\r\n", @feature},
          {"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", @chunked},
          {"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", @chunked},
          {"transfer-encoding: identity, chunked\r\n", @chunked},
          {"transfer-encoding: chunked, identity\r\n", @chunked},
          {"transfer-encoding: gzip, chunked\r\n", @chunked}
        ],
        do: assert_refused(port, post(path, fields, body) <> @smuggled)

    assert {:ok, %{seq: 0}} = FormdbHttp.database(name)
  end

  test "lengths and codings that are written in another way", %{port: port, path: path} do
    for length <- [
          "+#{@size}",
          "-1",
          "0x3b",
          "5 9",
          "#{@size};",
          "#{@size}a",
          "",
          "1e1",
          "\v#{@size}"
        ],
        do:
          assert_refused(port, post(path, "content-length: #{length}\r\n", @feature) <> @smuggled)

    for coding <-
          ["identity", "xchunked", "chunkedx", "\vchunked", "chunked\f", "\"chunked\"", "x"] ++
            ["chunked;a=b", "", ","],
        do:
          assert_refused(
            port,
            post(path, "transfer-encoding: #{coding}\r\n", @chunked) <> @smuggled
          )

    for fields <- [
          "transfer-encoding : chunked\r\n",
          "content-length : #{@size}\r\n",
          " transfer-encoding: chunked\r\n",
          "x: a\r\n transfer-encoding: chunked\r\n",
          "x: a\r\n\tcontent-length: #{@size}\r\n"
        ],
        do: assert_refused(port, post(path, fields, @chunked) <> @smuggled)

    # These say what they mean.
    for fields <- ["Transfer-Encoding: cHuNkEd\r\n", "transfer-encoding:\tchunked \r\n"],
        do: assert(exchange_chunked(port, post(path, fields, @chunked)) in [200, 201])

    heard = exchange(port, post(path, "content-length: 00#{@size}\r\n", @feature) <> @smuggled, 2)
    assert [_, 404] = heard.statuses
  end

  test "HTTP/1.0 has no transfer codings", %{port: port, path: path} do
    for keep <- ["", "connection: keep-alive\r\n"] do
      fields = keep <> "transfer-encoding: chunked\r\n"
      assert_refused(port, post(path, fields, @chunked, "1.0") <> @smuggled)
    end
  end

  test "names of header fields that are none, line ends in them included", context do
    %{port: port, path: path} = context

    for line <- [
          ": x",
          "f\0oo: x",
          "content-length(: #{@size}",
          "é: x",
          "a\rb: x",
          # Cowboy takes what is before the next colon for a name.
          "foo\r\ncontent-length: #{@size}",
          "foo\r\ntransfer-encoding: chunked",
          "foo\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: localhost",
          "foo\ntransfer-encoding: chunked",
          "\"x\": y",
          "a/b: y",
          "a@b: y"
        ],
        do: assert_refused(port, post(path, line <> "\r\n", "") <> @smuggled)
  end

  test "lines that end in a line feed or a carriage return alone", %{port: port, path: path} do
    for bytes <- [
          post(path, "x: a\ncontent-length: #{@size}\r\n", ""),
          post(
            path,
            "x: a\ntransfer-encoding: chunked\r\ncontent-length: #{@size}\r\n",
            @feature
          ),
          post(
            path,
            "x: a\rtransfer-encoding: chunked\r\ncontent-length: #{@size}\r\n",
            @feature
          ),
          "GET /health HTTP/1.1\r\nhost: localhost\nx: y\r\n\r\n"
        ],
        do: assert_refused(port, bytes <> @smuggled)

    heard = exchange(port, "GET /health HTTP/1.1\nhost: localhost\n\n")

    assert {hd(heard.statuses) in [400, 505], tl(heard.statuses), heard.closed?} ==
             {true, [], true}

    for body <- [
          "#{@hex}\n#{@feature}\r\n0\r\n\r\n",
          "#{@hex};a=b\n#{@feature}\r\n0\r\n\r\n",
          "#{@hex};a\rb\r\n#{@feature}\r\n0\r\n\r\n",
          "#{@hex}\r\n#{@feature}\n0\r\n\r\n",
          "#{@hex}\r\n#{@feature}0\r\n\r\n",
          "#{@hex}\r\n#{@feature}\r\n0\n\n"
        ],
        do: assert_no_chunks(port, path, body)
  end

  test "sizes of chunks that are none", %{port: port, path: path} do
    for size <-
          ["0x#{@hex}", "-1", " #{@hex}", "3 b", "#{@hex}h", "+#{@hex}", "\0#{@hex}", ";"] ++
            [String.duplicate("f", 17), String.duplicate("f", 40)],
        do: assert_no_chunks(port, path, "#{size}\r\n#{@feature}\r\n0\r\n\r\n")

    # What others may take for the bytes of such a chunk is not the next request.
    size = Integer.to_string(byte_size("\r\n" <> @smuggled), 16)

    for before <- ["", "#{@hex}\r\n#{@feature}\r\n"],
        head <- [" #{size}", "\t#{size}", ";a", "; #{size}"] do
      heard =
        exchange(
          port,
          post(path, "transfer-encoding: chunked\r\n", "#{before}#{head}\r\n\r\n#{@smuggled}")
        )

      assert {head, length(heard.statuses), heard.closed?} == {head, 1, true}
    end

    # Of trailers some would be fields of the head (RFC 9112, 7.1.2), so that there are none, or
    # they are passed over.
    trailers = "#{@hex}\r\n#{@feature}\r\n0\r\ncontent-length: 5\r\n\r\n"
    heard = exchange(port, post(path, "transfer-encoding: chunked\r\n", trailers) <> @smuggled)
    assert {length(heard.statuses), heard.closed?} == {1, true}
    if Framing.sizes_checked?(), do: assert(heard.codes == ["malformed_request"])

    # Extensions are passed over, as much of them as may be.
    for extension <- ["", ";a=b", ";a=\"b\"", "  ", ";" <> String.duplicate("a", 100)] do
      body = "#{@hex}#{extension}\r\n#{@feature}\r\n0\r\n\r\n"

      assert exchange_chunked(port, post(path, "transfer-encoding: chunked\r\n", body)) in [
               200,
               201
             ]
    end

    body = "#{@hex};#{String.duplicate("a", 200_000)}\r\n#{@feature}\r\n0\r\n\r\n"
    assert_refused(port, post(path, "transfer-encoding: chunked\r\n", body))
  end

  test "bodies of requests that have none are no requests", %{port: port} do
    for method <- ["GET", "HEAD", "DELETE", "OPTIONS"],
        {fields, body} <- [
          {"content-length: #{byte_size(@smuggled)}\r\n", @smuggled},
          {"transfer-encoding: chunked\r\n",
           "#{Integer.to_string(byte_size(@smuggled), 16)}\r\n#{@smuggled}\r\n0\r\n\r\n"}
        ] do
      head = "#{method} /health HTTP/1.1\r\nhost: localhost\r\n"
      heard = exchange(port, head <> fields <> "\r\n" <> body)
      assert {method, length(heard.statuses)} == {method, 1}
      refute heard.text =~ "smuggled"
    end
  end

  test "what is behind a request that is refused early", %{port: port, path: path} do
    # Too large a body for it to be waited for: the connection ends with the answer.
    head = "POST /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000000\r\n\r\n"
    heard = exchange(port, [head, String.duplicate(@smuggled, 100)])
    assert {heard.statuses, heard.closed?} == {[404], true}
    refute heard.text =~ "smuggled"

    head = "POST /nothing HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n"
    length = "content-length: #{byte_size(@smuggled)}\r\n\r\n"
    heard = exchange(port, head <> length <> @smuggled)
    assert {heard.statuses, heard.closed?} == {[404], true}
    refute heard.text =~ "smuggled"

    # One that is there is passed over, and what follows is the next request.
    length = "content-length: #{byte_size(@smuggled)}\r\n\r\n"
    head = "POST /nothing HTTP/1.1\r\nhost: localhost\r\n"
    heard = exchange(port, head <> length <> @smuggled <> @smuggled, 2)
    assert heard.statuses == [404, 404]
    assert heard.text |> String.split("/smuggled") |> length() == 2

    # Nor does a body that breaks off begin the next one.
    heard = exchange(port, post(path, "content-length: #{@size}\r\n", "{") <> "", 0)
    assert heard.statuses == []
  end

  test "an upgrade is ignored, and HTTP/2 begins with no request", %{port: port} do
    upgrade =
      "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"

    heard =
      exchange(port, "GET /health HTTP/1.1\r\nhost: localhost\r\n#{upgrade}\r\n#{@smuggled}", 2)

    assert heard.statuses == [200, 404]
    heard = exchange(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    assert {hd(heard.statuses) in [501, 505], tl(heard.statuses), heard.closed?} ==
             {true, [], true}
  end

  test "request lines and hosts that mean two things", %{port: port} do
    host = "host: localhost\r\n"

    for bytes <- [
          "GET  /health HTTP/1.1\r\n#{host}\r\n",
          "GET\t/health\tHTTP/1.1\r\n#{host}\r\n",
          "GET /a\0b HTTP/1.1\r\n#{host}\r\n",
          "GET /a\x01b HTTP/1.1\r\n#{host}\r\n",
          "GET /health?a=\x0bb HTTP/1.1\r\n#{host}\r\n",
          "GET /a\rb HTTP/1.1\r\n#{host}\r\n",
          "G\x01T /health HTTP/1.1\r\n#{host}\r\n",
          "GET\r\n /health HTTP/1.1\r\n#{host}\r\n",
          "GET /health HTTP/1.1\r\n#{host}host: evil.example\r\n\r\n",
          "GET /health HTTP/1.1\r\nhost: localhost, evil.example\r\n\r\n",
          "GET /health HTTP/1.1\r\nhost: localhost@evil.example\r\n\r\n",
          "GET /health HTTP/1.1\r\nhost: localhost:99999999\r\n\r\n",
          "GET http://evil.example/health HTTP/1.1\r\n#{host}\r\n",
          "GET /health\r\n\r\n"
        ],
        do: assert_refused(port, bytes <> @smuggled)

    for version <- ["1.11", "1.2", "01.1", "2.0", "1.1 "] do
      heard = exchange(port, "GET /health HTTP/#{version}\r\n#{host}\r\n#{@smuggled}")
      assert {version, length(heard.statuses), heard.closed?} == {version, 1, true}
    end
  end

  describe "a head" do
    test "has an end, also where one name comes again and again", %{port: port} do
      before = :erlang.memory(:total)
      socket = connect(port)
      write(socket, "GET /health HTTP/1.1\r\nhost: localhost\r\n")
      # 40 MB of it, if it were read.
      sent = flood(socket, String.duplicate("x: y\r\n", 10_000), 666)
      assert sent < 666
      assert :erlang.memory(:total) - before < 16_000_000

      # From Cowboy 2.18 on each counts for the number of fields.
      heard =
        exchange(port, "GET /health HTTP/1.1\r\nhost: localhost\r\n" <> repeated(99) <> "\r\n")

      assert heard.statuses == [200]

      for times <- [9_000, 100_000] do
        heard = exchange(port, "GET /health HTTP/1.1\r\nhost: localhost\r\n" <> repeated(times))
        assert {times, heard.codes, heard.closed?} == {times, ["headers_too_large"], true}
      end
    end

    defp repeated(times), do: String.duplicate("x: y\r\n", times)

    defp flood(_socket, _bytes, 0), do: 0

    defp flood(socket, bytes, times) do
      with :ok <- :gen_tcp.send(socket, bytes),
           {:error, :timeout} <- :gen_tcp.recv(socket, 0, 1),
           do: 1 + flood(socket, bytes, times - 1),
           else: (_ended -> 0)
    end

    test "that comes by the byte is waited for no longer than one that does not come", context do
      # As set, but for the 75 s.
      options = :ranch.get_protocol_options(Endpoint)
      :ok = :ranch.set_protocol_options(Endpoint, %{options | request_timeout: 700})

      for byte <- ["a", "x: y\r\n"] do
        socket = connect(context.port)
        started = System.monotonic_time(:millisecond)
        write(socket, "GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
        answer = trickle(socket, byte)
        took = System.monotonic_time(:millisecond) - started
        assert took in 500..5_000
        assert answer <> read_all(socket) =~ "HTTP/1.1 408 "
      end

      # Nor is a connection kept on which nothing comes.
      assert closed?(connect(context.port))
    end

    defp trickle(socket, byte) do
      case :gen_tcp.recv(socket, 1, 50) do
        {:error, :timeout} ->
          _ = :gen_tcp.send(socket, byte)
          trickle(socket, byte)

        {:ok, byte} ->
          byte
      end
    end
  end
end
