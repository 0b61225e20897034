defmodule FormdbHttpWeb.Endpoint do
  @moduledoc """
  The HTTP server: a supervisor with the listener inside.

  It is started with a `FormdbHttp.Config`, of which it uses what concerns addresses,
  connections, bodies and the stop.
  Stopping it closes the listening socket at once and lets the requests under way
  finish, for `drain_timeout_ms` at most.

  One runs at a time. `docs/API.md` describes what it serves.
  """

  use Supervisor

  require Logger

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Cowboy.{Connection, Connections, Dispatcher, Drainer, HalfClose}
  alias FormdbHttpWeb.Cowboy.{InFlight, Limits, Pipelining, StreamHandler, Transport}
  alias FormdbHttpWeb.{CrossOrigin, Metrics}

  # The name of the listener for probes; the other has this module's.
  @probes Module.concat(__MODULE__, Probes)
  # Scrapers and supervisors are few.
  @probe_connections 100

  @acceptors 10
  @shutdown_ms 1_000

  @doc """
  Starts listening. When the address cannot be listened on, the error is a
  sentence that names it.
  """
  @spec start_link(Config.t()) :: Supervisor.on_start() | {:error, String.t()}
  def start_link(%Config{} = config) do
    case Supervisor.start_link(__MODULE__, config, name: __MODULE__) do
      {:ok, pid} ->
        Logger.info("listening on #{url(config.host)}, data in #{config.data_dir}")
        {:ok, pid}

      {:error, reason} ->
        {:error, explain(reason, config)}
    end
  end

  defp url(host) when tuple_size(host) == 8, do: "http://[#{:inet.ntoa(host)}]:#{port()}"
  defp url(host), do: "http://#{:inet.ntoa(host)}:#{port()}"

  @doc false
  # A sentence for whoever starts it, out of the supervisors that the listener is nested in.
  def explain({:shutdown, {:failed_to_start_child, _child, reason}}, config),
    do: explain(reason, config)

  def explain({:listen_error, listener, reason}, config) do
    {host, port, settings} =
      if listener == @probes,
        do: {config.probe_host, config.probe_port, "FORMDB_PROBE_HOST and FORMDB_PROBE_PORT"},
        else: {config.host, config.port, "FORMDB_HOST and FORMDB_PORT"}

    "cannot listen on #{:inet.ntoa(host)} port #{port}: " <>
      "#{:inet.format_error(reason)}; #{remedy(reason, settings)}"
  end

  def explain(other, _config), do: other

  # No other address helps where there are no descriptors.
  defp remedy(reason, _settings) when reason in [:emfile, :enfile],
    do: "the process may open no more files: raise its limit (ulimit -n)"

  defp remedy(:eacces, settings),
    do: "ports below 1024 take a privilege: set #{settings} to another one, or grant it"

  defp remedy(:eaddrnotavail, settings),
    do: "set #{settings} to an address of this machine"

  defp remedy(_taken, settings), do: "set #{settings} to an address that is free"

  @doc "The TCP port it listens on: the actual one when port 0 was configured."
  @spec port() :: :inet.port_number()
  def port, do: :ranch.get_port(__MODULE__)

  @doc "The TCP port on which it listens for probes alone, when it is configured to."
  @spec probe_port() :: :inet.port_number()
  def probe_port, do: :ranch.get_port(@probes)

  @doc "How many connections are open, without those for probes alone."
  @spec connections() :: non_neg_integer()
  def connections, do: Connections.count(counts())

  @doc "How many were refused since the start, because as many were open as may be."
  @spec refused_connections() :: non_neg_integer()
  def refused_connections, do: Connections.refused(counts())

  defp counts, do: :ranch.get_protocol_options(__MODULE__).connections

  @doc "Whether it takes new connections: no longer when it stops."
  @spec accepting?() :: boolean()
  def accepting?, do: :ranch.get_status(__MODULE__) == :running

  @impl true
  def init(config) do
    Metrics.register()
    in_flight = InFlight.new()

    # The drainer is last, so that it is stopped first. The probes outlast the rest: they
    # say that it stops.
    children =
      probes(config) ++
        listener(__MODULE__, {config.host, config.port}, config.max_connections, fn counts ->
          protocol_options(config, config.host, in_flight, counts, :all)
        end) ++
        [{Drainer, {__MODULE__, in_flight, config.drain_timeout_ms}}]

    # Requests of a listener that failed would be counted for ever. So a child that
    # fails takes the endpoint down, and it is started afresh with a count of zero.
    Supervisor.init(children, strategy: :one_for_all, max_restarts: 0)
  end

  defp probes(%{probe_port: nil}), do: []

  # Its requests are not waited for by a stop, hence counted apart.
  defp probes(config) do
    listener(@probes, {config.probe_host, config.probe_port}, @probe_connections, fn counts ->
      protocol_options(config, config.probe_host, InFlight.new(), counts, :probes)
    end)
  end

  # A listener, and before it the process that counts its connections off.
  defp listener(name, address, max_connections, protocol_options) do
    counts = Connections.new(max_connections, Module.concat(name, Connections))

    [
      %{id: counts.watcher, start: {Connections, :start_link, [counts]}},
      :ranch.child_spec(
        name,
        Transport,
        transport_options(address),
        Connection,
        protocol_options.(counts)
      )
    ]
  end

  defp transport_options({host, port}) do
    family = if tuple_size(host) == 8, do: [:inet6], else: []

    %{
      connection_type: :supervisor,
      num_acceptors: @acceptors,
      # Connection refuses those beyond the limit; Ranch would let them wait.
      max_connections: :infinity,
      # When the listener stops, these supervisors would be waited for one after the other.
      num_conns_sups: 1,
      # The requests under way have been waited for when the listener stops. From 2.9 on,
      # Cowboy lets connections end gently, for Ranch's five seconds unless told otherwise.
      shutdown: @shutdown_ms,
      # A client may close its side and wait for the answer (see HalfClose).
      socket_opts: family ++ [ip: host, port: port, backlog: 4_096, exit_on_close: false]
    }
  end

  defp protocol_options(config, address, in_flight, counts, routes) do
    # Cowboy takes a connection on which the client is silent for dead, also while
    # that client waits for its answer.
    patience =
      Enum.max([Limits.keep_alive_ms(), config.write_timeout_ms, config.body_timeout_ms]) + 5_000

    %{
      connection_type: :supervisor,
      # HTTP/1.1 only: a client that asks to go over to HTTP/2 in the clear is answered
      # as if it had not (RFC 9110, 7.8). Before 2.13 Cowboy does not read this, and
      # bin/mend_cowboy.exs sees to it.
      protocols: [:http],
      stream_handlers: [StreamHandler],
      middlewares: [Pipelining, Dispatcher],
      env: %{
        body_limits: Map.take(config, [:max_body_bytes, :body_timeout_ms, :body_min_rate]),
        base_path: config.base_path,
        cross_origin: CrossOrigin.new(config, address),
        half_close_ms: config.half_close_ms,
        in_flight: in_flight,
        routes: routes,
        trusted_proxies: config.trusted_proxies
      },
      connections: counts,
      logger: HalfClose,
      request_timeout: Limits.keep_alive_ms(),
      idle_timeout: patience,
      inactivity_timeout: max(300_000, patience),
      # Requests of one connection; Cowboy would end it after a thousand.
      max_keepalive: 1_000_000_000,
      max_request_line_length: Limits.request_line_bytes(),
      max_headers: Limits.header_fields(),
      max_header_name_length: Limits.header_name_bytes(),
      max_header_value_length: Limits.header_value_bytes()
    }
  end
end
