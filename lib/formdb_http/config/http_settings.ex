defmodule FormdbHttp.Config.HttpSettings do
  @moduledoc false
  # The rows of the table of settings that are about HTTP: who may connect, bodies, the
  # stop. FormdbHttp.Config.Settings says what a row has.

  @loopback {127, 0, 0, 1}
  @kib 1024
  @mib 1024 * @kib
  @gib 1024 * @mib

  @doc "The rows, in the order of the reference."
  @spec all() :: [FormdbHttp.Config.Settings.row()]
  def all do
    [
      %{
        field: :host,
        type: :ip_address,
        default: @loopback,
        doc: "Address to listen on"
      },
      %{
        field: :port,
        type: :integer,
        default: 4000,
        range: 0..65_535,
        doc: "TCP port to listen on; 0 takes a free one"
      },
      %{
        field: :allow_unauthenticated,
        type: :boolean,
        default: false,
        doc: "Listen on a non-loopback address although anyone who reaches it can read and write"
      },
      %{
        field: :allowed_origins,
        type: :origins,
        default: [],
        doc:
          "Web sites whose pages may read and write, such as https://map.example; `*`: any. " <>
            "Pages that the server itself is asked for by its own name need not be listed"
      },
      %{
        field: :allowed_hosts,
        type: :hosts,
        default: [],
        doc:
          "Host names by which it may be called, in addition to localhost and addresses; `*`: any. " <>
            "Not set: any, unless FORMDB_HOST is a loopback address"
      },
      %{
        field: :base_path,
        type: :base_path,
        default: "",
        doc: "Path under which a proxy serves it, such as /formdb; links begin with it"
      },
      %{
        field: :trusted_proxies,
        type: :networks,
        default: [],
        doc:
          "Addresses of proxies, or networks such as 10.0.0.0/8, whose X-Forwarded-Prefix, " <>
            "-Host, -Proto and -For are believed"
      },
      %{
        field: :max_body_bytes,
        type: :bytes,
        default: 64 * @mib,
        range: @kib..@gib,
        doc: "Largest request body"
      },
      %{
        field: :body_timeout_ms,
        type: :milliseconds,
        default: 30_000,
        range: 1..3_600_000,
        doc: "How long a request body may be silent, and how long it may take to arrive"
      },
      %{
        field: :body_min_rate,
        type: :integer,
        default: 64 * @kib,
        range: 1..@gib,
        doc: "Bytes a second that a body has to bring to be given longer than that"
      },
      %{
        field: :compression,
        type: :boolean,
        default: true,
        doc: "Pack answers beyond 1 KiB with zstd or gzip for clients that take it"
      },
      %{
        field: :max_connections,
        type: :integer,
        default: 10_000,
        range: 1..1_000_000,
        doc: "Connections served at the same time"
      },
      %{
        field: :half_close_ms,
        type: :milliseconds,
        default: 5_000,
        range: 0..3_600_000,
        doc: "How long a request goes on whose client has closed its side of the connection"
      },
      %{
        field: :send_timeout_ms,
        type: :milliseconds,
        default: 30_000,
        range: 1..3_600_000,
        doc: "How long a client may leave up to 256 KiB of its answer unread before it is cut off"
      },
      %{
        field: :socket_channels,
        type: :integer,
        default: 100,
        range: 1..10_000,
        doc: "Channels that one WebSocket may have joined"
      },
      %{
        field: :socket_message_bytes,
        type: :bytes,
        default: 256 * @kib,
        range: @kib..(64 * @mib),
        doc: "Largest message of a client of a WebSocket"
      },
      %{
        field: :socket_joins_per_second,
        type: :integer,
        default: 10,
        range: 1..10_000,
        doc: "Joins a second of one WebSocket, after as many at once as it may have channels"
      },
      %{
        field: :socket_idle_ms,
        type: :milliseconds,
        default: 60_000,
        range: 100..3_600_000,
        doc:
          "How long a client of a WebSocket may send nothing; Phoenix's sends something every 30 s"
      },
      %{
        field: :heartbeat_ms,
        type: :milliseconds,
        default: 15_000,
        range: 10..3_600_000,
        doc: "How often a stream of server-sent events says that it is there when it has no news"
      },
      %{
        field: :longest_wait_ms,
        type: :milliseconds,
        default: 60_000,
        range: 1_000..3_600_000,
        doc: "How long `wait` of the journal may let a request wait for news"
      },
      %{
        field: :probe_host,
        type: :ip_address,
        default: @loopback,
        doc: "Address to listen on for probes and metrics alone"
      },
      %{
        field: :probe_port,
        type: :integer,
        default: nil,
        range: 0..65_535,
        doc: "TCP port for probes and metrics alone; not set: only with everything else"
      },
      %{
        field: :drain_timeout_ms,
        type: :milliseconds,
        default: 10_000,
        range: 0..3_600_000,
        doc: "How long a stopping server waits for requests under way"
      },
      %{
        field: :log_buffer_bytes,
        type: :bytes,
        default: @mib,
        range: @kib..@gib,
        doc: "Log that may wait to be read from standard output; lines beyond it are dropped"
      },
      %{
        field: :log_format,
        type: :choice,
        choices: [:auto, :text, :json],
        default: :auto,
        doc:
          "Lines of the log as text or as JSON; `auto`: text where standard output is a " <>
            "terminal, else JSON"
      },
      %{
        field: :log_level,
        type: :choice,
        choices: [:debug, :info, :warning, :error],
        default: :info,
        doc: "The least level of what is logged"
      },
      %{
        field: :access_log,
        type: :boolean,
        default: false,
        doc: "Log a line for each request"
      },
      %{
        field: :audit_log,
        type: :boolean,
        default: true,
        doc:
          "Log a line for each request that administers or is refused to who asks, and for files of credentials that are read again"
      },
      %{
        field: :audit_lines,
        type: :integer,
        default: 10,
        range: 0..1_000_000,
        doc:
          "Such lines a minute about the same refusal to the same actor at one address; further ones are summed up in one"
      }
    ]
  end
end
