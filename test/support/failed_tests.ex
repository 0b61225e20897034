defmodule FormdbHttp.FailedTests do
  @moduledoc """
  A formatter that tells once more at the end of a run which tests failed, and why: of a
  long log people often have the end alone.
  """

  use GenServer

  @impl true
  def init(_options), do: {:ok, []}

  @impl true
  def handle_cast({:test_finished, %ExUnit.Test{state: {:failed, failures}} = test}, told) do
    number = length(told) + 1

    {:noreply,
     [ExUnit.Formatter.format_test_failure(test, failures, number, 80, &plain/2) | told]}
  end

  # A module whose `setup_all` failed.
  def handle_cast({:module_finished, %{state: {:failed, failures}} = module}, told) do
    number = length(told) + 1

    {:noreply,
     [ExUnit.Formatter.format_test_all_failure(module, failures, number, 80, &plain/2) | told]}
  end

  def handle_cast({:suite_finished, _times}, [_ | _] = told) do
    IO.puts(["\nFailed in this run:\n\n", told |> Enum.reverse() |> Enum.intersperse("\n")])
    {:noreply, told}
  end

  def handle_cast(_other, told), do: {:noreply, told}

  defp plain(_kind, text), do: text
end
