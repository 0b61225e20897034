defmodule FormdbHttp.Scrubber do
  @moduledoc false
  # Has everything that is stored read through now and then, so that damage is found
  # before somebody needs what is damaged: a stretch of one database at a time, with
  # pauses in between that keep to a number of bytes a second for all of them together.
  #
  # The engine reads and checks on a dirty I/O scheduler; what it finds goes to the log,
  # once a place, and into the figures of the database; the last of it is kept in a table, for
  # probes. Nothing else changes.

  use GenServer

  require Logger

  alias FormdbHttp.{Catalog, Config, Database, Native, Types}

  # Bytes of one stretch: a few milliseconds of work.
  @step 1_048_576
  # How soon a database that was opened is noticed.
  @idle_ms 5_000

  @spec start_link(Config.t()) :: GenServer.on_start()
  def start_link(config), do: GenServer.start_link(__MODULE__, config, name: __MODULE__)

  @doc """
  What was found last of a database in which the figures count damage, from memory: the file, the
  place and what does not hold there; `nil` where that is not known.
  """
  @spec found(Types.database()) :: String.t() | nil
  def found(name) do
    # There is no table where nothing is read through.
    with true <- :ets.whereis(__MODULE__) != :undefined,
         [{_name, damage}] <- :ets.lookup(__MODULE__, name),
         do: damage,
         else: (_none -> nil)
  end

  @impl true
  def init(%{scrub_bytes_per_second: 0}), do: :ignore

  def init(config) do
    Process.flag(:priority, :low)
    :ets.new(__MODULE__, [:named_table, read_concurrency: true])
    schedule(@idle_ms)

    {:ok,
     %{
       rate: config.scrub_bytes_per_second,
       interval_ms: config.scrub_interval_hours * 3_600_000,
       # When the next pass of a database is due; of one under way it is in the past.
       due: %{}
     }}
  end

  @impl true
  def handle_info(:step, state) do
    now = System.monotonic_time(:millisecond)
    open = for {name, :open} <- Database.statuses(), do: name
    due = Map.new(open, &{&1, Map.get(state.due, &1, now)})
    state = %{state | due: due}

    case Enum.min_by(due, fn {name, at} -> {at, name} end, fn -> nil end) do
      {name, at} when at <= now ->
        {bytes, state} = step(name, state)
        schedule(max(1, div(bytes * 1000, state.rate)))
        {:noreply, state}

      _nothing_due ->
        schedule(@idle_ms)
        {:noreply, state}
    end
  end

  def handle_info(_other, state), do: {:noreply, state}

  defp step(name, state) do
    case Native.database_scrub(Catalog.handle(), name, min(@step, state.rate)) do
      {:ok, {bytes, found, finished?}} ->
        for damage <- found do
          Logger.error("database #{name}: what is stored is damaged: #{damage}")
          :ets.insert(__MODULE__, {name, damage})
        end

        {bytes, if(finished?, do: put_in(state.due[name], next(state)), else: state)}

      # It was closed meanwhile.
      {:error, _error} ->
        {0, put_in(state.due[name], next(state))}
    end
  end

  defp next(state), do: System.monotonic_time(:millisecond) + state.interval_ms

  defp schedule(ms), do: Process.send_after(self(), :step, ms)
end
