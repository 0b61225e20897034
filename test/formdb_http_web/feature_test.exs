defmodule FormdbHttpWeb.FeatureTest do
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.{Endpoint, Router}

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "feature_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, features: "/api/v1/databases/#{name}/features"}
  end

  defp point(id, longitude \\ 1, latitude \\ 2) do
    %{
      type: "Feature",
      id: id,
      geometry: %{type: "Point", coordinates: [longitude, latitude]},
      properties: %{name: id}
    }
  end

  defp collection(features), do: %{type: "FeatureCollection", features: features}

  describe "POST of a Feature" do
    test "says what was written and where it is", %{port: port, features: features} do
      before = System.os_time(:second)
      response = post(port, features, point("a"), "application/geo+json")
      assert response.status == 201
      assert response.headers["location"] == features <> "/a"
      assert %{"feature_id" => "a", "seq" => 1, "hash" => hash, "time" => time} = json(response)
      assert hash =~ ~r/\A[0-9a-f]{64}\z/
      {:ok, time, 0} = DateTime.from_iso8601(time)
      assert DateTime.to_unix(time) in before..System.os_time(:second)
    end

    test "makes up an id when there is none", %{port: port, features: features} do
      response = post(port, features, Map.delete(point("a"), :id))
      %{"feature_id" => "feat_" <> _ = id} = json(response)
      assert response.headers["location"] == "#{features}/#{id}"
      assert json(get(port, response.headers["location"]))["id"] == id
    end

    test "of an id again makes a new version", %{port: port, features: features} do
      first = json(post(port, features, point("a", 1, 1)))
      second = json(post(port, features, point("a", 5, 5)))
      assert second["seq"] == 2
      assert first["hash"] != second["hash"]
      assert json(get(port, features <> "/a"))["geometry"]["coordinates"] == [5, 5]
    end

    test "ids of any characters come back under their address", context do
      %{port: port, features: features} = context

      for id <-
            ["a/b", "ü 😀", "a%2Fb", "?q#f", "../..", "...", "a+b", "\"q\"", "<>", "%", "a*"] do
        response = post(port, features, point(id))
        assert {id, response.status} == {id, 201}
        assert json(response)["feature_id"] == id
        found = get(port, response.headers["location"])
        assert {id, found.status} == {id, 200}
        assert json(found)["id"] == id
      end

      assert json(get(port, features <> "/a%2fb"))["id"] == "a/b"
      # UTF-8 that is not encoded, as careless clients send it.
      assert json(get(port, features <> "/ü%20😀"))["id"] == "ü 😀"
    end

    # Clients that follow the URL Standard take dot segments out of a path, encoded ones too,
    # and many clients and proxies undo the encoding of a letter.
    test "ids that a path cannot hold everywhere are refused", context do
      %{port: port, name: name, features: features} = context

      for id <- [".", "..", "bbox"] ++ Router.feature_queries() do
        operations = %{operations: [%{op: "put_feature", feature: point(id)}]}
        txn = json(post(port, "/api/v1/databases/#{name}/transactions", ""))["transaction_id"]
        transaction = "/api/v1/databases/#{name}/transactions/#{txn}"
        collection = %{type: "FeatureCollection", features: [point("fine"), point(id)]}

        path =
          features <>
            "/%" <> Base.encode16(binary_part(id, 0, 1)) <> binary_part(id, 1, byte_size(id) - 1)

        for {response, pointer} <- [
              {post(port, features, point(id)), "/id"},
              {post(port, features, collection), "/features/1/id"},
              {request(port, "PUT", path, body: JSON.text(Map.delete(point("x"), :id))), "/id"},
              {post(port, transaction <> "/operations", operations), "/operations/0/feature/id"}
            ] do
          problem = json(response)
          assert {id, problem["code"], problem["pointer"]} == {id, "invalid_id", pointer}
          assert problem["detail"] =~ inspect(id)
        end

        # One that was stored before is found by it, and not taken for a query.
        assert json(get(port, path))["code"] == "feature_not_found"
        assert json(request(port, "DELETE", path))["code"] == "feature_not_found"
      end

      assert {:ok, %{seq: 0}} = FormdbHttp.database(name)
    end

    test "what is no Feature is refused, and says where", context do
      %{port: port, name: name, features: features} = context

      for {body, code, pointer} <- [
            {"{", "invalid_json", nil},
            {"", "invalid_json", nil},
            {"\xFF\xFE", "invalid_json", nil},
            {String.duplicate("[", 100_000), "invalid_json", nil},
            {"[]", "invalid_json", nil},
            {~s({"type":"Point","coordinates":[1,200]}), "invalid_position", "/coordinates/1"},
            {put_in(point("a")[:crs], "EPSG:2056"), "unsupported_crs", "/crs"},
            {put_in(point("a")[:bbox], [5, 5, 6, 6]), "invalid_bbox", "/bbox"},
            {put_in(point("a"), [:geometry, :type], "Circle"), "invalid_geometry", "/geometry"},
            {point("a", 1, 95), "invalid_position", "/geometry/coordinates"},
            {point(""), "invalid_id", "/id"},
            {collection([point("a"), point("b", 1, 95)]), "invalid_position",
             "/features/1/geometry/coordinates"}
          ] do
        response = post(port, features, body)
        shown = inspect(body, limit: 5)
        assert {shown, response.status} == {shown, 400}
        assert response.headers["content-type"] == "application/problem+json"
        problem = json(response)
        assert {shown, problem["code"]} == {shown, code}
        assert problem["detail"] != ""
        if pointer, do: assert(String.starts_with?(problem["pointer"], pointer))
      end

      assert {:ok, %{seq: 0, features: 0}} = FormdbHttp.database(name)
    end
  end

  describe "what real files have" do
    test "is taken for what it means", %{port: port, features: features} do
      body = ~s({"type":"Feature","id":null,"bbox":null,"properties":{},
        "geometry":{"type":"LineString","bbox":null,
          "coordinates":[[180.00000000000006,1,2,3],[179,90.0000000001]]}})

      assert %{"feature_id" => "feat_" <> _ = id} = json(post(port, features, body))

      assert json(get(port, "#{features}/#{id}")) == %{
               "type" => "Feature",
               "id" => id,
               "properties" => %{},
               "geometry" => %{
                 "type" => "LineString",
                 "coordinates" => [[180.0, 1, 2, 3], [179, 90.0]]
               }
             }

      for query <- [
            "bbox=180.00000000000006,0,180.00000000000006,1.5",
            "bbox=180,0,-180,90.0000000001"
          ] do
        assert json(get(port, "#{features}?#{query}"))["numberReturned"] == 1
      end

      near = get(port, "#{features}/nearby?point=-180.0000000001,1&radius=1")
      assert json(near)["numberReturned"] == 1
      assert json(get(port, "#{features}?bbox=180.001,0,180.001,1"))["code"] == "invalid_bbox"
    end

    test "may be a bare geometry", %{port: port, features: features} do
      for geometry <- [
            %{"type" => "Point", "coordinates" => [1, 2]},
            %{"type" => "GeometryCollection", "geometries" => []}
          ] do
        %{"feature_id" => id} = json(post(port, features, geometry))

        put =
          request(port, "PUT", "#{features}/x", headers: json_type(), body: JSON.text(geometry))

        assert put.status in [200, 201]

        for id <- [id, "x"] do
          assert json(get(port, "#{features}/#{id}")) ==
                   %{"type" => "Feature", "id" => id, "properties" => nil, "geometry" => geometry}
        end
      end

      # A patch of the members of a geometry is none of its feature.
      patch =
        request(port, "PATCH", "#{features}/x", headers: json_type(), body: ~s({"type":"Point"}))

      assert %{"code" => "invalid_feature", "pointer" => "/type"} = json(patch)
    end

    test "is refused with all of its faults", %{port: port, features: features} do
      bad = %{type: "Feature", id: true, geometry: %{type: "Point", coordinates: [200, 100]}}
      problem = json(post(port, features, collection([point("a"), bad, point("a")])))

      assert %{"code" => "invalid_id", "pointer" => "/features/1/id", "errors" => errors} =
               problem

      assert problem["detail"] =~ "4 faults"

      assert for(%{"code" => code, "pointer" => pointer} <- errors, do: {code, pointer}) == [
               {"invalid_id", "/features/1/id"},
               {"invalid_position", "/features/1/geometry/coordinates/0"},
               {"invalid_position", "/features/1/geometry/coordinates/1"},
               {"duplicate_id", "/features/2/id"}
             ]

      assert [%{"pointer" => "/geometry/coordinates/1"}] =
               json(post(port, features, point("b", 1, 95)))["errors"]

      twice = for id <- ["a", "b", "b", "a"], do: point(id)
      problem = json(post(port, features, collection(twice)))
      assert for(e <- problem["errors"], do: e["pointer"]) == ["/features/2/id", "/features/3/id"]
    end

    test "is written without the faulty features if that is asked for", context do
      %{port: port, features: features} = context
      bad = %{type: "Feature", geometry: %{type: "Point", coordinates: [200, 100]}}
      body = collection([point("a"), bad, point("b"), point("a"), %{type: "Point"}])
      response = post(port, features <> "?on_error=skip", body)
      assert response.status == 201

      assert %{"inserted" => 2, "feature_ids" => ["a", "b"], "rejected" => rejected} =
               json(response)

      assert [
               %{
                 "index" => 1,
                 "code" => "invalid_position",
                 "pointer" => "/features/1/geometry/coordinates/0",
                 "errors" => [_, %{"pointer" => "/features/1/geometry/coordinates/1"}]
               },
               %{"index" => 3, "code" => "duplicate_id"},
               %{"index" => 4, "code" => "invalid_feature", "pointer" => "/features/4/type"}
             ] = rejected

      # The same request again is answered with the same.
      key = [{"idempotency-key", "k1"} | json_type()]
      path = features <> "?on_error=skip"

      [first, again] =
        for _ <- 1..2, do: request(port, "POST", path, headers: key, body: JSON.text(body))

      assert json(first) == json(again)
      assert again.headers["idempotency-replayed"] == "true"

      assert json(post(port, path, collection([bad])))["inserted"] == 0
      assert post(port, path, bad).status == 400
      refused = json(post(port, features <> "?on_error=ignore", body))
      assert %{"code" => "invalid_parameter", "pointer" => "/on_error"} = refused
    end
  end

  describe "an edge wider than 180 degrees" do
    setup do
      ring = [[-179, 0], [-179, 4], [170, 4], [170, 0], [-179, 0]]
      {:ok, wide: %{type: "Polygon", coordinates: [ring]}}
    end

    defp feature(id, geometry),
      do: %{type: "Feature", id: id, properties: nil, geometry: geometry}

    test "is refused, cut or kept", %{port: port, features: features, wide: wide} do
      problem = json(post(port, features, feature("a", wide)))
      assert problem["code"] == "antimeridian_crossing"
      assert problem["pointer"] == "/geometry/coordinates/0/2"
      assert problem["detail"] =~ "antimeridian=cut"

      assert post(port, features <> "?antimeridian=cut", feature("a", wide)).status == 201
      assert post(port, features <> "?antimeridian=as_is", feature("b", wide)).status == 201
      assert json(get(port, features <> "/a"))["geometry"]["type"] == "MultiPolygon"
      assert json(get(port, features <> "/b"))["geometry"]["coordinates"] == wide.coordinates

      for {point, ids} <- [{"175,2", ["a"]}, {"0,2", ["b"]}, {"-179.5,2", ["a"]}] do
        page = json(get(port, "#{features}?bbox=#{point},#{point}"))
        assert {point, for(f <- page["features"], do: f["id"])} == {point, ids}
      end

      refused = json(post(port, features <> "?antimeridian=no", feature("a", wide)))
      assert %{"code" => "invalid_parameter", "pointer" => "/antimeridian"} = refused
    end

    test "is so by every way in, and asked about", %{port: port, name: name} = context do
      %{features: features, wide: wide} = context
      send = &request(port, &1, features <> &2, headers: json_type(), body: JSON.text(&3))
      assert send.("PUT", "/a", feature("a", wide)).status == 400
      assert send.("PUT", "/a?antimeridian=as_is", feature("a", wide)).status == 201
      # What was accepted stays, and its other members can be changed.
      assert send.("PATCH", "/a", %{properties: %{n: 1}}).status == 200
      assert send.("PATCH", "/a", %{geometry: wide}).status == 400
      assert send.("PATCH", "/a?antimeridian=cut", %{geometry: wide}).status == 200
      assert json(get(port, features <> "/a"))["geometry"]["type"] == "MultiPolygon"

      {:ok, txn} = FormdbHttp.begin(name)
      path = "/api/v1/databases/#{name}/transactions/#{txn.id}/operations"
      put = %{op: "put_feature", feature: feature("t", wide)}
      refused = json(post(port, path, %{operations: [put]}))
      assert refused["pointer"] == "/operations/0/feature/geometry/coordinates/0/2"
      bad = collection([feature("t", wide), point("u", 1, 95), point("v")])

      operations = [
        %{op: "put_feature", feature: bad, antimeridian: "cut", on_error: "skip"},
        %{op: "delete_feature", id: "a", provenance: nil}
      ]

      applied = json(post(port, path, %{operations: operations}))
      assert %{"operations" => 3, "feature_ids" => ["t", "v"]} = applied

      assert [%{"operation" => 0, "index" => 1, "pointer" => pointer}] = applied["rejected"]
      assert pointer == "/operations/0/feature/features/1/geometry/coordinates/1"
      {:ok, _} = FormdbHttp.apply(txn, [{:put_feature, feature("e", wide), antimeridian: :cut}])
      {:ok, _} = FormdbHttp.commit(txn)

      assert json(post(port, features <> "/within", wide))["code"] == "antimeridian_crossing"
      within = json(post(port, features <> "/within?antimeridian=cut", wide))
      assert for(f <- within["features"], do: f["id"]) == ["t", "e"]
      body = %{geometry: wide, antimeridian: "as_is"}
      assert json(post(port, features <> "/within", body))["features"] |> length() == 1
    end
  end

  defp json_type, do: [{"content-type", "application/json"}]

  describe "POST of a FeatureCollection" do
    test "writes all of it", %{port: port, features: features} do
      response = post(port, features, collection([point("a"), point("b"), point("c")]))
      assert response.status == 201

      assert json(response) == %{
               "inserted" => 3,
               "replaced" => 0,
               "first_seq" => 1,
               "last_seq" => 3,
               "feature_ids" => ["a", "b", "c"]
             }

      response = post(port, features, collection([point("c"), point("d")]))
      assert %{"inserted" => 1, "replaced" => 1} = json(response)
    end

    test "loses none of two with the same id", %{port: port, features: features} do
      twice = ~s({"type":"FeatureCollection","features":[
        {"type":"Feature","id":"36","properties":{"n":1},"geometry":null},
        {"type":"Feature","id":36.0,"properties":{"n":2},"geometry":null}]})

      for query <- ["", "?on_duplicate=refuse"] do
        refused = json(post(port, features <> query, twice))
        assert %{"status" => 400, "code" => "duplicate_id"} = refused
        assert refused["pointer"] == "/features/1/id"
        assert refused["detail"] =~ "/features/0 "
      end

      refused = json(post(port, features <> "?on_duplicate=skip", twice))
      assert %{"code" => "invalid_parameter", "pointer" => "/on_duplicate"} = refused
      assert get(port, features <> "/36").status == 404

      response = post(port, features <> "?on_duplicate=replace", twice)
      assert %{"inserted" => 1, "replaced" => 1, "last_seq" => 2} = json(response)
      assert json(get(port, features <> "/36"))["properties"] == %{"n" => 2}
      # Both are versions; a state between them there never was.
      assert json(get(port, features <> "/36?as_of=1"))["properties"] == %{"n" => 2}
      chain = json(get(port, features <> "/36/provenance"))["provenance_chain"]
      assert for(%{"seq" => seq} <- chain, do: seq) == [1, 2]
    end

    test "keeps the digits of ids that are numbers", %{port: port, features: features} do
      ids = ~w(9007199254740992 9007199254740993.0 123456789012345678901234567890
               123456789012345678901234567891 1e3 0.1)

      many = Enum.map_join(ids, ",", &~s({"type":"Feature","id":#{&1},"geometry":null}))
      response = post(port, features, ~s({"type":"FeatureCollection","features":[#{many}]}))
      assert json(response)["inserted"] == 6

      assert ["9007199254740992", "9007199254740993", big, _, "1000", "0.1"] =
               json(response)["feature_ids"]

      assert json(get(port, features <> "/" <> big))["id"] == big
      assert json(get(port, features <> "/1000"))["id"] == 1.0e3
    end

    test "writes nothing when one is wrong", %{port: port, features: features} do
      response = post(port, features, collection([point("a"), %{type: "Point"}]))
      assert response.status == 400
      assert get(port, features <> "/a").status == 404
    end

    test "may be empty", %{port: port, features: features} do
      response = post(port, features, ~s({"type":"FeatureCollection","features":[]}))
      assert response.status == 201

      assert response.body ==
               ~s({"inserted":0,"replaced":0,"first_seq":null,"last_seq":null,"feature_ids":[]})
    end
  end

  describe "GET of a feature" do
    test "gives its document, with its hash as the tag", %{port: port, features: features} do
      written = json(post(port, features, point("a")))
      response = get(port, features <> "/a")
      assert response.status == 200
      assert response.headers["content-type"] == "application/geo+json"
      assert response.headers["etag"] == ~s("#{written["hash"]}")

      assert %{"type" => "Feature", "id" => "a", "properties" => %{"name" => "a"}} =
               json(response)
    end

    test "is not modified as long as the tag fits", %{port: port, features: features} do
      hash = json(post(port, features, point("a")))["hash"]
      path = features <> "/a"

      for tags <- [
            ~s("#{hash}"),
            ~s(W/"#{hash}"),
            ~s("x", "#{hash}" , "y"),
            ~s(,"x",, "#{hash}",),
            "*"
          ] do
        socket = connect(port)
        write(socket, format("GET", path, headers: [{"if-none-match", tags}]))
        response = read(socket)
        assert {tags, response.status} == {tags, 304}
        assert response.headers["etag"] == ~s("#{hash}")
        refute Map.has_key?(response.headers, "content-length")
        # No byte of a body stands between this answer and the next.
        write(socket, format("GET", "/health"))
        assert %{status: 200} = read(socket)
      end

      for tags <- [~s("x"), ~s("#{hash}x"), ~s("x,#{hash}"), ~s(W/"x,","")] do
        assert {tags, 200} == {tags, get(port, path, [{"if-none-match", tags}]).status}
      end

      # What is no list of tags is said to be none, as for If-Match.
      for header <- ["if-match", "if-none-match"],
          tags <- [hash, "", ",", ~s("x" "#{hash}"), ~s("x", #{hash}), ~s(w/"#{hash}"), "*, *"] do
        refused = get(port, path, [{header, tags}])
        assert {header, tags, 400} == {header, tags, refused.status}
        assert %{"code" => "invalid_parameter", "detail" => detail} = json(refused)
        assert String.downcase(detail) =~ header
        assert detail =~ "double quotes"
      end

      post(port, features, point("a", 3, 3))
      assert get(port, path, [{"if-none-match", ~s("#{hash}")}]).status == 200
    end

    test "that is not there is a problem", %{port: port, features: features} do
      response = get(port, features <> "/nobody")
      assert {response.status, json(response)["code"]} == {404, "feature_not_found"}
      assert json(response)["detail"] =~ "nobody"
    end
  end

  describe "GET of a box" do
    setup %{name: name} do
      # A grid: 20 x 10 points, on whole degrees.
      features = for x <- 0..19, y <- 0..9, do: point("p#{x}_#{y}", x, y)
      {:ok, %{last_seq: 200}} = FormdbHttp.put_features(name, collection(features))
      :ok
    end

    test "gives the features in it, on both paths", %{port: port, features: features} do
      for path <- [features <> "?bbox=3,4,5,6", features <> "/bbox?bbox=3%2C4%2C5%2C6"] do
        response = get(port, path)
        assert response.status == 200
        assert response.headers["content-type"] == "application/geo+json"
        refute Map.has_key?(response.headers, "link")
        answer = json(response)

        assert answer["type"] == "FeatureCollection"
        assert answer["seq"] == 200
        assert answer["numberReturned"] == 9
        assert answer["links"] == []
        ids = Enum.map(answer["features"], & &1["id"])
        assert Enum.sort(ids) == Enum.sort(for x <- 3..5, y <- 4..6, do: "p#{x}_#{y}")
      end

      assert json(get(port, features <> "?bbox=100,50,101,51"))["features"] == []
      # Across the antimeridian.
      assert json(get(port, features <> "?bbox=19,-90,0,90"))["numberReturned"] == 20
    end

    test "its links lead through all pages, unmoved by writes", context do
      %{port: port, name: name, features: features} = context
      expected = for x <- 2..12, y <- 0..9, do: "p#{x}_#{y}"

      pages =
        pages(port, features <> "?bbox=2,0,12,9&limit=7", fn ->
          {:ok, _} =
            FormdbHttp.put_feature(name, point("new#{System.unique_integer([:positive])}", 6, 5))
        end)

      assert Enum.map(pages, & &1["numberReturned"]) == List.duplicate(7, 15) ++ [5]
      assert pages |> Enum.map(& &1["seq"]) |> Enum.uniq() == [200]
      ids = Enum.flat_map(pages, fn page -> Enum.map(page["features"], & &1["id"]) end)
      assert length(ids) == length(Enum.uniq(ids))
      assert Enum.sort(ids) == Enum.sort(expected)
    end

    test "what cannot be answered is refused", %{port: port, features: features} do
      for {query, code, pointer} <- [
            {"?bbox=", "invalid_bbox", nil},
            {"?bbox=1,2,3", "invalid_bbox", nil},
            {"?bbox=1,2,3,4,5", "invalid_bbox", nil},
            {"?bbox=a,b,c,d", "invalid_bbox", nil},
            {"?bbox=0,5,1,4", "invalid_bbox", nil},
            {"?bbox=0,0,1,91", "invalid_bbox", nil},
            {"?bbox=0,0,1,1&limit=0", "invalid_parameter", "/limit"},
            {"?bbox=0,0,1,1&limit=-1", "invalid_parameter", "/limit"},
            {"?bbox=0,0,1,1&limit=x", "invalid_parameter", "/limit"},
            {"?bbox=0,0,1,1&limit=100001", "invalid_parameter", "/limit"},
            {"?bbox=0,0,1,1&cursor=x", "invalid_cursor", "/cursor"},
            {"?bbox=0,0,1,1&bbox=0,0,1,1", "invalid_parameter", "/bbox"},
            {"?bbox=0,0,1,1&limt=1", "unknown_parameter", nil}
          ],
          path <- [features, features <> "/bbox"] do
        response = get(port, path <> query)
        assert {query, response.status} == {query, 400}
        problem = json(response)
        assert {query, problem["code"]} == {query, code}
        if pointer, do: assert(problem["pointer"] == pointer)
      end

      for query <- ["", "?limit=3"] do
        response = get(port, features <> "/bbox" <> query)
        assert {response.status, json(response)["code"]} == {400, "missing_parameter"}
      end
    end
  end

  # Follows the links; calls `between` before each.
  defp pages(port, path, between) do
    response = get(port, path)
    assert response.status == 200
    page = json(response)

    case page["links"] do
      [] ->
        refute Map.has_key?(response.headers, "link")
        [page]

      [%{"rel" => "next", "href" => href}] ->
        assert response.headers["link"] == ~s(<#{href}>; rel="next")
        between.()
        [page | pages(port, href, between)]
    end
  end

  describe "a feature that was read, changed and written again" do
    test "is stored without what the answer had added", %{port: port, features: features} do
      given = Map.put(point("sign"), :provenance, %{agent: "Ana"})
      assert post(port, features, given).status == 201
      %{"formdb" => %{"log" => log, "seq" => seq}} = came = json(get(port, "#{features}/sign"))

      for write <- [
            &request(port, "PUT", "#{features}/sign", headers: json_type(), body: JSON.text(&1)),
            &post(port, features, &1),
            &post(port, features, collection([&1]))
          ] do
        assert [%{"code" => "answer_members", "pointer" => pointer}] =
                 json(write.(came))["warnings"]

        assert pointer in ["/formdb", "/features/0/formdb"]
        stored = json(get(port, "#{features}/sign"))
        assert stored == Map.drop(came, ["formdb", "provenance"])
      end

      [near | _] = json(get(port, "#{features}/nearby?feature=sign&k=1"))["features"]
      assert %{"distance" => +0.0, "formdb" => %{"log" => ^log}} = near
      assert json(post(port, features, near))["warnings"]
      refute Map.has_key?(json(get(port, "#{features}/sign")), "distance")

      # The member is read in any spelling, and no other value of it is taken.
      escaped = came |> JSON.text() |> String.replace("formdb", "\\u0066ormdb")
      put = request(port, "PUT", "#{features}/sign", headers: json_type(), body: escaped)
      assert [%{"code" => "answer_members"}] = json(put)["warnings"]
      wrong = %{came | "formdb" => %{"log" => log, "seq" => seq + 1000}}

      assert %{"status" => 400, "code" => "invalid_feature", "pointer" => "/formdb"} =
               json(post(port, features, wrong))

      lines =
        post(
          port,
          features,
          JSON.text(point("other")) <> "\n" <> JSON.text(came),
          "application/x-ndjson"
        )

      assert [%{"line" => 2, "code" => "answer_members"}] = json(lines)["warnings"]
    end
  end
end
