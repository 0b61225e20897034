defmodule FormdbHttpWeb.Cowboy.Connections do
  @moduledoc false
  # Counts the connections of a listener, and refuses those beyond its limit. The numbers
  # lie in atomics, so asking for them waits for nobody; a process watches the connections
  # and counts them off when they end, however they end.

  use GenServer

  @open 1
  @refused 2
  # Being refused now.
  @refusing 3

  # Refusals that are waited for until the client has read them. Beyond, a client may find
  # the connection reset instead.
  @most_refusing 256

  @enforce_keys [:counts, :limit, :watcher]
  defstruct [:counts, :limit, :watcher]

  @type t :: %__MODULE__{
          counts: :atomics.atomics_ref(),
          limit: pos_integer(),
          watcher: GenServer.name()
        }

  @doc "The counts of a listener; `watcher` is the name its process will have."
  @spec new(pos_integer(), atom()) :: t()
  def new(limit, watcher),
    do: %__MODULE__{counts: :atomics.new(3, signed: true), limit: limit, watcher: watcher}

  def start_link(%__MODULE__{} = connections),
    do: GenServer.start_link(__MODULE__, connections.counts, name: connections.watcher)

  @doc "Takes a place for one more connection, unless all are taken."
  @spec enter(t()) :: :ok | :full
  def enter(%{counts: counts, limit: limit}) do
    if :atomics.add_get(counts, @open, 1) <= limit do
      :ok
    else
      :atomics.sub(counts, @open, 1)
      :full
    end
  end

  @doc "The place that was taken is given back when the process ends."
  @spec watch(t(), pid()) :: :ok
  def watch(%{watcher: watcher}, pid), do: GenServer.cast(watcher, {:watch, pid, @open})

  @doc "As `watch/2` of a connection that is refused; whether it can be done gently."
  @spec refuse(t(), pid()) :: :gently | :at_once
  def refuse(%{counts: counts, watcher: watcher}, pid) do
    :atomics.add(counts, @refused, 1)
    refusing = :atomics.add_get(counts, @refusing, 1)
    GenServer.cast(watcher, {:watch, pid, @refusing})
    if refusing <= @most_refusing, do: :gently, else: :at_once
  end

  @doc "Connections that are open, without those that are being refused."
  @spec count(t()) :: non_neg_integer()
  def count(%{counts: counts}), do: :atomics.get(counts, @open)

  @doc "Connections refused since the listener started."
  @spec refused(t()) :: non_neg_integer()
  def refused(%{counts: counts}), do: :atomics.get(counts, @refused)

  @impl true
  def init(counts), do: {:ok, {counts, %{}}}

  @impl true
  def handle_cast({:watch, pid, index}, {counts, watched}) do
    {:noreply, {counts, Map.put(watched, Process.monitor(pid), index)}}
  end

  @impl true
  def handle_info({:DOWN, ref, :process, _pid, _reason}, {counts, watched}) do
    {index, watched} = Map.pop!(watched, ref)
    :atomics.sub(counts, index, 1)
    {:noreply, {counts, watched}}
  end
end
