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
  alias FormdbHttp.Config.Web
  alias FormdbHttpWeb.{Audit, Auth}
  alias FormdbHttpWeb.Cowboy.{Connections, Drainer, InFlight, Listener}
  alias FormdbHttpWeb.Live.Open
  alias FormdbHttpWeb.Tls.Certificates

  # The name of the listener for probes; the other has this module's.
  @probes Module.concat(__MODULE__, Probes)
  # Scrapers and supervisors are few.
  @probe_connections 100

  @doc """
  Starts listening. When the address cannot be listened on, the error is a
  sentence that names it.
  """
  @spec start_link(Config.t()) :: Supervisor.on_start() | {:error, String.t()}
  def start_link(%Config{} = config) do
    case Supervisor.start_link(__MODULE__, config, name: __MODULE__) do
      {:ok, pid} ->
        Logger.info("listening on #{url(config)}, data in #{config.data_dir}")
        warn(config)
        {:ok, pid}

      {:error, reason} ->
        {:error, explain(reason, config)}
    end
  end

  defp url(%{host: host} = config) do
    scheme = if Certificates.on?(config), do: "https", else: "http"
    address = if tuple_size(host) == 8, do: "[#{:inet.ntoa(host)}]", else: :inet.ntoa(host)
    "#{scheme}://#{address}:#{port()}"
  end

  # A proxy that is named may speak TLS for us.
  defp warn(%{trusted_proxies: []} = config) do
    if Auth.on?(config) and not Certificates.on?(config) and not Web.loopback?(config.host) do
      Logger.warning(
        "credentials and data cross the network in the clear: set FORMDB_TLS_CERTIFICATE_FILE and " <>
          "FORMDB_TLS_KEY_FILE, or listen on 127.0.0.1 behind a proxy that speaks TLS"
      )
    end
  end

  defp warn(_config), do: :ok

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
  def port, do: Listener.port(__MODULE__)

  @doc "The TCP port on which it listens for probes alone, when it is configured to."
  @spec probe_port() :: :inet.port_number()
  def probe_port, do: Listener.port(@probes)

  @doc "How many connections are open, without those for probes alone; `nil` where it does not run."
  @spec connections() :: non_neg_integer() | nil
  def connections, do: with(%{} = counts <- counts(), do: Connections.count(counts))

  @doc "How many were refused since the start, because as many were open as may be; or `nil`."
  @spec refused_connections() :: non_neg_integer() | nil
  def refused_connections, do: with(%{} = counts <- counts(), do: Connections.refused(counts))

  @doc "How many requests are being answered, without those for probes alone; or `nil`."
  @spec requests_in_flight() :: non_neg_integer() | nil
  def requests_in_flight,
    do: with(%{} <- counts(), do: InFlight.count(Listener.in_flight(__MODULE__)))

  defp counts, do: Listener.connections(__MODULE__)

  @doc "Whether it takes new connections: no longer when it stops. `nil` where it does not run."
  @spec accepting?() :: boolean() | nil
  def accepting?, do: if(Process.whereis(__MODULE__), do: Listener.accepting?(__MODULE__))

  @impl true
  def init(config) do
    in_flight = InFlight.new()

    # Who asks has to be known before anybody does, and what is told of them written until the
    # last one has gone. The drainer is last, so that it is stopped first. The probes outlast the
    # rest: they say that it stops.
    children =
      Audit.Log.children(config) ++
        Auth.children(config) ++
        Certificates.children(config) ++
        probes(config) ++
        [Open] ++
        Listener.children(__MODULE__, config,
          address: {config.host, config.port},
          tls: Certificates.on?(config),
          max_connections: config.max_connections,
          address_connections: config.address_connections,
          routes: :all,
          in_flight: in_flight
        ) ++
        [{Drainer, {__MODULE__, in_flight, config.drain_timeout_ms}}]

    # Requests of a listener that failed would be counted for ever. So a child that
    # fails takes the endpoint down, and it is started afresh with a count of zero.
    Supervisor.init(children, strategy: :one_for_all, max_restarts: 0)
  end

  defp probes(%{probe_port: nil}), do: []

  # Its requests are not waited for by a stop, hence counted apart.
  defp probes(config) do
    Listener.children(@probes, config,
      address: {config.probe_host, config.probe_port},
      tls: false,
      max_connections: @probe_connections,
      address_connections: 0,
      routes: :probes,
      in_flight: InFlight.new()
    )
  end
end
