defmodule FormdbHttp.QuestionsTest do
  # A question ends with the process that asked it.
  use ExUnit.Case

  alias FormdbHttp.{Catalog, Native}

  setup do
    name = "questions_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, db: name}
  end

  # Lines side by side: of two such sheaves every pair has to be looked at, and no two
  # meet, which takes seconds.
  defp sheaf(shift) do
    lines =
      for n <- 0..7_999 do
        x = (n + shift) / 8_000
        [[x, 0], [x + 20, 20]]
      end

    %{"type" => "MultiLineString", "coordinates" => lines}
  end

  test "its thread is free soon after the process was killed", %{db: db} do
    feature = %{"type" => "Feature", "geometry" => sheaf(0.0), "properties" => %{}}
    {:ok, _} = FormdbHttp.put_feature(db, feature)
    area = {:geometry, sheaf(0.5)}

    # As many as there are threads, so that nothing else could be read.
    askers =
      for _ <- 1..:erlang.system_info(:dirty_io_schedulers) do
        spawn(fn -> FormdbHttp.search(db, area) end)
      end

    Process.sleep(500)
    assert Enum.any?(askers, &Process.alive?/1)
    for asker <- askers, do: Process.exit(asker, :kill)
    {micros, {:ok, _block}} = :timer.tc(fn -> FormdbHttp.block(db, 1) end)
    assert micros < 3_000_000
  end

  # Three points of a series, and the question for the two last of them, as of before a million
  # and more came after them.
  defp early(db) do
    for n <- 0..2, do: {:ok, _} = FormdbHttp.put_point(db, "s", n, n / 1)

    for part <- 1..3 do
      first = part * 500_000
      times = for n <- first..(first + 499_999), into: <<>>, do: <<n::little-64>>
      values = for n <- 1..500_000, into: <<>>, do: <<n / 1::little-float-64>>
      {:ok, _} = FormdbHttp.put_columns(db, "s", times, values)
    end

    %{
      series: "s",
      start: 0,
      value: [],
      end: 10_000_000,
      order: :desc,
      limit: 2,
      cursor: nil,
      as_of: 3,
      transaction: nil,
      tz: nil
    }
  end

  # However many points came after it, it is a few steps away, once somebody has gone there.
  test "a range before a million later points is found in memory", %{db: db} do
    range = early(db)

    assert {:ok, %{points: [{2, 2.0}, {1, 1.0}], next: next}} =
             FormdbHttp.range(db, "s", 0, 10_000_000, as_of: 3, order: :desc, limit: 2)

    assert {:ok, %{points: [{0, +0.0}], next: nil}} =
             FormdbHttp.range(db, "s", 0, 10_000_000, order: :desc, limit: 2, cursor: next)

    for ask <- [&Native.range_json/3, &Native.range_points/3] do
      assert {:ok, {_points, _seq, _next}} = ask.(Catalog.handle(), db, range)
    end
  end

  # A limit says how many points there may be, and not how many there are.
  test "a range of few points is found in memory, whatever its limit", %{db: db} do
    times = for n <- 1..1_500, into: <<>>, do: <<n::little-64>>
    values = for n <- 1..1_500, into: <<>>, do: <<n / 1::little-float-64>>
    {:ok, _} = FormdbHttp.put_columns(db, "s", times, values)

    all = %{
      series: "s",
      value: [],
      order: :asc,
      cursor: nil,
      as_of: nil,
      transaction: nil,
      tz: nil
    }

    ask = fn count, limit ->
      range = Map.merge(all, %{start: 101, end: 101 + count, limit: limit})
      Native.range_points(Catalog.handle(), db, range)
    end

    for limit <- [1_000, 1_001, 100_000] do
      assert {:ok, {points, _seq, nil}} = ask.(1_000, limit)
      assert length(points) == 1_000
    end

    assert {:ok, {_thousand, _seq, next}} = ask.(1_001, 1_000)
    assert next != nil
    assert ask.(1_001, 1_001) == :long

    assert {:ok, %{points: points, next: nil}} =
             FormdbHttp.range(db, "s", 0, 2_000, limit: 100_000)

    assert length(points) == 1_500
  end

  # It lies between the least and the greatest, so each has to be looked at.
  test "a normal scheduler leaves to a dirty one a value that none of a million points has", %{
    db: db
  } do
    range = %{early(db) | as_of: nil, value: ["eq:1000.5"]}

    for ask <- [&Native.range_json/3, &Native.range_points/3],
        do: assert(ask.(Catalog.handle(), db, range) == :long)

    assert {:ok, %{points: [], next: nil}} =
             FormdbHttp.range(db, "s", 0, 10_000_000, value: ["eq:1000.5"])
  end

  # However many came after it, a version is a few steps away.
  test "a version before a thousand later ones is found in memory", %{db: db} do
    feature = %{"type" => "Feature", "geometry" => nil, "properties" => %{}}
    opts = [id: "f", durability: :none]
    for _ <- 1..1_100, do: {:ok, _} = FormdbHttp.put_feature(db, feature, opts)
    catalog = Catalog.handle()

    for as_of <- [nil, 1_000, 50] do
      seq = as_of || 1_100
      # Each of them is in memory once it was read.
      assert {:ok, %{seq: ^seq}} = FormdbHttp.get_feature(db, "f", as_of: as_of)
      assert {:ok, {^seq, _hash, _json}} = Native.feature(catalog, db, "f", as_of)
    end
  end
end
