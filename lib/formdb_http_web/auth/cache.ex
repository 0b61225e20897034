defmodule FormdbHttpWeb.Auth.Cache do
  @moduledoc false
  # Tokens that were verified, by their SHA-256: two tables, of which the younger one takes what
  # comes. When that holds half of what may be kept, the elder one is emptied and becomes the
  # younger; what is found in the elder moves over. So what is used stays, and no more is kept than
  # may be (and as many as there are writers at that moment).

  @tables {__MODULE__.One, __MODULE__.Two}

  @enforce_keys [:young, :half]
  defstruct [:young, :half]

  @opaque t :: %__MODULE__{young: :atomics.atomics_ref(), half: non_neg_integer()}

  @doc "Makes the tables, which belong to the calling process."
  @spec new() :: :ok
  def new do
    for table <- Tuple.to_list(@tables) do
      :ets.new(table, [:named_table, :public, read_concurrency: true, write_concurrency: true])
    end

    :ok
  end

  @doc "The way to them, for so many entries: one for all who use them."
  @spec shared(non_neg_integer()) :: t()
  def shared(most) do
    with nil <- :persistent_term.get(__MODULE__, nil),
         do: :persistent_term.put(__MODULE__, :atomics.new(1, signed: false))

    %__MODULE__{young: :persistent_term.get(__MODULE__), half: div(most, 2)}
  end

  @doc "What was put under the key, unless it was forgotten."
  @spec get(t(), binary()) :: {:ok, term()} | :error
  def get(cache, key) do
    young = :atomics.get(cache.young, 1)

    with [] <- :ets.lookup(table(young), key),
         [{^key, value}] <- :ets.lookup(table(1 - young), key) do
      put(cache, key, value)
      {:ok, value}
    else
      [{^key, value}] -> {:ok, value}
      [] -> :error
    end
  end

  @spec put(t(), binary(), term()) :: :ok
  def put(%{half: 0}, _key, _value), do: :ok

  def put(%{young: ref, half: half}, key, value) do
    young = :atomics.get(ref, 1)

    if :ets.info(table(young), :size) >= half and
         :atomics.compare_exchange(ref, 1, young, 1 - young) == :ok do
      :ets.delete_all_objects(table(1 - young))
      :ets.insert(table(1 - young), {key, value})
    else
      :ets.insert(table(:atomics.get(ref, 1)), {key, value})
    end

    :ok
  end

  @doc "Forgets everything."
  @spec clear() :: :ok
  def clear do
    for table <- Tuple.to_list(@tables), do: :ets.delete_all_objects(table)
    :ok
  end

  @doc "How many there are."
  @spec size() :: non_neg_integer()
  def size, do: @tables |> Tuple.to_list() |> Enum.map(&:ets.info(&1, :size)) |> Enum.sum()

  defp table(young), do: elem(@tables, young)
end
