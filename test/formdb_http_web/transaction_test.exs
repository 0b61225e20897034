defmodule FormdbHttpWeb.TransactionTest do
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.JSON
  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "transaction_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, db: "/api/v1/databases/#{name}"}
  end

  defp feature(id, longitude \\ 0) do
    %{
      type: "Feature",
      id: id,
      geometry: %{type: "Point", coordinates: [longitude, 0]},
      properties: %{}
    }
  end

  defp begin(port, db, body \\ "") do
    response = post(port, db <> "/transactions", body)
    assert response.status == 201
    response.headers["location"]
  end

  defp apply_put(port, txn, features) do
    operations = for feature <- features, do: %{op: "put_feature", feature: feature}
    post(port, txn <> "/operations", %{operations: operations})
  end

  defp commit(port, txn, headers \\ []),
    do: request(port, "POST", txn <> "/commit", headers: headers)

  defp refusal(response), do: {response.status, json(response)["code"]}

  test "is begun, written to, read in and committed", %{port: port, db: db, name: name} do
    {:ok, _} = FormdbHttp.put_feature(name, JSON.text(feature("old")))
    {:ok, _} = FormdbHttp.put_columns(name, "s", [1, 2], [1, 2])

    response = post(port, db <> "/transactions", "")
    assert response.status == 201

    assert %{"transaction_id" => id, "seq" => 2, "read_only" => false, "expires_in_ms" => left} =
             json(response)

    assert left in 1..30_000
    txn = response.headers["location"]
    assert txn == "#{db}/transactions/#{id}"

    operations = [
      %{op: "put_feature", feature: feature("new")},
      %{op: "delete_feature", id: "old"},
      %{op: "put_points", points: %{series_id: "s", timestamp: 3, value: 3}},
      %{
        op: "delete_points",
        series_id: "s",
        start: "1970-01-01",
        end: "1970-01-01T00:00:00.000002Z"
      }
    ]

    applied = post(port, txn <> "/operations", %{operations: operations})

    assert {applied.status, json(applied)} ==
             {200, %{"operations" => 4, "feature_ids" => ["new"]}}

    inside = "transaction=#{id}"
    box = json(get(port, "#{db}/features?bbox=-1,-1,1,1&#{inside}"))
    assert Enum.map(box["features"], & &1["id"]) == ["new"]
    own = get(port, "#{db}/features/new?#{inside}")
    assert {own.status, own.headers["etag"]} == {200, nil}
    assert refusal(get(port, "#{db}/features/old?#{inside}")) == {404, "feature_not_found"}
    data = json(get(port, "#{db}/timeseries/s?#{inside}"))["data"]
    assert Enum.map(data, & &1["value"]) == [2.0, 3.0]
    assert refusal(get(port, "#{db}/features/new")) == {404, "feature_not_found"}

    assert %{"status" => "open", "operations" => 4, "seq" => 2} = json(get(port, txn))

    committed = commit(port, txn)
    assert committed.status == 200
    assert %{"first_seq" => 3, "last_seq" => 6, "hash" => _, "time" => _} = json(committed)
    refute Map.has_key?(committed.headers, "idempotency-replayed")
    again = commit(port, txn)
    assert {again.status, again.body} == {200, committed.body}
    assert again.headers["idempotency-replayed"] == "true"
    assert %{"status" => "committed", "first_seq" => 3, "hash" => _} = json(get(port, txn))
    assert get(port, "#{db}/features/new").status == 200
    assert refusal(apply_put(port, txn, [feature("x")])) == {404, "transaction_not_found"}
  end

  test "takes operations that are sent again with their key once", context do
    %{port: port, db: db, name: name} = context
    txn = begin(port, db)
    points = ~s({"op":"put_points","points":{"series_id":"s","timestamp":1,"value":1}})
    nameless = ~s({"type":"Feature","geometry":null,"properties":{}})
    body = ~s({"operations":[#{points},{"op":"put_feature","feature":#{nameless}}]})
    headers = [{"idempotency-key", "k"}, {"content-type", "application/json"}]
    send = &request(port, "POST", txn <> "/operations", headers: headers, body: &1)

    first = send.(body)
    assert first.status == 200
    refute Map.has_key?(first.headers, "idempotency-replayed")
    again = send.(body)
    assert {again.status, again.body} == {200, first.body}
    assert again.headers["idempotency-replayed"] == "true"
    assert refusal(send.(~s({"operations":[#{points}]}))) == {422, "idempotency_key_reused"}
    assert %{"operations" => 2} = json(get(port, txn))
    assert commit(port, txn).status == 200
    assert {:ok, %{seq: 2, points: 1}} = FormdbHttp.database(name)
    assert refusal(send.(body)) == {404, "transaction_not_found"}
  end

  test "takes no condition and no key that it would have to ignore", context do
    %{port: port, db: db, name: name} = context
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(name, JSON.text(feature("a")))
    txn = begin(port, db)
    point = ~s({"series_id":"s","timestamp":1,"value":1})

    calls = [
      {txn <> "/operations", ~s({"operations":[]})},
      {txn <> "/commit", ""},
      {txn <> "/abort", ""},
      {db <> "/transactions", ""},
      {"#{db}/blocks/#{seq}/revert", ""},
      {db <> "/features", JSON.text(feature("b"))},
      {db <> "/timeseries", point}
    ]

    for {path, body} <- calls, header <- ["If-Match", "If-None-Match"] do
      headers = [{String.downcase(header), "*"}, {"content-type", "application/json"}]
      refused = request(port, "POST", path, headers: headers, body: body)
      assert {path, refusal(refused)} == {path, {400, "invalid_parameter"}}
      assert json(refused)["detail"] =~ header <> " is not taken here"
    end

    for key <- ["two words", "a,b, c", String.duplicate("x", 256)] do
      refused = request(port, "POST", txn <> "/operations", headers: [{"idempotency-key", key}])
      assert refusal(refused) == {400, "invalid_parameter"}
    end

    refused = request(port, "POST", db <> "/transactions", headers: [{"idempotency-key", "k"}])
    assert refusal(refused) == {400, "invalid_parameter"}
    assert %{"status" => "open", "operations" => 0} = json(get(port, txn))
    assert {:ok, %{seq: ^seq}} = FormdbHttp.database(name)
  end

  test "is aborted", %{port: port, db: db, name: name} do
    txn = begin(port, db)
    assert apply_put(port, txn, [feature("a")]).status == 200
    aborted = request(port, "POST", txn <> "/abort")
    assert %{"transaction_id" => "txn_" <> _, "status" => "aborted"} = json(aborted)
    assert %{"status" => "aborted", "reason" => _} = json(get(port, txn))
    assert refusal(commit(port, txn)) == {404, "transaction_not_found"}
    assert {:ok, %{seq: 0}} = FormdbHttp.database(name)
  end

  test "that comes second is a conflict", %{port: port, db: db} do
    [one, two] = [begin(port, db), begin(port, db)]
    for txn <- [one, two], do: assert(apply_put(port, txn, [feature("a")]).status == 200)
    assert commit(port, two).status == 200
    assert refusal(commit(port, one)) == {409, "conflict"}
  end

  test "that only reads is pinned", %{port: port, db: db, name: name} do
    {:ok, %{time: time}} = FormdbHttp.put_feature(name, JSON.text(feature("a")))
    {:ok, _} = FormdbHttp.put_feature(name, JSON.text(feature("b")))

    for as_of <- [1, FormdbHttp.format_timestamp(time)] do
      txn = begin(port, db, %{read_only: true, as_of: as_of})
      id = txn |> String.split("/") |> List.last()
      assert json(get(port, "#{db}/features?bbox=-1,-1,1,1&transaction=#{id}"))["seq"] == 1
      assert refusal(apply_put(port, txn, [feature("x")])) == {409, "read_only_transaction"}
      refused = get(port, "#{db}/features/a?transaction=#{id}&as_of=1")
      assert refusal(refused) == {400, "invalid_parameter"}

      # Twice: who lost the answer asks again.
      for replayed <- [nil, "true"] do
        nothing = commit(port, txn)
        assert nothing.headers["idempotency-replayed"] == replayed
        nulls = ~s({"first_seq":null,"last_seq":null,"hash":null,"time":null})
        assert {nothing.status, nothing.body} == {200, nulls}
        assert %{"status" => "committed", "first_seq" => nil} = json(get(port, txn))
      end
    end
  end

  test "a feature that it does not see is not deleted, and nothing else is lost", context do
    %{port: port, db: db} = context
    txn = begin(port, db)
    apply_put(port, txn, [feature("a")])
    delete = %{operations: [%{op: "delete_feature", id: "b"}]}
    refused = post(port, txn <> "/operations", delete)
    assert refusal(refused) == {404, "feature_not_found"}
    assert commit(port, txn).status == 200
    assert get(port, db <> "/features/a").status == 200
  end

  test "is committed once under a key, though the server forgot it", context do
    %{port: port, db: db, name: name} = context
    txn = begin(port, db)
    apply_put(port, txn, [feature("a")])
    first = commit(port, txn, [{"idempotency-key", "k"}])
    :ok = FormdbHttp.close(name)
    {:ok, _} = FormdbHttp.open(name)
    assert refusal(get(port, txn)) == {404, "transaction_not_found"}
    again = commit(port, txn, [{"idempotency-key", "k"}])
    assert {again.status, again.body} == {200, first.body}
    assert again.headers["idempotency-replayed"] == "true"
  end

  # It is large, so that some come while the first is under way.
  test "that is sent to be committed by many is committed once, and all are told", context do
    %{port: port, db: db, name: name} = context
    txn = begin(port, db)
    assert apply_put(port, txn, for(n <- 1..20_000, do: feature("f#{n}"))).status == 200
    commits = for _ <- 1..6, do: Task.async(fn -> commit(port, txn) end)

    Stream.repeatedly(fn -> json(get(port, txn))["status"] end)
    |> Enum.find(&(&1 != "open"))

    id = txn |> String.split("/") |> List.last()

    # Whatever it comes to by then, nobody is told to begin another.
    for response <- [
          request(port, "POST", txn <> "/abort"),
          apply_put(port, txn, [feature("late")]),
          get(port, "#{db}/features/f1?transaction=#{id}")
        ] do
      assert refusal(response) in [
               {409, "transaction_committing"},
               {404, "transaction_not_found"}
             ]

      refute json(response)["detail"] =~ "begin another"
    end

    answers = Task.await_many(commits, 30_000)
    assert [%{status: 200, body: body}] = Enum.uniq_by(answers, &{&1.status, &1.body})
    marks = Enum.frequencies_by(answers, & &1.headers["idempotency-replayed"])
    assert marks == %{nil => 1, "true" => 5}
    assert {:ok, %{seq: 20_000}} = FormdbHttp.database(name)
    assert commit(port, txn).body == body
  end

  test "that was refused is refused the same way when it is sent again", context do
    %{port: port, db: db} = context
    [one, two] = [begin(port, db), begin(port, db)]
    for txn <- [one, two], do: assert(apply_put(port, txn, [feature("a")]).status == 200)
    assert commit(port, two).status == 200
    [first, again] = [commit(port, one), commit(port, one)]
    assert refusal(again) == {409, "conflict"}
    assert json(again)["detail"] == json(first)["detail"]
    assert refusal(apply_put(port, one, [feature("b")])) == {404, "transaction_not_found"}
  end

  test "outlives the connection that began it", %{port: port, db: db} do
    # Every request here has a connection, and so a process, of its own.
    txn = begin(port, db)
    send(FormdbHttp.Leases, :sweep)
    _ = :sys.get_state(FormdbHttp.Leases)
    assert json(get(port, txn))["status"] == "open"
  end

  test "nonsense is refused", %{port: port, db: db} do
    for {body, code, pointer} <- [
          {"{", "invalid_json", ""},
          {"[]", "invalid_json", ""},
          {~s({"read_only":1}), "invalid_body", "/read_only"},
          {~s({"as_of":1.5}), "invalid_body", "/as_of"},
          {~s({"as_of":"once","read_only":true}), "invalid_timestamp", "/as_of"},
          {~s({"as_of":-1,"read_only":true}), "invalid_parameter", "/as_of"},
          {~s({"as_of":99,"read_only":true}), "invalid_parameter", "/as_of"},
          {~s({"as_of":#{String.duplicate("9", 40)},"read_only":true}), "invalid_json", "/as_of"},
          {~s({"as_of":0}), "invalid_parameter", "/as_of"},
          {~s({"lease":5}), "invalid_body", "/lease"}
        ] do
      response = post(port, db <> "/transactions", body)

      assert {body, 400, code, pointer} ==
               {body, response.status, json(response)["code"], json(response)["pointer"]}
    end

    txn = begin(port, db)

    for body <- ["", "{", "[]", "{}", ~s({"operations":[{}]}), ~s({"operations":[{"op":7}]})],
        do: assert({body, 400} == {body, post(port, txn <> "/operations", body).status})

    nobody = db <> "/transactions/txn_%F0%9F%98%80"

    for response <- [
          get(port, nobody),
          commit(port, nobody),
          request(port, "POST", nobody <> "/abort"),
          apply_put(port, nobody, [feature("a")]),
          get(port, db <> "/features/a?transaction=x"),
          get(port, db <> "/features?bbox=0,0,1,1&transaction="),
          get(port, db <> "/timeseries/s?transaction=x")
        ],
        do: assert(refusal(response) == {404, "transaction_not_found"})
  end
end
