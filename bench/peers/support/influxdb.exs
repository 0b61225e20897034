defmodule Bench.Peers.InfluxDB do
  @moduledoc "InfluxDB 1, asked over HTTP. Its log is synced at each write (`wal-fsync-delay = 0s`)."

  alias Bench.Peers.{Clients, Data, Program}
  alias Bench.Server
  alias FormdbHttp.JSON

  def name, do: "InfluxDB"

  def start(folder) do
    case System.find_executable("influxd") do
      nil ->
        {:skip, "InfluxDB is not installed (bin/setup --peers)"}

      path ->
        File.mkdir_p!(folder)
        [port, other] = [Program.free_port(), Program.free_port()]
        config = Path.join(folder, "influxdb.conf")
        File.write!(config, config(folder, port, other))

        program =
          Program.start(folder, [path, "run", "-config", config], fn -> Program.listens?(port) end)

        {:ok, _} = Application.ensure_all_started(:inets)
        version = Program.run!(path, ["version"]) |> String.split() |> Enum.at(1)
        {:ok, %{program: program, url: "http://127.0.0.1:#{port}", version: version}}
    end
  end

  defp config(folder, port, other) do
    """
    reporting-disabled = true
    bind-address = "127.0.0.1:#{other}"
    [meta]
      dir = "#{folder}/meta"
    [data]
      dir = "#{folder}/data"
      wal-dir = "#{folder}/wal"
      wal-fsync-delay = "0s"
      query-log-enabled = false
      max-values-per-tag = 0
    [monitor]
      store-enabled = false
    [http]
      bind-address = "127.0.0.1:#{port}"
      log-enabled = false
      max-body-size = 0
    """
  end

  @doc "Makes a database."
  def database(influx, name) do
    {200, _} =
      Server.call(
        influx,
        :post,
        "/query?q=" <> URI.encode_www_form("create database #{name} with shard duration 1000w"),
        ""
      )

    :ok
  end

  @doc "The path of a question."
  def path(database, question),
    do: "/query?db=#{database}&epoch=u&q=" <> URI.encode_www_form(question)

  @doc "The rows that answer a question, of all series."
  def rows(influx, database, question) do
    {200, answer} = Server.call(influx, :get, path(database, question))
    %{"results" => [result]} = JSON.decode!(answer)
    if result["error"], do: raise("#{question}: #{result["error"]}")
    for series <- result["series"] || [], row <- series["values"], do: row
  end

  @doc "Requests a second for questions, asked in turn."
  def ask(influx, name, database, questions, connections, opts \\ []) do
    file = Data.file("influx-#{name}", Stream.map(questions, &["GET ", path(database, &1)]))
    fn -> Clients.wrk(influx.url, file, connections, opts) end
  end
end
