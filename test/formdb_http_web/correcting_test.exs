defmodule FormdbHttpWeb.CorrectingTest do
  @moduledoc "Points at timestamps that are taken, corrections, defaults: over HTTP."
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "correcting_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    db = "/api/v1/databases/#{name}"
    {:ok, port: Endpoint.port(), name: name, db: db, series: db <> "/timeseries"}
  end

  defp point(timestamp, value), do: %{series_id: "s", timestamp: timestamp, value: value}

  defp send_json(port, method, path, body) do
    headers = [{"content-type", "application/json"}]
    request(port, method, path, headers: headers, body: FormdbHttp.JSON.text(body))
  end

  defp values(port, series) do
    for %{"value" => value} <- json(get(port, series <> "/s"))["data"], do: value
  end

  test "a point is kept, replaced, ignored or refused", %{port: port, series: series} do
    assert post(port, series, point(1, 1)).status == 201
    kept = post(port, series, point(1, 2))
    assert kept.status == 201
    assert %{"inserted" => 1, "replaced" => 0, "ignored" => 0} = json(kept)
    assert values(port, series) == [1, 2]

    replaced = post(port, series <> "?on_duplicate=replace", point(1, 3))
    assert %{"inserted" => 1, "replaced" => 2, "point_id" => "pt_3_0"} = json(replaced)
    assert values(port, series) == [3]

    ignored = post(port, series <> "?on_duplicate=ignore", point(1, 4))
    assert ignored.status == 200
    assert json(ignored) == %{"inserted" => 0, "replaced" => 0, "ignored" => 1}

    list = %{points: [point(2, 5), point(1, 6)]}
    refused = post(port, series <> "?on_duplicate=refuse", list)
    assert refused.status == 409

    assert %{"code" => "point_exists", "pointer" => "/points/1/timestamp", "detail" => detail} =
             json(refused)

    assert detail =~ "pt_3_0"

    columns = %{series_id: "s", timestamps: [9, 1], values: [1, 1]}
    refused = post(port, series <> "?on_duplicate=refuse", columns)
    assert %{"pointer" => "/timestamps/1"} = json(refused)

    list = post(port, series <> "?on_duplicate=ignore", list)
    assert list.status == 201
    assert %{"inserted" => 1, "replaced" => 0, "ignored" => 1} = json(list)
    assert values(port, series) == [3, 5]
    assert %{"code" => "invalid_parameter"} = json(post(port, series <> "?on_duplicate=x", list))
  end

  test "a replaced range counts what it had, and what of the body went", context do
    %{port: port, series: series} = context
    columns = %{series_id: "s", timestamps: [1, 2, 3], values: [1, 2, 3]}
    assert post(port, series, columns).status == 201
    body = %{timestamps: [1, 1, 2], values: [4, 5, 6]}

    for {asked, inserted, replaced, ignored, before} <- [
          {"replace", 3, 1, 0, 3},
          {"ignore", 2, 0, 1, 2},
          {"keep", 3, 0, 0, 2},
          {"replace", 3, 1, 0, 3}
        ] do
      path = "#{series}/s?all=true&on_duplicate=#{asked}"
      answer = json(send_json(port, "PUT", path, body))

      assert %{"deleted" => ^before, "inserted" => ^inserted, "replaced" => ^replaced} = answer
      assert %{"ignored" => ^ignored, "first_seq" => seq, "hash" => hash, "time" => time} = answer
      assert %{"hash" => ^hash, "time" => ^time} = json(get(port, context.db <> "/blocks/#{seq}"))
    end

    path = series <> "/s?unit=us&start=100&end=200"
    empty = json(send_json(port, "PUT", path, %{points: []}))
    assert %{"deleted" => 0, "first_seq" => nil, "hash" => nil, "time" => nil} = empty
  end

  test "a point that is gone says in which block", %{port: port, series: series} do
    assert post(port, series, point(1, 1)).status == 201
    corrected = json(send_json(port, "PUT", series <> "/s/points/pt_1_0", %{value: 2}))
    assert %{"point_id" => "pt_3_0", "hash" => _hash, "time" => time} = corrected

    for {method, body} <- [{"PUT", %{value: 3}}, {"DELETE", %{}}] do
      refused = json(send_json(port, method, series <> "/s/points/pt_1_0", body))

      assert %{"status" => 404, "code" => "point_not_found", "seq" => 2, "time" => ^time} =
               refused

      assert refused["detail"] =~ "deleted in block 2 at #{time}"
      never = json(send_json(port, method, series <> "/s/points/pt_1_7", body))
      assert %{"status" => 404, "detail" => detail} = never
      assert detail =~ "never was"
      refute is_map_key(never, "seq")
    end
  end

  test "latest says what it is as of", %{port: port, name: name, series: series} do
    assert post(port, series, point(1, 1)).status == 201
    {:ok, _} = FormdbHttp.put_point(name, "t", 1, 1)
    assert %{"seq" => 1, "as_of" => 2} = json(get(port, series <> "/s/latest"))
    assert %{"seq" => 1, "as_of" => 1} = json(get(port, series <> "/s/latest?as_of=1"))
  end

  test "of a stream a later point replaces an earlier one, wherever batches end", context do
    %{port: port, series: series} = context

    lines =
      for n <- 1..11_000, do: ~s({"series_id":"s","timestamp":#{rem(n, 500)},"value":#{n}}\n)

    headers = [{"content-type", "application/x-ndjson"}]

    send = fn query ->
      request(port, "POST", series <> query, headers: headers, body: IO.iodata_to_binary(lines))
    end

    answer = send.("?on_duplicate=replace")
    assert %{"done" => true, "inserted" => 11_000, "replaced" => 10_500} = json(answer)
    assert Enum.sum(values(port, series)) == Enum.sum(10_501..11_000)

    answer = send.("?on_duplicate=ignore")
    assert %{"inserted" => 0, "ignored" => 11_000, "last_seq" => nil} = json(answer)

    refused = send.("?on_duplicate=refuse")
    assert refused.status == 400
    assert %{"pointer" => "/on_duplicate"} = json(refused)

    csv = "timestamp,s\n1970-01-01T00:00:00Z,1\n1970-01-01T00:00:00Z,2\n"
    headers = [{"content-type", "text/csv"}]

    answer = request(port, "POST", series <> "?on_duplicate=replace", headers: headers, body: csv)

    assert %{"inserted" => 2, "replaced" => 2} = json(answer)
  end

  test "a stream of which a part was ignored is sent again under its key", context do
    %{port: port, series: series} = context

    lines = fn first ->
      for n <- first..12_000, do: ~s({"series_id":"s","timestamp":#{n},"value":1}\n)
    end

    send = fn first, key ->
      headers = [{"content-type", "application/x-ndjson"}, {"idempotency-key", key}]
      body = IO.iodata_to_binary(lines.(first))
      json(request(port, "POST", series <> "?on_duplicate=ignore", headers: headers, body: body))
    end

    # The second batch of three is all ignored.
    body = for n <- 5_001..10_000, do: point(n, 0)
    assert post(port, series, %{points: body}).status == 201
    assert %{"inserted" => 7_000, "ignored" => 5_000, "skipped" => 0} = send.(1, "k")
    again = send.(1, "k")
    assert again["done"]
    assert again["inserted"] == 0
    assert again["ignored"] + again["skipped"] == 12_000
  end

  test "the default of a database counts where nothing is said", context do
    %{port: port, db: db, series: series} = context
    assert json(get(port, db))["defaults"] == %{"on_duplicate" => "keep"}
    body = %{on_duplicate: "replace", provenance: %{agent: "Ana"}}
    answer = send_json(port, "PATCH", db, body)
    assert answer.status == 200
    assert %{"defaults" => %{"on_duplicate" => "replace"}, "seq" => 1} = json(answer)

    assert post(port, series, point(1, 1)).status == 201
    assert %{"replaced" => 1} = json(post(port, series, point(1, 2)))
    assert %{"replaced" => 0} = json(post(port, series <> "?on_duplicate=keep", point(1, 3)))

    assert [entry] = json(get(port, db <> "/journal?type=set_defaults"))["entries"]
    assert %{"op" => "set_defaults", "body" => %{"on_duplicate" => "replace"}} = entry
    assert entry["provenance"] == %{"agent" => "Ana"}

    assert send_json(port, "PATCH", db, %{on_duplicate: "refuse"}).status == 200
    assert post(port, series, point(1, 2)).status == 409
    headers = [{"content-type", "application/x-ndjson"}]
    assert request(port, "POST", series, headers: headers, body: "{}\n").status == 400

    assert post(port, db <> "/blocks/#{json(get(port, db))["seq"]}/revert", %{}).status == 201
    assert json(get(port, db))["defaults"] == %{"on_duplicate" => "replace"}

    for body <- [%{}, %{on_duplicate: "x"}, %{on_duplicate: 1}, %{on_duplicate: "keep", more: 1}] do
      assert send_json(port, "PATCH", db, body).status == 400
    end
  end

  test "a point is corrected and deleted by its id", %{port: port, series: series, db: db} do
    assert post(port, series, %{series_id: "s", timestamps: [1, 1], values: [1, 2]}).status == 201
    points = series <> "/s/points/"
    body = %{value: 5, metadata: %{unit: "m"}, provenance: %{agent: "Bo"}}
    answer = send_json(port, "PUT", points <> "pt_1_1", body)
    assert answer.status == 200

    assert %{"point_id" => "pt_3_0", "replaced" => 1, "inserted" => 1, "first_seq" => 2} =
             json(answer)

    assert values(port, series) == [1, 5]
    latest = json(get(port, series <> "/s/latest"))
    assert %{"metadata" => %{"unit" => "m"}, "provenance" => %{"agent" => "Bo"}} = latest
    [_, delete | _] = json(get(port, db <> "/journal"))["entries"]
    assert %{"body" => %{"point_id" => "pt_1_1"}, "provenance" => %{"agent" => "Bo"}} = delete

    assert %{"deleted" => 1, "seq" => 4} = json(delete(port, points <> "pt_1_0"))
    assert values(port, series) == [5]

    for {id, status} <- [{"pt_1_0", 404}, {"pt_1_2", 404}, {"pt_99_0", 404}, {"pt_01_0", 400}] do
      assert delete(port, points <> id).status == status
      assert send_json(port, "PUT", points <> id, %{value: 1}).status == status
    end

    assert delete(port, series <> "/other/points/pt_3_0").status == 404

    assert %{"pointer" => "/value"} =
             json(send_json(port, "PUT", points <> "pt_3_0", %{value: "x"}))

    assert send_json(port, "PUT", points <> "pt_3_0", %{}).status == 400

    # As one: half of it is not undone unawares.
    refused = post(port, db <> "/blocks/2/revert", %{})
    assert %{"code" => "cannot_revert"} = json(refused)
  end

  test "a range is replaced as a whole, and undone as a whole", context do
    %{port: port, series: series, db: db} = context
    columns = %{series_id: "s", timestamps: [1, 2, 3, 4], values: [1, 2, 3, 4]}
    assert post(port, series, columns).status == 201
    body = %{timestamps: [2, 2], values: [7, 8], provenance: %{agent: "Ana"}}
    answer = send_json(port, "PUT", series <> "/s?start=2&end=4&unit=us", body)
    assert answer.status == 200
    assert %{"deleted" => 2, "inserted" => 2, "first_seq" => 2, "last_seq" => 3} = json(answer)
    assert values(port, series) == [1, 7, 8, 4]
    [_, delete, put] = json(get(port, db <> "/journal"))["entries"]
    assert delete["provenance"] == %{"agent" => "Ana"}
    assert put["provenance"] == %{"agent" => "Ana"}

    outside =
      send_json(port, "PUT", series <> "/s?start=2&end=4&unit=us", %{points: [point(4, 1)]})

    assert %{"code" => "invalid_timestamp", "pointer" => "/points/0/timestamp"} = json(outside)

    other = %{points: [%{series_id: "t", timestamp: 2, value: 1}]}
    other = send_json(port, "PUT", series <> "/s?start=2&end=4&unit=us", other)
    assert %{"pointer" => "/points/0/series_id"} = json(other)

    for query <- ["", "?unit=us&start=1", "?unit=us&end=1", "?unit=us&all=true&start=1"] do
      assert send_json(port, "PUT", series <> "/s" <> query, body).status == 400
    end

    assert post(port, db <> "/reverts", %{transaction: 3}).status == 201
    assert values(port, series) == [1, 2, 3, 4]

    answer = send_json(port, "PUT", series <> "/s?all=true", %{timestamps: [], values: []})
    assert %{"deleted" => 4, "inserted" => 0} = json(answer)
  end

  test "nothing in place of nothing is not written", %{port: port, db: db} do
    series = db <> "/timeseries"
    none = %{timestamps: [], values: []}
    assert send_json(port, "PUT", series <> "/none?all=true", none).status == 404

    assert post(port, series, point(1, 1)).status == 201
    answer = send_json(port, "PUT", series <> "/s?start=2&end=4&unit=us", none)
    assert {200, %{"deleted" => 0, "first_seq" => nil}} = {answer.status, json(answer)}
    assert json(get(port, db))["seq"] == 1
  end
end
