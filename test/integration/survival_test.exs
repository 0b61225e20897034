defmodule FormdbHttp.SurvivalTest do
  @moduledoc """
  What the server promises when it dies: every acknowledged write is there
  afterwards, no transaction is there by half, and nothing that a reader has seen
  is gone.

  Each client writes one operation after the other, and what its n-th operation
  holds follows from its own count alone. So after a crash a client's data has to
  be exactly what its acknowledged operations make, or that and the one operation
  that it had no answer to. Anything else is a lost, torn, repeated or reordered
  write.
  """

  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.JSON
  alias FormdbHttp.ServerProcess

  # Every fourth round kills twice, so these are 50 kills. `make soak` asks for more.
  @kills "FORMDB_KILLS" |> System.get_env("50") |> String.to_integer()
  @rounds div(@kills * 4, 5)
  @clients 6
  @name "survival"
  @database "/api/v1/databases/#{@name}"
  @all "?bbox=-180,-90,180,90&limit=100000"
  @epoch ~U[2026-01-01 00:00:00.000000Z]

  setup do
    data_dir = Path.join(System.tmp_dir!(), "formdb-survival-#{System.pid()}")
    File.rm_rf!(data_dir)
    on_exit(fn -> File.rm_rf!(data_dir) end)
    # The test's own seed, which ExUnit prints.
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    {:ok, data_dir: data_dir}
  end

  @tag timeout: 120_000 + @rounds * 10_000
  test "of #{@rounds} times SIGKILL under concurrent writes", %{data_dir: data_dir} do
    server = start(data_dir)
    port = ServerProcess.await_ready(server)
    assert post(port, "/api/v1/databases", %{name: @name}).status == 201
    clients = for number <- 1..@clients, do: new_client(number)

    {server, clients, figures} =
      Enum.reduce(1..@rounds, {server, clients, %{unanswered: 0, torn: 0}}, fn round, acc ->
        {server, clients, figures} = acc
        port = ServerProcess.await_ready(server)
        running = Enum.map(clients, &Task.async(fn -> write_all(&1, port) end))
        reader = Task.async(fn -> watch(port) end)
        Process.sleep(Enum.random(1..500))
        assert ServerProcess.kill(server) == 128 + 9
        clients = Task.await_many(running)
        seen = Task.await(reader)

        # Now and then it is killed again while it starts and reads its journal.
        if rem(round, 4) == 0 do
          restarted = start(data_dir)
          Process.sleep(Enum.random(1..500))
          assert ServerProcess.kill(restarted) == 128 + 9
        end

        # SIGKILL hardly ever hits the middle of a write, so a torn one is added.
        torn_bytes = if rem(round, 6) == 0, do: tear(data_dir), else: 0

        server = start(data_dir)
        port = ServerProcess.await_ready(server)
        {clients, unanswered} = check(clients, port, "round #{round}")
        check_seen(seen, port)

        cut =
          Regex.run(~r/cut (\d+) bytes off the end of the journal/, ServerProcess.output(server))

        if torn_bytes > 0, do: assert([_, _] = cut, "a torn tail was not reported")
        if cut, do: assert(String.to_integer(List.last(cut)) >= torn_bytes)
        torn = if cut, do: 1, else: 0
        sums = %{unanswered: figures.unanswered + unanswered, torn: figures.torn + torn}
        {server, clients, sums}
      end)

    check_sequences(clients)
    acked = clients |> Enum.map(&length(&1.acked)) |> Enum.sum()
    assert acked > @rounds, "hardly anything was written, so nothing was tested"

    IO.puts(
      "\nsurvival: #{@rounds + div(@rounds, 4)} kills, #{acked} acknowledged writes all there, " <>
        "#{figures.unanswered} unacknowledged ones there too, #{figures.torn} torn tails cut, " <>
        "#{json(get(ServerProcess.await_ready(server), @database))["seq"]} blocks"
    )
  end

  @tag timeout: 120_000
  test "of SIGTERM: what was taken is answered, and the journal ends whole", context do
    server = start(context.data_dir)
    port = ServerProcess.await_ready(server)
    assert post(port, "/api/v1/databases", %{name: @name}).status == 201

    running =
      for number <- 1..@clients, do: Task.async(fn -> write_all(new_client(number), port) end)

    Process.sleep(300)
    assert ServerProcess.stop(server) == 0
    clients = Task.await_many(running)
    assert Enum.all?(clients, &(&1.acked != []))
    assert ServerProcess.output(server) =~ "closed database #{@name}"

    server = start(context.data_dir)
    port = ServerProcess.await_ready(server)
    assert {^clients, 0} = check(clients, port, "after SIGTERM")
    check_sequences(clients)
    assert ServerProcess.output(server) =~ "opened database #{@name}"
    refute ServerProcess.output(server) =~ "off the end of the journal"

    # And once more, with nothing written in between: the very same journal.
    before = root(port)
    assert ServerProcess.stop(server) == 0
    assert root(ServerProcess.await_ready(start(context.data_dir))) == before
  end

  # Adds what a power failure may leave of a group that was being written: bytes
  # behind all that was acknowledged, which make no group. Returns how many.
  defp tear(data_dir) do
    segment =
      Path.join([data_dir, @name, "journal", "*.journal"]) |> Path.wildcard() |> Enum.max()

    torn = :rand.bytes(:rand.uniform(2_000))
    File.write!(segment, torn, [:append])
    byte_size(torn)
  end

  defp root(port), do: Map.take(json(get(port, @database)), ["seq", "root", "journal_bytes"])

  # Supervised, so that it is stopped and its process killed however the test ends.
  defp start(data_dir) do
    start_supervised!(
      Supervisor.child_spec({ServerProcess, data_dir}, id: System.unique_integer())
    )
  end

  ## Clients

  # What a client knows to be written: how many operations and points, its features
  # by id, how many blocks these are, and the sequences it was answered with.
  defp new_client(number) do
    %{number: number, operations: 0, points: 0, features: %{}, blocks: 0, acked: []}
  end

  # The operation after those: what is sent, and what the client is with it.
  defp next(%{operations: n} = client) do
    written = %{client | operations: n + 1}

    case rem(n, 5) do
      0 ->
        put_feature(written, feature(client, "#{client.number}-#{n}", 0))

      # One id for all: a new version each time.
      1 ->
        put_feature(written, feature(client, "#{client.number}", 0))

      2 ->
        features = for i <- 0..rem(n, 8), do: feature(client, "#{client.number}-#{n}-#{i}", i)

        body = %{"type" => "FeatureCollection", "features" => features}
        {"/features", body, put(written, features)}

      3 ->
        point = Map.put(point(client.points), "series_id", series(client))
        {"/timeseries", point, add_points(written, 1)}

      4 ->
        count = 2 + rem(n, 9)
        points = for k <- client.points..(client.points + count - 1), do: point(k)

        columns = %{
          "series_id" => series(client),
          "timestamps" => Enum.map(points, & &1["timestamp"]),
          "values" => Enum.map(points, & &1["value"])
        }

        {"/timeseries", columns, add_points(written, count)}
    end
  end

  defp put_feature(client, feature), do: {"/features", feature, put(client, [feature])}

  defp put(client, features) do
    by_id = Map.new(features, &{&1["id"], &1})

    %{
      client
      | features: Map.merge(client.features, by_id),
        blocks: client.blocks + length(features)
    }
  end

  defp add_points(client, count) do
    %{client | points: client.points + count, blocks: client.blocks + 1}
  end

  defp feature(%{number: number, operations: n}, id, i) do
    %{
      "type" => "Feature",
      "id" => id,
      "geometry" => %{"type" => "Point", "coordinates" => [number, rem(n, 180) / 2]},
      "properties" => %{"client" => number, "operation" => n, "part" => i}
    }
  end

  defp series(client), do: "client/#{client.number}"

  defp point(k) do
    timestamp = @epoch |> DateTime.add(k, :second) |> DateTime.to_iso8601()
    %{"timestamp" => timestamp, "value" => k / 4}
  end

  # Writes until the server is gone; the client as far as it was acknowledged.
  defp write_all(client, port) do
    case attempt(fn -> connect(port) end) do
      {:ok, socket} -> write_on(socket, client)
      :lost -> client
    end
  end

  defp write_on(socket, client) do
    {path, body, written} = next(client)
    headers = [{"content-type", "application/json"}]
    request = format("POST", @database <> path, headers: headers, body: JSON.text(body))

    case attempt(fn -> exchange(socket, request, "POST") end) do
      {:ok, %{status: 201} = response} ->
        written = %{written | acked: [sequences(json(response)) | client.acked]}

        # A stopping server says so.
        if response.headers["connection"] == "close",
          do: written,
          else: write_on(socket, written)

      {:ok, response} ->
        raise "a write was refused: #{inspect(response)}"

      :lost ->
        client
    end
  end

  defp sequences(%{"first_seq" => first, "last_seq" => last}), do: first..last
  defp sequences(%{"seq" => seq}), do: seq..seq

  defp exchange(socket, request, method) do
    write(socket, request)
    read(socket, method)
  end

  # The client of the tests raises at a connection that ends, as it does here.
  defp attempt(call) do
    {:ok, call.()}
  rescue
    # Before a line of the answer, or in the middle of its headers.
    _ended in [MatchError, CaseClauseError] -> :lost
  end

  # A reader, for as long as the server lives: the greatest sequence that it was
  # shown and the last point of each series.
  defp watch(port) do
    case attempt(fn -> connect(port) end) do
      {:ok, socket} -> watch_on(socket, %{})
      :lost -> %{}
    end
  end

  defp watch_on(socket, seen) do
    paths = [@database | for(n <- 1..@clients, do: latest_path(%{number: n}))]

    Enum.reduce_while(paths, {:ok, seen}, fn path, {:ok, seen} ->
      case attempt(fn -> exchange(socket, format("GET", path), "GET") end) do
        {:ok, %{status: 200} = response} -> {:cont, {:ok, Map.put(seen, path, json(response))}}
        {:ok, %{status: 404}} -> {:cont, {:ok, seen}}
        :lost -> {:halt, {:lost, seen}}
      end
    end)
    |> case do
      {:ok, seen} -> watch_on(socket, seen)
      {:lost, seen} -> seen
    end
  end

  defp latest_path(client), do: series_path(client) <> "/latest"

  defp series_path(client) do
    @database <> "/timeseries/" <> URI.encode_www_form(series(client))
  end

  ## Checks

  # Compares everything in the database with everything the clients know. Returns
  # the clients, with the operations that turned out to be there though they were
  # not answered, and how many those are.
  defp check(clients, port, when?) do
    page = json(get(port, @database <> "/features" <> @all))
    assert page["links"] == []
    found = Enum.group_by(page["features"], & &1["properties"]["client"])

    {clients, unanswered} =
      Enum.map_reduce(clients, 0, fn client, unanswered ->
        features = Map.get(found, client.number, [])
        check_order(features)
        actual = {Map.new(features, &{&1["id"], &1}), points(client, port)}
        {_path, _body, written} = next(client)

        cond do
          actual == expected(client) -> {client, unanswered}
          actual == expected(written) -> {written, unanswered + 1}
          true -> flunk("#{when?}: " <> difference(client, written, actual))
        end
      end)

    check_by_id(clients, port)
    database = json(get(port, @database))
    # Nobody else writes: each block is one that a client knows of.
    assert database["seq"] == clients |> Enum.map(& &1.blocks) |> Enum.sum()
    assert database["seq"] >= greatest(clients)
    {clients, unanswered}
  end

  defp expected(client) do
    {client.features, for(k <- 0..(client.points - 1)//1, do: point(k))}
  end

  defp points(client, port) do
    case get(port, series_path(client) <> "?limit=100000") do
      %{status: 200} = response ->
        page = json(response)
        assert page["links"] == []
        page["data"]

      %{status: 404} ->
        []
    end
  end

  # A page is in the order of the journal, which has to be the order of writing.
  defp check_order(features) do
    places = Enum.map(features, &{&1["properties"]["operation"], &1["properties"]["part"]})
    assert places == Enum.sort(places)
  end

  # The index by id is another one than that by place.
  defp check_by_id(clients, port) do
    socket = connect(port)

    for client <- clients, {id, feature} <- Enum.take_random(client.features, 40) do
      response = exchange(socket, format("GET", "#{@database}/features/#{id}"), "GET")
      assert response.status == 200
      assert json(response) == feature
    end

    :gen_tcp.close(socket)
  end

  defp check_seen(seen, port) do
    for {path, before} <- seen do
      now = json(get(port, path))
      assert now["seq"] >= before["seq"], "a reader saw #{inspect(before)}, now #{inspect(now)}"
    end
  end

  # No two writes were answered with the same sequence.
  defp check_sequences(clients) do
    sequences = for client <- clients, range <- client.acked, seq <- range, do: seq
    assert length(sequences) == MapSet.size(MapSet.new(sequences))

    for client <- clients do
      firsts = client.acked |> Enum.reverse() |> Enum.map(& &1.first)
      assert firsts == Enum.sort(firsts)
    end
  end

  defp greatest(clients) do
    clients |> Enum.flat_map(& &1.acked) |> Enum.map(& &1.last) |> Enum.max(fn -> 0 end)
  end

  defp difference(client, written, {features, points}) do
    missing = Map.keys(client.features) -- Map.keys(features)
    foreign = Map.keys(features) -- Map.keys(written.features)

    changed =
      for {id, feature} <- features,
          feature not in [client.features[id], written.features[id]],
          do: feature

    "client #{client.number}, after #{client.operations} acknowledged operations: " <>
      "missing features #{inspect(missing)}, unexpected ones #{inspect(foreign)}, " <>
      "with other content #{inspect(changed)}; #{length(points)} points where " <>
      "#{client.points} or #{written.points} are expected"
  end
end
