# What a large database costs: loading it, on disk, in memory, opening it, proving it.
#
#   MIX_ENV=prod mix run bench/storage_bench.exs [POINTS] [FEATURES]
#
# By default ten million points and a million features; POINTS and FEATURES take other
# numbers, such as 0 and 10000000. Works in a temporary folder, removed at the end.

Code.require_file("support/measure.exs", __DIR__)
alias Bench.Measure

Logger.configure(level: :warning)

{points, features} =
  case Enum.map(System.argv(), &String.to_integer/1) do
    [] -> {10_000_000, 1_000_000}
    [points, features] -> {points, features}
  end

name = "storage-#{System.unique_integer([:positive])}"
{:ok, _} = FormdbHttp.open(name)
{:ok, empty} = FormdbHttp.database(name)

# Resident memory of the whole process, now and at its peak, in MiB.
memory = fn field ->
  "/proc/self/status"
  |> File.read!()
  |> then(&Regex.run(~r/^#{field}:\s+(\d+) kB/m, &1))
  |> then(fn [_, kib] -> div(String.to_integer(kib), 1024) end)
end

load = fn chunks, write ->
  {micros, _} =
    Measure.time(fn ->
      chunks
      |> Task.async_stream(write, max_concurrency: 2, ordered: false, timeout: :infinity)
      |> Stream.run()
    end)

  micros
end

report = fn what, count, micros, before ->
  {:ok, now} = FormdbHttp.database(name)
  bytes = (now.journal_bytes - before.journal_bytes) / max(count, 1)

  Measure.line(
    "load #{count} #{what}",
    Measure.rate(count * 1.0e6 / micros),
    "#{Float.round(bytes, 2)} bytes each on disk; #{memory.("VmRSS")} MiB in memory, peak #{memory.("VmHWM")}"
  )

  now
end

start = 1_700_000_000_000_000
per_call = 50_000

loaded =
  if points > 0 do
    # A sensor that reads once a second, in hundredths, around a slow wave.
    column = fn from ->
      for i <- from..(from + per_call - 1),
          into: <<>>,
          do: <<20 + 5 * :math.sin(i / 5_000) + rem(i * 7919, 100) / 100::little-float-64>>
    end

    times = fn from ->
      for i <- from..(from + per_call - 1),
          into: <<>>,
          do: <<start + i * 1_000_000::little-signed-64>>
    end

    # Made before the clock runs: it is the database that is measured.
    chunks = for from <- 0..(points - 1)//per_call, do: {times.(from), column.(from)}

    micros =
      load.(chunks, fn {timestamps, values} ->
        {:ok, _} = FormdbHttp.put_columns(name, "sensor", timestamps, values, timeout: :infinity)
      end)

    report.("points", points, micros, empty)
  else
    empty
  end

if features > 0 do
  per_call = 5_000

  collection = fn from ->
    list =
      for i <- from..(from + per_call - 1) do
        lon = rem(i * 7919, 3_600_000) / 10_000 - 180
        lat = rem(i * 104_729, 1_800_000) / 10_000 - 90

        ~s({"type":"Feature","id":"f#{i}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
          ~s("properties":{"mag":4.2,"place":"10 km W of somewhere","status":"reviewed"}})
      end

    ~s({"type":"FeatureCollection","features":[#{Enum.join(list, ",")}]})
  end

  # A million at a time, so that the texts of ten million need not be there at once.
  micros =
    for from <- 0..(features - 1)//1_000_000, reduce: 0 do
      micros ->
        to = min(from + 1_000_000, features) - 1
        texts = for first <- from..to//per_call, do: collection.(first)

        micros +
          load.(texts, fn text ->
            {:ok, _} = FormdbHttp.put_features(name, text, timeout: :infinity)
          end)
    end

  report.("features", features, micros, loaded)
end

:erlang.garbage_collect()
{:ok, full} = FormdbHttp.database(name)
Measure.check!(full.points == points and full.features == features, "everything is there")

## Opening

reopen = fn what ->
  {micros, {:ok, again}} = Measure.time(fn -> FormdbHttp.open(name) end)
  same = {again.root, again.seq, again.points, again.features}
  Measure.check!(same == {full.root, full.seq, full.points, full.features}, "the same database")

  Measure.line(
    "open #{full.seq} blocks, #{what}",
    "#{Float.round(micros / 1.0e6, 2)} s",
    "#{Measure.rate(full.seq * 1.0e6 / micros)} blocks; #{memory.("VmRSS")} MiB in memory"
  )
end

{micros, :ok} = Measure.time(fn -> FormdbHttp.close(name) end)
Measure.line("close", "#{Float.round(micros / 1.0e6, 2)} s")
reopen.("closed before, with its snapshot")

# As a kill leaves it: the journal as it is, and whatever snapshots there are.
folder = Path.join(FormdbHttp.Catalog.config().data_dir, name)
:ok = FormdbHttp.close(name)
File.rm_rf!(Path.join(folder, "snapshots"))
reopen.("without a snapshot")

## Proofs

seqs = for n <- 1..2_000, do: rem(n * 7_919_317, full.seq) + 1
{:ok, proof} = FormdbHttp.inclusion_proof(name, hd(seqs))
Measure.check!(proof.root == full.root, "the proof leads to the root")

{micros, _} =
  Measure.time(fn -> for seq <- seqs, do: {:ok, _} = FormdbHttp.inclusion_proof(name, seq) end)

Measure.line(
  "inclusion proof of #{full.seq} blocks",
  "#{Float.round(micros / length(seqs), 1)} us",
  "#{length(proof.path)} hashes, #{length(proof.path) * 32} bytes"
)

{:ok, consistency} = FormdbHttp.consistency_proof(name, div(full.seq, 3) + 1)

{micros, _} =
  Measure.time(fn -> for seq <- seqs, do: {:ok, _} = FormdbHttp.consistency_proof(name, seq) end)

Measure.line(
  "consistency proof of #{full.seq} blocks",
  "#{Float.round(micros / length(seqs), 1)} us",
  "#{length(consistency.path)} hashes, #{length(consistency.path) * 32} bytes"
)

:ok = FormdbHttp.purge(name)
