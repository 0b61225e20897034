defmodule FormdbHttpWeb.Buckets do
  @moduledoc false
  # Token buckets, one a key, in memory of a fixed size and without a lock. Of a bucket one number
  # is kept, the time at which it is full again (the generic cell rate algorithm): a request moves
  # it on by the time that a token takes to come, and is refused if it would then lie further
  # ahead than all tokens take. A bucket that is full is one that nothing is known of, so that it
  # can be forgotten without anybody noticing.
  #
  # A key has its place in one of eight slots, as its hash says, each a tag and a time in one array
  # of atomics. Where none of the eight is its own it takes the one that is full, or was soonest to
  # be: who comes with more addresses than there are slots makes others' buckets full, and none
  # empty. The hash has a random number in it, so that nobody can choose whose.

  import Bitwise

  @slots 65_536
  @ways 8
  @sets div(@slots, @ways)

  @enforce_keys [:array, :salt, :start, :step, :room]
  defstruct @enforce_keys

  @opaque t :: %__MODULE__{
            array: :atomics.atomics_ref(),
            salt: integer(),
            start: integer(),
            step: pos_integer(),
            room: pos_integer()
          }

  @doc "Buckets of `burst` tokens, into which `rate` a second come. They take 1 MiB together."
  @spec new(pos_integer(), pos_integer()) :: t()
  def new(rate, burst) do
    step = div(1_000_000_000, rate)

    %__MODULE__{
      array: :atomics.new(2 * @slots, signed: true),
      salt: :binary.decode_unsigned(:crypto.strong_rand_bytes(7)),
      start: System.monotonic_time(:nanosecond),
      step: step,
      room: step * burst
    }
  end

  @doc "How many keys have a bucket at most."
  @spec slots() :: pos_integer()
  def slots, do: @slots

  @doc """
  Takes a token of the key's bucket: how many are left, and in how many nanoseconds it is full
  again; or in how many there is one.
  """
  @spec take(t(), term(), integer()) ::
          {:ok, left :: non_neg_integer(), full_in :: pos_integer()} | {:wait, pos_integer()}
  def take(buckets, key, now \\ System.monotonic_time(:nanosecond)) do
    tag = tag(buckets.salt, key)
    now = now - buckets.start
    first = 2 * @ways * rem(tag, @sets) + 1
    charge(buckets, find(buckets.array, tag, first, 0, now), now)
  end

  # Never zero, which is the tag of a slot that nobody has.
  defp tag(salt, key),
    do:
      (:erlang.phash2([salt | key], 1 <<< 30) <<< 32 ||| :erlang.phash2([key | salt], 1 <<< 32)) +
        1

  # Where the time of the key's bucket lies.
  defp find(array, tag, first, @ways, now), do: claim(array, tag, first, now)

  defp find(array, tag, first, way, now) do
    place = first + 2 * way

    if :atomics.get(array, place) == tag,
      do: place + 1,
      else: find(array, tag, first, way + 1, now)
  end

  defp claim(array, tag, first, now) do
    place = fullest(array, first)

    case :atomics.exchange(array, place, tag) do
      # Another process of the same key was first.
      ^tag -> :ok
      _other -> :atomics.put(array, place + 1, now)
    end

    place + 1
  end

  defp fullest(array, first) do
    Enum.min_by(first..(first + 2 * (@ways - 1))//2, &:atomics.get(array, &1 + 1))
  end

  defp charge(%{array: array, step: step, room: room} = buckets, place, now) do
    before = :atomics.get(array, place)
    full = max(before, now) + step
    ahead = full - now

    cond do
      ahead > room ->
        {:wait, ahead - room}

      :atomics.compare_exchange(array, place, before, full) == :ok ->
        {:ok, div(room - ahead, step), ahead}

      # Another request of the key came between.
      true ->
        charge(buckets, place, now)
    end
  end
end
