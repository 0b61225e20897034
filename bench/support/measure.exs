defmodule Bench.Measure do
  # Timing shared by the benchmark scripts.

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

  @doc "Prints one line of a table."
  def line(what, value, note \\ "") do
    IO.puts([String.pad_trailing(what, 44), String.pad_leading(value, 14), "   ", note])
  end

  @doc "Raises unless what was measured also was right."
  def check!(true, _what), do: :ok
  def check!(false, what), do: raise("wrong answer: #{what}")
end
