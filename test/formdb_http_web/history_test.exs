defmodule FormdbHttpWeb.HistoryTest do
  # Replacing, patching, deleting, undoing, the past, conditions and keys over HTTP.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.JSON
  alias FormdbHttp.{Config, TransparencyVerifier}
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "history_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    db = "/api/v1/databases/#{name}"
    {:ok, port: Endpoint.port(), name: name, db: db, a: db <> "/features/a"}
  end

  defp point(longitude, more \\ %{}) do
    Map.merge(
      %{
        type: "Feature",
        geometry: %{type: "Point", coordinates: [longitude, 0]},
        properties: %{n: longitude}
      },
      more
    )
  end

  defp send_json(port, method, path, body, headers \\ []) do
    body = if is_binary(body), do: body, else: JSON.text(body)
    headers = [{"content-type", "application/json"} | headers]
    request(port, method, path, headers: headers, body: body)
  end

  defp put(port, path, body, headers \\ []), do: send_json(port, "PUT", path, body, headers)

  defp refusal(response) do
    assert response.headers["content-type"] == "application/problem+json"
    problem = json(response)
    assert problem["status"] == response.status
    assert problem["detail"] != ""
    {response.status, problem["code"]}
  end

  defp seq(name) do
    {:ok, %{seq: seq}} = FormdbHttp.database(name)
    seq
  end

  describe "PUT of a feature" do
    test "creates, then replaces", %{port: port, db: db, a: a} do
      response = put(port, a, point(1))
      assert response.status == 201
      assert response.headers["location"] == a
      assert %{"feature_id" => "a", "seq" => 1, "hash" => hash, "time" => _} = json(response)
      assert response.headers["etag"] == ~s("#{hash}")

      response = put(port, a, point(2, %{id: "a"}))
      assert {response.status, json(response)["seq"]} == {200, 2}
      refute Map.has_key?(response.headers, "location")
      assert json(get(port, a))["properties"] == %{"n" => 2}

      assert refusal(put(port, a, point(1, %{id: "b"}))) == {400, "invalid_id"}
      assert refusal(put(port, a, "{")) == {400, "invalid_json"}
      assert refusal(put(port, db <> "/features/bbox", point(1))) == {405, "method_not_allowed"}
      odd = db <> "/features/a%2Fb%20%C3%BC"
      assert json(put(port, odd, point(1)))["feature_id"] == "a/b ü"
      assert get(port, odd).status == 200
    end

    test "is done only where If-Match and If-None-Match hold", context do
      %{port: port, a: a, name: name} = context
      assert refusal(put(port, a, point(1), [{"if-match", "*"}])) == {412, "precondition_failed"}
      first = put(port, a, point(1), [{"if-none-match", "*"}])
      assert first.status == 201
      tag = first.headers["etag"]
      refused = put(port, a, point(2), [{"if-none-match", "*"}])
      assert refusal(refused) == {412, "precondition_failed"}

      second = put(port, a, point(2), [{"if-match", ~s("x", #{tag})}])
      assert second.status == 200
      # The version has changed; a weak tag proves nothing; another tag fits nothing.
      for tags <- [tag, "W/" <> second.headers["etag"], ~s("x"), ~s("")] do
        assert {tags, {412, "precondition_failed"}} ==
                 {tags, refusal(put(port, a, point(3), [{"if-match", tags}]))}
      end

      for headers <- [
            [{"if-match", "x"}],
            [{"if-match", ""}],
            [{"if-none-match", tag}],
            [{"if-match", tag}, {"if-none-match", "*"}]
          ],
          do: assert(refusal(put(port, a, point(3), headers)) == {400, "invalid_parameter"})

      assert seq(name) == 2
      assert put(port, a, point(3), [{"if-match", "*"}]).status == 200
      assert refusal(request(port, "DELETE", a, headers: [{"if-match", tag}])) |> elem(0) == 412
      current = get(port, a).headers["etag"]
      assert request(port, "DELETE", a, headers: [{"if-match", current}]).status == 200
    end
  end

  describe "PATCH of a feature" do
    test "changes what it names", %{port: port, a: a} do
      first = put(port, a, point(1))
      patch = %{properties: %{n: nil, m: 5}}

      for type <- ["application/merge-patch+json", "application/json"] do
        headers = [{"content-type", type}]

        response =
          request(port, "PATCH", a, headers: headers, body: JSON.text(%{properties: %{n: type}}))

        assert {type, response.status} == {type, 200}
        assert response.headers["etag"] == ~s("#{json(response)["hash"]}")
      end

      assert refusal(send_json(port, "PATCH", a, patch, [{"if-match", first.headers["etag"]}])) ==
               {412, "precondition_failed"}

      text = ~s({"properties":{"n":null,"m":5}})
      assert send_json(port, "PATCH", a, text).status == 200
      assert json(get(port, a))["properties"] == %{"m" => 5}
      assert json(get(port, a))["geometry"]["coordinates"] == [1, 0]

      assert refusal(send_json(port, "PATCH", a, "[]")) == {400, "invalid_json"}

      assert refusal(send_json(port, "PATCH", a, ~s({"geometry":{"type":"X"}}))) ==
               {400, "invalid_geometry"}

      assert refusal(send_json(port, "PATCH", a <> "x", text)) == {404, "feature_not_found"}

      assert refusal(
               request(port, "PATCH", a, headers: [{"content-type", "text/plain"}], body: "x")
             ) ==
               {415, "unsupported_media_type"}
    end
  end

  describe "DELETE" do
    test "of a feature leaves its versions", %{port: port, a: a, db: db} do
      put(port, a, point(1))
      body = ~s({"provenance":{"why":"a mistake","weight":1.50}})
      response = send_json(port, "DELETE", a, body)
      assert response.status == 200
      assert %{"feature_id" => "a", "seq" => 2, "hash" => _, "time" => _} = json(response)
      assert refusal(get(port, a)) == {404, "feature_not_found"}
      assert refusal(request(port, "DELETE", a)) == {404, "feature_not_found"}
      old = get(port, a <> "?as_of=1")
      assert {old.status, old.headers["formdb-seq"]} == {200, "1"}
      [_, entry] = json(get(port, a <> "/provenance"))["provenance_chain"]

      assert %{"op" => "delete_feature", "provenance" => %{"why" => "a mistake", "weight" => 1.5}} =
               entry

      assert json(get(port, db <> "/journal?type=delete_feature"))["entries"] |> length() == 1
    end

    test "of the same points by many at once is written once", %{name: name} do
      for round <- 1..5 do
        {:ok, _} = FormdbHttp.put_columns(name, "s", [1, 2, 3], [1, 2, 3])
        {:ok, _} = FormdbHttp.put_columns(name, "s", [9], [9])
        delete = fn _ -> FormdbHttp.delete_points(name, "s", 1, 4) end
        answers = 1..8 |> Task.async_stream(delete, max_concurrency: 8) |> Enum.map(&elem(&1, 1))
        counts = for {:ok, %{deleted: count, seq: seq}} <- answers, do: {count, seq != nil}
        assert Enum.sort(counts) == List.duplicate({0, false}, 7) ++ [{3, true}], "#{round}"
      end
    end

    test "of points says how many", %{port: port, db: db, name: name} do
      {:ok, _} = FormdbHttp.put_columns(name, "s", Enum.to_list(1..10), Enum.to_list(1..10))
      response = request(port, "DELETE", db <> "/timeseries/s?start=3&end=6&unit=us")
      assert %{"series_id" => "s", "deleted" => 3, "seq" => 2} = json(response)
      response = request(port, "DELETE", db <> "/timeseries/s?start=3&end=6&unit=us")
      assert {response.status, json(response)} == {200, %{"series_id" => "s", "deleted" => 0}}
      assert length(json(get(port, db <> "/timeseries/s"))["data"]) == 7
      then = json(get(port, db <> "/timeseries/s?as_of=1"))
      assert {then["seq"], length(then["data"])} == {1, 10}
      assert %{"deleted" => 7} = json(request(port, "DELETE", db <> "/timeseries/s"))
      assert refusal(request(port, "DELETE", db <> "/timeseries/s")) == {404, "series_not_found"}
      assert json(get(port, db <> "/timeseries/s/latest?as_of=2"))["value"] == 10

      assert json(get(port, db <> "/timeseries?as_of=2"))["series"] |> hd() |> Map.get("points") ==
               7

      assert json(get(port, db <> "/timeseries"))["series"] == []

      for {query, code} <- [
            {"?start=6&end=3&unit=us", "invalid_time_range"},
            {"?start=noon", "invalid_timestamp"},
            {"?limit=3", "unknown_parameter"},
            {"?durability=perhaps", "invalid_parameter"}
          ],
          do:
            assert(
              refusal(request(port, "DELETE", db <> "/timeseries/s" <> query)) == {400, code}
            )
    end

    test "what a feature was derived from is followed back", %{port: port, db: db} do
      features = db <> "/features"

      put = fn id, from ->
        body =
          ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{},) <>
            ~s("provenance":{"derived_from":#{from}}})

        send_json(port, "POST", features, body)
      end

      raw = json(put.("raw", "[]"))
      elsewhere = String.duplicate("ab", 32)
      assert %{status: 201} = put.("clean", "[#{raw["seq"]}]")
      assert %{status: 201} = put.("map", ~s(["#{raw["hash"]}","#{elsewhere}"]))

      assert %{
               "derived_from" => [%{"seq" => seq}],
               "elsewhere" => [^elsewhere],
               "truncated" => false
             } = json(get(port, features <> "/map/lineage"))

      assert seq == raw["seq"]
      refused = put.("x", "[99999]")
      assert refused.status == 400
      assert json(refused)["pointer"] == "/provenance/derived_from/0"
    end

    test "bodies that are no provenance are refused", %{port: port, a: a, name: name} do
      put(port, a, point(1))

      for {body, code} <- [
            {"{", "invalid_json"},
            {"[]", "invalid_json"},
            {~s({"why":"x"}), "invalid_document"},
            {~s({"provenance":5}), "invalid_document"},
            {~s({"provenance":{},"provenance":{}}), "invalid_json"}
          ],
          do: assert({body, {400, code}} == {body, refusal(send_json(port, "DELETE", a, body))})

      large = ~s({"provenance":{"a":"#{String.duplicate("x", 70_000)}"}})
      assert send_json(port, "DELETE", a, large).status == 413
      assert seq(name) == 1
    end
  end

  describe "a block" do
    test "is JSON, or its bytes", %{port: port, db: db, a: a} do
      hash = json(put(port, a, point(1)))["hash"]
      response = get(port, db <> "/blocks/1")
      assert response.status == 200
      assert response.headers["content-type"] == "application/json"
      assert response.headers["etag"] == ~s(W/"#{hash}")
      assert response.headers["cache-control"] == "no-cache"
      assert %{"seq" => 1, "hash" => ^hash, "op" => "put_feature", "body" => _} = json(response)

      for accept <- [
            "application/cbor",
            "text/html, application/cbor;q=0.9, */*;q=0.1",
            "application/CBOR"
          ] do
        response = get(port, db <> "/blocks/1", [{"accept", accept}])
        assert {accept, "application/cbor"} == {accept, response.headers["content-type"]}
        assert response.headers["etag"] == ~s("#{hash}")
        assert response.headers["vary"] == "accept"
        assert Base.encode16(TransparencyVerifier.leaf_hash(response.body), case: :lower) == hash
      end

      for accept <- [
            "*/*",
            "application/json",
            "application/cbor;q=0, */*;q=0.5",
            "application/cbor;q=x",
            "nonsense",
            ";;,"
          ] do
        response = get(port, db <> "/blocks/1", [{"accept", accept}])
        assert {accept, "application/json"} == {accept, response.headers["content-type"]}
      end

      assert get(port, db <> "/blocks/1", [{"if-none-match", ~s("#{hash}")}]).status == 304

      by_hash = get(port, db <> "/blocks/" <> hash)
      assert json(by_hash)["seq"] == 1
      assert by_hash.headers["cache-control"] =~ "immutable"
      none = get(port, db <> "/blocks/" <> String.duplicate("0", 64))
      assert refusal(none) == {404, "block_not_found"}
      assert response.headers["cache-control"] == "no-cache"

      for block <- ["0", "2", "-1", "x", String.duplicate("9", 30)],
          do: assert(refusal(get(port, db <> "/blocks/" <> block)) == {404, "block_not_found"})
    end

    test "is undone by a revert", %{port: port, db: db, a: a} do
      put(port, a, point(1))
      second = json(put(port, a, point(2)))["hash"]
      response = post(port, db <> "/blocks/#{second}/revert", ~s({"provenance":{"why":"wrong"}}))
      assert response.status == 201
      assert %{"seq" => 3, "hash" => _, "time" => _, "reverts" => 2} = json(response)
      assert response.headers["location"] == db <> "/blocks/3"
      assert json(get(port, a))["properties"] == %{"n" => 1}
      assert refusal(request(port, "POST", db <> "/blocks/2/revert")) == {409, "cannot_revert"}
      assert request(port, "POST", db <> "/blocks/3/revert").status == 201
      assert json(get(port, a))["properties"] == %{"n" => 2}
      # As curl sends it with an empty -d.
      headers = [{"content-type", "application/x-www-form-urlencoded"}]
      empty = [headers: headers, body: ""]
      assert request(port, "POST", db <> "/blocks/4/revert", empty).status == 201

      assert refusal(request(port, "POST", db <> "/blocks/9/revert")) == {404, "block_not_found"}
    end
  end

  describe "as_of" do
    test "shows the past, by sequence or time", %{port: port, db: db, a: a} do
      time = json(put(port, a, point(1)))["time"]
      Process.sleep(2)
      put(port, a, point(2))
      put(port, db <> "/features/b", point(3))

      for as_of <- ["1", time, URI.encode_www_form(String.replace(time, "Z", "+00:00"))] do
        box = json(get(port, db <> "/features?bbox=-180,-90,180,90&as_of=" <> as_of))
        assert {as_of, 1, 1} == {as_of, box["seq"], box["numberReturned"]}
        assert json(get(port, a <> "?as_of=" <> as_of))["properties"] == %{"n" => 1}
      end

      assert refusal(get(port, a <> "?as_of=0")) == {404, "feature_not_found"}
      assert refusal(get(port, a <> "?as_of=4")) == {400, "invalid_parameter"}
      assert refusal(get(port, a <> "?as_of=once")) == {400, "invalid_timestamp"}
      assert refusal(get(port, a <> "?as_of=-1")) |> elem(0) == 400
      long = String.duplicate("9", 40)
      assert refusal(get(port, a <> "?as_of=" <> long)) == {400, "invalid_parameter"}

      # Pages of the past stay there.
      page = get(port, db <> "/features?bbox=-180,-90,180,90&as_of=3&limit=1")
      put(port, db <> "/features/c", point(4))
      [%{"href" => next}] = json(page)["links"]
      assert %{"seq" => 3, "numberReturned" => 1, "links" => []} = json(get(port, next))
    end
  end

  test "what is told of the past is as of then", %{port: port, db: db, a: a} do
    put(port, a, point(1))
    before = json(get(port, db <> "/schema"))
    put(port, a, point(2))
    delete(port, a)
    assert json(get(port, db <> "/schema?as_of=1")) == before
    assert json(get(port, db <> "/schema"))["features"]["count"] == 0

    versions = fn query ->
      for entry <- json(get(port, a <> "/provenance" <> query))["provenance_chain"],
          do: entry["seq"]
    end

    assert versions.("") == [1, 2, 3]
    assert versions.("?as_of=2") == [1, 2]
    assert versions.("?as_of=2&since=1") == [2]
    assert get(port, a <> "/provenance?as_of=0").status == 404
    assert get(port, a <> "/lineage?as_of=1").status == 200
    assert get(port, a <> "/lineage?as_of=0").status == 404
    assert json(get(port, db <> "/schema?as_of=4"))["pointer"] == "/as_of"
  end

  describe "Idempotency-Key" do
    test "makes every write one that can be sent again", context do
      %{port: port, db: db, a: a, name: name} = context
      tag = put(port, a, point(1)).headers["etag"]
      {:ok, _} = FormdbHttp.put_columns(name, "s", [1, 2, 3], [1, 2, 3])

      requests = [
        {"POST", db <> "/features", point(5), []},
        {"POST", db <> "/features", %{type: "FeatureCollection", features: [point(6), point(7)]},
         []},
        {"PUT", a, point(2), [{"if-match", tag}]},
        {"PUT", db <> "/features/new", point(2), [{"if-none-match", "*"}]},
        {"PATCH", db <> "/features/new", %{properties: %{}}, []},
        {"DELETE", db <> "/features/new", "", []},
        {"POST", db <> "/timeseries", %{series_id: "s", timestamp: 9, value: 1}, []},
        {"DELETE", db <> "/timeseries/s?start=1&end=3&unit=us", "", []},
        {"POST", db <> "/blocks/1/revert", "", []}
      ]

      sent = fn n, {method, path, body, headers} ->
        body = if body == "" and method != "POST", do: "{}", else: body
        send_json(port, method, path, body, [{"idempotency-key", "key-#{n}"} | headers])
      end

      indexed = Enum.with_index(requests)
      first = for {request, n} <- indexed, do: sent.(n, request)
      assert Enum.map(first, & &1.status) == [201, 201, 200, 201, 200, 200, 201, 200, 409]
      seq = seq(name)

      for {{request, n}, answer} <- Enum.zip(indexed, first), answer.status != 409 do
        refute Map.has_key?(answer.headers, "idempotency-replayed")
        again = sent.(n, request)
        assert {n, answer.status, answer.body} == {n, again.status, again.body}
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["location"] == answer.headers["location"]
        assert again.headers["etag"] == answer.headers["etag"]
      end

      assert seq(name) == seq

      other = send_json(port, "PUT", a, point(9), [{"idempotency-key", "key-0"}])
      assert refusal(other) == {422, "idempotency_key_reused"}

      for key <- ["", String.duplicate("x", 256), "ü"] do
        bad = send_json(port, "PUT", a, point(9), [{"idempotency-key", key}])
        assert {key, {400, "invalid_parameter"}} == {key, refusal(bad)}
      end

      assert seq(name) == seq
    end
  end

  test "durability is taken on every write, and only by its names", context do
    %{port: port, db: db, a: a} = context

    for level <- ["sync", "interval", "none"] do
      assert put(port, a <> "?durability=" <> level, point(1)).status in [200, 201]
      assert post(port, db <> "/features?durability=" <> level, point(1)).status == 201
      body = %{series_id: "s", timestamp: 1, value: 1}
      assert post(port, db <> "/timeseries?durability=" <> level, body).status == 201
    end

    refused = put(port, a <> "?durability=fsync", point(1))
    assert refusal(refused) == {400, "invalid_parameter"}
    assert json(refused)["pointer"] == "/durability"
  end

  test "the schema says what is in the database", %{port: port, db: db, a: a, name: name} do
    put(port, a, point(1))
    {:ok, _} = FormdbHttp.put_point(name, "s", 1, 1)
    schema = json(get(port, db <> "/schema"))
    assert schema["seq"] == 2

    assert %{"count" => 1, "geometry_types" => %{"Point" => 1}, "properties" => %{"n" => _}} =
             schema["features"]

    assert %{"count" => 1, "points" => 1} = schema["series"]
    assert refusal(get(port, db <> "x/schema")) == {404, "database_not_found"}
  end
end
