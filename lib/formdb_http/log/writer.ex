defmodule FormdbHttp.Log.Writer do
  @moduledoc false
  # Writes lines to standard output through a port of its own, whose commands are refused
  # and not waited for while it is busy. Lines wait in this process's mailbox meanwhile;
  # FormdbHttp.Log bounds how many bytes of them. It belongs to no supervision tree: the
  # lines about the end of one have to be written too.

  alias FormdbHttp.Log

  @retry_ms 20
  # When the output is gone for good (its reader has closed), trying again is cheap.
  @reopen_ms 1_000
  # Standard output.
  @fd 1

  @doc "Starts it, linked to nobody. `line` makes a line of a level and a text of its own."
  @spec start(:counters.counters_ref(), (atom(), String.t() -> binary())) :: {:ok, pid()}
  def start(counters, line) do
    {:ok, spawn(fn -> init(counters, line) end)}
  end

  @doc "Waits until all lines so far are written, for `milliseconds` at most."
  @spec flush(pid(), non_neg_integer()) :: :ok
  def flush(writer, milliseconds) do
    ref = make_ref()
    send(writer, {:flush, self(), ref})

    receive do
      {^ref, port} -> drain(port, System.monotonic_time(:millisecond) + milliseconds)
    after
      milliseconds -> :ok
    end
  end

  # What the port has taken and the system has not.
  defp drain(port, deadline) do
    case :erlang.port_info(port, :queue_size) do
      {:queue_size, queued} when queued > 0 ->
        if System.monotonic_time(:millisecond) < deadline do
          Process.sleep(1)
          drain(port, deadline)
        else
          :ok
        end

      _empty_or_closed ->
        :ok
    end
  end

  defp init(counters, line) do
    # A port that fails takes its owner along otherwise.
    Process.flag(:trap_exit, true)
    # The rest of the mailbox is not looked through at every garbage collection.
    Process.flag(:message_queue_data, :off_heap)
    loop(%{counters: counters, line: line, port: open(), dropped: Log.dropped(counters)})
  end

  defp open, do: Port.open({:fd, @fd, @fd}, [:out, :binary])

  defp loop(state) do
    receive do
      {:line, line} ->
        state = write(line, state)
        Log.written(state.counters, byte_size(line))
        loop(state)

      {:flush, from, ref} ->
        send(from, {ref, state.port})
        loop(state)

      _exit_of_a_port_seen_at_the_next_line ->
        loop(state)
    end
  end

  defp write(line, %{port: port} = state) do
    case command(port, line) do
      true ->
        report(state)

      false ->
        Process.sleep(@retry_ms)
        write(line, state)

      :closed ->
        Log.drop(state.counters)
        Process.sleep(@reopen_ms)
        %{state | port: open()}
    end
  end

  defp command(port, bytes) do
    :erlang.port_command(port, bytes, [:nosuspend])
  rescue
    ArgumentError -> :closed
  end

  # Once lines are taken again, one says how many are missing.
  defp report(state) do
    case Log.dropped(state.counters) do
      same when same == state.dropped ->
        state

      now ->
        line =
          state.line.(
            :warning,
            "#{now - state.dropped} lines of this log were dropped: " <>
              "nobody read it, and FORMDB_LOG_BUFFER_BYTES were waiting"
          )

        # If this one is refused, the next line tries again.
        if command(state.port, line) == true, do: %{state | dropped: now}, else: state
    end
  end
end
