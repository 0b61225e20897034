defmodule FormdbHttpWeb.Cowboy.Host do
  @moduledoc false
  # The one Cowboy middleware, in the place of Cowboy's own router and handler: it makes a
  # Request of what Cowboy took in, has FormdbHttpWeb.Handler answer it, and sends the
  # answer.

  @behaviour :cowboy_middleware

  alias FormdbHttpWeb.Cowboy.{Body, Framing, InFlight, Streaming, WebSocket}
  alias FormdbHttpWeb.{BodyReader, Handler, Request, Settings}

  @impl true
  def execute(req, env) do
    {framing, answer} = answer(req, env)
    give(named(answer), framing, req, env)
    {:stop, req}
  end

  # What the process of the connection has begun (see Direct).
  defp answer(req, %{begun: {:long, rest}}), do: {:ok, Handler.resume(rest, {Body, req})}
  defp answer(_req, %{begun: {:ok, answer}}), do: {:ok, answer}

  defp answer(req, %{settings: settings}) do
    request = request(req, {Body, req}, settings)

    case Framing.check(req) do
      :ok -> {:ok, Handler.call(request)}
      {:error, error} = framing -> {framing, Handler.refuse(request, error)}
    end
  end

  @doc "The name of the server, for the field `Server`."
  @spec server() :: String.t()
  def server, do: "FormDB"

  defp named({status, headers, body}), do: {status, Map.put(headers, "server", server()), body}

  defp give({101, headers, {:socket, module, state}}, _framing, req, env),
    do: WebSocket.upgrade(req, env, headers, module, state)

  defp give({status, headers, body}, framing, req, env) do
    headers = if last?(status, req, framing, env), do: close(headers, req), else: headers
    send_answer(status, headers, body, req)
  end

  defp send_answer(status, headers, {kind, parts}, req) when kind in [:stream, :live] do
    req = :cowboy_req.stream_reply(status, headers, req)
    if kind == :live, do: Streaming.notice_absence(req)
    Streaming.send_parts(parts, req)
  end

  defp send_answer(status, headers, body, req) do
    size = IO.iodata_length(body)

    if Streaming.large?(size) and req.method != "HEAD" do
      headers = Map.put(headers, "content-length", Integer.to_string(size))
      Streaming.send_parts([body], :cowboy_req.stream_reply(status, headers, req))
    else
      :cowboy_req.reply(status, headers, body, req)
    end
  end

  @doc "What Cowboy took in as a request, with a reader of its body."
  @spec request(:cowboy_req.req(), {module(), BodyReader.state()}, Settings.t()) :: Request.t()
  def request(req, body, settings) do
    {address, _port} = req.peer

    %Request{
      method: req.method,
      path: req.path,
      query: req.qs,
      headers: req.headers,
      peer: address,
      # A connection takes its turn with the others.
      asker: req.pid,
      body: body,
      body_length: if(req.body_length == :undefined, do: :unknown, else: req.body_length),
      settings: settings,
      secure: req.scheme == "https"
    }
  end

  # The last answer of a connection says so. Of a body that was not read to its end the rest
  # may still be under way, which is looked at in any case; where a request ends that is
  # refused for its framing, or whose chunks are not checked, nobody knows; when the server
  # stops, the client is to look for another connection.
  defp last?(status, req, framing, env) do
    unread?(status, req) or framing != :ok or
      (req.body_length == :undefined and not env.sizes_checked?) or
      InFlight.draining?(env.in_flight)
  end

  @doc "The header fields of the last answer of a connection. HTTP/2 has no such field (RFC 9113, 8.2.2)."
  @spec close(map(), :cowboy_req.req()) :: map()
  def close(headers, %{version: version}) when version in [:"HTTP/1.1", :"HTTP/1.0"],
    do: Map.put(headers, "connection", "close")

  def close(headers, _req), do: headers

  defp unread?(status, req) do
    left? = Body.finish(req) == :left
    left? or (status == 400 and req.body_length == :undefined)
  end
end
