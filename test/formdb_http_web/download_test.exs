defmodule FormdbHttpWeb.DownloadTest do
  # Answers that come in parts: whole result sets.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.Endpoint

  @count 3_500
  @padding String.duplicate("x", 5_000)

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "down-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    lines = for i <- 1..@count, do: feature(i) <> "\n"
    {:ok, %{inserted: @count}} = FormdbHttp.upload(name, lines, format: {:features, :lines})
    %{db: name, base: "/api/v1/databases/#{name}"}
  end

  defp feature(i) do
    ~s({"type":"Feature","id":"f#{i}","geometry":{"type":"Point","coordinates":[#{rem(i, 180)},1]},) <>
      ~s("properties":{"n":"[#{i}],{\\"","padding":"#{@padding}"}})
  end

  defp download(path, accept), do: get(Endpoint.port(), path, [{"accept", accept}])

  defp decoded(text), do: text |> String.split("\n", trim: true) |> Enum.map(&JSON.decode!/1)

  test "all features, a line each", %{base: base} do
    answer = download(base <> "/features", "application/x-ndjson")

    assert %{status: 200, headers: %{"content-type" => "application/x-ndjson"}, body: body} =
             answer

    features = decoded(body)
    assert Enum.map(features, & &1["id"]) == for(i <- 1..@count, do: "f#{i}")
    assert Enum.at(features, 41)["properties"]["n"] == ~s([42],{")

    %{body: sequence} = download(base <> "/features", "application/geo+json-seq")
    assert String.replace(sequence, "\x1e", "") == body
    assert sequence |> String.split("\x1e") |> length() == @count + 1
  end

  test "those of a question, and at most so many", %{base: base} do
    %{body: body} =
      download(base <> "/features?bbox=10,0,19,2&limit=1500", "application/x-ndjson")

    ids = for i <- 1..@count, rem(i, 180) in 10..19, do: "f#{i}"
    assert Enum.map(decoded(body), & &1["id"]) == ids
    %{body: body} = download(base <> "/features?limit=1500", "application/x-ndjson")
    assert length(decoded(body)) == 1_500
    %{body: body} = download(base <> "/features?bbox=0,50,1,51", "application/x-ndjson")
    assert body == ""
  end

  test "all pages show one state", %{db: db, base: base} do
    socket = connect(Endpoint.port())
    headers = [{"accept", "application/x-ndjson"}, {"connection", "close"}]
    write(socket, format("GET", base <> "/features", headers: headers))
    head = read_head(socket)
    # More than the buffers on the way hold is still to come.
    for i <- 1..50, do: {:ok, _} = FormdbHttp.delete_feature(db, "f#{i * 70}")
    assert length(decoded(read_rest(socket, head).body)) == @count
  end

  test "the journal up to what is durable", %{base: base} do
    %{body: body} = download(base <> "/journal?since=1000", "application/x-ndjson")
    assert Enum.map(decoded(body), & &1["seq"]) == Enum.to_list(1_001..@count)
    %{body: body} = download(base <> "/journal?limit=7&until=5", "application/x-ndjson")
    assert Enum.map(decoded(body), & &1["seq"]) == Enum.to_list(1..5)
    %{body: body} = download(base <> "/journal?since=#{@count}", "application/x-ndjson")
    assert body == ""
    beyond = download(base <> "/journal?since=#{@count + 1}", "application/x-ndjson")
    assert {beyond.status, json(beyond)["pointer"]} == {400, "/since"}
  end

  for version <- ["1.0", "1.1"] do
    test "one that is cut off is not taken for whole, in HTTP/#{version}", %{db: db, base: base} do
      opts = [:binary, active: false, recbuf: 65_536, show_econnreset: true]
      {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, Endpoint.port(), opts)
      head = "HTTP/#{unquote(version)}\r\nhost: localhost\r\naccept: application/x-ndjson\r\n\r\n"
      write(socket, ["GET ", base, "/features ", head])
      {:ok, begun} = :gen_tcp.recv(socket, 100_000, 5_000)

      log =
        ExUnit.CaptureLog.capture_log(fn ->
          :ok = FormdbHttp.purge(db)
          {:ok, _} = FormdbHttp.open(db)
          send(self(), read_on(socket, begun))
        end)

      assert log =~ "an answer was cut off: "
      assert_received {body, ended}

      # Closed, or reset.
      if unquote(version) == "1.0",
        do: assert(ended == :econnreset),
        else: refute(String.ends_with?(body, "\r\n0\r\n\r\n"))

      # It is no longer under way.
      {micros, :ok} = :timer.tc(fn -> stop_supervised(Endpoint) end)
      assert micros < 5_000_000
    end
  end

  defp read_on(socket, read) do
    case :gen_tcp.recv(socket, 0, 5_000) do
      {:ok, bytes} -> read_on(socket, read <> bytes)
      {:error, reason} -> {read, reason}
    end
  end

  test "what is wrong with the question has its status", %{base: base} do
    answer = download(base <> "/features?bbox=nonsense", "application/x-ndjson")
    assert %{status: 400, headers: %{"content-type" => "application/problem+json"}} = answer
  end

  test "HEAD has the header alone", %{base: base} do
    for path <- ["/features", "/journal"] do
      headers = [{"accept", "application/x-ndjson"}]
      answer = request(Endpoint.port(), "HEAD", base <> path, headers: headers)
      assert %{status: 200, headers: %{"content-type" => "application/x-ndjson"}} = answer
      assert answer.body == ""
    end
  end
end
