Code.require_file("measure.exs", __DIR__)
Code.require_file("figure.exs", __DIR__)
Code.require_file("../growth/curve.exs", __DIR__)

defmodule Bench.Results do
  @moduledoc """
  A folder of results: `NAME.txt` and `NAME.json` of each benchmark, and `run.json`, which
  says when, where and how they ran. Needs the engine's parser of JSON, and nothing started.
  """

  alias Bench.{Curve, Figure}
  alias FormdbHttp.JSON

  @folder "bench/results"

  # In the order in which they are told.
  @benchmarks ~w(spatial_index temporal_index query_cache database storage http_read
                 read_latency http_load websocket_stress
                 peers_geo peers_polygons peers_writes peers_bulk peers_time growth interference)

  @doc "The folder that is meant by a path or the name of a folder in bench/results."
  def folder(text) do
    found = Enum.find([text, Path.join(@folder, text)], &File.dir?/1)

    found ||
      raise ArgumentError,
            "there are no results in #{text}; expected a folder, or the name of one in #{@folder}"
  end

  @doc "What a folder holds: `run`, as `run.json` has it, and the records of its benchmarks."
  def read(folder) do
    records =
      for path <- Path.wildcard(Path.join(folder, "*.json")),
          Path.basename(path) != "run.json",
          do: record(path)

    %{folder: folder, run: run(folder), records: Enum.sort_by(records, &place/1)}
  end

  @doc "`run.json` of a folder, or an empty map."
  def run(folder) do
    case File.read(Path.join(folder, "run.json")) do
      {:ok, text} -> JSON.decode!(text)
      {:error, _} -> %{}
    end
  end

  @doc "The newest results before those of a folder that ran in the same way, or `nil`."
  def before(folder) do
    quick = run(folder)["quick"]

    Path.dirname(folder)
    |> Path.join("*/run.json")
    |> Path.wildcard()
    |> Enum.map(&Path.dirname/1)
    |> Enum.filter(&(Path.basename(&1) < Path.basename(folder) and run(&1)["quick"] == quick))
    |> Enum.max(fn -> nil end)
  end

  defp place(record),
    do: {Enum.find_index(@benchmarks, &(&1 == record.benchmark)), record.benchmark}

  defp record(path) do
    object = path |> File.read!() |> JSON.decode!()

    %{
      benchmark: object["benchmark"],
      finished: object["finished"],
      timed_by: object["timed_by"],
      figures: Enum.map(object["figures"], &Figure.from_json/1),
      # Only growth has them.
      curves: Enum.map(object["curves"] || [], &Curve.from_json/1),
      # Only interference has them.
      companies: object["companies"] || []
    }
  end

  @doc "All figures by benchmark, section and name."
  def figures(results) do
    for record <- results.records,
        figure <- record.figures,
        into: %{},
        do: {{record.benchmark, figure.section, figure.name}, figure}
  end
end
