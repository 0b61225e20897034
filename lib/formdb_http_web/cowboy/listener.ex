defmodule FormdbHttpWeb.Cowboy.Listener do
  @moduledoc false
  # A listener of Ranch with Cowboy's connections, and what is to be known of one. Its name
  # is any module's.

  alias FormdbHttpWeb.Cowboy.{Connection, Connections, Framing, HalfClose, Host, InFlight, Limits}
  alias FormdbHttpWeb.Cowboy.{ListenerLog, Pipelining, StreamHandler, TlsTransport, Transport}
  alias FormdbHttpWeb.Handler

  @acceptors 10
  @shutdown_ms 1_000
  @handshake_ms 5_000
  # Messages with bytes that come before it is looked whether they are wanted: half a megabyte of a
  # long body (see StreamHandler).
  @unasked 32
  # Cowboy counts what has come of a line that has not ended, its end included, and does
  # not count where it comes in one piece: Framing does, exactly.
  @line_end 2

  @doc """
  The children of a supervisor that listens at `address`: the listener, and before it the
  process that counts its connections off.

  Options: `:address`, a pair of host and port, `:tls`, whether it speaks TLS, `:max_connections`,
  `:address_connections`, `:routes`, and `:in_flight`, which counts the requests under way.
  """
  @spec children(module(), FormdbHttp.Config.t(), keyword()) :: [Supervisor.child_spec()]
  def children(name, config, opts) do
    counts =
      Connections.new(Module.concat(name, Connections),
        limit: opts[:max_connections],
        address_limit: opts[:address_connections],
        exempt: config.trusted_proxies
      )

    transport = transport_options(opts[:address], opts[:tls], config)
    protocol = protocol_options(config, counts, opts)

    [
      %{id: counts.watcher, start: {Connections, :start_link, [counts]}},
      :ranch.child_spec(name, transport(opts[:tls]), transport, Connection, protocol)
    ]
  end

  defp transport(true), do: TlsTransport
  defp transport(false), do: Transport

  defp transport_options({host, port}, tls?, config) do
    family = if tuple_size(host) == 8, do: [:inet6], else: []

    %{
      connection_type: :supervisor,
      logger: ListenerLog,
      num_acceptors: @acceptors,
      # Connection refuses those beyond the limit; Ranch would let them wait.
      max_connections: :infinity,
      # Of TLS; a connection counts from its first byte.
      handshake_timeout: @handshake_ms,
      # When the listener stops, these supervisors would be waited for one after the other.
      num_conns_sups: 1,
      # The requests under way have been waited for when the listener stops. From 2.9 on,
      # Cowboy lets connections end gently, for Ranch's five seconds unless told otherwise.
      shutdown: @shutdown_ms,
      socket_opts:
        family ++
          [
            ip: host,
            port: port,
            backlog: 4_096,
            # A client may close its side and wait for the answer (see HalfClose); not with TLS.
            exit_on_close: tls?,
            # For each piece of an answer (see Streaming).
            send_timeout: config.send_timeout_ms,
            send_timeout_close: true
          ]
    }
  end

  defp protocol_options(config, counts, opts) do
    # Cowboy takes a connection on which the client is silent for dead, also while
    # that client waits for its answer.
    patience =
      Enum.max([
        Limits.keep_alive_ms(),
        config.write_timeout_ms,
        config.body_timeout_ms,
        config.longest_wait_ms
      ]) + 5_000

    {host, _port} = opts[:address]

    %{
      connection_type: :supervisor,
      # HTTP/1.1 only: a client that asks to go over to HTTP/2 in the clear is answered
      # as if it had not (RFC 9110, 7.8). Before 2.13 Cowboy does not read this, and
      # bin/mend_cowboy.exs sees to it.
      protocols: [:http],
      stream_handlers: [StreamHandler],
      middlewares: [Pipelining, Host],
      env: %{
        settings: Handler.init(config, host, opts[:routes]),
        half_close_ms: config.half_close_ms,
        sizes_checked?: Framing.sizes_checked?(),
        in_flight: opts[:in_flight]
      },
      connections: counts,
      logger: HalfClose,
      active_n: @unasked,
      request_timeout: Limits.keep_alive_ms(),
      idle_timeout: patience,
      inactivity_timeout: max(300_000, patience),
      # Requests of one connection; Cowboy would end it after a thousand.
      max_keepalive: 1_000_000_000,
      max_request_line_length: Limits.request_line_bytes() + @line_end,
      # Of a host, where a request names it; from 2.17 on also in the field Host, which has no
      # limit of its own here.
      max_authority_length: Limits.header_value_bytes() + @line_end,
      max_headers: Limits.header_fields(),
      max_header_name_length: Limits.header_name_bytes(),
      max_header_value_length: Limits.header_value_bytes() + @line_end
    }
  end

  @doc "The TCP port it listens on: the actual one when port 0 was configured."
  @spec port(module()) :: :inet.port_number()
  def port(name), do: :ranch.get_port(name)

  @doc "The counts of its connections; `nil` where none listens."
  @spec connections(module()) :: Connections.t() | nil
  def connections(name) do
    %{connections: counts} = :ranch.get_protocol_options(name)
    if Process.whereis(counts.watcher), do: counts
  rescue
    # Ranch knows none of that name.
    ArgumentError -> nil
  end

  @doc "What counts its requests under way."
  @spec in_flight(module()) :: InFlight.t()
  def in_flight(name), do: :ranch.get_protocol_options(name).env.in_flight

  @doc "Whether it takes new connections: no longer when it stops."
  @spec accepting?(module()) :: boolean()
  def accepting?(name) do
    :ranch.get_status(name) == :running
  rescue
    ArgumentError -> false
  end
end
