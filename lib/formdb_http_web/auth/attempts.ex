defmodule FormdbHttpWeb.Auth.Attempts do
  @moduledoc false
  # Credentials that were none, counted by the client's address (of IPv6 by its network of 64
  # bits, which one client has) for a minute from the first. Passwords, keys and tokens, and
  # tokens that had to be verified are counted apart, so that a program with an old token keeps nobody
  # behind the same address from signing in, nor one that sends nonsense. Of more addresses than there is room for, further ones are not counted: what each attempt
  # costs is bounded elsewhere.

  alias FormdbHttp.Config.Web

  @table __MODULE__
  @window_ms 60_000
  @most 10_000

  @type kind :: :password | :token | :signature

  @doc "The table, which belongs to the calling process."
  @spec new() :: :ok
  def new do
    :ets.new(@table, [:named_table, :public, write_concurrency: true, read_concurrency: true])
    :ok
  end

  @doc "`:ok`, or the seconds after which the address may try again."
  @spec check(kind(), :inet.ip_address(), pos_integer()) :: :ok | {:wait, pos_integer()}
  def check(kind, address, most) do
    case :ets.lookup(@table, {kind, Web.client_network(address)}) do
      [{_key, since, count}] when count >= most -> wait(since)
      _fewer -> :ok
    end
  end

  defp wait(since) do
    left = since + @window_ms - now()
    if left > 0, do: {:wait, div(left + 999, 1_000)}, else: :ok
  end

  @doc "Counts one; how many there are then."
  @spec failed(kind(), :inet.ip_address()) :: non_neg_integer()
  def failed(kind, address) do
    key = {kind, Web.client_network(address)}

    if :ets.info(@table, :size) < @most or :ets.member(@table, key),
      do: :ets.update_counter(@table, key, {3, 1}, {key, now(), 0}),
      else: 0
  end

  @doc """
  Counts one that is under way, before it is known whether it is right: else many at once would
  all be tried. `succeeded/2` takes it back.
  """
  @spec begin(kind(), :inet.ip_address(), pos_integer()) :: :ok | {:wait, pos_integer()}
  def begin(kind, address, most) do
    with :ok <- check(kind, address, most) do
      if failed(kind, address) > most, do: {:wait, div(@window_ms, 1_000)}, else: :ok
    end
  end

  @spec succeeded(kind(), :inet.ip_address()) :: :ok
  def succeeded(kind, address) do
    key = {kind, Web.client_network(address)}

    if :ets.member(@table, key),
      do: :ets.update_counter(@table, key, {3, -1, 0, 0}, {key, now(), 0})

    :ok
  end

  @doc "Forgets those whose minute is over."
  @spec forget() :: :ok
  def forget do
    over = now() - @window_ms
    :ets.select_delete(@table, [{{:_, :"$1", :_}, [{:"=<", :"$1", over}], [true]}])
    :ok
  end

  defp now, do: System.monotonic_time(:millisecond)
end
