for file <- ~w(bench summary),
    do: Code.require_file("../../bench/support/#{file}.exs", __DIR__)

defmodule Bench.ReportTest do
  # The environment says where figures go.
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias Bench.{Comparison, Figure, Report, Results, StandIn, Summary}
  alias FormdbHttp.JSON

  setup do
    folder = Path.join(System.tmp_dir!(), "formdb-bench-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    names = ~w(BENCH_JSON BENCH_ROUNDS BENCH_QUICK)
    before = Map.new(names, &{&1, System.get_env(&1)})

    on_exit(fn ->
      File.rm_rf!(folder)
      System.put_env(before)
    end)

    System.put_env(Map.new(names, &{&1, nil}))
    %{folder: folder}
  end

  describe "the stand-in for Benchee" do
    test "has the statistics of all samples" do
      statistics = StandIn.statistics(Enum.shuffle(1..100), percentiles: [50, 99, 100])
      assert %{average: 50.5, median: 50, minimum: 1, maximum: 100, sample_size: 100} = statistics
      assert statistics.percentiles == %{50 => 50, 99 => 99, 100 => 100}
      assert_in_delta statistics.std_dev, :math.sqrt((100 * 100 - 1) / 12), 1.0e-9
      assert_in_delta statistics.std_dev_ratio, statistics.std_dev / 50.5, 1.0e-12
      assert_in_delta statistics.ips, 1.0e9 / 50.5, 1.0e-3
    end

    test "runs every job with its hooks, and gives back a suite as Benchee does" do
      me = self()

      hooks = [
        before_scenario: fn input -> send(me, {:before, input}) && input + 1 end,
        after_scenario: fn input -> send(me, {:after, input}) && input end
      ]

      job = fn input -> send(me, {:called, input}) end
      opts = [time: 0.001, warmup: 0.001, inputs: %{"one" => 1}, parallel: 2, memory_time: 1]

      table =
        capture_io(fn ->
          send(
            me,
            {:suite, StandIn.run(%{"job" => {job, hooks}, "idle" => fn _ -> :ok end}, opts)}
          )
        end)

      assert_received {:suite, suite = %{configuration: %{parallel: 2}}}
      assert Enum.sort(Enum.map(suite.scenarios, & &1.name)) == ["idle", "job"]
      for _ <- 1..2, do: assert_received({:before, 1})
      for _ <- 1..2, do: assert_received({:after, 2})
      refute_received {:before, _}
      assert_received {:called, 2}
      assert table =~ "##### one" and table =~ "average"

      for scenario <- suite.scenarios do
        assert scenario.run_time_data.statistics.sample_size > 0
        assert Bench.rates(suite)[scenario.name] == 2 * scenario.run_time_data.statistics.ips
      end

      assert capture_io(fn -> StandIn.run(%{"a" => fn -> 1 end}, silent()) end) == ""
    end

    defp silent, do: [time: 0.001, warmup: 0.001, formatters: []]
  end

  describe "a figure" do
    test "has the median of its rounds and their range" do
      assert Figure.range(%Figure{name: "a", values: [3, 1, 2]}) == {1, 2, 3}
      assert Figure.range(%Figure{name: "a", values: [4.0, 1.0]}) == {1.0, 2.5, 4.0}
    end

    test "meets its target or misses it by a part" do
      figure = &%Figure{name: "a", values: [&1], target: 100, better: &2}
      assert Figure.verdict(figure.(100, :higher)) == :met
      assert Figure.verdict(figure.(50, :higher)) == {:missed, 0.5}
      assert Figure.verdict(figure.(100, :lower)) == :met
      assert Figure.verdict(figure.(150, :lower)) == {:missed, 1.5}
      assert Figure.verdict(%Figure{name: "a", values: [1]}) == nil
    end

    test "is so many times better than another, whichever way is better" do
      figure = &%Figure{name: "a", values: [&1], better: &2}
      assert Figure.times(figure.(1_000, :higher), 10) == 100
      assert Figure.times(figure.(4, :lower), 140) == 35
      assert Figure.times(figure.(4, :higher), 0) == nil
    end

    test "comes back from its JSON" do
      figure = %Figure{
        section: "a \"section\"",
        name: "on disk",
        values: [4.25, 4.5],
        unit: "bytes",
        better: :lower,
        earlier: 140,
        target: 8,
        kept: true,
        hits: 3,
        note: "ü"
      }

      object = figure |> Figure.to_json() |> JSON.text() |> JSON.decode!()
      assert %{"min" => 4.25, "median" => 4.375, "max" => 4.5} = object
      assert Figure.from_json(object) == figure
    end
  end

  describe "a report" do
    test "measures its rows in rounds, and keeps what it has in JSON", %{folder: folder} do
      path = Path.join(folder, "made_up.json")
      System.put_env("BENCH_JSON", path)
      System.put_env("BENCH_ROUNDS", "2")
      turns = :counters.new(1, [])

      turn = fn ->
        :counters.add(turns, 1, 1)
        :counters.get(turns, 1)
      end

      text =
        capture_io(fn ->
          Report.open("made_up")
          Report.section("a section", checked: "everything")
          values = Report.measure([{"first", turn, target: 2}, {"second", turn, unit: "s"}])
          assert values == %{"first" => [1, 3], "second" => [2, 4]}
          refute JSON.decode!(File.read!(path))["finished"]
          Report.close()
        end)

      assert text =~ "checked: everything"
      assert text =~ ~r/^first +2\.0 \/s +1\.0 \/s +3\.0 \/s.* met$/m
      record = JSON.decode!(File.read!(path))
      assert %{"benchmark" => "made_up", "finished" => true, "rounds" => 2} = record

      assert [%{"values" => [1, 3], "checked" => "everything"}, %{"unit" => "s"}] =
               record["figures"]
    end

    test "counts the hits of each row, and allows them only where answers are kept" do
      cache = :counters.new(1, [])
      hit = fn -> :counters.add(cache, 1, 1) end
      hits = fn -> :counters.get(cache, 1) end

      text =
        capture_io(fn ->
          Report.open("made_up")
          Report.section("a section", hits: hits)
          Report.measure([{"worked out", fn -> 1 end, []}, {"kept", hit_and(hit), kept: true}])
          Report.time([{"timed", fn -> :ok end, []}], millis: 1)

          assert_raise RuntimeError, ~r/3 answers came from the cache/, fn ->
            Report.measure([{"worked out", hit_and(hit), []}])
          end
        end)

      assert text =~ ~r/^worked out .* 0 hits$/m
      assert text =~ ~r/^kept .* kept: 3 hits$/m
      assert text =~ ~r/^timed .* 0 hits$/m
    end

    defp hit_and(hit) do
      fn ->
        hit.()
        1
      end
    end
  end

  describe "two results" do
    test "differ where their ranges, made wider, do not meet" do
      verdict = fn first, second, better ->
        figure = &%Figure{name: "a", values: &1, better: better}
        Comparison.verdict(figure.(first), figure.(second))
      end

      # Ranges that meet, and some that are next to each other.
      assert verdict.([100, 105, 110], [108, 112, 120], :higher) == :same
      assert verdict.([100, 105, 110], [112, 115, 120], :higher) == :same
      # Rounds that agree to the digit say nothing of a change of 3 %.
      assert verdict.([100, 100, 100], [97, 97, 97], :higher) == :same
      assert verdict.([100, 100, 100], [90, 90, 90], :higher) == :worse
      assert verdict.([100, 105, 110], [150, 155, 160], :higher) == :better
      assert verdict.([100, 105, 110], [150, 155, 160], :lower) == :worse
      assert verdict.([100, 105, 110], [60, 61, 62], :lower) == :better
      assert verdict.([100, 180, 260], [60, 62, 70], :higher) == :same
      assert verdict.([100], [10, 10, 10], :higher) == :unknown
    end

    test "are laid side by side, with what only one of them has", %{folder: folder} do
      first =
        results(folder, "1", [row("same", [10, 11]), row("slower", [10, 11]), row("gone", [1])])

      second =
        results(folder, "2", [row("same", [10, 11]), row("slower", [5, 5]), row("new", [1])])

      rows =
        for {_, _, name, _, _, verdict} <- Comparison.rows(first, second), do: {name, verdict}

      assert rows == [{"same", :same}, {"slower", :worse}, {"new", :alone}, {"gone", :alone}]
      text = IO.iodata_to_binary(Comparison.text(first, second))
      assert text =~ ~r/slower .* -52\.4 % +WORSE/
      assert text =~ "1 worse, 0 better, 1 within noise"
      assert Results.before(second.folder) == first.folder
      assert Results.before(first.folder) == nil
    end

    test "have a summary that says what failed, what is missed, and what got worse", %{
      folder: folder
    } do
      before = results(folder, "1", [row("boxes", [1_000, 1_010])])

      figures = [
        row("boxes", [500, 510], earlier: 100, published: 90, promised: 300, target: 2_000),
        row("kept | boxes", [9_000, 9_000], kept: true, hits: 12)
      ]

      now = results(folder, "2", figures, %{"temporal_index" => 1, "spatial_index" => 0})
      text = IO.iodata_to_binary(Summary.text(now, before))
      assert text =~ "- **temporal_index** ended with 1"
      refute text =~ "**spatial_index** ended"

      assert text =~
               "| in memory: boxes | 90.0 /s | 100.0 /s | 300.0 /s | 2.0 K/s | **505.0 /s** | x5.05 |"

      assert text =~ "0 of 1 met. Missed:"
      assert text =~ "boxes: 505.0 /s, target 2.0 K/s (missed: x0.25 of it)"
      assert text =~ "boxes: -49.8 %, from 1.0 K/s to 505.0 /s"
      assert text =~ "| kept \\| boxes |" and text =~ "kept: 12 hits"

      for table <- Regex.scan(~r/(?:^\|.*\n)+/m, text), [rows] = table do
        widths = for row <- String.split(rows, "\n", trim: true), do: cells(row)
        assert length(Enum.uniq(widths)) == 1, rows
      end

      refute text =~ "was not idle"
      busy = put_in(now.run["machine"]["load"], "3.20")
      assert IO.iodata_to_binary(Summary.text(busy, before)) =~ "was not idle"

      alone = IO.iodata_to_binary(Summary.text(before, nil))
      assert alone =~ "Every answer that was checked was right"
      assert alone =~ "last run kept: none"
    end

    test "set this system beside the best of the others, row by row", %{folder: folder} do
      asked = fn row, peer, values, members ->
        row("#{row}: #{peer}", values, [row: row, peer: peer, version: "1"] ++ members)
      end

      now =
        results(folder, "1", [
          asked.("box", "FormDB", [100, 300, 200], []),
          asked.("box", "PostGIS", [50], []),
          asked.("box", "Tile38", [400], durability: "each second"),
          asked.("bulk", "FormDB", [2], unit: "s", better: :lower),
          asked.("bulk", "PostGIS", [6], unit: "s", better: :lower),
          asked.("alone", "FormDB", [7], []),
          row("not compared", [1])
        ])

      text = IO.iodata_to_binary(Summary.text(now, nil))
      assert text =~ "| box | 200.0 /s | 50.0 /s | 400.0 /s (each second) | **x0.50** |"
      assert text =~ "| bulk | 2 s | 6 s |  | x3.00 |"
      assert text =~ "| alone | 7.0 /s |  |  |  |"
      assert text =~ "- **x0.50**: box (in memory)\n- x3.00: bulk (in memory)\n"
      assert text =~ "FormDB 1; PostGIS 1; Tile38 1."

      refute IO.iodata_to_binary(Summary.text(results(folder, "2", [row("a", [1])]), nil)) =~
               "peers"
    end

    defp cells(row), do: row |> String.replace("\\|", "") |> String.split("|") |> length()

    defp row(name, values, members \\ []),
      do: struct!(Figure, [section: "in memory", name: name, values: values] ++ members)

    defp results(folder, name, figures, statuses \\ %{}) do
      folder = Path.join(folder, name)
      File.mkdir_p!(folder)

      record = [
        benchmark: "spatial_index",
        finished: true,
        figures: Enum.map(figures, &Figure.to_json/1)
      ]

      statuses = for {name, status} <- statuses, do: %{name: name, status: status}
      run = [quick: false, rounds: 2, machine: [revision: "abc"], benchmarks: statuses]
      File.write!(Path.join(folder, "spatial_index.json"), JSON.encode(record))
      File.write!(Path.join(folder, "run.json"), JSON.encode(run))
      Results.read(folder)
    end
  end
end
