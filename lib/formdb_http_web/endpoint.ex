defmodule FormdbHttpWeb.Endpoint do
  @moduledoc """
  The HTTP server: a supervisor with the listener inside.

  It is started with a `FormdbHttp.Config`, of which it uses `host`, `port`,
  `max_connections`, `max_body_bytes`, `drain_timeout_ms` and `write_timeout_ms`.
  Stopping it closes the listening socket at once and lets the requests under way
  finish, for `drain_timeout_ms` at most.

  One runs at a time. `docs/API.md` describes what it serves.
  """

  use Supervisor

  require Logger

  alias FormdbHttp.Config
  alias FormdbHttpWeb.{Dispatcher, Drainer, InFlight, Metrics, StreamHandler}

  @acceptors 10
  # A connection may stay without a request this long. Longer than the 60 s for
  # which load balancers commonly keep theirs, so that it is they who close first.
  @keep_alive_ms 75_000
  @shutdown_ms 1_000
  # An id of the largest size that a setting allows, with every byte encoded.
  @max_request_line_bytes 16_384

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

  # Out of the supervisors that the listener is nested in.
  defp explain({:shutdown, {:failed_to_start_child, _child, reason}}, config),
    do: explain(reason, config)

  defp explain({:listen_error, _listener, reason}, config) do
    "cannot listen on #{:inet.ntoa(config.host)} port #{config.port}: " <>
      "#{:inet.format_error(reason)}; set FORMDB_HOST and FORMDB_PORT to an address that is free"
  end

  defp explain(other, _config), do: other

  @doc "The TCP port it listens on: the actual one when port 0 was configured."
  @spec port() :: :inet.port_number()
  def port, do: :ranch.get_port(__MODULE__)

  @doc "How many connections are open."
  @spec connections() :: non_neg_integer()
  def connections, do: :ranch.info(__MODULE__).all_connections

  @doc "Whether it takes new connections: no longer when it stops."
  @spec accepting?() :: boolean()
  def accepting?, do: :ranch.get_status(__MODULE__) == :running

  @impl true
  def init(config) do
    Metrics.register()
    in_flight = InFlight.new()

    children = [
      :ranch.child_spec(
        __MODULE__,
        :ranch_tcp,
        transport_options(config),
        :cowboy_clear,
        protocol_options(config, in_flight)
      ),
      # After the listener, so that it is stopped before it.
      {Drainer, {__MODULE__, in_flight, config.drain_timeout_ms}}
    ]

    # Requests of a listener that failed would be counted for ever. So a child that
    # fails takes the endpoint down, and it is started afresh with a count of zero.
    Supervisor.init(children, strategy: :one_for_all, max_restarts: 0)
  end

  defp transport_options(config) do
    family = if tuple_size(config.host) == 8, do: [:inet6], else: []

    %{
      connection_type: :supervisor,
      # An acceptor stops accepting with the connection that reaches the limit.
      num_acceptors: min(@acceptors, config.max_connections),
      max_connections: config.max_connections,
      # Each of these supervisors would have a limit of its own, and when the
      # listener stops they would be waited for one after the other.
      num_conns_sups: 1,
      # The requests under way have been waited for when the listener stops. From 2.9 on,
      # Cowboy lets connections end gently, for Ranch's five seconds unless told otherwise.
      shutdown: @shutdown_ms,
      socket_opts: family ++ [ip: config.host, port: config.port, backlog: 4_096]
    }
  end

  defp protocol_options(config, in_flight) do
    # Cowboy takes a connection on which the client is silent for dead, also while
    # that client waits for its answer.
    patience = max(@keep_alive_ms + 5_000, config.write_timeout_ms + 5_000)

    %{
      connection_type: :supervisor,
      # HTTP/1.1 only: a client that asks to go over to HTTP/2 in the clear is answered
      # as if it had not (RFC 9110, 7.8). Before 2.13 Cowboy does not read this, and
      # bin/mend_cowboy.exs sees to it.
      protocols: [:http],
      stream_handlers: [StreamHandler],
      middlewares: [Dispatcher],
      env: %{max_body_bytes: config.max_body_bytes, in_flight: in_flight},
      request_timeout: @keep_alive_ms,
      idle_timeout: patience,
      inactivity_timeout: max(300_000, patience),
      # Requests of one connection; Cowboy would end it after a thousand.
      max_keepalive: 1_000_000_000,
      max_request_line_length: @max_request_line_bytes
    }
  end
end
