defmodule FormdbHttp.Databases do
  @moduledoc false
  # Which databases have a process. Starting, stopping and purging go through
  # this process one at a time, so that nobody opens what somebody else is
  # removing; waiting for a journal to be read happens outside of it.

  use GenServer

  alias FormdbHttp.{Catalog, Database, Error, Native}

  @supervisor FormdbHttp.DatabaseSupervisor

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Starts the database's process unless it runs; says whether this call did."
  def start(name), do: GenServer.call(__MODULE__, {:start, name}, :infinity)

  @doc "Stops the database's process, which closes it."
  def stop(name), do: GenServer.call(__MODULE__, {:stop, name}, :infinity)

  @doc "Stops it and removes its files."
  def purge(name), do: GenServer.call(__MODULE__, {:purge, name}, :infinity)

  @impl true
  def init([]) do
    # Before anything that comes after this in the tree: "ready" must not be said
    # while a database has no process yet. The journals are read in parallel, by
    # threads of the engine.
    case Native.database_list(Catalog.handle()) do
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
        {^ref, {:ok, nil}} -> :ok
        {^ref, {:error, error}} -> {:error, Error.from_native(error)}
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
      {:ok, pid} -> {:started, pid}
      {:error, {:already_started, pid}} -> {:running, pid}
    end
  end

  defp stop_child(name) do
    case Registry.lookup(FormdbHttp.DatabaseRegistry, name) do
      [{pid, _status}] -> DynamicSupervisor.terminate_child(@supervisor, pid)
      [] -> {:error, :not_found}
    end
  end
end
