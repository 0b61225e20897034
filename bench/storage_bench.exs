# What a large database costs: loading it, on disk, in memory, opening it, proving it.
#
#   mix run bench/storage_bench.exs [POINTS] [FEATURES]
#
# By default ten million points and a million features; POINTS and FEATURES take other
# numbers, such as 0 and 10000000. Works in a temporary folder, removed at the end. Every
# round loads all of it again.

Code.require_file("support/bench.exs", __DIR__)
Bench.start()

# In a module, because scripts are interpreted outside of one.
defmodule Bench.Storage do
  alias Bench.{Measure, Report}

  @start 1_700_000_000_000_000
  @points_a_call 50_000
  @features_a_call 5_000
  @proofs 2_000

  def run(points, features) do
    Report.open("storage")

    Report.section("#{points} points and #{features} features",
      checked:
        "numbers, sequence and root after every opening; that a proof is found for each of " <>
          "#{@proofs} places, and that every hundredth names that root"
    )

    rounds = for _ <- 1..Bench.rounds(), do: Bench.with_database(&round(&1, points, features))

    for {name, members} <- rows(points, features) do
      Report.figure(name, Enum.map(rounds, &Map.fetch!(&1, name)), members)
    end

    Report.close()
  end

  defp rows(points, features) do
    bytes = [unit: "bytes", better: :lower]
    took = [unit: "s", better: :lower]

    [
      points > 0 and
        [
          {"load points", target: 1_000_000},
          {"on disk, a point", bytes ++ [earlier: 140, target: 8]}
        ],
      features > 0 and [{"load features", target: 300_000}, {"on disk, a feature", bytes}],
      [
        {"resident memory, loaded", unit: "MiB", better: :lower, note: "of the whole VM"},
        {"close, writing the snapshot", took},
        # Of ten million blocks.
        {"open, with a snapshot", took ++ [target: if(features >= 10_000_000, do: 5)]},
        {"open, without a snapshot", took},
        {"inclusion proof", unit: "us", better: :lower},
        {"consistency proof", unit: "us", better: :lower}
      ]
    ]
    |> Enum.filter(& &1)
    |> Enum.concat()
  end

  defp round(name, points, features) do
    figures = %{}
    empty = info(name)

    figures =
      if points > 0 do
        rate = points * 1.0e6 / load_points(name, points)
        bytes = (info(name).journal_bytes - empty.journal_bytes) / points
        Map.merge(figures, %{"load points" => rate, "on disk, a point" => bytes})
      else
        figures
      end

    half = info(name)

    figures =
      if features > 0 do
        rate = features * 1.0e6 / load_features(name, features)
        bytes = (info(name).journal_bytes - half.journal_bytes) / features
        Map.merge(figures, %{"load features" => rate, "on disk, a feature" => bytes})
      else
        figures
      end

    :erlang.garbage_collect()
    full = info(name)
    Measure.check!({full.points, full.features} == {points, features}, "everything is there")
    memory = resident()
    {close, :ok} = Measure.time(fn -> FormdbHttp.close(name) end)
    with_snapshot = open(name, full)
    # As a kill leaves it: the journal as it is, and no snapshot.
    :ok = FormdbHttp.close(name)
    File.rm_rf!(Path.join([FormdbHttp.Catalog.config().data_dir, name, "snapshots"]))
    without = open(name, full)

    Map.merge(figures, %{
      "resident memory, loaded" => memory,
      "close, writing the snapshot" => close / 1.0e6,
      "open, with a snapshot" => with_snapshot / 1.0e6,
      "open, without a snapshot" => without / 1.0e6,
      "inclusion proof" => proofs(name, full, &FormdbHttp.inclusion_proof/2),
      "consistency proof" => proofs(name, full, &FormdbHttp.consistency_proof/2)
    })
  end

  defp info(name) do
    {:ok, info} = FormdbHttp.database(name)
    info
  end

  # Resident memory of the whole process, in MiB.
  defp resident do
    [_, kib] = Regex.run(~r/^VmRSS:\s+(\d+) kB/m, File.read!("/proc/self/status"))
    div(String.to_integer(kib), 1024)
  end

  ## Loading

  # A sensor that reads once a second, in hundredths, around a slow wave. All is made before
  # the clock runs: it is the database that is measured.
  defp load_points(name, points) do
    chunks =
      for from <- 0..(points - 1)//@points_a_call do
        range = from..(min(from + @points_a_call, points) - 1)

        {for(i <- range, into: <<>>, do: <<@start + i * 1_000_000::little-signed-64>>),
         for(i <- range, into: <<>>, do: <<value(i)::little-float-64>>)}
      end

    Measure.by_two(chunks, fn {timestamps, values} ->
      {:ok, _} = FormdbHttp.put_columns(name, "sensor", timestamps, values, timeout: :infinity)
    end)
  end

  defp value(i), do: 20 + 5 * :math.sin(i / 5_000) + rem(i * 7919, 100) / 100

  # A million at a time, so that the texts of ten million need not be there at once.
  defp load_features(name, features) do
    for from <- 0..(features - 1)//1_000_000, reduce: 0 do
      micros ->
        to = min(from + 1_000_000, features) - 1
        texts = for first <- from..to//@features_a_call, do: collection(first, to)

        micros +
          Measure.by_two(texts, fn text ->
            {:ok, _} = FormdbHttp.put_features(name, text, timeout: :infinity)
          end)
    end
  end

  defp collection(first, last) do
    list =
      for i <- first..min(first + @features_a_call - 1, last) do
        lon = rem(i * 7919, 3_600_000) / 10_000 - 180
        lat = rem(i * 104_729, 1_800_000) / 10_000 - 90

        ~s({"type":"Feature","id":"f#{i}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
          ~s("properties":{"mag":4.2,"place":"10 km W of somewhere","status":"reviewed"}})
      end

    ~s({"type":"FeatureCollection","features":[#{Enum.join(list, ",")}]})
  end

  ## Opening and proving

  defp open(name, full) do
    {micros, {:ok, again}} = Measure.time(fn -> FormdbHttp.open(name) end)
    same = &{&1.root, &1.seq, &1.points, &1.features}
    Measure.check!(same.(again) == same.(full), "the same database")
    micros
  end

  # Microseconds of each.
  defp proofs(name, full, prove) do
    seqs = for n <- 1..@proofs, do: rem(n * 7_919_317, full.seq) + 1
    {micros, proofs} = Measure.time(fn -> for seq <- seqs, do: prove.(name, seq) end)

    for {:ok, proof} <- Enum.take_every(proofs, 100) do
      root = Map.get(proof, :root) || Map.get(proof, :second_root)
      Measure.check!(root == full.root, "the proof leads to the root")
    end

    Measure.check!(Enum.all?(proofs, &match?({:ok, _}, &1)), "a proof for each")
    micros / @proofs
  end
end

{points, features} =
  case Enum.map(System.argv(), &String.to_integer/1) do
    [] -> Bench.scaled({10_000_000, 1_000_000}, {1_000_000, 100_000})
    [points, features] -> {points, features}
  end

Bench.Storage.run(points, features)
