for file <- ~w(features journal_questions write_questions),
    do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.FeatureQuestions do
  @moduledoc """
  What is asked of the features of a world (`Bench.Growth.Features`), and what has to be answered:
  now, and as of a state near the end or early, when there was a tenth of them.
  """

  alias Bench.Growth.{Features, JournalQuestions, Lattice, Question, WriteQuestions}
  alias Bench.Measure

  # So many features, and places, are asked for again and again: their documents are in memory,
  # at every size.
  @asked 500
  @places 97
  # Boxes are so many cells wide and high.
  @side 6
  # Where the edges of an octagon end, in cells from the corner of its box.
  @cut 2.35
  @heatmap {20, 20}

  @doc "All questions."
  def all(name, world) do
    near = world.size - Features.a_call(world.size)

    states = [
      {"", [], world.size},
      {", as of near the end", [as_of: Features.seq(near - 1)], near},
      {", as of early", [as_of: Features.seq(world.rare - 1)], world.rare}
    ]

    read =
      for {suffix, opts, there} <- states,
          {part, questions} <- [
            {"lookups", lookups(name, world, opts, there)},
            {"searches", searches(name, world, opts, there)},
            {"totals", totals(name, world, opts, there)},
            {"lists", lists(name, world, opts, there)}
          ],
          question <- questions do
        part = if suffix == "", do: part, else: part <> " of the past"
        question = Keyword.update!(question, :name, &(&1 <> suffix))
        struct!(Question, [{:group, "#{world.kind}: #{part}"} | question])
      end

    about = fn n ->
      {{:feature_id, "f#{rem(n, world.size)}"}, [Features.seq(rem(n, world.size))]}
    end

    journal = JournalQuestions.all(name, world.kind, rare: "set_defaults", about: about)
    read ++ journal ++ WriteQuestions.features(name, world.kind, "f7")
  end

  ## One feature

  defp lookups(name, world, opts, there) do
    number = number(there)

    [
      [
        name: "feature by id",
        should: :constant,
        ask: fn n -> FormdbHttp.get_feature(name, "f#{number.(n)}", opts) end,
        check: fn n, {:ok, feature} ->
          Measure.check!(feature.seq == Features.seq(number.(n)), "the block of the feature")
          Measure.check!(Features.numbers(feature.json) == [number.(n)], "the feature")
        end
      ],
      [
        name: "id that is not there",
        should: :constant,
        ask: fn n -> FormdbHttp.get_feature(name, "none#{n}", opts) end,
        check: fn _n, {:error, error} ->
          Measure.check!(error.code == :feature_not_found, "that there is none")
        end
      ],
      [
        name: "versions of a feature",
        should: :constant,
        ask: fn n -> FormdbHttp.provenance(name, "f#{number.(n)}", opts) end,
        check: fn n, {:ok, page} ->
          Measure.check!(page.returned == 1, "one version")
          Measure.check!(page.json =~ ~s("seq":#{Features.seq(number.(n))},), "its block")
        end
      ],
      [
        name: "lineage of a feature",
        should: :constant,
        ask: fn n -> FormdbHttp.lineage(name, "f#{number.(n)}", opts) end,
        check: fn _n, {:ok, lineage} -> Measure.check!(not lineage.truncated, "no more") end
      ]
    ] ++ if(opts == [], do: [difference(name, number), each_once(name, world)], else: [])
  end

  defp number(there), do: &rem(rem(&1, @asked) * 7_919, there)

  # Read from the journal. It is the first question that reads these, and fewer than there are.
  defp each_once(name, world) do
    number = &rem(&1 * 7_919 + 13, world.size)

    [
      name: "feature by id, each once",
      should: :log,
      millis: 60,
      ask: fn n -> FormdbHttp.get_feature(name, "f#{number.(n)}") end,
      check: fn n, {:ok, feature} ->
        Measure.check!(feature.seq == Features.seq(number.(n)), "the block of the feature")
      end
    ]
  end

  defp difference(name, number) do
    [
      name: "what changed in a feature",
      should: :constant,
      ask: fn n -> FormdbHttp.feature_diff(name, "f#{number.(n)}", 0) end,
      check: fn n, {:ok, json} ->
        Measure.check!(json =~ ~s("seq":#{Features.seq(number.(n))},), "it was written")
      end
    ]
  end

  ## Searches with few hits

  defp searches(name, world, opts, there) do
    lattice = world.lattice
    place = &Lattice.place(lattice, rem(&1, @places), @side)
    box = &Lattice.box(lattice, place.(&1), @side, @side)

    inside =
      &(lattice |> Lattice.inside(place.(&1), @side, @side) |> Enum.filter(fn i -> i < there end))

    number = number(there)
    page = fn n, answer -> Features.check_page(answer, inside.(n), rem(n, 16) == 1) end

    [
      [
        name: "box of 36",
        should: :log,
        ask: fn n -> FormdbHttp.search(name, {:box, box.(n)}, opts) end,
        check: page
      ],
      [
        name: "what is within a box of 36",
        should: :log,
        ask: fn n -> FormdbHttp.search(name, {:box, box.(n)}, [predicate: :within] ++ opts) end,
        check: page
      ],
      [
        name: "count of a box of 36",
        should: :log,
        ask: fn n -> FormdbHttp.count(name, {:box, box.(n)}, opts) end,
        check: fn n, {:ok, %{count: count}} ->
          Measure.check!(count == length(inside.(n)), "the count")
        end
      ],
      [
        name: "box of 36, a class of ten",
        should: :log,
        ask: fn n ->
          FormdbHttp.search(name, {:box, box.(n)}, [filters: [{"prop.class", "c3"}]] ++ opts)
        end,
        check: fn n, answer ->
          Features.check_page(answer, Enum.filter(inside.(n), &(rem(&1, 10) == 3)))
        end
      ],
      [
        name: "octagon in a box of 36",
        should: :log,
        ask: fn n -> FormdbHttp.search(name, {:geometry, octagon(lattice, place.(n))}, opts) end,
        check: fn n, answer ->
          Features.check_page(answer, Enum.filter(in_octagon(world, place.(n)), &(&1 < there)))
        end
      ],
      [
        name: "what a position is in, or at",
        should: :log,
        ask: fn n -> FormdbHttp.search(name, {:geometry, point(world, number.(n))}, opts) end,
        check: fn n, answer -> Features.check_page(answer, [number.(n)]) end
      ],
      [
        name: "what meets a stored feature",
        should: :log,
        ask: fn n -> FormdbHttp.search(name, {:feature, "f#{number.(n)}"}, opts) end,
        check: fn n, answer -> Features.check_page(answer, [number.(n)]) end
      ],
      [
        name: "nearest ten",
        should: :log,
        ask: fn n -> FormdbHttp.search(name, {:near, at(world, number.(n))}, [k: 10] ++ opts) end,
        check: fn n, {:ok, page} ->
          [first | _] = numbers = Features.numbers(page.json)
          Measure.check!(first == number.(n), "the nearest is where was asked")
          Measure.check!(length(Enum.uniq(numbers)) == 10, "ten features")
          Measure.check!(Enum.all?(numbers, &(&1 < there)), "that were there")
        end
      ],
      [
        name: "count within a radius",
        should: :log,
        # A tenth of a cell's height, which is 111 km for each degree.
        ask: fn n ->
          radius = elem(Lattice.extent(lattice), 1) * 11_100
          FormdbHttp.count(name, {:near, at(world, number.(n))}, [radius: radius] ++ opts)
        end,
        check: fn _n, {:ok, %{count: count}} -> Measure.check!(count == 1, "one") end
      ],
      [
        name: "heatmap of a box of 36",
        should: :log,
        ask: fn n -> FormdbHttp.heatmap(name, box.(n), [cell: cell(lattice)] ++ opts) end,
        check: fn n, {:ok, %{json: json}} -> check_cells(json, length(inside.(n))) end
      ]
    ]
  end

  # Its slanted edges cut off three positions at each corner, and go through two of the
  # polygons around these.
  defp octagon(lattice, place) do
    {west, south, _, _} = Lattice.box(lattice, place, @side, @side)
    {width, height} = Lattice.extent(lattice)

    ring =
      for {x, y} <- [
            {@cut, 0},
            {6 - @cut, 0},
            {6, @cut},
            {6, 6 - @cut},
            {6 - @cut, 6},
            {@cut, 6},
            {0, 6 - @cut},
            {0, @cut},
            {@cut, 0}
          ],
          do: "[#{west + x * width},#{south + y * height}]"

    ~s({"type":"Polygon","coordinates":[[#{Enum.join(ring, ",")}]]})
  end

  defp in_octagon(world, {column, row}) do
    # How far a cell is from the corner that it is nearest to, in steps.
    from_corner = fn x, y -> min(x, 5 - x) + min(y, 5 - y) end
    outside = if world.kind == :polygons, do: 0, else: 1

    for(
      x <- 0..5,
      y <- 0..5,
      from_corner.(x, y) > outside,
      do: Lattice.number(world.lattice, {column + x, row + y})
    )
    |> Enum.sort()
  end

  defp at(world, number) do
    {x, y} = Lattice.position(world.lattice, number)
    {Float.round(x, 6), Float.round(y, 6)}
  end

  defp point(world, number) do
    {x, y} = at(world, number)
    ~s({"type":"Point","coordinates":[#{x},#{y}]})
  end

  # Some nine cells of a heatmap in a box of 36.
  defp cell(lattice) do
    {width, height} = Lattice.extent(lattice)
    {2 * width, 2 * height}
  end

  defp check_cells(json, count) do
    counts = for [_, digits] <- Regex.scan(~r/"count":(\d+)/, json), do: String.to_integer(digits)
    Measure.check!(Enum.sum(counts) == count, "#{count} features in all cells")
  end

  ## Of all features

  defp totals(name, world, opts, there) do
    # No two of these boxes are the same.
    everything = &{-179.9, -89.9, 179.9, 89 + rem(&1, 1_000) / 1_000}
    lattice = world.lattice
    {columns, rows} = {div(lattice.columns, 2), div(lattice.rows, 2)}

    count = fn number ->
      fn _n, {:ok, %{count: count}} ->
        Measure.check!(count == number, "the count is #{number}")
      end
    end

    past? = opts != []

    [
      [
        name: "count of everything",
        should: :log,
        ask: fn _n -> FormdbHttp.count(name, :everything, opts) end,
        check: count.(there)
      ],
      [
        name: "count of a box of everything",
        should: :log,
        ask: fn n -> FormdbHttp.count(name, {:box, everything.(n)}, opts) end,
        check: count.(there)
      ],
      # At its edge there are as many as the root of all.
      [
        name: "count of a box of a quarter",
        should: :sqrt,
        ask: fn n ->
          box = Lattice.box(lattice, {rem(n, columns), rem(n, rows)}, columns, rows)
          FormdbHttp.count(name, {:box, box}, opts)
        end,
        check:
          if(past?,
            do: fn _n, {:ok, %{count: count}} ->
              Measure.check!(count <= there, "no more than there were")
            end,
            else: count.(columns * rows)
          )
      ],
      [
        name: "heatmap of everything",
        should: :log,
        ask: fn n -> FormdbHttp.heatmap(name, everything.(n), [cell: @heatmap] ++ opts) end,
        check: fn _n, {:ok, %{json: json}} -> check_cells(json, there) end
      ],
      [
        name: "count of a class of ten",
        should: :linear,
        ask: fn _n ->
          FormdbHttp.count(name, :everything, [filters: [{"prop.class", "c3"}]] ++ opts)
        end,
        check: count.(div(there, 10))
      ],
      [
        name: "schema",
        should: if(past?, do: :linear, else: :constant),
        ask: fn _n -> FormdbHttp.schema(name, opts) end,
        check: fn _n, {:ok, %{json: json}} ->
          Measure.check!(FormdbHttp.JSON.decode!(json)["features"]["count"] == there, "the count")
        end
      ]
    ] ++ if(past?, do: [], else: [sums(name, world, everything)])
  end

  # Reads every feature.
  defp sums(name, world, everything) do
    [
      name: "heatmap of everything with sums",
      should: :linear,
      ask: fn n -> FormdbHttp.heatmap(name, everything.(n), cell: @heatmap, sum: "n") end,
      check: fn _n, {:ok, %{json: json}} -> check_cells(json, world.size) end
    ]
  end

  ## Pages of all features

  defp lists(name, world, opts, there) do
    # Where there are fewer than a page has room for, all of them are on it.
    page = fn numbers -> Enum.filter(numbers, &(&1 < there)) end
    first = Enum.to_list(0..99)
    last = max(there - 300, 0)
    list = &FormdbHttp.search(name, :everything, &1 ++ opts)

    [
      [
        name: "first page of 100",
        should: :constant,
        ask: fn _n -> list.(limit: 100) end,
        check: fn _n, answer -> Features.check_page(answer, page.(first)) end
      ],
      [
        name: "a page of 100, after a tenth",
        should: :constant,
        ask: page_after(list, div(there, 10)),
        check: fn _n, answer ->
          tenth = div(there, 10)
          Features.check_page(answer, page.(tenth..(tenth + 99)))
        end
      ],
      [
        name: "page of 100 of a class of ten",
        should: :constant,
        ask: fn _n -> list.(limit: 100, filters: [{"prop.class", "c3"}]) end,
        check: fn _n, answer ->
          Features.check_page(answer, page.(Enum.map(first, &(&1 * 10 + 3))))
        end
      ],
      [
        name: "the last 300 by seq",
        should: :log,
        ask: fn _n -> list.(filters: [{"seq", "gte:#{Features.seq(last)}"}]) end,
        check: fn _n, answer ->
          Features.check_page(answer, Enum.to_list(last..(there - 1)))
        end
      ],
      # No property has an index.
      [
        name: "the ten that have a property",
        should: :linear,
        ask: fn _n -> list.(filters: [{"prop.rare", "exists"}]) end,
        check: fn _n, answer ->
          Features.check_page(answer, for(i <- 0..9, i * world.rare < there, do: i * world.rare))
        end
      ]
    ]
  end

  # The pages before are asked once, by the first call, which is not counted.
  defp page_after(list, count) do
    fn _n ->
      cursor =
        with nil <- Process.get(:cursor) do
          cursor = cursor_after(list, count, nil)
          Process.put(:cursor, cursor)
          cursor
        end

      list.(limit: 100, cursor: cursor)
    end
  end

  defp cursor_after(_list, 0, cursor), do: cursor

  defp cursor_after(list, count, cursor) do
    {:ok, page} = list.(limit: min(count, 50_000), cursor: cursor, keep: false)
    cursor_after(list, count - page.returned, page.next)
  end
end
