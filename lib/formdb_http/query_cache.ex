defmodule FormdbHttp.QueryCache do
  @moduledoc """
  A cache of finished answers, bounded in entries and in bytes, of which the least
  recently used go first: the engine's query cache on its own.

      iex> cache = FormdbHttp.QueryCache.new(entries: 1_000, bytes: 64 * 1024 * 1024)
      iex> FormdbHttp.QueryCache.get(cache, "GET /a")
      :miss
      iex> FormdbHttp.QueryCache.put(cache, "GET /a", "an answer")
      :ok
      iex> FormdbHttp.QueryCache.get(cache, "GET /a")
      {:ok, "an answer"}

  Keys and values are binaries. Putting copies the value; getting one of 4 KiB or more
  does not, however many processes hold it at once. A value that went from the cache
  while a process still holds it lives until that lets go, beyond the bounds.

  The cache cannot know when an answer is stale: put into the key what the answer depends
  on, such as the sequence of the database. Any process may use the cache at any time,
  and it goes when nobody holds it any more.
  """

  alias FormdbHttp.{Input, Native}

  @enforce_keys [:answers, :many?]
  defstruct [:answers, :many?]

  @opaque t :: %__MODULE__{answers: reference(), many?: boolean()}

  # Copying this takes some 50 us.
  @dirty_bytes 262_144

  # When the table of a larger cache grows, all that it has is hashed again.
  @many_entries 10_000

  @doc """
  An empty cache. Options:

    * `:entries` - most entries; default 10,000
    * `:bytes` - most bytes of keys and values, and of some 300 for each entry; default
      64 MiB. A value for which there can be no room is not kept.
    * `:ttl_ms` - milliseconds that an entry is good for; by default for ever
  """
  @spec new(entries: non_neg_integer(), bytes: non_neg_integer(), ttl_ms: non_neg_integer()) ::
          t()
  def new(opts \\ []) do
    opts = Input.options!(opts, [:ttl_ms, entries: 10_000, bytes: 64 * 1024 * 1024])

    %__MODULE__{
      answers: Native.answers_new(opts[:entries], opts[:bytes], opts[:ttl_ms]),
      many?: opts[:entries] > @many_entries
    }
  end

  @doc "Keeps a value as the most recently used one, in place of what the key had."
  @spec put(t(), binary(), binary()) :: :ok
  def put(%__MODULE__{answers: answers, many?: false}, key, value)
      when byte_size(value) <= @dirty_bytes,
      do: Native.answers_put(answers, key, value)

  def put(%__MODULE__{answers: answers}, key, value),
    do: Native.answers_put_dirty(answers, key, value)

  @doc "The value of a key, which is now the most recently used."
  @spec get(t(), binary()) :: {:ok, binary()} | :miss
  def get(%__MODULE__{answers: answers}, key) do
    case Native.answers_get(answers, key) do
      :miss -> :miss
      value -> {:ok, value}
    end
  end

  @doc "Forgets the value of a key, if it has one."
  @spec delete(t(), binary()) :: :ok
  def delete(%__MODULE__{answers: answers}, key), do: Native.answers_delete(answers, key)

  @doc "Forgets everything. The counters stay."
  @spec clear(t()) :: :ok
  def clear(%__MODULE__{answers: answers}), do: Native.answers_clear(answers)

  @doc """
  What the cache holds now, `:entries` and `:bytes`, and what it has seen: `:hits`,
  `:misses` (expired entries among them), `:evictions` and `:expirations`.
  """
  @spec stats(t()) :: %{
          entries: non_neg_integer(),
          bytes: non_neg_integer(),
          hits: non_neg_integer(),
          misses: non_neg_integer(),
          evictions: non_neg_integer(),
          expirations: non_neg_integer()
        }
  def stats(%__MODULE__{answers: answers}), do: Native.answers_stats(answers)
end
