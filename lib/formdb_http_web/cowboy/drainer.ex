defmodule FormdbHttpWeb.Cowboy.Drainer do
  @moduledoc false
  # Stops the endpoint gently. It starts after the listener and is therefore
  # stopped before it: it closes the listening socket, tells the connections that
  # the answer they are at is their last, has sockets and streams end, and waits until
  # none is under way. What is left after the time-out is cut off when the listener stops.

  use GenServer

  require Logger

  alias FormdbHttpWeb.Cowboy.InFlight
  alias FormdbHttpWeb.Live.Open

  @poll_ms 10
  # Sockets and streams that are told to end at each look.
  @ended_at_once 100

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
      {0, 0} ->
        :ok

      {requests, sockets} ->
        Logger.warning(
          "stopped with #{requests} requests unanswered and #{sockets} sockets open " <>
            "after #{timeout} ms"
        )
    end
  end

  defp wait(in_flight, deadline) do
    Open.drain(@ended_at_once)
    left = {InFlight.count(in_flight), Open.count(:socket)}

    if left != {0, 0} and System.monotonic_time(:millisecond) < deadline do
      Process.sleep(@poll_ms)
      wait(in_flight, deadline)
    else
      left
    end
  end
end
