defmodule Bench.Server do
  @moduledoc """
  A server in an operating system process of its own, as `make run` starts it, on an empty
  data folder and a free port; and calls to it.

      server = Bench.Server.start()
      Bench.Server.call(server, :post, "/api/v1/databases", ~s({"name":"bench"}))
      Bench.Server.stop(server)

  It takes the settings in `FORMDB_...`, but for the folder and the port. It ends with
  this VM, however that ends.
  """

  @patience 60_000

  # The shell ends the server when it is told to, and when its standard input is closed.
  @supervise ~S(
    mix formdb.server &
    server=$!
    read -r stop
    kill -TERM "$server"
    wait "$server"
  )

  @doc "Starts one, and returns when it listens: `%{url: \"http://127.0.0.1:...\", ...}`."
  def start do
    {:ok, _started} = Application.ensure_all_started(:inets)
    folder = Path.expand(Path.join("tmp", "bench-server-#{System.pid()}"))
    File.mkdir_p!(folder)

    settings = [
      {~c"MIX_ENV", Mix.env() |> Atom.to_charlist()},
      {~c"FORMDB_DATA_DIR", String.to_charlist(folder)},
      {~c"FORMDB_PORT", ~c"0"}
    ]

    port =
      Port.open({:spawn_executable, ~c"/bin/sh"}, [
        :binary,
        :stderr_to_stdout,
        :exit_status,
        args: ["-c", @supervise],
        env: settings
      ])

    %{port: port, folder: folder, url: url(port, "")}
  end

  defp url(port, output) do
    receive do
      {^port, {:data, data}} ->
        output = output <> data

        case Regex.run(~r{listening on (http://[\w.:]+)}, output) do
          [_, url] -> url
          nil -> url(port, output)
        end
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

    {:ok, {{_, status, _}, _fields, answer}} =
      :httpc.request(method, request, [timeout: @patience], body_format: :binary)

    {status, answer}
  end

  @doc "The figures of a database."
  def figures(server, database) do
    {200, answer} = call(server, :get, "/api/v1/databases/#{database}")
    FormdbHttp.JSON.decode!(answer)
  end
end
