for file <- ~w(asking features lattice journal_questions write_questions),
    do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Versions do
  @moduledoc """
  A world of a thousand vehicles that are written again and again, round by round, each where it
  was but for some metres. `n` of a vehicle is the round, from 1 on.
  """

  alias Bench.Growth.{Features, JournalQuestions, Lattice, Question, WriteQuestions}
  alias Bench.Measure

  @vehicles 1_000
  @side 6

  def world(rounds), do: %{rounds: rounds, lattice: Lattice.new(@vehicles)}

  def vehicles, do: @vehicles

  defp id(vehicle), do: "f#{vehicle}"

  defp position(world, vehicle, round) do
    {x, y} = Lattice.position(world.lattice, vehicle)

    {Float.round(x + rem(round * 7, 100) / 10_000, 6),
     Float.round(y + rem(round * 13, 100) / 10_000, 6)}
  end

  # The block of a vehicle in a round.
  defp seq(vehicle, round), do: (round - 1) * @vehicles + vehicle + 1

  @doc "Writes all rounds, each with one call. Returns their microseconds."
  def load(name, world) do
    1..world.rounds
    |> Task.async_stream(&round(world, &1), max_concurrency: 2, timeout: :infinity)
    |> Enum.map(fn {:ok, text} ->
      {micros, {:ok, _}} =
        Measure.time(fn -> FormdbHttp.put_features(name, text, timeout: :infinity) end)

      micros
    end)
  end

  defp round(world, round) do
    features =
      for vehicle <- 0..(@vehicles - 1) do
        {x, y} = position(world, vehicle, round)

        ~s({"type":"Feature","id":"#{id(vehicle)}","geometry":{"type":"Point","coordinates":[#{x},#{y}]},) <>
          ~s("properties":{"n":#{round},"class":"c#{rem(vehicle, 10)}"}})
      end

    ~s({"type":"FeatureCollection","features":[#{Enum.join(features, ",")}]})
  end

  ## Questions

  @doc "All of them."
  def questions(name, world) do
    states = [
      {"", [], world.rounds},
      {", as of a round before", [as_of: @vehicles * (world.rounds - 1)], world.rounds - 1},
      {", as of the middle", [as_of: @vehicles * div(world.rounds, 2)], div(world.rounds, 2)},
      {", as of the first round", [as_of: @vehicles], 1}
    ]

    read =
      for {suffix, opts, round} <- states,
          question <- now_and_then(name, world, opts, round) do
        part = if suffix == "", do: "now", else: "the past"
        question = Keyword.update!(question, :name, &(&1 <> suffix))
        struct!(Question, [{:group, "versions: #{part}"} | question])
      end

    histories =
      for question <- history(name, world),
          do: struct!(Question, [{:group, "versions: history"} | question])

    journal = JournalQuestions.all(name, "versions", [])
    read ++ histories ++ journal ++ WriteQuestions.features(name, "versions", id(7))
  end

  defp now_and_then(name, world, opts, round) do
    vehicle = &rem(&1 * 7_919, @vehicles)
    place = &Lattice.place(world.lattice, &1, @side)
    box = &Lattice.box(world.lattice, place.(&1), @side, @side)
    inside = &Lattice.inside(world.lattice, place.(&1), @side, @side)

    of_round = fn {:ok, page} ->
      rounds =
        for [_, digits] <- Regex.scan(~r/"n":(\d+)/, page.json), do: String.to_integer(digits)

      Measure.check!(Enum.uniq(rounds) == [round], "versions of the round")
    end

    same = fn answer, vehicles ->
      Features.check_page(answer, vehicles)
      of_round.(answer)
    end

    count = fn number ->
      fn _n, {:ok, %{count: count}} ->
        Measure.check!(count == number, "the count is #{number}")
      end
    end

    [
      [
        name: "vehicle by id",
        should: :log,
        ask: fn n -> FormdbHttp.get_feature(name, id(vehicle.(n)), opts) end,
        check: fn n, {:ok, feature} ->
          Measure.check!(feature.seq == seq(vehicle.(n), round), "its block")
        end
      ],
      [
        name: "box of 36",
        should: :log,
        ask: fn n -> FormdbHttp.search(name, {:box, box.(n)}, opts) end,
        check: fn n, answer -> same.(answer, inside.(n)) end
      ],
      [
        name: "count of a box of 36",
        should: :log,
        ask: fn n -> FormdbHttp.count(name, {:box, box.(n)}, opts) end,
        check: count.(@side * @side)
      ],
      [
        name: "nearest ten",
        should: :log,
        ask: fn n ->
          FormdbHttp.search(name, {:near, position(world, vehicle.(n), round)}, [k: 10] ++ opts)
        end,
        check: fn n, {:ok, page} = answer ->
          of_round.(answer)
          Measure.check!(page.returned == 10, "ten")
          Measure.check!(hd(Features.numbers(page.json)) == vehicle.(n), "the nearest")
        end
      ],
      [
        name: "count within a radius",
        should: :log,
        # A cell is some six degrees high.
        ask: fn n ->
          FormdbHttp.count(
            name,
            {:near, position(world, vehicle.(n), round)},
            [radius: 10_000] ++ opts
          )
        end,
        check: count.(1)
      ],
      [
        name: "count of everything",
        should: :log,
        ask: fn _n -> FormdbHttp.count(name, :everything, opts) end,
        check: count.(@vehicles)
      ],
      [
        name: "count of a box of everything",
        should: :log,
        ask: fn n ->
          FormdbHttp.count(name, {:box, {-179.9, -89.9, 179.9, 89 + rem(n, 1_000) / 1_000}}, opts)
        end,
        check: count.(@vehicles)
      ],
      [
        name: "heatmap of everything",
        should: :log,
        ask: fn n ->
          FormdbHttp.heatmap(
            name,
            {-179.9, -89.9, 179.9, 89 + rem(n, 1_000) / 1_000},
            [cell: {20, 20}] ++ opts
          )
        end,
        check: fn _n, {:ok, %{json: json}} ->
          counts =
            for [_, digits] <- Regex.scan(~r/"count":(\d+)/, json), do: String.to_integer(digits)

          Measure.check!(Enum.sum(counts) == @vehicles, "all in the cells")
        end
      ],
      [
        name: "first page of 100",
        should: :log,
        ask: fn _n -> FormdbHttp.search(name, :everything, [limit: 100] ++ opts) end,
        check: fn _n, answer -> same.(answer, Enum.to_list(0..99)) end
      ],
      [
        name: "schema",
        should: if(opts == [], do: :constant, else: :log),
        ask: fn _n -> FormdbHttp.schema(name, opts) end,
        check: fn _n, {:ok, %{json: json}} ->
          Measure.check!(
            FormdbHttp.JSON.decode!(json)["features"]["count"] == @vehicles,
            "the count"
          )
        end
      ]
    ]
  end

  defp history(name, world) do
    vehicle = &rem(&1 * 7_919, @vehicles)
    middle = div(world.rounds, 2)

    blocks = fn {:ok, page}, vehicle, rounds ->
      found =
        for [_, digits] <- Regex.scan(~r/{"seq":(\d+),/, page.json), do: String.to_integer(digits)

      Measure.check!(found == Enum.map(rounds, &seq(vehicle, &1)), "the versions of these rounds")
    end

    [
      [
        name: "the first ten versions",
        should: :log,
        ask: fn n -> FormdbHttp.provenance(name, id(vehicle.(n)), limit: 10) end,
        check: fn n, answer -> blocks.(answer, vehicle.(n), 1..10) end
      ],
      [
        name: "ten versions from the middle",
        should: :log,
        ask: fn n ->
          FormdbHttp.provenance(name, id(vehicle.(n)), limit: 10, since: middle * @vehicles)
        end,
        check: fn n, answer -> blocks.(answer, vehicle.(n), (middle + 1)..(middle + 10)) end
      ],
      [
        name: "ten blocks of a vehicle from the journal",
        should: :log,
        ask: fn n ->
          FormdbHttp.journal(name,
            feature_id: id(vehicle.(n)),
            limit: 10,
            since: middle * @vehicles
          )
        end,
        check: fn n, answer -> blocks.(answer, vehicle.(n), (middle + 1)..(middle + 10)) end
      ],
      [
        name: "the newest ten blocks of a vehicle",
        should: :log,
        ask: fn n ->
          FormdbHttp.journal(name, feature_id: id(vehicle.(n)), limit: 10, order: :desc)
        end,
        check: fn n, answer ->
          blocks.(answer, vehicle.(n), world.rounds..(world.rounds - 9)//-1)
        end
      ],
      [
        name: "what changed in the last round",
        should: :log,
        ask: fn n ->
          FormdbHttp.feature_diff(name, id(vehicle.(n)), @vehicles * (world.rounds - 1))
        end,
        check: fn _n, {:ok, json} ->
          Measure.check!(json =~ ~s("path":"/properties/n","from":#{world.rounds - 1}), "n")
        end
      ],
      [
        name: "what changed since the first round",
        should: :log,
        ask: fn n -> FormdbHttp.feature_diff(name, id(vehicle.(n)), @vehicles) end,
        check: fn _n, {:ok, json} ->
          Measure.check!(json =~ ~s("path":"/properties/n","from":1,), "n")
        end
      ],
      [
        name: "lineage of a vehicle",
        should: :linear,
        ask: fn n -> FormdbHttp.lineage(name, id(vehicle.(n))) end,
        check: fn _n, {:ok, lineage} ->
          Measure.check!(lineage.elsewhere == [], "nothing elsewhere")
        end
      ],
      [
        name: "those of the last round by seq",
        should: :log,
        ask: fn _n ->
          FormdbHttp.search(name, :everything,
            filters: [{"seq", "gt:#{@vehicles * (world.rounds - 1)}"}]
          )
        end,
        check: fn _n, answer -> Features.check_page(answer, Enum.to_list(0..(@vehicles - 1))) end
      ]
    ]
  end
end
