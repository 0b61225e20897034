defmodule FormdbHttpWeb.Mounted.Sending do
  @moduledoc false
  # Sends answers by Plug.Conn, on the conn that FormdbHttpWeb.Mounted.Body has.

  require Logger

  alias FormdbHttp.{Error, Fault}
  alias FormdbHttpWeb.{AnswerMemory, Request, Settings}
  alias FormdbHttpWeb.Mounted.Body

  @piece_bytes 262_144

  @doc """
  Sends the answer to a request, and gives the conn, halted. One that is whole needs no settings.
  """
  @spec send(Request.answer(), Settings.t() | nil) :: term()
  def send({status, headers, body}, settings) do
    Body.conn() |> fields(headers) |> give(status, body, settings) |> Plug.Conn.halt()
  end

  # Ours are more than what the host has for all its answers, but for `vary`.
  defp fields(%{resp_headers: before} = conn, headers) do
    headers =
      with %{"vary" => vary} <- headers,
           {_name, others} <- List.keyfind(before, "vary", 0),
           do: %{headers | "vary" => [others, ", ", vary]},
           else: (_only_one -> headers)

    own = for {name, value} <- headers, do: {name, IO.iodata_to_binary(value)}
    %{conn | resp_headers: Enum.reject(before, &is_map_key(headers, elem(&1, 0))) ++ own}
  end

  defp give(conn, 101, {:socket, module, state}, settings) do
    WebSockAdapter.upgrade(conn, module, state,
      timeout: settings.socket_idle_ms,
      max_frame_size: settings.socket_message_bytes,
      compress: false
    )
  end

  defp give(conn, status, {kind, parts}, _settings) when kind in [:stream, :live],
    do: conn |> Plug.Conn.send_chunked(status) |> send_parts(parts)

  # Of an answer to HEAD the host's server sends the length alone.
  defp give(conn, status, body, _settings) do
    conn = Plug.Conn.send_resp(conn, status, body)
    AnswerMemory.sent(IO.iodata_length(body))
    conn
  end

  # A part is made when the one before was sent. The body may still be read meanwhile, which
  # changes the conn.
  defp send_parts(conn, parts) do
    Body.begin(conn)

    Enum.reduce_while(parts, :ok, fn part, :ok ->
      with {:cont, sent} <- part |> :erlang.iolist_to_iovec() |> send_pieces(0) do
        AnswerMemory.sent(sent)
        {:cont, :ok}
      end
    end)

    Body.conn()
  catch
    kind, reason ->
      why =
        case reason do
          {:cut_off, %Error{code: code, detail: detail}} -> [to_string(code), ": ", detail]
          fault -> Fault.describe(kind, fault, __STACKTRACE__)
        end

      Logger.error(["an answer was cut off: ", why])
      # A server that is returned to would end it as one that is whole.
      abort(Body.conn())
      exit({:shutdown, :cut_off})
  end

  # As Plug.Cowboy does also of a request whose process fails: there the connection has to end.
  defp abort(%{adapter: {Plug.Cowboy.Conn, %{pid: connection}}}),
    do: Process.exit(connection, :kill)

  # A stream of HTTP/2 stays open when its process ends: this error has Bandit reset it (RFC 9113, 7).
  defp abort(%{
         adapter: {Bandit.Adapter, %{transport: %{__struct__: Bandit.HTTP2.Stream} = stream}}
       }) do
    fields = [message: "the answer was cut off", error_code: 2, stream_id: stream.stream_id]
    :erlang.error(struct(Bandit.HTTP2.Errors.StreamError, fields))
  end

  defp abort(_conn), do: :ok

  defp send_pieces([], sent), do: {:cont, sent}
  defp send_pieces(["" | pieces], sent), do: send_pieces(pieces, sent)

  defp send_pieces([<<piece::binary-size(@piece_bytes), rest::binary>> | pieces], sent)
       when rest != "",
       do: send_pieces([piece, rest | pieces], sent)

  defp send_pieces([piece | pieces], sent) do
    case Plug.Conn.chunk(Body.conn(), piece) do
      {:ok, conn} ->
        Body.begin(conn)
        send_pieces(pieces, sent + byte_size(piece))

      # The client is gone.
      {:error, _closed} ->
        {:halt, :gone}
    end
  end
end
