defmodule FormdbHttp.Leases do
  @moduledoc false
  # Ends transactions that nobody will end: at once those whose owner has died, and
  # now and then those whose lease has ended, so that what they hold is given back
  # even when nobody calls. The engine refuses an ended lease without this process.
  #
  # It hears when a transaction begins and ends, and of nothing in between.

  use GenServer

  alias FormdbHttp.{Catalog, Database, Native, Types}

  @sweep_ms 5_000

  @spec start_link(term()) :: GenServer.on_start()
  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Aborts the transaction when `owner` dies."
  @spec watch(pid(), Types.database(), String.t()) :: :ok
  def watch(owner, name, id), do: GenServer.cast(__MODULE__, {:watch, owner, name, id})

  @doc "The transaction has ended."
  @spec forget(String.t()) :: :ok
  def forget(id), do: GenServer.cast(__MODULE__, {:forget, id})

  @impl true
  def init([]) do
    schedule()
    # Transactions by id: {monitor, database}; ids by monitor.
    {:ok, %{watched: %{}, monitors: %{}}}
  end

  @impl true
  def handle_cast({:watch, owner, name, id}, state) do
    monitor = Process.monitor(owner)

    {:noreply,
     %{
       watched: Map.put(state.watched, id, {monitor, name}),
       monitors: Map.put(state.monitors, monitor, id)
     }}
  end

  def handle_cast({:forget, id}, state), do: {:noreply, drop(state, id)}

  @impl true
  def handle_info({:DOWN, monitor, :process, _pid, _reason}, state) do
    case state.monitors do
      %{^monitor => id} ->
        {_monitor, name} = Map.fetch!(state.watched, id)
        # One that ended meanwhile, or whose database did, needs no abort.
        Native.transaction_abort(Catalog.handle(), name, id)
        {:noreply, drop(state, id)}

      _forgotten ->
        {:noreply, state}
    end
  end

  def handle_info(:sweep, state) do
    schedule()
    open = for {name, :open} <- Database.statuses(), id <- open(name), into: MapSet.new(), do: id
    ended = for {id, _watched} <- state.watched, id not in open, do: id
    {:noreply, Enum.reduce(ended, state, &drop(&2, &1))}
  end

  def handle_info(_other, state), do: {:noreply, state}

  # Ends those whose lease has ended on the way.
  defp open(name) do
    case Native.transactions_open(Catalog.handle(), name) do
      {:ok, ids} -> ids
      # It was closed meanwhile, and its transactions with it.
      {:error, _error} -> []
    end
  end

  defp drop(state, id) do
    case Map.pop(state.watched, id) do
      {nil, _watched} ->
        state

      {{monitor, _name}, watched} ->
        Process.demonitor(monitor, [:flush])
        %{watched: watched, monitors: Map.delete(state.monitors, monitor)}
    end
  end

  defp schedule, do: Process.send_after(self(), :sweep, @sweep_ms)
end
