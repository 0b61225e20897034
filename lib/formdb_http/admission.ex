defmodule FormdbHttp.Admission do
  @moduledoc false
  # How much heavy work is done at once, so that dirty threads are left for the rest.
  # There are four doors, each with a bounded number of places and a bounded line of those
  # who wait for one:
  #
  #   * `:question` - what may go on for long on a dirty I/O thread: searches that leave
  #     memory, aggregates over much, lists that walk, scans of the journal
  #   * `:try` - what finds no place there, and may be short all the same: it is tried for some
  #     milliseconds, so that boxes and what is nearest do not wait for what goes through everything
  #   * `:write` - parsing what is so large that it keeps a dirty CPU thread for long
  #   * `:sign_in` - checking passwords, which takes 19 MiB and a core each; threads of its own
  #
  # Where a place is free it is taken without another process: a few atomic operations.
  # Otherwise a process (one a door) keeps the line and gives out places as they become
  # free: to the clients by turns (FormdbHttp.Admission.Line). Who waits too long, or finds
  # the line full, is refused as `:busy`.
  #
  # A client is whatever `ask_as/1` says, by default the calling process.

  use GenServer

  @type door :: :question | :try | :write | :sign_in

  alias FormdbHttp.Admission.Line
  alias FormdbHttp.{Brief, Config, Error, Native}

  @full "the line of those who wait is full (setting FORMDB_HEAVY_WAITING)"
  @client {__MODULE__, :client}

  # Numbers of a door that many processes touch.
  @waiting 1
  @waited 2
  @refused 3

  # A process that was killed gives its place back in silence. So while somebody waits, the
  # door looks for free places now and then, in milliseconds.
  @look_again 20

  # So many dirty I/O threads stay free, whatever is set: one question that has a place
  # may be ending while the next has begun, and small reads need one.
  @left_free 2

  # Tries at once, where threads are left for them. They are short, so more would gain nothing.
  @tries 4

  @doors [:question, :try, :write, :sign_in]

  @doc "The doors, for a supervisor."
  @spec child_specs(Config.t()) :: [Supervisor.child_spec()]
  def child_specs(%Config{} = config) do
    for name <- @doors do
      {bound, setting} = bound(name, config)

      door = %{
        name: name,
        bound: bound,
        setting: setting,
        line: config.heavy_waiting,
        timeout: config.heavy_wait_ms
      }

      Supervisor.child_spec({__MODULE__, door}, id: {__MODULE__, name})
    end
  end

  defp bound(:question, config), do: {questions(config), "FORMDB_HEAVY_QUESTIONS"}
  defp bound(:try, config), do: {tries(config), "FORMDB_QUESTION_TRIES"}
  defp bound(:write, config), do: {large_writes(config), "FORMDB_LARGE_WRITES"}
  defp bound(:sign_in, config), do: {sign_ins(config), "FORMDB_SIGN_INS"}

  @doc "The largest number of heavy questions that leaves threads for the rest."
  @spec most_questions() :: pos_integer()
  def most_questions, do: max(1, :erlang.system_info(:dirty_io_schedulers) - @left_free - 1)

  @doc "The largest number of tries beside so many heavy questions."
  @spec most_tries(Config.t()) :: pos_integer()
  def most_tries(config), do: max(1, most_questions() + 1 - questions(config))

  # More of them than cores end no sooner; but one that waits for the disk, or goes on for
  # long, is not to keep the next one out.
  defp questions(%{heavy_questions: 0}),
    do: System.schedulers_online() |> max(4) |> min(most_questions())

  defp questions(%{heavy_questions: bound}), do: bound

  defp tries(%{question_tries: 0} = config), do: min(@tries, most_tries(config))
  defp tries(%{question_tries: bound}), do: bound

  # The VM collects the garbage of large processes on dirty CPU threads, too.
  defp large_writes(%{large_writes: 0}),
    do: max(1, :erlang.system_info(:dirty_cpu_schedulers_online) - 1)

  defp large_writes(%{large_writes: bound}), do: bound

  # Guessing passwords is not to keep all cores busy.
  defp sign_ins(%{sign_ins: 0}), do: max(1, div(System.schedulers_online(), 2))
  defp sign_ins(%{sign_ins: bound}), do: bound

  def start_link(%{name: name} = door),
    do: GenServer.start_link(__MODULE__, door, name: server(name))

  defp server(name), do: Module.concat(__MODULE__, Macro.camelize(to_string(name)))

  @doc """
  From now on the calling process asks on behalf of `client`, any term: turns are taken
  by clients.
  """
  @spec ask_as(term()) :: :ok
  def ask_as(client) do
    Process.put(@client, client)
    :ok
  end

  @doc """
  What `work` returns, once the door `name` has a place for it; or
  `{:error, error}` with the code `:busy` when there is none in time. It may take the place,
  to hand it to a thread that is to hold it until it ends, whatever becomes of the process.
  """
  @spec run(door(), (... -> answer) | (reference() -> answer)) ::
          answer | {:error, Error.t()}
        when answer: term()
  def run(name, work) do
    Brief.over()
    door = :persistent_term.get({__MODULE__, name})

    with :taken <- enter(door),
         {:error, error} <- GenServer.call(door.server, {:wait, client()}, :infinity) do
      {:error, error}
    else
      {:ok, place} -> in_place(door, place, work)
    end
  end

  @doc "As `run/2`, or `:taken`, at once, where there is no place or others wait for one."
  @spec run_if_free(door(), (... -> answer)) :: answer | :taken when answer: term()
  def run_if_free(name, work) do
    Brief.over()
    door = :persistent_term.get({__MODULE__, name})
    with {:ok, place} <- enter(door), do: in_place(door, place, work)
  end

  # Nobody overtakes those who wait.
  defp enter(door) do
    with 0 <- :atomics.get(door.numbers, @waiting),
         place when place != nil <- Native.gate_enter(door.gate) do
      {:ok, place}
    else
      _taken -> :taken
    end
  end

  defp in_place(door, place, work) do
    if is_function(work, 1), do: work.(place), else: work.()
  after
    leave(door, place)
  end

  defp client, do: Process.get(@client) || self()

  defp leave(door, place) do
    Native.gate_leave(place)
    if :atomics.get(door.numbers, @waiting) > 0, do: GenServer.cast(door.server, :left)
  end

  @doc "The names of the doors."
  @spec doors() :: [door(), ...]
  def doors, do: @doors

  @doc """
  The figures of a door: `:bound` and `:taken` places, how many are `:waiting` now, and
  since the start how many `:waited` and how many were `:refused`.
  """
  @spec figures(door()) :: %{atom() => non_neg_integer()}
  def figures(name) do
    %{numbers: numbers, gate: gate, bound: bound} = :persistent_term.get({__MODULE__, name})

    %{
      bound: bound,
      taken: Native.gate_taken(gate),
      waiting: :atomics.get(numbers, @waiting),
      waited: :atomics.get(numbers, @waited),
      refused: :atomics.get(numbers, @refused)
    }
  end

  ## The line before a door

  @impl true
  def init(%{name: name, bound: bound} = door) do
    numbers = :atomics.new(3, signed: true)
    gate = Native.gate_new(bound)
    shared = %{server: server(name), gate: gate, numbers: numbers, bound: bound}
    :persistent_term.put({__MODULE__, name}, shared)
    state = Map.merge(door, %{gate: gate, numbers: numbers, monitors: %{}})
    {:ok, %{state | line: Line.new(door.line)}}
  end

  @impl true
  def handle_call({:wait, client}, {pid, _tag} = from, state) do
    monitor = Process.monitor(pid)
    waiter = {monitor, from}

    case Line.join(state.line, client, waiter) do
      {:ok, line} ->
        {:noreply, waits(state, line, client, waiter), {:continue, :admit}}

      {:instead, other, line} ->
        state =
          state
          |> refuse(other, @full)
          |> waits(line, client, waiter)

        {:noreply, state, {:continue, :admit}}

      :full ->
        Process.demonitor(monitor, [:flush])
        :atomics.add(state.numbers, @refused, 1)
        {:reply, busy(state, @full), state}
    end
  end

  # Counted before a place is looked for: whoever leaves afterwards sees that somebody
  # waits, and what was left before is found.
  defp waits(state, line, client, {monitor, _from} = waiter) do
    if map_size(state.monitors) == 0, do: look_again()
    timer = Process.send_after(self(), {:too_long, monitor}, state.timeout)
    :atomics.add(state.numbers, @waited, 1)
    monitors = Map.put(state.monitors, monitor, {client, waiter, timer})
    count(%{state | line: line, monitors: monitors})
  end

  @impl true
  def handle_cast(:left, state), do: {:noreply, state, {:continue, :admit}}

  @impl true
  def handle_continue(:admit, state) do
    case admit(state, false) do
      {state, false} -> {:noreply, state}
      {state, true} -> {:noreply, state, {:continue, :let_go}}
    end
  end

  # A place is held by whoever refers to it, so it must not linger in this heap.
  def handle_continue(:let_go, state) do
    :erlang.garbage_collect()
    {:noreply, state}
  end

  defp admit(state, gave?) do
    with true <- Line.size(state.line) > 0,
         place when place != nil <- Native.gate_enter(state.gate) do
      {{_monitor, from} = waiter, line} = Line.next(state.line)
      # To one that has died meanwhile it is given in vain, and comes back.
      GenServer.reply(from, {:ok, place})
      admit(ends(%{state | line: line}, waiter), true)
    else
      _nobody_or_no_place -> {state, gave?}
    end
  end

  @impl true
  def handle_info(:look_again, state) do
    if map_size(state.monitors) > 0, do: look_again()
    {:noreply, state, {:continue, :admit}}
  end

  def handle_info({:too_long, monitor}, state) do
    case state.monitors do
      %{^monitor => {client, waiter, _timer}} ->
        state = %{state | line: Line.leave(state.line, client, waiter)}

        {:noreply,
         refuse(
           state,
           waiter,
           "none became free in #{state.timeout} ms (setting FORMDB_HEAVY_WAIT_MS)"
         )}

      _admitted ->
        {:noreply, state}
    end
  end

  def handle_info({:DOWN, monitor, :process, _pid, _reason}, state) do
    case state.monitors do
      %{^monitor => {client, waiter, _timer}} ->
        {:noreply, ends(%{state | line: Line.leave(state.line, client, waiter)}, waiter)}

      _admitted ->
        {:noreply, state}
    end
  end

  def handle_info(_other, state), do: {:noreply, state}

  defp look_again, do: Process.send_after(self(), :look_again, @look_again)

  defp refuse(state, {_monitor, from} = waiter, why) do
    :atomics.add(state.numbers, @refused, 1)
    GenServer.reply(from, busy(state, why))
    ends(state, waiter)
  end

  # Somebody waits no longer.
  defp ends(state, {monitor, _from}) do
    {{_client, _waiter, timer}, monitors} = Map.pop!(state.monitors, monitor)
    Process.demonitor(monitor, [:flush])
    Process.cancel_timer(timer)
    count(%{state | monitors: monitors})
  end

  defp count(state) do
    :atomics.put(state.numbers, @waiting, map_size(state.monitors))
    state
  end

  defp busy(state, why) do
    detail =
      "#{what(state.name)} are bounded: all #{state.bound} places (setting #{state.setting}) are taken " <>
        "and #{why}; try again shortly"

    {:error, %Error{code: :busy, detail: detail}}
  end

  defp what(:question), do: "questions that take long"
  defp what(:try), do: "questions that are tried"
  defp what(:sign_in), do: "passwords checked at once"
  defp what(:write), do: "large writes under way"
end
