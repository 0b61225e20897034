defmodule FormdbHttp.ServerProcess do
  @moduledoc """
  The server as an operating-system process of its own, for tests that kill it.

  It is the VM itself that is started, no shell around it, so the process id is the
  VM's and a signal reaches nothing else. It runs the code of this test build on a
  data folder that the test gives it and on a free port.

  No server outlives its test: stopping this process kills it, and should the whole
  test run be killed, the server notices that its standard input has ended.
  """

  # Stopped by the test, never restarted behind its back.
  use GenServer, restart: :temporary

  import FormdbHttp.HTTPClient, only: [get: 2]

  alias FormdbHttpWeb.Endpoint

  @patience 60_000

  ## In the test

  @doc """
  Starts a server on a data folder, with more settings if need be (names and texts);
  `await_ready/1` waits until it serves. With `:unread` its standard output is a full
  pipe that nobody reads; then the settings have to say its port, since it cannot. With
  `{:open_files, n}` it may open so many files.
  """
  def start_link({data_dir, settings, output}),
    do: GenServer.start_link(__MODULE__, {data_dir, settings, output})

  def start_link({data_dir, settings}), do: start_link({data_dir, settings, :read})
  def start_link(data_dir), do: start_link({data_dir, []})

  @doc "The TCP port, once every database is open."
  def await_ready(server) do
    port = port(server)
    await_ready(server, port, System.monotonic_time(:millisecond) + @patience)
  end

  defp await_ready(server, port, deadline) do
    case get(port, "/health/ready") do
      %{status: 200} ->
        port

      %{body: body} ->
        if System.monotonic_time(:millisecond) > deadline,
          do: raise("the server does not become ready: #{body}\n#{output(server)}")

        Process.sleep(5)
        await_ready(server, port, deadline)
    end
  end

  @doc "The TCP port as soon as it listens."
  def port(server), do: GenServer.call(server, :port, @patience)

  @doc "Ends the server with SIGKILL and waits until it is gone."
  def kill(server), do: GenServer.call(server, {:signal, "KILL"}, @patience)

  @doc "Asks the server to stop with SIGTERM and waits until it has; the exit status."
  def stop(server), do: GenServer.call(server, {:signal, "TERM"}, @patience)

  @doc "As `stop/1`, by the signal that comes when a terminal is closed."
  def hang_up(server), do: GenServer.call(server, {:signal, "HUP"}, @patience)

  @doc "All that the server has printed, its log included."
  def output(server), do: GenServer.call(server, :output)

  @doc """
  Whether a running server has written something, now or within ten seconds: its log is written
  beside its answers, which may be there first.
  """
  @spec says?(GenServer.server(), String.t()) :: boolean()
  def says?(server, text), do: says?(server, text, System.monotonic_time(:millisecond) + 10_000)

  defp says?(server, text, until) do
    cond do
      output(server) =~ text -> true
      System.monotonic_time(:millisecond) > until -> false
      true -> Process.sleep(20) && says?(server, text, until)
    end
  end

  @impl true
  def init({data_dir, settings, output}) do
    # Or terminate/2 would not be called.
    Process.flag(:trap_exit, true)

    # The code of this build and of Elixir; what is Erlang's own, `erl` knows.
    otp = to_string(:code.root_dir())
    code = Enum.reject(:code.get_path(), &String.starts_with?(to_string(&1), otp))

    erl = [Path.join(otp, "bin/erl"), "-noshell", "+fnu", "-pa"] ++ code
    [program | arguments] = command(output, erl ++ ["-s", to_string(__MODULE__), "main"])

    port =
      Port.open({:spawn_executable, program}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args: arguments,
        env: environment(data_dir, settings)
      ])

    {:os_pid, pid} = Port.info(port, :os_pid)
    {:ok, %{port: port, pid: pid, output: "", exit_status: nil, waiting: []}}
  end

  defp command(:read, erl), do: erl

  # Opened for both, a pipe has a reader that never reads; it takes 64 KiB.
  defp command(:unread, erl) do
    script =
      ~S(mkfifo "$1" && exec 1<>"$1" && rm "$1" && head -c 65536 /dev/zero && shift && exec "$@")

    pipe = Path.join(System.tmp_dir!(), "formdb-unread-#{System.unique_integer([:positive])}")
    ["/bin/sh", "-c", script, "sh", pipe | erl]
  end

  # The shell that sets the limit becomes the VM.
  defp command({:open_files, most}, erl) do
    ["/bin/sh", "-c", ~s(ulimit -n #{most} && exec "$@"), "sh" | erl]
  end

  defp environment(data_dir, settings) do
    inherited = for {"FORMDB_" <> _ = name, _} <- System.get_env(), do: {name, nil}

    (inherited ++
       [
         {"FORMDB_PORT", "0"},
         {"FORMDB_DATA_DIR", data_dir},
         # Tests look at lines as people do, unless they ask for others.
         {"FORMDB_LOG_FORMAT", "text"},
         {"ERL_CRASH_DUMP_BYTES", "0"}
         | settings
       ])
    |> Enum.map(fn {name, value} ->
      {String.to_charlist(name), if(value, do: String.to_charlist(value), else: false)}
    end)
  end

  @impl true
  def handle_call(:output, _from, state), do: {:reply, state.output, state}

  def handle_call({:signal, signal}, from, state) do
    send_signal(state, signal)
    {:noreply, answer(%{state | waiting: [{:exit, from} | state.waiting]})}
  end

  def handle_call(:port, from, state) do
    {:noreply, answer(%{state | waiting: [{:port, from} | state.waiting]})}
  end

  @impl true
  def handle_info({port, {:data, data}}, %{port: port} = state) do
    {:noreply, answer(%{state | output: state.output <> data})}
  end

  def handle_info({port, {:exit_status, status}}, %{port: port} = state) do
    {:noreply, answer(%{state | exit_status: status})}
  end

  def handle_info(_other, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state), do: send_signal(state, "KILL")

  # Once the exit status is known the id may be another process's.
  defp send_signal(%{exit_status: nil, pid: pid}, signal) do
    # Fails when it is gone and we have not been told yet.
    System.cmd("/bin/sh", ["-c", "kill -#{signal} #{pid}"], stderr_to_stdout: true)
  end

  defp send_signal(_exited, _signal), do: :ok

  # Answers those whose answer is known by now.
  defp answer(state) do
    waiting =
      Enum.reject(state.waiting, fn {what, from} ->
        case known(what, state) do
          nil -> false
          answer -> GenServer.reply(from, answer) == :ok
        end
      end)

    %{state | waiting: waiting}
  end

  defp known(:exit, state), do: state.exit_status

  defp known(:port, %{exit_status: nil} = state) do
    case Regex.run(~r/^listening on (\d+)\n/m, state.output) do
      [_line, port] -> String.to_integer(port)
      nil -> nil
    end
  end

  # The caller's pattern match says the rest.
  defp known(:port, state), do: {:exited, state.exit_status, state.output}

  ## In the server

  @doc false
  # As `mix formdb.server`, which would first have to start Mix and look for
  # changed sources.
  def main do
    config =
      Map.filter(System.get_env(), fn {name, _} -> String.starts_with?(name, "FORMDB_") end)

    Application.put_env(:formdb_http, :config, config, persistent: true)
    Application.put_env(:formdb_http, :serve, true, persistent: true)
    config = FormdbHttp.Config.load!()
    # First, since it brings a handler of its own.
    {:ok, _started} = Application.ensure_all_started(:logger)
    FormdbHttp.Log.install(config)
    FormdbHttp.Shutdown.install(config.drain_timeout_ms)
    {:ok, _started} = Application.ensure_all_started(:formdb_http)
    plant(System.get_env("PLANTED_HANG"))

    spawn(fn ->
      IO.puts("listening on #{Endpoint.port()}")
      halt_at(IO.gets(""))
    end)
  end

  # Something that never ends, for the tests of stopping.
  defp plant(nil), do: :ok

  defp plant("process") do
    {:ok, _pid} = Supervisor.start_child(FormdbHttp.Supervisor, hanging(:infinity))
  end

  # As a database that is being closed.
  defp plant("database") do
    {:ok, _pid} = DynamicSupervisor.start_child(FormdbHttp.DatabaseSupervisor, hanging(60_000))
  end

  # Every request from now on, whoever sends it.
  defp plant("handler") do
    options = :ranch.get_protocol_options(Endpoint)
    :ok = :ranch.set_protocol_options(Endpoint, %{options | middlewares: [__MODULE__]})
  end

  defp hanging(shutdown),
    do: %{id: :planted, start: {__MODULE__, :start_hanging, []}, shutdown: shutdown}

  @doc false
  def start_hanging, do: {:ok, spawn_link(&hang/0)}

  @doc false
  # As a middleware of Cowboy.
  def execute(_request, _env), do: hang()

  @spec hang() :: no_return()
  defp hang do
    Process.flag(:trap_exit, true)
    Process.sleep(:infinity)
  end

  defp halt_at(:eof), do: System.halt(1)
  defp halt_at(_line), do: halt_at(IO.gets(""))
end
