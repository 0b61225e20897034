defmodule FormdbHttp.Outbox do
  @moduledoc false
  # Sends what committers answer to many at once, who wait in FormdbHttp.Writing. Why a process does
  # that, and what happens without it, stands in native_rust/nif/src/outbox.rs.

  use GenServer

  alias FormdbHttp.Native

  @spec start_link(term()) :: GenServer.on_start()
  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  def init([]) do
    # Who is to be answered has waited longer than whoever else is about to run.
    Process.flag(:priority, :high)
    Native.outbox_open()
    {:ok, nil, {:continue, :answers}}
  end

  @impl true
  def handle_continue(:answers, nil), do: send_all()

  @impl true
  def handle_info(:answers, nil), do: send_all()
  def handle_info(_other, nil), do: {:noreply, nil}

  defp send_all do
    if Native.outbox_send(), do: send_all(), else: {:noreply, nil}
  end
end
