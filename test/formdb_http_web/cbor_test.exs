defmodule FormdbHttpWeb.CborTest do
  # JSON in its other form, both ways.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{CBOR, Config, JSON}
  alias FormdbHttpWeb.Endpoint

  @cbor "application/cbor"
  @accept [{"accept", @cbor}]

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "cbor-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    %{port: Endpoint.port(), db: "/api/v1/databases/#{name}"}
  end

  defp send_cbor(port, method, path, term, headers \\ []) do
    body = if is_binary(term), do: term, else: CBOR.encode(term)
    headers = [{"content-type", @cbor} | headers] ++ @accept
    request(port, method, path, headers: headers, body: body)
  end

  defp feature(properties) do
    geometry = %{"type" => "Point", "coordinates" => [1.5, -2, 0.1]}
    %{"type" => "Feature", "geometry" => geometry, "properties" => properties}
  end

  @odd %{
    "integers" => [0, 23, 24, -1, 18_446_744_073_709_551_615, -9_223_372_036_854_775_808],
    "floats" => [0.0, -0.0, 1.0, 0.1, 1.0e300, 5.0e-324, 65_504.0, 3.0e38],
    "others" => [nil, true, false, "", "é😀\0\"\\", [], %{}, [[%{"a" => nil}]]],
    "" => "no name"
  }

  test "what is written in one form is read in both", %{port: port, db: db} do
    written = send_cbor(port, "PUT", db <> "/features/a", feature(@odd))
    assert %{status: 201, headers: %{"content-type" => @cbor}} = written
    assert %{"feature_id" => "a", "seq" => 1} = CBOR.decode!(written.body)

    as_json = get(port, db <> "/features/a")
    assert json(as_json)["properties"] === @odd
    as_cbor = get(port, db <> "/features/a", @accept)
    assert CBOR.decode!(as_cbor.body) === json(as_json)
    assert as_cbor.headers["content-type"] == @cbor

    points = %{
      "series_id" => "s",
      "timestamps" => ["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"],
      "values" => [1, -0.5]
    }

    assert send_cbor(port, "POST", db <> "/timeseries", points).status == 201
    patch = %{"properties" => %{"integers" => nil, "more" => 1.0}}
    assert send_cbor(port, "PATCH", db <> "/features/a", patch).status == 200
    assert json(get(port, db <> "/features/a"))["properties"]["more"] === 1.0
    reason = %{"provenance" => %{"why" => "moved"}}
    assert send_cbor(port, "DELETE", db <> "/features/a", reason).status == 200
  end

  test "every answer in JSON there is in CBOR, too", %{port: port, db: db} do
    {:ok, _} = FormdbHttp.put_feature(Path.basename(db), JSON.text(feature(@odd)), id: "a")
    {:ok, _} = FormdbHttp.put_point(Path.basename(db), "s", 0, 1.5)

    for path <- [
          "",
          "/schema",
          "/features",
          "/features?count=true",
          "/features/a",
          "/features/a/provenance",
          "/features/a/lineage",
          "/features/nearby?point=0,0&k=1",
          "/features/heatmap?bbox=0,-5,5,0&zoom=3",
          "/timeseries",
          "/timeseries/s",
          "/timeseries/s*",
          "/timeseries/s/latest",
          "/timeseries/s/summary",
          "/timeseries/s/aggregate?start=1970-01-01T00:00:00Z&end=1970-01-02T00:00:00Z&aggregation=avg&interval=1h",
          "/journal",
          "/tree"
        ] do
      [as_json, as_cbor] = for headers <- [[], @accept], do: get(port, db <> path, headers)
      assert {path, 200, 200} == {path, as_json.status, as_cbor.status}
      assert {path, as_cbor.headers["content-type"]} == {path, @cbor}
      assert as_json.headers["vary"] == "accept" and as_cbor.headers["vary"] == "accept"
      assert_same(path, CBOR.decode!(as_cbor.body), json(as_json))
      head = request(port, "HEAD", db <> path, headers: @accept)
      assert head.headers["content-length"] == as_cbor.headers["content-length"]
    end

    for path <- ["/", "/api/v1/version", "/api/v1/databases", "/health", "/openapi.json"] do
      assert %{headers: %{"content-type" => @cbor}} = found = get(port, path, @accept)
      assert is_map(CBOR.decode!(found.body))
    end
  end

  # Figures of the cache are of the moment.
  defp assert_same("", one, other), do: assert(one["root"] == other["root"])
  defp assert_same(path, one, other), do: assert({path, one} === {path, other})

  test "the form that the client likes best is given", %{port: port, db: db} do
    for {accept, type} <- [
          {"application/cbor, application/json;q=0.9", @cbor},
          {"application/cbor;q=0.5, application/json", "application/json"},
          {"*/*", "application/json"},
          {"application/*", "application/json"},
          {"application/cbor;q=0, */*;q=0.1", "application/json"},
          {"application/cbor;q=0", "application/problem+json"}
        ] do
      found = get(port, db <> "/tree", [{"accept", accept}])
      assert {accept, found.headers["content-type"]} == {accept, type}
    end
  end

  test "both forms are of one version", %{port: port, db: db} do
    path = db <> "/features/a"
    send_cbor(port, "PUT", path, feature(%{}))
    plain = get(port, path).headers["etag"]
    tag = get(port, path, @accept).headers["etag"]
    assert tag == String.replace_suffix(plain, "\"", "-cbor\"")

    for {accept, given} <- [{[], plain}, {@accept, tag}], sent <- [plain, tag, "W/" <> tag] do
      found = get(port, path, [{"if-none-match", sent} | accept])
      assert {found.status, found.headers["etag"], found.body} == {304, given, ""}
    end

    assert send_cbor(port, "PUT", path, feature(%{}), [{"if-match", tag}]).status == 200
    assert send_cbor(port, "PUT", path, feature(%{}), [{"if-match", tag}]).status == 412
    # An id may end as the forms are called.
    assert send_cbor(port, "PUT", path <> "-cbor", feature(%{})).status == 201
  end

  test "what is no CBOR, or is none that JSON has, is refused", %{port: port, db: db} do
    deep = [List.duplicate(0x81, 129), 0] |> IO.iodata_to_binary()
    bomb = <<0x9B, 0xFFFFFFFFFFFFFFFF::64>>

    for {body, part} <- [
          {<<0xFF>>, "ends nothing"},
          {CBOR.encode(feature(%{})) <> "x", "1 bytes follow"},
          {<<0xA1, 0x61, ?a, 0x41, ?b>>, "a byte string"},
          {<<0xA1, 0x61, ?a, 0xF9, 0x7E00::16>>, "NaN"},
          {<<0xA1, 0x01, 0x01>>, "no text"},
          {<<0xC2, 0x41, 1>>, "the tag 2"},
          {deep, "128 deep"},
          {bomb, "ends after 9 bytes"},
          {~s({"type":"Feature"}), "ends after 18 bytes"}
        ] do
      refused = send_cbor(port, "POST", db <> "/features", body)
      assert %{status: 400, headers: %{"content-type" => "application/problem+json"}} = refused
      assert %{"code" => "invalid_cbor", "detail" => detail} = json(refused)
      assert detail =~ part
    end

    # Whatever calls say of JSON they say of CBOR where that was sent.
    twice = <<0xA2, 0x61, "a", 0x01, 0x61, "a", 0x02>>
    integer = <<0xA1, 0x61, "a", 0x3B, 0x8000000000000000::64>>

    for {method, path} <- [
          {"POST", "/features"},
          {"PUT", "/features/a"},
          {"PATCH", "/features/a"},
          {"DELETE", "/features/a"},
          {"POST", "/features/within"},
          {"POST", "/timeseries"},
          {"DELETE", "/timeseries/s"},
          {"POST", "/transactions"},
          {"POST", "/reverts"},
          {"POST", "/blocks/1/revert"}
        ],
        {body, codes, part} <- [
          {twice, ["invalid_cbor"], "the member \"a\" twice"},
          {integer, ["invalid_cbor"], "-9223372036854775809 at byte 3"},
          {<<0x80>>, ["invalid_cbor", "invalid_feature"], "expected"},
          {<<0x01>>, ["invalid_cbor", "invalid_feature"], "expected"}
        ] do
      refused = send_cbor(port, method, db <> path, body)
      assert {method, path, body, 400} == {method, path, body, refused.status}
      assert %{"code" => code, "detail" => detail} = json(refused)
      assert code in codes, "#{method} #{path} #{inspect(body)}: #{code}"
      assert detail =~ part
      refute detail =~ ~r/(no|not) JSON|line \d/
    end

    # The query string is what it is.
    path = db <> "/features/within?geometry=%7B"
    assert json(send_cbor(port, "POST", path, %{}))["code"] == "invalid_json"
    wrong = send_cbor(port, "PUT", db <> "/features/a", %{"type" => "Feature", "geometry" => 1})
    assert %{"code" => "invalid_geometry", "pointer" => "/geometry"} = json(wrong)
    self_described = <<0xD9D9F7::24>> <> CBOR.encode(feature(%{}))
    assert send_cbor(port, "POST", db <> "/features", self_described).status == 201
  end

  test "as deep as what is accepted, and as large", %{port: port, db: db} do
    deep = Enum.reduce(1..120, 0, fn _i, inner -> [inner] end)
    long = %{"deep" => deep, "long" => Enum.to_list(1..200_000)}
    assert send_cbor(port, "PUT", db <> "/features/a", feature(long)).status == 201
    found = CBOR.decode!(get(port, db <> "/features", @accept).body)
    assert [%{"properties" => ^long}] = found["features"]
  end
end
