defmodule FormdbHttp.Databases do
  @moduledoc false
  # Opening, closing and purging databases. The engine lets those who do that to one
  # name take turns, and each open database has a process that does it for its name:
  # nobody waits for what happens to another. FormdbHttp documents the functions that
  # it delegates to.

  alias FormdbHttp.{Catalog, Database, DataFolder, Engine, Error, Input, Native, Types, Writing}

  @supervisor FormdbHttp.DatabaseSupervisor
  @registry FormdbHttp.DatabaseRegistry

  def child_spec(_opts), do: %{id: __MODULE__, start: {__MODULE__, :start_all, []}}

  @doc """
  Starts a process for every database on disk. A step of starting the application, and
  no process: "ready" must not be said while a database has none yet. The journals are
  read in parallel, by threads of the engine.
  """
  @spec start_all() :: :ignore | {:error, Error.t()}
  def start_all do
    case DataFolder.list() do
      {:ok, names} ->
        Enum.each(names, &start(&1, :open))
        :ignore

      {:error, error} ->
        {:error, Error.from_native(error)}
    end
  end

  # Whatever is done to a name goes through the one process that the registry has for it.
  # The catalog is asked for first, since it says so where nothing is started.
  defp start(name, how) do
    Catalog.check_started!()

    case DynamicSupervisor.start_child(@supervisor, {Database, {name, how}}) do
      {:ok, pid} -> {:started, pid}
      :ignore -> running(name) || start(name, how)
      # It was killed before it had begun.
      {:error, :killed} -> start(name, how)
    end
  end

  defp running(name) do
    with [{pid, _status}] <- Registry.lookup(@registry, name),
         do: {:running, pid},
         else: ([] -> nil)
  end

  def open(nil, opts), do: open(Native.database_generate_name(), opts)

  def open(name, opts) do
    opts = Input.options!(opts, [:create])

    with {:ok, _} <- Engine.native(Native.database_check_name(name)),
         :ok <- check_known(name, Keyword.get(opts, :create, true)),
         {:ok, created, info} <- open_process(name),
         do: {:ok, name |> described(info) |> Map.put(:created, created)}
  end

  defp check_known(_name, true), do: :ok

  defp check_known(name, false) do
    if Native.database_exists(Catalog.handle(), name),
      do: :ok,
      else: {:error, not_found(name, "")}
  end

  defp open_process(name) do
    {started, pid} = start(name, :open)

    case Database.open(pid) do
      {:ok, report, info} -> {:ok, report.created and started == :started, info}
      {:error, error} -> {:error, error}
      # It was being closed: once that is done, it is opened again.
      :gone -> open_process(name)
    end
  end

  defp not_found(name, open) do
    %Error{code: :database_not_found, detail: "there is no #{open}database #{inspect(name)}"}
  end

  def list do
    with {:ok, names} <- Engine.native(DataFolder.list()) do
      # An open one whose folder was taken away is not to be overlooked.
      open = for {name, :open} <- Database.statuses(), do: name
      {:ok, describe(Enum.sort(Enum.uniq(open ++ names)))}
    end
  end

  @spec known() :: [Types.listed()]
  def known, do: describe(DataFolder.names())

  defp describe(names) do
    statuses = Database.statuses()
    Enum.map(names, &describe(&1, Map.get(statuses, &1, :closed)))
  end

  defp describe(name, {:failed, error}), do: %{id: name, status: :failed, error: error}
  defp describe(name, status), do: %{id: name, status: status}

  def info(name) do
    with {:ok, info} <- Engine.call(name, &Native.database_info(&1, name)),
         do: {:ok, described(name, info)}
  end

  defp described(name, info), do: Map.merge(info, %{id: name, status: :open})

  def set_defaults(name, document, opts) do
    request = {:defaults, Input.json(document)}

    with {:ok, defaults, ack} <- Writing.write(name, request, :normal, Writing.options!(opts)) do
      written = %{seq: ack.first_seq, hash: ack.hash, time: ack.time, replayed: ack.replayed}
      {:ok, Map.put(written, :defaults, defaults)}
    end
  end

  def schema(name, opts) do
    with {:ok, as_of} <- Input.as_of(name, Input.options!(opts, [:as_of])),
         {:ok, json} <- Engine.call_heavy(name, &Native.schema(&1, name, as_of)),
         do: {:ok, %{json: json}}
  end

  def close(name) do
    Catalog.check_started!()
    answer = with {:running, pid} <- running(name), do: Database.stop(pid, :close)
    if answer in [nil, :gone], do: {:error, not_found(name, "open ")}, else: answer
  end

  def purge(name) do
    with {:ok, _} <- Engine.native(Native.database_check_name(name)) do
      {_started, pid} = start(name, :idle)
      with :gone <- Database.stop(pid, :purge), do: purge(name)
    end
  end
end
