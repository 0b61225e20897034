Code.require_file("features.exs", __DIR__)

defmodule Bench.Growth.FeatureQuestions do
  @moduledoc "What is asked of a world of features (`Bench.Growth.Features`), and what has to be answered."

  alias Bench.Growth.{Features, Lattice, Question}
  alias Bench.Measure

  # Boxes are so many cells wide and high.
  @side 6

  @doc "All questions."
  def all(name, world) do
    group = "#{world.kind}: "

    Enum.map(lookups(name, world), &struct!(Question, [{:group, group <> "lookups"} | &1])) ++
      Enum.map(searches(name, world), &struct!(Question, [{:group, group <> "searches"} | &1])) ++
      Enum.map(lists(name, world), &struct!(Question, [{:group, group <> "lists"} | &1]))
  end

  defp lookups(name, world) do
    [
      [
        name: "feature by id",
        should: :constant,
        ask: fn n -> FormdbHttp.get_feature(name, "f#{number(world, n)}") end,
        check: fn n, {:ok, feature} ->
          number = number(world, n)
          Measure.check!(feature.seq == Features.seq(number), "the block of feature #{number}")
          Measure.check!(Features.numbers(feature.json) == [number], "feature #{number}")
        end
      ],
      [
        name: "id that is not there",
        should: :constant,
        ask: fn n -> FormdbHttp.get_feature(name, "none#{n}") end,
        check: fn _n, {:error, error} ->
          Measure.check!(error.code == :feature_not_found, "that there is none")
        end
      ]
    ]
  end

  defp searches(name, world) do
    [
      [
        name: "box of #{@side * @side}",
        should: :log,
        ask: fn n -> FormdbHttp.search(name, {:box, box(world, n)}) end,
        check: fn n, answer -> Features.check_page(answer, inside(world, n), rem(n, 16) == 1) end
      ],
      [
        name: "nearest ten",
        should: :log,
        ask: fn n ->
          FormdbHttp.search(name, {:near, Lattice.position(world.lattice, number(world, n))},
            k: 10
          )
        end,
        check: fn n, {:ok, page} ->
          [first | _] = numbers = Features.numbers(page.json)
          Measure.check!(first == number(world, n), "the nearest is where was asked")
          Measure.check!(length(Enum.uniq(numbers)) == 10, "ten features")
        end
      ],
      [
        name: "count of a box of #{@side * @side}",
        should: :log,
        ask: fn n -> FormdbHttp.count(name, {:box, box(world, n)}) end,
        check: fn _n, {:ok, %{count: count}} ->
          Measure.check!(count == @side * @side, "the count")
        end
      ],
      [
        name: "count of everything",
        should: :log,
        ask: fn _n -> FormdbHttp.count(name, :everything) end,
        check: fn _n, {:ok, %{count: count}} ->
          Measure.check!(count == world.size, "the count")
        end
      ],
      [
        name: "count of a box of everything",
        should: :log,
        ask: fn n ->
          FormdbHttp.count(name, {:box, {-179.9, -89.9, 179.9, 89 + rem(n, 1_000) / 1_000}})
        end,
        check: fn _n, {:ok, %{count: count}} ->
          Measure.check!(count == world.size, "the count")
        end
      ]
    ]
  end

  defp lists(name, world) do
    [
      [
        name: "first page of 100",
        should: :constant,
        ask: fn _n -> FormdbHttp.search(name, :everything, limit: 100) end,
        check: fn _n, answer -> Features.check_page(answer, Enum.to_list(0..99)) end
      ],
      [
        name: "the last 300 by seq",
        should: :log,
        ask: fn _n ->
          FormdbHttp.search(name, :everything,
            filters: [{"seq", "gte:#{Features.seq(world.size - 300)}"}]
          )
        end,
        check: fn _n, answer ->
          Features.check_page(answer, Enum.to_list((world.size - 300)..(world.size - 1)))
        end
      ],
      [
        name: "those of ten that have a property",
        should: :linear,
        ask: fn _n -> FormdbHttp.search(name, :everything, filters: [{"prop.rare", "exists"}]) end,
        check: fn _n, answer ->
          Features.check_page(answer, for(i <- 0..9, do: i * world.rare))
        end
      ]
    ]
  end

  defp number(world, n), do: rem(n * 7_919, world.size)
  defp place(world, n), do: Lattice.place(world.lattice, n, @side)
  defp box(world, n), do: Lattice.box(world.lattice, place(world, n), @side, @side)
  defp inside(world, n), do: Lattice.inside(world.lattice, place(world, n), @side, @side)
end
