# What a backup takes, and what writers notice of it.
#
#   mix run bench/backup_bench.exs [BLOCKS]
#
# By default a million blocks (a feature each). Backups go into a temporary folder, and with
# BENCH_BACKUPS=FOLDER into one on another file system, where nothing can be linked to the
# database. Every backup is verified, and the restored database has to have its root.

Code.require_file("support/bench.exs", __DIR__)
Code.require_file("support/histogram.exs", __DIR__)
Bench.start()

# In a module, because scripts are interpreted outside of one.
defmodule Bench.Backup do
  alias Bench.{Histogram, Measure, Report}

  @features_a_call 5_000
  @writers 64

  def run(blocks) do
    Report.open("backup")

    Report.section("#{blocks} blocks",
      checked: "every backup byte by byte, and the root of what was restored"
    )

    rounds = for _ <- 1..Bench.rounds(), do: Bench.with_database(&round(&1, blocks))

    for {name, members} <- rows(),
        do: Report.figure(name, Enum.map(rounds, &Map.fetch!(&1, name)), members)

    Report.close()
  end

  defp rows do
    took = [unit: "s", better: :lower]
    p99 = [unit: "us", better: :lower, note: "#{@writers} writers, durable"]

    [
      {"bytes of the backup", unit: "bytes", better: :lower},
      {"full", took},
      {"after one per cent more", took},
      {"verify", took},
      {"restore", took},
      {"writers' p99, alone", p99},
      {"writers' p99, beside a backup", p99}
    ]
  end

  defp round(name, blocks) do
    load(name, 0, blocks)
    folder = folder(name)
    File.mkdir_p!(folder)

    try do
      full = take(name, Path.join(folder, "full"), 0)
      load(name, blocks, div(blocks, 100))
      more = take(name, Path.join(folder, "more"), 0)
      dir = Path.join(folder, "more")
      {verify, {:ok, verified}} = :timer.tc(fn -> FormdbHttp.verify_backup(dir) end)
      Measure.check!(verified.root == more.root, "the root of a backup")
      to = Path.join(FormdbHttp.Catalog.config().data_dir, name <> "-restored")
      {restore, {:ok, restored}} = :timer.tc(fn -> FormdbHttp.restore_backup(dir, to) end)
      File.rm_rf!(to)
      Measure.check!(restored.root == more.root, "the root of what was restored")

      alone = p99(name)
      rate = FormdbHttp.Catalog.config().backup_bytes_per_second
      beside = Task.async(fn -> take(name, Path.join(folder, "beside"), rate) end)
      busy = p99(name)
      Task.await(beside, :infinity)

      %{
        "bytes of the backup" => full.bytes,
        "full" => full.microseconds / 1.0e6,
        "after one per cent more" => more.microseconds / 1.0e6,
        "verify" => verify / 1.0e6,
        "restore" => restore / 1.0e6,
        "writers' p99, alone" => alone,
        "writers' p99, beside a backup" => busy
      }
    after
      File.rm_rf!(folder)
    end
  end

  # Outside of the data folder.
  defp folder(name) do
    around = System.get_env("BENCH_BACKUPS", System.tmp_dir!())
    Path.join(around, "#{name}-backups-#{System.pid()}")
  end

  # At the pace that is given, and not that of the configuration.
  defp take(name, to, bytes_per_second) do
    ref = make_ref()
    options = %{database: name, folders: [], bytes_per_second: bytes_per_second}
    :ok = FormdbHttp.Native.backup_open(FormdbHttp.Catalog.handle(), to, options, ref)
    await(ref)
  end

  defp await(ref) do
    receive do
      {^ref, {:progress, _done, _total}} -> await(ref)
      {^ref, {:ok, report}} -> report
    end
  end

  defp load(name, from, count) do
    from..(from + count - 1)
    |> Stream.chunk_every(@features_a_call)
    |> Task.async_stream(&({:ok, _} = FormdbHttp.put_features(name, collection(&1))),
      max_concurrency: 4,
      timeout: :infinity
    )
    |> Stream.run()
  end

  defp collection(numbers) do
    features =
      for n <- numbers do
        [~s({"type":"Feature","id":"f#{n}","geometry":{"type":"Point","coordinates":[)] ++
          ["#{rem(n, 180)},#{rem(n, 80)}]},\"properties\":{\"n\":#{n}}}"]
      end

    IO.iodata_to_binary([
      ~s({"type":"FeatureCollection","features":[),
      Enum.intersperse(features, ","),
      "]}"
    ])
  end

  # Microseconds.
  defp p99(name) do
    histogram = Histogram.new()
    stop = System.monotonic_time(:millisecond) + Bench.span(10_000)

    calls =
      for(n <- 1..@writers, do: Task.async(fn -> write(name, n, 0, stop, histogram) end))
      |> Task.await_many(:infinity)
      |> Enum.sum()

    Histogram.percentile(histogram, calls, 0.99) / 1_000
  end

  defp write(name, writer, n, stop, histogram) do
    text =
      ~s({"type":"Feature","id":"w#{writer}-#{rem(n, 100)}","geometry":null,"properties":{"n":#{n}}})

    {micros, {:ok, _ack}} = :timer.tc(fn -> FormdbHttp.put_feature(name, text) end)
    Histogram.add(histogram, micros * 1_000)

    if System.monotonic_time(:millisecond) < stop,
      do: write(name, writer, n + 1, stop, histogram),
      else: n + 1
  end
end

blocks =
  case System.argv() do
    [blocks] -> String.to_integer(blocks)
    [] -> Bench.scaled(1_000_000, 100_000)
  end

Bench.Backup.run(blocks)
