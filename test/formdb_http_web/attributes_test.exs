defmodule FormdbHttpWeb.AttributesTest do
  # The attributes of series over HTTP.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "attributes_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    db = "/api/v1/databases/#{name}"
    {:ok, port: Endpoint.port(), name: name, db: db, path: db <> "/timeseries/a%2Fb/attributes"}
  end

  defp put(port, path, body, headers \\ []) do
    headers = [{"content-type", "application/json"} | headers]
    request(port, "PUT", path, headers: headers, body: JSON.text(body))
  end

  defp refusal(response) do
    problem = json(response)
    {response.status, problem["code"], problem["pointer"]}
  end

  test "are set, read, replaced and deleted, as versions", %{port: port, path: path, db: db} do
    assert {404, "attributes_not_found", _} = refusal(get(port, path))
    first = put(port, path, %{unit: "C", feature: "stn", provenance: %{by: "x"}})
    assert first.status == 201
    assert first.headers["location"] == path
    tag = first.headers["etag"]
    assert %{"series_id" => "a/b", "seq" => 1, "hash" => hash} = json(first)
    assert tag == ~s("#{hash}")

    found = get(port, path)
    assert {found.status, found.headers["etag"]} == {200, tag}
    assert found.headers["formdb-seq"] == "1"

    assert json(found) == %{"unit" => "C", "feature" => "stn"}
    assert get(port, path, [{"if-none-match", tag}]).status == 304

    # Conditions, and a retry.
    assert put(port, path, %{}, [{"if-none-match", "*"}]).status == 412
    key = [{"idempotency-key", "k1"}, {"if-match", tag}]
    second = put(port, path, Map.delete(%{json(found) | "unit" => "K"}, "feature"), key)
    assert second.status == 200
    again = put(port, path, %{unit: "K"}, key)
    assert {again.status, json(again)["seq"]} == {200, 2}
    assert put(port, path, %{unit: "F"}, [{"if-match", tag}]).status == 412
    assert json(get(port, path)) == %{"unit" => "K"}
    assert json(get(port, path <> "?as_of=1"))["unit"] == "C"

    deleted = request(port, "DELETE", path, body: ~s({"provenance":{"why":"w"}}))
    assert {deleted.status, json(deleted)["seq"]} == {200, 3}
    assert {404, "attributes_not_found", _} = refusal(request(port, "DELETE", path))
    assert {404, "attributes_not_found", _} = refusal(get(port, path))

    chain = json(get(port, path <> "/provenance"))
    assert chain["series_id"] == "a/b"

    keys = ["seq", "op", "prev", "provenance"]

    # What was read, changed and written again has no provenance of before.
    assert for(v <- chain["provenance_chain"], do: Enum.map(keys, &v[&1])) == [
             [1, "set_attributes", nil, %{"by" => "x"}],
             [2, "set_attributes", 1, nil],
             [3, "set_attributes", 2, %{"why" => "w"}]
           ]

    page = json(get(port, path <> "/provenance?limit=1&since=1"))
    assert {[%{"seq" => 2}], 2} = {page["provenance_chain"], page["next"]}

    # The journal has them, they are undone and restored.
    %{"entries" => entries} = json(get(port, db <> "/journal?type=set_attributes"))

    assert hd(entries)["body"] == %{
             "series_id" => "a/b",
             "attributes" => %{"unit" => "C", "feature" => "stn"}
           }

    assert List.last(entries)["body"] == %{"series_id" => "a/b", "attributes" => nil}
    assert post(port, db <> "/blocks/3/revert", "").status == 201
    assert json(get(port, path)) == %{"unit" => "K"}
    assert {409, "cannot_revert", _} = refusal(post(port, db <> "/blocks/1/revert", ""))
    restored = post(port, db <> "/blocks/1/restore", "")
    assert {restored.status, restored.headers["location"]} == {201, path}
    assert %{"series_id" => "a/b", "restores" => 1} = json(restored)
    assert json(get(port, path)) == %{"unit" => "C", "feature" => "stn"}
    last = List.last(json(get(port, path <> "/provenance"))["provenance_chain"])
    assert %{"derived_from" => [1]} = last["provenance"]
  end

  test "choose and show series in their list", %{port: port, name: name, db: db} do
    list = fn query ->
      page = json(get(port, db <> "/timeseries?" <> query))
      for row <- page["series"], do: {row["series_id"], row["points"], row["attributes"]}
    end

    for id <- ["p", "q", "r"], do: {:ok, _} = FormdbHttp.put_point(name, id, 1, 2.0)
    {:ok, _} = FormdbHttp.set_attributes(name, "q", %{unit: "C", feature: "1", tags: ["air"]})
    {:ok, _} = FormdbHttp.set_attributes(name, "s", %{unit: "mm", feature: "2"})

    assert [{"p", 1, nil}, {"q", 1, nil}, {"r", 1, nil}, {"s", 0, nil}] == list.("")
    assert [{"q", 1, nil}] == list.("attr.unit=C")
    assert ["q", "s"] == for({id, _, _} <- list.("attr.unit=exists"), do: id)
    assert ["p", "r"] == for({id, _, _} <- list.("attr.unit=exists:false"), do: id)
    assert [{"q", 1, nil}] == list.("attr.tags=has:air")
    assert [{"s", 0, nil}] == list.("feature=2")
    assert [] == list.("feature=2&attr.unit=C")
    assert [] == list.("feature=2&as_of=4")
    assert [{"s", 0, %{"unit" => "mm", "feature" => "2"}}] == list.("prefix=s&include=attributes")

    first = json(get(port, db <> "/timeseries?attr.unit=exists&include=attributes&limit=1"))
    assert [%{"series_id" => "q"}] = first["series"]
    assert [%{"href" => next}] = first["links"]

    assert [%{"series_id" => "s", "attributes" => %{"unit" => "mm"}, "first" => nil}] =
             json(get(port, next))["series"]

    lines =
      get(port, db <> "/timeseries?feature=2&include=attributes", [
        {"accept", "application/x-ndjson"}
      ])

    assert [%{"attributes" => %{"unit" => "mm"}}] =
             Enum.map(String.split(lines.body, "\n", trim: true), &JSON.decode!/1)

    table = get(port, db <> "/timeseries?feature=2", [{"accept", "text/csv"}])
    assert table.body == "series_id,points,first,last\ns,0,,\n"

    assert {400, "invalid_parameter", "/attr.unit"} =
             refusal(get(port, db <> "/timeseries?attr.unit=ge:5"))

    assert {400, "invalid_parameter", "/attr.height"} =
             refusal(get(port, db <> "/timeseries?attr.height=gt:18446744073709551616"))

    assert {400, "unknown_parameter", _} = refusal(get(port, db <> "/timeseries?prop.unit=C"))
    # Points that go leave the attributes.
    {:ok, _} = FormdbHttp.delete_points(name, "q", 0, 10)
    assert [{"q", 0, nil}] == list.("feature=1")
  end

  test "choose series in all calls about several of them", %{port: port, name: name, db: db} do
    for {id, unit} <- [{"a/t", "C"}, {"a/u", "C"}, {"b/t", "K"}] do
      {:ok, _} = FormdbHttp.put_columns(name, id, [1, 2], [1.5, 2.5])
      {:ok, _} = FormdbHttp.set_attributes(name, id, %{unit: unit, feature: String.first(id)})
    end

    for call <- ["", "/latest", "/summary", "/aggregate?aggregation=sum"],
        {prefix, choice, ids} <- [
          {"", "attr.unit=C", ["a/t", "a/u"]},
          {"", "pattern=*/t", ["a/t", "b/t"]},
          {"", "pattern=*/t&attr.unit=C", ["a/t"]},
          {"a", "pattern=*t", ["a/t"]},
          {"b", "pattern=a*", []},
          {"", "feature=b", ["b/t"]},
          {"", "attr.unit=ne:C&as_of=1", ["a/t"]}
        ] do
      sign = if call =~ "?", do: "&", else: "?"
      path = "#{db}/timeseries/#{prefix}*#{call}#{sign}#{choice}"
      found = for row <- json(get(port, path))["series"], do: row["series_id"]
      assert {path, found} == {path, ids}

      csv = get(port, path, [{"accept", "text/csv"}])
      [_header | rows] = String.split(csv.body, "\n", trim: true)
      assert ids == rows |> Enum.map(&hd(String.split(&1, ","))) |> Enum.uniq()
    end

    wide = db <> "/timeseries/*?shape=wide&pattern=*/t"
    assert get(port, wide, [{"accept", "text/csv"}]).body =~ "timestamp,a/t,b/t\n"

    # Filters on values stand beside those on series.
    both = json(get(port, db <> "/timeseries/*?value=gt:2&attr.unit=K"))
    assert [%{"series_id" => "b/t", "data" => [%{"value" => 2.5}]}] = both["series"]

    assert {400, "invalid_parameter", "/pattern"} =
             refusal(get(port, db <> "/timeseries?pattern="))

    {:ok, %{series: [%{series_id: "b/t"}]}} =
      FormdbHttp.latest_many(name, "", filters: [{"feature", "b"}])

    # A path has its star at the end: this is the id of a series.
    refused = get(port, db <> "/timeseries/*%2Ft")
    assert {404, "series_not_found", _} = refusal(refused)
    assert json(refused)["detail"] =~ "pattern=*/temp"
  end

  test "are an operation of a transaction, and refused with the place", context do
    %{port: port, db: db, path: path} = context

    for {body, pointer} <- [
          {[1], ""},
          {%{feature: 5}, "/feature"},
          {%{feature: "bbox"}, "/feature"},
          {%{provenance: 5}, "/provenance"},
          {%{a: String.duplicate("x", 65_536)}, ""}
        ] do
      assert {400, _code, ^pointer} = refusal(put(port, path, body))
    end

    txn = json(post(port, db <> "/transactions", ""))["transaction_id"]

    set = %{
      op: "set_attributes",
      series_id: "a/b",
      attributes: %{unit: "C"},
      provenance: %{by: "y"}
    }

    add = &post(port, db <> "/transactions/#{txn}/operations", %{operations: &1})
    assert add.([set]).status == 200
    refused = add.([%{op: "set_attributes", series_id: "none", attributes: nil}])
    assert {404, "attributes_not_found", _} = refusal(refused)
    refused = add.([%{set | attributes: %{feature: 5}}])
    assert {400, "invalid_document", "/operations/0/attributes/feature"} = refusal(refused)
    assert post(port, db <> "/transactions/#{txn}/commit", "").status == 200
    assert json(get(port, path)) == %{"unit" => "C"}
    assert [version] = json(get(port, path <> "/provenance"))["provenance_chain"]
    assert version["provenance"] == %{"by" => "y"}
  end
end
