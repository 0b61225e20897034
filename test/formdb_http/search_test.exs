defmodule FormdbHttp.SearchTest do
  # Searching features, counting them, and heatmaps.
  use ExUnit.Case

  alias FormdbHttp.JSON
  alias FormdbHttp.Error

  setup do
    name = "geo_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, db: name}
  end

  defp feature(id, geometry, properties) do
    %{"type" => "Feature", "id" => id, "geometry" => geometry, "properties" => properties}
  end

  defp point(id, lon, lat, properties \\ %{}),
    do: feature(id, %{"type" => "Point", "coordinates" => [lon, lat]}, properties)

  defp polygon(corners), do: %{"type" => "Polygon", "coordinates" => [corners ++ [hd(corners)]]}

  defp write(db, features) do
    collection = %{"type" => "FeatureCollection", "features" => features}
    {:ok, _} = FormdbHttp.put_features(db, collection)
  end

  # Points on whole degrees from 0 to 9, with mag = lon.
  defp grid(db), do: write(db, for(x <- 0..9, y <- 0..9, do: point("#{x},#{y}", x, y, mag(x))))
  defp mag(mag), do: %{"mag" => mag}

  defp features({:ok, %{json: json, returned: returned}}) do
    features = JSON.decode!(json)
    assert length(features) == returned
    features
  end

  defp ids(answer), do: answer |> features() |> Enum.map(& &1["id"])

  defp refusal({:error, %Error{code: code, detail: detail, pointer: pointer}}) do
    assert detail != ""
    {code, pointer}
  end

  defp pages(db, area, opts) do
    {:ok, page} = answer = FormdbHttp.search(db, area, opts)

    case page.next do
      nil -> [ids(answer)]
      next -> [ids(answer) | pages(db, area, Keyword.put(opts, :cursor, next))]
    end
  end

  describe "search" do
    test "everywhere finds also what has no geometry, page by page", %{db: db} do
      grid(db)
      {:ok, _} = FormdbHttp.put_feature(db, feature("nowhere", nil, %{}))
      assert length(ids(FormdbHttp.search(db, :everything))) == 101
      pages = pages(db, :everything, limit: 30)
      assert Enum.map(pages, &length/1) == [30, 30, 30, 11]
      expected = for(x <- 0..9, y <- 0..9, do: "#{x},#{y}") ++ ["nowhere"]
      assert List.flatten(pages) == expected
      assert {:ok, %{count: 101, seq: 101}} = FormdbHttp.count(db, :everything)
      assert {:ok, %{count: 100}} = FormdbHttp.count(db, {:box, {-180, -90, 180, 90}})
    end

    test "by what lists and texts hold", %{db: db} do
      write(db, [
        point("a", 0, 0, %{"tags" => ["red", "a,b"], "name" => "Kobe, Japan"}),
        point("b", 1, 1, %{"tags" => [1, ["red"]], "name" => "KOBE"}),
        point("c", 2, 2, %{"tags" => "red", "name" => " b "})
      ])

      for {filter, expected} <- [
            {{"prop.tags", "has:red"}, ["a"]},
            {{"prop.tags", "has:a,b"}, ["a"]},
            {{"prop.tags", "has:1"}, ["b"]},
            {{"prop.tags", "has:\"1\""}, []},
            {{"prop.name", "contains:ob"}, ["a"]},
            {{"prop.name", "starts:KO"}, ["b"]},
            {{"prop.name", "in:KOBE, \"Kobe, Japan\" , b"}, ["a", "b"]},
            {{"prop.name", "in:\" b \""}, ["c"]}
          ] do
        assert {filter, ids(FormdbHttp.search(db, :everything, filters: [filter]))} ==
                 {filter, expected}

        count = length(expected)
        assert {:ok, %{count: ^count}} = FormdbHttp.count(db, :everything, filters: [filter])
        {:ok, %{json: json}} = FormdbHttp.heatmap(db, {-9, -9, 9, 9}, zoom: 24, filters: [filter])
        assert length(JSON.decode!(json)) == count
      end

      assert {:invalid_parameter, "/prop.name"} =
               refusal(FormdbHttp.search(db, :everything, filters: [{"prop.name", "contains:"}]))
    end

    test "by a stored feature", %{db: db} do
      grid(db)
      square = polygon([[2, 2], [4, 2], [4, 3], [2, 3]])
      write(db, [feature("square", square, %{}), feature("nowhere", nil, %{})])
      meeting = for(x <- 2..4, y <- 2..3, do: "#{x},#{y}") ++ ["square"]
      assert ids(FormdbHttp.search(db, {:feature, "square"})) == meeting
      assert {:ok, %{count: 7}} = FormdbHttp.count(db, {:feature, "square"})
      assert ids(FormdbHttp.search(db, {:feature, "square"}, predicate: :within)) == ["square"]
      assert pages(db, {:near, {:feature, "5,5"}}, k: 1) == [["5,5"]]

      assert {:invalid_geometry, "/feature"} =
               refusal(FormdbHttp.search(db, {:near, {:feature, "square"}}, k: 1))

      assert {:invalid_geometry, "/feature"} =
               refusal(FormdbHttp.search(db, {:feature, "nowhere"}))

      assert {:feature_not_found, _} = refusal(FormdbHttp.count(db, {:feature, "gone"}))

      # One that was deleted says in which block.
      {:ok, %{seq: seq}} = FormdbHttp.delete_feature(db, "square")
      near = {:near, {:feature, "square"}}

      for answer <- [
            FormdbHttp.search(db, {:feature, "square"}),
            FormdbHttp.search(db, near, k: 1),
            FormdbHttp.count(db, near, k: 1)
          ] do
        assert {:error, %{code: :feature_not_found, deleted: %{seq: ^seq}} = error} = answer
        assert error.detail =~ "it was deleted in block #{seq}"
      end

      assert {:ok, %{count: 7}} = FormdbHttp.count(db, {:feature, "square"}, as_of: seq - 1)
    end

    test "in a box, a geometry, and how a feature lies to them", %{db: db} do
      grid(db)
      square = polygon([[-1, -1], [5, -1], [5, 5], [-1, 5]])
      write(db, [feature("square", square, %{})])

      for area <- [{:box, {2, 2, 4, 3}}, {:geometry, polygon([[2, 2], [4, 2], [4, 3], [2, 3]])}] do
        meeting = for x <- 2..4, y <- 2..3, do: "#{x},#{y}"
        assert ids(FormdbHttp.search(db, area)) == meeting ++ ["square"]
        assert {:ok, %{count: 7}} = FormdbHttp.count(db, area)

        assert {:ok, %{count: 7}} =
                 FormdbHttp.count(db, area, filters: [{"prop.tags", "exists:false"}])

        # Points on the boundary are not within: here all are on it.
        assert ids(FormdbHttp.search(db, area, predicate: :within)) == []
        assert ids(FormdbHttp.search(db, area, predicate: :contains)) == ["square"]
      end

      triangle = {:geometry, JSON.text(polygon([[-0.5, -0.5], [2.6, -0.5], [-0.5, 2.6]]))}
      inside = ["0,0", "0,1", "0,2", "1,0", "1,1", "2,0"]
      assert ids(FormdbHttp.search(db, triangle, predicate: :within)) == inside
      assert pages(db, triangle, predicate: :within, limit: 4) |> List.flatten() == inside
    end

    test "nearest first, with distances in metres", %{db: db} do
      line = %{"type" => "LineString", "coordinates" => [[-180, 1], [-179, 1]]}
      write(db, [point("a", 179, 0), point("b", -179.5, 0), feature("line", line, %{})])
      near = {:near, {180, 0}}

      assert [b, a, line] =
               db |> FormdbHttp.search(near, k: 3) |> features() |> Enum.sort_by(& &1["distance"])

      assert [b["id"], a["id"], line["id"]] |> Enum.sort() == ["a", "b", "line"]
      assert ids(FormdbHttp.search(db, near, k: 3)) == [b["id"], a["id"], line["id"]]
      # On the equator a degree of longitude has 111,319.49 m (WGS 84).
      distances = Map.new([a, b, line], &{&1["id"], &1["distance"]})
      assert_in_delta distances["b"], 55_659.75, 0.01
      assert_in_delta distances["a"], 111_319.49, 0.01
      # The first degree of latitude has 110,574.39 m.
      assert_in_delta distances["line"], 110_574.39, 0.01

      assert ids(FormdbHttp.search(db, near, radius: 111_000)) == ["b", "line"]
      assert ids(FormdbHttp.search(db, near, k: 1, radius: 111_000.0)) == ["b"]
      assert {:ok, %{count: 2}} = FormdbHttp.count(db, near, radius: 111_000)
      assert pages(db, near, k: 2, limit: 1) == [["b"], ["line"]]
      assert ids(FormdbHttp.search(db, near, k: 5, filters: [{"seq", "lte:1"}])) == ["a"]

      assert refusal(FormdbHttp.search(db, near)) == {:invalid_parameter, ""}
      assert refusal(FormdbHttp.search(db, near, k: 0)) == {:invalid_parameter, "/k"}
      assert refusal(FormdbHttp.search(db, near, radius: -1)) == {:invalid_parameter, "/radius"}
      beyond = {:near, {181, 0}}
      assert refusal(FormdbHttp.search(db, beyond, k: 1)) == {:invalid_position, "/point"}
    end

    test "filters on properties, times and sequences, in any area", %{db: db} do
      grid(db)
      {:ok, _} = FormdbHttp.put_feature(db, point("odd", 0, 0, %{"name" => "x"}))
      box = {:box, {0, 0, 9, 1}}

      for {filters, expected} <- [
            {[{"prop.mag", "5"}], ["5,0", "5,1"]},
            {%{"prop.mag" => "gte:8"}, ["8,0", "8,1", "9,0", "9,1"]},
            {[{"prop.mag", "gt:3"}, {"prop.mag", "lt:5"}], ["4,0", "4,1"]},
            {[{"prop.mag", "exists:false"}], ["odd"]},
            {[{"prop.name", "in:x,y"}], ["odd"]},
            {[{"seq", "gt:91"}, {"prop.mag", "ne:1"}], ["9,1", "odd"]},
            {[{"time", "until:2020-01-01T00:00:00Z"}], []}
          ] do
        assert ids(FormdbHttp.search(db, box, filters: filters)) == expected
        count = length(expected)
        assert {:ok, %{count: ^count}} = FormdbHttp.count(db, box, filters: filters)
      end

      assert refusal(FormdbHttp.search(db, box, filters: [{"mag", "5"}])) ==
               {:invalid_parameter, "/mag"}

      assert refusal(FormdbHttp.search(db, box, filters: [{"prop.mag", "since:then"}])) ==
               {:invalid_parameter, "/prop.mag"}

      assert refusal(FormdbHttp.search(db, box, filters: List.duplicate({"seq", "1"}, 65))) ==
               {:invalid_parameter, ""}
    end

    test "sees the past, and pages stay in it", %{db: db} do
      grid(db)
      everything = for x <- 0..9, y <- 0..9, do: "#{x},#{y}"
      {:ok, first} = FormdbHttp.search(db, :everything, limit: 60)
      {:ok, _} = FormdbHttp.delete_feature(db, "9,9")
      {:ok, _} = FormdbHttp.put_feature(db, point("0,0", 50, 50))
      {:ok, second} = FormdbHttp.search(db, :everything, limit: 60, cursor: first.next)
      assert {second.seq, second.next} == {100, nil}
      assert ids({:ok, first}) ++ ids({:ok, second}) == everything

      for {area, now, then} <- [
            {:everything, 99, 100},
            {{:box, {0, 0, 9, 9}}, 98, 100},
            {{:geometry, polygon([[-1, -1], [10, -1], [10, 10], [-1, 10]])}, 98, 100},
            {{:near, {50, 50}}, 1, 0}
          ] do
        opts = if match?({:near, _}, area), do: [radius: 10], else: []
        assert {:ok, %{count: ^now, seq: 102}} = FormdbHttp.count(db, area, opts)
        assert {:ok, %{count: ^then, seq: 100}} = FormdbHttp.count(db, area, [as_of: 100] ++ opts)
        assert {:ok, %{returned: ^then}} = FormdbHttp.search(db, area, [as_of: 100] ++ opts)
      end

      assert refusal(FormdbHttp.search(db, :everything, as_of: 103)) |> elem(0) ==
               :invalid_parameter
    end

    test "in a transaction only a box can be asked for", %{db: db} do
      grid(db)
      {:ok, txn} = FormdbHttp.begin(db)
      {:ok, _} = FormdbHttp.apply(txn, [{:delete_feature, "0,0"}])
      box = {:box, {0, 0, 1, 0}}
      assert ids(FormdbHttp.search(db, box, transaction: txn)) == ["1,0"]

      for {area, opts} <- [
            {:everything, []},
            {{:near, {0, 0}}, [k: 1]},
            {box, [predicate: :within]},
            {box, [filters: [{"seq", "1"}]]}
          ] do
        assert refusal(FormdbHttp.search(db, area, [transaction: txn] ++ opts)) ==
                 {:invalid_parameter, "/transaction"}
      end

      :ok = FormdbHttp.abort(txn)
    end

    test "what cannot be searched for is refused, and says where", %{db: db} do
      bad = polygon([[0, 0], [200, 0], [0, 1]])

      for {area, refusal} <- [
            {{:box, "1,2,3"}, {:invalid_bbox, "/bbox"}},
            {{:box, {0, 5, 1, 4}}, {:invalid_bbox, "/bbox"}},
            {{:geometry, bad}, {:invalid_position, "/geometry/coordinates/0/1/0"}},
            {{:geometry, "{"}, {:invalid_json, "/geometry"}},
            {{:geometry, %{"type" => "Circle"}}, {:invalid_geometry, "/geometry/type"}}
          ] do
        assert refusal(FormdbHttp.search(db, area, predicate: :within)) == refusal
        assert refusal(FormdbHttp.count(db, area)) == refusal
      end

      {:ok, txn} = FormdbHttp.begin(db, read_only: true)

      assert refusal(FormdbHttp.search(db, {:box, "1"}, transaction: txn)) ==
               {:invalid_bbox, "/bbox"}

      everything = FormdbHttp.search(db, :everything, cursor: "x")
      assert {:invalid_cursor, _} = refusal(everything)
      assert {:database_not_found, _} = refusal(FormdbHttp.search("none", :everything))
      assert_raise ArgumentError, fn -> FormdbHttp.search(db, :everything, k: 1) end
      assert_raise ArgumentError, fn -> FormdbHttp.search(db, :everything, predicate: :on) end
      assert_raise ArgumentError, fn -> FormdbHttp.count(db, :everything, limit: 1) end

      assert_raise ArgumentError, ~r/expected :everything, {:box/, fn ->
        FormdbHttp.search(db, {13, 52, 14, 53})
      end
    end
  end

  describe "heatmap" do
    defp cells({:ok, %{json: json}}) do
      for %{"bbox" => bbox, "count" => count} = cell <- JSON.decode!(json),
          do: {bbox, count, cell["sum"]}
    end

    test "counts and sums in cells of degrees", %{db: db} do
      grid(db)
      box = {0, 0, 9, 9}

      assert cells(FormdbHttp.heatmap(db, box, cell: {5, 10})) == [
               {[0.0, 0.0, 5.0, 10.0], 50, nil},
               {[5.0, 0.0, 10.0, 10.0], 50, nil}
             ]

      # 10 * (0 + 1 + 2 + 3 + 4) and 10 * (5 + ... + 9).
      assert cells(FormdbHttp.heatmap(db, box, cell: {5, 10}, sum: "mag")) == [
               {[0.0, 0.0, 5.0, 10.0], 50, 100.0},
               {[5.0, 0.0, 10.0, 10.0], 50, 350.0}
             ]

      opts = [cell: {5, 10}, filters: [{"prop.mag", "lt:2"}]]
      assert [{_, 20, nil}] = cells(FormdbHttp.heatmap(db, box, opts))
      {:ok, _} = FormdbHttp.delete_feature(db, "0,0")
      assert [{_, 49, nil}, _] = cells(FormdbHttp.heatmap(db, box, cell: {5, 10}))
      assert [{_, 50, nil}, _] = cells(FormdbHttp.heatmap(db, box, cell: {5, 10}, as_of: 50))
    end

    test "counts in the tiles of web maps", %{db: db} do
      grid(db)
      world = {-180, -90, 180, 90}

      assert [{[-180.0, -90.0, 180.0, 90.0], 100, nil}] =
               cells(FormdbHttp.heatmap(db, world, zoom: 0))

      assert cells(FormdbHttp.heatmap(db, world, zoom: 1)) ==
               [{[0.0, 0.0, 180.0, 90.0], 100, nil}]
    end

    test "without cells, or with none that there can be, is refused", %{db: db} do
      world = {-180, -90, 180, 90}

      for {opts, refusal} <- [
            {[], {:invalid_parameter, ""}},
            {[cell: {1, 1}, zoom: 1], {:invalid_parameter, "/zoom"}},
            {[cell: {0, 1}], {:invalid_parameter, "/cell"}},
            {[zoom: 25], {:invalid_parameter, "/zoom"}},
            {[zoom: 300], {:invalid_parameter, "/zoom"}},
            {[zoom: -1], {:invalid_parameter, "/zoom"}},
            {[zoom: 1, sum: ""], {:invalid_parameter, "/sum"}}
          ] do
        assert {opts, refusal} == {opts, refusal(FormdbHttp.heatmap(db, world, opts))}
      end

      assert refusal(FormdbHttp.heatmap(db, "x", zoom: 1)) == {:invalid_bbox, "/bbox"}
    end
  end
end
