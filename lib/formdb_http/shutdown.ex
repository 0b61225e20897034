defmodule FormdbHttp.Shutdown do
  @moduledoc """
  The end of a VM that only serves: SIGTERM, and SIGHUP, stop the application in order and
  then the VM, and nothing keeps it longer than `FORMDB_DRAIN_TIMEOUT_MS` and 5 s.

  OTP's own answer to SIGTERM waits for every process and flushes standard output, for
  ever if nobody reads it. Ending the VM at any moment is safe: what was acknowledged is
  on disk. SIGHUP, which comes when the terminal is closed, would end the VM at once. Where it
  is ignored, as `nohup` has it, it stays so.
  """

  @behaviour :gen_event

  require Logger

  alias FormdbHttp.Log
  alias FormdbHttp.BootSignals

  # Beyond the time-out for requests: closing the databases.
  @closing_ms 5_000
  @flush_ms 500

  # Signal 1 in the mask of those that a process ignores (proc(5)).
  @sighup 1

  @doc "From now on SIGTERM and SIGHUP end the VM so; `drain_timeout_ms` is the configuration's."
  @spec install(non_neg_integer()) :: :ok
  def install(drain_timeout_ms) do
    new = {__MODULE__, drain_timeout_ms}

    :ok =
      case :gen_event.which_handlers(:erl_signal_server) |> Enum.member?(:erl_signal_handler) do
        true ->
          :gen_event.swap_handler(:erl_signal_server, {:erl_signal_handler, []}, new)

        false ->
          _ = :gen_event.delete_handler(:erl_signal_server, __MODULE__, [])
          :gen_event.add_handler(:erl_signal_server, __MODULE__, drain_timeout_ms)
      end

    :ok = BootSignals.release()
    unless ignored?(), do: :os.set_signal(:sighup, :handle)
    :os.set_signal(:sigterm, :handle)
  end

  defp ignored? do
    with {:ok, status} <- File.read("/proc/self/status"),
         [_line, mask] <- Regex.run(~r/^SigIgn:\s*([0-9a-f]+)$/m, status) do
      Bitwise.band(String.to_integer(mask, 16), @sighup) != 0
    else
      _unknown -> false
    end
  end

  @doc "Stops the application, then the VM with `status`. Does not return."
  @spec stop(non_neg_integer(), byte()) :: no_return()
  def stop(drain_timeout_ms, status) do
    limit = drain_timeout_ms + @closing_ms

    # Its own process, which nothing in the application can hold up.
    spawn(__MODULE__, :cut_short, [limit, status])
    _ = Application.stop(:formdb_http)
    halt(status)
  end

  @doc false
  @spec cut_short(pos_integer(), byte()) :: no_return()
  def cut_short(limit, status) do
    Process.flag(:priority, :high)
    Process.sleep(limit - 2 * @flush_ms)

    Logger.warning(
      "the stop is not done after #{limit} ms (FORMDB_DRAIN_TIMEOUT_MS and 5 s) and is cut short; " <>
        "what was acknowledged is on disk"
    )

    halt(status)
  end

  defp halt(status) do
    Log.flush(@flush_ms)
    # Without flushing: output that nobody reads would be waited for for ever.
    :erlang.halt(status, flush: false)
  end

  ## Callbacks of the handler for signals

  @impl true
  # After a swap the state comes with what the handler before returned.
  def init({drain_timeout_ms, _before}), do: {:ok, drain_timeout_ms}
  def init(drain_timeout_ms), do: {:ok, drain_timeout_ms}

  @impl true
  def handle_event(signal, drain_timeout_ms) when signal in [:sigterm, :sighup] do
    Logger.info("#{signal |> to_string() |> String.upcase()} received: stopping")
    # Not here: this process delivers signals.
    spawn(__MODULE__, :stop, [drain_timeout_ms, 0])
    {:ok, drain_timeout_ms}
  end

  # The others as OTP handles them.
  def handle_event(:sigusr1, state) do
    :erlang.halt(~c"Received SIGUSR1")
    {:ok, state}
  end

  def handle_event(:sigquit, _state), do: :erlang.halt()
  def handle_event(_other, state), do: {:ok, state}

  @impl true
  def handle_call(_request, state), do: {:ok, :ok, state}
end
