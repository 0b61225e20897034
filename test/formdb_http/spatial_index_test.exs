defmodule FormdbHttp.SpatialIndexTest do
  use ExUnit.Case, async: true

  alias FormdbHttp.{Error, SpatialIndex}

  defp sorted({:ok, ids}), do: Enum.sort(ids)

  # Whole degrees, so that edges meet and places coincide.
  defp random_box do
    west = :rand.uniform(361) - 181
    south = :rand.uniform(181) - 91
    {west, south, min(west + :rand.uniform(4) - 1, 180), min(south + :rand.uniform(4) - 1, 90)}
  end

  defp touches?({w, s, e, n}, {west, south, east, north}) when west <= east,
    do: w <= east and e >= west and s <= north and n >= south

  defp touches?(place, {west, south, east, north}),
    do: touches?(place, {west, south, 180, north}) or touches?(place, {-180, south, east, north})

  test "answers are those of a map" do
    :rand.seed(:exsss, {4, 7, 1})
    index = SpatialIndex.new()
    comparisons = :counters.new(1, [])

    Enum.reduce(1..20_000, %{}, fn turn, model ->
      id = "p#{:rand.uniform(3_000)}"

      model =
        if rem(turn, 3) == 0 do
          assert SpatialIndex.delete(index, id) == is_map_key(model, id)
          Map.delete(model, id)
        else
          box = random_box()
          assert SpatialIndex.insert(index, id, box) == :ok
          Map.put(model, id, box)
        end

      if rem(turn, 100) == 0 do
        # Off the poles and the antimeridian, which are one place by several names.
        west = :rand.uniform(359) - 180
        east = Enum.random([min(west + 20, 179), max(west - 340, -179)])
        south = :rand.uniform(100) - 90
        area = {west, south, east, south + 60}
        expected = for {id, place} <- model, touches?(place, area), do: id
        assert sorted(SpatialIndex.query_box(index, area)) == Enum.sort(expected)
        assert SpatialIndex.count_box(index, area) == {:ok, length(expected)}
        assert SpatialIndex.size(index) == map_size(model)
        :counters.add(comparisons, 1, 2)
      end

      model
    end)

    compared = :counters.get(comparisons, 1)
    IO.write(:stderr, "oracles: boxes and counts of SpatialIndex: #{compared} comparisons\n")
  end

  test "answers of more than a thousand ids are whole" do
    index = SpatialIndex.new()
    for n <- 1..5_000, do: :ok = SpatialIndex.insert(index, "p#{n}", {n / 100, 1.0})
    world = {-180, -90, 180, 90}

    assert sorted(SpatialIndex.query_box(index, world)) ==
             Enum.sort(for n <- 1..5_000, do: "p#{n}")

    assert SpatialIndex.count_box(index, world) == {:ok, 5_000}
    assert SpatialIndex.count_box(index, {0.005, 0, 10.0, 2}) == {:ok, 1_000}
    assert SpatialIndex.count_box(index, {0.005, 0, 10.01, 2}) == {:ok, 1_001}
  end

  test "nearest first, in metres on the ellipsoid" do
    index = SpatialIndex.new()
    for lon <- -179..180, do: :ok = SpatialIndex.insert(index, "lon #{lon}", {lon, 0})
    :ok = SpatialIndex.insert(index, "box", {-3, -3, -2, 3})

    # A degree of the equator of WGS 84 is 6378137 m * pi / 180.
    degree = 6_378_137 * :math.pi() / 180
    assert {:ok, [{"lon 180", at}, {one, metres} | _]} = SpatialIndex.nearest(index, {180, 0}, 3)
    assert at == 0
    assert one in ["lon 179", "lon -179"]
    assert_in_delta metres, degree, 0.001
    assert {:ok, near} = SpatialIndex.nearest(index, {-2.5, 1.0}, 1)
    assert [{"box", +0.0}] = near
    assert {:ok, within} = SpatialIndex.nearest(index, {90, 0}, 100, radius: 2.5 * degree)
    assert Enum.map(within, &elem(&1, 0)) |> Enum.sort() == for(lon <- 88..92, do: "lon #{lon}")
    assert SpatialIndex.nearest(index, {90, 0}, 0) == {:ok, []}
  end

  test "what is no place, box or position is refused with a reason" do
    index = SpatialIndex.new()

    for {call, code, said} <- [
          {SpatialIndex.insert(index, "a", {200, 0}), :invalid_bbox, "200"},
          {SpatialIndex.insert(index, "a", {170, 0, -170, 1}), :invalid_bbox, "antimeridian"},
          {SpatialIndex.insert(index, "a", {0, 2, 1, 1}), :invalid_bbox, "south"},
          {SpatialIndex.query_box(index, {0, 0, 1, 91}), :invalid_bbox, "91"},
          {SpatialIndex.count_box(index, {0, 0, 1, 91}), :invalid_bbox, "91"},
          {SpatialIndex.nearest(index, {0, 91}, 1), :invalid_position, "91"},
          {SpatialIndex.nearest(index, {0, 0}, 1, radius: -1), :invalid_parameter, "-1"}
        ] do
      assert {:error, %Error{code: ^code, detail: detail}} = call
      assert detail =~ said
    end

    assert SpatialIndex.size(index) == 0
    assert_raise ArgumentError, fn -> SpatialIndex.insert(index, :a, {0, 0}) end
    assert_raise ArgumentError, fn -> SpatialIndex.nearest(index, {0, 0}, 1, reach: 2) end
  end

  test "many processes write and read at once" do
    index = SpatialIndex.new()

    1..8
    |> Task.async_stream(
      fn writer ->
        for n <- 1..2_000 do
          :ok = SpatialIndex.insert(index, "#{writer}/#{n}", {writer, n / 100})
          {:ok, count} = SpatialIndex.count_box(index, {writer, 0, writer, 90})
          assert count == n
        end
      end,
      timeout: :infinity
    )
    |> Stream.run()

    assert SpatialIndex.size(index) == 16_000
  end
end
