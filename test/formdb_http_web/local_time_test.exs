defmodule FormdbHttpWeb.LocalTimeTest do
  # The parameter tz: times without an offset going in, and times with one coming out. What
  # zones are is tested in the engine, against another library.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "local_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, series: "/api/v1/databases/#{name}/timeseries"}
  end

  defp answer(response) do
    assert {response.status, response.body} == {200, response.body}
    json(response)
  end

  defp times(rows), do: for(%{"timestamp" => time} <- rows, do: time)

  # An hour apart, on the hour, but for one of the month that is not there.
  defp june(name) do
    start = DateTime.to_unix(~U[2003-05-30 00:00:00Z], :microsecond)
    gap = DateTime.to_unix(~U[2003-06-11 12:00:00Z], :microsecond)
    hours = for n <- 0..(33 * 24), time = start + n * 3_600_000_000, time != gap, do: time
    {:ok, _} = FormdbHttp.put_columns(name, "t", hours, List.duplicate(1.0, length(hours)))
  end

  test "a month by its dates is that of the zone", %{port: port, name: name, series: series} do
    june(name)
    query = "?start=2003-06-01&end=2003-07-01&tz=Europe/London"
    page = answer(get(port, series <> "/t" <> query))
    assert {length(page["data"]), page["links"]} == {719, []}
    assert page["start"] == "2003-06-01T00:00:00.000000+01:00"
    assert page["end"] == "2003-07-01T00:00:00.000000+01:00"
    assert hd(times(page["data"])) == "2003-06-01T00:00:00.000000+01:00"

    months =
      answer(get(port, series <> "/t/aggregate" <> query <> "&aggregation=count&interval=1mo"))

    assert months["data"] == [
             %{"timestamp" => "2003-06-01T00:00:00.000000+01:00", "value" => 719}
           ]

    whole = answer(get(port, series <> "/t*/aggregate" <> query <> "&aggregation=count"))
    assert [%{"data" => [%{"value" => 719}]}] = whole["series"]

    many = answer(get(port, series <> "/t*" <> query <> "&limit=1"))
    assert [%{"data" => [%{"timestamp" => "2003-06-01T00:00:00.000000+01:00"}]}] = many["series"]
    assert [%{"href" => next}] = many["links"]
    assert next =~ "tz=Europe%2FLondon" or next =~ "tz=Europe/London"
  end

  test "all that tells times tells them in local time", %{port: port, name: name, series: series} do
    june(name)
    tz = "?tz=Asia/Kolkata"
    first = "2003-05-30T05:30:00.000000+05:30"
    last = "2003-07-02T05:30:00.000000+05:30"
    assert answer(get(port, series <> "/t/latest" <> tz))["timestamp"] == last
    summary = answer(get(port, series <> "/t/summary" <> tz))
    assert times([summary["first"], summary["last"]]) == [first, last]

    origin = "&aggregation=count&interval=12h&origin=2003-06-01T06:00&limit=1"
    assert get(port, series <> "/t/aggregate" <> tz <> origin).status == 400
    origin = String.replace(origin, "&limit=1", "&start=2003-06-01T06:00&end=2003-06-02T06:00")

    assert times(answer(get(port, series <> "/t/aggregate" <> tz <> origin))["data"]) == [
             "2003-06-01T06:00:00.000000+05:30",
             "2003-06-01T18:00:00.000000+05:30"
           ]
  end

  test "lines and tables have local times", %{port: port, name: name, series: series} do
    june(name)
    text = fn path, type -> get(port, series <> path, [{"accept", type}]).body end
    range = "?tz=Europe/London&start=2003-06-01&end=2003-06-01T01:00"
    first = "2003-06-01T00:00:00.000000+01:00"

    assert text.("/t" <> range, "text/csv") == "timestamp,value\n#{first},1.0\n"

    assert text.("/t" <> range, "application/x-ndjson") ==
             ~s({"series_id":"t","timestamp":"#{first}","value":1.0}\n)

    assert text.("/*" <> range, "text/csv") == "series_id,timestamp,value\nt,#{first},1.0\n"
    wide = range <> "&shape=wide"
    assert text.("/*" <> wide, "text/csv") == "timestamp,t\n#{first},1.0\n"

    buckets = range <> "&aggregation=count&interval=1mo"
    assert text.("/t/aggregate" <> buckets, "text/csv") == "timestamp,value\n#{first},1\n"
    wide = buckets <> "&shape=wide"
    assert text.("/*/aggregate" <> wide, "text/csv") == "timestamp,t\n#{first},1\n"

    ends = "2003-05-30T01:00:00.000000+01:00,2003-07-02T01:00:00.000000+01:00"
    list = text.("?tz=Europe/London", "text/csv")
    assert list == "series_id,points,first,last\nt,792,#{ends}\n"

    assert [%{"first" => "2003-05-30T01:00:00.000000+01:00"}] =
             answer(get(port, series <> "?tz=Europe/London"))["series"]
  end

  test "points are written and deleted by local time", %{port: port, name: name, series: series} do
    tz = "?tz=Europe/Vienna"
    point = ~s({"series_id":"t","timestamp":"2026-07-01T14:00","value":1})
    assert post(port, series <> tz, point).status == 201

    line = String.replace(point, "14:00", "15:00")
    response = post(port, series <> tz, line, "application/x-ndjson")
    assert answer(response)["inserted"] == 1

    table = """
    timestamp,t
    2026-07-01T16:00,1
    2026-03-29T02:30,1
    2026-10-25T02:30,1
    2026-10-25T02:30+01:00,1
    """

    response = post(port, series <> tz, table, "text/csv")
    assert %{"inserted" => 2, "rejected" => [gap, twice]} = answer(response)
    assert %{"line" => 3, "code" => "invalid_timestamp", "pointer" => "/timestamp"} = gap
    assert gap["detail"] =~ "does not have"
    assert twice["line"] == 4
    assert twice["detail"] =~ "2026-10-25T02:30:00.000000+02:00"
    assert twice["detail"] =~ "2026-10-25T02:30:00.000000+01:00"

    assert times(answer(get(port, series <> "/t"))["data"]) == [
             "2026-07-01T12:00:00.000000Z",
             "2026-07-01T13:00:00.000000Z",
             "2026-07-01T14:00:00.000000Z",
             "2026-10-25T01:30:00.000000Z"
           ]

    day = tz <> "&start=2026-07-01T14:00&end=2026-07-01T16:00"
    assert answer(request(port, "DELETE", series <> "/t" <> day))["deleted"] == 2

    {:ok, range} =
      FormdbHttp.range(name, "t", "2026-07-01", "2026-07-02", tz: "Europe/Vienna", as: :json)

    assert range.points =~ ~s("2026-07-01T16:00:00.000000+02:00")

    other = %{"series_id" => "u", "timestamp" => "2026-07-01T14:00", "value" => 1}
    {:ok, {:point, _}} = FormdbHttp.write_points(name, other, tz: "Asia/Tokyo")
    {:ok, %{timestamp: micros}} = FormdbHttp.latest(name, "u")
    assert FormdbHttp.format_timestamp(micros) == "2026-07-01T05:00:00.000000Z"
  end

  test "what is no local time is refused", %{port: port, name: name, series: series} do
    june(name)

    for {query, code, pointer} <- [
          {"start=2026-03-29T02:30&tz=Europe/Vienna", "invalid_timestamp", "/start"},
          {"end=2026-10-25T02:30&tz=Europe/Vienna", "invalid_timestamp", "/end"},
          {"start=2011-12-30&tz=Pacific/Apia", "invalid_timestamp", "/start"},
          {"start=2026-07-01T12:00", "invalid_timestamp", "/start"},
          {"start=2026-07-01T12:00&tz=Mars", "invalid_parameter", "/tz"},
          {"tz=Mars", "invalid_parameter", "/tz"}
        ] do
      response = get(port, series <> "/t?" <> query)
      assert {query, response.status} == {query, 400}
      assert %{"code" => ^code, "pointer" => ^pointer} = json(response)
    end

    for path <- ["/t/latest?tz=Mars", "/t/summary?tz=Mars", "/t*?tz=Mars"] do
      response = get(port, series <> path)
      assert {response.status, json(response)["pointer"]} == {400, "/tz"}
    end

    assert_raise ArgumentError, fn -> FormdbHttp.format_timestamp(0, "Mars") end
  end
end
