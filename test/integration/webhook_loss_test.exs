defmodule FormdbHttp.WebhookLossTest do
  @moduledoc """
  Nothing is lost or out of order on the way from the journal to receivers of webhooks, and
  nothing comes twice that was confirmed, whichever of the two is killed at whatever point of a
  delivery. What receivers wrote down is held against brute force over the journal.

  Short, unless `FORMDB_WEBHOOK_TEST_EVENTS` says how many events are to be delivered and
  `FORMDB_WEBHOOK_TEST_KILLS` how often the server is killed at least (`make webhooks`).
  """

  use ExUnit.Case

  import FormdbHttp.Waiting

  alias FormdbHttp.{HTTPClient, JSON, ServerProcess, WebhookReceiver}

  @events "FORMDB_WEBHOOK_TEST_EVENTS" |> System.get_env("3000") |> String.to_integer()
  @kills "FORMDB_WEBHOOK_TEST_KILLS" |> System.get_env("5") |> String.to_integer()

  @db "/api/v1/databases/world"
  # Where the server is killed: before what came is written down, after that, within the answer,
  # after it, and a moment later, when it writes down that this was confirmed.
  @points [:came, :written, :answering, :answered, :confirming]

  @box "0,0,5,10"
  @filters %{
    "all" => %{},
    "box" => %{"bbox" => @box},
    "mag" => %{"prop.mag" => "gte:5"},
    "series" => %{"series_id" => "s*"},
    "deleted" => %{"type" => "delete_feature"},
    "entered" => %{"fence" => "enter", "bbox" => @box}
  }

  @settings [
    {"FORMDB_WEBHOOK_PRIVATE", "true"},
    {"FORMDB_WEBHOOK_RETRY_MS", "10"},
    {"FORMDB_WEBHOOK_RETRY_LONGEST_MS", "100"},
    {"FORMDB_WEBHOOK_ATTEMPT_MS", "1000"},
    {"FORMDB_WEBHOOK_BATCH_EVENTS", "20"},
    {"FORMDB_SCRUB_BYTES_PER_SECOND", "0"}
  ]

  setup do
    folder = Path.join(System.tmp_dir!(), "formdb-webhooks-#{System.pid()}")
    File.rm_rf!(folder)
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    world = start_supervised!({Agent, fn -> %{server: nil, port: nil, order: nil, kills: 0} end})
    notes = start_supervised!(Supervisor.child_spec({Agent, fn -> [] end}, id: :notes))
    {:ok, folder: folder, world: world, notes: notes}
  end

  @tag timeout: :infinity
  test "each receiver is told what brute force finds in the journal", context do
    %{folder: folder, world: world, notes: notes} = context
    answer = &answer(&1, &2, world, notes)

    receiver =
      start_supervised!({WebhookReceiver, fn request, to, _n -> answer.(request, to) end})

    serve(folder, world)
    port = Agent.get(world, & &1.port)
    %{status: 201} = HTTPClient.post(port, "/api/v1/databases", %{name: "world"})

    for {id, filter} <- @filters do
      address = WebhookReceiver.address(receiver, "/" <> id)
      asked = %{id: id, address: address, filter: filter, since: 0}
      %{status: 201} = HTTPClient.post(port, @db <> "/webhooks", asked)
    end

    writers = for n <- 1..2, do: Task.async(fn -> write(world, n) end)
    kill_and_serve(folder, world, notes)
    Agent.update(world, &Map.put(&1, :over, true))
    Task.await_many(writers, :infinity)

    port = Agent.get(world, & &1.port)
    wait_until(fn -> Enum.all?(webhooks(port), &(&1["lag"] == 0)) end, 120_000)
    assert Enum.all?(webhooks(port), &(&1["dead_letters"] == 0))
    journal = journal(port, 0)
    notes = notes |> Agent.get(& &1) |> Enum.reverse()

    checked =
      for {id, _filter} <- @filters do
        wanted = wanted(id, journal)
        came = for {^id, events} <- notes, do: events
        check(id, came, wanted)
        assert length(wanted) > 5, "#{id}: nothing to tell"
        {length(wanted), came |> List.flatten() |> length()}
      end

    {events, came} = Enum.unzip(checked)
    %{kills: kills} = Agent.get(world, & &1)

    IO.puts(
      "\nwebhooks: #{kills} kills of the server, #{Enum.sum(events)} events of #{length(journal)} blocks " <>
        "in order, #{Enum.sum(came) - Enum.sum(events)} of them again"
    )

    assert Enum.sum(events) >= @events

    # What is missing, in another order, or comes again after it was confirmed is noticed.
    came = for {"all", events} <- notes, do: events
    all = wanted("all", journal)
    [first, second | rest] = Enum.dedup_by(came, &hd(&1)["seq"])

    for altered <- [
          [second | rest],
          [second, first | rest],
          [first, second] ++ rest ++ [first],
          [first | rest]
        ] do
      assert_raise ExUnit.AssertionError, fn -> check("all", altered, all) end
    end
  end

  ## The server, and its deaths

  defp serve(folder, world) do
    server =
      start_supervised!({ServerProcess, {Path.join(folder, "data"), @settings}}, id: make_ref())

    port = ready(server)
    Agent.update(world, &Map.merge(&1, %{server: server, port: port}))
  end

  defp ready(server) do
    ServerProcess.await_ready(server)
  catch
    :exit, reason -> flunk("#{inspect(reason)}: #{ServerProcess.output(server)}")
  end

  defp kill_and_serve(folder, world, notes) do
    kills = Agent.get(world, & &1.kills)
    Process.sleep(300 + :rand.uniform(700))
    point = Enum.at(@points, rem(kills, length(@points)))
    Agent.update(world, &%{&1 | order: point})
    wait_until(fn -> Agent.get(world, & &1.kills) > kills end, 60_000)
    serve(folder, world)

    count =
      Agent.get(notes, fn notes -> Enum.sum(for {_id, events} <- notes, do: length(events)) end)

    # Some of those come again.
    if kills + 1 < @kills or count < @events * 11 / 10, do: kill_and_serve(folder, world, notes)
  end

  # Once: whoever asks first.
  defp ordered?(world, point) do
    Agent.get_and_update(world, fn
      %{order: ^point} = state -> {state.server, %{state | order: nil}}
      state -> {nil, state}
    end)
  end

  defp point(world, point) do
    if server = ordered?(world, point) do
      if point == :confirming, do: Process.sleep(:rand.uniform(3))
      ServerProcess.kill(server)
      Agent.update(world, &%{&1 | kills: &1.kills + 1})
    end
  end

  ## The receiver, and its faults

  defp answer(%{path: "/" <> id, body: body}, {module, socket}, world, notes) do
    point(world, :came)

    fault =
      if :rand.uniform(10) == 1,
        do: Enum.random([:deaf, :busy, :lost, :half, :lost, :half, :deaf, :busy, :slow])

    case fault do
      # It died before it had written it down.
      :deaf ->
        :closed

      :busy ->
        503

      _written ->
        note(notes, id, JSON.decode!(body))
        point(world, :written)
        whole = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

        case fault do
          :lost ->
            :closed

          :half ->
            "HTTP/1.1 200 O"

          :slow ->
            Process.sleep(1_200)
            whole

          nil ->
            module.send(socket, binary_part(whole, 0, 9))
            point(world, :answering)
            module.send(socket, binary_part(whole, 9, byte_size(whole) - 9))
            point(world, :answered)
            point(world, :confirming)
            :answered
        end
    end
  end

  defp note(notes, id, %{"type" => "journal_events", "webhook_id" => id, "events" => events}),
    do: Agent.update(notes, &[{id, events} | &1])

  ## What happens

  defp write(world, n, round \\ 0) do
    unless Agent.get(world, &Map.has_key?(&1, :over)) do
      send_one(Agent.get(world, & &1.port), n, round)
      write(world, n, round + 1)
    end
  end

  # While there is no server nothing is written.
  defp send_one(port, n, round) do
    {path, body} = what(n, round)
    headers = [{"content-type", "application/json"}, {"connection", "close"}]
    method = if body, do: "POST", else: "DELETE"

    with {:ok, socket} <- :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false], 1_000) do
      body = body && JSON.text(body)
      :gen_tcp.send(socket, HTTPClient.format(method, path, headers: headers, body: body))
      :gen_tcp.recv(socket, 0, 5_000)
      :gen_tcp.close(socket)
    end

    Process.sleep(if(@kills > 10, do: 1, else: 30))
  end

  defp what(_n, round) when rem(round, 5) == 4,
    do: {@db <> "/features/f#{:rand.uniform(40)}", nil}

  defp what(n, round) when rem(round, 5) == 2,
    do: {@db <> "/timeseries", %{series_id: "s#{n}", timestamp: round, value: 1.5}}

  defp what(_n, _round) do
    features =
      for id <- Enum.take_random(1..40, 12) do
        place = %{type: "Point", coordinates: [:rand.uniform() * 10, 5]}
        %{type: "Feature", id: "f#{id}", geometry: place, properties: %{mag: :rand.uniform(9)}}
      end

    {@db <> "/features", %{type: "FeatureCollection", features: features}}
  end

  ## Brute force

  defp webhooks(port), do: HTTPClient.json(HTTPClient.get(port, @db <> "/webhooks"))["webhooks"]

  defp journal(port, since) do
    page = HTTPClient.json(HTTPClient.get(port, @db <> "/journal?limit=5000&since=#{since}"))
    page["entries"] ++ if(page["next"], do: journal(port, page["next"]), else: [])
  end

  # Those entries that the receiver of that name is to be told of.
  defp wanted(id, journal) do
    {wanted, _features} =
      Enum.flat_map_reduce(journal, %{}, fn entry, features ->
        {about, now} = change(entry)
        before = features[about]
        features = if about, do: Map.put(features, about, now), else: features
        {if(takes?(id, entry["op"], before, now), do: [entry], else: []), features}
      end)

    wanted
  end

  defp change(%{"op" => "put_feature", "body" => body}),
    do: {body["id"], {hd(body["geometry"]["coordinates"]), body["properties"]["mag"]}}

  defp change(%{"op" => "delete_feature", "body" => %{"id" => id}}), do: {id, nil}
  defp change(_other), do: {nil, nil}

  defp takes?("all", _op, _before, _now), do: true
  defp takes?("box", _op, before, now), do: inside?(before) or inside?(now)
  defp takes?("mag", _op, before, now), do: strong?(before) or strong?(now)
  defp takes?("series", op, _before, _now), do: op == "put_points"
  defp takes?("deleted", op, _before, _now), do: op == "delete_feature"
  defp takes?("entered", _op, before, now), do: inside?(now) and not inside?(before)

  defp inside?(nil), do: false
  defp inside?({x, _mag}), do: x <= 5
  defp strong?(nil), do: false
  defp strong?({_x, mag}), do: mag >= 5

  # Deliveries in the order in which they were written down. Each has the next ones that are
  # wanted, or begins with some that came before; but none of those before which the delivery
  # stood after which the server went on: that one was confirmed.
  defp check(id, deliveries, wanted) do
    wanted = Enum.map([%{"seq" => 0} | wanted], &{&1["seq"], &1})
    entries = Map.new(wanted)

    next =
      wanted
      |> Enum.map(&elem(&1, 0))
      |> Enum.chunk_every(2, 1, :discard)
      |> Map.new(&List.to_tuple/1)

    {last, _floor} =
      Enum.reduce(deliveries, {0, 0}, fn events, {last, floor} ->
        %{"after" => first} = hd(events)
        assert first >= floor, "#{id}: what was confirmed at #{floor} comes again after #{first}"
        assert first <= last, "#{id}: #{first} comes after #{last}"

        until =
          for event <- events, reduce: first do
            before ->
              assert event["after"] == before, id
              assert event["seq"] == next[before], "#{id}: after #{before} came #{event["seq"]}"
              entry = entries[event["seq"]]
              assert Map.take(event, Map.keys(entry)) == entry, id
              event["seq"]
          end

        {max(last, until), if(first == last, do: last, else: floor)}
      end)

    assert last == wanted |> List.last() |> elem(0), "#{id}: it ends with #{last}"
  end
end
