defmodule FormdbHttpWeb.Metrics do
  @moduledoc false
  # What GET /metrics shows: the requests, which are counted here; the server and the
  # databases, whose figures collectors read when they are asked for; and the VM.
  #
  # They are in a registry of their own, since that of an application which embeds the
  # server is none of our business.

  @behaviour :prometheus_collector

  import :prometheus_model_helpers, only: [create_mf: 4]

  alias FormdbHttpWeb.Endpoint

  @registry :formdb_http

  @requests :formdb_http_requests_total
  @duration :formdb_http_request_duration_seconds

  # Seconds. From a read in memory to a bulk load.
  @buckets [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5] ++
             [1, 2.5, 5, 10]

  # Version 4.9 of the library writes 0.0001 as 1.00000000000000004792e-04, later ones as
  # 0.0001. Queries name these labels, so they are to be the same with all versions.
  @bounds for bound <- @buckets,
              is_float(bound),
              into: %{},
              do:
                {~s(le="#{:erlang.float_to_binary(bound)}"),
                 ~s(le="#{:erlang.float_to_binary(bound, [:compact, decimals: 10])}")}
  @exact_bounds Map.keys(@bounds)

  # In the order of the text.
  @collectors [
    FormdbHttp.Metrics,
    __MODULE__,
    :prometheus_vm_memory_collector,
    :prometheus_vm_statistics_collector,
    :prometheus_vm_system_info_collector
  ]

  @doc "Once before the first request; again does no harm, and counters go on."
  @spec register() :: :ok
  def register do
    :prometheus_registry.register_collectors(@registry, @collectors)

    :prometheus_counter.declare(
      registry: @registry,
      name: @requests,
      labels: [:method, :route, :status],
      help: "Requests answered."
    )

    :prometheus_histogram.declare(
      registry: @registry,
      name: @duration,
      labels: [:route],
      buckets: @buckets,
      help: "Time from a request's head to its answer."
    )

    :ok
  end

  @doc """
  Counts an answered request. Of the routes there must be a bounded number; `duration` is
  in native units of time.
  """
  @spec count(String.t(), String.t(), pos_integer(), non_neg_integer()) :: :ok
  def count(method, route, status, duration) do
    labels = [method(method), route, class(status)]
    :prometheus_counter.inc(@registry, @requests, labels, 1)
    :prometheus_histogram.observe(@registry, @duration, [route], duration)
  end

  # A client can name any method; and the name it sent is a part of a larger binary,
  # which a table would keep.
  for method <- ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
      do: defp(method(unquote(method)), do: unquote(method))

  defp method(_other), do: "other"

  defp class(status), do: <<?0 + div(status, 100), "xx">>

  @doc "All figures in the text format of Prometheus."
  @spec text() :: binary()
  def text do
    @registry
    |> :prometheus_text_format.format()
    |> String.replace(@exact_bounds, &Map.fetch!(@bounds, &1))
  end

  @doc "The media type of `text/0`."
  @spec content_type() :: String.t()
  def content_type, do: :prometheus_text_format.content_type()

  @impl true
  def deregister_cleanup(_registry), do: :ok

  @impl true
  def collect_mf(_registry, callback) do
    {uptime, _since_last_call} = :erlang.statistics(:wall_clock)
    callback.(create_mf(:formdb_uptime_seconds, "Time since the start.", :gauge, uptime / 1_000))
    connections(Endpoint.connections(), callback)
    :ok
  end

  # Where another server is the host, it is that which counts them.
  defp connections(nil, _callback), do: :ok

  defp connections(open, callback) do
    callback.(create_mf(:formdb_http_connections, "Connections now open.", :gauge, open))
    refused = Endpoint.refused_connections()
    help = "Connections refused, since as many were open as the limit allows."
    callback.(create_mf(:formdb_http_connections_refused_total, help, :counter, refused))
  end
end
