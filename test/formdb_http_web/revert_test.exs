defmodule FormdbHttpWeb.RevertTest do
  # Undoing many blocks as one transaction, and restoring earlier versions.
  use ExUnit.Case

  import FormdbHttp.HTTPClient, except: [post: 3, post: 4]

  alias FormdbHttp.{Config, JSON, TransparencyVerifier}
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "revert_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, db: "/api/v1/databases/#{name}"}
  end

  defp post(port, path, body, headers \\ []) do
    headers = [{"content-type", "application/json"} | headers]
    request(port, "POST", path, headers: headers, body: JSON.text(body))
  end

  defp feature(id, n, source) do
    %{
      type: "Feature",
      id: id,
      geometry: %{type: "Point", coordinates: [n, 0]},
      properties: %{n: n},
      provenance: %{source: source}
    }
  end

  defp collection(features), do: %{type: "FeatureCollection", features: features}

  defp world(port, db, as_of \\ nil) do
    query = if as_of, do: "&as_of=#{as_of}", else: ""
    found = json(get(port, db <> "/features?bbox=-180,-90,180,90&limit=1000" <> query))
    found["features"] |> Enum.map(&{&1["id"], &1["properties"], &1["provenance"]}) |> Enum.sort()
  end

  defp values(port, db, as_of \\ nil) do
    query = if as_of, do: "?as_of=#{as_of}", else: ""
    answer = get(port, db <> "/timeseries/no2" <> query)
    for %{"timestamp" => time, "value" => value} <- json(answer)["data"], do: {time, value}
  end

  defp seq(port, db), do: json(get(port, db))["seq"]

  # That the journal only grew, as somebody else's verifier says.
  defp check_tree(port, db, first) do
    last = seq(port, db)
    proof = json(get(port, db <> "/proofs/consistency?first=#{first}&second=#{last}"))
    assert TransparencyVerifier.consistency?(proof)
    proof = json(get(port, db <> "/proofs/inclusion?seq=#{last}"))
    assert TransparencyVerifier.inclusion?(proof)
  end

  defp conflicts(response) do
    assert response.status == 409
    problem = json(response)
    assert problem["code"] == "cannot_revert"
    for error <- problem["errors"], do: {error["code"], error["pointer"]}
  end

  # 41 features, of which five stood before.
  defp bad_batch(port, db, in_one?) do
    for n <- 1..5, do: post(port, db <> "/features", feature("f#{n}", n, "survey"))
    bad = for n <- 1..41, do: feature("f#{n}", -n, "import 7")

    if in_one?,
      do: assert(post(port, db <> "/features", collection(bad)).status == 201),
      else: for(one <- bad, do: assert(post(port, db <> "/features", one).status == 201))
  end

  describe "a bad batch" do
    for {how, in_one?} <- [{"one transaction", true}, {"41 transactions", false}] do
      test "of #{how} is undone as the unit it was", %{port: port, db: db} do
        bad_batch(port, db, unquote(in_one?))
        bad = world(port, db)
        assert length(bad) == 41

        selection =
          if unquote(in_one?),
            do: %{transaction: 20},
            else: %{filter: %{provenance: %{source: "import 7"}}}

        why = %{agent: "Ana", why: "the wrong file"}
        body = Map.put(selection, :provenance, why)
        plan = json(post(port, db <> "/reverts?dry_run=true", body))
        assert %{"reverted" => 41, "unchanged" => 0, "conflicts" => []} = plan
        assert seq(port, db) == 46

        response = post(port, db <> "/reverts", body)
        assert response.status == 201
        assert response.headers["location"] == db <> "/blocks/47"
        assert %{"reverted" => 41, "unchanged" => 0} = json(response)
        assert %{"first_seq" => 47, "last_seq" => 87} = json(response)

        # What was announced is what was done, in one transaction.
        entries = json(get(port, db <> "/journal?since=46"))["entries"]

        done =
          for %{"op" => "revert", "txn" => 47, "body" => body} <- entries do
            %{
              "reverts" => body["reverts"],
              "op" => body["op"],
              "feature_id" => body["body"]["id"]
            }
          end

        assert done == plan["operations"]
        assert Enum.all?(entries, &(&1["provenance"] == %{"agent" => "Ana", "why" => why.why}))

        was = for n <- 1..5, do: {"f#{n}", %{"n" => n}}
        assert for({id, properties, _} <- world(port, db), do: {id, properties}) == was
        # The past stays what it was.
        assert world(port, db, 46) == bad
        check_tree(port, db, 46)

        # And back: a revert of a revert restores.
        assert post(port, db <> "/reverts", %{transaction: 47}).status == 201
        restored = for {id, properties, _} <- world(port, db), do: {id, properties}
        assert restored == for({id, properties, _} <- bad, do: {id, properties})
        check_tree(port, db, 87)

        # A filter means what was written, by whatever block that is there again.
        again = post(port, db <> "/reverts", selection)

        if unquote(in_one?) do
          assert Enum.uniq(conflicts(again)) == [{"done_again", "/transaction"}]
          assert [%{"seq" => 6, "by" => 88} | _] = json(again)["errors"]
        else
          assert %{"reverted" => 41, "unchanged" => 0} = json(again)
          assert for({id, properties, _} <- world(port, db), do: {id, properties}) == was
        end
      end
    end

    test "undone by a filter that its reverts fit is undone once", %{port: port, db: db} do
      source = %{source: "import 7"}
      selection = %{filter: %{provenance: source}, provenance: source}
      post(port, db <> "/features", feature("a", 1, "import 7"))
      post(port, db <> "/features", feature("a", 2, "import 8"))
      # What comes back has the source of the first import.
      assert request(port, "POST", db <> "/blocks/2/revert").status == 201
      assert json(post(port, db <> "/reverts", selection))["reverted"] == 1
      assert world(port, db) == []

      for _ <- 1..3 do
        refused = post(port, db <> "/reverts", selection)
        assert conflicts(refused) == [{"nothing_to_undo", "/filter"}]
        assert [%{"seq" => 1, "by" => 4}] = json(refused)["errors"]
      end

      assert {world(port, db), seq(port, db)} == {[], 4}
      # Reverts are meant where they are asked for.
      reverts = put_in(selection.filter[:op], "revert")
      assert %{"reverted" => 2} = json(post(port, db <> "/reverts", reverts))
      assert [{"a", %{"n" => 2}, _}] = world(port, db)
      refused = post(port, db <> "/reverts", %{filter: %{op: "undo"}})
      assert {refused.status, json(refused)["pointer"]} == {400, "/filter/op"}
    end

    test "is not undone over later writes, but with them", %{port: port, db: db} do
      bad_batch(port, db, true)
      before = seq(port, db)
      for n <- [3, 30, 31], do: post(port, db <> "/features", feature("f#{n}", 50, "repair"))
      refused = post(port, db <> "/reverts", %{transaction: 6})
      assert conflicts(refused) == List.duplicate({"later_write", "/transaction"}, 3)
      assert json(refused)["detail"] =~ "first of 3"
      assert seq(port, db) == before + 3

      plan = json(post(port, db <> "/reverts?dry_run=true", %{transaction: 6}))
      assert %{"reverted" => 0, "operations" => [], "conflict_count" => 3} = plan
      assert Enum.map(plan["conflicts"], & &1["by"]) == Enum.to_list((before + 1)..(before + 3))

      with_them = %{first_seq: 6, last_seq: before + 3}
      assert %{"reverted" => 44} = json(post(port, db <> "/reverts", with_them))
      assert length(world(port, db)) == 5
    end

    test "is undone for the rest where a part of it was undone", %{port: port, db: db} do
      bad_batch(port, db, false)

      for seq <- 6..25,
          do: assert(request(port, "POST", db <> "/blocks/#{seq}/revert").status == 201)

      selection = %{sequences: Enum.to_list(46..6//-1)}
      answer = json(post(port, db <> "/reverts", selection))
      assert %{"reverted" => 21, "unchanged" => 20} = answer
      assert length(world(port, db)) == 5
      assert [{"nothing_to_undo", _}] = conflicts(post(port, db <> "/reverts", selection))
    end
  end

  describe "a correction of points" do
    setup %{port: port, db: db} do
      week = for day <- 1..7, do: %{timestamp: "2026-01-0#{day}T00:00:00Z", value: day}
      body = %{points: Enum.map(week, &Map.put(&1, :series_id, "no2"))}
      assert post(port, db <> "/timeseries", body).status == 201
      txn = json(post(port, db <> "/transactions", %{}))["transaction_id"]
      corrected = Enum.map(week, &%{&1 | value: &1.value + 0.5})

      operations = [
        %{op: "delete_points", series_id: "no2"},
        %{
          op: "put_points",
          points: %{points: Enum.map(corrected, &Map.put(&1, :series_id, "no2"))}
        }
      ]

      path = db <> "/transactions/#{txn}"
      assert post(port, path <> "/operations", %{operations: operations}).status == 200
      assert post(port, path <> "/commit", %{}).status == 200
      {:ok, before: values(port, db, 1), corrected: values(port, db)}
    end

    test "is undone whole, or by half if that is said", context do
      %{port: port, db: db, before: before, corrected: corrected} = context
      assert length(corrected) == 7

      # The delete alone would double the week.
      refused = request(port, "POST", db <> "/blocks/2/revert")
      assert refused.status == 409
      assert json(refused)["detail"] =~ "partial=true"
      half = post(port, db <> "/reverts", %{sequences: [2]})
      assert conflicts(half) == [{"partial_transaction", "/sequences/0"}]
      assert values(port, db) == corrected

      assert %{"reverted" => 2} = json(post(port, db <> "/reverts", %{transaction: 3}))
      assert values(port, db) == before
      assert values(port, db, 3) == corrected
      check_tree(port, db, 3)

      assert %{"reverted" => 2} = json(post(port, db <> "/reverts", %{transaction: 4}))
      assert values(port, db) == corrected

      # By half, the last one first: no points, then those of before.
      put = %{sequences: [6]}
      assert post(port, db <> "/reverts?partial=true", put).status in [201, 409]
    end

    test "by half doubles nothing that was not asked for", %{port: port, db: db} do
      assert request(port, "POST", db <> "/blocks/3/revert?partial=true").status == 201
      assert get(port, db <> "/timeseries/no2").status == 404
      # The other half completes it: nothing else of the transaction stands.
      assert request(port, "POST", db <> "/blocks/2/revert").status == 201
      assert length(values(port, db)) == 7
    end

    test "in the way of undoing what it corrected is named as the transaction to undo first",
         %{port: port, db: db, before: before} do
      refused = post(port, db <> "/reverts", %{sequences: [1]})
      assert [%{"by" => 2, "transaction" => 2, "detail" => detail}] = json(refused)["errors"]
      assert detail =~ "transaction of blocks 2 to 3"
      plan = json(post(port, db <> "/reverts?dry_run=true", %{sequences: [1]}))
      assert [%{"transaction" => 2}] = plan["conflicts"]
      refused = request(port, "POST", db <> "/blocks/1/revert")
      assert json(refused)["detail"] =~ "revert that transaction first"

      assert post(port, db <> "/reverts", %{transaction: 2}).status == 201
      assert values(port, db) == before
      assert post(port, db <> "/reverts", %{sequences: [1]}).status == 201
      assert get(port, db <> "/timeseries/no2").status == 404
    end

    test "of one write removes just its points", %{port: port, db: db, corrected: corrected} do
      late = %{series_id: "no2", timestamp: "2026-01-03T00:00:00Z", value: 99}
      assert post(port, db <> "/timeseries", late).status == 201
      assert length(values(port, db)) == 8

      assert post(port, db <> "/reverts", %{
               filter: %{start: "2020-01-01", series_id: "no2"},
               first_seq: 4
             }).status == 201

      assert values(port, db) == corrected
    end
  end

  describe "in a transaction" do
    test "what was wrong is undone and written right, at once", %{port: port, db: db} do
      bad_batch(port, db, true)
      txn = json(post(port, db <> "/transactions", %{}))["transaction_id"]
      path = db <> "/transactions/#{txn}"

      operations = [
        %{op: "revert", transaction: 6, provenance: %{why: "the wrong file"}},
        %{op: "put_feature", feature: feature("f9", 99, "import 8")},
        %{op: "restore", block: 1}
      ]

      added = post(port, path <> "/operations", %{operations: operations})
      assert %{"operations" => 43, "feature_ids" => ["f9", "f1"]} = json(added)
      # It sees its own work, and nobody else does.
      inside = json(get(port, db <> "/features?bbox=-180,-90,180,90&transaction=#{txn}"))
      assert length(inside["features"]) == 6
      assert length(world(port, db)) == 41

      # What it has written itself is nothing to undo.
      again = %{operations: [%{op: "revert", sequences: [6], partial: true}]}
      assert json(post(port, path <> "/operations", again))["code"] == "cannot_revert"

      late = %{
        operations: [
          %{op: "put_feature", feature: feature("g", 1, "x")},
          %{op: "revert", transaction: 99}
        ]
      }

      assert json(post(port, path <> "/operations", late))["pointer"] == "/operations/1"

      assert json(post(port, path <> "/commit", %{}))["last_seq"] == 46 + 43
      assert Enum.map(world(port, db), &elem(&1, 0)) == ~w(f1 f2 f3 f4 f5 f9)
      check_tree(port, db, 46)
    end

    test "a later write of somebody else is a conflict", %{port: port, db: db} do
      bad_batch(port, db, true)
      txn = json(post(port, db <> "/transactions", %{}))["transaction_id"]
      path = db <> "/transactions/#{txn}"
      undo = %{operations: [%{op: "revert", transaction: 6}]}
      assert post(port, path <> "/operations", undo).status == 200
      post(port, db <> "/features", feature("f7", 1, "survey"))
      assert post(port, path <> "/commit", %{}).status == 409
      assert length(world(port, db)) == 41
    end
  end

  test "an earlier version is restored, whatever came since", %{port: port, db: db} do
    post(port, db <> "/features", feature("a", 1, "survey"))
    post(port, db <> "/features", feature("a", 2, "import"))
    request(port, "DELETE", db <> "/features/a")
    response = request(port, "POST", db <> "/blocks/1/restore")
    assert response.status == 201
    assert response.headers["location"] == db <> "/features/a"
    assert %{"feature_id" => "a", "seq" => 4, "restores" => 1} = json(response)
    restored = json(get(port, db <> "/features/a"))
    assert restored["properties"] == %{"n" => 1}
    assert restored["provenance"] == %{"source" => "survey", "derived_from" => [1]}

    why = %{provenance: %{why: "the auditor's version", derived_from: [1]}}
    assert post(port, db <> "/blocks/2/restore", why).status == 201
    provenance = json(get(port, db <> "/features/a"))["provenance"]
    assert provenance == %{"why" => "the auditor's version", "derived_from" => [1, 2]}
    lineage = json(get(port, db <> "/features/a/lineage"))
    assert Enum.sort(for(%{"seq" => seq} <- lineage["derived_from"], do: seq)) == [1, 2]

    refused = request(port, "POST", db <> "/blocks/3/restore")
    assert {refused.status, json(refused)["code"]} == {400, "invalid_parameter"}
    assert request(port, "POST", db <> "/blocks/9/restore").status == 404
  end

  test "what is asked for is read strictly", %{port: port, db: db} do
    post(port, db <> "/features", feature("a", 1, "survey"))

    for {body, pointer} <- [
          {%{}, ""},
          {%{transaction: 1, sequences: [1]}, ""},
          {%{transaktion: 1}, ""},
          {%{transaction: 0}, "/transaction"},
          {%{sequences: [1, "2"]}, "/sequences/1"},
          {%{first_seq: 1}, ""},
          {%{first_seq: 2, last_seq: 1}, "/first_seq"},
          {%{filter: %{}}, "/filter"},
          {%{filter: %{actr: "x"}}, "/filter"},
          {%{filter: %{start: "soon"}}, "/filter/start"},
          {%{filter: %{provenance: %{}}}, "/filter/provenance"}
        ] do
      refused = post(port, db <> "/reverts", body)
      assert {body, 400, pointer} == {body, refused.status, json(refused)["pointer"]}
    end

    assert post(port, db <> "/reverts", %{sequences: [2]}).status == 404
    assert post(port, db <> "/reverts", %{transaction: 7}).status == 404
    nobody = post(port, db <> "/reverts", %{filter: %{actor: "nobody"}})
    assert conflicts(nobody) == [{"nothing_to_undo", "/filter"}]
    assert json(get(port, db))["seq"] == 1
  end

  test "a key makes it one that can be sent again", %{port: port, db: db} do
    bad_batch(port, db, true)
    send = fn -> post(port, db <> "/reverts", %{transaction: 6}, [{"idempotency-key", "k"}]) end
    first = send.()
    second = send.()
    assert {first.status, second.status} == {201, 201}
    assert second.headers["idempotency-replayed"] == "true"
    assert json(second) == Map.delete(json(first), "unchanged")
  end
end
