defmodule Bench.Measure do
  @moduledoc "Timing shared by the benchmark scripts."

  @doc "Runs `fun` and returns `{microseconds, result}`."
  def time(fun), do: :timer.tc(fun)

  @doc """
  Runs `fun.(caller, n)` from `callers` processes, again and again until `millis`
  have passed; returns how many calls per second all of them made together.
  """
  def throughput(callers, millis, fun) do
    deadline = System.monotonic_time(:millisecond) + millis

    {micros, calls} =
      time(fn ->
        1..callers
        |> Enum.map(fn caller -> Task.async(fn -> repeat(caller, 0, deadline, fun) end) end)
        |> Task.await_many(:infinity)
        |> Enum.sum()
      end)

    calls * 1_000_000 / micros
  end

  defp repeat(caller, n, deadline, fun) do
    if System.monotonic_time(:millisecond) >= deadline do
      n
    else
      fun.(caller, n)
      repeat(caller, n + 1, deadline, fun)
    end
  end

  @doc "A rate for people: 142.3 K/s."
  def rate(per_second) when per_second >= 1.0e6, do: "#{Float.round(per_second / 1.0e6, 2)} M/s"
  def rate(per_second) when per_second >= 1.0e3, do: "#{Float.round(per_second / 1.0e3, 1)} K/s"
  def rate(per_second), do: "#{Float.round(per_second / 1, 1)} /s"

  @doc """
  Calls `fun` with every item, for what can be done only once to each, and returns how many
  a second it did.
  """
  def each(items, fun) do
    {micros, :ok} = time(fn -> Enum.each(items, fun) end)
    length(items) * 1.0e6 / micros
  end

  @doc "Calls `fun` with every item, two at a time, and returns the microseconds of them all."
  def by_two(items, fun) do
    opts = [max_concurrency: 2, ordered: false, timeout: :infinity]
    {micros, :ok} = time(fn -> items |> Task.async_stream(fun, opts) |> Stream.run() end)
    micros
  end

  @doc "A function that returns 1, 2, 3 and so on, to whoever calls it."
  def counter do
    counter = :atomics.new(1, [])
    fn -> :atomics.add_get(counter, 1, 1) end
  end

  @doc """
  The nth of different limits. With another limit it is another question, whose answer is
  not among those kept. Their number is a prime, so that a list of places that is walked with
  the same n does not meet the same limits before so many walks. The usual limit, 1,000, is
  not one of them.
  """
  def limit(n), do: 1_001 + rem(n, 89_989)

  @doc "Prints one line of a table."
  def line(what, value, note \\ "") do
    IO.puts([String.pad_trailing(what, 44), String.pad_leading(value, 14), "   ", note])
  end

  @doc "Raises unless what was measured also was right."
  def check!(true, _what), do: :ok
  def check!(false, what), do: raise("wrong answer: #{what}")
end
