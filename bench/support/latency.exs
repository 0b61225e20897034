Code.require_file("histogram.exs", __DIR__)

defmodule Bench.Latency do
  @moduledoc """
  How long single calls take, in a histogram outside of any heap: a list of the samples
  would have the process that is measured collect garbage for being measured.

  One process that calls again only when it has its answer makes few calls while calls are
  slow: a stall of 10 ms is one sample among thousands. So there is `:late`, too, the share
  of the time that was spent in calls of more than a millisecond.
  """

  alias Bench.Histogram

  # What counts as late, in nanoseconds.
  @late 1_000_000

  @doc """
  Calls `fun.(n)` for n = 0, 1, ... from this process, one after the other, until so many
  milliseconds have passed, and times each call. `check.(n, result)` runs between calls and
  is not timed.
  """
  def measure(millis, fun, check) do
    durations = {Histogram.new(), :counters.new(1, [])}
    deadline = now() + millis * 1_000_000
    {calls, micros} = loop(durations, deadline, fun, check)
    summary(durations, calls, micros)
  end

  defp loop(durations, deadline, fun, check) do
    begun = now()
    calls = loop(durations, deadline, fun, check, 0)
    {calls, (now() - begun) / 1_000}
  end

  defp loop(durations, deadline, fun, check, n) do
    begun = now()
    result = fun.(n)
    ended = now()
    add(durations, ended - begun)
    check.(n, result)

    if ended < deadline,
      do: loop(durations, deadline, fun, check, n + 1),
      else: n + 1
  end

  defp add({histogram, late}, ns) do
    Histogram.add(histogram, ns)
    if ns > @late, do: :counters.add(late, 1, ns)
  end

  defp summary({histogram, late}, calls, micros) do
    %{
      calls: calls,
      rate: calls * 1_000_000 / micros,
      p50: Histogram.percentile(histogram, calls, 0.5),
      p99: Histogram.percentile(histogram, calls, 0.99),
      p999: Histogram.percentile(histogram, calls, 0.999),
      max: Histogram.greatest(histogram),
      late: :counters.get(late, 1) / (micros * 1_000)
    }
  end

  defp now, do: :erlang.monotonic_time(:nanosecond)
end
