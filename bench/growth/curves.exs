for file <- ~w(curve tell), do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Curves do
  @moduledoc """
  Runs each size of each world in a VM of its own, gathers the curves, and keeps them: in the file
  that `BENCH_JSON` names, beside which the plots lie.
  """

  alias Bench.Curve
  alias Bench.Growth.Tell
  alias FormdbHttp.JSON

  # Seconds after which a size is given up.
  @patience 1_200

  @doc "Measures worlds, `{name, sizes}`. Ends the VM with 1 if a size failed."
  def run(worlds) do
    {curves, failed} =
      for {world, sizes} <- worlds, size <- sizes, reduce: {[], []} do
        {curves, failed} ->
          IO.puts("\n#{world}: #{Tell.count(size)}")
          {points, status} = one_size(world, size)
          curves = add(curves, points)
          keep(curves, false)
          {curves, if(status == 0, do: failed, else: ["#{world}: #{Tell.count(size)}" | failed])}
      end

    keep(curves, failed == [])
    if path = System.get_env("BENCH_JSON"), do: plot(path)
    IO.puts(Tell.above(curves))

    if failed != [] do
      IO.puts("FAILED: #{failed |> Enum.reverse() |> Enum.join(", ")}; the reasons are above")
      System.halt(1)
    end
  end

  # The cache of results is off: no answer is one that was kept.
  defp one_size(world, size) do
    folder = Path.expand("tmp/growth-#{System.pid()}")
    file = Path.join(folder, "points.json")
    File.rm_rf!(folder)
    File.mkdir_p!(Path.join(folder, "data"))

    environment = [
      {"FORMDB_DATA_DIR", Path.join(folder, "data")},
      {"FORMDB_QUERY_CACHE_ENTRIES", "0"},
      {"BENCH_JSON", nil}
    ]

    command = ~w(--kill-after=10 #{@patience} mix run --no-compile bench/growth/one_size.exs)

    {_output, status} =
      System.cmd("timeout", command ++ [world, to_string(size), file],
        into: IO.stream(:stdio, :line),
        stderr_to_stdout: true,
        env: environment
      )

    points = if File.exists?(file), do: file |> File.read!() |> JSON.decode!(), else: []
    File.rm_rf!(folder)
    {points, status}
  end

  defp add(curves, points) do
    Enum.reduce(points, curves, fn %{"point" => point} = object, curves ->
      key = {object["group"], object["name"]}

      case Enum.find_index(curves, &({&1.group, &1.name} == key)) do
        nil -> curves ++ [Curve.from_json(Map.put(object, "points", [point]))]
        place -> List.update_at(curves, place, &%{&1 | points: &1.points ++ [point]})
      end
    end)
  end

  defp keep(curves, finished) do
    if path = System.get_env("BENCH_JSON") do
      object = [
        benchmark: "growth",
        finished: finished,
        figures: [],
        curves: Enum.map(curves, &Curve.to_json/1)
      ]

      File.write!(path, [JSON.encode(object), "\n"])
    end
  end

  # Not being able to draw spoils no figures.
  defp plot(path) do
    plots = Path.expand(".tools/plots")

    if File.dir?(plots) do
      {_output, 0} =
        System.cmd("python3", ["bench/growth/plot.py", path],
          into: IO.stream(:stdio, :line),
          stderr_to_stdout: true,
          env: [{"PYTHONPATH", plots}]
        )
    else
      IO.puts("no plots: run bin/setup --growth")
    end
  end
end
