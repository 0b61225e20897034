defmodule FormdbHttp.Database do
  @moduledoc false
  # The lifecycle of one open database: opens it when it starts, closes it when
  # it stops. No read and no write passes through this process; they go straight
  # to the engine.
  #
  # Its status stands in the registry: :opening, :open or {:failed, error}. A
  # database that cannot be opened keeps its process, so that the reason can be
  # seen and one damaged journal does not take the others down.

  use GenServer, restart: :transient, shutdown: 60_000

  require Logger

  alias FormdbHttp.{Catalog, Error, Native}

  @registry FormdbHttp.DatabaseRegistry

  def start_link(name) do
    GenServer.start_link(__MODULE__, name, name: {:via, Registry, {@registry, name, :opening}})
  end

  @doc "Every database that has a process, with its status."
  def statuses do
    @registry
    |> Registry.select([{{:"$1", :_, :"$2"}, [], [{{:"$1", :"$2"}}]}])
    |> Map.new()
  end

  @doc "The status of one database: `nil` when it has no process."
  def status(name) do
    case Registry.lookup(@registry, name) do
      [{_pid, status}] -> status
      [] -> nil
    end
  end

  @doc """
  Waits until the database is open. `{:ok, report}` says what opening it found,
  `{:error, error}` why it failed.
  """
  def await_open(pid), do: GenServer.call(pid, :await_open, :infinity)

  @impl true
  def init(name) do
    Process.flag(:trap_exit, true)
    ref = make_ref()
    :ok = Native.database_open(Catalog.handle(), name, true, ref)
    {:ok, %{name: name, opening: ref, outcome: nil, waiting: []}}
  end

  @impl true
  def handle_call(:await_open, from, %{outcome: nil} = state) do
    {:noreply, %{state | waiting: [from | state.waiting]}}
  end

  def handle_call(:await_open, _from, state), do: {:reply, state.outcome, state}

  @impl true
  def handle_info({ref, result}, %{opening: ref} = state), do: {:noreply, opened(state, result)}
  def handle_info(_other, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state) do
    # A journal that is still being read cannot be closed yet.
    if state.outcome == nil do
      receive do
        {ref, _result} when ref == state.opening -> :ok
      end
    end

    ref = make_ref()

    with :ok <- Native.database_close(Catalog.handle(), state.name, ref) do
      receive do
        {^ref, _result} -> log_close(state)
      end
    end
  end

  defp opened(state, result) do
    {status, outcome} =
      case result do
        {:ok, report} ->
          log_report(state.name, report)
          {:open, {:ok, report}}

        {:error, error} ->
          error = Error.from_native(error)
          Logger.error("cannot open database #{state.name}: #{Exception.message(error)}")
          {{:failed, error}, {:error, error}}
      end

    Registry.update_value(@registry, state.name, fn _ -> status end)
    for from <- state.waiting, do: GenServer.reply(from, outcome)
    %{state | outcome: outcome, waiting: []}
  end

  defp log_close(%{outcome: {:error, _error}}), do: :ok
  defp log_close(%{name: name}), do: Logger.info("closed database #{name}")

  defp log_report(name, %{created: true}), do: Logger.info("created database #{name}")

  defp log_report(name, report) do
    Logger.info(
      "opened database #{name}: #{report.blocks} blocks, #{report.blocks_read} of them read " <>
        "in #{report.groups} groups, #{report.bytes} bytes, #{div(report.microseconds, 1000)} ms"
    )

    for reason <- report.snapshots_ignored,
        do: Logger.warning("database #{name}: index snapshot not used: #{reason}")

    if report.bytes_cut > 0 do
      Logger.warning(
        "database #{name}: cut a torn tail of #{report.bytes_cut} bytes, " <>
          "left by a write that was never acknowledged"
      )
    end
  end
end
