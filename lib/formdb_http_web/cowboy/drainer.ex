defmodule FormdbHttpWeb.Cowboy.Drainer do
  @moduledoc false
  # Stops the endpoint gently. It starts after the listener and is therefore
  # stopped before it: it closes the listening socket, tells the connections that
  # the answer they are at is their last, and waits until none is under way. What
  # is left after the time-out is cut off when the listener stops.

  use GenServer

  require Logger

  alias FormdbHttpWeb.Cowboy.InFlight

  @poll_ms 5

  def child_spec({_listener, _in_flight, timeout} = arg) do
    %{id: __MODULE__, start: {__MODULE__, :start_link, [arg]}, shutdown: timeout + 5_000}
  end

  def start_link(arg), do: GenServer.start_link(__MODULE__, arg)

  @impl true
  def init(arg) do
    # Or terminate/2 would not be called.
    Process.flag(:trap_exit, true)
    {:ok, arg}
  end

  @impl true
  def terminate(_reason, {listener, in_flight, timeout}) do
    InFlight.drain(in_flight)
    :ok = :ranch.suspend_listener(listener)

    case wait(in_flight, System.monotonic_time(:millisecond) + timeout) do
      0 -> :ok
      left -> Logger.warning("stopped with #{left} requests unanswered after #{timeout} ms")
    end
  end

  defp wait(in_flight, deadline) do
    left = InFlight.count(in_flight)

    if left > 0 and System.monotonic_time(:millisecond) < deadline do
      Process.sleep(@poll_ms)
      wait(in_flight, deadline)
    else
      left
    end
  end
end
