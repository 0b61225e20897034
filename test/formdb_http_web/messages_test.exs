defmodule FormdbHttpWeb.MessagesTest do
  # What is refused says how to do it right: it names the member or parameter as the client
  # wrote it, what was found, what was expected, and the setting where one limits.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.{Endpoint, Problem}

  setup do
    config = %{Config.load!() | max_body_bytes: 100_000}
    start_supervised!({Endpoint, config})
    name = "messages_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), db: "/api/v1/databases/" <> name}
  end

  defp refused(response, code) do
    problem = json(response)
    assert {problem["code"], problem["detail"]} == {code, problem["detail"]}
    # Neither Erlang's form of bytes nor a library's own words.
    refute problem["detail"] =~ ~r/<<\d|EOF|serde|Elixir\.|\(setting [a-z]/
    assert byte_size(problem["detail"]) < 600
    problem
  end

  test "an empty body is called that", %{port: port, db: db} do
    for {path, expected} <- [
          {"/features", "Feature"},
          {"/timeseries", "point"},
          {"/transactions/t/operations", "operations"}
        ],
        body <- ["", " \n"] do
      detail = refused(post(port, db <> path, body), "invalid_json")["detail"]
      assert detail =~ "nothing was sent; expected"
      assert detail =~ expected
    end

    assert refused(post(port, db <> "/features", ""), "invalid_json")["detail"] =~
             "nothing was sent"

    assert refused(post(port, db <> "/timeseries", " "), "invalid_json")["detail"] =~
             "nothing was sent"

    assert refused(post(port, db <> "/features", "{"), "invalid_json")["detail"] =~
             "it ends within an object"
  end

  test "text that no UTF-8 can hold is called that", %{port: port, db: db} do
    for escape <- ["\\ud800", "\\ud800x", "\\udc00", "\\ud800\\ud800"] do
      body = ~s({"type":"Feature","id":"#{escape}","geometry":null,"properties":{}})
      detail = refused(post(port, db <> "/features", body), "invalid_json")["detail"]
      assert detail =~ "surrogate"
      assert detail =~ "line 1 column"
    end
  end

  test "values are shown as they were sent, and shortened", %{port: port, db: db} do
    for {path, code, shown} <- [
          {"/features?limit=%00", "invalid_parameter", ~s(limit is "\\0")},
          {"/features?limit=-1", "invalid_parameter", ~s(limit is "-1"; expected a whole number)},
          {"/features?predicate=%07x", "invalid_parameter", ~s(predicate is "\\ax")},
          {"/blocks/%00", "block_not_found", ~s("\\0")},
          {"/features?%00=1", "unknown_parameter", ~s("\\0")},
          {"/features/nearby?point=" <> String.duplicate("x", 5_000), "invalid_parameter",
           "... (5000 bytes)"},
          {"/features/" <> String.duplicate("x", 5_000), "feature_not_found", ~s(xxx"...)}
        ] do
      assert refused(get(port, db <> path), code)["detail"] =~ shown
    end

    assert Problem.show(<<0xFF, 0>>) == ~S("\xFF\0")
    assert Problem.show("é") == ~s("é")
    assert byte_size(Problem.show(String.duplicate("😀", 10_000))) < 400
  end

  test "members show what they are", %{port: port, db: db} do
    transactions = db <> "/transactions"
    within = db <> "/features/within"

    for {path, body, code, pointer, shown} <- [
          {transactions, ~s({"read_only":"yes"}), "invalid_body", "/read_only",
           ~s(read_only is "yes")},
          {transactions, ~s({"read_only":null}), "invalid_body", "/read_only",
           "read_only is null"},
          {transactions, ~s({"as_of":[1]}), "invalid_body", "/as_of", "as_of is [1]"},
          {transactions, ~s([5]), "invalid_json", "", "the body is [5]"},
          {transactions, "nonsense", "invalid_json", "",
           ~s(the body is "nonsense", which is no JSON)},
          {"/api/v1/databases", ~s({"name":5}), "invalid_name", "/name", "the name is 5"},
          {within, ~s({"bbox":["a"]}), "invalid_body", "/bbox", ~s(bbox is ["a"])},
          {within, ~s({"bbox":"0,0,1,1","filters":7}), "invalid_body", "/filters",
           "filters is 7"},
          {within, ~s({"bbox":"0,0,1,1","filters":{"prop.a":[[1]]}}), "invalid_body",
           "/filters/prop.a", "the filter is [[1]]"},
          {within, ~s({"bbox":"0,0,1,1","filters":{"prop.a":null}}), "invalid_body",
           "/filters/prop.a", "the filter is null"},
          {within, ~s({"bbox":"0,0,1,1","filters":{"prop.a":[]}}), "invalid_body",
           "/filters/prop.a", "the filter is []"}
        ] do
      problem = refused(post(port, path, body), code)
      assert problem["pointer"] == pointer
      assert problem["detail"] =~ shown
    end

    for key <- ["a b", "ä"] do
      headers = [{"idempotency-key", key}]
      response = request(port, "POST", db <> "/timeseries", headers: headers, body: "{}")
      assert refused(response, "invalid_parameter")["detail"] =~ ~s(Idempotency-Key is "#{key}")
    end
  end

  test "limits name their settings", %{port: port, db: db} do
    long = String.duplicate("x", 300)
    feature = %{type: "Feature", geometry: nil, properties: %{}}

    for {response, code, setting} <- [
          {get(port, db <> "/features?limit=0"), "invalid_parameter", "FORMDB_PAGE_ITEMS"},
          {get(port, db <> "/timeseries/a?limit=100001"), "invalid_parameter",
           "FORMDB_PAGE_ITEMS"},
          {post(port, db <> "/features", Map.put(feature, :id, long)), "invalid_id",
           "FORMDB_ID_BYTES"},
          {post(port, db <> "/features", String.duplicate(" ", 100_001)), "payload_too_large",
           "FORMDB_MAX_BODY_BYTES"}
        ] do
      assert refused(response, code)["detail"] =~ "setting #{setting})"
    end
  end

  test "a transaction that has ended is told from one that never was", %{port: port, db: db} do
    txn = json(post(port, db <> "/transactions", ""))["transaction_id"]
    post(port, db <> "/transactions/#{txn}/abort", "")
    operations = %{operations: []}
    ended = post(port, db <> "/transactions/#{txn}/operations", operations)
    detail = refused(ended, "transaction_not_found")["detail"]
    assert detail =~ ~s(transaction "#{txn}" is not open any more: )

    never = post(port, db <> "/transactions/txn_none/operations", operations)
    detail = refused(never, "transaction_not_found")["detail"]
    assert detail =~ ~s(no open transaction "txn_none")
  end

  test "operations say which one, and take ids as features do", %{port: port, db: db} do
    post(port, db <> "/features", %{type: "Feature", id: 7, geometry: nil, properties: %{}})
    txn = json(post(port, db <> "/transactions", ""))["transaction_id"]
    path = db <> "/transactions/#{txn}/operations"

    for {body, code, pointer} <- [
          {%{operations: %{}}, "invalid_parameter", "/operations"},
          {%{operations: nil}, "invalid_parameter", "/operations"},
          {%{operations: [%{op: "delete_feature", id: true}]}, "invalid_id", "/operations/0/id"},
          {%{operations: [%{op: "delete_feature"}]}, "invalid_parameter", "/operations/0"},
          {%{operations: [%{op: String.duplicate("x", 900)}]}, "invalid_parameter",
           "/operations/0/op"}
        ] do
      assert refused(post(port, path, body), code)["pointer"] == pointer
    end

    assert post(port, path, ~s({"operations":[{"op":"delete_feature","id":7.0}]})).status == 200
    assert post(port, db <> "/transactions/#{txn}/commit", "").status == 200
    assert get(port, db <> "/features/7").status == 404
  end

  test "a range that ends before it starts shows both", %{port: port, db: db} do
    path = db <> "/timeseries/a?start=2026-02-01&end=2026-01-01"

    for response <- [get(port, path), delete(port, path)] do
      detail = refused(response, "invalid_time_range")["detail"]
      assert detail =~ "2026-02-01T00:00:00.000000Z"
      assert detail =~ "2026-01-01T00:00:00.000000Z"
    end
  end

  test "titles are true of all that has them", %{port: port, db: db} do
    feature = %{type: "Feature", geometry: nil, properties: %{}, provenance: %{derived_from: 7}}
    problem = refused(post(port, db <> "/features", feature), "invalid_document")
    assert problem["pointer"] == "/provenance/derived_from"
    refute problem["title"] =~ "not a JSON object"
  end
end
