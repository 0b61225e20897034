defmodule FormdbHttpWeb.Cowboy.Dispatcher do
  @moduledoc false
  # The one Cowboy middleware, in the place of Cowboy's own router and handler: it
  # lets the router answer a request and sends the answer. Whatever goes wrong on
  # the way, the client is told and the connection lives.

  @behaviour :cowboy_middleware

  require Logger

  alias FormdbHttp.Error

  alias FormdbHttpWeb.{
    AnswerMemory,
    Body,
    CrossOrigin,
    Fault,
    Forwarded,
    Metrics,
    Problem,
    Router
  }

  alias FormdbHttpWeb.Cowboy.{Framing, InFlight}

  # A cache may keep an answer, but not give it without asking (RFC 9111, 5.2.2.4): what is
  # true now need not be in a second, and a name that was purged can be made anew.
  @cache_control "no-cache"

  @impl true
  def execute(req, %{body_limits: body_limits, in_flight: in_flight} = env) do
    started = System.monotonic_time()
    {peer, _port} = req.peer
    req = %{req | headers: Forwarded.believed(req.headers, peer, env.trusted_proxies)}
    found = req.path |> within(env.base_path) |> Router.find(env.routes)
    FormdbHttp.ask_as(client(req, env.trusted_proxies))
    answer = answer(found, Map.merge(req, body_limits), env)
    {status, headers, body} = AnswerMemory.count(answer, Router.safe?(found, req))
    headers = finish(headers, status, req, in_flight)
    # Before the answer, so that whoever has it finds the request counted.
    duration = System.monotonic_time() - started
    Metrics.count(req.method, Router.template(found), status, duration)
    :cowboy_req.reply(status, headers, body, req)
    {:stop, req}
  end

  # A proxy may leave the path under which it serves us, or take it away.
  defp within(path, ""), do: path

  defp within(path, base) do
    case path do
      <<^base::binary-size(byte_size(base)), "/", rest::binary>> -> "/" <> rest
      _outside -> path
    end
  end

  # Until there are principals: the client's address if a proxy tells it, or else a
  # connection takes its turn with the others.
  defp client(req, proxies) do
    with :error <- Forwarded.client(req.headers, proxies), do: req.pid
  end

  defp answer(found, req, env) do
    with :ok <- Framing.check(req),
         {:ok, base_path} <- Forwarded.base_path(req.headers, env.base_path),
         {:ok, fields} <- CrossOrigin.check(req.method, req.headers, env.cross_origin) do
      found |> call(Map.put(req, :base_path, base_path)) |> with_fields(fields)
    else
      {:preflight, fields} -> {204, fields, ""}
      {:error, error} -> Problem.answer(error)
    end
  end

  defp call(found, req) do
    Router.call(found, req)
  catch
    kind, reason ->
      Logger.error([
        "#{req.method} #{Problem.show(req.path)} failed: ",
        Fault.describe(kind, reason, __STACKTRACE__)
      ])

      Problem.answer(%Error{
        code: :internal_error,
        detail: "the server failed to answer; its log says why"
      })
  end

  defp with_fields(answer, fields) when fields == %{}, do: answer

  defp with_fields({status, headers, body}, fields) do
    {status, Map.merge(headers, fields, fn "vary", one, other -> [one, ", ", other] end), body}
  end

  defp finish(headers, status, req, in_flight) do
    headers
    |> Map.put("server", "FormDB")
    |> Map.put_new("cache-control", @cache_control)
    |> close(status, req, in_flight)
  end

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
