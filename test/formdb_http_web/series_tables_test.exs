defmodule FormdbHttpWeb.SeriesTablesTest do
  # Points, buckets and lists of series as lines and tables. What goes out goes in again.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.Endpoint

  @csv "text/csv"
  @lines "application/x-ndjson"
  @odd ["a", "a,b", "a\"q\"", "a;b", "aé😀", "a "]

  setup do
    start_supervised!({Endpoint, Config.load!()})
    [name, other] = for _ <- 1..2, do: "tables-#{System.unique_integer([:positive])}"

    for name <- [name, other] do
      {:ok, _} = FormdbHttp.open(name)
      on_exit(fn -> FormdbHttp.purge(name) end)
    end

    base = "/api/v1/databases/"
    %{name: name, other: other, db: base <> name, copy: base <> other}
  end

  defp ask(path, accept), do: get(Endpoint.port(), path, [{"accept", accept}])

  defp ok(path, accept) do
    answer = ask(path, accept)
    assert {answer.status, answer.headers["content-type"]} == {200, accept}
    answer.body
  end

  defp upload(path, type, body) do
    headers = [{"content-type", type}]
    answer = request(Endpoint.port(), "POST", path, headers: headers, body: body)
    assert %{"done" => true, "rejected" => []} = json(answer)
  end

  # Some points of several series, each with gaps, equal times and odd values.
  defp fill(name, series, count \\ 300) do
    :rand.seed(:exsss, 7)

    for id <- series do
      times = for _ <- 1..count, do: :rand.uniform(1_000) * 3_600_000_000 - 5_000_000_000_000
      values = for _ <- 1..count, do: Enum.random([0.0, -0.0, 0.1, 1.0e300, -5.0e-324, 1.0, 7.25])
      {:ok, _} = FormdbHttp.put_columns(name, id, times, values)
    end
  end

  defp points(name, id) do
    {:ok, %{points: points}} =
      FormdbHttp.range(name, id, -9_000_000_000_000, 2_000_000_000_000_000, limit: 10_000)

    points
  end

  defp path(id), do: "/timeseries/" <> URI.encode(id, &URI.char_unreserved?/1)

  test "points of one series", context do
    %{name: name, other: other, db: db, copy: copy} = context
    fill(name, @odd)

    for {id, place} <- Enum.with_index(@odd) do
      csv = ok(db <> path(id), @csv)
      assert ["timestamp,value" | rows] = String.split(csv, "\n", trim: true)

      assert length(rows) == 300

      for {row, {time, value}} <- Enum.zip(rows, points(name, id)),
          do: assert(row == "#{FormdbHttp.format_timestamp(time)},#{value_text(value)}")

      if rem(place, 2) == 0,
        do: upload(copy <> "/timeseries?series_id=" <> URI.encode_www_form(id), @csv, csv),
        else: upload(copy <> "/timeseries", @lines, ok(db <> path(id), @lines))

      assert points(other, id) === points(name, id)
    end

    newest = ok(db <> path("a") <> "?order=desc&limit=2", @csv)
    [{last, value} | _] = Enum.reverse(points(name, "a"))

    assert ["timestamp,value", first, _second] = String.split(newest, "\n", trim: true)
    assert first == "#{FormdbHttp.format_timestamp(last)},#{value_text(value)}"
    none = ok(db <> path("a") <> "?start=2030-01-01&end=2031-01-01", @csv)
    assert none == "timestamp,value\n"
    assert ask(db <> path("none"), @csv).status == 404
  end

  # The shortest number, with a sign before its exponent.
  defp value_text(value),
    do:
      value
      |> Float.to_string()
      |> String.replace(".0e", "e")
      |> String.replace(~r/e(?=\d)/, "e+")

  test "points of several series, one after the other", context do
    %{name: name, other: other, db: db, copy: copy} = context
    fill(name, ["b" | @odd])
    csv = ok(db <> "/timeseries/a*", @csv)
    assert String.starts_with?(csv, "series_id,timestamp,value\na,")
    upload(copy <> "/timeseries", @csv, csv)
    for id <- @odd, do: assert(points(other, id) === points(name, id))

    assert json(get(Endpoint.port(), copy <> "/timeseries/b")) |> Map.get("code") ==
             "series_not_found"

    lines = ok(db <> "/timeseries/b*", @lines)
    assert length(String.split(lines, "\n", trim: true)) == 300
    assert %{"series_id" => "b"} = lines |> String.split("\n") |> hd() |> JSON.decode!()
    limited = ok(db <> "/timeseries/a*?limit=301", @lines)
    assert length(String.split(limited, "\n", trim: true)) == 301
  end

  test "several series side by side", context do
    %{name: name, other: other, db: db, copy: copy} = context
    fill(name, @odd)
    wide = ok(db <> "/timeseries/a*?shape=wide", @csv)
    upload(copy <> "/timeseries", @csv, wide)
    for id <- @odd, do: assert(points(other, id) === points(name, id))

    {:ok, _} = FormdbHttp.put_columns(name, "z1", [0, 1, 1], [1, 2, 3])
    {:ok, _} = FormdbHttp.put_columns(name, "z2", [1, 2], [4, 5])

    expected = [
      "timestamp,z1,z2",
      "1970-01-01T00:00:00.000000Z,1.0,",
      "1970-01-01T00:00:00.000001Z,2.0,4.0",
      "1970-01-01T00:00:00.000001Z,3.0,",
      "1970-01-01T00:00:00.000002Z,,5.0"
    ]

    rows = &String.split(ok(db <> "/timeseries/z*?shape=wide" <> &1, @csv), "\n", trim: true)
    assert rows.("") == expected
    assert rows.("&limit=2") == Enum.take(expected, 3)
    assert ["timestamp,z1,z2", last | _] = rows.("&order=desc")
    assert last == List.last(expected)

    for {query, pointer, accept} <- [
          {"shape=wide", "/shape", "application/json"},
          {"shape=wide", "/shape", @lines},
          {"shape=wide&cursor=x", "/cursor", @csv},
          {"shape=high", "/shape", @csv}
        ] do
      refused = ask(db <> "/timeseries/z*?" <> query, accept)
      assert {refused.status, json(refused)["pointer"]} == {400, pointer}
    end
  end

  test "buckets", %{name: name, db: db} do
    {:ok, _} = FormdbHttp.put_columns(name, "z1", [0, 1, 7_200_000_000], [1, 2, 3])
    {:ok, _} = FormdbHttp.put_columns(name, "z2", [3_600_000_000], [4])
    query = "?aggregation=sum&interval=1h"

    assert ok(db <> "/timeseries/z1/aggregate" <> query, @csv) ==
             "timestamp,value\n1970-01-01T00:00:00.000000Z,3.0\n1970-01-01T02:00:00.000000Z,3.0\n"

    assert ok(db <> "/timeseries/z1/aggregate" <> query <> "&fill=null", @csv) =~
             "T01:00:00.000000Z,\n"

    counts = ok(db <> "/timeseries/z*/aggregate?aggregation=count&interval=1h", @csv)
    assert counts =~ "series_id,timestamp,value\nz1,1970-01-01T00:00:00.000000Z,2\n"

    assert ok(db <> "/timeseries/z1/aggregate" <> query, @lines) =~
             ~s({"series_id":"z1","timestamp":)

    assert ok(db <> "/timeseries/z*/aggregate" <> query <> "&shape=wide", @csv) ==
             "timestamp,z1,z2\n1970-01-01T00:00:00.000000Z,3.0,\n1970-01-01T01:00:00.000000Z,,4.0\n" <>
               "1970-01-01T02:00:00.000000Z,3.0,\n"

    assert ask(db <> "/timeseries/z*/aggregate" <> query <> "&shape=wide", "application/json").status ==
             400
  end

  test "in local time, and back", %{name: name, other: other, db: db, copy: copy} do
    # From the hour before clocks go back to the one after.
    times = for n <- 0..11, do: 1_761_433_200_000_000 + n * 1_800_000_000
    {:ok, _} = FormdbHttp.put_columns(name, "v1", times, Enum.map(times, &(&1 / 1.0e9)))
    tz = "?tz=Europe/Vienna"
    csv = ok(db <> "/timeseries/v1" <> tz, @csv)
    assert csv =~ "\n2025-10-26T02:30:00.000000+02:00,"
    assert csv =~ "\n2025-10-26T02:30:00.000000+01:00,"
    upload(copy <> "/timeseries?series_id=v1", @csv, csv)
    assert points(other, "v1") === points(name, "v1")

    for {query, accept} <- [
          {"/timeseries/v*" <> tz, @csv},
          {"/timeseries/v*" <> tz <> "&shape=wide", @csv},
          {"/timeseries/v*" <> tz, @lines},
          {"/timeseries/v1/aggregate#{tz}&aggregation=count&interval=30m", @csv},
          {"/timeseries/v*/aggregate#{tz}&aggregation=count&interval=30m&shape=wide", @csv},
          {"/timeseries/v*/aggregate#{tz}&aggregation=count&interval=30m", @lines}
        ] do
      assert {query, 2} ==
               {query, length(String.split(ok(db <> query, accept), "T02:30:00.000000+")) - 1}
    end

    assert ask(db <> "/timeseries/v1?tz=Vienna", @csv).status == 400
    local = "timestamp,value\n2025-07-01T12:00,1\n2025-10-26T02:30,2\n"
    headers = [{"content-type", @csv}]
    path = copy <> "/timeseries?series_id=w&tz=Europe/Vienna"
    answer = request(Endpoint.port(), "POST", path, headers: headers, body: local)
    assert %{"inserted" => 1, "rejected" => [%{"line" => 3}]} = json(answer)
    {:ok, noon, 0} = DateTime.from_iso8601("2025-07-01T10:00:00Z")
    assert [{micros, 1.0}] = points(other, "w")
    assert micros == DateTime.to_unix(noon, :microsecond)
  end

  test "the list of series", %{name: name, db: db} do
    for id <- @odd, do: {:ok, _} = FormdbHttp.put_columns(name, id, [1, 2], [1, 2])
    [header, first | rest] = String.split(ok(db <> "/timeseries", @csv), "\n", trim: true)
    assert header == "series_id,points,first,last"
    assert first == "a,2,1970-01-01T00:00:00.000001Z,1970-01-01T00:00:00.000002Z"
    assert length(rest) == length(@odd) - 1
    lines = String.split(ok(db <> "/timeseries?limit=4", @lines), "\n", trim: true)
    assert length(lines) == 4
    assert ok(db <> "/timeseries?prefix=x", @csv) == header <> "\n"
  end

  test "more than one page, at one sequence", %{name: name, db: db} do
    count = 250_000

    {:ok, _} =
      FormdbHttp.put_columns(name, "m1", Enum.to_list(1..count), List.duplicate(0.5, count))

    {:ok, _} =
      FormdbHttp.put_columns(name, "m2", Enum.to_list(1..count), List.duplicate(1.5, count))

    for {query, lines} <- [
          {"m1?order=desc", count + 1},
          {"m*", 2 * count + 1},
          {"m*?shape=wide", count + 1}
        ] do
      socket = connect(Endpoint.port())
      headers = [{"accept", @csv}, {"connection", "close"}]
      write(socket, format("GET", db <> "/timeseries/" <> query, headers: headers))
      head = read_head(socket)
      {:ok, _} = FormdbHttp.put_columns(name, "m2", [count + :rand.uniform(1_000)], [9.0])
      body = read_rest(socket, head).body
      assert {query, body |> String.split("\n", trim: true) |> length()} == {query, lines}
      refute body =~ "9.0"
      {:ok, _} = FormdbHttp.delete_points(name, "m2", count + 1, count + 2_000)
    end
  end
end
