defmodule FormdbHttpWeb.AggregateTest do
  # Aggregates and several series over HTTP; FormdbHttp.AnalyticsTest has more of the
  # answers.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "aggregate_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)

    # A value a minute from 2026-01-01T00:00:00Z: 0 to 9, and 100 to 103.
    start = DateTime.to_unix(~U[2026-01-01 00:00:00Z], :microsecond)
    minutes = fn count -> for n <- 0..(count - 1), do: start + n * 60_000_000 end
    {:ok, _} = FormdbHttp.put_columns(name, "t/a", minutes.(10), Enum.to_list(0..9))
    {:ok, _} = FormdbHttp.put_columns(name, "t/b", minutes.(4), Enum.to_list(100..103))
    {:ok, _} = FormdbHttp.put_columns(name, "t/*0", minutes.(1), [7])
    {:ok, port: Endpoint.port(), name: name, series: "/api/v1/databases/#{name}/timeseries"}
  end

  defp answer(response) do
    assert {response.status, response.body} == {200, response.body}
    assert response.headers["content-type"] == "application/json"
    json(response)
  end

  defp data(rows), do: for(%{"timestamp" => t, "value" => v} <- rows, do: {t, v})

  test "an aggregate has its buckets", %{port: port, series: series} do
    path = series <> "/t%2Fa/aggregate?aggregation=avg&interval=5m"

    assert answer(get(port, path)) == %{
             "series_id" => "t/a",
             "aggregation" => "avg",
             "interval" => "5m",
             "tz" => "UTC",
             "data" => [
               %{"timestamp" => "2026-01-01T00:00:00.000000Z", "value" => 2.0},
               %{"timestamp" => "2026-01-01T00:05:00.000000Z", "value" => 7.0}
             ],
             "seq" => 3
           }

    [first, second] = [{"2026-01-01T00:00:00.000000Z", 2.0}, {"2026-01-01T00:05:00.000000Z", 7.0}]

    for {more, expected} <- [
          {"&order=desc", [second, first]},
          {"&end=2026-01-01T00:05:00Z", [first]},
          {"&start=2026-01-01T00:05:00Z", [second]},
          {"&as_of=0", :not_found},
          {"&start=2026-01-01T00:05:00Z&end=2026-01-01T00:15:00Z&fill=previous",
           [second, {"2026-01-01T00:10:00.000000Z", 7.0}]},
          {"&origin=2026-01-01T00:03:00Z",
           [
             {"2025-12-31T23:58:00.000000Z", 1.0},
             {"2026-01-01T00:03:00.000000Z", 5.0},
             {"2026-01-01T00:08:00.000000Z", 8.5}
           ]}
        ] do
      response = get(port, path <> more)

      case expected do
        :not_found ->
          assert {response.status, json(response)["code"]} == {404, "series_not_found"}

        rows ->
          assert {more, data(answer(response)["data"])} == {more, rows}
      end
    end

    whole = answer(get(port, series <> "/t%2Fa/aggregate?aggregation=count"))
    assert whole["interval"] == nil
    assert whole["data"] == [%{"timestamp" => "2026-01-01T00:00:00.000000Z", "value" => 10}]
    days = series <> "/t%2Fa/aggregate?aggregation=sum&interval=1d&tz=Asia/Tokyo"
    assert %{"tz" => "Asia/Tokyo", "data" => days} = answer(get(port, days))
    assert data(days) == [{"2026-01-01T00:00:00.000000+09:00", 45.0}]
  end

  test "an aggregate of all series with a prefix", %{port: port, series: series} do
    answer = answer(get(port, series <> "/t%2F*/aggregate?aggregation=max&start=2026-01-01"))
    assert %{"prefix" => "t/", "aggregation" => "max", "interval" => nil, "seq" => 3} = answer

    assert for(%{"series_id" => id, "data" => rows} <- answer["series"], do: {id, data(rows)}) ==
             [
               {"t/*0", [{"2026-01-01T00:00:00.000000Z", 7.0}]},
               {"t/a", [{"2026-01-01T00:00:00.000000Z", 9.0}]},
               {"t/b", [{"2026-01-01T00:00:00.000000Z", 103.0}]}
             ]

    assert answer(get(port, series <> "/x*/aggregate?aggregation=max"))["series"] == []
    assert length(answer(get(port, series <> "/*/aggregate?aggregation=max"))["series"]) == 3
    # An encoded star is one of an id.
    one = answer(get(port, series <> "/t%2F%2A0/aggregate?aggregation=max"))
    assert one["series_id"] == "t/*0"
  end

  test "an aggregate sees the past", %{port: port, name: name, series: series} do
    {:ok, _} = FormdbHttp.delete_points(name, "t/a", "2026-01-01", "2026-01-01T00:09:00Z")
    path = series <> "/t%2Fa/aggregate?aggregation=sum"
    assert %{"seq" => 4, "data" => [%{"value" => 9.0}]} = answer(get(port, path))
    assert %{"seq" => 3, "data" => [%{"value" => 45.0}]} = answer(get(port, path <> "&as_of=3"))
  end

  test "what cannot be computed is refused", %{port: port, series: series} do
    for {query, code, pointer} <- [
          {"", "missing_parameter", "/aggregation"},
          {"?aggregation=mean", "invalid_parameter", "/aggregation"},
          {"?aggregation=avg&interval=5", "invalid_parameter", "/interval"},
          {"?aggregation=avg&interval=", "invalid_parameter", "/interval"},
          {"?aggregation=avg&fill=0", "invalid_parameter", "/fill"},
          {"?aggregation=avg&tz=Mars", "invalid_parameter", "/tz"},
          {"?aggregation=avg&order=up", "invalid_parameter", "/order"},
          {"?aggregation=avg&start=x", "invalid_timestamp", "/start"},
          {"?aggregation=avg&end=x", "invalid_timestamp", "/end"},
          {"?aggregation=avg&origin=x", "invalid_timestamp", "/origin"},
          {"?aggregation=avg&origin=1970-01-01", "invalid_parameter", "/origin"},
          {"?aggregation=avg&fill=null", "invalid_parameter", "/fill"},
          {"?aggregation=avg&order=desc", "invalid_parameter", "/order"},
          {"?aggregation=avg&start=2&end=1&unit=us", "invalid_time_range", "/start"},
          {"?aggregation=avg&as_of=9", "invalid_parameter", nil},
          {"?aggregation=avg&limit=9", "unknown_parameter", nil}
        ],
        id <- ["t%2Fa", "t*"] do
      response = get(port, "#{series}/#{id}/aggregate#{query}")
      problem = json(response)
      assert {query, response.status, problem["code"]} == {query, 400, code}
      if pointer, do: assert({query, problem["pointer"]} == {query, pointer})
    end

    none = get(port, series <> "/none/aggregate?aggregation=avg")
    assert {none.status, json(none)["code"]} == {404, "series_not_found"}

    many = "?aggregation=avg&interval=1ms&fill=null&start=2026-01-01&end=2026-01-02"
    many = get(port, series <> "/t%2Fa/aggregate" <> many)
    assert {many.status, json(many)["code"]} == {413, "too_large"}
    assert json(many)["detail"] =~ "buckets"
  end

  test "a summary", %{port: port, name: name, series: series} do
    path = series <> "/t%2Fb/summary"

    assert answer(get(port, path)) == %{
             "series_id" => "t/b",
             "count" => 4,
             "first" => %{"timestamp" => "2026-01-01T00:00:00.000000Z", "value" => 100.0},
             "last" => %{"timestamp" => "2026-01-01T00:03:00.000000Z", "value" => 103.0},
             "min" => 100.0,
             "max" => 103.0,
             "avg" => 101.5,
             "sum" => 406.0,
             "stddev" => :math.sqrt(5 / 3),
             "seq" => 3
           }

    {:ok, _} = FormdbHttp.put_point(name, "t/b", "2026-01-01T00:04:00Z", -1)
    assert %{"count" => 5, "min" => -1.0, "seq" => 4} = answer(get(port, path))
    assert %{"count" => 4, "seq" => 3} = answer(get(port, path <> "?as_of=3"))
    assert %{"stddev" => nil} = answer(get(port, series <> "/t%2F%2A0/summary"))
    none = get(port, series <> "/none/summary")
    assert {none.status, json(none)["code"]} == {404, "series_not_found"}
  end

  test "the series with a prefix", %{port: port, series: series} do
    listed = fn path -> for s <- answer(get(port, path))["series"], do: s["series_id"] end
    assert listed.(series <> "?prefix=t/") == ["t/*0", "t/a", "t/b"]
    assert listed.(series <> "?prefix=t/a") == ["t/a"]
    assert listed.(series <> "?prefix=x") == []
    page = answer(get(port, series <> "?prefix=t/&limit=2"))
    assert [%{"href" => next}] = page["links"]
    assert listed.(next) == ["t/b"]
  end

  test "ranges of the series with a prefix, page by page", context do
    %{port: port, name: name, series: series} = context
    path = series <> "/t%2F*?start=2026-01-01T00:01:00Z&end=2026-01-01T00:04:00Z"

    assert %{
             "prefix" => "t/",
             "start" => "2026-01-01T00:01:00.000000Z",
             "end" => "2026-01-01T00:04:00.000000Z",
             "series" => [%{"series_id" => "t/a"}, %{"series_id" => "t/b", "data" => rows}],
             "seq" => 3,
             "links" => []
           } = answer(get(port, path <> "&order=desc"))

    assert Enum.map(rows, & &1["value"]) == [103.0, 102.0, 101.0]

    read = fn read, path ->
      response = get(port, path)
      page = answer(response)
      assert page["seq"] == 3
      # Does not show on later pages.
      {:ok, _} = FormdbHttp.put_point(name, "t/b", "2026-01-01T00:02:30Z", 0)
      values = for %{"data" => rows} <- page["series"], row <- rows, do: row["value"]

      case page["links"] do
        [] ->
          [values]

        [%{"href" => next}] ->
          assert response.headers["link"] == ~s(<#{next}>; rel="next")
          [values | read.(read, next)]
      end
    end

    assert read.(read, path <> "&limit=2") == [[1.0, 2.0], [3.0, 101.0], [102.0, 103.0]]

    assert %{"series" => []} = answer(get(port, series <> "/x*"))
    assert %{"series" => [_, _, _]} = answer(get(port, series <> "/*?as_of=3"))

    for {query, code} <- [
          {"&limit=0", "invalid_parameter"},
          {"&cursor=x", "invalid_cursor"},
          {"&as_of=99", "invalid_parameter"},
          {"&transaction=t", "unknown_parameter"}
        ] do
      response = get(port, path <> query)
      assert {query, response.status, json(response)["code"]} == {query, 400, code}
    end
  end

  test "conditions on values hold in every form", %{port: port, series: series} do
    band = "value=gte:3&value=lt:6"
    first = answer(get(port, "#{series}/t%2Fa?#{band}&limit=2"))
    assert Enum.map(first["data"], & &1["value"]) == [3.0, 4.0]
    [%{"href" => href}] = first["links"]
    assert Enum.map(answer(get(port, href))["data"], & &1["value"]) == [5.0]

    other = get(port, String.replace(href, "lt%3A6", "lt%3A7") |> String.replace("lt:6", "lt:7"))
    assert json(other)["code"] == "invalid_cursor"

    count = answer(get(port, "#{series}/t%2Fa/aggregate?aggregation=count&#{band}"))
    assert [%{"value" => 3}] = count["data"]
    all = answer(get(port, "#{series}/*?value=gt:8&value=ne:101&value=lte:102"))

    values =
      for %{"series_id" => id, "data" => rows} <- all["series"], r <- rows, do: {id, r["value"]}

    assert values == [{"t/a", 9.0}, {"t/b", 100.0}, {"t/b", 102.0}]

    csv = get(port, "#{series}/t*?shape=wide&value=in:2,102,7", [{"accept", "text/csv"}])

    assert csv.body == """
           timestamp,t/*0,t/a,t/b
           2026-01-01T00:00:00.000000Z,7.0,,
           2026-01-01T00:02:00.000000Z,,2.0,102.0
           2026-01-01T00:07:00.000000Z,,7.0,
           """

    lines = get(port, "#{series}/t%2Fb?value=gt:102", [{"accept", "application/x-ndjson"}])

    assert [%{"value" => 103.0}] =
             lines.body |> String.split("\n", trim: true) |> Enum.map(&FormdbHttp.JSON.decode!/1)

    for wrong <- ["value=gt:x", "value=ge:5", "value="] do
      refused = get(port, "#{series}/t%2Fa?#{wrong}")
      assert {refused.status, json(refused)["pointer"]} == {400, "/value"}
    end
  end

  test "several aggregations and groups have members and columns of their own", context do
    %{port: port, series: series} = context
    path = series <> "/t%2Fa/aggregate?aggregation=avg,%20p05,count&interval=5m"
    several = answer(get(port, path))
    assert several["aggregations"] == ["avg", "p5", "count"]
    refute Map.has_key?(several, "aggregation")
    assert [%{"avg" => 2.0, "p5" => 0.2, "count" => 5} = first | _] = several["data"]
    assert map_size(first) == 4

    csv = get(port, "#{series}/t*/aggregate?aggregation=min,max", [{"accept", "text/csv"}])

    assert csv.body == """
           series_id,timestamp,min,max
           t/*0,2026-01-01T00:00:00.000000Z,7.0,7.0
           t/a,2026-01-01T00:00:00.000000Z,0.0,9.0
           t/b,2026-01-01T00:00:00.000000Z,100.0,103.0
           """

    groups = "aggregation=count&group_by=month"
    wide = get(port, "#{series}/t*/aggregate?#{groups}&shape=wide", [{"accept", "text/csv"}])
    assert ["group,t/*0,t/a,t/b", "1,1,10,4", "2,0,0,0" | _] = String.split(wide.body, "\n")
    lines = get(port, "#{series}/t%2Fa/aggregate?#{groups}", [{"accept", "application/x-ndjson"}])
    assert lines.body =~ ~s({"series_id":"t/a","group":1,"value":10}\n)

    refused =
      get(port, "#{series}/t*/aggregate?aggregation=min,max&shape=wide", [{"accept", "text/csv"}])

    assert {refused.status, json(refused)["pointer"]} == {400, "/shape"}

    window = answer(get(port, "#{series}/t%2Fb/aggregate?aggregation=sum&interval=1m&window=2m"))
    assert Enum.map(window["data"], & &1["value"]) == [100.0, 201.0, 203.0, 205.0]
    assert window["window"] == "2m"

    coverage = "aggregation=coverage&expected=1m&start=2026-01-01&end=2026-01-01T00:08:00Z"
    part = answer(get(port, "#{series}/t%2Fb/aggregate?#{coverage}"))
    assert [%{"value" => 0.5}] = part["data"]
  end

  test "latest and summary of many series come in pages, lines and tables", context do
    %{port: port, series: series} = context
    page = answer(get(port, "#{series}/t*/latest?limit=2"))

    assert Enum.map(page["series"], &{&1["series_id"], &1["value"]}) == [
             {"t/*0", 7.0},
             {"t/a", 9.0}
           ]

    assert [%{"href" => href}] = page["links"]

    assert %{"series" => [%{"series_id" => "t/b", "value" => 103.0}], "links" => []} =
             answer(get(port, href))

    figures = "value=gte:3&value=lt:102&start=2026-01-01T00:01:00Z&tz=Europe/Berlin"
    page = answer(get(port, "#{series}/*/summary?#{figures}&limit=2"))
    assert [%{"count" => 0, "first" => nil}, %{"count" => 7, "sum" => 42.0}] = page["series"]
    [%{"href" => href}] = page["links"]
    assert [%{"first" => first, "count" => 1}] = answer(get(port, href))["series"]
    assert first == %{"timestamp" => "2026-01-01T01:01:00.000000+01:00", "value" => 101.0}
    one = answer(get(port, "#{series}/t%2Fa/summary?#{figures}"))
    assert {one["count"], one["min"], one["max"]} == {7, 3.0, 9.0}

    csv = get(port, "#{series}/*/latest?limit=2", [{"accept", "text/csv"}])

    assert ["series_id,timestamp,value,point_id,seq", _one, _two, ""] =
             String.split(csv.body, "\n")

    csv = get(port, "#{series}/t%2Fa*/summary?#{figures}", [{"accept", "text/csv"}])

    assert csv.body == """
           series_id,count,first,first_value,last,last_value,min,max,avg,sum,stddev
           t/a,7,2026-01-01T01:03:00.000000+01:00,3.0,2026-01-01T01:09:00.000000+01:00,9.0,3.0,9.0,6.0,42.0,2.160246899469287
           """

    lines = get(port, "#{series}/*/summary?value=gt:500", [{"accept", "application/x-ndjson"}])
    assert length(String.split(lines.body, "\n", trim: true)) == 3
    refused = get(port, "#{series}/*/summary?start=2026-01-02&end=2026-01-01")
    assert {refused.status, json(refused)["code"]} == {400, "invalid_time_range"}
  end
end
