for file <- ~w(measure latency), do: Code.require_file("../support/#{file}.exs", __DIR__)

defmodule Bench.Growth.Question do
  @moduledoc """
  A question of which it is measured how its cost grows.

    * `:group`, `:name` - of the curve
    * `:should` - the shape that it should have, as `Bench.Curve` calls them
    * `:ask` - called with 1, 2, ... each time: the question
    * `:check` - called with the same number and the answer: raises unless it is right
    * `:millis` - how long it is asked again and again
  """
  @enforce_keys [:group, :name, :should, :ask, :check]
  defstruct [:group, :name, :should, :ask, :check, millis: 400]
end

defmodule Bench.Growth.Asking do
  @moduledoc """
  Asks questions, one after the other, each from a process of its own that does nothing else, for
  a bounded time.

  The first call of each is not counted: what is read from disk once, or prepared, is so then. A
  question whose first call takes longer than three seconds is not asked again.
  """

  alias Bench.{Latency, Measure}

  # After so many milliseconds a question is given up; the engine stops at its next look.
  @patience 12_000
  # A question that takes longer is asked once, in microseconds.
  @once 3_000_000

  @doc """
  The point of a curve: `%{"value" => median, ...}` in microseconds. A wrong answer is
  `{:wrong, why}`.
  """
  def ask(question) do
    millis = Bench.scaled(question.millis, div(question.millis, 4))
    {pid, monitor} = spawn_monitor(fn -> exit({:asked, answered(question, millis)}) end)

    receive do
      {:DOWN, ^monitor, :process, ^pid, {:asked, point}} -> point
    after
      @patience + millis ->
        Process.exit(pid, :kill)
        receive do: ({:DOWN, ^monitor, :process, ^pid, _} -> :ok)
        %{"value" => @patience * 1_000, "over" => true, "calls" => 1}
    end
  end

  defp answered(question, millis) do
    asked(question, millis)
  rescue
    error -> {:wrong, Exception.message(error)}
  end

  defp asked(%{ask: ask, check: check}, millis) do
    {first, answer} = Measure.time(fn -> ask.(1) end)
    check.(1, answer)

    if first > @once do
      %{"value" => first, "calls" => 1, "rate" => 1_000_000 / first}
    else
      Latency.measure(millis, &ask.(&1 + 2), &check.(&1 + 2, &2)) |> point()
    end
  end

  defp point(latency) do
    %{
      "value" => latency.p50 / 1_000,
      "p99" => latency.p99 / 1_000,
      "max" => latency.max / 1_000,
      "calls" => latency.calls,
      "rate" => latency.rate
    }
  end
end
