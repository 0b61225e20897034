defmodule Bench.Latency do
  @moduledoc """
  How long single calls take, in a histogram outside of any heap: a list of the samples
  would have the process that is measured collect garbage for being measured.

  Buckets are a 64th of a power of two wide (G. Tene's HdrHistogram has the idea), so a
  percentile is at most 1.6 % above the sample it stands for; the maximum is exact.

  One process that calls again only when it has its answer makes few calls while calls are
  slow: a stall of 10 ms is one sample among thousands. So there is `:late`, too, the share
  of the time that was spent in calls of more than a millisecond.
  """

  import Bitwise

  # 64 buckets for each power of two up to 2^40 ns, which is 18 minutes.
  @size 64 * 36
  # What counts as late, in nanoseconds.
  @late 1_000_000

  @doc "An empty histogram."
  def new, do: {:counters.new(@size, []), :atomics.new(2, signed: false)}

  @doc """
  Calls `fun.(n)` for n = 0, 1, ... from this process, one after the other, until so many
  milliseconds have passed, and times each call. `check.(n, result)` runs between calls and
  is not timed.
  """
  def measure(millis, fun, check) do
    histogram = new()
    deadline = now() + millis * 1_000_000
    {calls, micros} = loop(histogram, deadline, fun, check)
    summary(histogram, calls, micros)
  end

  defp loop(histogram, deadline, fun, check) do
    begun = now()
    calls = loop(histogram, deadline, fun, check, 0)
    {calls, (now() - begun) / 1_000}
  end

  defp loop(histogram, deadline, fun, check, n) do
    begun = now()
    result = fun.(n)
    ended = now()
    add(histogram, ended - begun)
    check.(n, result)

    if ended < deadline,
      do: loop(histogram, deadline, fun, check, n + 1),
      else: n + 1
  end

  @doc "Adds a duration in nanoseconds."
  def add({counters, extremes}, ns) do
    :counters.add(counters, min(bucket(ns), @size - 1) + 1, 1)
    if ns > :atomics.get(extremes, 1), do: :atomics.put(extremes, 1, ns)
    if ns > @late, do: :atomics.add(extremes, 2, ns)
  end

  defp bucket(ns), do: bucket(ns, 0)
  defp bucket(ns, shift) when ns < 128, do: shift * 64 + ns
  defp bucket(ns, shift), do: bucket(ns >>> 1, shift + 1)

  # The greatest duration that falls into a bucket.
  defp upper(bucket) when bucket < 128, do: bucket

  defp upper(bucket) do
    shift = div(bucket, 64) - 1
    ((bucket - shift * 64 + 1) <<< shift) - 1
  end

  defp summary({counters, extremes}, calls, micros) do
    longest = :atomics.get(extremes, 1)

    %{
      calls: calls,
      rate: calls * 1_000_000 / micros,
      p50: percentile(counters, calls, 0.5, longest),
      p99: percentile(counters, calls, 0.99, longest),
      p999: percentile(counters, calls, 0.999, longest),
      max: longest,
      late: :atomics.get(extremes, 2) / (micros * 1_000)
    }
  end

  defp percentile(counters, calls, share, longest) do
    rank = max(ceil(calls * share), 1)

    bucket =
      Enum.reduce_while(0..(@size - 1), 0, fn bucket, below ->
        below = below + :counters.get(counters, bucket + 1)
        if below >= rank, do: {:halt, {:found, bucket}}, else: {:cont, below}
      end)

    {:found, bucket} = bucket
    min(upper(bucket), longest)
  end

  defp now, do: :erlang.monotonic_time(:nanosecond)
end
