defmodule FormdbHttp.Database do
  @moduledoc false
  # The lifecycle of one open database: opens it when it starts, closes it when
  # it stops. No read and no write passes through this process; they go straight
  # to the engine.
  #
  # Its status stands in the registry: :opening, :open or {:failed, error}. There the id of
  # its log stands as well, so that a copy of it that is opened beside it is noticed. A
  # database that cannot be opened keeps its process, so that the reason can be
  # seen and one damaged journal does not take the others down; one that could not be
  # made is not there, and neither is its process.
  #
  # Should this process be killed, the engine goes on with what it was doing. The next
  # process for the name waits there for its turn, and finds the database open.

  use GenServer, restart: :transient, shutdown: 60_000

  require Logger

  alias FormdbHttp.{Catalog, DataFolder, Engine, Error, Native, Place, Telemetry, Types, Webhooks}

  @type status :: :opening | :open | :closed | {:failed, Error.t()}

  @registry FormdbHttp.DatabaseRegistry

  # How often the clock is looked at, and how far behind it may fall unmentioned.
  @watch_ms 2_000
  @behind_ms 1_000

  @doc "Begins to open the database, or, with `:idle`, waits for what it is told."
  @spec start_link({Types.database(), :open | :idle}) :: GenServer.on_start()
  def start_link({name, how}) when how in [:open, :idle] do
    status = if how == :open, do: :opening, else: :closed
    via = {:via, Registry, {@registry, name, status}}

    # Where there is one it is left to it: the supervisor, whose turn it may be to start
    # one that was killed, would take an error for a reason to try again and again.
    with {:error, {:already_started, _pid}} <-
           GenServer.start_link(__MODULE__, {name, how}, name: via),
         do: :ignore
  end

  @doc "Every database that has a process, with its status."
  @spec statuses() :: %{Types.database() => status()}
  def statuses do
    @registry
    |> Registry.select([{{:"$1", :_, :"$2"}, [{:is_binary, :"$1"}], [{{:"$1", :"$2"}}]}])
    |> Map.new()
  end

  @doc "The status of one database: `nil` when it has no process."
  @spec status(Types.database()) :: status() | nil
  def status(name) do
    case Registry.lookup(@registry, name) do
      [{_pid, status}] -> status
      [] -> nil
    end
  end

  @doc """
  Waits until the database is open; one that failed to open is tried again, for its
  files may have been mended. `{:ok, report, info}` says what opening it found and what is in
  it, as of when it was open for sure: whoever closes it goes through the same process. `{:error, error}` why it failed, `:gone` that the process has ended meanwhile. An open one whose
  folder was moved or replaced is an error: what lies there now is not what is open.
  """
  @spec open(pid()) :: {:ok, map(), map()} | {:error, Error.t()} | :gone
  def open(pid), do: call(pid, :open)

  @doc """
  Closes the database, with `:purge` removes its files too, and ends the process.
  `:gone` when it has ended already.
  """
  @spec stop(pid(), :close | :purge) :: :ok | {:error, Error.t()} | :gone
  def stop(pid, how) when how in [:close, :purge], do: call(pid, {:stop, how})

  defp call(pid, request) do
    answer = GenServer.call(pid, request, :infinity)
    if match?({:stop, _how}, request), do: await_unregistered(pid)
    answer
  catch
    :exit, _reason ->
      await_unregistered(pid)
      :gone
  end

  # A process that ends is in the registry for a moment more; its name is free then.
  defp await_unregistered(pid) do
    if Registry.keys(@registry, pid) != [] do
      Process.sleep(1)
      await_unregistered(pid)
    end
  end

  @impl true
  def init({name, how}) do
    Process.flag(:trap_exit, true)

    state = %{
      name: name,
      opening: nil,
      outcome: :idle,
      place: nil,
      waiting: [],
      closed: false,
      clock: :follows,
      refused: nil
    }

    Process.send_after(self(), :watch, @watch_ms)
    {:ok, if(how == :open, do: begin(state), else: state)}
  end

  defp begin(state) do
    ref = make_ref()

    case Native.database_open(Catalog.handle(), state.name, true, ref) do
      :ok -> :ok
      # There is no thread to be had. It is said like all else that can go wrong.
      {:error, error} -> send(self(), {ref, {:error, error}})
    end

    Registry.update_value(@registry, state.name, fn _ -> :opening end)
    %{state | opening: ref, outcome: nil}
  end

  @impl true
  def handle_call(:open, _from, %{outcome: {:ok, _report}, name: name} = state) do
    case Place.lost(state.place, dir(name)) do
      nil -> {:reply, with_info(state.outcome, name), state}
      lost -> {:reply, {:error, not_there(name, lost)}, state}
    end
  end

  def handle_call(:open, from, state) do
    state = if state.outcome == nil, do: state, else: begin(state)
    {:noreply, %{state | waiting: [from | state.waiting]}}
  end

  # Also while it is being opened: the engine gives that up. One that could not be
  # removed is closed all the same.
  def handle_call({:stop, how}, _from, state) do
    answer = finish(state.name, how)
    log_close(state)
    {:stop, :normal, answer, %{state | closed: true}}
  end

  # It is not opened again here: whoever only wants it open would have another database, or a new
  # empty one, in place of what others still read.
  defp not_there(name, lost) do
    %Error{
      code: :journal_lost,
      detail:
        "database #{name} is open, and #{lost}: close it, put there what is to be opened, and " <>
          "open it again. Until then reads are answered from the files that were moved"
    }
  end

  defp with_info({:ok, report}, name) do
    with {:ok, info} <- Engine.native(Native.database_info(Catalog.handle(), name)),
         do: {:ok, report, info}
  end

  defp with_info(error, _name), do: error

  defp dir(name), do: Path.join(Catalog.config().data_dir, name)

  @impl true
  def handle_info({ref, {:ok, report}}, %{opening: ref} = state) do
    log_report(state.name, report)
    warn_of_copy(state.name)
    tell_opened(state.name, report)
    DataFolder.add(state.name)
    Webhooks.Supervisor.opened(state.name)
    {:noreply, opened(%{state | place: Place.of(dir(state.name))}, :open, {:ok, report})}
  end

  def handle_info({ref, {:error, error}}, %{opening: ref} = state) do
    error = Error.from_native(error)
    metadata = %{database: state.name, code: error.code}
    Telemetry.execute([:formdb, :database, :open_failed], %{}, metadata)

    # What could not be made was undone.
    if Native.database_exists(Catalog.handle(), state.name) do
      Logger.error("cannot open database #{state.name}: #{Exception.message(error)}")
      DataFolder.add(state.name)
      {:noreply, opened(state, {:failed, error}, {:error, error})}
    else
      Logger.error("cannot create database #{state.name}: #{Exception.message(error)}")
      DataFolder.forget(state.name)
      {:stop, :normal, opened(%{state | closed: true}, {:failed, error}, {:error, error})}
    end
  end

  def handle_info(:watch, state) do
    Process.send_after(self(), :watch, @watch_ms)

    case Native.database_info(Catalog.handle(), state.name) do
      {:ok, info} -> {:noreply, state |> watch_clock(info.clock_offset_ms) |> watch_writes(info)}
      {:error, _closed} -> {:noreply, state}
    end
  end

  def handle_info(_other, state), do: {:noreply, state}

  defp tell_opened(name, report) do
    duration = System.convert_time_unit(report.microseconds, :microsecond, :native)
    counts = Map.take(report, [:blocks, :blocks_read, :bytes_cut])
    metadata = %{database: name, created: report.created}
    Telemetry.execute([:formdb, :database, :open], Map.put(counts, :duration, duration), metadata)
  end

  defp warn_of_copy(name) do
    with {:ok, %{log: log}} <- Native.database_info(Catalog.handle(), name),
         {:error, {:already_registered, pid}} when pid != self() <-
           Registry.register(@registry, {:log, log}, nil) do
      others = for other when is_binary(other) <- Registry.keys(@registry, pid), do: other

      Logger.warning(
        "database #{name} has the log id of #{others}, which is open too: one is a copy of the " <>
          "other, and once both are written that log has forked. mix formdb.doctor --salvage " <>
          "makes a copy that has a log of its own"
      )
    end
  end

  defp opened(state, status, outcome) do
    Registry.update_value(@registry, state.name, fn _ -> status end)
    answer = with_info(outcome, state.name)
    for from <- state.waiting, do: GenServer.reply(from, answer)
    %{state | opening: nil, outcome: outcome, waiting: []}
  end

  # Says once when commit times leave the system's clock, and once when they follow it
  # again.
  defp watch_clock(state, offset) do
    clock =
      cond do
        offset > 0 -> :jumped
        offset < -@behind_ms -> :behind
        true -> :follows
      end

    if clock != state.clock, do: log_clock(clock, state.name, abs(offset))
    %{state | clock: clock}
  end

  # Says once why writes are refused: clients are told without the folders of the files.
  defp watch_writes(%{refused: nil} = state, %{poisoned: cause}) when is_binary(cause) do
    Logger.error("database #{state.name} takes no writes until it is opened again: #{cause}")
    Telemetry.execute([:formdb, :database, :read_only], %{}, %{database: state.name})
    %{state | refused: cause}
  end

  defp watch_writes(state, _info), do: state

  defp log_clock(:jumped, name, offset) do
    Logger.error(
      "database #{name}: the system's clock has jumped ahead by #{offset} ms; commit times do " <>
        "not follow it until it has stood for FORMDB_CLOCK_SETTLE_SECONDS or the database is " <>
        "opened again"
    )
  end

  defp log_clock(:behind, name, offset) do
    Logger.error(
      "database #{name}: the system's clock is #{offset} ms behind the last commit; commit " <>
        "times stand still until it has caught up"
    )
  end

  defp log_clock(:follows, name, _offset),
    do: Logger.info("database #{name}: commit times follow the system's clock again")

  @impl true
  def terminate(_reason, %{closed: true}), do: :ok

  def terminate(_reason, state) do
    finish(state.name, :close)
    log_close(state)
  end

  defp finish(name, how) do
    Webhooks.Supervisor.closing(name)
    ref = make_ref()
    handle = Catalog.handle()

    started =
      case how do
        :close -> Native.database_close(handle, name, ref)
        :purge -> Native.database_purge(handle, name, ref)
      end

    with :ok <- Engine.native(started) do
      receive do
        {^ref, {:ok, left}} ->
          if how == :purge, do: DataFolder.forget(name)
          if left, do: warn_left(name, left), else: :ok

        {^ref, {:error, error}} ->
          {:error, Error.from_native(error)}
      end
    end
  end

  # The name is free; the next start tries to remove the rest.
  defp warn_left(name, left),
    do: Logger.warning("purged database #{name}; files are left until the next start: #{left}")

  defp log_close(%{outcome: {:ok, _report}, name: name}) do
    Logger.info("closed database #{name}")
    Telemetry.execute([:formdb, :database, :close], %{}, %{database: name})
  end

  defp log_close(_not_open), do: :ok

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
        "database #{name}: cut #{report.bytes_cut} bytes off the end of the journal that were no " <>
          "whole commit group; it now ends with block #{report.blocks}. A crash in the middle of a " <>
          "write leaves such bytes; after a clean stop they are a sign of a failing disk"
      )
    end
  end
end
