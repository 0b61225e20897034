defmodule FormdbHttp.Databases do
  @moduledoc false
  # Which databases have a process. Starting, stopping and purging go through
  # this process one at a time, so that nobody opens what somebody else is
  # removing; waiting for a journal to be read happens outside of it. FormdbHttp
  # documents the functions that it delegates to.

  use GenServer

  alias FormdbHttp.{Catalog, Database, DataFolder, Engine, Error, Native}

  @supervisor FormdbHttp.DatabaseSupervisor

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  def open(name, opts) do
    opts = Engine.options!(opts, [:create])

    with {:ok, _} <- Engine.native(Native.database_check_name(name)),
         :ok <- check_known(name, Keyword.get(opts, :create, true)),
         {started, pid} = GenServer.call(__MODULE__, {:start, name}, :infinity),
         {:ok, report} <- await_open(name, pid),
         {:ok, info} <- info(name) do
      {:ok, Map.put(info, :created, report.created and started == :started)}
    end
  end

  defp check_known(_name, true), do: :ok

  defp check_known(name, false) do
    with {:ok, names} <- Engine.native(DataFolder.list()) do
      if name in names, do: :ok, else: {:error, not_found(name, "")}
    end
  end

  defp await_open(name, pid) do
    Database.await_open(pid)
  catch
    # Somebody closed it meanwhile.
    :exit, _reason -> {:error, not_found(name, "open ")}
  end

  defp not_found(name, open) do
    %Error{code: :database_not_found, detail: "there is no #{open}database #{inspect(name)}"}
  end

  def list do
    with {:ok, names} <- Engine.native(DataFolder.list()), do: {:ok, describe(names)}
  end

  def known, do: describe(DataFolder.names())

  defp describe(names) do
    statuses = Database.statuses()
    Enum.map(names, &describe(&1, Map.get(statuses, &1, :closed)))
  end

  defp describe(name, {:failed, error}), do: %{id: name, status: :failed, error: error}
  defp describe(name, status), do: %{id: name, status: status}

  def info(name) do
    with {:ok, info} <- Engine.call(name, &Native.database_info(&1, name)) do
      {:ok, info |> Map.put(:id, name) |> Map.put(:status, :open)}
    end
  end

  def close(name) do
    with {:error, :not_found} <- GenServer.call(__MODULE__, {:stop, name}, :infinity),
         do: {:error, not_found(name, "open ")}
  end

  def purge(name) do
    with {:ok, _} <- Engine.native(Native.database_check_name(name)),
         do: GenServer.call(__MODULE__, {:purge, name}, :infinity)
  end

  @impl true
  def init([]) do
    # Before anything that comes after this in the tree: "ready" must not be said
    # while a database has no process yet. The journals are read in parallel, by
    # threads of the engine.
    case DataFolder.list() do
      {:ok, names} ->
        for name <- names, do: start_child(name)
        {:ok, nil}

      {:error, error} ->
        {:stop, Error.from_native(error)}
    end
  end

  @impl true
  def handle_call({:start, name}, _from, state), do: {:reply, start_child(name), state}
  def handle_call({:stop, name}, _from, state), do: {:reply, stop_child(name), state}

  def handle_call({:purge, name}, _from, state) do
    stop_child(name)
    ref = make_ref()
    :ok = Native.database_purge(Catalog.handle(), name, ref)

    result =
      receive do
        {^ref, {:ok, nil}} ->
          DataFolder.forget(name)
          :ok

        {^ref, {:error, error}} ->
          {:error, Error.from_native(error)}
      end

    {:reply, result, state}
  end

  defp start_child(name) do
    # One that failed to open is started afresh: its files may have been mended.
    case Database.status(name) do
      {:failed, _error} -> stop_child(name)
      _other -> :ok
    end

    case DynamicSupervisor.start_child(@supervisor, {Database, name}) do
      {:ok, pid} ->
        DataFolder.add(name)
        {:started, pid}

      {:error, {:already_started, pid}} ->
        {:running, pid}
    end
  end

  defp stop_child(name) do
    case Registry.lookup(FormdbHttp.DatabaseRegistry, name) do
      [{pid, _status}] -> DynamicSupervisor.terminate_child(@supervisor, pid)
      [] -> {:error, :not_found}
    end
  end
end
