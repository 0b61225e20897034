defmodule FormdbHttp.Serving do
  @moduledoc false
  # What the web layer asks of the database beyond the public API: what probes may know
  # without waiting for a file, and what the text of a request means.

  require FormdbHttp.Brief

  alias FormdbHttp.{
    Analytics,
    Brief,
    Catalog,
    Config,
    Databases,
    DataFolder,
    Disk,
    Engine,
    Error,
    Features,
    Input,
    Native,
    Passwords,
    ProcessFigures
  }

  alias FormdbHttp.{Scrubber, Types, Writing}

  @doc """
  As `FormdbHttp.databases/0` from memory, without reading the data folder. What was put
  there or taken away by others while the application runs is not known until
  `FormdbHttp.databases/0` is called.
  """
  @spec known_databases() :: [Types.listed()]
  defdelegate known_databases, to: Databases, as: :known

  @doc "Why the data folder is gone, or `nil`: as of a moment ago, from memory."
  @spec data_folder_lost() :: Error.t() | nil
  defdelegate data_folder_lost, to: DataFolder, as: :why_lost

  @doc "What is damaged in an open database whose figures count damage, as far as it is known; from memory."
  @spec damage(Types.database()) :: String.t() | nil
  defdelegate damage(name), to: Scrubber, as: :found

  @doc "Bytes that the indexes take, and that they may take in all."
  @spec index_memory() :: {non_neg_integer(), pos_integer()}
  def index_memory, do: Native.memory_indexes(Catalog.handle())

  @doc "Why writes are refused for want of space on the disk, in words, or `nil`."
  @spec disk_low() :: String.t() | nil
  def disk_low do
    space = Disk.space()
    if Disk.low?(space), do: Disk.refusal(space)
  end

  @doc "How much room the disk of the data folder has, from memory."
  @spec disk() :: Disk.t()
  defdelegate disk, to: Disk, as: :space

  @doc "What the operating system says of this process, as of some seconds ago."
  @spec process_figures() :: %{optional(atom()) => number() | nil}
  defdelegate process_figures, to: ProcessFigures, as: :known

  @doc "Bytes of events that may be under way to one subscriber."
  @spec subscription_bytes() :: pos_integer()
  def subscription_bytes, do: Catalog.config().subscription_bytes

  @doc "A term that stands for this start of the databases, and the configuration."
  @spec started() :: Types.result({reference(), Config.t()})
  def started do
    with nil <- Catalog.current(),
         do: {:error, not_started()},
         else: (started -> {:ok, started})
  end

  @doc "Why there is nothing to ask."
  @spec not_started() :: Error.t()
  def not_started do
    detail =
      "the databases are not started, or start again just now. In an application that FormDB is a part of " <>
        "{FormdbHttp, data_dir: path} stands in the supervision tree before the endpoint"

    %Error{code: :database_opening, detail: detail}
  end

  @doc """
  Has a process run beside the databases, which ends before them. Nothing is done where it runs. The
  reason is that of a supervisor; an `FormdbHttp.Error` where the databases end at that moment.
  """
  @spec start_beside({module(), term()}) :: :ok | {:error, term()}
  def start_beside({module, _arg} = spec) do
    case Supervisor.start_child(FormdbHttp.Supervisor, spec) do
      {:ok, _pid} -> :ok
      {:error, {:already_started, _pid}} -> :ok
      {:error, :already_present} -> restart_beside(module)
      {:error, reason} -> {:error, reason}
    end
  catch
    :exit, _gone -> {:error, not_started()}
  end

  defp restart_beside(module) do
    case Supervisor.restart_child(FormdbHttp.Supervisor, module) do
      {:error, reason} when reason not in [:running, :restarting] -> {:error, reason}
      _runs -> :ok
    end
  end

  @doc "The data folder's path."
  @spec data_dir() :: Path.t()
  def data_dir, do: Catalog.config().data_dir

  @doc "The path of the folder of backups, if there is one."
  @spec backup_dir() :: Path.t() | nil
  def backup_dir, do: Catalog.config().backup_dir

  @doc "Bytes of the longest password that is taken."
  @spec most_password_bytes() :: pos_integer()
  defdelegate most_password_bytes, to: Passwords, as: :most_bytes

  @doc "The hash of a password, as a PHC string with a salt of its own."
  @spec hash_password(String.t()) :: Types.result(String.t())
  defdelegate hash_password(password), to: Passwords, as: :hash

  @doc """
  Whether this is the password of the hash. Without a hash it is not, which takes as long. `busy`
  where too many are being checked.
  """
  @spec verify_password(String.t() | nil, String.t()) :: Types.result(boolean())
  defdelegate verify_password(hash, password), to: Passwords, as: :verify

  @doc """
  A lock that nobody else has, in no process, by the file at `path`; `nil` where somebody has it.
  The file is made if need be, and stays. The lock ends with the process of the system.
  """
  @spec lock_file(Path.t()) :: Types.result(reference() | nil)
  def lock_file(path), do: Engine.native(Native.file_lock(path))

  @doc "Lets go of it."
  @spec unlock_file(reference()) :: :ok
  def unlock_file(lock) do
    Native.file_unlock(lock)
    :ok
  end

  @doc """
  What `work` returns, if it is done at once; `:long` as soon as it would wait for a place, or go
  on for long: then it has changed nothing.
  """
  @spec briefly((... -> result)) :: {:ok, result} | :long when result: term()
  defdelegate briefly(work), to: Brief, as: :attempt

  @doc "What follows is not to be done within `briefly/1`."
  @spec at_length() :: :ok
  defdelegate at_length, to: Brief, as: :over

  @doc "Whether it is what `at_length/0` throws: to be thrown on by who catches what is thrown."
  defguard is_at_length(reason) when Brief.is_over(reason)

  @doc "Whether a name is that of a time zone."
  @spec check_time_zone(String.t()) :: :ok | {:error, Error.t()}
  def check_time_zone(name), do: Engine.native(Native.time_zone_check(name))

  @doc "The names of aggregations in a list with commas, as answers have them."
  @spec aggregation_names(String.t()) :: Types.result([String.t()])
  defdelegate aggregation_names(text), to: Analytics, as: :names

  @doc "The release of the IANA time zone database that local times follow, such as `2026f`."
  @spec time_zone_data() :: String.t()
  defdelegate time_zone_data, to: Native, as: :time_zone_release

  @doc """
  `:ok` when the database is open as far as one knows without asking the engine, or else the
  error that a call would have. For those who would rather know before they read a body.
  """
  @spec check_open(Types.database()) :: :ok | {:error, Error.t()}
  defdelegate check_open(name), to: Engine

  @doc "Whether there is a database of that name, open or not: from memory."
  @spec database?(String.t()) :: boolean()
  defdelegate database?(name), to: DataFolder, as: :member?

  @doc """
  Writes a Feature or a FeatureCollection, whichever it is: `{:ok, {:feature, ack}}`
  or `{:ok, {:collection, ack}}` with the maps of `FormdbHttp.put_feature/3` (without
  `:created`) and `FormdbHttp.put_features/3`, whose options it takes.
  """
  @spec write_features(Types.database(), Types.document(), keyword()) ::
          Types.result({:feature, Types.feature_ack()} | {:collection, Types.collection_ack()})
  defdelegate write_features(name, document, opts \\ []), to: Features

  @doc "The text of the only member that `{\"provenance\": {...}}` may have, `nil` without it."
  @spec provenance_member(binary()) :: Types.result(binary() | nil)
  def provenance_member(text), do: Engine.native(Native.provenance_member(text))

  @doc "Names and values of a JSON object, the values as text."
  @spec json_members(binary()) :: Types.result([{String.t(), binary()}])
  defdelegate json_members(text), to: Writing, as: :members

  @doc """
  A CBOR document as JSON text of at most so many bytes. `invalid_cbor` for what is none, or
  holds what JSON has not; `too_large`.
  """
  @spec cbor_to_json(binary(), pos_integer()) :: Types.result(binary())
  def cbor_to_json(cbor, limit) do
    Engine.native(
      if Writing.large?(cbor),
        do: Native.cbor_to_json_dirty(cbor, limit),
        else: Native.cbor_to_json(cbor, limit)
    )
  end

  @doc "JSON text as CBOR."
  @spec json_to_cbor(binary()) :: Types.result(binary())
  def json_to_cbor(json) do
    Engine.native(
      if Writing.large?(json),
        do: Native.json_to_cbor_dirty(json),
        else: Native.json_to_cbor(json)
    )
  end

  @doc "The elements of a JSON array that the database wrote, a line each or a text sequence."
  @spec json_lines(binary(), :lines | :sequence) :: binary()
  def json_lines(array, framing) do
    if Writing.large?(array),
      do: Native.json_lines_dirty(array, framing == :sequence),
      else: Native.json_lines(array, framing == :sequence)
  end

  @doc """
  Microseconds since the epoch from text as it stands in a URL: ISO 8601 with an offset, a
  date (its midnight, UTC) or an integer in digits. That counts the `:unit` (`:s`, `:ms`,
  `:us` or `:ns`), without one microseconds, of which up to eight digits are refused. With
  `:tz` text without an offset is local time there.
  """
  @spec parse_timestamp(String.t(), [{:unit, Types.unit()} | Types.tz_option()]) ::
          Types.result(integer())
  def parse_timestamp(text, opts \\ []) do
    times = opts |> Input.options!([:unit, :tz]) |> Input.times()

    with {:error, %{pointer: ""} = error} <-
           Engine.native(Native.timestamp_parameter(text, times)),
         do: {:error, %{error | pointer: "/timestamp"}}
  end
end
