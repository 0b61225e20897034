defmodule Bench.Server do
  @moduledoc """
  A server in an operating system process of its own, as `make run` starts it, on an empty
  data folder and a free port; and calls to it.

      server = Bench.Server.start()
      Bench.Server.call(server, :post, "/api/v1/databases", ~s({"name":"bench"}))
      Bench.Server.stop(server)

  It takes the settings in `FORMDB_...`, but for the folder and the port. It ends with
  this VM, however that ends. Another program that says what it listens on is started the same way, by its
  `:command`; it may open as many files as the system allows.
  """

  @patience 60_000

  # The shell ends the server when it is told to, and when its standard input is closed.
  @supervise ~S{
    ulimit -n "$(ulimit -Hn)"
    "$@" &
    server=$!
    echo "process $server"
    read -r stop
    kill -TERM "$server"
    wait "$server"
  }

  @doc """
  Starts one, and returns when it listens: `%{url: "http://127.0.0.1:...", pid: "123", ...}`. Options:
  `:command`, and `:settings` besides those in the environment.
  """
  def start(opts \\ []) do
    {:ok, _started} = Application.ensure_all_started(:inets)
    number = System.unique_integer([:positive])
    folder = Path.expand(Path.join("tmp", "bench-server-#{System.pid()}-#{number}"))
    File.mkdir_p!(folder)

    settings =
      [{"MIX_ENV", to_string(Mix.env())}, {"FORMDB_DATA_DIR", folder}, {"FORMDB_PORT", "0"}] ++
        Keyword.get(opts, :settings, [])

    port =
      Port.open({:spawn_executable, ~c"/bin/sh"}, [
        :binary,
        :stderr_to_stdout,
        :exit_status,
        args: ["-c", @supervise, "sh" | Keyword.get(opts, :command, ~w(mix formdb.server))],
        env: for({name, value} <- settings, do: {~c"#{name}", ~c"#{value}"})
      ])

    output = listening(port, "")
    [_, url] = Regex.run(address(), output)
    [_, pid] = Regex.run(~r/^process (\d+)$/m, output)
    %{port: port, folder: folder, url: url, pid: pid}
  end

  defp address, do: ~r{listening on (http://[\w.:]+)}

  defp listening(port, output) do
    receive do
      {^port, {:data, data}} ->
        output = output <> data
        if output =~ address(), do: output, else: listening(port, output)
    after
      @patience -> raise "the server does not listen; it said:\n#{output}"
    end
  end

  @doc "Stops it, and removes its data."
  def stop(server) do
    Port.command(server.port, "stop\n")
    ended(server.port)
    File.rm_rf!(server.folder)
    :ok
  end

  # What it writes to its log meanwhile is nothing for us.
  defp ended(port) do
    receive do
      {^port, {:exit_status, _status}} -> :ok
      {^port, {:data, _}} -> ended(port)
    after
      @patience -> raise "the server did not end within #{div(@patience, 1_000)} s"
    end
  end

  @doc """
  One call with a body, or none: the status, and the answer as it is. Options: `:type`, the
  media type of the body, JSON without it, and `:accept`, that of the answer.
  """
  def call(server, method, path, body \\ nil, opts \\ []) do
    url = String.to_charlist(server.url <> path)
    fields = for accept <- List.wrap(opts[:accept]), do: {~c"accept", String.to_charlist(accept)}
    type = opts |> Keyword.get(:type, "application/json") |> String.to_charlist()
    request = if body, do: {url, fields, type, body}, else: {url, fields}

    {:ok, {{_, status, _}, _fields, answer}} = request(method, request)
    {status, answer}
  end

  # A connection that was kept may have been closed by its server, for having been idle: what only
  # asks asks again.
  defp request(method, request) do
    ask = fn -> :httpc.request(method, request, [timeout: @patience], body_format: :binary) end

    case ask.() do
      {:error, :socket_closed_remotely} when method == :get -> ask.()
      answer -> answer
    end
  end

  @doc "What a process uses, in bytes of memory and in microseconds of the processors' time so far."
  def used(%{pid: pid}) do
    [_, kib] = Regex.run(~r/^VmRSS:\s+(\d+) kB$/m, File.read!("/proc/#{pid}/status"))

    # After the name, which may hold anything: proc(5), fields 14 and 15, in hundredths of a second.
    [_, fields] = Regex.run(~r/^.*\) (.*)$/s, File.read!("/proc/#{pid}/stat"))

    [user, system] =
      fields |> String.split() |> Enum.slice(11, 2) |> Enum.map(&String.to_integer/1)

    %{memory: String.to_integer(kib) * 1_024, micros: (user + system) * 10_000}
  end

  @doc "The figures of a database."
  def figures(server, database) do
    {200, answer} = call(server, :get, "/api/v1/databases/#{database}")
    FormdbHttp.JSON.decode!(answer)
  end
end
