defmodule Bench.Comparison do
  @moduledoc """
  Prints rates beside those of the earlier system and beside the target.

  Two rates for everything: from the mean time of a call, and from the median, which does
  not show when other programs have the processor. On an idle machine they are much the
  same; apart, they say that the machine was not idle. What is compared is the mean.
  """

  alias Bench.Measure

  @doc "Names the columns of `line/3`."
  def header do
    IO.puts(row("", "mean", "median", "earlier", "ratio", "target", ""))
  end

  @doc """
  One figure: `{mean, median}`, or the mean alone, in operations per second. Options:
  `:earlier` and `:target`, rates as well, and `:note`.
  """
  def line(what, rates, opts \\ [])

  def line(what, {mean, median}, opts) do
    earlier = opts[:earlier]

    row(
      what,
      rate(mean),
      rate(median),
      rate(earlier),
      if(earlier, do: "x#{ratio(mean / earlier)}", else: "-"),
      rate(opts[:target]),
      [verdict(mean, median, opts[:target]), opts[:note]]
      |> Enum.reject(&is_nil/1)
      |> Enum.join("; ")
    )
    |> IO.puts()
  end

  def line(what, mean, opts), do: line(what, {mean, nil}, opts)

  defp verdict(_mean, _median, nil), do: nil
  defp verdict(mean, _median, target) when mean >= target, do: "reached"

  defp verdict(mean, median, target) when is_number(median) and median >= target,
    do: "#{Float.round(mean / target, 2)} of it, reached by the median"

  defp verdict(mean, _median, target), do: "#{Float.round(mean / target, 2)} of it"

  defp rate(nil), do: "-"
  defp rate(rate), do: Measure.rate(rate / 1)

  defp ratio(ratio) when ratio >= 10, do: round(ratio)
  defp ratio(ratio), do: Float.round(ratio, 1)

  defp row(what, mean, median, earlier, ratio, target, note) do
    columns = Enum.map([mean, median, earlier, ratio, target], &String.pad_leading(&1, 12))
    [String.pad_trailing(what, 32), columns, "   ", note]
  end

  @doc "Rates of what `Bench.Benchmark.run/2` measured, by name, for `line/3`."
  def rates(results) do
    Map.new(results, fn result ->
      # What runs side by side makes as many times more.
      beside = result.ips * result.average / 1.0e9
      {result.name, {result.ips, beside * 1.0e9 / result.percentiles[50]}}
    end)
  end

  @doc """
  Calls `fun` with every item, a hundred at a time between looks at the clock, for what
  can be done only once to each. Returns the nanoseconds that one took in each hundred.
  """
  def slices(items, fun) do
    for slice <- Enum.chunk_every(items, 100) do
      begun = :erlang.monotonic_time(:nanosecond)
      each(slice, fun)
      (:erlang.monotonic_time(:nanosecond) - begun) / length(slice)
    end
  end

  defp each([item | rest], fun) do
    fun.(item)
    each(rest, fun)
  end

  defp each([], _fun), do: :ok

  @doc "The rates, for `line/3`, of what took so many nanoseconds each."
  def rates_of(times) do
    sorted = Enum.sort(times)
    mean = Enum.sum(sorted) / length(sorted)
    {1.0e9 / mean, 1.0e9 / Enum.at(sorted, div(length(sorted), 2))}
  end
end
