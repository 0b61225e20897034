defmodule FormdbHttpWeb.RequestEnd do
  @moduledoc false
  # What is left to do once the answer to a request is there: the memory of its body is given
  # back, it is counted, and whoever wants to know of it is told.

  alias FormdbHttp.Telemetry
  alias FormdbHttpWeb.{Body, Forwarded, Request, RequestMetrics, Router}

  @event [:formdb, :request, :stop]

  @doc "The request was answered; `sent` are the bytes of its body."
  @spec note(Request.t(), 101 | 200..599, integer(), non_neg_integer()) :: :ok
  def note(req, status, started, sent) do
    Body.release()
    duration = System.monotonic_time() - started
    received = Body.received()
    RequestMetrics.count(req.method, req.resource, status, duration, received, sent)

    if Telemetry.listened?(@event) do
      measurements = %{duration: duration, request_bytes: received, response_bytes: sent}
      Telemetry.execute(@event, measurements, metadata(req, status))
    end

    :ok
  end

  defp metadata(req, status) do
    %{
      method: RequestMetrics.method(req.method),
      route: Router.template(req.resource),
      path: req.path,
      status: status,
      request_id: req.id,
      trace_id: req.trace[:trace_id],
      span_id: req.trace[:span_id],
      client: client(req),
      actor: req.principal && req.principal.actor
    }
  end

  @doc "The address, as text, of whom a proxy that is believed names, or who is at the other end."
  @spec client(Request.t()) :: String.t()
  def client(%{settings: %{trusted_proxies: proxies}} = req) do
    believed = Forwarded.believed(req.headers, req.peer, proxies)

    address =
      with {:ok, address} <- Forwarded.client(believed, proxies),
           do: address,
           else: (_ -> req.peer)

    address |> :inet.ntoa() |> to_string()
  end
end
