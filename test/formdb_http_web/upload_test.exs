defmodule FormdbHttpWeb.UploadTest do
  # Bodies that are written while they come: lines, sequences and tables.
  use ExUnit.Case

  alias FormdbHttp.{Config, HTTPClient, JSON}
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "up-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    %{db: name, base: "/api/v1/databases/#{name}"}
  end

  defp post(path, type, body, headers \\ []) do
    headers = [{"content-type", type} | headers]
    HTTPClient.request(Endpoint.port(), "POST", path, body: body, headers: headers)
  end

  defp last(%{status: 200, body: body}),
    do: body |> String.split("\n", trim: true) |> List.last() |> JSON.decode!()

  defp feature(id, lon),
    do:
      ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[#{lon},1]},"properties":{}})

  test "features a line, faulty ones told and left out", %{db: db, base: base} do
    body = Enum.join([feature("a", 1), "nonsense", feature("b", 2), feature("a", 3)], "\n")
    answer = post(base <> "/features", "application/x-ndjson", body)
    assert answer.headers["content-type"] == "application/x-ndjson"

    assert %{
             "done" => true,
             "inserted" => 2,
             "replaced" => 1,
             "skipped" => 0,
             "first_seq" => 1,
             "last_seq" => 3,
             "blocks" => 3,
             "rejected" => [%{"line" => 2, "code" => "invalid_json"}]
           } = last(answer)

    assert {:ok, %{json: json}} = FormdbHttp.get_feature(db, "a")
    assert json =~ "[3,1]"
  end

  test "cells that are missing leave the others of their row", %{db: db, base: base} do
    table =
      "timestamp,a,b\n2026-01-01T00:00Z,1,NA\n2026-01-01T01:00Z,-999.0,\n2026-01-01T02:00Z,x,3\n"

    answer = post(base <> "/timeseries?missing=NA,-999", "text/csv", table)

    assert %{"inserted" => 1, "missing" => 3, "rejected" => [%{"line" => 4, "detail" => detail}]} =
             last(answer)

    assert detail =~ "missing=x"
    assert {:ok, %{value: 1.0}} = FormdbHttp.latest(db, "a")
    assert {:error, %{code: :series_not_found}} = FormdbHttp.latest(db, "b")
    lines = ~s({"series_id":"s","timestamp":1,"value":1.5}\n)

    for {type, body} <- [{"application/x-ndjson", lines}, {"application/json", lines}] do
      refused = post(base <> "/timeseries?missing=NA", type, body)
      assert %{status: 400} = refused
      assert %{"pointer" => "/missing"} = JSON.decode!(refused.body)
    end

    refute is_map_key(last(post(base <> "/timeseries", "application/x-ndjson", lines)), "missing")
  end

  test "an upload is named by its provenance, and undone by it", %{db: db, base: base} do
    named = "?provenance.import=a&provenance.derived_from=1"
    {:ok, _} = FormdbHttp.put_point(db, "other", 1, 1)
    rows = for n <- 1..6_000, do: "1970-01-01T00:00:00Z,s,#{n}\n"
    table = IO.iodata_to_binary(["timestamp,series_id,value\n", rows])
    key = [{"idempotency-key", "k"}]

    first = last(post(base <> "/timeseries" <> named, "text/csv", table, key))
    assert %{"inserted" => 6_000, "first_seq" => 2, "last_seq" => 3, "blocks" => 2} = first

    # Sent again it says the same of what was written.
    again = last(post(base <> "/timeseries" <> named, "text/csv", table, key))
    assert %{"skipped" => 6_000, "first_seq" => 2, "last_seq" => 3, "blocks" => 2} = again

    # With another provenance it is another request.
    other = post(base <> "/timeseries?provenance.import=b", "text/csv", table, key)
    assert %{status: 422} = other

    answer = post(base <> "/features" <> named, "application/x-ndjson", feature("a", 1))
    assert %{"first_seq" => 4, "last_seq" => 4, "blocks" => 1} = last(answer)
    {:ok, _} = FormdbHttp.put_point(db, "other", 2, 1)
    answer = post(base <> "/features" <> named, "application/json", feature("b", 1))
    assert %{status: 201} = answer
    point = ~s({"series_id":"t","timestamp":1,"value":1.5})
    assert %{status: 201} = post(base <> "/timeseries" <> named, "application/json", point)

    {:ok, %{json: json}} = FormdbHttp.block(db, 2)
    assert JSON.decode!(json)["provenance"] == %{"import" => "a", "derived_from" => [1]}

    undo = ~s({"filter":{"provenance":{"import":"a"}},"first_seq":1,"last_seq":7})
    answer = post(base <> "/reverts", "application/json", undo)
    assert %{"reverted" => 5} = JSON.decode!(answer.body)
    assert {:ok, %{series: [%{series_id: "other", points: 2}]}} = FormdbHttp.series(db)

    # The key outlives what was written with it.
    again = last(post(base <> "/timeseries" <> named, "text/csv", table, key))
    assert %{"inserted" => 0, "skipped" => 6_000} = again
  end

  # An attempt that broke off goes on with what had come of it, while the next one begins.
  test "a body that is sent again while it is still being written is written once", %{
    db: db,
    base: base
  } do
    rows = for n <- 1..30_000, do: ~s({"series_id":"s","timestamp":#{n},"value":#{n}}\n)
    body = IO.iodata_to_binary(rows)
    other = IO.iodata_to_binary([Enum.take(rows, 15_000), Enum.drop(rows, 15_001)])

    for round <- 1..8 do
      key = [{"idempotency-key", "again-#{round}"}]
      send_it = &post(base <> "/timeseries?unit=us", "application/x-ndjson", &1, key)

      answers =
        1..4
        |> Task.async_stream(fn _attempt -> last(send_it.(body)) end, timeout: 60_000)
        |> Enum.map(fn {:ok, answer} -> answer end)

      for answer <- answers,
          do: assert(%{"done" => true, "blocks" => 6, "rejected" => []} = answer)

      assert answers |> Enum.map(& &1["inserted"]) |> Enum.sum() == 30_000
      assert answers |> Enum.map(&(&1["inserted"] + &1["skipped"])) |> Enum.uniq() == [30_000]
      assert {:ok, %{points: points}} = FormdbHttp.database(db)
      assert points == 30_000 * round

      # Another one with the same beginning is refused as before.
      assert send_it.(other).body =~ "idempotency_key_reused"
      assert {:ok, %{points: ^points}} = FormdbHttp.database(db)
    end
  end

  test "a provenance that is none is refused", %{base: base} do
    for {query, pointer} <- [
          {"provenance.a=1&provenance.a=2", "/provenance.a"},
          {"provenance.derived_from=x", "/provenance/derived_from/0"}
        ],
        {path, type} <- [
          {"features", "application/x-ndjson"},
          {"features", "application/json"},
          {"timeseries", "text/csv"},
          {"timeseries", "application/json"}
        ] do
      body = if path == "features", do: feature("a", 1), else: ~s({"points":[]})
      refused = post("#{base}/#{path}?#{query}", type, body)
      assert %{status: 400} = refused
      assert %{"pointer" => ^pointer} = JSON.decode!(refused.body)
    end
  end

  test "digits that read as a date and time are refused without a unit", %{base: base} do
    table = "timestamp,a\n201301020500,1\n"

    assert %{"rejected" => [%{"detail" => detail}]} =
             last(post(base <> "/timeseries", "text/csv", table))

    assert detail =~ "reads as 2013-01-02T05:00"
    assert %{"inserted" => 1} = last(post(base <> "/timeseries?unit=us", "text/csv", table))
  end

  test "text sequences", %{base: base} do
    body = for id <- ["a", "b"], do: ["\x1e", feature(id, 1), "\n"]
    answer = post(base <> "/features", "application/geo+json-seq", IO.iodata_to_binary(body))
    assert %{"inserted" => 2} = last(answer)
  end

  test "points a line and tables", %{db: db, base: base} do
    lines =
      ~s({"series_id":"s","timestamp":1,"value":1.5}\n{"series_id":"t","timestamp":2,"value":2})

    assert %{"inserted" => 2} = last(post(base <> "/timeseries", "application/x-ndjson", lines))
    table = "timestamp,a,b\n2026-01-01T00:00Z,1,\n2026-01-01T01:00Z,2,3\n"
    assert %{"inserted" => 3} = last(post(base <> "/timeseries", "text/csv", table))
    single = "value,timestamp\n7,2026-01-01\n"
    answer = post(base <> "/timeseries?series_id=c", "text/csv; charset=utf-8", single)
    assert %{"inserted" => 1} = last(answer)
    assert {:ok, %{value: 7.0}} = FormdbHttp.latest(db, "c")

    assert %{status: 400, body: body} = post(base <> "/timeseries", "text/csv", single)
    assert body =~ "give the parameter series_id"
  end

  test "a wide table of any names comes back as it was, with its shape", %{base: base} do
    table = "timestamp,series_id,timestamp,value\n2026-01-01T00:00:00.000000Z,1.0,2.0,3.0\n"
    path = base <> "/timeseries?shape=wide"
    assert %{"inserted" => 3, "rejected" => []} = last(post(path, "text/csv", table))
    headers = [{"accept", "text/csv"}]

    assert %{status: 200, body: ^table} =
             HTTPClient.request(Endpoint.port(), "GET", base <> "/timeseries/*?shape=wide",
               headers: headers
             )

    assert %{status: 400} = post(base <> "/timeseries?shape=single", "text/csv", table)
    assert %{status: 400} = post(base <> "/timeseries?shape=broad", "text/csv", table)
  end

  test "more columns than a table may have are refused by the name of the setting", context do
    %{base: base} = context
    # 60 MB, and 60 KB as they are sent.
    body = :zlib.gzip(["timestamp", :binary.copy(",", 60_000_000)])
    headers = [{"content-encoding", "gzip"}]
    assert %{status: 413, body: problem} = post(base <> "/timeseries", "text/csv", body, headers)
    assert problem =~ "FORMDB_PAGE_ITEMS"
  end

  test "what follows a gzip stream is another one, or named", %{base: base} do
    packed = :zlib.gzip("timestamp,a\n2026-01-01,1\n")
    headers = [{"content-encoding", "gzip"}]
    path = base <> "/timeseries"
    two = packed <> :zlib.gzip("2026-01-02,1\n")
    assert %{"inserted" => 2} = last(post(path, "text/csv", two, headers))

    for rest <- ["x", "garbage", :binary.copy("garbage", 10)] do
      assert %{status: 400, body: problem} = post(path, "text/csv", packed <> rest, headers)
      assert problem =~ "bytes follow the end of the gzip stream", rest
    end

    assert %{status: 400, body: problem} = post(path, "text/csv", "no gzip at all", headers)
    refute problem =~ "follow"
  end

  test "what is sent again with its key is written once", %{base: base} do
    body = Enum.map_join(1..12_000, "\n", &feature("f#{&1}", rem(&1, 180)))
    key = [{"idempotency-key", "k"}]
    path = base <> "/features"

    assert %{"inserted" => 12_000, "last_seq" => 12_000} =
             last(post(path, "application/x-ndjson", body, key))

    assert %{"inserted" => 0, "skipped" => 12_000, "last_seq" => 12_000} =
             last(post(path, "application/x-ndjson", body, key))

    assert %{status: 422} =
             post(path, "application/x-ndjson", body <> "\n" <> feature("x", 1), key)
  end

  test "the first fault stops it, if that is asked for", %{base: base} do
    body = feature("a", 1) <> "\nnonsense\n" <> feature("b", 1)
    answer = post(base <> "/features?on_error=stop", "application/x-ndjson", body)
    assert %{status: 400, body: problem} = answer
    assert problem =~ "invalid_json" and problem =~ ~s("detail":"line 2: )
    assert [_before, _after] = String.split(problem, "is not JSON")
    assert %{status: 404} = HTTPClient.get(Endpoint.port(), base <> "/features/a")
  end

  test "what cannot be kept is refused", %{base: base} do
    for {path, type, headers, part} <- [
          {"/features?on_duplicate=refuse", "application/x-ndjson", [], "leave it out"},
          {"/features?on_error=refuse", "application/x-ndjson", [], "give skip or stop"},
          {"/features?on_error=stop", "application/geo+json", [], "read as a whole"},
          {"/timeseries?on_error=skip", "application/json", [], "read as a whole"},
          {"/timeseries?series_id=a", "application/json", [], "read as a whole"},
          {"/timeseries?series_id=a", "application/x-ndjson", [], "text/csv only"},
          {"/timeseries?shape=wide", "application/x-ndjson", [], "text/csv only"},
          {"/timeseries?shape=wide", "application/json", [], "read as a whole"},
          {"/features", "application/x-ndjson", [{"if-none-match", "*"}], "If-None-Match"}
        ] do
      assert %{status: 400, body: body} = post(base <> path, type, feature("a", 1), headers)
      assert body =~ part, "#{path}: #{body}"
    end

    assert %{status: 415} = post(base <> "/features", "text/csv", "timestamp,a\n")
    assert %{status: 404} = post("/api/v1/databases/none/features", "application/x-ndjson", "")
  end

  test "nothing is an upload, too, but no table", %{base: base} do
    answer = post(base <> "/features", "application/x-ndjson", "")
    assert %{"done" => true, "inserted" => 0, "last_seq" => nil} = last(answer)
    assert %{status: 400} = post(base <> "/timeseries", "text/csv", "")
  end

  describe "many at once" do
    defp begun(base, first) do
      socket = HTTPClient.connect(Endpoint.port())
      fields = [{"transfer-encoding", "chunked"}, {"content-type", "application/x-ndjson"}]
      HTTPClient.write(socket, HTTPClient.format("POST", base <> "/features", headers: fields))
      chunk(socket, first)
      socket
    end

    defp used, do: elem(FormdbHttp.WorkMemory.figures(), 0)

    defp soon?(holds?),
      do: Enum.any?(1..500, fn _ -> holds?.() || (Process.sleep(20) && false) end)

    test "that say nothing leave others served, and end", %{db: db, base: base} do
      before = used()
      sockets = for i <- 1..100, do: begun(base, [feature("a#{i}", 1), "\n{"])
      # Each holds what it has, and a part ahead.
      assert soon?(fn -> used() - before > 100 * 262_144 end)
      assert used() - before <= 100 * (262_144 + 65_536)

      assert %{"inserted" => 1} =
               last(post(base <> "/features", "application/x-ndjson", feature("b", 1)))

      assert %{status: 201} = post(base <> "/features", "application/geo+json", feature("c", 1))
      # The line that was whole is written, the one that had begun is told.
      {some, others} = Enum.split(sockets, 50)
      for socket <- some, do: chunk(socket, "")

      for socket <- some,
          do: assert(%{"inserted" => 1, "rejected" => [%{"line" => 2}]} = chunk_of(socket))

      for socket <- others, do: :gen_tcp.close(socket)
      assert soon?(fn -> used() <= before end)
      assert {:ok, %{features: 52}} = FormdbHttp.database(db)
    end

    test "at full rate all end, with every row stored", %{db: db, base: base} do
      before = used()
      pad = String.duplicate("x", 500)

      rows = fn number ->
        for row <- 1..5_001, into: "" do
          ~s({"type":"Feature","id":"#{number}-#{row}","geometry":null,"properties":{"p":"#{pad}"}}\n)
        end
      end

      answers =
        1..16
        |> Task.async_stream(
          &post(base <> "/features", "application/x-ndjson", rows.(&1)),
          max_concurrency: 16,
          timeout: 120_000
        )
        |> Enum.map(fn {:ok, answer} -> last(answer) end)

      for answer <- answers,
          do: assert(%{"done" => true, "inserted" => 5_001, "rejected" => []} = answer)

      assert {:ok, %{features: 80_016}} = FormdbHttp.database(db)
      assert soon?(fn -> used() <= before end)
    end
  end

  test "one that says nothing for too long ends", %{db: db, base: base} do
    stop_supervised!(Endpoint)
    start_supervised!({Endpoint, %{Config.load!() | body_timeout_ms: 1_500}})
    before = used()
    socket = begun(base, [feature("a", 1), "\n{"])
    assert soon?(fn -> used() > before end)
    assert HTTPClient.read_all(socket) =~ "FORMDB_BODY_TIMEOUT_MS"
    assert soon?(fn -> used() <= before end)
    assert {:ok, %{features: 0}} = FormdbHttp.database(db)
  end

  test "a header that is too long is told as that", %{base: base} do
    stop_supervised!(Endpoint)
    start_supervised!({Endpoint, %{Config.load!() | max_body_bytes: 2_000}})
    body = "timestamp," <> String.duplicate("a", 3_000) <> "\n2026-01-01,1\n"
    assert %{status: 413, body: problem} = post(base <> "/timeseries", "text/csv", body)
    assert problem =~ ~s("detail":"the header of the table in bytes is 2001)
    refute problem =~ "nothing was sent"
  end

  describe "a body that takes its time" do
    setup %{base: base} do
      socket = HTTPClient.connect(Endpoint.port())
      fields = [{"transfer-encoding", "chunked"}, {"content-type", "application/x-ndjson"}]
      fields = [{"idempotency-key", "slow"} | fields]
      HTTPClient.write(socket, HTTPClient.format("POST", base <> "/features", headers: fields))
      chunk(socket, many(1..5_001))
      %{socket: socket}
    end

    defp many(range), do: Enum.map(range, &[feature("f#{&1}", rem(&1, 180)), "\n"])

    defp chunk(socket, data) do
      length = data |> IO.iodata_length() |> Integer.to_string(16)
      HTTPClient.write(socket, [length, "\r\n", data, "\r\n"])
    end

    defp chunk_of(socket, received \\ "") do
      case :binary.split(received, "\n") do
        [line, _rest] when line != "" and binary_part(line, 0, 1) == "{" ->
          JSON.decode!(line)

        [_size_or_head, rest] ->
          chunk_of(socket, rest)

        _incomplete ->
          {:ok, more} = :gen_tcp.recv(socket, 0, 10_000)
          chunk_of(socket, received <> more)
      end
    end

    test "is told how far it is, and goes on", %{socket: socket, db: db} do
      # Nothing is said until something is written and a second has passed.
      assert %{"inserted" => 5_000, "last_seq" => 5_000} = chunk_of(socket)
      chunk(socket, many(5_002..12_000))
      chunk(socket, "")

      assert %{"done" => true, "inserted" => 12_000, "replaced" => 0, "rejected" => []} =
               Stream.repeatedly(fn -> chunk_of(socket) end) |> Enum.find(&is_map_key(&1, "done"))

      assert {:ok, %{features: 12_000}} = FormdbHttp.database(db)
    end

    test "and whose database is closed is told that in the last line", context do
      %{socket: socket, db: db} = context
      assert %{"inserted" => 5_000} = chunk_of(socket)
      :ok = FormdbHttp.close(db)
      chunk(socket, many(5_002..12_000))

      assert %{"done" => false, "inserted" => 5_000, "error" => %{"code" => code}} =
               Stream.repeatedly(fn -> chunk_of(socket) end) |> Enum.find(&is_map_key(&1, "done"))

      assert code in ["database_not_found", "database_closed"]
    end

    test "and breaks its coding ends without a last line", %{socket: socket} do
      assert %{"inserted" => 5_000} = chunk_of(socket)
      HTTPClient.write(socket, "1\r\nzz\r\n")
      refute HTTPClient.read_all(socket) =~ "done"
    end

    test "gives its memory back when its client goes away", %{socket: socket} do
      assert %{"inserted" => 5_000} = chunk_of(socket)
      held = elem(FormdbHttp.WorkMemory.figures(), 0)
      assert held >= 262_144
      :gen_tcp.close(socket)

      assert Enum.any?(1..200, fn _ ->
               Process.sleep(20) && elem(FormdbHttp.WorkMemory.figures(), 0) < held
             end)
    end

    test "whose client goes away has written what was whole", %{socket: socket, base: base} do
      assert %{"inserted" => 5_000} = chunk_of(socket)
      :gen_tcp.close(socket)
      body = IO.iodata_to_binary(many(1..9_000))

      answer =
        post(base <> "/features", "application/x-ndjson", body, [{"idempotency-key", "slow"}])

      assert %{"skipped" => 5_000, "inserted" => 4_000, "replaced" => 0} = last(answer)
    end
  end
end
