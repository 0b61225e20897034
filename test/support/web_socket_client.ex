defmodule FormdbHttp.WebSocketClient do
  @moduledoc """
  A small client of WebSockets (RFC 6455) for tests, over a plain socket: it sends frames as it
  is told and shows what comes back.
  """

  import ExUnit.Assertions

  alias FormdbHttp.{HTTPClient, JSON}

  @timeout 10_000
  @key "dGhlIHNhbXBsZSBub25jZQ=="
  # That of the example in RFC 6455, 1.3.
  @accept "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

  @opcodes %{text: 1, binary: 2, close: 8, ping: 9, pong: 10}
  @names Map.new(@opcodes, fn {name, opcode} -> {opcode, name} end)

  @doc "The header fields of a handshake."
  def fields do
    [
      {"connection", "Upgrade"},
      {"upgrade", "websocket"},
      {"sec-websocket-version", "13"},
      {"sec-websocket-key", @key}
    ]
  end

  @doc "A socket that is open. Options: `:headers` and, for the connection, `:recbuf`."
  @spec open(:inet.port_number(), String.t(), keyword()) :: :gen_tcp.socket()
  def open(port, path \\ "/socket/websocket?vsn=2.0.0", opts \\ []) do
    {socket, head} = handshake(port, path, opts)
    assert %{status: 101, headers: %{"sec-websocket-accept" => @accept}} = head
    refute Map.has_key?(head.headers, "sec-websocket-extensions")
    socket
  end

  @doc "The connection, and the head of the answer to the handshake."
  def handshake(port, path, opts \\ []) do
    options = [:binary, active: false] ++ Keyword.take(opts, [:recbuf])
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, options, @timeout)
    headers = fields() ++ Keyword.get(opts, :headers, [])
    HTTPClient.write(socket, HTTPClient.format("GET", path, headers: headers))
    {socket, HTTPClient.read_head(socket)}
  end

  @doc "Sends a frame."
  def push(socket, payload, opcode \\ :text),
    do: :ok = :gen_tcp.send(socket, frame(payload, opcode))

  @doc "A frame as a client sends it, masked with zeros."
  def frame(payload, opcode \\ :text, fin \\ 1) do
    opcode = if is_atom(opcode), do: @opcodes[opcode], else: opcode
    [<<fin::1, 0::3, opcode::4, 1::1, size(byte_size(payload))::bitstring, 0::32>>, payload]
  end

  defp size(n) when n < 126, do: <<n::7>>
  defp size(n) when n < 65_536, do: <<126::7, n::16>>
  defp size(n), do: <<127::7, n::64>>

  @doc "The next frame: of text as it is, else with its kind; of a close with its code."
  def read(socket, timeout \\ @timeout) do
    <<1::1, 0::3, opcode::4, 0::1, size::7>> = bytes(socket, 2, timeout)

    size =
      case size do
        126 -> :binary.decode_unsigned(bytes(socket, 2, timeout))
        127 -> :binary.decode_unsigned(bytes(socket, 8, timeout))
        size -> size
      end

    payload = if size == 0, do: "", else: bytes(socket, size, timeout)

    case {@names[opcode], payload} do
      {:text, text} -> text
      {:close, <<code::16, _reason::binary>>} -> {:close, code}
      frame -> frame
    end
  end

  @doc "As `read/2`, of text as a term."
  def message(socket, timeout \\ @timeout), do: socket |> read(timeout) |> JSON.decode!()

  @doc "The next message with that event, as a term. What comes before it is dropped."
  def next_of(socket, event) do
    case message(socket) do
      [_join_ref, _ref, _topic, ^event, _payload] = message -> message
      _other -> next_of(socket, event)
    end
  end

  @doc "Sends a message, and gives the answer to it as a term. What comes before it is dropped."
  def ask(socket, join_ref, ref, topic, event, payload) do
    push(socket, JSON.text([join_ref, ref, topic, event, payload]))
    answer(socket, ref)
  end

  defp answer(socket, ref) do
    case message(socket) do
      [_join_ref, ^ref, _topic, "phx_reply", %{"status" => status, "response" => response}] ->
        {status, response}

      _other ->
        answer(socket, ref)
    end
  end

  @doc "Joins a topic, and gives what it is greeted with."
  def join(socket, topic, params \\ %{}, ref \\ "1") do
    {"ok", greeting} = ask(socket, ref, ref, topic, "phx_join", params)
    greeting
  end

  @doc "Whether nothing comes for so long."
  def quiet?(socket, timeout), do: :gen_tcp.recv(socket, 1, timeout) == {:error, :timeout}

  defp bytes(socket, count, timeout) do
    {:ok, bytes} = :gen_tcp.recv(socket, count, timeout)
    bytes
  end
end
