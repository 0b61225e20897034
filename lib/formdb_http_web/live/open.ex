defmodule FormdbHttpWeb.Live.Open do
  @moduledoc false
  # What stays open until its client goes: sockets, streams and requests that wait. Their
  # processes are in a registry, so that they are counted, and told when the server stops. Where
  # another server is the host there is none.

  @typedoc "A WebSocket, a stream of server-sent events, or a request that waits."
  @type kind :: :socket | :stream | :wait

  def child_spec(_opts), do: Registry.child_spec(keys: :unique, name: __MODULE__)

  @typedoc "What they are told: to end; that who they are for may be somebody else now."
  @type news :: :drain | :credentials

  @doc "This process is one. It is told by messages `{#{inspect(__MODULE__)}, news}`."
  @spec enter(kind()) :: :ok
  def enter(kind) do
    if Process.whereis(__MODULE__), do: {:ok, _} = Registry.register(__MODULE__, self(), kind)
    :ok
  end

  @doc "It is one no longer."
  @spec leave() :: :ok
  def leave,
    do: if(Process.whereis(__MODULE__), do: Registry.unregister(__MODULE__, self()), else: :ok)

  @doc "How many there are; `nil` where nobody counts them."
  @spec count(kind()) :: non_neg_integer() | nil
  def count(kind) do
    if Process.whereis(__MODULE__),
      do: Registry.count_select(__MODULE__, [{{:_, :_, kind}, [], [true]}])
  end

  @doc "Tells all of them."
  @spec tell(news()) :: :ok
  def tell(news) do
    if Process.whereis(__MODULE__), do: for(pid <- pids(), do: send(pid, {__MODULE__, news}))
    :ok
  end

  defp pids, do: Registry.select(__MODULE__, [{{:"$1", :_, :_}, [], [:"$1"]}])

  @doc """
  Tells at most `count` of them to end, and gives how many there are. Clients come back at
  once, so that all of a large number would do so together.
  """
  @spec drain(pos_integer()) :: non_neg_integer()
  def drain(count) do
    pids = pids()
    for pid <- Enum.take(pids, count), do: send(pid, {__MODULE__, :drain})
    length(pids)
  end
end
