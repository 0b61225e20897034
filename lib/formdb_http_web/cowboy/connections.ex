defmodule FormdbHttpWeb.Cowboy.Connections do
  @moduledoc false
  # Counts the connections of a listener, and refuses those beyond its limit. The numbers
  # lie in atomics, so asking for them waits for nobody; a process watches the connections
  # and counts them off when they end, however they end. Those of each address are in a table,
  # where there is a limit for them, which has no more rows than there are connections.

  use GenServer

  alias FormdbHttp.Config.Web

  @open 1
  @refused 2
  # Being refused now.
  @refusing 3

  # Refusals that are waited for until the client has read them. Beyond, a client may find
  # the connection reset instead.
  @most_refusing 256

  @enforce_keys [:counts, :limit, :address_limit, :exempt, :watcher]
  defstruct @enforce_keys

  @type t :: %__MODULE__{
          counts: :atomics.atomics_ref(),
          limit: pos_integer(),
          address_limit: non_neg_integer(),
          exempt: [Web.network()],
          watcher: atom()
        }

  @doc """
  The counts of a listener; `watcher` is the name its process will have. Of one address there may
  be `address_limit` connections, 0 meaning any number, but of networks that are `exempt`.
  """
  @spec new(atom(),
          limit: pos_integer(),
          address_limit: non_neg_integer(),
          exempt: [Web.network()]
        ) ::
          t()
  def new(watcher, opts) do
    struct!(__MODULE__, [counts: :atomics.new(3, signed: true), watcher: watcher] ++ opts)
  end

  def start_link(%__MODULE__{} = connections),
    do: GenServer.start_link(__MODULE__, connections, name: connections.watcher)

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

  @doc """
  Counts a connection, which is that of this process, for its address, until the process ends;
  `:full` where there are as many of it as may be.
  """
  @spec enter_address(t(), :inet.ip_address()) :: :ok | :full
  def enter_address(%{address_limit: 0}, _address), do: :ok

  def enter_address(%{address_limit: limit, watcher: watcher} = connections, address) do
    if Web.member?(address, connections.exempt) do
      :ok
    else
      key = Web.client_network(address)
      count = :ets.update_counter(watcher, key, {2, 1}, {key, 0})
      GenServer.cast(watcher, {:watch, self(), {:address, key}})
      if count <= limit, do: :ok, else: :full
    end
  end

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
  def init(%{counts: counts, watcher: watcher}) do
    :ets.new(watcher, [:named_table, :public, write_concurrency: true])
    {:ok, {counts, watcher, %{}}}
  end

  @impl true
  def handle_cast({:watch, pid, counted}, {counts, table, watched}) do
    {:noreply, {counts, table, Map.put(watched, Process.monitor(pid), counted)}}
  end

  @impl true
  def handle_info({:DOWN, ref, :process, _pid, _reason}, {counts, table, watched}) do
    {counted, watched} = Map.pop!(watched, ref)

    case counted do
      {:address, key} ->
        # Unless another has come between.
        if :ets.update_counter(table, key, -1) == 0, do: :ets.delete_object(table, {key, 0})

      index ->
        :atomics.sub(counts, index, 1)
    end

    {:noreply, {counts, table, watched}}
  end
end
