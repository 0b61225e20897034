defmodule FormdbHttpWeb.Cowboy.Host do
  @moduledoc false
  # The one Cowboy middleware, in the place of Cowboy's own router and handler: it makes a
  # Request of what Cowboy took in, has FormdbHttpWeb.Handler answer it, and sends the
  # answer.

  @behaviour :cowboy_middleware

  alias FormdbHttpWeb.Cowboy.{Body, Framing, InFlight, Streaming}
  alias FormdbHttpWeb.{Handler, Request, Settings}

  @impl true
  def execute(req, %{settings: settings, in_flight: in_flight}) do
    {status, headers, body} = req |> request(settings) |> answer(Framing.check(req))
    headers = headers |> Map.put("server", "FormDB") |> close(status, req, in_flight)
    send_answer(status, headers, body, req)
    {:stop, req}
  end

  defp send_answer(status, headers, {:stream, parts}, req) do
    Streaming.send_parts(parts, :cowboy_req.stream_reply(status, headers, req))
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

  @spec request(:cowboy_req.req(), Settings.t()) :: Request.t()
  defp request(req, settings) do
    {address, _port} = req.peer

    %Request{
      method: req.method,
      path: req.path,
      query: req.qs,
      headers: req.headers,
      peer: address,
      # A connection takes its turn with the others.
      asker: req.pid,
      body: {Body, req},
      body_length: if(req.body_length == :undefined, do: :unknown, else: req.body_length),
      settings: settings
    }
  end

  defp answer(request, :ok), do: Handler.call(request)
  defp answer(request, {:error, error}), do: Handler.refuse(request, error)

  # The last answer of a connection says so. Of a body that was not read to its end
  # the rest may still be under way; when the server stops, the client is to look
  # for another connection. HTTP/2 has no such header (RFC 9113, 8.2.2).
  defp close(headers, status, %{version: version} = req, in_flight)
       when version in [:"HTTP/1.1", :"HTTP/1.0"] do
    if unread?(status, req) or not Framing.sure?(req) or InFlight.draining?(in_flight),
      do: Map.put(headers, "connection", "close"),
      else: headers
  end

  defp close(headers, _status, _req, _in_flight), do: headers

  defp unread?(status, req) do
    left? = Body.finish(req) == :left
    left? or (status == 400 and req.body_length == :undefined)
  end
end
