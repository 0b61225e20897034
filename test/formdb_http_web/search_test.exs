defmodule FormdbHttpWeb.SearchTest do
  # Questions about many features over HTTP; FormdbHttp.GeoTest has more of the answers.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.JSON
  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "search_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)

    # Points on whole degrees from 0 to 9, with mag = longitude.
    features = for x <- 0..9, y <- 0..9, do: point("#{x}_#{y}", x, y, %{mag: x})
    collection = %{type: "FeatureCollection", features: features}
    {:ok, %{last_seq: 100}} = FormdbHttp.put_features(name, JSON.text(collection))
    {:ok, port: Endpoint.port(), name: name, features: "/api/v1/databases/#{name}/features"}
  end

  defp point(id, lon, lat, properties) do
    geometry = %{type: "Point", coordinates: [lon, lat]}
    %{type: "Feature", id: id, geometry: geometry, properties: properties}
  end

  defp square(west, south, east, north) do
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    %{type: "Polygon", coordinates: [corners]}
  end

  defp encoded(geometry), do: geometry |> JSON.text() |> URI.encode_www_form()

  defp ids(page) do
    assert page["type"] == "FeatureCollection"
    assert page["numberReturned"] == length(page["features"])
    Enum.map(page["features"], & &1["id"])
  end

  defp answer(response) do
    assert {response.status, response.body} == {200, response.body}
    json(response)
  end

  defp refusal(response) do
    problem = json(response)
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == response.status
    {response.status, problem["code"], problem["pointer"]}
  end

  # Follows the links; `ask` takes the method and the path.
  defp pages(ask, method, path) do
    response = ask.(method, path)
    page = answer(response)
    assert response.headers["content-type"] == "application/geo+json"

    case page["links"] do
      [] ->
        [ids(page)]

      [%{"rel" => "next", "href" => href} = link] ->
        next_method = Map.get(link, "method", "GET")

        if next_method == "GET",
          do: assert(response.headers["link"] == ~s(<#{href}>; rel="next")),
          else: refute(Map.has_key?(response.headers, "link"))

        [ids(page) | pages(ask, next_method, href)]
    end
  end

  defp pages(port, path), do: pages(fn "GET", path -> get(port, path) end, "GET", path)

  describe "GET of features" do
    test "lists all, page by page", %{port: port, features: features} do
      pages = pages(port, features <> "?limit=40")
      assert Enum.map(pages, &length/1) == [40, 40, 20]
      assert List.flatten(pages) == for(x <- 0..9, y <- 0..9, do: "#{x}_#{y}")
    end

    test "takes filters, with a box and without", %{port: port, features: features} do
      for {query, expected} <- [
            {"prop.mag=3&bbox=0,0,9,0", ["3_0"]},
            {"prop.mag=gte:3&prop.mag=lt:5&bbox=0,0,9,0", ["3_0", "4_0"]},
            {"prop.mag=in:1,9&seq=lte:11", ["1_0"]},
            {"prop.mag=in:1,+9&seq=lte:11", ["1_0"]},
            {"prop.mag=has:1&seq=lte:11", []},
            {"prop.name=contains:_&seq=lte:11", []},
            {"prop.mag=3&seq=gt:38", ["3_8", "3_9"]},
            {"prop.name=exists", []},
            {"time=until:2020-01-01T00:00:00Z", []},
            {"bbox=2,2,4,4&predicate=within", ["3_3"]},
            {"bbox=2.,2.,+4,4.0e0&predicate=within", ["3_3"]},
            {"bbox=0,0,.5,.5", ["0_0"]},
            {"prop.=exists", []},
            {"prop.mag=gte:9&prop.mag=lt:1e1&limit=1", ["9_0"]}
          ] do
        assert {query, ids(answer(get(port, features <> "?" <> query)))} == {query, expected}
      end

      # The filters are in the links.
      expected = for x <- 3..4, y <- 0..9, do: "#{x}_#{y}"
      pages = pages(port, features <> "?prop.mag=gte:3&prop.mag=lt:5&limit=7")
      assert Enum.map(pages, &length/1) == [7, 7, 6]
      assert List.flatten(pages) == expected
    end

    test "counts without features", %{port: port, name: name, features: features} do
      assert answer(get(port, features <> "?count=true")) ==
               %{"numberMatched" => 100, "seq" => 100}

      {:ok, _} = FormdbHttp.delete_feature(name, "3_3")

      for {query, count} <- [
            {"", 99},
            {"&as_of=100", 100},
            {"&as_of=0", 0},
            {"&limit=5", 99},
            {"&bbox=0,0,3,3", 15},
            {"&prop.mag=3", 9}
          ] do
        counted = answer(get(port, features <> "?count=true" <> query))
        assert {query, counted["numberMatched"]} == {query, count}
      end

      assert length(ids(answer(get(port, features <> "?count=false")))) == 99
    end

    test "sees the past", %{port: port, name: name, features: features} do
      {:ok, _} = FormdbHttp.delete_feature(name, "0_0")
      # Block 2 is one of a transaction of 100.
      assert %{"seq" => 100, "features" => [%{"id" => "0_0"} | _] = all} =
               answer(get(port, features <> "?as_of=2"))

      assert length(all) == 100
      assert hd(ids(answer(get(port, features <> "?limit=1")))) == "0_1"
    end

    test "refuses what it cannot answer", %{port: port, features: features} do
      for {query, expected} <- [
            {"prop.mag=since:x", {400, "invalid_parameter", "/prop.mag"}},
            {"prop.mag>=5", {400, "invalid_parameter", "/prop.mag>"}},
            {"prop.mag>5", {400, "invalid_parameter", "/prop.mag>5"}},
            {"prop.mag!=5", {400, "invalid_parameter", "/prop.mag!"}},
            {"prop.mag[gte]=5", {400, "invalid_parameter", "/prop.mag[gte]"}},
            {"prop.mag=ge:5", {400, "invalid_parameter", "/prop.mag"}},
            {"prop.mag=gte:5,lt:8", {400, "invalid_parameter", "/prop.mag"}},
            {"prop.mag=gt:5.", {400, "invalid_parameter", "/prop.mag"}},
            {"prop.name=like:a*", {400, "invalid_parameter", "/prop.name"}},
            {"predicate=within", {400, "invalid_parameter", "/predicate"}},
            {"predicate=intersects&count=true", {400, "invalid_parameter", "/predicate"}},
            {"time=5", {400, "invalid_parameter", "/time"}},
            {"seq=x", {400, "invalid_parameter", "/seq"}},
            {"count=yes", {400, "invalid_parameter", "/count"}},
            {"predicate=near", {400, "invalid_parameter", "/predicate"}},
            {"mag=5", {400, "unknown_parameter", nil}},
            {"limit=1&limit=1", {400, "invalid_parameter", "/limit"}},
            {"cursor=x", {400, "invalid_cursor", "/cursor"}},
            {"as_of=101", {400, "invalid_parameter", "/as_of"}},
            {"transaction=txn_x", {400, "invalid_parameter", "/transaction"}},
            {"count=true&cursor=x", {400, "invalid_parameter", "/cursor"}},
            {"count=true&bbox=0,0,1,1&transaction=t", {400, "invalid_parameter", "/transaction"}}
          ] do
        {status, code, pointer} = refusal(get(port, features <> "?" <> query))
        assert {query, status, code} == {query, elem(expected, 0), elem(expected, 1)}
        if elem(expected, 2), do: assert({query, pointer} == {query, elem(expected, 2)})
      end
    end
  end

  describe "numbers that neither 64 bits nor a double hold" do
    # What a document is refused for is not rounded in a question either.
    test "are refused with what to write", %{port: port, name: name, features: features} do
      for {id, n} <- [least: "-9223372036854775808", most: "18446744073709551615", big: "1e23"] do
        json = ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{"n":#{n}}})
        {:ok, _} = FormdbHttp.put_feature(name, json)
      end

      for {query, pointer, told} <- [
            {"prop.n=-9223372036854775809", "/prop.n", "a fraction or an exponent"},
            {"prop.n=eq:18446744073709551616", "/prop.n", "beyond 64 bits"},
            {"prop.n=ne:18446744073709551616", "/prop.n", "in double quotes"},
            {"prop.n=gt:-9223372036854775809", "/prop.n", "beyond 64 bits"},
            {"prop.n=lte:99999999999999999999999", "/prop.n", "beyond 64 bits"},
            {"prop.n=in:1,18446744073709551616", "/prop.n", "beyond 64 bits"},
            {"prop.n=has:18446744073709551616", "/prop.n", "beyond 64 bits"},
            {"prop.n=eq:1e-400", "/prop.n", "would be 0; write 0"},
            {"prop.n=1e400", "/prop.n", "beyond the range of a double"},
            {"bbox=0,0,1,1e-400", "/bbox", "would be 0; send 0"},
            {"seq=gte:18446744073709551616", "/seq", "an integer"}
          ] do
        problem = json(get(port, features <> "?" <> query))
        assert {query, 400, pointer} == {query, problem["status"], problem["pointer"]}
        assert {query, problem["detail"]} |> elem(1) =~ told
      end

      for {query, found} <- [
            {"eq:-9223372036854775808", ["least"]},
            {"eq:18446744073709551615", ["most"]},
            {"gt:18446744073709551614", ["most", "big"]},
            {"eq:1e23", ["big"]},
            {"eq:99999999999999999999999.0", ["big"]},
            {~s("18446744073709551616"), []},
            {"contains:18446744073709551616", []}
          ] do
        page = get(port, features <> "?" <> URI.encode_query(%{"prop.n" => query}))
        assert {query, Enum.sort(found)} == {query, Enum.sort(ids(answer(page)))}
      end
    end
  end

  describe "GET of what is nearby" do
    test "is nearest first, with distances", %{port: port, features: features} do
      path = features <> "/nearby?point=3.1,3&k=3"
      page = answer(get(port, path))
      assert [first, _, _] = ids(page)
      assert first == "3_3"
      distances = Enum.map(page["features"], & &1["distance"])
      assert distances == Enum.sort(distances)
      # 0.1 degrees of longitude on the third parallel of WGS 84.
      assert_in_delta hd(distances), 11_116.8, 0.5

      assert List.flatten(pages(port, path <> "&limit=1")) == ids(page)
      assert [["3_3"]] = pages(port, features <> "/nearby?point=3.1,3&radius=20000")
      assert [["4_3"]] = pages(port, features <> "/nearby?point=3.1,3&k=1&prop.mag=gte:4")
      assert [["3_3"]] = pages(port, features <> "/nearby?point=%2B3.,3.0e0&radius=.5")
      everywhere = get(port, features <> "/nearby?point=3,3&radius=1.0e308&count=true")
      assert answer(everywhere)["numberMatched"] == 100
      counted = get(port, features <> "/nearby?point=3.1,3&radius=1.2e5&count=true")
      assert answer(counted)["numberMatched"] == 4
      assert [["3_3"]] = pages(port, features <> "/nearby?point=3,3&k=1&as_of=100")
      assert [["3_3"]] = pages(port, features <> "/nearby?feature=3_3&k=1")
      assert [[]] = pages(port, features <> "/nearby?point=3,3&k=1&as_of=0")
      all = get(port, features <> "/nearby?point=3,3&k=999999999999999999&count=true")
      assert answer(all)["numberMatched"] == 100
    end

    test "refuses what it cannot answer", %{port: port, features: features} do
      for {query, expected} <- [
            {"k=1", {400, "missing_parameter", "/point"}},
            {"point=1,2", {400, "invalid_parameter", nil}},
            {"point=1,2&feature=3_3&k=1", {400, "invalid_parameter", "/feature"}},
            {"feature=gone&k=1", {404, "feature_not_found", nil}},
            {"feature=3_3&k=1&as_of=0", {404, "feature_not_found", nil}},
            {"point=1&k=1", {400, "invalid_parameter", "/point"}},
            {"point=1,2,3&k=1", {400, "invalid_parameter", "/point"}},
            {"point=a,b&k=1", {400, "invalid_parameter", "/point"}},
            {"point=1e999,0&k=1", {400, "invalid_parameter", "/point"}},
            {"point=181,0&k=1", {400, "invalid_position", "/point"}},
            {"point=0,0&k=0", {400, "invalid_parameter", "/k"}},
            {"point=0,0&k=x", {400, "invalid_parameter", "/k"}},
            {"point=0,0&radius=-1", {400, "invalid_parameter", "/radius"}},
            {"point=0,0&radius=far", {400, "invalid_parameter", "/radius"}},
            {"point=0,0&k=1&bbox=0,0,1,1", {400, "unknown_parameter", nil}},
            {"point=0,0&k=1&cursor=x", {400, "invalid_cursor", "/cursor"}}
          ] do
        {status, code, pointer} = refusal(get(port, features <> "/nearby?" <> query))
        assert {query, status, code} == {query, elem(expected, 0), elem(expected, 1)}
        if elem(expected, 2), do: assert({query, pointer} == {query, elem(expected, 2)})
      end
    end
  end

  describe "a search by geometry" do
    test "is asked by GET and POST, on four paths", context do
      %{port: port, name: name, features: features} = context
      square = square(2, 2, 4, 4)
      meeting = for x <- 2..4, y <- 2..4, do: "#{x}_#{y}"

      for {word, predicate, expected} <- [
            {"geometry", nil, meeting},
            {"geometry", "intersects", meeting},
            {"geometry", "within", ["3_3"]},
            {"geometry", "contains", []},
            {"within", nil, ["3_3"]},
            {"contains", nil, []},
            {"intersects", nil, meeting}
          ] do
        path = features <> "/" <> word
        query = if predicate, do: "predicate=#{predicate}", else: ""
        members = if predicate, do: %{predicate: predicate}, else: %{}

        for response <- [
              get(port, "#{path}?geometry=#{encoded(square)}&#{query}"),
              post(port, path, Map.put(members, :geometry, square)),
              post(port, "#{path}?#{query}", %{geometry: square}),
              post(port, "#{path}?#{query}", square, "application/geo+json"),
              post(port, "#{path}?#{query}", %{
                type: "Feature",
                geometry: square,
                properties: %{}
              })
            ] do
          assert response.headers["content-type"] == "application/geo+json"
          assert {word, predicate, ids(answer(response))} == {word, predicate, expected}
        end
      end

      assert ids(answer(get(port, features <> "/within?bbox=2,2,4,4"))) == ["3_3"]
      assert ids(answer(get(port, features <> "/intersects?bbox=2,2,4,4"))) == meeting

      # What a position is contained in: itself, and an area around it.
      {:ok, _} =
        FormdbHttp.put_feature(name, %{
          type: "Feature",
          id: "area",
          properties: nil,
          geometry: square(2.5, 2.5, 3.5, 3.5)
        })

      for query <- ["bbox=3,3,3,3", "geometry=" <> encoded(%{type: "Point", coordinates: [3, 3]})],
          do: assert(ids(answer(get(port, features <> "/contains?" <> query))) == ["3_3", "area"])
    end

    test "takes the geometry of a stored feature, as of then", context do
      %{port: port, name: name, features: features} = context

      area = fn geometry ->
        %{type: "Feature", id: "area", properties: nil, geometry: geometry}
      end

      put = fn geometry -> {:ok, _} = FormdbHttp.put_feature(name, area.(geometry)) end
      put.(square(2, 2, 4, 4))
      put.(square(0, 0, 1, 1))
      put.(nil)
      meeting = for(x <- 2..4, y <- 2..4, do: "#{x}_#{y}") ++ ["area"]

      for {word, expected} <- [
            {"geometry", meeting},
            {"intersects", meeting},
            {"within", ["3_3", "area"]},
            {"contains", ["area"]}
          ] do
        path = features <> "/" <> word

        for response <- [
              get(port, path <> "?feature=area&as_of=101"),
              post(port, path, %{feature: "area", as_of: 101}),
              post(port, path <> "?as_of=101", %{feature: "area"})
            ] do
          assert {word, ids(answer(response))} == {word, expected}
        end

        count = get(port, path <> "?feature=area&as_of=101&count=true")
        assert answer(count)["numberMatched"] == length(expected)
        refused = get(port, path <> "?feature=area")
        assert refusal(refused) == {400, "invalid_geometry", "/feature"}
        missing = get(port, path <> "?feature=area&as_of=100")
        assert {404, "feature_not_found", _} = refusal(missing)
        both = get(port, path <> "?feature=area&geometry=5")
        assert refusal(both) == {400, "invalid_parameter", "/feature"}
      end

      pages = pages(port, features <> "/geometry?feature=area&as_of=102&limit=2")
      assert pages == [["0_0", "0_1"], ["1_0", "1_1"], ["area"]]
      {:ok, _} = FormdbHttp.put_feature(name, area.(%{type: "Point", coordinates: [3, 3]}))
      assert [["3_3", "area"]] = pages(port, features <> "/nearby?feature=area&k=2")
      assert ids(answer(get(port, features <> "/geometry?feature=area"))) == ["3_3", "area"]

      lines =
        get(port, features <> "/within?feature=area&as_of=101", [
          {"accept", "application/x-ndjson"}
        ])

      assert lines.body |> String.split("\n", trim: true) |> length() == 2
    end

    test "takes filters, counts and sees the past", context do
      %{port: port, name: name, features: features} = context
      {:ok, _} = FormdbHttp.delete_feature(name, "3_3")
      body = %{geometry: square(2, 2, 4, 4)}
      path = features <> "/geometry"
      ask = fn more -> answer(post(port, path, Map.merge(body, more))) end

      assert ids(ask.(%{filters: %{"prop.mag" => 3}})) == ["3_2", "3_4"]
      assert ids(ask.(%{filters: %{"prop.mag" => ["gt:2", "lt:4"]}})) == ["3_2", "3_4"]
      assert ids(ask.(%{filters: %{"prop.mag" => 3}, as_of: 100})) == ["3_2", "3_3", "3_4"]
      assert ask.(%{count: true}) == %{"numberMatched" => 8, "seq" => 101}
      assert %{"numberMatched" => 9, "seq" => 100} = ask.(%{count: true, as_of: 100})
      # What stands in the query counts before the body.
      limited = post(port, path <> "?limit=1", Map.put(body, :limit, 5))
      assert answer(limited)["numberReturned"] == 1
    end

    test "has pages, whose links a POST follows with its body", context do
      %{port: port, features: features} = context
      body = JSON.text(%{geometry: square(2, 2, 4, 4), limit: 4, filters: %{"seq" => "gt:0"}})

      ask = fn
        "POST", path -> post(port, path, body)
        "GET", path -> get(port, path)
      end

      expected = for x <- 2..4, y <- 2..4, do: "#{x}_#{y}"

      for {method, path} <- [
            {"POST", features <> "/geometry"},
            {"GET", features <> "/intersects?limit=4&geometry=" <> encoded(square(2, 2, 4, 4))}
          ] do
        pages = pages(ask, method, path)
        assert Enum.map(pages, &length/1) == [4, 4, 1]
        assert List.flatten(pages) == expected
      end
    end

    test "takes what tools export", %{port: port, features: features} do
      square = square(0, 0, 5, 5)
      feature = %{type: "Feature", geometry: square, properties: %{}}
      expected = json(post(port, features <> "/within", encode(square)))["features"]
      assert expected != []

      for body <- [
            feature,
            %{type: "FeatureCollection", features: [feature]},
            %{geometry: %{type: "FeatureCollection", features: [feature]}},
            %{bbox: [0, 0, 5, 5]},
            %{bbox: [0.0, 0.0, 5.0, 5.0]},
            %{bbox: "0,0,5,5"}
          ] do
        response = post(port, features <> "/within", encode(body))
        assert {body, response.status} == {body, 200}
        assert json(response)["features"] == expected
      end

      for features_of <- [[], [feature, feature], [5], nil] do
        body = encode(%{type: "FeatureCollection", features: features_of})
        response = post(port, features <> "/within", body)
        assert {400, "invalid_geometry", "/geometry/features"} == refusal(response)
        assert json(response)["detail"] =~ "FeatureCollection of one"
      end

      path = features <> "/nearby?point=0,0&radius=1e-300"
      assert %{"features" => found} = json(get(port, path))
      assert Enum.all?(found, &(&1["distance"] == 0.0))
    end

    test "refuses what it cannot answer", %{port: port, features: features} do
      square = square(0, 0, 1, 1)
      wrong = %{type: "Polygon", coordinates: [[[0, 0], [0, 91], [1, 1], [0, 0]]]}

      for {body, expected} <- [
            {"", {400, "missing_parameter", "/geometry"}},
            {"{}", {400, "missing_parameter", "/geometry"}},
            {"[]", {400, "invalid_json", ""}},
            {"{", {400, "invalid_json", ""}},
            {%{geometry: 5}, {400, "invalid_geometry", "/geometry"}},
            {%{geometry: nil}, {400, "invalid_geometry", "/geometry"}},
            {~s({"geometry":null,"geometry":null}), {400, "invalid_json", nil}},
            {%{geometry: wrong}, {400, "invalid_position", "/geometry/coordinates/0/1/1"}},
            {wrong, {400, "invalid_position", "/geometry/coordinates/0/1/1"}},
            {%{geometry: %{type: "Point", coordinates: []}}, {400, "invalid_position", nil}},
            {%{geometry: square, predicate: "on"}, {400, "invalid_parameter", "/predicate"}},
            {%{geometry: square, limt: 5}, {400, "invalid_body", "/limt"}},
            {~s({"geometry":null,"limit":1e999}), {400, "invalid_json", "/limit"}},
            {~s({"geometry":null,"filters":{"prop.mag":18446744073709551616}}),
             {400, "invalid_json", "/filters/prop.mag"}},
            {~s({"geometry":null,"filters":{"prop.mag":[3,-9223372036854775809]}}),
             {400, "invalid_json", "/filters/prop.mag/1"}},
            {%{geometry: square, filters: %{"prop.mag" => "lt:-9223372036854775809"}},
             {400, "invalid_parameter", "/prop.mag"}},
            {~s({"geometry":null,"limit":1e-400}), {400, "invalid_json", "/limit"}},
            {~s({"geometry":null,"limit":}), {400, "invalid_json", nil}},
            {%{geometry: square, limit: [5]}, {400, "invalid_body", "/limit"}},
            {%{geometry: square, limit: 0}, {400, "invalid_parameter", "/limit"}},
            {%{geometry: square, filters: []}, {400, "invalid_body", "/filters"}},
            {%{geometry: square, filters: %{"prop.a" => [[1]]}},
             {400, "invalid_body", "/filters/prop.a"}},
            {%{geometry: square, filters: %{"mag" => 5}}, {400, "invalid_parameter", "/mag"}},
            {%{geometry: square, cursor: "x"}, {400, "invalid_cursor", "/cursor"}},
            {~s({"geometry":{"type":"Point","coordinates":) <>
               String.duplicate("[", 500_000) <> String.duplicate("]", 500_000) <> "}}",
             {400, "invalid_json", nil}},
            {%{geometry: square, cursor: String.duplicate("x", 70_000)},
             {400, "invalid_body", "/cursor"}}
          ] do
        body = if is_map(body), do: encode(body), else: body
        shown = binary_part(body, 0, min(byte_size(body), 90))
        {status, code, pointer} = refusal(post(port, features <> "/geometry", body))
        assert {shown, status, code} == {shown, elem(expected, 0), elem(expected, 1)}
        if elem(expected, 2), do: assert({shown, pointer} == {shown, elem(expected, 2)})
      end

      for {query, expected} <- [
            {"", {400, "missing_parameter", "/geometry"}},
            {"?geometry=5", {400, "invalid_geometry", "/geometry"}},
            {"?geometry=%7B", {400, "invalid_json", "/geometry"}},
            {"?predicate=within&geometry=%7B%7D", {400, "unknown_parameter", nil}},
            {"?bbox=0,0,1,1&geometry=%7B%7D", {400, "invalid_parameter", "/bbox"}},
            {"?bbox=0,0,1", {400, "invalid_bbox", "/bbox"}}
          ] do
        {status, code, pointer} = refusal(get(port, features <> "/within" <> query))
        assert {query, status, code} == {query, elem(expected, 0), elem(expected, 1)}
        if elem(expected, 2), do: assert({query, pointer} == {query, elem(expected, 2)})
      end
    end

    defp encode(body), do: JSON.text(body)
  end

  describe "GET of a heatmap" do
    test "counts and sums in cells", %{port: port, name: name, features: features} do
      path = features <> "/heatmap?bbox=0,0,9,9&cell=5,10"

      assert answer(get(port, path)) == %{
               "cells" => [
                 %{"bbox" => [0.0, 0.0, 5.0, 10.0], "count" => 50},
                 %{"bbox" => [5.0, 0.0, 10.0, 10.0], "count" => 50}
               ],
               "seq" => 100
             }

      assert %{"cells" => [%{"sum" => 100.0}, %{"sum" => 350.0}]} =
               answer(get(port, path <> "&sum=mag"))

      assert %{"cells" => [%{"count" => 20}]} = answer(get(port, path <> "&prop.mag=lt:2"))
      {:ok, _} = FormdbHttp.delete_feature(name, "0_0")
      assert %{"cells" => [%{"count" => 49}, _]} = answer(get(port, path))
      assert %{"cells" => [%{"count" => 50}, _]} = answer(get(port, path <> "&as_of=100"))
      # Everywhere without a box.
      assert %{"cells" => [%{"count" => 99, "bbox" => [_, _, _, _]}]} =
               answer(get(port, features <> "/heatmap?zoom=1"))

      assert %{"cells" => [_ | _]} = answer(get(port, features <> "/heatmap?cell=30"))
      # What is empty does not count toward the limit.
      assert %{"cells" => cells} = answer(get(port, features <> "/heatmap?zoom=24"))
      assert length(cells) == 99
    end

    test "refuses what it cannot answer", %{port: port, features: features} do
      for {query, expected} <- [
            {"", {400, "invalid_parameter", ""}},
            {"?cell=1&zoom=1", {400, "invalid_parameter", "/zoom"}},
            {"?cell=0", {400, "invalid_parameter", "/cell"}},
            {"?cell=1,2,3", {400, "invalid_parameter", "/cell"}},
            {"?cell=x", {400, "invalid_parameter", "/cell"}},
            {"?zoom=x", {400, "invalid_parameter", "/zoom"}},
            {"?zoom=99", {400, "invalid_parameter", "/zoom"}},
            {"?zoom=999999", {400, "invalid_parameter", "/zoom"}},
            {"?zoom=1&bbox=x", {400, "invalid_bbox", "/bbox"}},
            {"?zoom=1&sum=", {400, "invalid_parameter", "/sum"}},
            {"?zoom=1&limit=1", {400, "unknown_parameter", nil}}
          ] do
        {status, code, pointer} = refusal(get(port, features <> "/heatmap" <> query))
        assert {query, status, code} == {query, elem(expected, 0), elem(expected, 1)}
        if elem(expected, 2), do: assert({query, pointer} == {query, elem(expected, 2)})
      end
    end
  end

  test "a database that is not there is 404", %{port: port} do
    none = "/api/v1/databases/none/features"

    for path <- ["", "/nearby?point=0,0&k=1", "/within?bbox=0,0,1,1", "/heatmap?zoom=1"] do
      assert {404, "database_not_found", _} = refusal(get(port, none <> path))
    end

    assert {404, "database_not_found", _} =
             refusal(post(port, none <> "/geometry", %{geometry: square(0, 0, 1, 1)}))
  end
end
