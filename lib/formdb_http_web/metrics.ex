defmodule FormdbHttpWeb.Metrics do
  @moduledoc false
  # What GET /metrics shows: the requests, the server, the databases, the process and the VM,
  # whose figures collectors read when they are asked for.
  #
  # They are in a registry of their own, since that of an application which embeds the
  # server is none of our business.

  @behaviour :prometheus_collector

  import :prometheus_model_helpers, only: [create_mf: 4]

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.Audit.Event
  alias FormdbHttpWeb.{Endpoint, RequestMetrics, VmMetrics}
  alias FormdbHttpWeb.Live.Open
  alias FormdbHttpWeb.Tls.Certificates

  @registry :formdb_http

  # Version 4.9 of the library writes 0.0001 as 1.00000000000000004792e-04, later ones as
  # 0.0001. Queries name these labels, so they are to be the same with all versions.
  @bounds for bound <-
                [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05] ++
                  [0.1, 0.25, 0.5, 2.5],
              into: %{},
              do:
                {~s(le="#{:erlang.float_to_binary(bound)}"),
                 ~s(le="#{:erlang.float_to_binary(bound, [:compact, decimals: 10])}")}
  @exact_bounds Map.keys(@bounds)

  # In the order of the text.
  @collectors [FormdbHttp.Metrics, __MODULE__, VmMetrics]

  @doc "Once before the first request; again does no harm, and counters go on."
  @spec register() :: :ok
  def register do
    RequestMetrics.start()
    Event.start()
    :prometheus_registry.register_collectors(@registry, @collectors)
    :ok
  end

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

    for {name, type, help, samples} <-
          [
            {:formdb_uptime_seconds, :gauge, "Time since the start.", [{[], uptime / 1_000}]},
            {:formdb_http_requests_total, :counter, "Requests answered.",
             RequestMetrics.requests()},
            {:formdb_http_request_duration_seconds, :histogram,
             "Time from a request's head to its answer.", RequestMetrics.durations()},
            {:formdb_http_request_size_bytes, :histogram,
             "Size of the bodies of requests, as they came.", RequestMetrics.received()},
            {:formdb_http_response_size_bytes, :histogram,
             "Size of the bodies of answers, as they went.", RequestMetrics.sent()},
            {:formdb_audit_events_total, :counter,
             "Requests that administer or were refused to who asked, by outcome.", Event.counts()}
          ] ++ listener(Endpoint.connections()) ++ process(Serving.process_figures()),
        do: callback.(create_mf(name, help, type, samples))

    :ok
  end

  # Where another server is the host, it is that which counts them.
  defp listener(nil), do: []

  defp listener(open) do
    [
      {:formdb_http_connections, :gauge, "Connections now open.", [{[], open}]},
      {:formdb_http_connections_refused_total, :counter,
       "Connections refused, since as many were open as a limit allows.",
       [{[], Endpoint.refused_connections()}]},
      {:formdb_http_requests_in_flight, :gauge, "Requests that are being answered.",
       [{[], Endpoint.requests_in_flight()}]},
      {:formdb_http_sockets, :gauge, "WebSockets now open.", [{[], Open.count(:socket)}]},
      {:formdb_http_streams, :gauge, "Streams of server-sent events now open.",
       [{[], Open.count(:stream)}]},
      {:formdb_http_waiting_requests, :gauge, "Requests that now wait for news of a journal.",
       [{[], Open.count(:wait)}]},
      {:formdb_tls_certificate_expiry_timestamp_seconds, :gauge,
       "When the certificate ends, in seconds since the epoch.",
       for(ends when ends != nil <- [Certificates.ends()], do: {[], ends})}
    ]
  end

  # By the names that all of Prometheus' own libraries have for them.
  @process [
    {:process_open_fds, :gauge, :open_files, "Number of open file descriptors."},
    {:process_max_fds, :gauge, :max_files, "Maximum number of open file descriptors."},
    {:process_resident_memory_bytes, :gauge, :resident_bytes, "Resident memory size in bytes."},
    {:process_cpu_seconds_total, :counter, :cpu_seconds,
     "Total user and system CPU time spent in seconds."},
    {:process_start_time_seconds, :gauge, :started,
     "Start time of the process since unix epoch in seconds."}
  ]

  # What the system does not say is left out.
  defp process(figures) do
    for {name, type, key, help} <- @process,
        value = figures[key],
        do: {name, type, help, [{[], value}]}
  end
end
