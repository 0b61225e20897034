defmodule FormdbHttp.Config do
  # Every setting is one row of @settings: the struct, its type, the parser, the
  # range check and the reference table below all come from it.
  loopback = {127, 0, 0, 1}
  kib = 1024
  mib = 1024 * kib
  gib = 1024 * mib

  @settings [
    %{
      variable: "FORMDB_HOST",
      field: :host,
      type: :ip_address,
      default: loopback,
      doc: "Address to listen on"
    },
    %{
      variable: "FORMDB_PORT",
      field: :port,
      type: :integer,
      default: 4000,
      range: 0..65_535,
      doc: "TCP port to listen on; 0 takes a free one"
    },
    %{
      variable: "FORMDB_ALLOW_UNAUTHENTICATED",
      field: :allow_unauthenticated,
      type: :boolean,
      default: false,
      doc: "Listen on a non-loopback address although anyone who reaches it can read and write"
    },
    %{
      variable: "FORMDB_ALLOWED_ORIGINS",
      field: :allowed_origins,
      type: :origins,
      default: [],
      doc:
        "Web sites whose pages may read and write, such as https://map.example; `*`: any. " <>
          "Pages that the server itself is asked for by its own name need not be listed"
    },
    %{
      variable: "FORMDB_ALLOWED_HOSTS",
      field: :allowed_hosts,
      type: :hosts,
      default: [],
      doc:
        "Host names by which it may be called, besides localhost and addresses; `*`: any. " <>
          "Not set: any, unless FORMDB_HOST is a loopback address"
    },
    %{
      variable: "FORMDB_BASE_PATH",
      field: :base_path,
      type: :base_path,
      default: "",
      doc: "Path under which a proxy serves it, such as /formdb; links begin with it"
    },
    %{
      variable: "FORMDB_TRUSTED_PROXIES",
      field: :trusted_proxies,
      type: :networks,
      default: [],
      doc:
        "Addresses of proxies, or networks such as 10.0.0.0/8, whose X-Forwarded-Prefix, " <>
          "-Host, -Proto and -For are believed"
    },
    %{
      variable: "FORMDB_DATA_DIR",
      field: :data_dir,
      type: :path,
      default: "./data",
      doc: "Folder that holds one folder per database; relative to where the server starts"
    },
    %{
      variable: "FORMDB_MAX_BODY_BYTES",
      field: :max_body_bytes,
      type: :bytes,
      default: 64 * mib,
      range: kib..gib,
      doc: "Largest request body"
    },
    %{
      variable: "FORMDB_BODY_TIMEOUT_MS",
      field: :body_timeout_ms,
      type: :milliseconds,
      default: 30_000,
      range: 1..3_600_000,
      doc: "How long a request body may be silent, and how long it may take to arrive"
    },
    %{
      variable: "FORMDB_BODY_MIN_RATE",
      field: :body_min_rate,
      type: :integer,
      default: 64 * kib,
      range: 1..gib,
      doc: "Bytes a second that a body has to bring to be given longer than that"
    },
    %{
      variable: "FORMDB_MAX_CONNECTIONS",
      field: :max_connections,
      type: :integer,
      default: 10_000,
      range: 1..1_000_000,
      doc: "Connections served at the same time"
    },
    %{
      variable: "FORMDB_HALF_CLOSE_MS",
      field: :half_close_ms,
      type: :milliseconds,
      default: 5_000,
      range: 0..3_600_000,
      doc: "How long a request goes on whose client has closed its side of the connection"
    },
    %{
      variable: "FORMDB_PROBE_HOST",
      field: :probe_host,
      type: :ip_address,
      default: loopback,
      doc: "Address to listen on for probes and metrics alone"
    },
    %{
      variable: "FORMDB_PROBE_PORT",
      field: :probe_port,
      type: :integer,
      default: nil,
      range: 0..65_535,
      doc: "TCP port for probes and metrics alone; not set: only with everything else"
    },
    %{
      variable: "FORMDB_DRAIN_TIMEOUT_MS",
      field: :drain_timeout_ms,
      type: :milliseconds,
      default: 10_000,
      range: 0..3_600_000,
      doc: "How long a stopping server waits for requests under way"
    },
    %{
      variable: "FORMDB_LOG_BUFFER_BYTES",
      field: :log_buffer_bytes,
      type: :bytes,
      default: mib,
      range: kib..gib,
      doc: "Log that may wait to be read from standard output; lines beyond it are dropped"
    },
    %{
      variable: "FORMDB_WRITE_TIMEOUT_MS",
      field: :write_timeout_ms,
      type: :milliseconds,
      default: 30_000,
      range: 1..3_600_000,
      doc: "How long a writer waits for its commit before it is told that the outcome is unknown"
    },
    %{
      variable: "FORMDB_DEFAULT_PAGE_ITEMS",
      field: :default_page_items,
      type: :integer,
      default: 1_000,
      range: 1..268_435_456,
      doc: "Features or points in a page when the request names no limit"
    },
    %{
      variable: "FORMDB_PAGE_ITEMS",
      field: :page_items,
      type: :integer,
      default: 100_000,
      range: 1..268_435_456,
      engine: true,
      doc: "Most features or points in a page"
    },
    %{
      variable: "FORMDB_PAGE_BYTES",
      field: :page_bytes,
      type: :bytes,
      default: 16 * mib,
      range: kib..gib,
      engine: true,
      doc: "Bytes at which a page ends, too; a single item that is larger is given alone"
    },
    %{
      variable: "FORMDB_BUCKETS",
      field: :buckets,
      type: :integer,
      default: 100_000,
      range: 1..16_777_216,
      engine: true,
      doc: "Most buckets in the answer to one aggregate, each series counting as one more"
    },
    %{
      variable: "FORMDB_QUERY_TIMEOUT_MS",
      field: :query_timeout_ms,
      type: :milliseconds,
      default: 30_000,
      range: 1..86_400_000,
      engine: true,
      doc: "How long one question may take: a search, a count, an aggregate, a page of any list"
    },
    %{
      variable: "FORMDB_HEAVY_QUESTIONS",
      field: :heavy_questions,
      type: :integer,
      default: 0,
      range: 0..1_022,
      doc:
        "Questions that take long worked on at once; 0: one a core, from 4 up to two fewer " <>
          "than the VM has dirty I/O threads, which is the most that is taken"
    },
    %{
      variable: "FORMDB_LARGE_WRITES",
      field: :large_writes,
      type: :integer,
      default: 0,
      range: 0..1_024,
      doc:
        "Bodies above 1 MiB parsed at once; 0: one fewer than the VM has dirty CPU threads, " <>
          "at least 1"
    },
    %{
      variable: "FORMDB_HEAVY_WAITING",
      field: :heavy_waiting,
      type: :integer,
      default: 64,
      range: 0..100_000,
      doc: "Questions that may wait for one of these places, and as many writes"
    },
    %{
      variable: "FORMDB_HEAVY_WAIT_MS",
      field: :heavy_wait_ms,
      type: :milliseconds,
      default: 5_000,
      range: 1..3_600_000,
      doc: "How long they wait before they are refused as busy"
    },
    %{
      variable: "FORMDB_SCRUB_BYTES_PER_SECOND",
      field: :scrub_bytes_per_second,
      type: :bytes,
      default: 8 * mib,
      range: 0..gib,
      doc:
        "How much of what is stored is read through and checked in a second, of all databases together; 0: nothing"
    },
    %{
      variable: "FORMDB_SCRUB_INTERVAL_HOURS",
      field: :scrub_interval_hours,
      type: :integer,
      default: 24,
      range: 1..8_784,
      doc: "Hours from the end of one pass through a database to the beginning of the next"
    },
    %{
      variable: "FORMDB_QUEUE_TRANSACTIONS",
      field: :queue_transactions,
      type: :integer,
      default: 65_536,
      range: 1..16_777_216,
      engine: true,
      doc: "Transactions of one database that may wait to be committed"
    },
    %{
      variable: "FORMDB_QUEUE_BYTES",
      field: :queue_bytes,
      type: :bytes,
      default: 256 * mib,
      range: (64 * kib)..(64 * gib),
      engine: true,
      doc: "Encoded bytes of one database that may wait to be committed"
    },
    %{
      variable: "FORMDB_TRANSACTION_BYTES",
      field: :transaction_bytes,
      type: :bytes,
      default: 256 * mib,
      range: kib..gib,
      engine: true,
      doc: "Largest transaction, encoded"
    },
    %{
      variable: "FORMDB_GROUP_BYTES",
      field: :group_bytes,
      type: :bytes,
      default: 16 * mib,
      range: kib..gib,
      engine: true,
      doc: "Bytes gathered into one commit group before it is synced to disk"
    },
    %{
      variable: "FORMDB_GROUP_MS",
      field: :group_ms,
      type: :milliseconds,
      default: 10,
      range: 1..10_000,
      engine: true,
      doc: "Work, estimated, gathered into one commit group; what comes next waits for that"
    },
    %{
      variable: "FORMDB_SEGMENT_BYTES",
      field: :segment_bytes,
      type: :bytes,
      default: 256 * mib,
      range: (4 * kib)..gib,
      engine: true,
      doc: "Size at which a journal segment is closed and the next begun"
    },
    %{
      variable: "FORMDB_SNAPSHOT_BYTES",
      field: :snapshot_bytes,
      type: :bytes,
      default: 256 * mib,
      range: 0..(1024 * gib),
      engine: true,
      doc:
        "Journal written until the indexes are stored anew for a quick opening, " <>
          "or the size of the last snapshot, if larger; 0: only when the database is closed"
    },
    %{
      variable: "FORMDB_CLOSING_SNAPSHOT_MS",
      field: :closing_snapshot_ms,
      type: :milliseconds,
      default: 2_000,
      range: 0..3_600_000,
      engine: true,
      doc: "How long the snapshot on closing may take; a longer one is given up"
    },
    %{
      variable: "FORMDB_RECOVERY",
      field: :recovery,
      type: :choice,
      choices: [:cut_torn_tail, :refuse_torn_tail],
      default: :cut_torn_tail,
      engine: true,
      doc: "What opening does with a torn tail: cut it with a report, or refuse to open"
    },
    %{
      variable: "FORMDB_BODY_CACHE_BYTES",
      field: :body_cache_bytes,
      type: :bytes,
      default: 256 * mib,
      range: 0..(1024 * gib),
      engine: true,
      doc: "Memory of one database for finished feature documents"
    },
    %{
      variable: "FORMDB_QUERY_CACHE_ENTRIES",
      field: :query_cache_entries,
      type: :integer,
      default: 100_000,
      range: 0..268_435_456,
      engine: true,
      doc: "Answers to queries that one database keeps in memory; 0 keeps none"
    },
    %{
      variable: "FORMDB_QUERY_CACHE_BYTES",
      field: :query_cache_bytes,
      type: :bytes,
      default: 64 * mib,
      range: 0..(1024 * gib),
      engine: true,
      doc:
        "Memory of one database for answers to queries, each at most an eighth of it; " <>
          "0 keeps none"
    },
    %{
      variable: "FORMDB_QUERY_CACHE_TTL_MS",
      field: :query_cache_ttl_ms,
      type: :milliseconds,
      default: 0,
      range: 0..1_099_511_627_776,
      engine: true,
      doc: "Age at which a kept answer is worked out anew although nothing has changed; 0: never"
    },
    %{
      variable: "FORMDB_POSITIONS",
      field: :positions,
      type: :integer,
      default: 1_000_000,
      range: 1..268_435_456,
      engine: true,
      doc: "Most positions in one geometry"
    },
    %{
      variable: "FORMDB_FAULTS",
      field: :faults,
      type: :integer,
      default: 100,
      range: 1..100_000,
      engine: true,
      doc: "Faults of the features of one request that are told; all are counted"
    },
    %{
      variable: "FORMDB_ID_BYTES",
      field: :id_bytes,
      type: :integer,
      default: 256,
      range: 1..4096,
      engine: true,
      doc: "Longest feature or series id, in bytes"
    },
    %{
      variable: "FORMDB_DURABILITY",
      field: :durability,
      type: :choice,
      choices: [:sync, :interval, :none],
      default: :sync,
      doc: "What the answer to a write promises unless the write says so itself"
    },
    %{
      variable: "FORMDB_SYNC_INTERVAL_MS",
      field: :sync_interval_ms,
      type: :milliseconds,
      default: 200,
      range: 1..3_600_000,
      engine: true,
      doc: "How long a write with durability `interval` may wait to be synced to disk"
    },
    %{
      variable: "FORMDB_CLOCK_JUMP_SECONDS",
      field: :clock_jump_seconds,
      type: :seconds,
      default: 300,
      range: 0..86_400,
      engine: true,
      doc: "How far the system's clock may jump ahead and be believed at once; 0: any far"
    },
    %{
      variable: "FORMDB_CLOCK_SETTLE_SECONDS",
      field: :clock_settle_seconds,
      type: :seconds,
      default: 600,
      range: 0..86_400,
      engine: true,
      doc: "How long it has to stand by a greater jump until that is believed"
    },
    %{
      variable: "FORMDB_IDEMPOTENCY_SECONDS",
      field: :idempotency_seconds,
      type: :seconds,
      default: 86_400,
      range: 0..31_622_400,
      engine: true,
      doc: "How long an idempotency key is honoured"
    },
    %{
      variable: "FORMDB_IDEMPOTENCY_KEYS",
      field: :idempotency_keys,
      type: :integer,
      default: 100_000,
      range: 0..10_000_000,
      engine: true,
      doc: "Idempotency keys that one database remembers; the oldest are forgotten first"
    },
    %{
      variable: "FORMDB_WORK_BYTES",
      field: :work_bytes,
      type: :bytes,
      default: gib,
      range: mib..(1024 * gib),
      engine: true,
      doc: "Memory of the whole server for bodies, answers, queues and open transactions"
    },
    %{
      variable: "FORMDB_INDEX_BYTES",
      field: :index_bytes,
      type: :bytes,
      default: 0,
      range: 0..(16_384 * gib),
      engine: true,
      doc:
        "Memory of the whole server for the indexes of its databases; " <>
          "0: three quarters of what the process may use, control groups included"
    },
    %{
      variable: "FORMDB_DATABASES",
      field: :databases,
      type: :integer,
      default: 1_000,
      range: 1..1_048_576,
      engine: true,
      doc: "Most databases in the data folder, open or not"
    },
    %{
      variable: "FORMDB_OPEN_FILES",
      field: :open_files,
      type: :integer,
      default: 0,
      range: 0..1_048_576,
      engine: true,
      doc:
        "Sealed journal segments of all databases kept open; 0: a quarter of the files that " <>
          "the process may open (`ulimit -n`)"
    },
    %{
      variable: "FORMDB_OPEN_TRANSACTIONS",
      field: :open_transactions,
      type: :integer,
      default: 1_000,
      range: 0..1_048_576,
      engine: true,
      doc: "Transactions of one database that may be open at once"
    },
    %{
      variable: "FORMDB_TRANSACTION_LEASE_SECONDS",
      field: :transaction_lease_seconds,
      type: :seconds,
      default: 30,
      range: 1..86_400,
      engine: true,
      doc: "How long an open transaction may go without a call before it is aborted"
    }
  ]

  alias FormdbHttp.Admission
  alias FormdbHttp.Config.Web

  @by_variable Map.new(@settings, &{&1.variable, &1})
  @engine_fields for %{engine: true, field: field} <- @settings, do: field
  @prefix "FORMDB_"
  @byte_units [{"GiB", gib}, {"MiB", mib}, {"KiB", kib}]

  # Private functions do not exist yet where the documentation is written, so the
  # few that it needs are closures.
  show_bytes = fn bytes ->
    case Enum.find(@byte_units, fn {_, size} -> bytes >= size and rem(bytes, size) == 0 end) do
      {unit, size} -> "#{div(bytes, size)} #{unit}"
      nil -> "#{bytes}"
    end
  end

  show = fn
    %{type: :bytes}, value -> show_bytes.(value)
    %{type: :ip_address}, value -> value |> :inet.ntoa() |> to_string()
    _setting, value -> to_string(value)
  end

  describe_type = fn
    %{type: :ip_address} -> "IP address, or `localhost`"
    %{type: :boolean} -> "`true` or `false`"
    %{type: :origins} -> "origins, with commas between"
    %{type: :hosts} -> "host names, with commas between"
    %{type: :networks} -> "addresses and networks, with commas between"
    %{type: :base_path} -> "path of a URL"
    %{type: :path} -> "folder"
    %{type: :bytes} -> "bytes"
    %{type: :milliseconds} -> "milliseconds"
    %{type: :seconds} -> "seconds"
    %{type: :choice, choices: choices} -> Enum.map_join(choices, ", ", &"`#{&1}`")
    %{type: :integer} -> "whole number"
  end

  describe_range = fn
    %{range: range} = setting -> "#{show.(setting, range.first)} to #{show.(setting, range.last)}"
    _setting -> ""
  end

  rows =
    for setting <- @settings do
      "| `#{setting.variable}` | #{describe_type.(setting)} | " <>
        "#{show.(setting, setting.default)} | #{describe_range.(setting)} | #{setting.doc} |\n"
    end

  @reference """
  | variable | type | default | range | meaning |
  |---|---|---|---|---|
  #{rows}
  """

  @moduledoc """
  The server's settings, as one validated struct.

  They come from environment variables. A value that does not fit, or a
  `#{@prefix}` variable that does not exist, stops the start with its name.
  Sizes are whole numbers of bytes, or carry one of the units `KiB`, `MiB` and
  `GiB`: `67108864` and `64MiB` are the same.

  #{@reference}
  """

  defstruct Enum.map(@settings, &{&1.field, &1.default})

  @type t :: %__MODULE__{
          host: :inet.ip_address(),
          port: :inet.port_number(),
          allow_unauthenticated: boolean(),
          allowed_origins: :any | [String.t()],
          allowed_hosts: :any | [String.t()],
          base_path: String.t(),
          trusted_proxies: [FormdbHttp.Config.Web.network()],
          data_dir: Path.t(),
          max_body_bytes: pos_integer(),
          body_timeout_ms: pos_integer(),
          body_min_rate: pos_integer(),
          max_connections: pos_integer(),
          half_close_ms: non_neg_integer(),
          probe_host: :inet.ip_address(),
          probe_port: :inet.port_number() | nil,
          drain_timeout_ms: non_neg_integer(),
          log_buffer_bytes: pos_integer(),
          write_timeout_ms: pos_integer(),
          default_page_items: pos_integer(),
          page_items: pos_integer(),
          page_bytes: pos_integer(),
          buckets: pos_integer(),
          query_timeout_ms: pos_integer(),
          heavy_questions: non_neg_integer(),
          large_writes: non_neg_integer(),
          heavy_waiting: non_neg_integer(),
          heavy_wait_ms: pos_integer(),
          queue_transactions: pos_integer(),
          queue_bytes: pos_integer(),
          transaction_bytes: pos_integer(),
          group_bytes: pos_integer(),
          group_ms: pos_integer(),
          segment_bytes: pos_integer(),
          snapshot_bytes: non_neg_integer(),
          closing_snapshot_ms: non_neg_integer(),
          recovery: :cut_torn_tail | :refuse_torn_tail,
          body_cache_bytes: non_neg_integer(),
          query_cache_entries: non_neg_integer(),
          query_cache_bytes: non_neg_integer(),
          query_cache_ttl_ms: non_neg_integer(),
          positions: pos_integer(),
          faults: pos_integer(),
          id_bytes: pos_integer(),
          durability: :sync | :interval | :none,
          sync_interval_ms: pos_integer(),
          clock_jump_seconds: non_neg_integer(),
          clock_settle_seconds: non_neg_integer(),
          idempotency_seconds: non_neg_integer(),
          idempotency_keys: non_neg_integer(),
          databases: pos_integer(),
          open_files: non_neg_integer(),
          open_transactions: non_neg_integer(),
          transaction_lease_seconds: pos_integer()
        }

  @doc """
  The settings as a Markdown table: variable, type, default, range, meaning.
  """
  @spec reference() :: String.t()
  def reference, do: @reference

  @doc """
  Parses and checks a map of environment variables.

  Names that do not begin with `#{@prefix}` are ignored. The error has one line
  for each thing that is wrong, and every line begins with a variable's name.
  """
  @spec load(%{optional(String.t()) => String.t()}) :: {:ok, t()} | {:error, String.t()}
  def load(environment \\ System.get_env()) do
    {fields, problems} =
      environment
      |> Enum.filter(fn {name, _text} -> String.starts_with?(name, @prefix) end)
      |> Enum.sort()
      |> Enum.reduce({[], []}, fn {name, text}, {fields, problems} ->
        case parse_variable(name, text) do
          {:ok, field} -> {[field | fields], problems}
          {:error, problem} -> {fields, [problem | problems]}
        end
      end)

    config = __MODULE__ |> struct!(fields) |> Map.update!(:data_dir, &Path.expand/1)

    # The settings are compared with each other only once each is right in itself.
    case if(problems == [], do: conflicts(config), else: Enum.reverse(problems)) do
      [] -> {:ok, config}
      problems -> {:error, Enum.join(problems, "\n")}
    end
  end

  @doc """
  The configuration of this application, from its `:config` key, where
  `config/runtime.exs` puts the environment. Raises `ArgumentError` when it is wrong.
  """
  @spec load!() :: t()
  def load! do
    case load(Application.get_env(:formdb_http, :config, %{})) do
      {:ok, config} -> config
      {:error, message} -> raise ArgumentError, "the configuration is wrong:\n" <> message
    end
  end

  @doc """
  The bounds that the engine enforces, by its own names for them.
  """
  @spec engine_limits(t()) :: %{atom() => non_neg_integer() | atom()}
  def engine_limits(%__MODULE__{} = config), do: Map.take(config, @engine_fields)

  defp parse_variable(name, text) do
    case Map.fetch(@by_variable, name) do
      {:ok, setting} ->
        case parse(setting, text) do
          {:ok, value} -> check_range(setting, value, text)
          :error -> {:error, refusal(setting, text)}
        end

      :error ->
        nearest = @by_variable |> Map.keys() |> Enum.max_by(&String.jaro_distance(&1, name))
        {:error, "#{name} is not a setting; the nearest one is #{nearest}. Rename or unset it"}
    end
  end

  defp check_range(%{range: first..last//1} = setting, value, text)
       when value < first or value > last,
       do: {:error, refusal(setting, text)}

  defp check_range(setting, value, _text), do: {:ok, {setting.field, value}}

  defp refusal(setting, text) do
    "#{setting.variable} is #{inspect(text)}; expected #{expectation(setting)}. " <>
      "Change or unset it"
  end

  defp expectation(%{type: :ip_address}), do: "an IP address such as 127.0.0.1 or ::1"
  defp expectation(%{type: :boolean}), do: "true or false"
  defp expectation(%{type: :path}), do: "the path of a folder"

  defp expectation(%{type: :origins}),
    do: "origins such as https://map.example with commas between, or *"

  defp expectation(%{type: :hosts}),
    do: "names of hosts, without ports, with commas between, or *"

  defp expectation(%{type: :networks}),
    do: "IP addresses, or networks such as 10.0.0.0/8, with commas between"

  defp expectation(%{type: :base_path}),
    do: "a path such as /formdb, percent-encoded as in a URL"

  defp expectation(%{type: :integer, range: first..last//1}),
    do: "a whole number from #{first} to #{last}"

  defp expectation(%{type: :milliseconds, range: first..last//1}),
    do: "a whole number of milliseconds from #{first} to #{last}"

  defp expectation(%{type: :seconds, range: first..last//1}),
    do: "a whole number of seconds from #{first} to #{last}"

  defp expectation(%{type: :choice, choices: choices}),
    do: "one of #{Enum.join(choices, ", ")}"

  defp expectation(%{type: :bytes, range: first..last//1}),
    do: "a number of bytes from #{first} to #{last}, such as 1048576, 1024KiB or 1MiB"

  defp parse(%{type: :ip_address}, "localhost"), do: {:ok, {127, 0, 0, 1}}

  defp parse(%{type: :ip_address}, text) do
    case text |> String.to_charlist() |> :inet.parse_strict_address() do
      {:ok, address} -> {:ok, address}
      {:error, :einval} -> :error
    end
  end

  defp parse(%{type: :origins}, text), do: Web.origins(text)
  defp parse(%{type: :hosts}, text), do: Web.hosts(text)
  defp parse(%{type: :networks}, text), do: Web.networks(text)
  defp parse(%{type: :base_path}, text), do: Web.base_path(text)

  defp parse(%{type: :boolean}, "true"), do: {:ok, true}
  defp parse(%{type: :boolean}, "false"), do: {:ok, false}
  defp parse(%{type: :boolean}, _text), do: :error

  # A file system takes neither an empty path nor one with a zero byte.
  defp parse(%{type: :path}, text) do
    if text == "" or String.contains?(text, <<0>>), do: :error, else: {:ok, text}
  end

  defp parse(%{type: :bytes}, text) do
    Enum.find_value(@byte_units, fn {unit, size} ->
      if String.ends_with?(text, unit), do: {String.replace_suffix(text, unit, ""), size}
    end)
    |> case do
      {number, size} ->
        with {:ok, count} <- number |> String.trim_trailing(" ") |> parse_digits(),
             do: {:ok, count * size}

      nil ->
        parse_digits(text)
    end
  end

  defp parse(%{type: :choice, choices: choices}, text) do
    with nil <- Enum.find_value(choices, &if(to_string(&1) == text, do: {:ok, &1})), do: :error
  end

  defp parse(%{type: type}, text) when type in [:integer, :milliseconds, :seconds],
    do: parse_digits(text)

  # Digits only: no sign, no underscore, and few enough that no input is costly.
  defp parse_digits(text) do
    if text =~ ~r/\A[0-9]{1,20}\z/, do: {:ok, String.to_integer(text)}, else: :error
  end

  defp conflicts(config) do
    Enum.reject(
      [
        exposed(config),
        default_page_too_large(config),
        transaction_too_large(config),
        no_thread_left(config),
        body_too_large(config)
      ],
      &is_nil/1
    )
  end

  defp exposed(%{allow_unauthenticated: false, host: host}) do
    unless Web.loopback?(host) do
      "FORMDB_HOST is #{:inet.ntoa(host)}, which other machines can reach, and anyone who " <>
        "reaches this server can read and write. Listen on 127.0.0.1 behind a proxy that " <>
        "authenticates, or set FORMDB_ALLOW_UNAUTHENTICATED=true if the network is trusted"
    end
  end

  defp exposed(_config), do: nil

  defp default_page_too_large(%{default_page_items: default, page_items: most}) do
    if default > most do
      "FORMDB_DEFAULT_PAGE_ITEMS is #{default}, more than FORMDB_PAGE_ITEMS, which is #{most}. " <>
        "Lower the first or raise the second"
    end
  end

  defp transaction_too_large(%{transaction_bytes: transaction, queue_bytes: queue}) do
    if transaction > queue do
      "FORMDB_TRANSACTION_BYTES is #{transaction}, more than FORMDB_QUEUE_BYTES, which is " <>
        "#{queue}: the largest transactions could never be queued. Lower the first or raise " <>
        "the second"
    end
  end

  defp no_thread_left(%{heavy_questions: questions}) do
    most = Admission.most_questions()

    if questions > most do
      "FORMDB_HEAVY_QUESTIONS is #{questions}, more than the #{most} that leave threads for " <>
        "small reads: the VM has #{:erlang.system_info(:dirty_io_schedulers)} dirty I/O " <>
        "threads. Lower it, or start the VM with more of them (ERL_FLAGS=\"+SDio 64\")"
    end
  end

  defp body_too_large(%{max_body_bytes: body, work_bytes: work}) do
    if body > work do
      "FORMDB_MAX_BODY_BYTES is #{body}, more than FORMDB_WORK_BYTES, which is #{work}: the " <>
        "largest bodies could never be taken. Lower the first or raise the second"
    end
  end
end
