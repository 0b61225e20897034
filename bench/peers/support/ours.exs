defmodule Bench.Peers.Ours do
  @moduledoc """
  This system, over HTTP as `make run` serves it. It keeps no results of questions
  (`FORMDB_QUERY_CACHE_ENTRIES=0`): questions that come again are worked out again.
  """

  alias Bench.Peers.{Clients, Data, Program}
  alias Bench.{Measure, Server}
  alias FormdbHttp.JSON

  def name, do: "FormDB"

  def start(folder) do
    port = Program.free_port()

    settings = [
      {"MIX_ENV", "prod"},
      {"FORMDB_DATA_DIR", Path.join(folder, "data")},
      {"FORMDB_PORT", "#{port}"},
      {"FORMDB_HOST", "127.0.0.1"},
      {"FORMDB_QUERY_CACHE_ENTRIES", "0"},
      {"FORMDB_QUERY_TIMEOUT_MS", "600000"}
    ]

    {:ok, _} = Application.ensure_all_started(:inets)

    listens? = fn -> Program.listens?(port) end
    program = Program.start(folder, ~w(mix formdb.server), listens?, env: settings)

    {:ok, %{program: program, url: "http://127.0.0.1:#{port}", version: version()}}
  end

  defp version,
    do: Program.run!("git", ["describe", "--always", "--dirty=, with changes"]) |> String.trim()

  @doc "The path of a database, which is made."
  def database(ours, name) do
    {status, _} = Server.call(ours, :post, "/api/v1/databases", ~s({"name":"#{name}"}))
    Measure.check!(status in [200, 201], "create #{name}: #{status}")
    "/api/v1/databases/#{name}"
  end

  @doc "Uploads a file of lines and checks how many of them were written."
  def load(ours, path, file, count, type \\ "application/x-ndjson") do
    {micros, {:ok, answer}} = Clients.upload([{ours.url <> path, file}], type)
    last = answer |> String.split("\n", trim: true) |> List.last() |> JSON.decode!()

    Measure.check!(
      last["done"] and last["inserted"] == count,
      "#{path}: #{inspect(Map.take(last, ["inserted", "error"]))}"
    )

    micros
  end

  @doc "Calls a second for paths, asked in turn."
  def ask(ours, name, paths, connections) do
    file = Data.file("ours-#{name}", Stream.map(paths, &["GET ", &1]))
    fn -> Clients.wrk(ours.url, file, connections) end
  end

  @doc "The answer to a path, decoded."
  def get(ours, path) do
    {200, answer} = Server.call(ours, :get, path)
    JSON.decode!(answer)
  end

  @doc "The ids of the features that answer a path, as one list for each."
  def ids(ours, paths),
    do: for(path <- paths, do: for(%{"id" => id} <- get(ours, path)["features"], do: id))

  @doc "The counts that answer paths."
  def counts(ours, paths), do: for(path <- paths, do: get(ours, path)["numberMatched"])
end
