defmodule FormdbHttpWeb.Live.EventStreamTest do
  # Server-sent events, and requests that wait, from a server as clients see them.
  use ExUnit.Case

  import FormdbHttp.Waiting

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, JSON, WorkMemory}
  alias FormdbHttpWeb.Endpoint
  alias FormdbHttpWeb.Live.{EventStream, Open, Reader}

  setup context do
    settings = Map.merge(Config.load!(), Map.get(context, :settings, %{}))
    start_supervised!({Endpoint, settings})
    name = "sse-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    %{port: Endpoint.port(), db: name, path: "/api/v1/databases/#{name}/journal"}
  end

  defp put(db, id, properties \\ %{}) do
    feature = %{"type" => "Feature", "id" => id, "geometry" => nil, "properties" => properties}
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(db, feature)
    seq
  end

  ## Reading a stream as a browser does (HTML Standard, 9.2.6)

  defp open(port, path, headers \\ []) do
    socket = connect(port)
    write(socket, format("GET", path, headers: headers))
    {socket, read_head(socket)}
  end

  # The next event, and what of the stream was read beyond it.
  defp next(socket, text \\ "") do
    case String.split(text, "\n\n", parts: 2) do
      [block, rest] -> {fields(block), rest}
      [_part] -> with text when is_binary(text) <- more(socket, text), do: next(socket, text)
    end
  end

  defp more(socket, text) do
    :ok = :inet.setopts(socket, packet: :line)

    case :gen_tcp.recv(socket, 0, 5_000) do
      {:ok, size} ->
        :ok = :inet.setopts(socket, packet: :raw)
        size = size |> String.trim() |> String.to_integer(16)
        {:ok, chunk} = :gen_tcp.recv(socket, size + 2, 5_000)
        if size == 0, do: :ended, else: text <> binary_part(chunk, 0, size)

      {:error, :closed} ->
        :closed
    end
  end

  defp fields(block) do
    for line <- String.split(block, "\n"), into: %{} do
      [name, value] = line |> String.split(":", parts: 2)
      {name, String.trim(value)}
    end
  end

  # Events of that name, with their data as terms, as many as are asked for.
  defp events(socket, name, count, text \\ "")
  defp events(_socket, _name, 0, text), do: {[], text}

  defp events(socket, name, count, text) do
    case next(socket, text) do
      {%{"event" => ^name} = event, text} ->
        {events, text} = events(socket, name, count - 1, text)
        {[{event["id"], JSON.decode!(event["data"])} | events], text}

      {_other, text} ->
        events(socket, name, count, text)
    end
  end

  test "what is written is sent, after what was there", %{port: port, db: db, path: path} do
    put(db, "a")
    put(db, "b")
    # Packed it would come when there is more of it.
    {socket, head} = open(port, path <> "/stream?since=1", [{"accept-encoding", "gzip, zstd"}])
    assert %{status: 200, headers: %{"content-type" => "text/event-stream"} = fields} = head
    assert %{"cache-control" => "no-store", "x-accel-buffering" => "no"} = fields
    refute Map.has_key?(fields, "content-encoding")

    assert {%{"retry" => "1000"}, ""} = next(socket)
    {[{"2", first}], text} = events(socket, "journal_event", 1)
    assert %{"after" => 1, "seq" => 2, "op" => "put_feature", "body" => %{"id" => "b"}} = first
    {[{"2", %{"seq" => 2}}], text} = events(socket, "live", 1, text)
    put(db, "c", %{"text" => "line\nline\r\ndata: x"})
    {[{"3", second}], _text} = events(socket, "journal_event", 1, text)
    assert %{"after" => 2, "seq" => 3} = second
    assert second["body"]["properties"]["text"] == "line\nline\r\ndata: x"
  end

  @tag settings: %{heartbeat_ms: 20}
  test "an id without an event says how far a filter has looked, and takes nobody past an event",
       context do
    %{port: port, db: db, path: path} = context
    {socket, _} = open(port, path <> "/stream?since=0&ids=wanted")
    for n <- 1..5, do: put(db, "other-#{n}")
    text = await_id(socket, "5", "")
    put(db, "wanted")
    put(db, "other")
    {[{"6", %{"after" => 0}}], text} = events(socket, "journal_event", 1, text)
    await_id(socket, "7", text)
    # From there on nothing is read again.
    {socket, _} = open(port, path <> "/stream?since=0&ids=wanted", [{"last-event-id", "7"}])
    put(db, "wanted")
    assert {[{"8", %{"after" => 7}}], _} = events(socket, "journal_event", 1)
  end

  # Until a block comes that has this id and nothing else, past no event.
  defp await_id(socket, id, text) do
    {block, text} = next(socket, text)
    refute block["event"] == "journal_event"
    if block == %{"id" => id}, do: text, else: await_id(socket, id, text)
  end

  @tag settings: %{heartbeat_ms: 20}
  test "a stream waits for a database that is closed, and begins when it is open", context do
    %{port: port, db: db, path: path} = context
    for id <- ["a", "b"], do: put(db, id)
    :ok = FormdbHttp.close(db)
    {socket, head} = open(port, path <> "/stream?since=1")
    assert %{status: 200, headers: %{"content-type" => "text/event-stream"}} = head

    waiting = %{
      "retry" => "1000",
      "event" => "waiting",
      "data" => ~s({"reason":"database_closed"})
    }

    assert {^waiting, text} = next(socket)
    # It is said that the connection lives.
    assert {%{"" => ""}, text} = next(socket, text)
    {:ok, _} = FormdbHttp.open(db)
    assert {[{"1", %{"seq" => 1}}], text} = events(socket, "begun", 1, text)
    assert {[{"2", %{"after" => 1}}], text} = events(socket, "journal_event", 1, text)

    # It ends with the database, and the same is asked for again.
    :ok = FormdbHttp.close(db)
    assert {[{nil, %{"reason" => "database_closed"}}], _} = events(socket, "closed", 1, text)
    {socket, %{status: 200}} = open(port, path <> "/stream?since=1", [{"last-event-id", "2"}])
    {:ok, _} = FormdbHttp.open(db)
    put(db, "c")
    assert {[{"3", %{"after" => 2}}], _} = events(socket, "journal_event", 1)
  end

  @tag settings: %{longest_wait_ms: 1_000}
  test "a stream that waits ends in time, with the database, and with the server", context do
    %{port: port, db: db, path: path} = context
    :ok = FormdbHttp.close(db)
    {socket, %{status: 200}} = open(port, path <> "/stream")
    assert {%{"retry" => _}, text} = next(socket)
    assert next(socket, text) == :ended

    {socket, %{status: 200}} = open(port, path <> "/stream")
    :ok = FormdbHttp.purge(db)
    assert {[{nil, %{"reason" => "database_not_found"}}], _} = events(socket, "closed", 1)
    # One that is gone, or never was, is not waited for.
    for name <- [db, "never"], path = "/api/v1/databases/#{name}/journal/stream" do
      assert %{status: 404} = get(port, path)
    end

    {:ok, _} = FormdbHttp.open(db)
    :ok = FormdbHttp.close(db)
    # What is asked for wrongly is refused when it can be told.
    {socket, %{status: 200}} = open(port, path <> "/stream?since=0&log=abc")
    {:ok, _} = FormdbHttp.open(db)
    assert {[{nil, %{"reason" => "log_diverged"}}], _} = events(socket, "closed", 1)
    :ok = FormdbHttp.close(db)
    {socket, %{status: 200}} = open(port, path <> "/stream")
    wait_until(fn -> Open.count(:stream) == 1 end)
    Open.tell(:drain)
    assert {[{nil, %{"reason" => "server_stops"}}], _} = events(socket, "closed", 1)
  end

  test "one who has kept a head gets the proof that the journal begins with it", context do
    %{port: port, db: db, path: path} = context
    for id <- ["a", "b"], do: put(db, id)
    {:ok, %{root: root}} = FormdbHttp.tree_head(db, 2)
    put(db, "c")
    head = "tree_size=2&root=#{root}"
    # With what it had as the last event, too.
    for {query, headers, seq} <- [
          {"?", [], "2"},
          {"?since=1&", [], "1"},
          {"?", [{"last-event-id", "3"}], "3"}
        ] do
      {socket, %{status: 200}} = open(port, path <> "/stream" <> query <> head, headers)
      assert {%{"id" => ^seq}, text} = next(socket)
      assert {[{nil, proof}], _} = events(socket, "consistency", 1, text)
      assert %{"first" => 2, "second" => 3, "first_root" => ^root} = proof
      assert FormdbHttp.TransparencyVerifier.consistency?(proof)
    end

    wrong = get(port, path <> "/stream?tree_size=1&root=#{root}")
    assert {wrong.status, json(wrong)["code"]} == {409, "log_diverged"}

    for {query, pointer} <- [{"tree_size=2", "/tree_size"}, {"root=#{root}", "/root"}] do
      answer = get(port, path <> "/stream?" <> query)
      assert {answer.status, json(answer)["pointer"]} == {400, pointer}
    end
  end

  test "one who comes again goes on behind the last event that it had", context do
    %{port: port, db: db, path: path} = context
    for id <- ["a", "b", "c"], do: put(db, id)
    # What the query says is what the client began with.
    {socket, _} = open(port, path <> "/stream?since=0", [{"last-event-id", "2"}])
    {[{"3", %{"after" => 2}}], _} = events(socket, "journal_event", 1)

    # It comes again to the same history, or is told that it is another.
    %{"log" => log} = json(get(port, String.replace_suffix(path, "/journal", "")))
    {socket, _} = open(port, path <> "/stream?since=0&log=#{log}", [{"last-event-id", "2"}])
    {[{"3", %{"after" => 2}}], _} = events(socket, "journal_event", 1)
    answer = get(port, path <> "/stream?since=0&log=abc", [{"last-event-id", "2"}])
    assert {answer.status, json(answer)["code"]} == {409, "log_diverged"}

    # Without an event yet it knows where it began.
    {socket, _} = open(port, path <> "/stream", [])
    assert {%{"retry" => "1000", "id" => "3"}, ""} = next(socket)

    for {query, code, pointer} <- [
          {"since=x", "invalid_timestamp", "/since"},
          {"since=9", "invalid_parameter", "/since"},
          {"log=abc", "invalid_parameter", "/since"},
          {"since=1&log=abc", "log_diverged", "/since"},
          {"bbox=1", "invalid_bbox", "/bbox"},
          {"limit=1", "unknown_parameter", "/limit"}
        ] do
      answer = get(port, path <> "/stream?" <> query)
      assert {query, json(answer)["code"], json(answer)["pointer"]} == {query, code, pointer}
    end

    assert get(port, path <> "/stream", [{"last-event-id", "x"}]).status == 400
    assert get(port, "/api/v1/databases/nowhere/journal/stream").status == 404
    assert %{status: 200, body: ""} = request(port, "HEAD", path <> "/stream")
  end

  test "events come page by page to requests that wait", %{port: port, db: db, path: path} do
    point = fn x -> %{"type" => "Point", "coordinates" => [x, 1]} end

    move = fn id, x ->
      feature = %{"type" => "Feature", "id" => id, "geometry" => point.(x), "properties" => %{}}
      {:ok, %{seq: seq}} = FormdbHttp.put_feature(db, feature)
      seq
    end

    ask = fn query ->
      %{status: 200} =
        response = get(port, path <> "/events?fence=enter,exit&bbox=0,0,2,2&" <> query)

      page = json(response)

      {for(entry <- page["entries"], do: {entry["after"], entry["seq"], entry["fence"]}),
       page["next"]}
    end

    for x <- [1, 5, 1], do: move.("a", x)
    for n <- 1..300, do: move.("b", 50 + rem(n, 2))
    all = [{0, 1, ["enter"]}, {1, 2, ["exit"]}, {2, 3, ["enter"]}]
    assert ask.("since=0") == {all, 303}
    # Up to there all is decided: more than the last entry, or as far as the limit let it.
    assert {[{0, 1, ["enter"]}], 1} = ask.("since=0&limit=1")
    assert {[{1, 2, ["exit"]}, {2, 3, ["enter"]}], 303} = ask.("since=1")
    assert {[], 303} = ask.("since=303")
    assert {[], 303} = ask.("since=303&wait=1")

    waits = Task.async(fn -> ask.("since=303&wait=30") end)
    wait_until(fn -> FormdbHttp.Live.count(db) == {:ok, 1} end)
    304 = move.("b", 51)
    305 = move.("a", 5)
    assert {[{303, 305, ["exit"]}], 305} = Task.await(waits)
    wait_until(fn -> FormdbHttp.Live.count(db) == {:ok, 0} end)

    for {query, pointer} <- [
          {"fence=enter", "/fence"},
          {"limit=0", "/limit"},
          {"wait=1000", "/wait"},
          {"since=1000", "/since"},
          {"dwell=soon&bbox=0,0,1,1", "/dwell"}
        ] do
      response = get(port, path <> "/events?" <> query)
      assert {400, ^pointer} = {response.status, json(response)["pointer"]}
    end

    # Who stayed is told with the block that was committed when it was due, and no sooner.
    306 = move.("c", 1)
    Process.sleep(300)

    stayed = fn query ->
      page = json(get(port, path <> "/events?dwell=0.2&bbox=0,0,2,2&" <> query))
      {for(dwell <- page["dwells"], do: {dwell["feature_id"], dwell["entered"]}), page["next"]}
    end

    assert stayed.("since=305&wait=1") == {[], 306}
    307 = move.("b", 50)
    assert stayed.("since=306") == {[{"c", 306}], 307}
    assert stayed.("since=305") == {[{"c", 306}], 307}
    assert stayed.("since=307&wait=1") == {[], 307}

    {:ok, %{log: log}} = FormdbHttp.database(db)
    assert {[_, _, _, _, _], 307} = ask.("since=0&log=" <> log)
    assert get(port, path <> "/events?since=0&log=abc").status == 409
  end

  test "who stays inside a fence is an event without an id", %{port: port, db: db, path: path} do
    point = %{"type" => "Point", "coordinates" => [1, 1]}
    feature = %{"type" => "Feature", "id" => "a", "geometry" => point, "properties" => %{}}
    {socket, %{status: 200}} = open(port, path <> "/stream?fence=enter&dwell=0.2&bbox=0,0,2,2")
    {:ok, %{seq: 1}} = FormdbHttp.put_feature(db, feature)
    assert {[{"1", %{"fence" => ["enter"]}}], text} = events(socket, "journal_event", 1)

    assert {[{nil, %{"feature_id" => "a", "entered" => 1}}], _} =
             events(socket, "dwell_event", 1, text)
  end

  test "filters are those of the query string", %{port: port, db: db, path: path} do
    for n <- 1..9, do: put(db, "f#{n}", %{"mag" => n})
    {:ok, _} = FormdbHttp.put_columns(db, "tokyo/temp", [1], [1.0])

    for {query, ids} <- [
          {"prop.mag=gte:4&prop.mag=lt:6", ["f4", "f5"]},
          {"ids=f3,f7", ["f3", "f7"]},
          {"ids=f3&type=put_feature", ["f3"]}
        ] do
      {socket, _} = open(port, path <> "/stream?since=0&" <> query)
      {events, _} = events(socket, "journal_event", length(ids))
      assert {query, for({_, %{"body" => %{"id" => id}}} <- events, do: id)} == {query, ids}
      :gen_tcp.close(socket)
    end

    {socket, _} = open(port, path <> "/stream?since=0&series_id=tokyo/*")
    {[{"10", %{"op" => "put_points", "after" => 0}}], _} = events(socket, "journal_event", 1)
  end

  @tag settings: %{heartbeat_ms: 100}
  test "it says that it is there while there is no news", %{port: port, path: path} do
    {socket, _} = open(port, path <> "/stream")
    {_retry, text} = next(socket)
    started = System.monotonic_time(:millisecond)

    Enum.reduce(1..5, text, fn _, text ->
      {fields, text} = next(socket, text)
      assert fields == %{"" => ""}
      text
    end)

    assert (System.monotonic_time(:millisecond) - started) in 400..3_000
  end

  test "a database that is closed or purged ends it", %{port: port, db: db, path: path} do
    {socket, _} = open(port, path <> "/stream")
    :ok = FormdbHttp.close(db)
    {[{nil, %{"reason" => "database_closed"}}], text} = events(socket, "closed", 1)
    assert next(socket, text) == :ended
    {:ok, _} = FormdbHttp.open(db)
    # The connection serves what is asked next.
    write(socket, format("GET", path <> "/stream"))
    assert %{status: 200} = read_head(socket)
    FormdbHttp.purge(db)
    {[{nil, %{"reason" => "database_purged"}}], _} = events(socket, "closed", 1)
  end

  test "the server ends it when it stops, as it does what waits", context do
    %{port: port, db: db, path: path} = context
    streams = for _ <- 1..5, do: elem(open(port, path <> "/stream"), 0)
    waiting = connect(port)
    write(waiting, format("GET", path <> "?since=0&wait=30"))
    wait_until(fn -> Open.count(:stream) == 5 and Open.count(:wait) == 1 end)
    assert get(port, "/metrics").body =~ ~r/^formdb_http_streams 5\nfo|^formdb_http_streams 5$/m
    started = System.monotonic_time(:millisecond)
    :ok = stop_supervised(Endpoint)
    assert System.monotonic_time(:millisecond) - started < 4_000
    for socket <- streams, do: assert(until_end(socket) == :ended)
    assert %{status: 200} = answer = read(waiting)
    assert json(answer) == %{"entries" => [], "next" => nil}
    assert {:ok, _} = FormdbHttp.database(db)
  end

  defp until_end(socket, text \\ "") do
    case next(socket, text) do
      {_event, text} -> until_end(socket, text)
      ended -> ended
    end
  end

  test "a client that goes is forgotten", %{port: port, path: path} do
    {before, _} = WorkMemory.figures()
    {socket, _} = open(port, path <> "/stream")
    {waiting, _} = {connect(port), nil}
    write(waiting, format("GET", path <> "?since=0&wait=30"))
    wait_until(fn -> Open.count(:stream) == 1 and Open.count(:wait) == 1 end)
    for socket <- [socket, waiting], do: :inet.setopts(socket, linger: {true, 0})
    for socket <- [socket, waiting], do: :gen_tcp.close(socket)
    wait_until(fn -> Open.count(:stream) == 0 and Open.count(:wait) == 0 end, 10_000)
    wait_until(fn -> Endpoint.connections() == 0 end)
    # What a subscription holds is given back by the thread that feeds it.
    wait_until(fn -> elem(WorkMemory.figures(), 0) <= before end)
  end

  describe "one that does not read" do
    @count 2_000

    defp write_much(db) do
      padding = String.duplicate("x", 10_000)

      for from <- 1..@count//100 do
        features =
          for i <- from..(from + 99),
              do: %{
                "type" => "Feature",
                "id" => "f#{i}",
                "geometry" => nil,
                "properties" => %{"p" => padding}
              }

        {:ok, _} =
          FormdbHttp.put_features(db, %{"type" => "FeatureCollection", "features" => features})
      end
    end

    test "is sent for when it reads", %{port: port, db: db, path: path} do
      {socket, _} = open(port, path <> "/stream")
      wait_until(fn -> Open.count(:stream) == 1 end)
      write_much(db)
      Process.sleep(300)
      {events, _} = events(socket, "journal_event", @count)
      assert for({_, %{"seq" => seq}} <- events, do: seq) == Enum.to_list(1..@count)
    end

    @tag settings: %{send_timeout_ms: 300}
    test "is cut off in the end", %{port: port, db: db, path: path} do
      {_socket, _} = open(port, path <> "/stream")
      wait_until(fn -> Open.count(:stream) == 1 end)
      write_much(db)
      wait_until(fn -> Open.count(:stream) == 0 and Endpoint.connections() == 0 end, 10_000)
    end
  end

  test "a token ends it when it expires", %{db: db} do
    {:ok, sub} = FormdbHttp.subscribe(db)
    ended = [~s(event: closed\ndata: {"reason":"token_expired"}\n\n)]
    assert parts(sub, System.system_time(:second) + 1) == ended

    # Also where there is always news.
    put(db, "a")
    {:ok, sub} = FormdbHttp.subscribe(db, since: 0)
    wait_until(fn -> FormdbHttp.subscription_info(sub).delivered == 1 end)
    assert parts(sub, System.system_time(:second)) == ended
  end

  # After the first, which says when to come again.
  defp parts(sub, expires_at) do
    reader = %Reader{
      asker: self(),
      expires_at: expires_at,
      may_read: fn _db -> :ok end,
      refused: fn _db -> :ok end,
      again: nil
    }

    reader = %{reader | again: fn -> {:ok, reader} end}
    opts = %{heartbeat_ms: 60_000, reader: reader}
    [_retry | parts] = sub |> EventStream.parts(opts) |> Enum.to_list()
    for part <- parts, do: IO.iodata_to_binary(part)
  end

  describe "a request that waits" do
    defp ask(port, path) do
      socket = connect(port)
      write(socket, format("GET", path, headers: [{"connection", "close"}]))
      socket
    end

    defp answered(socket), do: socket |> read() |> json()

    test "is answered as soon as there is something", %{port: port, db: db, path: path} do
      put(db, "a")
      # There is something already.
      assert %{"entries" => [%{"seq" => 1}], "next" => nil} = json(get(port, path <> "?wait=30"))
      socket = ask(port, path <> "?wait=30&since=1&bodies=false")
      wait_until(fn -> Open.count(:wait) == 1 end)
      started = System.monotonic_time(:millisecond)
      put(db, "b")

      assert %{"entries" => [%{"seq" => 2, "feature_id" => "b"}], "next" => nil} =
               answered(socket)

      assert System.monotonic_time(:millisecond) - started < 3_000
      wait_until(fn -> Open.count(:wait) == 0 end)
    end

    test "is answered with nothing when its time is over", %{port: port, path: path} do
      started = System.monotonic_time(:millisecond)
      assert json(get(port, path <> "?wait=1")) == %{"entries" => [], "next" => nil}
      assert (System.monotonic_time(:millisecond) - started) in 1_000..4_000
    end

    test "waits for what its filters mean", %{port: port, db: db, path: path} do
      put(db, "a")
      by_id = ask(port, path <> "?wait=30&feature_id=b")
      by_source = ask(port, path <> "?wait=30&since=1&provenance.source=import")
      series = ask(port, path <> "?wait=30&series_id=s*")
      wait_until(fn -> Open.count(:wait) == 3 end)
      put(db, "a")
      put(db, "b")
      assert %{"entries" => [%{"seq" => 3}]} = answered(by_id)
      assert Open.count(:wait) == 2

      feature = %{
        "type" => "Feature",
        "id" => "c",
        "geometry" => nil,
        "properties" => %{},
        "provenance" => %{"source" => "import"}
      }

      {:ok, %{seq: 4}} = FormdbHttp.put_feature(db, feature)
      assert %{"entries" => [%{"seq" => 4}]} = answered(by_source)
      {:ok, _} = FormdbHttp.put_columns(db, "s1", [1], [1.0])
      assert %{"entries" => [%{"seq" => 5, "op" => "put_points"}]} = answered(series)
    end

    test "is told that the journal is another than the one it knows", context do
      %{port: port, db: db, path: path} = context
      for id <- ["a", "b"], do: put(db, id)
      {:ok, %{log: log}} = FormdbHttp.database(db)
      right = get(port, path <> "?wait=1&since=1&log=#{log}")
      assert %{"entries" => [%{"seq" => 2}]} = json(right)

      for query <- ["wait=1&since=1&log=abc", "since=1&log=abc", "wait=1&log=abc"] do
        answer = get(port, path <> "?" <> query)

        assert {answer.status, json(answer)["code"], json(answer)["pointer"]} ==
                 {409, "log_diverged", "/log"}
      end

      # What it waits for may never come after that.
      beyond = get(port, path <> "?wait=1&since=3")
      assert {beyond.status, json(beyond)["pointer"]} == {400, "/since"}
      assert json(beyond)["detail"] =~ "reached block 2"
      assert json(get(port, path <> "?wait=1&since=2")) == %{"entries" => [], "next" => nil}
    end

    test "is told what it cannot wait for", %{port: port, db: db, path: path} do
      for query <- ["wait=61", "wait=1&order=desc", "wait=1&until=5", "wait=x", "wait=-1"] do
        answer = get(port, path <> "?" <> query)
        assert {query, answer.status, json(answer)["pointer"]} == {query, 400, "/wait"}
      end

      # A stream of lines has an end.
      lines = get(port, path <> "?wait=1", [{"accept", "application/x-ndjson"}])
      assert {lines.status, json(lines)["pointer"]} == {400, "/wait"}

      socket = ask(port, path <> "?wait=30")
      wait_until(fn -> Open.count(:wait) == 1 end)
      :ok = FormdbHttp.close(db)
      # Who asks for it is told so, too.
      assert %{"code" => "database_not_found"} = answered(socket)
      {:ok, _} = FormdbHttp.open(db)
    end
  end
end
