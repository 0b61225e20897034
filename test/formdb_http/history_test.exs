defmodule FormdbHttp.HistoryTest do
  # Deleting, undoing, the past, conditions and idempotency keys.
  use ExUnit.Case

  alias FormdbHttp.JSON
  alias FormdbHttp.Error

  @world {-180, -90, 180, 90}

  setup do
    name = "history_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, db: name}
  end

  defp feature(id, lon \\ 0, properties \\ %{}) do
    %{
      "type" => "Feature",
      "id" => id,
      "geometry" => %{"type" => "Point", "coordinates" => [lon, 0]},
      "properties" => properties
    }
  end

  defp decode(json), do: JSON.decode!(json)

  defp longitude(db, id, opts \\ []) do
    with {:ok, %{json: json}} <- FormdbHttp.get_feature(db, id, opts),
         do: json |> decode() |> get_in(["geometry", "coordinates"]) |> hd()
  end

  defp code({:error, %Error{code: code, detail: detail}}) do
    assert detail != ""
    code
  end

  defp seq(db) do
    {:ok, %{seq: seq}} = FormdbHttp.database(db)
    seq
  end

  defp reopen(db) do
    :ok = FormdbHttp.close(db)
    {:ok, %{created: false}} = FormdbHttp.open(db)
  end

  describe "open" do
    test "creates or opens, as it is asked", %{db: db} do
      other = db <> "-other"
      assert code(FormdbHttp.open(other, create: false)) == :database_not_found
      assert {:ok, %{created: true, seq: 0}} = FormdbHttp.open(other)
      :ok = FormdbHttp.close(other)
      assert {:ok, %{created: false, id: ^other}} = FormdbHttp.open(other, create: false)
      assert code(FormdbHttp.open("Not A Name")) == :invalid_name
      :ok = FormdbHttp.purge(other)
    end
  end

  describe "a feature put under an id" do
    test "takes that id and says whether it is new", %{db: db} do
      nameless = Map.delete(feature("a", 1), "id")

      assert {:ok, %{feature_id: "a", created: true}} =
               FormdbHttp.put_feature(db, nameless, id: "a")

      assert {:ok, %{seq: 2, created: false}} =
               FormdbHttp.put_feature(db, feature("a", 2), id: "a")

      assert code(FormdbHttp.put_feature(db, feature("b"), id: "a")) == :invalid_id
      {:ok, _} = FormdbHttp.delete_feature(db, "a")
      assert {:ok, %{seq: 4, created: true}} = FormdbHttp.put_feature(db, nameless, id: "a")
      assert {:ok, %{created: true}} = FormdbHttp.put_feature(db, feature("b"), id: "b")
      assert {:ok, %{created: false}} = FormdbHttp.put_feature(db, feature("b"), id: "b")
    end

    test "is written only where its expectation holds", %{db: db} do
      put = fn lon, expect -> FormdbHttp.put_feature(db, feature("a", lon), expect: expect) end
      hex = String.duplicate("0", 64)

      for expect <- [:exists, {:hash, hex}, {:hashes, []}, {:hash, "none"}, {:seq, 1}],
          do: assert(code(put.(1, expect)) == :precondition_failed)

      assert {:ok, %{hash: first}} = put.(1, :absent)
      assert code(put.(2, :absent)) == :precondition_failed
      assert {:ok, %{hash: second}} = put.(2, {:hash, first})
      assert code(put.(3, {:hash, first})) == :precondition_failed
      assert {:ok, _} = put.(3, {:hashes, [hex, "x", String.upcase(second)]})
      assert {:ok, %{seq: 4}} = put.(4, {:seq, 3})
      assert {:ok, %{seq: 5}} = put.(5, :exists)
      assert longitude(db, "a") == 5
      assert code(FormdbHttp.delete_feature(db, "a", expect: {:seq, 4})) == :precondition_failed
      assert {:ok, _} = FormdbHttp.delete_feature(db, "a", expect: {:seq, 5})
      assert code(put.(6, :exists)) == :precondition_failed
      assert {:ok, %{seq: 7}} = put.(6, :absent)
      assert_raise ArgumentError, ~r/expect is :newest/, fn -> put.(1, :newest) end
    end

    test "of many that expect the same version one is written", %{db: db} do
      {:ok, %{hash: hash}} = FormdbHttp.put_feature(db, feature("a"))

      answers =
        1..50
        |> Enum.map(fn n ->
          Task.async(fn -> FormdbHttp.put_feature(db, feature("a", n), expect: {:hash, hash}) end)
        end)
        |> Task.await_many()

      assert [_one] = for({:ok, ack} <- answers, do: ack)
      assert Enum.count(answers, &match?({:error, %{code: :precondition_failed}}, &1)) == 49
    end
  end

  describe "a patch" do
    test "replaces a geometry as a whole, also by null", %{db: db} do
      collection = %{
        "type" => "GeometryCollection",
        "geometries" => [%{"type" => "LineString", "coordinates" => [[0, 0], [2, 2]]}]
      }

      {:ok, _} = FormdbHttp.put_feature(db, feature("a"))
      point = %{"type" => "Point", "coordinates" => [50, 50], "geometries" => [1]}

      for geometry <- [collection, point, collection] do
        assert {:ok, _} = FormdbHttp.patch_feature(db, "a", %{"geometry" => geometry})
        assert {:ok, %{json: json}} = FormdbHttp.get_feature(db, "a")
        assert decode(json)["geometry"] == geometry
        assert {:ok, _} = FormdbHttp.search(db, {:box, {-1, -1, 3, 3}}, predicate: :within)
      end

      assert {:ok, %{returned: 0}} = FormdbHttp.search(db, {:box, {49, 49, 51, 51}})
      assert {:ok, _} = FormdbHttp.patch_feature(db, "a", ~s({"geometry":null}))
      assert {:ok, %{json: json}} = FormdbHttp.get_feature(db, "a")
      assert decode(json)["geometry"] == nil
      partial = FormdbHttp.patch_feature(db, "a", ~s({"geometry":{"coordinates":[1,2]}}))
      assert code(partial) == :invalid_geometry
      twice = ~s({"properties":{"a":{"b":1,"b":2}}})
      assert code(FormdbHttp.patch_feature(db, "a", twice)) == :invalid_json
    end

    test "changes what it names and nothing else", %{db: db} do
      {:ok, _} = FormdbHttp.put_feature(db, feature("a", 1, %{"n" => 1, "m" => 2}))
      patch = %{"properties" => %{"n" => nil, "o" => [3]}}
      assert {:ok, %{feature_id: "a", seq: 2}} = FormdbHttp.patch_feature(db, "a", patch)
      {:ok, %{json: json}} = FormdbHttp.get_feature(db, "a")
      assert decode(json) == feature("a", 1, %{"m" => 2, "o" => [3]})

      assert code(FormdbHttp.patch_feature(db, "b", patch)) == :feature_not_found
      assert code(FormdbHttp.patch_feature(db, "a", "[]")) == :invalid_json
      assert code(FormdbHttp.patch_feature(db, "a", ~s({"id":"b"}))) == :invalid_id
      assert code(FormdbHttp.patch_feature(db, "a", %{"geometry" => 5})) == :invalid_geometry
      opts = [expect: {:seq, 1}]
      assert code(FormdbHttp.patch_feature(db, "a", patch, opts)) == :precondition_failed
      assert seq(db) == 2
    end
  end

  describe "deleting" do
    test "hides a feature and keeps its versions", %{db: db} do
      {:ok, _} = FormdbHttp.put_feature(db, feature("a", 1))
      opts = [provenance: %{"why" => "wrong"}, actor: "ana"]

      assert {:ok, %{feature_id: "a", seq: 2, hash: hash}} =
               FormdbHttp.delete_feature(db, "a", opts)

      assert code(FormdbHttp.get_feature(db, "a")) == :feature_not_found
      assert code(FormdbHttp.delete_feature(db, "a")) == :feature_not_found
      assert {:ok, %{returned: 0}} = FormdbHttp.search(db, {:box, @world})
      assert {:ok, %{returned: 1, seq: 1}} = FormdbHttp.search(db, {:box, @world}, as_of: 1)
      assert longitude(db, "a", as_of: 1) == 1
      {:ok, %{json: chain}} = FormdbHttp.provenance(db, "a")
      assert [_, %{"op" => "delete_feature", "actor" => "ana", "hash" => ^hash}] = decode(chain)
      assert {:ok, %{features: 0}} = FormdbHttp.database(db)
    end

    test "takes points of a range, and says how many", %{db: db} do
      {:ok, _} = FormdbHttp.put_columns(db, "s", Enum.to_list(1..10), Enum.to_list(1..10))

      assert {:ok, %{deleted: 3, seq: 2, replayed: false}} =
               FormdbHttp.delete_points(db, "s", 2, 5)

      assert FormdbHttp.delete_points(db, "s", 2, 5) ==
               {:ok, %{deleted: 0, seq: nil, hash: nil, time: nil, replayed: false}}

      assert seq(db) == 2
      {:ok, %{points: points}} = FormdbHttp.range(db, "s", 0, 100)
      assert Enum.map(points, &elem(&1, 0)) == [1, 5, 6, 7, 8, 9, 10]
      {:ok, %{points: before}} = FormdbHttp.range(db, "s", 0, 100, as_of: 1)
      assert length(before) == 10

      assert code(FormdbHttp.delete_points(db, "none", 0, 1)) == :series_not_found
      assert code(FormdbHttp.delete_points(db, "s", 5, 1)) == :invalid_time_range
      assert code(FormdbHttp.delete_points(db, "s", "noon", 1)) == :invalid_timestamp
    end
  end

  describe "a revert" do
    test "undoes a block, and can be undone", %{db: db} do
      {:ok, _} = FormdbHttp.put_feature(db, feature("a", 1))
      {:ok, _} = FormdbHttp.put_feature(db, feature("a", 2))
      assert code(FormdbHttp.revert(db, 1)) == :cannot_revert
      assert {:ok, %{seq: 3, reverts: 2}} = FormdbHttp.revert(db, 2, provenance: %{"by" => "b"})
      assert longitude(db, "a") == 1
      assert code(FormdbHttp.revert(db, 2)) == :cannot_revert
      assert {:ok, %{seq: 4, reverts: 3}} = FormdbHttp.revert(db, 3)
      assert longitude(db, "a") == 2

      for seq <- [0, 5, 99, -1, 1_000_000_000_000_000_000_000],
          do: assert(code(FormdbHttp.revert(db, seq)) == :block_not_found)
    end
  end

  describe "a block" do
    test "is its bytes, whose hash is the leaf's", %{db: db} do
      {:ok, %{hash: hash}} = FormdbHttp.put_feature(db, feature("a"))
      assert {:ok, %{seq: 1, hash: ^hash, cbor: cbor, json: json}} = FormdbHttp.block(db, 1)
      leaf = FormdbHttp.TransparencyVerifier.leaf_hash(cbor)
      assert Base.encode16(leaf, case: :lower) == hash
      assert %{"op" => "put_feature", "body" => %{"id" => "a"}} = decode(json)
      assert code(FormdbHttp.block(db, 2)) == :block_not_found

      for text <- [hash, String.upcase(hash)] do
        assert {:ok, %{seq: 1, cbor: ^cbor}} = FormdbHttp.block(db, text)
      end

      for text <- ["", "1", "xyz", String.duplicate("0", 64), hash <> "00"],
          do: assert(code(FormdbHttp.block(db, text)) == :block_not_found)

      assert code(FormdbHttp.block(db <> "x", hash)) == :database_not_found
      assert {:ok, %{reverts: 1}} = FormdbHttp.revert(db, hash)
    end
  end

  describe "the past" do
    test "is named by a sequence or a time", %{db: db} do
      {:ok, %{time: first}} = FormdbHttp.put_feature(db, feature("a", 1))
      {:ok, _} = FormdbHttp.put_point(db, "s", 5, 1)
      Process.sleep(2)
      {:ok, %{time: third}} = FormdbHttp.put_feature(db, feature("a", 3))
      {:ok, %{time: fourth}} = FormdbHttp.put_point(db, "s", 9, 2)

      assert {:ok, 0} = FormdbHttp.seq_at(db, first - 1)
      assert {:ok, 3} = FormdbHttp.seq_at(db, third)
      assert {:ok, 4} = FormdbHttp.seq_at(db, fourth + 100_000)
      assert {:error, %{code: :invalid_parameter}} = FormdbHttp.seq_at(db, "9999-01-01")

      for as_of <- [2, FormdbHttp.format_timestamp(third - 1), at(third - 1)] do
        assert longitude(db, "a", as_of: as_of) == 1
        assert {:ok, %{timestamp: 5}} = FormdbHttp.latest(db, "s", as_of: as_of)

        assert {:ok, %{points: [{5, 1.0}], seq: 2}} =
                 FormdbHttp.range(db, "s", 0, 100, as_of: as_of)

        assert {:ok, %{series: [%{points: 1}], seq: 2}} = FormdbHttp.series(db, as_of: as_of)
        assert {:ok, %{seq: 2}} = FormdbHttp.search(db, {:box, @world}, as_of: as_of)
      end

      assert longitude(db, "a", as_of: at(fourth)) == 3
      assert code(FormdbHttp.get_feature(db, "a", as_of: 0)) == :feature_not_found
      assert code(FormdbHttp.latest(db, "s", as_of: 1)) == :series_not_found
      assert {:ok, %{series: [], seq: 1}} = FormdbHttp.series(db, as_of: 1)

      for as_of <- [5, -1],
          do: assert(code(FormdbHttp.get_feature(db, "a", as_of: as_of)) == :invalid_parameter)

      assert code(FormdbHttp.get_feature(db, "a", as_of: "once")) == :invalid_timestamp
    end

    defp at(micros), do: DateTime.from_unix!(micros, :microsecond)
  end

  describe "an idempotency key" do
    test "writes once, also when the request could not be prepared again", %{db: db} do
      {:ok, %{hash: hash}} = FormdbHttp.put_feature(db, feature("a", 1))
      {:ok, _} = FormdbHttp.put_feature(db, feature("gone"))
      {:ok, _} = FormdbHttp.put_columns(db, "s", [1, 2, 3], [1, 2, 3])
      {:ok, _} = FormdbHttp.put_columns(db, "r", [1, 2, 3], [1, 2, 3])
      nameless = Map.delete(feature("x"), "id")

      requests = [
        &FormdbHttp.put_feature(db, feature("a", 2), [expect: {:hash, hash}] ++ &1),
        &FormdbHttp.put_feature(db, feature("new"), [id: "new", expect: :absent] ++ &1),
        &FormdbHttp.put_feature(db, nameless, &1),
        &FormdbHttp.patch_feature(
          db,
          "new",
          %{"properties" => %{"n" => 1}},
          [expect: {:seq, 6}] ++ &1
        ),
        &FormdbHttp.put_features(
          db,
          %{"type" => "FeatureCollection", "features" => [nameless, feature("b"), nameless]},
          &1
        ),
        &FormdbHttp.delete_feature(db, "gone", [expect: :exists] ++ &1),
        &FormdbHttp.put_point(db, "s", 9, 1.5, &1),
        &FormdbHttp.put_columns(db, "s", [4, 5], [1, 2], &1),
        &FormdbHttp.delete_points(db, "s", 1, 3, &1),
        &FormdbHttp.delete_points(db, "r", 0, 100, &1),
        &FormdbHttp.revert(db, 2, [provenance: %{"why" => "test"}] ++ &1)
      ]

      keyed = requests |> Enum.with_index() |> Enum.map(fn {r, n} -> {r, "key #{n}"} end)
      first = for {request, key} <- keyed, do: write_refused(request, key)
      assert Enum.count(first, &match?({:ok, %{replayed: false}}, &1)) == 10
      seq = seq(db)

      for round <- 1..2 do
        for {{request, key}, {:ok, answer}} <- Enum.zip(keyed, first) do
          assert {key, {:ok, %{answer | replayed: true}}} ==
                   {key, request.(idempotency_key: key, durability: :none)}
        end

        assert seq(db) == seq
        if round == 1, do: reopen(db)
      end

      other = FormdbHttp.put_point(db, "s", 9, 2.5, idempotency_key: "key 6")
      assert code(other) == :idempotency_key_reused
      other = FormdbHttp.delete_feature(db, "a", idempotency_key: "key 6")
      assert code(other) == :idempotency_key_reused

      assert code(FormdbHttp.put_point(db, "s", 1, 1, idempotency_key: "\n")) ==
               :invalid_parameter

      # A key that is not known does not make a bad request a good one.
      assert code(FormdbHttp.delete_feature(db, "gone", idempotency_key: "x")) ==
               :feature_not_found

      assert {:ok, %{deleted: 0, seq: nil}} =
               FormdbHttp.delete_points(db, "s", 50, 60, idempotency_key: "y")

      assert seq(db) == seq
    end

    # The block that the last request would undo was deleted meanwhile.
    defp write_refused(request, key) do
      with {:error, %Error{code: :cannot_revert}} = refused <-
             request.(idempotency_key: key),
           do: refused
    end

    test "that many send at once writes once", %{db: db} do
      answers =
        1..40
        |> Enum.map(fn _ ->
          Task.async(fn ->
            FormdbHttp.put_feature(db, Map.delete(feature("x"), "id"), idempotency_key: "one")
          end)
        end)
        |> Task.await_many()

      assert [{:ok, %{feature_id: id}} | _] = answers
      assert Enum.all?(answers, &match?({:ok, %{feature_id: ^id, seq: 1}}, &1))
      assert Enum.count(answers, fn {:ok, ack} -> not ack.replayed end) == 1
      assert seq(db) == 1
    end
  end

  describe "durability" do
    test "of every level is seen at once and there after closing", %{db: db} do
      for {level, n} <- Enum.with_index([:sync, :interval, :none]) do
        {:ok, _} = FormdbHttp.put_point(db, "s", n, n, durability: level)
        assert {:ok, %{points: points}} = FormdbHttp.range(db, "s", 0, 10)
        assert length(points) == n + 1
      end

      reopen(db)
      assert {:ok, %{points: [_, _, _]}} = FormdbHttp.range(db, "s", 0, 10)
    end

    test "of no known level raises, and so does an unknown option", %{db: db} do
      assert_raise ArgumentError, ~r/durability is :later/, fn ->
        FormdbHttp.put_point(db, "s", 1, 1, durability: :later)
      end

      assert_raise ArgumentError, ~r/unknown options \[:durabilty\]/, fn ->
        FormdbHttp.put_point(db, "s", 1, 1, durabilty: :none)
      end
    end
  end
end
