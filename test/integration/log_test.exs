defmodule FormdbHttp.LogTest do
  # What the server writes to its log, and what it never writes there.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{JSON, ServerProcess}
  alias FormdbHttpWeb.Routes

  @trace "4bf92f3577b34da6a3ce929d0e0e4736"
  @span "00f067aa0ba902b7"
  @secret "s3cr3t"

  defp start(data_dir, settings) do
    server = start_supervised!({ServerProcess, {data_dir, settings}})
    {server, ServerProcess.await_ready(server)}
  end

  # But for the line by which the test learns the port.
  defp lines(server) do
    assert ServerProcess.stop(server) == 0

    for line <- server |> ServerProcess.output() |> String.split("\n", trim: true),
        not (line =~ ~r/\Alistening on \d+\z/),
        do: line
  end

  @tag timeout: 120_000
  @tag :tmp_dir
  test "is JSON, a line an event, with what the request is called", %{tmp_dir: data_dir} do
    settings = [{"FORMDB_LOG_FORMAT", "json"}, {"FORMDB_ACCESS_LOG", "true"}]
    {server, port} = start(data_dir, settings)
    assert post(port, "/api/v1/databases", %{name: "quakes"}).status == 201
    headers = [{"x-request-id", "mine"}, {"traceparent", "00-#{@trace}-#{@span}-01"}]
    path = "/api/v1/databases/quakes/features/a%2Fb"
    assert get(port, path <> "?as_of=0&token=#{@secret}", headers).status == 400
    assert get(port, "/a\"b" <> String.duplicate("c", 2_000)).status == 404

    events = server |> lines() |> Enum.map(&JSON.decode!/1)

    for event <- events do
      assert {:ok, _, 0} = DateTime.from_iso8601(event["time"])
      assert event["level"] in ["info", "warning", "error"]
      assert is_binary(event["message"])
    end

    messages = Enum.map(events, & &1["message"])
    assert "created database quakes" in messages and "closed database quakes" in messages
    assert Enum.any?(messages, &(&1 =~ ~r/\Alistening on http:/))

    asked = Enum.find(events, &(&1["request_id"] == "mine"))

    assert %{
             "message" => "request",
             "method" => "GET",
             "route" => "/api/v1/databases/{db}/features/{id}",
             "path" => ^path,
             "status" => 400,
             "client" => "127.0.0.1",
             "trace_id" => @trace,
             "span_id" => @span,
             "request_bytes" => 0,
             "response_bytes" => bytes,
             "duration_ms" => ms
           } = asked

    assert bytes > 100 and ms > 0
    unmatched = Enum.find(events, &(&1["route"] == "unmatched"))
    assert byte_size(unmatched["path"]) < 1_100 and unmatched["path"] =~ "b"
    refute Enum.any?(events, &(JSON.text(&1) =~ @secret))
  end

  @tag timeout: 120_000
  @tag :tmp_dir
  test "is text where that is asked for, and has no requests unless they are", %{
    tmp_dir: data_dir
  } do
    {server, port} = start(data_dir, [{"FORMDB_ACCESS_LOG", "true"}])
    get(port, "/health", [{"x-request-id", "mine"}])

    assert Enum.any?(
             lines(server),
             &(&1 =~ ~r"Z \[info\] mine GET /health 200 15 bytes \d+\.\d{3} ms 127\.0\.0\.1 -\z")
           )

    stop_supervised!(ServerProcess)

    {server, port} = start(data_dir, [{"FORMDB_LOG_LEVEL", "warning"}])
    get(port, "/health", [{"x-request-id", "mine"}])
    assert lines(server) == []
  end

  @tag timeout: 120_000
  @tag :tmp_dir
  test "has what the audit says whatever its level is, and sums that stand open at the end", %{
    tmp_dir: data_dir
  } do
    settings = [
      {"FORMDB_LOG_FORMAT", "json"},
      {"FORMDB_LOG_LEVEL", "error"},
      {"FORMDB_AUDIT_LOG", "true"},
      {"FORMDB_AUDIT_LINES", "1"}
    ]

    {server, port} = start(data_dir, settings)
    headers = [{"x-request-id", "mine"}, {"origin", "https://evil.example"}]

    for _ <- 1..3,
        do: assert(request(port, "DELETE", "/api/v1/databases/x", headers: headers).status == 403)

    assert post(port, "/api/v1/databases", %{name: "quakes"}).status == 201

    assert [
             %{"level" => "warning", "count" => 1, "request_id" => "mine"} = refused,
             %{"level" => "info", "act" => "create_database", "database" => "quakes"},
             %{"level" => "warning", "count" => 2, "reason" => "origin_not_allowed"}
           ] = events = server |> lines() |> Enum.map(&JSON.decode!/1)

    assert Enum.uniq(for event <- events, do: event["event"]) == ["audit"]
    assert %{"act" => "close_database", "database" => "x", "client" => "127.0.0.1"} = refused
  end

  @tag timeout: 240_000
  @tag :tmp_dir
  test "has nothing of what requests hold, however they fail", %{tmp_dir: data_dir} do
    for format <- ["text", "json"] do
      settings = [
        {"FORMDB_LOG_FORMAT", format},
        {"FORMDB_LOG_LEVEL", "debug"},
        {"FORMDB_ACCESS_LOG", "true"}
      ]

      {server, port} = start(data_dir, settings)
      assert post(port, "/api/v1/databases", %{name: "quakes"}).status in [200, 201]
      sent = Enum.sum(for request <- requests(), do: send_request(port, request))
      for bytes <- broken(), do: send_broken(port, bytes)
      assert sent > 500
      lines = lines(server)
      # Each was answered, and logged.
      assert length(lines) > 500
      assert Enum.filter(lines, &(&1 =~ @secret)) == []
      refute Enum.any?(lines, &(&1 =~ "[error]" or &1 =~ ~s("level":"error")))
      stop_supervised!(ServerProcess)
    end
  end

  @bodies [
    "",
    @secret,
    ~s({"name":"#{@secret} #{@secret}","#{@secret}":1}),
    ~s({"type":"Feature","id":"#{@secret}\\n","geometry":{"type":"Point","coordinates":[999,"#{@secret}"]},"properties":{"p":"#{@secret}"}}),
    ~s({"type":"Feature","geometry":null,"properties":{"p":"#{@secret}"},"provenance":"#{@secret}"}),
    ~s({"series_id":"#{@secret}\\t","timestamp":"#{@secret}","value":"#{@secret}"}),
    ~s({"points":[{"series_id":"s","timestamp":1,"value":1,"metadata":"#{@secret}"}]}),
    ~s({"filter":{"#{@secret}":"#{@secret}"},"blocks":["#{@secret}"]}),
    ~s([{"op":"#{@secret}"}]),
    <<0xFF, 0xFE, @secret::binary>>
  ]
  @types ["application/json", "application/cbor", "application/geo+json-seq", "text/csv"] ++
           ["application/#{@secret}"]

  # Every call of the table, with what is wrong in every place where something can be.
  defp requests do
    for resource <- Routes.all(),
        {method, _call} <- resource.calls,
        # That would close it.
        {resource.name, method} != {:database, "DELETE"},
        query <- [
          "",
          "?#{@secret}=#{@secret}",
          "?token=#{@secret}&limit=#{@secret}&bbox=#{@secret}"
        ],
        {body, type} <-
          if(method in ["GET", "DELETE"],
            do: [{nil, "application/json"}],
            else: for(body <- @bodies, type <- Enum.take_random(@types, 2), do: {body, type})
          ),
        do: {method, path(resource.template), query, body, type}
  end

  defp broken do
    [
      "#{@secret}\r\n\r\n",
      "GET /health HTTP/1.1\r\nhost: localhost\r\n#{@secret} #{@secret}\r\n\r\n",
      "GET /health HTTP/1.1\r\nhost: localhost\r\nx: #{String.duplicate(@secret, 5_000)}\r\n\r\n",
      "GET /health?#{String.duplicate(@secret, 5_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n",
      "GET /health HTTP/1.1\r\nhost: #{@secret}.example\r\norigin: #{@secret}\r\n\r\n",
      "POST /api/v1/databases HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n#{@secret}\r\n",
      "POST /api/v1/databases HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: gzip\r\ncontent-length: 6\r\n\r\n#{@secret}"
    ]
  end

  defp send_broken(port, bytes) do
    socket = connect(port)
    write(socket, bytes)
    assert read_head(socket).status in 400..431
    :gen_tcp.close(socket)
  end

  # What varies in a path is an id, and in the access log as part of it.
  defp path(template) do
    template |> String.replace("{db}", "quakes") |> String.replace(~r/\{\w+\}/, "x")
  end

  defp send_request(port, {method, path, query, body, type}) do
    headers = [
      {"authorization", "Bearer #{@secret}"},
      {"cookie", "session=#{@secret}"},
      {"x-request-id", "not one: #{@secret}"},
      {"traceparent", "00-#{@secret}"},
      {"idempotency-key", String.duplicate(@secret, 200)},
      {"if-match", @secret},
      {"content-type", type},
      {"connection", "close"},
      {"user-agent", @secret},
      {"referer", "http://localhost/?#{@secret}"}
    ]

    socket = connect(port)
    write(socket, format(method, path <> query, headers: headers, body: body))
    answer = read_head(socket)
    :gen_tcp.close(socket)
    assert answer.status in 200..503, "#{method} #{path}: #{answer.status}"
    1
  end
end
