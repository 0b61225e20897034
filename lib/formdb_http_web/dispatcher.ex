defmodule FormdbHttpWeb.Dispatcher do
  @moduledoc false
  # The one Cowboy middleware, in the place of Cowboy's own router and handler: it
  # lets the router answer a request and sends the answer. Whatever goes wrong on
  # the way, the client is told and the connection lives.

  @behaviour :cowboy_middleware

  require Logger

  alias FormdbHttp.Error
  alias FormdbHttpWeb.{AnswerMemory, Body, InFlight, Metrics, Problem, Router}

  @impl true
  def execute(req, %{body_limits: body_limits, in_flight: in_flight, routes: routes} = _env) do
    started = System.monotonic_time()
    found = Router.find(req.path, routes)
    # Until there are principals: a connection takes its turn with the others.
    FormdbHttp.ask_as(req.pid)
    answer = answer(found, Map.merge(req, body_limits))
    {status, headers, body} = AnswerMemory.count(answer, Router.safe?(found, req))
    headers = headers |> Map.put("server", "FormDB") |> close(status, req, in_flight)
    # Before the answer, so that whoever has it finds the request counted.
    duration = System.monotonic_time() - started
    Metrics.count(req.method, Router.template(found), status, duration)
    :cowboy_req.reply(status, headers, body, req)
    {:stop, req}
  end

  defp answer(found, req) do
    Router.call(found, req)
  catch
    kind, reason ->
      Logger.error([
        "#{req.method} #{inspect(req.path)} failed: ",
        Exception.format(kind, reason, __STACKTRACE__)
      ])

      Problem.answer(%Error{
        code: :internal_error,
        detail: "the server failed to answer; its log says why"
      })
  end

  # The last answer of a connection says so. Of a body that was not read to its end
  # the rest may still be under way; when the server stops, the client is to look
  # for another connection. HTTP/2 has no such header (RFC 9113, 8.2.2).
  defp close(headers, status, %{version: version} = req, in_flight)
       when version in [:"HTTP/1.1", :"HTTP/1.0"] do
    if unread?(status, req) or InFlight.draining?(in_flight),
      do: Map.put(headers, "connection", "close"),
      else: headers
  end

  defp close(headers, _status, _req, _in_flight), do: headers

  defp unread?(status, req) do
    left? = Body.finish(req) == :left
    left? or (status == 400 and req.body_length == :undefined)
  end
end
