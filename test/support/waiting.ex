defmodule FormdbHttp.Waiting do
  @moduledoc """
  Waiting for what other processes do.
  """

  import ExUnit.Assertions, only: [flunk: 1]

  @doc "Returns once the condition holds, and fails the test after so many milliseconds without it."
  def wait_until(condition, patience \\ 5_000) do
    cond do
      condition.() -> :ok
      patience <= 0 -> flunk("it does not become true")
      true -> Process.sleep(10) && wait_until(condition, patience - 10)
    end
  end
end
