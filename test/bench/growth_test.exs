Code.require_file("../../bench/support/summary.exs", __DIR__)
Code.require_file("../../bench/growth/lattice.exs", __DIR__)

defmodule Bench.GrowthTest do
  use ExUnit.Case, async: true

  alias Bench.{Curve, Interference}
  alias Bench.Growth.{Lattice, Tell}

  @sizes [10_000, 100_000, 1_000_000, 10_000_000]

  defp curve(values, should \\ :constant, name \\ "a question") do
    points =
      for {size, value} <- Enum.zip(@sizes, values),
          do: %{
            "size" => size,
            "value" => value,
            "p99" => value * 2,
            "max" => value * 3,
            "calls" => 9
          }

    %Curve{group: "a world: lists", of: "things", name: name, should: should, points: points}
  end

  # Values of a growth, with noise that is not the same from one to the next.
  defp grown(shape, seed) do
    :rand.seed(:exsss, {seed, 2, 3})

    for size <- @sizes,
        do: (20 + 80 * shape.(size) / shape.(10_000)) * (0.87 + :rand.uniform() * 0.27)
  end

  describe "the shape of a curve" do
    test "is found through noise" do
      for seed <- 1..50 do
        assert Curve.shape(curve(grown(fn _ -> 1 end, seed))) == :constant
        assert Curve.shape(curve(grown(&:math.sqrt/1, seed))) == :sqrt
        assert Curve.shape(curve(grown(& &1, seed))) == :linear
        assert Curve.shape(curve(grown(&(&1 * &1), seed))) == :quadratic
      end
    end

    test "is constant where nothing doubles, and log n where it grows with the digits" do
      assert Curve.shape(curve([10, 12, 15, 19])) == :constant
      assert Curve.shape(curve([40, 10, 10, 10])) == :constant
      assert Curve.shape(curve([42, 42, 20, 63])) == :sqrt
      assert Curve.shape(curve([10, 15, 20, 25])) == :log
      assert Curve.shape(curve([1])) == nil
    end

    test "is that of what begins at the greatest size" do
      # Measured where a count walked anew for each of its windows.
      assert Curve.shape(curve([300, 2_700, 27_000, 1_440_000])) == :quadratic
      assert Curve.shape(curve([100, 100, 100, 900])) == :linear
    end
  end

  test "a curve grows more than it should by a factor" do
    refute Curve.above?(curve([10, 15, 20, 25], :log))
    refute Curve.above?(curve([1, 10, 100, 1_000], :linear))
    assert Curve.above?(curve([1, 10, 100, 1_000], :log))
    assert Curve.above?(curve([10, 15, 20, 25], :constant))
    assert_in_delta Curve.excess(curve([1, 10, 100, 1_000], :log)), 1_000 / (7 / 4), 1.0e-6
    assert Curve.excess(curve([4, 3, 2, 1], :log)) == 1.0
    assert_in_delta Curve.times(curve([2, 3, 4, 9])), 4.5, 1.0e-9
  end

  test "a curve comes back from its JSON" do
    curve = curve([1.5, 2.5, 3.5, 4.5], :log)
    object = curve |> Curve.to_json() |> FormdbHttp.JSON.text() |> FormdbHttp.JSON.decode!()
    assert object["shows"] == "log"
    assert Curve.from_json(object) == curve
  end

  test "the tables have every size, and list what grows more than it should, the worst first" do
    good = curve([1, 1, 1, 1], :constant, "good")
    bad = curve([1_000, 10_000, 100_000, 1_000_000], :constant, "a | b")
    worse = curve([1, 100, 10_000, 1_000_000], :log, "worse")
    missing = %{good | name: "missing", points: tl(good.points)}
    text = IO.iodata_to_binary(Tell.tables([good, bad, worse, missing], "nowhere"))
    assert text =~ "| things: | 10 K | 100 K | 1 M | 10 M |"
    assert text =~ "| good | 1.00 us (2.00 us, 3.00 us) | 1.00 us"
    assert text =~ "| missing |  | 1.00 us"

    assert text =~
             ~r/a \\\| b .* 1\.00 s .* x1000 \| n \| constant \| \*\*more than it should\*\*/

    refute text =~ ".svg"

    text = IO.iodata_to_binary(Tell.above([good, bad, worse]))
    assert text =~ "2 of 3 curves"
    assert text =~ ~r/worse.*\n.*a \\\| b/
    refute text =~ "good"
    assert IO.iodata_to_binary(Tell.above([good])) =~ "Nothing: 1 curves"
    assert Tell.above([]) == []
  end

  test "waits stand beside those of readers who are alone" do
    waits =
      &[
        %{
          "who" => "reads",
          "calls" => 7,
          "refused" => 2,
          "p50" => 1,
          "p99" => &1,
          "p999" => 9,
          "max" => 9_000
        }
      ]

    companies = [
      %{"beside" => "alone", "did" => "nothing", "waits" => waits.(10)},
      %{"beside" => "a load", "did" => "much", "waits" => waits.(35)}
    ]

    text = IO.iodata_to_binary(Interference.Tell.text(companies))
    assert text =~ ~r/\| a load \| much \| reads \| 7 \| 2 \| .* 9\.00 ms \| x3\.50 \|/
    assert Interference.Tell.text([]) == []
  end

  test "a lattice has each feature in a cell of its own, and knows what a box holds" do
    lattice = Lattice.new(1_000)
    assert Enum.uniq(for number <- 0..999, do: Lattice.cell(lattice, number)) |> length() == 1_000

    for number <- 0..999,
        do: assert(Lattice.number(lattice, Lattice.cell(lattice, number)) == number)

    for n <- 1..50 do
      place = Lattice.place(lattice, n, 6)
      {west, south, east, north} = Lattice.box(lattice, place, 6, 6)

      found =
        for number <- 0..999,
            {x, y} = Lattice.position(lattice, number),
            x > west and x < east and y > south and y < north,
            do: number

      assert found == Lattice.inside(lattice, place, 6, 6)
    end
  end
end
