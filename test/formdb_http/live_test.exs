defmodule FormdbHttp.LiveTest do
  use ExUnit.Case

  import FormdbHttp.Waiting

  alias FormdbHttp.{Error, Event, JSON, Live, Subscription}

  setup do
    name = "live_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, db: name}
  end

  defp feature(id, lon, properties \\ %{}) do
    %{
      "type" => "Feature",
      "id" => id,
      "geometry" => %{"type" => "Point", "coordinates" => [lon, 0]},
      "properties" => properties
    }
  end

  defp put(db, id, lon, properties \\ %{}) do
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(db, feature(id, lon, properties))
    seq
  end

  # The next `count` events, whatever the number of messages.
  defp events(%{ref: ref}, count) do
    Stream.repeatedly(fn ->
      assert_receive {:formdb, ^ref, [%Event{} | _] = events}, 5_000
      events
    end)
    |> Enum.reduce_while([], fn events, before ->
      all = before ++ events
      if length(all) < count, do: {:cont, all}, else: {:halt, all}
    end)
    |> tap(&assert length(&1) == count)
  end

  defp seqs(events), do: Enum.map(events, &{&1.seq, &1.matched})

  defp code({:error, %Error{code: code, pointer: pointer}}), do: {code, pointer}

  test "tells of what happens, with the entry of the journal", %{db: db} do
    assert {:ok, %Subscription{since: 0, log: log} = subscription} = FormdbHttp.subscribe(db)
    assert {:ok, %{log: ^log}} = FormdbHttp.database(db)
    put(db, "a", 1)
    put(db, "a", 2)
    {:ok, _} = FormdbHttp.put_point(db, "s", 0, 1.5)
    {:ok, _} = FormdbHttp.delete_feature(db, "a")
    {:ok, _} = FormdbHttp.revert(db, 4)

    told = events(subscription, 5)
    assert [{1, :after}, {2, :both}, {3, :after}, {4, :before}, {5, :after}] = seqs(told)
    assert [0, 1, 2, 3, 4] = Enum.map(told, & &1.after)

    {:ok, page} = FormdbHttp.journal(db)
    entries = JSON.decode!(page.json)

    for {event, entry} <- Enum.zip(told, entries) do
      assert "{" <> _ = event.json
      json = JSON.decode!(event.json)
      assert json["matched"] == Atom.to_string(event.matched)
      assert Map.drop(json, ["matched", "effect"]) == entry
    end

    assert JSON.decode!(List.last(told).json)["effect"] == "put_feature"

    assert %{seq: 5, delivered: 5, demand: 995, lagging: false} =
             FormdbHttp.subscription_info(subscription)
  end

  test "one filter language: places, properties, ids, series, types", %{db: db} do
    subscribe = fn filter ->
      {:ok, subscription} = FormdbHttp.subscribe(db, filter: filter)
      subscription
    end

    box = subscribe.(%{"bbox" => "0,-1,10,1"})
    shape = subscribe.(geometry: %{"type" => "Point", "coordinates" => [20, 0]})
    large = subscribe.([{:bbox, {0, -1, 30, 1}}, {"prop.mag", "gte:5"}])
    ids = subscribe.(ids: ["b", "x"])
    series = subscribe.(%{series_id: ["t/*", "u"]})
    deleted = subscribe.(type: :delete_feature)

    put(db, "a", 5, %{"mag" => 6})
    put(db, "a", 20, %{"mag" => 6})
    put(db, "b", 7, %{"mag" => 4})
    for id <- ["t/1", "u", "v"], do: {:ok, _} = FormdbHttp.put_point(db, id, 0, 1)
    {:ok, _} = FormdbHttp.delete_feature(db, "b")

    assert [{1, :after}, {2, :before}, {3, :after}, {7, :before}] = seqs(events(box, 4))
    assert [{2, :after}] = seqs(events(shape, 1))
    assert [{1, :after}, {2, :both}] = seqs(events(large, 2))
    assert [{3, :after}, {7, :before}] = seqs(events(ids, 2))
    assert [{4, :after}, {5, :after}] = seqs(events(series, 2))
    assert [{7, :before}] = seqs(events(deleted, 1))
    refute_receive {:formdb, _ref, _what}, 50
  end

  test "a fence tells what goes into an area and out of it, and why", %{db: db} do
    area = fn east ->
      ring = [[0, -1], [east, -1], [east, 1], [0, 1], [0, -1]]
      polygon = %{"type" => "Polygon", "coordinates" => [ring]}
      feature = %{"type" => "Feature", "geometry" => polygon, "properties" => %{}}
      {:ok, %{seq: seq}} = FormdbHttp.put_feature(db, feature, id: "area")
      seq
    end

    filter = [fence: ["enter", "exit"], feature: "area"]
    {:ok, subscription} = FormdbHttp.subscribe(db, filter: filter)
    fixed = %{"fence" => "cross,outside", "bbox" => "0,-1,10,1", "ids" => "a"}
    {:ok, crossing} = FormdbHttp.subscribe(db, filter: fixed)

    put(db, "a", -5)
    area.(10)
    put(db, "a", 5)
    put(db, "a", 15)
    area.(20)
    area.(12)
    put(db, "a", 11)
    {:ok, _} = FormdbHttp.delete_feature(db, "a")

    short = fn event ->
      json = JSON.decode!(event.json)
      {event.seq, json["matched"], json["fence"], json["reason"]}
    end

    told = events(subscription, 6)

    assert [
             {3, "after", ["enter"], "moved"},
             {4, "before", ["exit"], "moved"},
             {5, "after", ["enter"], "area"},
             {6, "before", ["exit"], "area"},
             {7, "after", ["enter"], "moved"},
             {8, "before", ["exit"], "deleted"}
           ] = Enum.map(told, short)

    assert %{
             "features" => [%{"feature_id" => "a", "seq" => 4, "fence" => "enter"}],
             "more" => false,
             "op" => "put_feature"
           } = JSON.decode!(Enum.at(told, 2).json)

    assert [
             {1, "neither", ["outside"], nil},
             {4, "before", ["outside"], nil},
             {7, "neither", ["outside"], nil}
           ] = Enum.map(events(crossing, 3), short)

    {:ok, again} = FormdbHttp.subscribe(db, filter: filter, since: 4)
    assert Enum.map(events(again, 4), short) == told |> Enum.drop(2) |> Enum.map(short)
  end

  test "who stays inside a fence is told of once, and again after a resume", %{db: db} do
    filter = %{"dwell" => 0.3, "bbox" => "0,-1,10,1"}
    {:ok, %{ref: ref} = first} = FormdbHttp.subscribe(db, filter: filter)
    for id <- ~w(a b c), do: put(db, id, 5)
    put(db, "b", 6)
    put(db, "c", 50)
    6 = put(db, "d", 50)

    told = fn ref, known ->
      assert_receive {:formdb, ^ref, {:dwell, dwells}}, 5_000

      known ++
        for(dwell <- dwells, do: {dwell.feature_id, dwell.entered, JSON.decode!(dwell.json)})
    end

    assert [{"a", 1, a}, {"b", 2, b}] =
             Enum.reduce_while(1..2, [], fn _, known ->
               known = told.(ref, known)
               if length(known) < 2, do: {:cont, known}, else: {:halt, known}
             end)

    refute_receive {:formdb, ^ref, _what}, 50
    assert %{"feature_id" => "a", "entered" => 1, "dwell" => 0.3, "fence" => name} = a
    assert %{"feature_id" => "b", "entered" => 2, "fence" => ^name} = b
    {:ok, since, 0} = DateTime.from_iso8601(a["since"])
    {:ok, due, 0} = DateTime.from_iso8601(a["due"])
    assert DateTime.diff(due, since, :microsecond) == 300_000
    assert %{delivered: 2} = FormdbHttp.subscription_info(first)

    # It may have been told of after block 6: the same, by the same name.
    {:ok, %{ref: again}} = FormdbHttp.subscribe(db, filter: filter, since: 6)
    assert [{"a", 1, ^a}, {"b", 2, ^b}] = told.(again, [])
    # A block is committed after they were due, which therefore comes first.
    7 = put(db, "a", 5)
    {:ok, %{ref: later}} = FormdbHttp.subscribe(db, filter: filter, since: 7)
    refute_receive {:formdb, ^later, {:dwell, _}}, 500
  end

  test "a level tells when series go beyond it and come back, late points too", %{db: db} do
    filter = [series_id: "t/*", outside: {5, 30}, hysteresis: 2, for: 10]
    {:ok, subscription} = FormdbHttp.subscribe(db, filter: filter)
    at = fn seconds -> DateTime.from_unix!(seconds) end

    write = fn id, points ->
      {times, values} = Enum.unzip(points)
      {:ok, _} = FormdbHttp.put_columns(db, id, Enum.map(times, &(&1 * 1_000_000)), values)
    end

    write.("t/a", [{0, 20.0}, {10, 31.0}, {19, 40.0}])
    write.("t/b", [{0, 1.0}])
    # Beyond it for ten seconds, and neither beyond it nor back.
    write.("t/a", [{20, 29.0}])
    write.("t/a", [{30, 28.0}])
    write.("u", [{0, 99.0}, {20, 99.0}])
    # Since 22 it was so, as is found out late: for eight seconds.
    write.("t/b", [{40, 6.0}])
    write.("t/b", [{35, 10.0}])
    {:ok, _} = FormdbHttp.delete_points(db, "t/b", at.(35), at.(36))

    short = fn event ->
      json = JSON.decode!(event.json)
      points = for p <- json["points"], do: {p["fence"], p["timestamp"], p["late"]}
      {event.seq, json["fence"], points, json["stands"], json["reason"]}
    end

    told = events(subscription, 5)

    assert [
             {3, ["outside"], [{"outside", "1970-01-01T00:00:20.000000Z", nil}], "outside", nil},
             {4, ["back"], [{"back", "1970-01-01T00:00:30.000000Z", nil}], "back", nil},
             {6, ["outside"], [{"outside", "1970-01-01T00:00:40.000000Z", nil}], "outside", nil},
             {7, ["back"], [], "back", "changed"},
             {8, ["outside"], [], "outside", "deleted"}
           ] = Enum.map(told, short)

    assert %{
             "points" => [
               %{
                 "value" => 29.0,
                 "since" => "1970-01-01T00:00:10.000000Z",
                 "previous" => %{"timestamp" => "1970-01-01T00:00:19.000000Z", "value" => 40.0}
               }
             ],
             "more" => false,
             "op" => "put_points"
           } = JSON.decode!(hd(told).json)

    {:ok, again} = FormdbHttp.subscribe(db, filter: filter, since: 3)
    assert Enum.map(events(again, 4), short) == told |> tl() |> Enum.map(short)
  end

  test "begins in the past, by a sequence, its hash, or a time", %{db: db} do
    for n <- 1..5, do: put(db, "f#{n}", n)
    {:ok, %{hash: hash, time: time}} = FormdbHttp.put_feature(db, feature("f6", 6))
    {:ok, %{log: log}} = FormdbHttp.database(db)
    put(db, "f7", 7)

    {:ok, all} = FormdbHttp.subscribe(db, since: 0)
    assert Enum.map(events(all, 7), & &1.seq) == Enum.to_list(1..7)
    %{ref: ref} = all
    assert_receive {:formdb, ^ref, {:live, 7}}, 5_000

    for since <- [
          6,
          %{seq: 6, hash: hash, log: log},
          %{"seq" => 6},
          DateTime.from_unix!(time, :microsecond)
        ] do
      {:ok, %{since: 6} = rest} = FormdbHttp.subscribe(db, since: since)
      assert [%Event{seq: 7, after: 6}] = events(rest, 1)
    end

    assert {:invalid_parameter, "/since"} = code(FormdbHttp.subscribe(db, since: 8))
    other = String.duplicate("0", 64)

    for since <- [
          %{seq: 6, hash: other},
          %{seq: 0, hash: other},
          %{seq: 6, log: other},
          %{log: "x"}
        ],
        do: assert({:log_diverged, "/since"} = code(FormdbHttp.subscribe(db, since: since)))

    assert {:invalid_parameter, "/since/hash"} =
             code(FormdbHttp.subscribe(db, since: %{seq: 6, hash: "abc"}))

    assert {:invalid_parameter, "/since"} = code(FormdbHttp.subscribe(db, since: %{sequence: 6}))
  end

  test "what a filter does not have is refused with the word", %{db: db} do
    for {filter, pointer} <- [
          {%{"bobx" => "1,2,3,4"}, "/bobx"},
          {%{"type" => "put"}, "/type"},
          {%{"type" => "put_points", "ids" => "a"}, "/type"},
          {%{"type" => "put_feature", "series_id" => "s"}, "/type"},
          {%{"ids" => ""}, "/ids"},
          {%{"series_id" => ""}, "/series_id"},
          {%{"prop.mag" => "gte:"}, "/prop.mag"},
          {%{"time" => "since:2024-01-01T00:00:00Z"}, "/time"},
          {%{"predicate" => "within"}, "/predicate"},
          {%{"predicate" => "near", "bbox" => "1,2,3,4"}, "/predicate"},
          {%{"ids" => []}, "/ids"},
          {%{"ids" => Enum.map(1..1_001, &"f#{&1}")}, "/ids"},
          {%{"series_id" => 5}, "/series_id"},
          {%{"fence" => "enter"}, "/fence"},
          {%{"fence" => "arrive", "bbox" => "1,2,3,4"}, "/fence"},
          {%{"fence" => 5}, "/fence"},
          {%{"fence" => "enter", "bbox" => "1,2,3,4", "feature" => "a"}, "/fence"},
          {%{"fence" => "enter", "bbox" => "1,2,3,4", "predicate" => "within"}, "/predicate"},
          {%{"fence" => "enter", "bbox" => "1,2,3,4", "series_id" => "s"}, "/series_id"},
          {%{"dwell" => "soon", "bbox" => "1,2,3,4"}, "/dwell"},
          {%{"dwell" => 0, "bbox" => "1,2,3,4"}, "/dwell"},
          {%{"dwell" => 5}, "/dwell"},
          {%{"above" => 5}, "/series_id"},
          {%{"above" => "high", "series_id" => "s"}, "/above"},
          {%{"above" => [5], "series_id" => "s"}, "/above"},
          {%{"above" => 5, "below" => 1, "series_id" => "s"}, "/below"},
          {%{"outside" => 5, "series_id" => "s"}, "/outside"},
          {%{"outside" => {5, 1}, "series_id" => "s"}, "/outside"},
          {%{"hysteresis" => 5, "series_id" => "s"}, "/hysteresis"},
          {%{"above" => 5, "for" => "ever", "series_id" => "s"}, "/for"},
          {%{"dwell" => [5], "bbox" => "1,2,3,4"}, "/dwell"},
          {%{"dwell" => "1e-400", "bbox" => "1,2,3,4"}, "/dwell"},
          {%{"prop.n" => 18_446_744_073_709_551_616}, "/prop.n"},
          {%{"prop.n" => ["gt:0", "lt:1e-400"]}, "/prop.n"},
          {%{"above" => 18_446_744_073_709_551_616, "series_id" => "s"}, "/above"},
          {%{"above" => 5, "hysteresis" => "1e-400", "series_id" => "s"}, "/hysteresis"},
          {%{"outside" => "1e-400,5", "series_id" => "s"}, "/outside"},
          {%{"above" => 5, "for" => "1e-400", "series_id" => "s"}, "/for"},
          {%{"feature" => "a"}, "/feature"},
          {%{"feature" => 5, "fence" => "enter"}, "/feature"}
        ] do
      assert {:invalid_parameter, ^pointer} = code(FormdbHttp.subscribe(db, filter: filter))
    end

    for box <- ["1,2,3", "0,1e-400,1,1", [1, 2, 3], [1, 2, 3, "x"]],
        do: assert({:invalid_bbox, "/bbox"} = code(FormdbHttp.subscribe(db, filter: [bbox: box])))

    assert {_geometry, "/geometry" <> _} =
             code(FormdbHttp.subscribe(db, filter: [geometry: %{"type" => "Pint"}]))

    assert {:database_not_found, nil} = code(FormdbHttp.subscribe("none"))
    assert {:ok, 0} = Live.count(db)
    assert_raise ArgumentError, fn -> FormdbHttp.subscribe(db, demand: -1) end
    assert_raise ArgumentError, fn -> FormdbHttp.subscribe(db, filters: []) end
  end

  test "who does not ask is told so once, and goes on without a gap", %{db: db} do
    {:ok, %{ref: ref} = subscription} = FormdbHttp.subscribe(db, demand: 2)
    for n <- 1..10, do: put(db, "f#{n}", n)
    assert [1, 2] = Enum.map(events(subscription, 2), & &1.seq)
    assert_receive {:formdb, ^ref, {:lagging, 2}}, 5_000
    assert %{lagging: true, demand: 0} = FormdbHttp.subscription_info(subscription)

    FormdbHttp.ask(subscription, 3)
    assert [3, 4, 5] = Enum.map(events(subscription, 3), & &1.seq)
    FormdbHttp.ask(subscription, 100)
    assert [{6, 5} | _] = for(event <- events(subscription, 5), do: {event.seq, event.after})
    assert_receive {:formdb, ^ref, {:live, 10}}, 5_000
    put(db, "f11", 11)
    assert [%Event{seq: 11, after: 10}] = events(subscription, 1)
    refute_received {:formdb, ^ref, _what}
  end

  test "a filter is changed without a gap", %{db: db} do
    {:ok, subscription} = FormdbHttp.subscribe(db, filter: %{"ids" => "a"})
    for _n <- 1..3, id <- ["a", "b"], do: put(db, id, 1)
    # The old one decides on all that has been looked at by then.
    assert {:ok, %{seq: seq}} = FormdbHttp.update_filter(subscription, %{"ids" => "b"})
    for _n <- 1..3, id <- ["a", "b"], do: put(db, id, 1)
    wanted = for n <- 1..12, rem(n, 2) == if(n <= seq, do: 1, else: 0), do: n
    assert Enum.map(events(subscription, length(wanted)), & &1.seq) == wanted

    assert {:invalid_parameter, "/bobx"} =
             code(FormdbHttp.update_filter(subscription, %{"bobx" => 1}))

    :ok = FormdbHttp.unsubscribe(subscription)
    assert {:database_closed, nil} = code(FormdbHttp.update_filter(subscription, []))
  end

  test "after unsubscribing nothing comes", %{db: db} do
    {:ok, %{ref: ref} = subscription} = FormdbHttp.subscribe(db)
    for n <- 1..20, do: put(db, "f#{n}", n)
    assert :ok = FormdbHttp.unsubscribe(subscription)
    put(db, "g", 1)
    refute_receive {:formdb, ^ref, _what}, 50
    assert {:ok, 0} = Live.count(db)
    assert :ok = FormdbHttp.unsubscribe(subscription)
    assert :ok = FormdbHttp.ask(subscription, 1)
  end

  defmodule Counter do
    use GenServer

    def init({db, opts}),
      do: FormdbHttp.subscribe(db, opts) |> then(fn {:ok, s} -> {:ok, {s, 0}} end)

    def handle_info({:formdb, _ref, events}, {subscription, count}) when is_list(events) do
      FormdbHttp.ask(subscription, length(events))
      {:noreply, {subscription, count + length(events)}}
    end

    def handle_info({:formdb, _ref, _notice}, state), do: {:noreply, state}
    def handle_call(:count, _from, {_subscription, count} = state), do: {:reply, count, state}
  end

  test "a process that dies is forgotten", %{db: db} do
    {:ok, counter} = GenServer.start(Counter, {db, demand: 3})
    for n <- 1..50, do: put(db, "f#{n}", n)
    wait_until(fn -> GenServer.call(counter, :count) == 50 end)
    assert {:ok, 1} = Live.count(db)
    Process.exit(counter, :kill)
    wait_until(fn -> Live.count(db) == {:ok, 0} end)

    # Also one that another subscribed for, and one that is dead already.
    {:ok, other} = Agent.start(fn -> nil end)
    {:ok, _} = FormdbHttp.subscribe(db, to: other)
    assert {:ok, 1} = Live.count(db)
    Agent.stop(other)
    wait_until(fn -> Live.count(db) == {:ok, 0} end)
    {:ok, _} = FormdbHttp.subscribe(db, to: other)
    wait_until(fn -> Live.count(db) == {:ok, 0} end)
    put(db, "g", 1)
  end

  test "nobody has to keep the subscription", %{db: db} do
    parent = self()

    pid =
      spawn_link(fn ->
        {:ok, %{ref: ref}} = FormdbHttp.subscribe(db)
        :erlang.garbage_collect()
        send(parent, :ready)

        receive do
          {:formdb, ^ref, [%Event{seq: seq}]} -> send(parent, {:seq, seq})
        end
      end)

    assert_receive :ready, 5_000
    for _n <- 1..3, do: :erlang.garbage_collect(pid)
    put(db, "a", 1)
    assert_receive {:seq, 1}, 5_000
  end

  test "is told how the database went", %{db: db} do
    {:ok, %{ref: ref}} = FormdbHttp.subscribe(db)
    put(db, "a", 1)
    :ok = FormdbHttp.close(db)
    assert_receive {:formdb, ^ref, [%Event{seq: 1}]}, 5_000
    assert_receive {:formdb, ^ref, {:closed, :closed}}, 5_000

    {:ok, _} = FormdbHttp.open(db)
    {:ok, %{ref: ref, since: 1} = subscription} = FormdbHttp.subscribe(db, since: 1)
    put(db, "b", 1)
    assert [%Event{seq: 2, after: 1}] = events(subscription, 1)
    :ok = FormdbHttp.purge(db)
    assert_receive {:formdb, ^ref, {:closed, :purged}}, 5_000
    refute_receive {:formdb, _ref, _what}, 50
  end

  test "events come with proofs on request", %{db: db} do
    {:ok, subscription} = FormdbHttp.subscribe(db, proof: true)
    {:ok, plain} = FormdbHttp.subscribe(db)
    put(db, "a", 1)
    put(db, "b", 1)

    for %Event{seq: seq, json: json} <- events(subscription, 2) do
      proof = JSON.decode!(json)["proof"]
      {:ok, expected} = FormdbHttp.inclusion_proof(db, seq, proof["tree_size"])
      assert proof == Map.new(expected, fn {key, value} -> {Atom.to_string(key), value} end)
      assert proof["leaf_hash"] == JSON.decode!(json)["hash"]
    end

    refute Enum.any?(events(plain, 2), &(&1.json =~ "proof"))
  end

  test "goes on with a proof from the head that one knew", %{db: db} do
    for n <- 1..5, do: put(db, "f#{n}", n)
    {:ok, head} = FormdbHttp.tree_head(db, 3)
    {:ok, %{consistency: nil}} = FormdbHttp.subscribe(db)
    {:ok, %{consistency: nil}} = FormdbHttp.subscribe(db, since: 3)
    {:ok, %{consistency: nil}} = FormdbHttp.subscribe(db, since: 0, proof: true)
    {:ok, %{root: nothing}} = FormdbHttp.tree_head(db, 0)

    {:ok, %{consistency: nil, since: 0}} =
      FormdbHttp.subscribe(db, since: %{head: %{tree_size: 0, root: nothing}})

    {:ok, proof} = FormdbHttp.consistency_proof(db, 3, 5)
    assert proof.first_root == head.root

    for {since, opts, begins} <- [
          {%{head: head}, [], 3},
          {%{"seq" => 2, "head" => %{"tree_size" => 3, "root" => head.root}}, [], 2},
          {%{seq: 5, head: head}, [proof: true], 5},
          {3, [proof: true], 3}
        ] do
      assert {:ok, %{consistency: ^proof, since: ^begins}} =
               FormdbHttp.subscribe(db, [since: since] ++ opts)
    end

    for other <- [
          %{head | root: proof.second_root},
          %{head | tree_size: 4},
          %{head | tree_size: 0}
        ],
        do:
          assert(
            {:log_diverged, "/since"} = code(FormdbHttp.subscribe(db, since: %{head: other}))
          )

    assert {:invalid_parameter, "/since"} =
             code(FormdbHttp.subscribe(db, since: %{head: %{head | tree_size: 6}}))

    for {other, pointer} <- [
          {%{tree_size: 3}, "/since/head"},
          {%{tree_size: -1, root: head.root}, "/since/head"},
          {5, "/since/head"},
          {%{tree_size: 3, root: "ab"}, "/since/head/root"}
        ],
        do:
          assert(
            {:invalid_parameter, ^pointer} = code(FormdbHttp.subscribe(db, since: %{head: other}))
          )
  end

  test "a record that is too long has a link in its place", %{db: db} do
    {:ok, subscription} = FormdbHttp.subscribe(db)
    put(db, "a", 1, %{"text" => String.duplicate("x", 1_100_000)})
    put(db, "b", 1, %{"text" => String.duplicate("x", 5_000_000)})

    for %Event{json: json} <- events(subscription, 2) do
      entry = JSON.decode!(json)
      assert byte_size(json) < 1_000
      refute Map.has_key?(entry, "body")
      assert entry["feature_id"] in ["a", "b"]
      assert "blocks/" <> hash = entry["link"]
      assert hash == entry["hash"]
    end
  end

  for {page, database} <- [{"follow-changes", "quakes"}, {"fences", "fleet"}] do
    test "what docs/howto/#{page}.md shows is so" do
      page = File.read!("docs/howto/#{unquote(page)}.md")
      code = Regex.scan(~r/^```elixir\n(.*?)^```/ms, page, capture: :all_but_first)
      assert length(code) > 3
      on_exit(fn -> FormdbHttp.purge(unquote(database)) end)
      Process.flag(:trap_exit, true)
      {true, _} = code |> Enum.join("\n") |> Kernel.<>("\ntrue") |> Code.eval_string()
    end
  end
end
