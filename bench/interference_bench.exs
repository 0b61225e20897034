# What heavy work does to others: how long 64 readers and a writer wait, alone and beside it.
#
#   mix run bench/interference_bench.exs [FEATURES]
#
# Works in a database of FEATURES (a million) features, and another of as many, with small
# segments, and no answers kept.

settings = %{
  "FORMDB_PORT" => "0",
  "FORMDB_HOST" => "127.0.0.1",
  "FORMDB_QUERY_CACHE_ENTRIES" => "0",
  # So that segments end, and snapshots are taken, within seconds.
  "FORMDB_SEGMENT_BYTES" => "#{16 * 1_048_576}",
  "FORMDB_SNAPSHOT_BYTES" => "#{32 * 1_048_576}"
}

Code.require_file("support/bench.exs", __DIR__)
for file <- ~w(readers company tell), do: Code.require_file("interference/#{file}.exs", __DIR__)

defmodule Bench.Interference do
  alias Bench.Growth.Features
  alias Bench.Interference.{Company, Readers, Tell}
  alias Bench.Measure
  alias FormdbHttp.JSON

  def run(features, settings) do
    Application.put_env(:formdb_http, :serve, true)
    Bench.start(settings)
    world = Features.world(:points, features)

    Bench.with_database(fn name ->
      Bench.with_database(fn other ->
        for database <- [name, other], do: Features.load(database, world)
        {:ok, %{features: ^features}} = FormdbHttp.database(name)
        companies(name, other, world)
      end)
    end)
  end

  defp companies(name, other, world) do
    port = FormdbHttpWeb.Endpoint.port()
    millis = Bench.scaled(10_000, 2_000)

    # Once for nothing: what is asked for again and again is in memory then.
    _ = Readers.beside(name, world, port, fn -> Process.sleep(div(millis, 2)) end)

    Company.all(name, other, world, millis)
    |> Enum.reduce([], fn {beside, work}, told ->
      IO.puts("\nbeside: #{beside}")
      {waits, did, micros} = Readers.beside(name, world, port, work)
      IO.puts("   #{did} in #{div(micros, 1_000)} ms")
      waits = for who <- Readers.who(), do: Map.put(waits[who], "who", who)
      Enum.each(waits, &say/1)

      told =
        told ++
          [
            %{
              "beside" => beside,
              "did" => "#{did} in #{Float.round(micros / 1.0e6, 1)} s",
              "waits" => waits
            }
          ]

      keep(told, false)
      told
    end)
    |> keep(true)
  end

  defp say(wait) do
    [p50, p99, longest] =
      for key <- ["p50", "p99", "max"],
          do: String.pad_leading(Bench.Growth.Tell.text(wait[key], "us"), 10)

    Measure.line(
      wait["who"],
      "#{wait["calls"]} calls",
      "p50 #{p50}  p99 #{p99}  longest #{longest}"
    )
  end

  defp keep(companies, finished) do
    if path = System.get_env("BENCH_JSON") do
      object = [benchmark: "interference", finished: finished, figures: [], companies: companies]
      File.write!(path, [JSON.encode(object), "\n"])
    end

    if finished, do: IO.puts(Tell.text(companies))
  end
end

features =
  case System.argv() do
    [] -> Bench.scaled(1_000_000, 100_000)
    [features] -> String.to_integer(features)
  end

Bench.Interference.run(features, settings)
