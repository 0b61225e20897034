defmodule FormdbHttp.ApiTest do
  use ExUnit.Case

  alias FormdbHttp.JSON
  alias FormdbHttp.Error

  setup do
    name = "api_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, db: name}
  end

  defp feature(id, coordinates \\ [13.4, 52.5], properties \\ %{}) do
    %{
      "type" => "Feature",
      "id" => id,
      "geometry" => %{"type" => "Point", "coordinates" => coordinates},
      "properties" => properties
    }
  end

  defp collection(features), do: %{"type" => "FeatureCollection", "features" => features}

  defp decode(json), do: JSON.decode!(json)

  defp ids(json), do: json |> decode() |> Enum.map(& &1["id"])

  # The code and the pointer of a refusal, which has a sentence in any case.
  defp refusal({:error, %Error{detail: detail} = error}) do
    assert is_binary(detail) and detail != ""
    {error.code, error.pointer}
  end

  defp seq(db) do
    {:ok, %{seq: seq}} = FormdbHttp.database(db)
    seq
  end

  describe "databases" do
    test "are created once and found from then on", %{db: db} do
      other = db <> "-other"
      on_exit(fn -> FormdbHttp.purge(other) end)

      assert {:ok, %{id: ^other, created: true, status: :open, seq: 0, features: 0}} =
               FormdbHttp.open(other)

      assert {:ok, %{id: ^other, created: false}} = FormdbHttp.open(other)
      {:ok, databases} = FormdbHttp.databases()
      assert %{id: other, status: :open} in databases
      assert databases == Enum.sort_by(databases, & &1.id)
    end

    test "get a name when they are given none" do
      {:ok, %{id: "db_" <> _ = one, created: true}} = FormdbHttp.open()
      {:ok, %{id: "db_" <> _ = two}} = FormdbHttp.open(nil)
      assert one != two
      assert [:ok, :ok] = Enum.map([one, two], &FormdbHttp.purge/1)
    end

    test "have names of a certain form" do
      for name <- ["", "Upper", "a.b", "../etc", "a/b", "_a", "ü", String.duplicate("a", 64)] do
        assert {:invalid_name, "/name"} == refusal(FormdbHttp.open(name))
        assert {:invalid_name, "/name"} == refusal(FormdbHttp.purge(name))
      end
    end

    test "that many callers create at once are created by one of them", %{db: db} do
      name = db <> "-raced"
      on_exit(fn -> FormdbHttp.purge(name) end)
      answers = concurrently(1..32, fn _ -> FormdbHttp.open(name) end)
      assert [_one] = for({:ok, %{created: true}} <- answers, do: :created)
      assert length(for({:ok, %{created: false}} <- answers, do: :found)) == 31
    end

    test "keep what is in them when they are closed", %{db: db} do
      {:ok, written} = FormdbHttp.put_feature(db, feature("a", [1, 2], %{"n" => 1}))
      {:ok, _} = FormdbHttp.put_point(db, "s", 5, 0.5)
      {:ok, before} = FormdbHttp.database(db)

      assert :ok = FormdbHttp.close(db)
      {:ok, databases} = FormdbHttp.databases()
      assert %{id: db, status: :closed} in databases
      assert {:database_not_found, nil} == refusal(FormdbHttp.close(db))

      for call <- calls() do
        assert {:database_not_found, nil} == refusal(call.(db))
      end

      assert {:ok, opened} = FormdbHttp.open(db)
      refute opened.created
      same = [:seq, :root, :features, :series, :points, :journal_bytes]
      assert Map.take(opened, same) == Map.take(before, same)
      assert {:ok, %{json: json, hash: hash, seq: 1}} = FormdbHttp.get_feature(db, "a")
      assert decode(json) == feature("a", [1, 2], %{"n" => 1})
      assert hash == written.hash
      assert {:ok, %{points: [{5, 0.5}]}} = FormdbHttp.range(db, "s", 0, 10)
      # Sequences go on where they were.
      assert {:ok, %{seq: 3}} = FormdbHttp.put_feature(db, feature("b"))
    end

    test "are gone when they are purged, open or closed", %{db: db} do
      {:ok, _} = FormdbHttp.put_feature(db, feature("a"))
      assert :ok = FormdbHttp.purge(db)
      {:ok, databases} = FormdbHttp.databases()
      refute Enum.any?(databases, &(&1.id == db))
      assert {:database_not_found, nil} == refusal(FormdbHttp.purge(db))

      assert {:ok, %{created: true, seq: 0, features: 0}} = FormdbHttp.open(db)
      assert {:feature_not_found, nil} == refusal(FormdbHttp.get_feature(db, "a"))
      :ok = FormdbHttp.close(db)
      assert :ok = FormdbHttp.purge(db)
    end

    test "that are not there answer nothing", %{db: db} do
      for call <- calls() do
        assert {:database_not_found, nil} == refusal(call.(db <> "-nobody"))
      end
    end

    test "count what is in them", %{db: db} do
      {:ok, %{root: empty}} = FormdbHttp.database(db)
      {:ok, _} = FormdbHttp.put_features(db, collection([feature("a"), feature("b")]))
      {:ok, _} = FormdbHttp.put_feature(db, feature("a"))
      {:ok, _} = FormdbHttp.put_columns(db, "s", [1, 2, 3], [1, 2, 3])

      assert {:ok, info} = FormdbHttp.database(db)
      assert %{id: ^db, status: :open, seq: 4, features: 2, series: 1, points: 3} = info
      assert %{queued: 0, transactions: 3, poisoned: nil} = info
      assert info.journal_bytes > 0
      assert info.root =~ ~r/\A[0-9a-f]{64}\z/ and info.root != empty
    end

    # Everything that takes a database.
    defp calls do
      [
        &FormdbHttp.database/1,
        &FormdbHttp.put_feature(&1, feature("a")),
        &FormdbHttp.put_features(&1, collection([feature("a")])),
        &FormdbHttp.Serving.write_features(&1, feature("a")),
        &FormdbHttp.get_feature(&1, "a"),
        &FormdbHttp.search(&1, {:box, {0, 0, 1, 1}}),
        &FormdbHttp.write_points(&1, %{"points" => []}),
        &FormdbHttp.put_point(&1, "s", 1, 1),
        &FormdbHttp.put_columns(&1, "s", [1], [1]),
        &FormdbHttp.range(&1, "s", 0, 1),
        &FormdbHttp.latest(&1, "s"),
        &FormdbHttp.put_feature(&1, feature("a"), id: "a"),
        &FormdbHttp.patch_feature(&1, "a", %{}),
        &FormdbHttp.delete_feature(&1, "a"),
        &FormdbHttp.delete_points(&1, "s", 0, 1),
        &FormdbHttp.revert(&1, 1),
        &FormdbHttp.block(&1, 1),
        &FormdbHttp.seq_at(&1, 0),
        &FormdbHttp.begin/1,
        &FormdbHttp.journal/1,
        &FormdbHttp.get_feature(&1, "a", as_of: "2026-01-01")
      ]
    end
  end

  describe "features" do
    test "come back as they were written, from text or a map", %{db: db} do
      map = feature("map", [1.5, -2.25, 100], %{"name" => "Ä", "n" => [1, 2.5, nil, true]})
      assert {:ok, ack} = FormdbHttp.put_feature(db, map)
      assert %{feature_id: "map", seq: 1, hash: hash, time: time} = ack
      assert_in_delta time, System.os_time(:microsecond), 60_000_000
      assert {:ok, %{seq: 1, hash: ^hash, json: json}} = FormdbHttp.get_feature(db, "map")
      assert decode(json) == map

      text = ~s({"type":"Feature","id":"text","geometry":null,"properties":null,"extra":{"a":[]}})
      assert {:ok, %{feature_id: "text", seq: 2}} = FormdbHttp.put_feature(db, text)
      {:ok, %{json: json}} = FormdbHttp.get_feature(db, "text")
      assert decode(json) == decode(text)
    end

    test "get an id when they have none", %{db: db} do
      without = Map.delete(feature("x"), "id")
      {:ok, %{feature_id: "feat_" <> _ = one}} = FormdbHttp.put_feature(db, without)
      {:ok, %{feature_id: "feat_" <> _ = two}} = FormdbHttp.put_feature(db, without)
      assert one != two
      {:ok, %{json: json}} = FormdbHttp.get_feature(db, one)
      assert decode(json)["id"] == one
    end

    test "of one id are versions, of which the last one counts", %{db: db} do
      hashes =
        for n <- 1..20 do
          # The same place now and then, and the same content twice.
          document = feature("a", [rem(n, 3), 1], %{"n" => div(n, 2)})
          assert {:ok, %{seq: ^n, hash: hash}} = FormdbHttp.put_feature(db, document)
          assert {:ok, %{seq: ^n, hash: ^hash, json: json}} = FormdbHttp.get_feature(db, "a")
          assert decode(json) == document
          assert {:ok, %{returned: 1}} = FormdbHttp.search(db, {:box, {-180, -90, 180, 90}})

          assert {:ok, %{returned: 0}} =
                   FormdbHttp.search(db, {:box, {rem(n + 1, 3), 0, rem(n + 1, 3), 2}})

          hash
        end

      assert length(Enum.uniq(hashes)) == 20
      assert {:ok, %{features: 1, seq: 20}} = FormdbHttp.database(db)
    end

    test "of one collection may be versions of one id if that is asked for", %{db: db} do
      versions = for n <- 1..3, do: feature("a", [n, n], %{"n" => n})

      for opts <- [[], [on_duplicate: :refuse]] do
        answer = FormdbHttp.put_features(db, collection([feature("b") | versions]), opts)
        assert refusal(answer) == {:duplicate_id, "/features/2/id"}
        assert {:error, %{detail: detail}} = answer
        assert detail =~ "/features/1 " and detail =~ "on_duplicate=replace"
      end

      assert_raise ArgumentError, ~r/on_duplicate/, fn ->
        FormdbHttp.put_features(db, collection(versions), on_duplicate: :skip)
      end

      assert seq(db) == 0
      opts = [on_duplicate: :replace, idempotency_key: "versions"]
      first = FormdbHttp.put_features(db, collection(versions), opts)
      assert {:ok, %{inserted: 1, replaced: 2} = ack} = first
      assert %{feature_ids: ["a", "a", "a"], first_seq: 1, last_seq: 3} = ack
      again = FormdbHttp.put_features(db, collection(versions), opts)
      assert again == {:ok, %{ack | replayed: true}}

      assert {:ok, %{seq: 3, json: json}} = FormdbHttp.get_feature(db, "a")
      assert decode(json) == List.last(versions)
      assert {:ok, %{returned: 1, json: json}} = FormdbHttp.search(db, {:box, {0, 0, 9, 9}})
      assert decode(json) == [List.last(versions)]
    end

    test "of a collection are written all or none", %{db: db} do
      good = for n <- 1..5, do: feature("f#{n}", [n, n])

      assert {:ok, ack} = FormdbHttp.put_features(db, collection(good))
      assert %{inserted: 5, first_seq: 1, last_seq: 5} = ack
      assert ack.feature_ids == ~w(f1 f2 f3 f4 f5)
      assert {:ok, {:collection, ack}} = FormdbHttp.Serving.write_features(db, collection(good))
      assert %{inserted: 0, replaced: 5, first_seq: 6} = ack
      FormdbHttp.delete_feature(db, "f2")
      mixed = collection([feature("new"), feature("f1"), feature("f2")])
      assert {:ok, %{inserted: 2, replaced: 1}} = FormdbHttp.put_features(db, mixed)
      assert {:ok, {:feature, _}} = FormdbHttp.Serving.write_features(db, hd(good))
      seq = seq(db)

      bad = feature("bad", [200, 0])
      answer = FormdbHttp.put_features(db, collection(good ++ [bad]))
      assert {:invalid_position, "/features/5/geometry/coordinates" <> _} = refusal(answer)
      assert seq(db) == seq
    end

    test "of a large collection take the other way in", %{db: db} do
      features = for n <- 1..2_000, do: feature("f#{n}", [n / 100, 1], %{"n" => n})
      assert {:ok, %{inserted: 2_000}} = FormdbHttp.put_features(db, collection(features))
      assert {:ok, page} = FormdbHttp.search(db, {:box, {-180, -90, 180, 90}}, limit: 10_000)
      assert page.returned == 2_000
      assert page.next == nil
      assert decode(page.json) == features
    end

    test "of an empty collection are none", %{db: db} do
      assert FormdbHttp.put_features(db, collection([])) ==
               {:ok,
                %{
                  inserted: 0,
                  replaced: 0,
                  first_seq: nil,
                  last_seq: nil,
                  feature_ids: [],
                  replayed: false
                }}

      assert seq(db) == 0
    end

    test "are taken by put_features one at a time as well, but not the reverse", %{db: db} do
      assert {:ok, %{inserted: 1, first_seq: 1, last_seq: 1, feature_ids: ["a"]}} =
               FormdbHttp.put_features(db, feature("a"))

      assert {:error, %{code: :invalid_feature, pointer: "/type"}} =
               FormdbHttp.put_feature(db, collection([feature("b")]))

      assert {:ok, %{seq: 1}} = FormdbHttp.database(db)
    end

    test "that are none are refused, with the reason", %{db: db} do
      geometry = fn geometry -> Map.put(feature("a"), "geometry", geometry) end
      open_ring = [[[0, 0], [1, 0], [1, 1], [0, 1]]]

      for {document, code, pointer} <- [
            {"{", :invalid_json, nil},
            {"", :invalid_json, nil},
            {<<0xFF>>, :invalid_json, nil},
            {"[]", :invalid_json, ""},
            {%{}, :invalid_feature, ""},
            {%{"type" => "Point", "coordinates" => [1, 200]}, :invalid_position,
             "/coordinates/1"},
            {Map.delete(feature("a"), "geometry"), :invalid_feature, ""},
            {%{feature("a") | "properties" => 1}, :invalid_feature, "/properties"},
            {feature(""), :invalid_id, "/id"},
            {feature("a\nb"), :invalid_id, "/id"},
            {feature(String.duplicate("a", 257)), :invalid_id, "/id"},
            {feature("a", [181, 0]), :invalid_position, "/geometry/coordinates/0"},
            {feature("a", [0, -91]), :invalid_position, "/geometry/coordinates/1"},
            {feature("a", [0]), :invalid_position, "/geometry/coordinates"},
            {geometry.(%{"type" => "Circle"}), :invalid_geometry, "/geometry/type"},
            {geometry.(%{"type" => "Polygon", "coordinates" => open_ring}), :invalid_geometry,
             "/geometry/coordinates/0/3"},
            {Map.put(feature("a"), "provenance", 1), :invalid_document, "/provenance"},
            {%{"type" => "FeatureCollection"}, :invalid_feature, ""}
          ] do
        {found_code, found_pointer} = refusal(FormdbHttp.Serving.write_features(db, document))
        shown = inspect(document)
        assert {shown, found_code} == {shown, code}
        if pointer, do: assert({shown, found_pointer} == {shown, pointer})
      end

      assert seq(db) == 0
    end

    test "that nobody wrote are not found", %{db: db} do
      assert {:feature_not_found, nil} == refusal(FormdbHttp.get_feature(db, "nobody"))
      assert {:feature_not_found, nil} == refusal(FormdbHttp.get_feature(db, ""))
    end

    test "are written with options", %{db: db} do
      assert {:ok, %{seq: 1}} = FormdbHttp.put_feature(db, feature("a"), actor: "ops@example")
      assert {:ok, %{seq: 2}} = FormdbHttp.put_feature(db, feature("b"), timeout: :infinity)
      # No disk is that fast. The write lands all the same.
      assert {:write_timeout, nil} ==
               refusal(FormdbHttp.put_feature(db, feature("c"), timeout: 0))

      assert_receive {ref, {:ok, _late}} when is_reference(ref)
      assert {:ok, %{seq: 3}} = FormdbHttp.get_feature(db, "c")
    end
  end

  describe "box queries" do
    setup %{db: db} do
      places = [a: [0, 0], b: [10, 10], c: [179.5, 0], d: [-179.5, 0], e: [10, -10]]
      features = for {id, place} <- places, do: feature("#{id}", place)
      line = %{"type" => "LineString", "coordinates" => [[20, 20], [30, 30]]}
      features = features ++ [Map.put(feature("line"), "geometry", line)]
      {:ok, _} = FormdbHttp.put_features(db, collection(features))
      :ok
    end

    test "include their boundary and cross the antimeridian", %{db: db} do
      for {box, expected} <- [
            {{-180, -90, 180, 90}, ~w(a b c d e line)},
            {{0, 0, 10, 10}, ~w(a b)},
            {{0.0, 0.0, 0.0, 0.0}, ~w(a)},
            {{170, -5, -170, 5}, ~w(c d)},
            {{179.5, 0, -179.5, 0}, ~w(c d)},
            {{10, -90, 10, 90}, ~w(b e)},
            # The envelope of the line meets the first one, the line does not.
            {{26, 20, 30, 24}, []},
            {{24, 24, 26, 26}, ~w(line)},
            {"0,0,10,10", ~w(a b)},
            {" 0 , 0,1e1,10.0", ~w(a b)},
            {{1, 1, 2, 2}, []}
          ] do
        assert {:ok, page} = FormdbHttp.search(db, {:box, box})
        assert {box, ids(page.json)} == {box, expected}
        assert page.returned == length(expected)
        assert %{seq: 6, next: nil} = page
      end
    end

    test "come in pages that writes do not move", %{db: db} do
      {:ok, first} = FormdbHttp.search(db, {:box, {-180, -90, 180, 90}}, limit: 4)
      assert ids(first.json) == ~w(a b c d)
      {:ok, _} = FormdbHttp.put_feature(db, feature("new", [1, 1]))
      {:ok, _} = FormdbHttp.put_feature(db, feature("e", [80, 80]))

      {:ok, second} =
        FormdbHttp.search(db, {:box, {-180, -90, 180, 90}}, limit: 4, cursor: first.next)

      assert [%{"id" => "e"} = old, %{"id" => "line"}] = decode(second.json)
      assert old["geometry"]["coordinates"] == [10, -10]
      assert {second.seq, second.next} == {first.seq, nil}

      {:ok, now} = FormdbHttp.search(db, {:box, {-180, -90, 180, 90}})
      assert ids(now.json) == ~w(a b c d line new e)
    end

    test "of what is no box are refused", %{db: db} do
      for box <- ["", "1,2,3", "a,b,c,d", {0, 5, 1, 4}, {-181, 0, 1, 1}, {0, 0, 1, 91}] do
        assert {:invalid_bbox, "/bbox"} == refusal(FormdbHttp.search(db, {:box, box}))
      end

      all = {-180, -90, 180, 90}

      for limit <- [0, 100_001] do
        assert {:invalid_parameter, "/limit"} ==
                 refusal(FormdbHttp.search(db, {:box, all}, limit: limit))
      end

      {:ok, _} = FormdbHttp.put_columns(db, "s", [1, 2], [1, 2])
      {:ok, %{next: other}} = FormdbHttp.range(db, "s", 0, 9, limit: 1)

      for cursor <- ["", "x", other] do
        assert {:invalid_cursor, _} = refusal(FormdbHttp.search(db, {:box, all}, cursor: cursor))
      end
    end
  end

  describe "points" do
    test "are written one by one, with every kind of timestamp", %{db: db} do
      time = ~U[2026-01-31 12:00:00.250000Z]
      micros = DateTime.to_unix(time, :microsecond)

      for timestamp <- [micros, time, "2026-01-31T14:00:00.25+02:00"] do
        assert {:ok, ack} = FormdbHttp.put_point(db, "s", timestamp, 1)
        assert %{point_id: "pt_" <> _, seq: _, hash: _, time: _} = ack
      end

      {:ok, _} = FormdbHttp.put_point(db, "s", "2026-01-31", -0.5)
      midnight = DateTime.to_unix(~U[2026-01-31 00:00:00Z], :microsecond)

      assert {:ok, %{points: points}} = FormdbHttp.range(db, "s", midnight, micros + 1)
      assert points == [{midnight, -0.5} | List.duplicate({micros, 1.0}, 3)]
    end

    test "are written as documents of three shapes", %{db: db} do
      point = %{"series_id" => "s", "timestamp" => 1, "value" => 1.5}
      assert {:ok, {:point, %{point_id: _, seq: 1}}} = FormdbHttp.write_points(db, point)

      points = for n <- 2..4, do: %{point | "timestamp" => n, "series_id" => "s#{rem(n, 2)}"}
      assert {:ok, {:points, ack}} = FormdbHttp.write_points(db, %{"points" => points})
      assert %{inserted: 3, first_seq: 2} = ack

      columns = ~s({"series_id":"s","timestamps":["1970-01-01T00:00:05Z",6],"values":[5,6]})
      assert {:ok, {:points, ack}} = FormdbHttp.write_points(db, columns)
      assert %{inserted: 2, first_seq: seq, last_seq: seq} = ack

      assert FormdbHttp.write_points(db, %{"points" => []}) ==
               {:ok,
                {:points,
                 %{
                   inserted: 0,
                   replaced: 0,
                   ignored: 0,
                   first_seq: nil,
                   last_seq: nil,
                   replayed: false
                 }}}

      assert {:ok, %{points: [{1, 1.5}, {6, 6.0}, {5_000_000, 5.0}]}} =
               FormdbHttp.range(db, "s", 0, 10_000_000)

      assert {:ok, %{series: 3, points: 6}} = FormdbHttp.database(db)
    end

    test "are written as columns, of lists or packed", %{db: db} do
      assert {:ok, %{inserted: 3, first_seq: 1, last_seq: 1}} =
               FormdbHttp.put_columns(db, "s", [30, 10, 20], [3, 1, 2.5],
                 provenance: %{"source" => "probe"}
               )

      count = 20_000
      timestamps = for n <- 1..count, into: <<>>, do: <<n * 1_000::little-signed-64>>
      values = for n <- 1..count, into: <<>>, do: <<n / 8::little-float-64>>

      assert {:ok, %{inserted: ^count, first_seq: 2, last_seq: 2}} =
               FormdbHttp.put_columns(db, "packed", timestamps, values)

      assert {:ok, %{points: [{10, 1.0}, {20, 2.5}, {30, 3.0}]}} =
               FormdbHttp.range(db, "s", 0, 100)

      assert {:ok, %{points: points, next: nil}} =
               FormdbHttp.range(db, "packed", 0, count * 1_000 + 1, limit: count)

      assert points == for(n <- 1..count, do: {n * 1_000, n / 8})

      assert {:ok, %{provenance: json}} = FormdbHttp.latest(db, "s")
      assert decode(json) == %{"source" => "probe"}
      assert {:ok, %{inserted: 0}} = FormdbHttp.put_columns(db, "s", [], [])
    end

    test "that are none are refused, all of them", %{db: db} do
      point = %{"series_id" => "s", "timestamp" => 1, "value" => 1}

      for {document, code, pointer} <- [
            {"{", :invalid_json, nil},
            {%{}, :invalid_point, ""},
            {Map.delete(point, "value"), :invalid_point, ""},
            {%{point | "value" => "1"}, :invalid_value, "/value"},
            {%{point | "timestamp" => "noon"}, :invalid_timestamp, "/timestamp"},
            {%{point | "series_id" => ""}, :invalid_id, "/series_id"},
            {Map.put(point, "metadata", [1]), :invalid_document, "/metadata"},
            {%{"points" => [point, %{point | "value" => true}]}, :invalid_value,
             "/points/1/value"},
            {%{"series_id" => "s", "timestamps" => [1, 2], "values" => [1]}, :invalid_point, nil}
          ] do
        {found_code, found_pointer} = refusal(FormdbHttp.write_points(db, document))
        shown = inspect(document)
        assert {shown, found_code} == {shown, code}
        if pointer, do: assert({shown, found_pointer} == {shown, pointer})
      end

      assert {:invalid_timestamp, "/timestamp"} ==
               refusal(FormdbHttp.put_point(db, "s", "noon", 1))

      assert {:invalid_timestamp, "/timestamp"} ==
               refusal(FormdbHttp.put_point(db, "s", 1_000_000_000_000_000_000, 1))

      assert {:invalid_id, "/series_id"} == refusal(FormdbHttp.put_point(db, "", 1, 1))
      infinity = <<0, 0, 0, 0, 0, 0, 0xF0, 0x7F>>

      for {timestamps, values, code, pointer} <- [
            {[1, 2], [1], :invalid_point, nil},
            {<<1, 2, 3>>, [1], :invalid_point, "/timestamps"},
            {[1], <<1>>, :invalid_point, "/values"},
            {[1], infinity, :invalid_value, "/values/0"},
            {[1, 1_000_000_000_000_000_000], [1, 1], :invalid_timestamp, "/timestamps/1"},
            {[1, 2], [1.5, 9_007_199_254_740_993], :invalid_value, "/values/1"},
            {[1, 2], [Integer.pow(10, 400), 1], :invalid_value, "/values/0"}
          ] do
        {found_code, found_pointer} = refusal(FormdbHttp.put_columns(db, "s", timestamps, values))
        assert {timestamps, found_code} == {timestamps, code}
        if pointer, do: assert({timestamps, found_pointer} == {timestamps, pointer})
      end

      assert {:invalid_document, "/provenance"} ==
               refusal(FormdbHttp.put_columns(db, "s", [1], [1], provenance: "[]"))

      assert seq(db) == 0
    end

    test "of a range: from its start, to just before its end, in either order", %{db: db} do
      # Out of order, and two of one time.
      {:ok, _} = FormdbHttp.put_columns(db, "s", [30, 10, 20], [3, 1, 2])
      {:ok, _} = FormdbHttp.put_point(db, "s", 20, 2.5)
      all = [{10, 1.0}, {20, 2.0}, {20, 2.5}, {30, 3.0}]

      for start <- 8..32, stop <- start..32 do
        expected = Enum.filter(all, fn {time, _} -> time >= start and time < stop end)

        assert {:ok, %{points: ^expected, seq: 2, next: nil}} =
                 FormdbHttp.range(db, "s", start, stop)

        reversed = Enum.reverse(expected)
        assert {:ok, %{points: ^reversed}} = FormdbHttp.range(db, "s", start, stop, order: :desc)
      end

      assert {:ok, %{points: json}} = FormdbHttp.range(db, "s", 10, 20, as: :json)
      assert decode(json) == [%{"timestamp" => "1970-01-01T00:00:00.000010Z", "value" => 1.0}]

      assert {:ok, %{points: ^all}} =
               FormdbHttp.range(db, "s", ~U[1970-01-01 00:00:00Z], "1970-01-02")
    end

    test "come in pages that writes do not move", %{db: db} do
      timestamps = Enum.map(1..100, &div(&1, 3))
      all = Enum.zip(timestamps, Enum.map(1..100, &(&1 * 1.0)))

      for {order, expected} <- [asc: all, desc: Enum.reverse(all)], limit <- [1, 2, 7, 99, 100] do
        series = "#{order}-#{limit}"

        {:ok, %{last_seq: seq}} =
          FormdbHttp.put_columns(db, series, timestamps, Enum.to_list(1..100))

        opts = [order: order, limit: limit]
        assert pages(db, series, seq, opts, nil) == expected
      end
    end

    # Every page is as of `seq`, whatever is written between them.
    defp pages(db, series, seq, opts, cursor) do
      range = FormdbHttp.range(db, series, 0, 1_000, [cursor: cursor] ++ opts)
      assert {:ok, %{seq: ^seq, points: points, next: next}} = range
      {:ok, _} = FormdbHttp.put_columns(db, series, [0, 17, 33], [-1, -1, -1])

      if next do
        assert length(points) == opts[:limit]
        points ++ pages(db, series, seq, opts, next)
      else
        points
      end
    end

    test "of what is no range are refused", %{db: db} do
      {:ok, _} = FormdbHttp.put_point(db, "s", 1, 1)

      for {from, to, opts, code, pointer} <- [
            {2, 1, [], :invalid_time_range, "/start"},
            {"noon", 1, [], :invalid_timestamp, "/start"},
            {1, "noon", [], :invalid_timestamp, "/end"},
            {1, 2, [limit: 0], :invalid_parameter, "/limit"},
            {1, 2, [limit: 100_001], :invalid_parameter, "/limit"},
            {1, 2, [cursor: "x"], :invalid_cursor, "/cursor"}
          ] do
        assert {code, pointer} == refusal(FormdbHttp.range(db, "s", from, to, opts))
      end

      assert {:series_not_found, nil} == refusal(FormdbHttp.range(db, "nobody", 0, 1))
      assert {:series_not_found, nil} == refusal(FormdbHttp.latest(db, "nobody"))
    end

    test "have a latest one: of several of one time the last to arrive", %{db: db} do
      {:ok, _} = FormdbHttp.put_columns(db, "s", [5, 9, 9, 7], [1, 2, 3, 4])
      assert {:ok, latest} = FormdbHttp.latest(db, "s")
      assert %{timestamp: 9, value: 3.0, seq: 1, metadata: nil, provenance: nil} = latest

      point = %{"series_id" => "s", "timestamp" => 9, "value" => 8, "metadata" => %{"u" => "m"}}
      {:ok, {:point, %{point_id: id}}} = FormdbHttp.write_points(db, point)
      {:ok, _} = FormdbHttp.put_point(db, "s", 8, 0)

      assert {:ok, %{value: 8.0, point_id: ^id, seq: 2, metadata: json}} =
               FormdbHttp.latest(db, "s")

      assert decode(json) == %{"u" => "m"}
    end
  end

  describe "timestamps" do
    test "read back as they are shown" do
      for {micros, text} <- [
            {0, "1970-01-01T00:00:00.000000Z"},
            {-1, "1969-12-31T23:59:59.999999Z"},
            {1_769_860_800_250_000, "2026-01-31T12:00:00.250000Z"}
          ] do
        assert FormdbHttp.format_timestamp(micros) == text
        assert FormdbHttp.Serving.parse_timestamp(text) == {:ok, micros}
      end

      assert {:ok, 0} = FormdbHttp.Serving.parse_timestamp("1970-01-01")
      assert {:ok, 12} = FormdbHttp.Serving.parse_timestamp("12", unit: :us)
      assert {:ok, 12_000} = FormdbHttp.Serving.parse_timestamp("12", unit: :ms)

      assert {:invalid_timestamp, "/timestamp"} ==
               refusal(FormdbHttp.Serving.parse_timestamp("12"))

      for text <- ["", "noon", "2026-01-31T12:00:00", "2026-02-30"] do
        assert {:invalid_timestamp, "/timestamp"} ==
                 refusal(FormdbHttp.Serving.parse_timestamp(text))
      end
    end
  end

  describe "many writers at once" do
    test "share syncs, and each write is there once it is answered", %{db: db} do
      writers = 64
      each = 25

      acks =
        concurrently(1..writers, fn writer ->
          for n <- 1..each do
            id = "#{writer}-#{n}"
            document = feature(id, [writer, n], %{"writer" => writer, "n" => n})
            {:ok, ack} = FormdbHttp.put_feature(db, document)
            # Visible to whoever was told, at once.
            {:ok, found} = FormdbHttp.get_feature(db, id)
            assert {found.seq, found.hash} == {ack.seq, ack.hash}
            assert decode(found.json) == document
            {:ok, point} = FormdbHttp.put_point(db, "series/#{writer}", n, writer)
            {:ok, latest} = FormdbHttp.latest(db, "series/#{writer}")
            assert {latest.timestamp, latest.seq} == {n, point.seq}
            [ack.seq, point.seq]
          end
        end)

      for of_one <- acks, do: assert(List.flatten(of_one) == Enum.sort(List.flatten(of_one)))
      # Every sequence was given out, and none twice.
      count = writers * each * 2
      assert acks |> List.flatten() |> Enum.sort() == Enum.to_list(1..count)

      assert {:ok, info} = FormdbHttp.database(db)
      assert %{seq: ^count, transactions: ^count, features: 1600, points: 1600} = info
      assert info.groups < count, "no two writes shared a sync"

      {:ok, page} = FormdbHttp.search(db, {:box, {-180, -90, 180, 90}}, limit: count)
      assert page.returned == writers * each
    end

    test "on one feature leave the version with the greatest sequence", %{db: db} do
      acks =
        concurrently(1..64, fn n ->
          {:ok, ack} = FormdbHttp.put_feature(db, feature("a", [n, 0], %{"n" => n}))
          {ack.seq, n}
        end)

      {seq, n} = Enum.max(acks)
      assert {:ok, %{seq: ^seq, json: json}} = FormdbHttp.get_feature(db, "a")
      assert decode(json) == feature("a", [n, 0], %{"n" => n})
      assert {:ok, %{returned: 1}} = FormdbHttp.search(db, {:box, {-180, -90, 180, 90}})
    end

    test "are told when the queue is full, and nothing of theirs is written", %{db: db} do
      answers = overrun(db, 20)
      written = for {id, {:ok, _ack}} <- answers, do: id
      refused = for {id, {:error, error}} <- answers, do: {id, error}
      assert written != [] and refused != []

      for {id, error} <- refused do
        assert %Error{code: :busy, detail: detail, pointer: nil} = error
        assert detail =~ "FORMDB_QUEUE_TRANSACTIONS"
        assert {:feature_not_found, nil} == refusal(FormdbHttp.get_feature(db, id))
      end

      for id <- written, do: assert({:ok, _} = FormdbHttp.get_feature(db, id))
      # And it goes on.
      assert {:ok, _} = FormdbHttp.put_feature(db, feature("after"))
    end

    # Makes the committer busy with megabytes that do not compress, and meanwhile
    # writes from more processes than its queue has places.
    defp overrun(_db, 0), do: flunk("the write queue was never full")

    defp overrun(db, tries) do
      count = 500_000
      timestamps = for _ <- 1..count, into: <<>>, do: <<:rand.uniform(1_000_000_000)::little-64>>
      values = for _ <- 1..count, into: <<>>, do: <<:rand.uniform()::little-float-64>>
      big = Task.async(fn -> FormdbHttp.put_columns(db, "big", timestamps, values) end)

      answers =
        concurrently(1..4_000, fn n ->
          id = "#{tries}-#{n}"
          {id, FormdbHttp.put_feature(db, feature(id))}
        end)

      # It may itself have found the queue full.
      Task.await(big, 60_000)

      if Enum.any?(answers, &match?({_id, {:error, _}}, &1)),
        do: answers,
        else: overrun(db, tries - 1)
    end
  end

  test "the version is the application's" do
    assert FormdbHttp.version() == Mix.Project.config()[:version]
  end

  test "an error can be raised, and says where" do
    {:error, error} = FormdbHttp.Serving.parse_timestamp("noon")

    assert_raise Error, ~r/\Ainvalid_timestamp: .*noon.* \(at \/timestamp\)\z/, fn ->
      raise error
    end
  end

  defp concurrently(enumerable, call) do
    enumerable
    |> Enum.map(fn item -> Task.async(fn -> call.(item) end) end)
    |> Task.await_many(60_000)
  end
end
