defmodule FormdbHttpWeb.Cowboy.Connection do
  @moduledoc false
  # What Ranch starts for a connection that was accepted: Cowboy's process, or, when all
  # places are taken, one that answers 503 at once and closes. Ranch itself would let the
  # next client wait in silence.

  @behaviour :ranch_protocol

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Cowboy.Connections
  alias FormdbHttpWeb.{Problem, RequestId, SecurityFields}

  # How long a client is given to read why it was refused.
  @linger_ms 1_000

  @impl true
  def start_link(ref, transport, %{connections: connections} = options) do
    case Connections.enter(connections) do
      :ok ->
        with {:ok, pid} = started <- protocol(transport).start_link(ref, transport, options) do
          Connections.watch(connections, pid)
          started
        end

      :full ->
        {:ok, :proc_lib.spawn_link(fn -> refuse(ref, transport, connections) end)}
    end
  end

  defp protocol(transport), do: if(transport.secure(), do: :cowboy_tls, else: :cowboy_clear)

  defp refuse(ref, transport, connections) do
    manner = Connections.refuse(connections, self())

    if transport.secure(), do: shut(ref), else: tell(ref, transport, connections, manner)
  end

  # To tell it by TLS would take the work of a handshake. What Ranch hands over is TCP yet.
  defp shut(ref) do
    receive do
      {:handshake, ^ref, _transport, socket, _timeout} -> :gen_tcp.close(socket)
    end
  end

  defp tell(ref, transport, connections, manner) do
    with {:ok, socket} <- :ranch.handshake(ref) do
      transport.send(socket, answer(connections.limit))
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

  defp answer(limit) do
    detail = "#{limit} connections are open, which is the limit (setting FORMDB_MAX_CONNECTIONS)"

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
