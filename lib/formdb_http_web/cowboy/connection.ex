defmodule FormdbHttpWeb.Cowboy.Connection do
  @moduledoc false
  # What Ranch starts for a connection that was accepted: Cowboy's process, or, when all
  # places are taken, or all of its address, one that answers 503 at once and closes. Ranch itself would let the
  # next client wait in silence.

  @behaviour :ranch_protocol

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Cowboy.Connections
  alias FormdbHttpWeb.{Problem, RequestId, SecurityFields}

  # Words of the heap that it begins with, and does not go below. About what one request leaves
  # behind fits, so that garbage is collected once for it, and not several times.
  @heap_words 2_586

  # How long a client is given to read why it was refused.
  @linger_ms 1_000

  @impl true
  def start_link(ref, transport, %{connections: connections} = options) do
    case Connections.enter(connections) do
      :ok ->
        arguments = [self(), ref, transport, options]
        pid = :proc_lib.spawn_link(__MODULE__, :serve, arguments)
        Connections.watch(connections, pid)
        {:ok, pid}

      :full ->
        {:ok, :proc_lib.spawn_link(fn -> refuse(ref, transport, connections, :all) end)}
    end
  end

  @doc false
  # Before the handshake of TLS, whose work nobody is given who has connections enough.
  def serve(parent, ref, transport, %{connections: connections} = options) do
    handed_over = receive(do: ({:handshake, ^ref, _, _, _} = message -> message))

    with {:ok, {address, _port}} <- :inet.peername(elem(handed_over, 3)),
         :full <- Connections.enter_address(connections, address) do
      send(self(), handed_over)
      refuse(ref, transport, connections, :address)
    else
      _entered_or_gone ->
        send(self(), handed_over)
        Process.flag(:min_heap_size, @heap_words)
        protocol(transport).connection_process(parent, ref, transport, options)
    end
  end

  defp protocol(transport), do: if(transport.secure(), do: :cowboy_tls, else: :cowboy_clear)

  defp refuse(ref, transport, connections, limit) do
    manner = Connections.refuse(connections, self())

    if transport.secure(),
      do: shut(ref),
      else: tell(ref, transport, answer(connections, limit), manner)
  end

  # To tell it by TLS would take the work of a handshake. What Ranch hands over is TCP yet.
  defp shut(ref) do
    receive do
      {:handshake, ^ref, _transport, socket, _timeout} -> :gen_tcp.close(socket)
    end
  end

  defp tell(ref, transport, answer, manner) do
    with {:ok, socket} <- :ranch.handshake(ref) do
      transport.send(socket, answer)
      transport.shutdown(socket, :write)
      if manner == :gently, do: linger(transport, socket, now() + @linger_ms)
      transport.close(socket)
    end
  end

  # Closed with bytes unread, the connection would be reset, and the answer be lost.
  defp linger(transport, socket, deadline) do
    with {:ok, _bytes} <- transport.recv(socket, 0, max(deadline - now(), 0)),
         do: linger(transport, socket, deadline)
  end

  defp now, do: System.monotonic_time(:millisecond)

  defp answer(connections, limit) do
    detail =
      case limit do
        :all ->
          "#{connections.limit} connections are open, which is the limit (setting FORMDB_MAX_CONNECTIONS)"

        :address ->
          "#{connections.address_limit} connections from this address are open, which is the limit (setting " <>
            "FORMDB_ADDRESS_CONNECTIONS)"
      end

    id = RequestId.new()
    error = %Error{code: :too_many_connections, detail: detail}
    {status, headers, body} = Problem.answer(error, id)

    own = %{
      "cache-control" => "no-store",
      "connection" => "close",
      "content-length" => body |> IO.iodata_length() |> Integer.to_string(),
      "date" => :cowboy_clock.rfc1123(),
      "server" => "FormDB",
      "x-request-id" => id
    }

    fields = headers |> Map.merge(own) |> SecurityFields.put()
    lines = for {name, value} <- fields, do: [name, ": ", value, "\r\n"]
    ["HTTP/1.1 #{status} Service Unavailable\r\n", lines, "\r\n", body]
  end
end
