defmodule Bench.Histogram do
  @moduledoc """
  Numbers in buckets, outside of any heap, that any process may add to at any time.

  Buckets are a 64th of a power of two wide (G. Tene's HdrHistogram has the idea), so a
  percentile is at most 1.6 % above the sample it stands for; the greatest is exact.
  """

  import Bitwise

  # 64 buckets for each power of two up to 2^40: of nanoseconds 18 minutes.
  @size 64 * 36

  @doc "An empty one. Options are those of `:counters.new/2`."
  def new(options \\ []),
    do: {:counters.new(@size, options), :atomics.new(1, signed: false)}

  @doc "Adds a number from 0 on."
  def add({counters, greatest}, number) do
    :counters.add(counters, min(bucket(number, 0), @size - 1) + 1, 1)
    raise_to(greatest, number)
  end

  # Others may raise it at the same time.
  defp raise_to(greatest, number) do
    before = :atomics.get(greatest, 1)

    if number > before and :atomics.compare_exchange(greatest, 1, before, number) != :ok,
      do: raise_to(greatest, number),
      else: :ok
  end

  @doc "The greatest number that was added."
  def greatest({_counters, greatest}), do: :atomics.get(greatest, 1)

  @doc "The number that so large a share of the `count` numbers added are not above; 0 of none."
  def percentile(_histogram, 0, _share), do: 0

  def percentile({counters, _greatest} = histogram, count, share) do
    rank = max(ceil(count * share), 1)

    {:found, bucket} =
      Enum.reduce_while(0..(@size - 1), 0, fn bucket, below ->
        below = below + :counters.get(counters, bucket + 1)
        if below >= rank, do: {:halt, {:found, bucket}}, else: {:cont, below}
      end)

    min(upper(bucket), greatest(histogram))
  end

  @doc "Empties it, while nobody adds."
  def clear({counters, greatest}) do
    for index <- 1..@size, do: :counters.put(counters, index, 0)
    :atomics.put(greatest, 1, 0)
  end

  defp bucket(n, shift) when n < 128, do: shift * 64 + n
  defp bucket(n, shift), do: bucket(n >>> 1, shift + 1)

  # The greatest number that falls into a bucket.
  defp upper(bucket) when bucket < 128, do: bucket

  defp upper(bucket) do
    shift = div(bucket, 64) - 1
    ((bucket - shift * 64 + 1) <<< shift) - 1
  end
end
