defmodule FormdbHttp.Ticker do
  @moduledoc """
  Shows when a scheduler of this VM stood still: a process bound to each of them wakes
  up every millisecond and notes how much later than that it came to run. The VM's
  system monitor names the processes that kept a scheduler meanwhile.

  A machine that has other things to do makes every process late. How late says
  `FormdbHttp.Bystander`, the same ticker in an operating-system process of its own.
  """

  use GenServer

  # A process that runs for this long at a stretch is named, in milliseconds.
  @long 20
  @most_culprits 5

  @doc "Starts ticking. There can be one, since a VM has one system monitor."
  def start_link(_opts \\ []), do: GenServer.start_link(__MODULE__, [])

  @doc """
  What was since the call before: `%{worst: ms, longest: ms, culprits: [text]}`: the latest
  that a tick came, how long at most somebody ran, and who ran for long.
  """
  def read(ticker), do: GenServer.call(ticker, :read, 60_000)

  @impl true
  def init([]) do
    schedulers = :erlang.system_info(:schedulers)
    worst = :atomics.new(schedulers, signed: true)
    # To its own scheduler and before the work that waits there, so that it is late
    # only when the scheduler is.
    for number <- 1..schedulers do
      opts = [:link, {:scheduler, number}, {:priority, :high}]
      :erlang.spawn_opt(fn -> tick(worst, number, now()) end, opts)
    end

    :erlang.system_monitor(self(), [{:long_schedule, @long}])
    {:ok, %{worst: worst, schedulers: schedulers, culprits: []}}
  end

  defp tick(worst, number, last) do
    receive do
    after
      1 -> :ok
    end

    now = now()
    late = now - last - 1_000
    if late > :atomics.get(worst, number), do: :atomics.put(worst, number, late)
    tick(worst, number, now)
  end

  defp now, do: System.monotonic_time(:microsecond)

  @impl true
  def handle_call(:read, _from, state) do
    worst = for number <- 1..state.schedulers, do: :atomics.exchange(state.worst, number, 0)
    {longest, culprits} = Enum.unzip(state.culprits)
    longest = Enum.max([0 | longest])
    reading = %{worst: Enum.max(worst) / 1_000, longest: longest, culprits: culprits}
    {:reply, reading, %{state | culprits: []}}
  end

  @impl true
  def handle_info({:monitor, who, :long_schedule, info}, state) do
    info = Map.new(info)
    culprits = Enum.sort([{info.timeout, culprit(who, info)} | state.culprits], :desc)
    {:noreply, %{state | culprits: Enum.take(culprits, @most_culprits)}}
  end

  defp culprit(who, %{timeout: ms} = info) do
    where = info |> Map.take([:in, :out, :port_op]) |> Enum.map_join(" ", &inspect/1)
    "#{inspect(who)} #{ms} ms #{where}"
  end
end
