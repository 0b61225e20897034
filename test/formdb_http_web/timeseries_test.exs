defmodule FormdbHttpWeb.TimeseriesTest do
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "series_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, series: "/api/v1/databases/#{name}/timeseries"}
  end

  defp point(series, timestamp, value) do
    %{series_id: series, timestamp: timestamp, value: value}
  end

  test "GET lists the series by id, page by page", %{port: port, series: series} do
    assert %{"series" => [], "links" => []} = json(get(port, series))

    points = for n <- 1..3, s <- ["b/é", "a", "c"], do: point(s, n * 1_000_000, n)
    assert post(port, series, %{points: points}).status == 201

    assert %{"series" => [first, _, _]} = json(get(port, series))

    assert first == %{
             "series_id" => "a",
             "points" => 3,
             "first" => "1970-01-01T00:00:01.000000Z",
             "last" => "1970-01-01T00:00:03.000000Z"
           }

    assert listed(port, series <> "?limit=1") == ["a", "b/é", "c"]
    assert %{"code" => "invalid_parameter"} = json(get(port, series <> "?limit=0"))
  end

  # Follows the links to the end.
  defp listed(port, path) do
    page = json(get(port, path))
    ids = Enum.map(page["series"], & &1["series_id"])

    case page["links"] do
      [] -> ids
      [%{"rel" => "next", "href" => next}] -> ids ++ listed(port, next)
    end
  end

  describe "POST" do
    test "of a point", %{port: port, series: series} do
      response = post(port, series, point("t", "2026-01-31T12:00:00+02:00", 21.5))
      assert response.status == 201
      assert %{"point_id" => id, "seq" => 1, "hash" => hash, "time" => _} = json(response)
      assert hash =~ ~r/\A[0-9a-f]{64}\z/

      latest = json(get(port, series <> "/t/latest"))
      assert latest["point_id"] == id
      assert latest["timestamp"] == "2026-01-31T10:00:00.000000Z"
    end

    test "of points of several series", %{port: port, series: series} do
      points = for n <- 1..3, s <- ["a", "b"], do: point(s, n, n)
      response = post(port, series, %{points: points})
      assert response.status == 201
      assert %{"inserted" => 6, "first_seq" => 1, "last_seq" => last} = json(response)
      assert last >= 1
      assert length(json(get(port, series <> "/b"))["data"]) == 3
    end

    test "of columns", %{port: port, series: series} do
      body = %{series_id: "c", timestamps: ["2026-01-01T00:00:00Z", 1], values: [1.5, 2]}
      response = post(port, series, body)
      assert response.status == 201
      assert %{"inserted" => 2, "first_seq" => 1, "last_seq" => 1} = json(response)
    end

    test "of what is no point is refused, all of it", %{port: port, name: name, series: series} do
      good = point("s", 1, 1)

      for {body, code} <- [
            {"{", "invalid_json"},
            {"", "invalid_json"},
            {"[]", "invalid_json"},
            {%{}, "invalid_point"},
            {Map.delete(good, :value), "invalid_point"},
            {Map.put(good, :vlaue, 1), "invalid_point"},
            {%{good | value: "1"}, "invalid_value"},
            {%{good | timestamp: "2026-01-31T12:00:00"}, "invalid_timestamp"},
            {%{good | timestamp: "yesterday"}, "invalid_timestamp"},
            {%{good | series_id: ""}, "invalid_id"},
            {%{points: [good, %{good | timestamp: "x"}]}, "invalid_timestamp"},
            {%{series_id: "s", timestamps: [1, 2], values: [1]}, "invalid_point"}
          ] do
        response = post(port, series, body)
        shown = inspect(body)
        assert {shown, response.status} == {shown, 400}
        assert {shown, json(response)["code"]} == {shown, code}
      end

      assert {:ok, %{seq: 0, points: 0}} = FormdbHttp.database(name)
    end
  end

  describe "GET of a range" do
    setup %{name: name} do
      # A point a minute for a day, from 2026-01-01T00:00:00Z.
      start = DateTime.to_unix(~U[2026-01-01 00:00:00Z], :microsecond)
      timestamps = for n <- 0..1439, do: start + n * 60_000_000
      {:ok, _} = FormdbHttp.put_columns(name, "t", timestamps, Enum.map(0..1439, &(&1 / 2)))
      :ok
    end

    test "holds its start and not its end", %{port: port, series: series} do
      response = get(port, series <> "/t?start=2026-01-01T01:00:00Z&end=2026-01-01T01:03:00Z")
      assert response.status == 200
      assert response.headers["content-type"] == "application/json"

      assert json(response) == %{
               "series_id" => "t",
               "start" => "2026-01-01T01:00:00.000000Z",
               "end" => "2026-01-01T01:03:00.000000Z",
               "data" => [
                 %{"timestamp" => "2026-01-01T01:00:00.000000Z", "value" => 30.0},
                 %{"timestamp" => "2026-01-01T01:01:00.000000Z", "value" => 30.5},
                 %{"timestamp" => "2026-01-01T01:02:00.000000Z", "value" => 31.0}
               ],
               "seq" => 1,
               "links" => []
             }
    end

    test "understands offsets, dates and microseconds, and shows UTC", context do
      %{port: port, series: series} = context
      stop = DateTime.to_unix(~U[2026-01-01 01:02:00Z], :microsecond)
      answer = json(get(port, series <> "/t?start=2026-01-01T03:00:00%2B02:00&end=#{stop}"))
      assert answer["start"] == "2026-01-01T01:00:00.000000Z"
      assert answer["end"] == "2026-01-01T01:02:00.000000Z"
      assert length(answer["data"]) == 2

      answer = json(get(port, series <> "/t?start=2026-01-01&end=2026-01-02&limit=2000"))
      assert length(answer["data"]) == 1440
    end

    test "without bounds is the whole series", %{port: port, name: name, series: series} do
      # The first and the last microsecond that there are.
      {:ok, _} = FormdbHttp.put_point(name, "edge", -377_705_116_800_000_000, 1)
      {:ok, _} = FormdbHttp.put_point(name, "edge", 253_402_300_799_999_999, 2)
      answer = json(get(port, series <> "/edge"))
      assert Enum.map(answer["data"], & &1["value"]) == [1, 2]
      assert %{"start" => nil, "end" => nil} = answer
    end

    test "comes in either order", %{port: port, series: series} do
      values = fn order ->
        json(get(port, series <> "/t?limit=3&order=" <> order))["data"] |> Enum.map(& &1["value"])
      end

      assert values.("asc") == [0.0, 0.5, 1.0]
      assert values.("desc") == [719.5, 719.0, 718.5]
    end

    test "its links lead through all pages, unmoved by writes", context do
      %{port: port, name: name, series: series} = context
      all = for n <- 0..1439, do: n / 2

      for {order, expected} <- [{"asc", all}, {"desc", Enum.reverse(all)}] do
        write = fn -> {:ok, _} = FormdbHttp.put_point(name, "t", ~U[2026-01-01 12:00:00Z], -1) end
        path = series <> "/t?start=2026-01-01&end=2026-01-02&limit=100&order=" <> order
        name_before = json(get(port, "/api/v1/databases/#{name}"))["seq"]
        pages = pages(port, path, write)
        assert length(pages) == 15 or order == "desc"
        assert pages |> Enum.map(& &1["seq"]) |> Enum.uniq() == [name_before]
        values = for page <- pages, row <- page["data"], row["value"] >= 0, do: row["value"]
        assert values == expected
        assert Enum.map(pages, & &1["start"]) |> Enum.uniq() == ["2026-01-01T00:00:00.000000Z"]
      end
    end

    test "what cannot be answered is refused", %{port: port, series: series} do
      for {query, code, pointer} <- [
            {"?start=yesterday", "invalid_timestamp", "/start"},
            {"?end=2026-01-01T00:00:00", "invalid_timestamp", "/end"},
            {"?start=2026-01-02&end=2026-01-01", "invalid_time_range", "/start"},
            {"?limit=0", "invalid_parameter", "/limit"},
            {"?limit=1e3", "invalid_parameter", "/limit"},
            {"?limit=100001", "invalid_parameter", "/limit"},
            {"?order=up", "invalid_parameter", "/order"},
            {"?cursor=x", "invalid_cursor", "/cursor"},
            {"?sort=asc", "unknown_parameter", nil}
          ] do
        response = get(port, series <> "/t" <> query)
        assert {query, response.status} == {query, 400}
        problem = json(response)
        assert {query, problem["code"]} == {query, code}
        if pointer, do: assert(problem["pointer"] == pointer)
      end

      response = get(port, series <> "/nobody")
      assert {response.status, json(response)["code"]} == {404, "series_not_found"}
    end
  end

  describe "GET of the latest point" do
    test "has all that was written with it", %{port: port, series: series} do
      full =
        Map.merge(point("s/1 ü", "2026-01-01T00:00:00Z", 7.25), %{
          metadata: %{unit: "°C"},
          provenance: %{source: "probe"}
        })

      post(port, series, point("s/1 ü", "2025-01-01T00:00:00Z", 1))
      written = json(post(port, series, full))
      post(port, series, point("s/1 ü", "2024-01-01T00:00:00Z", 2))

      response = get(port, series <> "/s%2F1%20%C3%BC/latest")
      assert response.status == 200

      assert json(response) == %{
               "series_id" => "s/1 ü",
               "timestamp" => "2026-01-01T00:00:00.000000Z",
               "value" => 7.25,
               "point_id" => written["point_id"],
               "seq" => 2,
               "as_of" => 3,
               "metadata" => %{"unit" => "°C"},
               "provenance" => %{"source" => "probe"}
             }
    end

    test "has no members that were not given", %{port: port, series: series} do
      post(port, series, point("s", 1, 1))
      members = json(get(port, series <> "/s/latest")) |> Map.keys() |> Enum.sort()
      assert members == ~w(as_of point_id seq series_id timestamp value)
    end

    test "of a series that is not there is a problem", %{port: port, series: series} do
      response = get(port, series <> "/nobody/latest")
      assert {response.status, json(response)["code"]} == {404, "series_not_found"}
    end
  end

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
end
