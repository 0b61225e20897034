defmodule Bench.Peers.Victoria do
  @moduledoc """
  VictoriaMetrics, asked over HTTP. What it takes is in memory first, and on disk some seconds
  later; nothing is synced before the answer. It keeps no results here.
  """

  alias Bench.Peers.{Clients, Data, Program}
  alias Bench.Server
  alias FormdbHttp.JSON

  def name, do: "VictoriaMetrics"

  def start(folder) do
    case System.find_executable("victoria-metrics") do
      nil ->
        {:skip, "VictoriaMetrics is not installed (bin/setup --peers)"}

      path ->
        port = Program.free_port()

        command =
          [
            path,
            "-storageDataPath=#{folder}/data",
            "-httpListenAddr=127.0.0.1:#{port}",
            "-retentionPeriod=100y"
          ] ++
            ~w(-search.disableCache -search.maxQueryDuration=600s -search.maxSeries=1000000 -search.latencyOffset=0s
               -search.maxUniqueTimeseries=1000000)

        program = Program.start(folder, command, fn -> Program.listens?(port) end)
        {:ok, _} = Application.ensure_all_started(:inets)
        {:ok, %{program: program, url: "http://127.0.0.1:#{port}", version: version(path)}}
    end
  end

  defp version(path) do
    {text, _} = System.cmd(path, ["-version"], stderr_to_stdout: true)

    package =
      System.cmd("dpkg-query", ["-W", "-f", "${Version}", "victoria-metrics"],
        stderr_to_stdout: true
      )

    case {Regex.run(~r/v?(\d+\.\d+\.\d+)/, text), package} do
      {_, {version, 0}} -> version
      {[_, version], _} -> version
      _ -> "unknown"
    end
  end

  @doc "Makes what was written visible to questions, and has it on disk."
  def flush(victoria), do: {200, _} = Server.call(victoria, :get, "/internal/force_flush")

  @doc "The path of a question at a time, in seconds."
  def path(question, time),
    do: "/api/v1/query?nocache=1&time=#{time}&query=" <> URI.encode_www_form(question)

  @doc "The series that answer a question at a time."
  def series(victoria, path) do
    {200, answer} = Server.call(victoria, :get, path)
    JSON.decode!(answer)["data"]["result"]
  end

  @doc "Requests a second for paths, asked in turn."
  def ask(victoria, name, paths, connections, opts \\ []) do
    file = Data.file("victoria-#{name}", Stream.map(paths, &["GET ", &1]))
    fn -> Clients.wrk(victoria.url, file, connections, opts) end
  end
end
