defmodule Bench.Peers.Program do
  @moduledoc """
  Another program, in a process group of its own: started on a folder, held while it is not
  its turn, and ended by its id. It ends with this VM, however that ends.
  """

  @patience 120_000

  # The shell ends the group when it is told to, and when its standard input is closed.
  @supervise ~S{
    signal=$1
    log=$2
    shift 2
    ulimit -n "$(ulimit -Hn)"
    setsid "$@" </dev/null >"$log" 2>&1 &
    program=$!
    echo "process $program"
    read -r stop
    kill -s CONT -- "-$program" 2>/dev/null
    kill -s "$signal" "$program" 2>/dev/null
    for _ in $(seq 300); do kill -0 "$program" 2>/dev/null || break; sleep 0.1; done
    kill -s KILL -- "-$program" 2>/dev/null
    wait "$program"
  }

  @doc """
  Starts a command and returns when `ready` says so. Options: `:env`, `:cd`, and `:signal`,
  by which it is told to end (TERM).
  """
  def start(folder, command, ready, opts \\ []) do
    File.mkdir_p!(folder)
    log = Path.join(folder, "log")
    arguments = [Keyword.get(opts, :signal, "TERM"), log | command]

    port =
      Port.open({:spawn_executable, ~c"/bin/sh"}, [
        :binary,
        :exit_status,
        args: ["-c", @supervise, "sh" | arguments],
        cd: Keyword.get(opts, :cd, File.cwd!()),
        env: for({name, value} <- Keyword.get(opts, :env, []), do: {~c"#{name}", ~c"#{value}"})
      ])

    receive do
      {^port, {:data, "process " <> pid}} ->
        program = %{port: port, pid: String.trim(pid), log: log}
        wait(program, ready, System.monotonic_time(:millisecond) + @patience)
    after
      @patience -> raise "#{hd(command)} does not start"
    end
  end

  defp wait(program, ready, deadline) do
    cond do
      ready.() ->
        program

      not File.exists?("/proc/#{program.pid}") or System.monotonic_time(:millisecond) > deadline ->
        raise "a program does not get ready; it said:\n#{File.read!(program.log)}"

      true ->
        Process.sleep(50)
        wait(program, ready, deadline)
    end
  end

  @doc "Stops its processes where they are, or has them go on."
  def hold(program), do: signal("STOP", program)
  def go_on(program), do: signal("CONT", program)

  defp signal(signal, program) do
    {_, 0} = System.cmd("kill", ["-#{signal}", "--", "-#{program.pid}"], stderr_to_stdout: true)
    :ok
  end

  @doc "Ends it, and waits until it has ended."
  def stop(program) do
    Port.command(program.port, "stop\n")
    ended(program.port)
  end

  defp ended(port) do
    receive do
      {^port, {:exit_status, _}} -> :ok
      {^port, {:data, _}} -> ended(port)
    after
      @patience -> raise "a program did not end"
    end
  end

  @doc "A port of loopback that nobody listens on."
  def free_port do
    {:ok, socket} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(socket)
    :ok = :gen_tcp.close(socket)
    port
  end

  @doc "Whether somebody listens on a port of loopback."
  def listens?(port) do
    case :gen_tcp.connect({127, 0, 0, 1}, port, [:binary], 1_000) do
      {:ok, socket} -> :gen_tcp.close(socket) == :ok
      {:error, _} -> false
    end
  end

  @doc "What a command prints. Raises with all of it if it fails."
  def run!(program, arguments, opts \\ []) do
    case System.cmd(program, arguments, [stderr_to_stdout: true] ++ opts) do
      {output, 0} -> output
      {output, status} -> raise "#{program} ended with #{status}:\n#{output}"
    end
  end
end
