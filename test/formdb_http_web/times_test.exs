defmodule FormdbHttpWeb.TimesTest do
  # Times as clients write them, and as they come back; numbers at their ends.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "times_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    db = "/api/v1/databases/#{name}"
    {:ok, port: Endpoint.port(), name: name, db: db, series: db <> "/timeseries"}
  end

  defp write(port, path, timestamp, value \\ 1) do
    post(port, path, %{series_id: "t", timestamp: timestamp, value: value})
  end

  defp times(port, path), do: for(row <- json(get(port, path))["data"], do: row["timestamp"])

  defp refusal(response) do
    assert response.status == 400
    %{"code" => code, "pointer" => pointer, "detail" => detail} = json(response)
    {code, pointer, detail}
  end

  test "every time of the years -9999 to 9999 comes back", %{port: port, series: series} do
    for {sent, shown} <- [
          {"-009999-01-01T00:00:00Z", "-009999-01-01T00:00:00.000000Z"},
          {"-000001-12-31T23:59:59.9Z", "-000001-12-31T23:59:59.900000Z"},
          {"0000-01-01", "0000-01-01T00:00:00.000000Z"},
          {"1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"},
          {"2026-01-31T12:00:00.7+01:00", "2026-01-31T11:00:00.700000Z"},
          {"2026-01-31T12:00:00.71+01:00", "2026-01-31T11:00:00.710000Z"},
          {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
          {"9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999999Z"}
        ] do
      assert write(port, series, sent).status == 201
      assert json(get(port, series <> "/t/latest"))["timestamp"] == shown
      path = series <> "/t?start=" <> String.replace(sent, "+", "%2B")
      assert hd(times(port, path)) == shown
    end

    path = series <> "/t?end=9999-12-31T23:59:59.999999Z&order=desc&limit=1"
    assert times(port, path) == ["9999-12-31T23:59:59.000000Z"]
    # Of a bucket that would begin earlier, the first instant there is.
    weeks = series <> "/t/aggregate?aggregation=count&interval=1w"
    assert hd(times(port, weeks)) == "-009999-01-01T00:00:00.000000Z"
    # What sorts as text sorts as time.
    all = times(port, series <> "/t?start=0000-01-01")
    assert all == Enum.sort(all)
  end

  test "what is no time is refused with what it is", %{port: port, db: db, series: series} do
    for {sent, says} <- [
          {"20260131", "a string of digits"},
          {"1769860800000000", "a string of digits"},
          {"2026-01-31T12:00:00", "has no offset"},
          {"2026-01-31T12:00:00 02:00", "%2B"},
          {"2026-01-31T12:00:00+24:00", "beyond 23:59"},
          {"2026-01-31T12:00:00+05:00[!Europe/Berlin]", "critical"},
          {"2026-01-31T23:59:60+05:00", "second 60"},
          {"9999-12-31T23:59:59-00:01", "years -9999 to 9999"},
          {1.7698608e15, "1769860800000000.0, a number with a fraction or an exponent"},
          {1.5, "1.5, a number with a fraction"},
          {9_223_372_036_854_775_807, "9223372036854775807"},
          {nil, "found null"}
        ] do
      assert {"invalid_timestamp", "/timestamp", detail} = refusal(write(port, series, sent))
      assert detail =~ says

      operation = %{op: "delete_points", series_id: "t", start: sent}

      txn =
        db <> "/transactions/" <> json(post(port, db <> "/transactions", ""))["transaction_id"]

      response = post(port, txn <> "/operations", %{operations: [operation]})
      assert {"invalid_timestamp", "/operations/0/start", ^detail} = refusal(response)
    end

    for {sent, says} <- [
          {"2026", "too few digits"},
          {"20260131", "too few digits"},
          {"0", "too few digits"},
          {"noon", "found \"noon\""},
          {"2026-01-31T12:00:00%2B24:00", "beyond 23:59"},
          {"1e15", "found \"1e15\""}
        ],
        name <- ["start", "end"] do
      assert {"invalid_timestamp", pointer, detail} =
               refusal(get(port, series <> "/t?#{name}=#{sent}"))

      assert {pointer, detail =~ says} == {"/" <> name, true}
    end
  end

  test "integers count the unit that is asked for", %{port: port, db: db, series: series} do
    for {unit, count} <- [
          {"s", 1_769_860_800},
          {"ms", 1_769_860_800_000},
          {"us", 1_769_860_800_000_000},
          {"ns", 1_769_860_800_000_000_999}
        ] do
      assert write(port, series <> "?unit=" <> unit, count).status == 201
      answer = json(get(port, series <> "/t?start=#{count}&unit=#{unit}"))
      assert answer["start"] == "2026-01-31T12:00:00.000000Z"
      assert [%{"timestamp" => "2026-01-31T12:00:00.000000Z"}] = answer["data"]
      columns = %{series_id: "t", timestamps: [count, "2026-02-01"], values: [1, 2]}
      assert post(port, series <> "?unit=" <> unit, columns).status == 201

      path = series <> "/t/aggregate?aggregation=count&interval=12h&unit=#{unit}"
      assert [_, _] = times(port, path <> "&start=#{count}&origin=#{count}")

      txn =
        db <> "/transactions/" <> json(post(port, db <> "/transactions", ""))["transaction_id"]

      operation = %{op: "delete_points", series_id: "t", start: count}
      operations = %{operations: [operation]}
      assert post(port, txn <> "/operations?unit=" <> unit, operations).status == 200
      assert post(port, txn <> "/commit", "").status == 200
      assert get(port, series <> "/t").status == 404
    end

    assert write(port, series <> "?unit=s", 5).status == 201
    assert times(port, series <> "/t?start=5&end=6&unit=s") == ["1970-01-01T00:00:05.000000Z"]
    path = series <> "/t?start=5&end=6&unit=s"
    assert json(request(port, "DELETE", path))["deleted"] == 1

    for path <- ["/t?unit=m", "/t/aggregate?aggregation=avg&unit="] do
      assert {"invalid_parameter", "/unit", _} = refusal(get(port, series <> path))
    end

    assert {"invalid_parameter", "/unit", _} = refusal(write(port, series <> "?unit=min", 1))
  end

  test "numbers come back as they are, or are refused", %{port: port, db: db, series: series} do
    for {value, shown} <- [
          {"9007199254740992", "9007199254740992.0"},
          {"9007199254740993.0", "9007199254740992.0"},
          {"-0.0", "-0.0"},
          {"5.0e-324", "5.0e-324"}
        ] do
      body = ~s({"series_id":"v","timestamp":1,"value":#{value}})
      assert post(port, series, body, "application/json").status == 201
      # To the bit: -0.0 and 0.0 are equal.
      back = json(get(port, series <> "/v/latest"))["value"]
      assert <<back::float>> == <<String.to_float(shown)::float>>
    end

    for {value, code, pointer} <- [
          {"9007199254740993", "invalid_value", "/value"},
          {"18446744073709551616", "invalid_json", "/value"},
          {"1e-400", "invalid_json", "/value"},
          {"1e309", "invalid_json", "/value"}
        ] do
      body = ~s({"series_id":"v","timestamp":1,"value":#{value}})
      assert {^code, ^pointer, detail} = refusal(post(port, series, body, "application/json"))
      assert detail =~ value
    end

    features = db <> "/features"

    feature = fn id, properties ->
      ~s({"type":"Feature","id":#{id},"geometry":null,"properties":#{properties}})
    end

    kept = ~s({"a":18446744073709551615,"b":-9223372036854775808,"c":0.1})
    body = feature.("9007199254740993", kept)
    assert post(port, features, body, "application/geo+json").status == 201
    answer = get(port, features <> "/9007199254740993").body
    assert answer =~ ~s("id":9007199254740993,) and answer =~ kept
    path = features <> "/9007199254740993"
    patch = ~s({"properties":{"d":18446744073709551617}})
    headers = [{"content-type", "application/json"}]
    refused = request(port, "PATCH", path, body: patch, headers: headers)
    assert {"invalid_json", "/properties/d", _} = refusal(refused)

    for {number, says} <- [{"18446744073709551616", "64 bits"}, {"-1e-400", "too small"}] do
      body = feature.("\"x\"", ~s({"list":[1,#{number}]}))

      assert {"invalid_json", pointer, detail} =
               refusal(post(port, features, body, "application/geo+json"))

      assert {pointer, detail =~ says} == {"/properties/list/1", true}
    end
  end

  test "counts and sums at the ends, and of nothing", %{port: port, name: name, series: series} do
    hour = 3_600_000_000
    {:ok, _} = FormdbHttp.put_columns(name, "t", [0, hour, 2 * hour], [1.0e308, 1.0e308, 4])
    ask = fn query -> json(get(port, series <> "/t/aggregate?" <> query))["data"] end
    values = fn query -> Enum.map(ask.(query), & &1["value"]) end
    assert values.("aggregation=sum") == [nil]
    assert json(get(port, series <> "/t/summary"))["sum"] == nil
    # Nothing there: one bucket without an interval, and with one as fill says.
    empty = "start=1980-01-01&end=1980-01-02"
    day = "1980-01-01T00:00:00.000000Z"
    assert ask.("aggregation=count&" <> empty) == [%{"timestamp" => day, "value" => 0}]
    assert ask.("aggregation=sum&" <> empty) == [%{"timestamp" => day, "value" => nil}]
    assert ask.("aggregation=count&interval=12h&" <> empty) == []
    assert values.("aggregation=count&interval=12h&fill=null&" <> empty) == [0, 0]
    assert values.("aggregation=last&interval=12h&fill=previous&" <> empty) == [4.0, 4.0]
    assert values.("aggregation=last&interval=12h&fill=linear&" <> empty) == [nil, nil]
  end

  test "as of a date, and of a time that is not yet", %{port: port, db: db, series: series} do
    assert write(port, series, 1).status == 201
    ask = fn as_of -> get(port, series <> "/t/latest?as_of=" <> as_of) end
    today = Date.utc_today()
    # Midnight has passed; the series was not there then.
    assert ask.(Date.to_iso8601(today)).status == 404
    later = today |> Date.add(2) |> Date.to_iso8601()
    assert {"invalid_parameter", "/as_of", detail} = refusal(ask.(later))
    assert detail =~ ~r/server's clock, which shows \d{4}-\d\d-\d\dT/
    assert {"invalid_parameter", "/as_of", _} = refusal(ask.("20260131"))

    # A client's clock may run ahead a little: that is waited for.
    soon = DateTime.utc_now() |> DateTime.add(300, :millisecond)
    begun = System.monotonic_time(:millisecond)
    assert %{"seq" => seq} = json(ask.(DateTime.to_iso8601(soon)))
    assert System.monotonic_time(:millisecond) - begun >= 250
    assert write(port, series, 2).status == 201
    assert json(ask.(DateTime.to_iso8601(soon)))["seq"] == seq
    far = DateTime.utc_now() |> DateTime.add(5, :second) |> DateTime.to_iso8601()
    assert {"invalid_parameter", "/as_of", _} = refusal(ask.(far))

    body = %{read_only: true, as_of: "12345678901"}

    assert {"invalid_timestamp", "/as_of", detail} =
             refusal(post(port, db <> "/transactions", body))

    assert detail =~ "a string of digits"
  end
end
