for file <- ~w(asking database features feature_questions),
    do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Many do
  @moduledoc """
  A world of so many databases, each with a hundred features and a series of a hundred points: what they
  cost, what is asked of one among them, and how long the server takes to start and stop with them.
  """

  alias Bench.Growth.{Database, Features, Question}
  alias Bench.Measure

  @features 100
  @points 100

  @doc "The points of all curves, as `Bench.Growth.Database.measure/1` returns them."
  def measure(size) do
    made = %{group: "databases: the whole", of: "databases", size: size, things: size}
    world = Features.world(:points, @features)
    empty = Database.resident()
    calls = for n <- 1..size, do: create(name(n), world)
    loaded = Database.resident()
    {stop, :ok} = Measure.time(fn -> Application.stop(:formdb_http) end)
    {start, :ok} = Measure.time(fn -> start(size) end)
    {asked, wrong} = Database.ask(made, questions(size, world))

    {close, :ok} =
      Measure.time(fn ->
        for n <- 1..size, do: :ok = FormdbHttp.close(name(n))
        :ok
      end)

    Database.collect()
    closed = Database.resident()

    {purge, :ok} =
      Measure.time(fn ->
        for n <- 1..size, do: :ok = FormdbHttp.purge(name(n))
        :ok
      end)

    each = &(&1 / size)

    whole =
      for {name, should, unit, value} <- [
            {"making and filling one", :constant, "us", each.(Enum.sum(calls))},
            {"memory, each", :constant, "bytes", each.(max(loaded - empty, 0))},
            {"memory after closing all", :constant, "bytes",
             max(closed - empty, Database.noise())},
            {"stopping with all", :linear, "us", stop},
            {"starting until all are open", :linear, "us", start},
            {"closing, each", :constant, "us", each.(close)},
            {"removing, each", :constant, "us", each.(purge)}
          ],
          do: Database.point(made, name, should, unit, value)

    {whole ++ asked, wrong}
  end

  defp name(n), do: "many-#{n}"

  defp create(name, world) do
    {micros, _} =
      Measure.time(fn ->
        {:ok, %{created: true}} = FormdbHttp.open(name)
        Features.load(name, world)

        {:ok, _} =
          FormdbHttp.put_columns(name, "t", Enum.to_list(1..@points), Enum.to_list(1..@points))
      end)

    micros
  end

  # They are opened in the background.
  defp start(size) do
    {:ok, _} = Application.ensure_all_started(:formdb_http)
    for n <- 1..size, do: {:ok, _} = FormdbHttp.open(name(n), create: false)
    :ok
  end

  defp questions(size, world) do
    # Ten of them, so that what is read once has been.
    one = &name(rem(&1, 10) * div(size, 10) + 1)
    number = &rem(&1 * 31, @features)

    questions = [
      [
        name: "list of databases",
        should: :linear,
        ask: fn _n -> FormdbHttp.databases() end,
        check: fn _n, {:ok, all} -> Measure.check!(length(all) == size, "all of them") end
      ],
      [
        name: "figures of one",
        should: :log,
        ask: fn n -> FormdbHttp.database(one.(n)) end,
        check: fn _n, {:ok, info} ->
          Measure.check!({info.features, info.points} == {@features, @points}, "its figures")
        end
      ],
      [
        name: "feature by id in one",
        should: :log,
        ask: fn n -> FormdbHttp.get_feature(one.(n), "f#{number.(n)}") end,
        check: fn n, {:ok, feature} ->
          Measure.check!(feature.seq == Features.seq(number.(n)), "its block")
        end
      ],
      [
        name: "box of everything in one",
        should: :log,
        ask: fn n -> FormdbHttp.search(one.(n), {:box, {-180, -90, 180, 90}}) end,
        check: fn _n, answer -> Features.check_page(answer, Enum.to_list(0..(@features - 1))) end
      ],
      [
        name: "mean of the points in one",
        should: :log,
        ask: fn n -> FormdbHttp.aggregate(one.(n), "t", :avg) end,
        check: fn _n, {:ok, %{data: [{_, mean}]}} ->
          Measure.check!(mean == (@points + 1) / 2, "the mean")
        end
      ],
      [
        name: "one durable point in one",
        should: :log,
        ask: fn n -> FormdbHttp.put_point(one.(n), "new", n, n) end,
        check: fn _n, {:ok, ack} -> Measure.check!(ack.inserted == 1, "one point") end
      ],
      [
        name: "closing and opening one",
        should: :log,
        ask: fn n ->
          :ok = FormdbHttp.close(one.(n))
          FormdbHttp.open(one.(n), create: false)
        end,
        check: fn _n, {:ok, info} ->
          Measure.check!(info.features == world.size, "its features")
        end
      ]
    ]

    for question <- questions,
        do: struct!(Question, [{:group, "databases: questions"} | question])
  end
end
