defmodule FormdbHttpWeb.Live.SocketTest do
  # The protocol without a server: what comes in and goes out, and what the core is asked for.
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias FormdbHttp.{CBOR, Dwell, Error, Event, JSON, Subscription}
  alias FormdbHttpWeb.Live.{Open, Reader, Socket}

  defmodule Core do
    # Tells the test what it is asked, and answers what that has laid out.
    def subscribe(db, opts) do
      send(self(), {:asked, :subscribe, db, opts})

      case Process.get(:answer, :ok) do
        :ok -> {:ok, subscription()}
        {:error, error} -> {:error, error}
        :crash -> raise "secret"
      end
    end

    defp subscription do
      n = Process.get(:subscriptions, 0) + 1
      Process.put(:subscriptions, n)

      %Subscription{
        ref: {:sub, n},
        database: "quakes",
        since: 7,
        log: "abc",
        consistency: nil,
        pid: self(),
        handle: nil
      }
    end

    def unsubscribe(%{ref: ref}), do: send(self(), {:asked, :unsubscribe, ref})
    def ask(%{ref: ref}, count), do: send(self(), {:asked, :ask, ref, count})

    def subscription_info(%{ref: {:sub, n}}),
      do: %{seq: 9, delivered: n, demand: 250, lagging: false}

    def update_filter(%{ref: ref}, filter) do
      send(self(), {:asked, :update_filter, ref, filter})

      case Process.get(:filter_answer, :ok) do
        :ok -> {:ok, %{seq: 9}}
        :crash -> raise "secret"
        error -> error
      end
    end
  end

  @limits %{channels: 3, message_bytes: 10_000, joins_per_second: 5, event_bytes: 60_000}

  defp connect(vsn \\ "2.0.0", reader \\ %{}) do
    info = %{limits: @limits, reader: reader(reader), core: Core}

    with {:ok, state} <- Socket.connect(%{params: %{"vsn" => vsn}, connect_info: info}) do
      {:ok, state} = Socket.init(state)
      # Since the handshake the credentials may have changed.
      assert_received {Open, :credentials}
      {:ok, state}
    end
  end

  # One who may read everything for good, unless it is said.
  defp reader(told) do
    base = %{
      asker: self(),
      expires_at: nil,
      may_read: fn _db -> :ok end,
      refused: &send(self(), {:refused, &1}),
      again: fn -> {:ok, reader(told)} end
    }

    struct!(Reader, Map.merge(base, told))
  end

  # What goes out, as terms, and the state after it.
  defp say(state, text, opcode \\ :text),
    do: state |> then(&Socket.handle_in({text, opcode: opcode}, &1)) |> came()

  defp hear(state, message), do: message |> Socket.handle_info(state) |> came()

  defp came({:ok, state}), do: {[], state}
  defp came({:push, frames, state}), do: {Enum.map(frames, &shown/1), state}
  defp came({:stop, :normal, {code, _reason}, state}), do: {{:closed, code}, state}

  defp shown({:text, text}), do: IO.iodata_to_binary(text)
  defp shown({:binary, bytes}), do: {:binary, IO.iodata_to_binary(bytes)}

  defp joined(ref \\ "1", topic \\ "journal:quakes", payload \\ "{}") do
    {:ok, state} = connect()
    {[_reply], state} = say(state, ~s(["#{ref}","#{ref}","#{topic}","phx_join",#{payload}]))
    assert_received {:asked, :subscribe, _db, _opts}
    state
  end

  defp event(seq, before, json), do: %Event{seq: seq, after: before, matched: :after, json: json}

  test "a client connects with a version that there is" do
    assert {:ok, %Socket{version: :v1}} = connect(nil)
    assert {:ok, %Socket{version: :v2}} = connect("2.0.0")
    assert :error = connect("3.0.0")
  end

  test "heartbeats are answered" do
    {:ok, state} = connect()

    assert {[~s([null,"6","phoenix","phx_reply",{"status":"ok","response":{}}])], _} =
             say(state, ~s([null,"6","phoenix","heartbeat",{}]))

    {:ok, state} = connect("1.0.0")

    assert {[
              ~s({"topic":"phoenix","event":"phx_reply",) <>
                ~s("payload":{"status":"ok","response":{}},"ref":"6"})
            ], _} = say(state, ~s({"topic":"phoenix","event":"heartbeat","payload":{},"ref":"6"}))
  end

  test "a join subscribes with what it says" do
    {:ok, state} = connect()
    since = ~s({"seq":4,"hash":"aa","log":"abc"})
    params = ~s({"filter":{"prop.mag":"gte:5","ids":["a"]},"since":#{since},"proof":true})

    assert {[
              ~s(["3","4","journal:quakes","phx_reply",) <>
                ~s({"status":"ok","response":{"seq":7,"log":"abc"}}])
            ], _} = say(state, ~s(["3","4","journal:quakes","phx_join",#{params}]))

    me = self()

    assert_received {:asked, :subscribe, "quakes",
                     to: ^me,
                     demand: 256,
                     bytes: 60_000,
                     filter: %{"prop.mag" => "gte:5", "ids" => ["a"]},
                     since: %{"seq" => 4, "hash" => "aa", "log" => "abc"},
                     proof: true}

    for {text, since} <- [{"5", 5}, {~s("2026-01-31"), "2026-01-31"}, {"null", nil}] do
      say(state, ~s(["5","5","journal:quakes","phx_join",{"since":#{text}}]))
      assert_received {:asked, :subscribe, "quakes", opts}
      assert opts == [to: me, demand: 256, bytes: 60_000, filter: %{}, since: since, proof: false]
    end
  end

  test "a number that would be rounded is refused with its place" do
    {:ok, state} = connect()
    filter = ~s({"filter":{"prop.n":-9223372036854775809}})

    assert {[reply], state} = say(state, ~s(["3","4","journal:quakes","phx_join",#{filter}]))

    assert [_, _, _, "phx_reply", %{"status" => "error", "response" => response}] =
             JSON.decode!(reply)

    assert %{"reason" => "invalid_json", "pointer" => "/filter/prop.n"} = response
    assert response["detail"] =~ "beyond 64 bits"
    refute_received {:asked, :subscribe, _db, _opts}
    # The socket goes on.
    assert {[_], _state} = say(state, ~s([null,"6","phoenix","heartbeat",{}]))
  end

  test "a join that is wrong is refused with a reason, and asks the core for nothing" do
    {:ok, state} = connect()

    for {params, code, pointer} <- [
          {~s({"sinse":1}), "unknown_parameter", "/sinse"},
          {~s({"since":-1}), "invalid_parameter", "/since"},
          {~s({"since":1.5}), "invalid_parameter", "/since"},
          {~s({"since":{"hash":"aa"}}), "invalid_parameter", "/since"},
          {~s({"since":{"seq":1,"x":1}}), "unknown_parameter", "/since"},
          {~s({"filter":"x"}), "invalid_parameter", "/filter"},
          {~s({"filter":{"prop.a":{"gte":1}}}), "invalid_parameter", "/filter/prop.a"},
          {~s({"filter":{"prop.a":null}}), "invalid_parameter", "/filter/prop.a"},
          {~s({"filter":{"ids":[]}}), "invalid_parameter", "/filter/ids"},
          {~s({"filter":{"geometry":null}}), "invalid_parameter", "/filter/geometry"},
          {~s({"proof":1}), "invalid_parameter", "/proof"},
          {~s([]), "invalid_parameter", nil},
          {"null", "invalid_parameter", nil}
        ] do
      # Of each a fresh one, since joins are counted.
      assert {[reply], _} = say(state, ~s(["1","2","journal:quakes","phx_join",#{params}]))

      assert ["1", "2", "journal:quakes", "phx_reply", %{"status" => "error", "response" => told}] =
               JSON.decode!(reply)

      assert {params, told["reason"], told["pointer"]} == {params, code, pointer}
      assert is_binary(told["detail"])
    end

    refute_received {:asked, _, _, _}
    unmatched = ~s({"status":"error","response":{"reason":"unmatched topic"}})

    assert say(state, ~s(["1","2","room:1","phx_join",{}])) |> elem(0) ==
             [~s(["1","2","room:1","phx_reply",#{unmatched}])]

    {:ok, refusing} =
      connect("2.0.0", %{
        may_read: fn "quakes" -> {:error, %Error{code: :forbidden, detail: "no"}} end
      })

    assert {[~s(["1","1","journal:quakes","phx_reply",{"status":"error",) <> told], _} =
             say(refusing, ~s(["1","1","journal:quakes","phx_join",{}]))

    assert told == ~s("response":{"reason":"forbidden","detail":"no"}}])
    refute_received {:asked, _, _, _}
  end

  test "what the core refuses is told, and a join that fails does no harm" do
    {:ok, state} = connect()

    Process.put(
      :answer,
      {:error, %Error{code: :log_diverged, detail: "other", pointer: "/since"}}
    )

    assert {[
              ~s(["1","1","journal:a","phx_reply",{"status":"error","response":) <>
                ~s({"reason":"log_diverged","detail":"other","pointer":"/since"}}])
            ], state} = say(state, ~s(["1","1","journal:a","phx_join",{}]))

    Process.put(:answer, :crash)

    log =
      capture_log(fn ->
        assert {[
                  ~s(["2","2","journal:a","phx_reply",) <>
                    ~s({"status":"error","response":{"reason":"join crashed"}}])
                ], _} = say(state, ~s(["2","2","journal:a","phx_join",{}]))
      end)

    assert log =~ "a join failed"
    refute log =~ "secret"
    Process.put(:answer, :ok)

    assert {[~s(["3","3","journal:a","phx_reply",{"status":"ok") <> _], _} =
             say(state, ~s(["3","3","journal:a","phx_join",{}]))
  end

  test "channels and joins are bounded" do
    {:ok, state} = connect()

    state =
      for n <- 1..3, reduce: state do
        state ->
          {[reply], state} = say(state, ~s(["#{n}","#{n}","journal:d#{n}","phx_join",{}]))
          assert reply =~ ~s("ok")
          state
      end

    assert {[
              ~s(["4","4","journal:d4","phx_reply",) <>
                ~s({"status":"error","response":{"reason":"too many channels joined"}}])
            ], state} = say(state, ~s(["4","4","journal:d4","phx_join",{}]))

    # Five at once, and this is the sixth.
    {[_], state} = say(state, ~s(["5","5","journal:d5","phx_join",{}]))

    {[reply], state} =
      say(state, ~s(["6","6","journal:d3","phx_join",{}]))
      |> then(fn {[reply | _], state} -> {[reply], state} end)

    assert reply =~ "too many joins"
    Process.sleep(250)
    {[reply | _], _state} = say(state, ~s(["7","7","journal:d3","phx_join",{}]))
    assert reply =~ ~s("ok")
  end

  test "a push before a join, and on an unknown topic, is told so" do
    {:ok, state} = connect()
    unmatched = ~s({"status":"error","response":{"reason":"unmatched topic"}})

    assert say(state, ~s(["9","8","journal:quakes","get_history",{}])) |> elem(0) ==
             [~s([null,"8","journal:quakes","phx_reply",#{unmatched}])]

    assert say(state, ~s(["9","8","phoenix","nonsense",{}])) |> elem(0) ==
             [~s([null,"8","phoenix","phx_reply",#{unmatched}])]
  end

  test "leaving is answered and ends the channel" do
    state = joined("1")

    assert {[
              ~s(["1","2","journal:quakes","phx_reply",{"status":"ok","response":{}}]),
              ~s(["1","1","journal:quakes","phx_close",{}])
            ], state} = say(state, ~s(["1","2","journal:quakes","phx_leave",{}]))

    assert_received {:asked, :unsubscribe, {:sub, 1}}

    # Where nothing is joined it is answered, too, and what was on its way is dropped.
    assert {[~s(["1","3","journal:quakes","phx_reply",{"status":"ok","response":{}}])], state} =
             say(state, ~s(["1","3","journal:quakes","phx_leave",{}]))

    assert {[], _} = hear(state, {:formdb, {:sub, 1}, [event(8, 7, "{}")]})
  end

  test "messages of an earlier join are dropped, and those without a join are taken" do
    state = joined("5")
    assert {[], state} = say(state, ~s(["4","6","journal:quakes","phx_leave",{}]))
    assert {[], state} = say(state, ~s(["4","6","journal:quakes","update_filter",{"filter":{}}]))
    refute_received {:asked, :update_filter, _, _}

    assert {[~s([null,"7","journal:quakes","phx_reply",{"status":"ok","response":{"seq":9}}])], _} =
             say(state, ~s([null,"7","journal:quakes","update_filter",{"filter":{}}]))
  end

  test "joining again takes the place of the channel there was" do
    state = joined("1")

    assert {[
              ~s(["2","2","journal:quakes","phx_reply",{"status":"ok",) <> _,
              ~s(["1","1","journal:quakes","phx_close",{}])
            ], state} = say(state, ~s(["2","2","journal:quakes","phx_join",{"since":3}]))

    assert_received {:asked, :unsubscribe, {:sub, 1}}
    assert {[], state} = hear(state, {:formdb, {:sub, 1}, [event(8, 7, "{}")]})

    assert {[~s(["2",null,"journal:quakes","journal_event",{"after":7,"seq":8}])], state} =
             hear(state, {:formdb, {:sub, 2}, [event(8, 7, ~s({"seq":8}))]})

    # Also where it is refused.
    Process.put(:answer, {:error, %Error{code: :busy, detail: "later"}})

    assert {[refused, ~s(["2","2","journal:quakes","phx_close",{}])], %{channels: channels}} =
             say(state, ~s(["3","3","journal:quakes","phx_join",{}]))

    assert refused =~ ~s("reason":"busy")
    assert channels == %{}
  end

  test "who stays inside a fence is an event without a sequence, and asked for as others are" do
    state = joined("1")
    dwell = %Dwell{feature_id: "a", entered: 3, json: ~s({"feature_id":"a","entered":3})}

    assert {[~s(["1",null,"journal:quakes","dwell_event",{"feature_id":"a","entered":3}])], state} =
             hear(state, {:formdb, {:sub, 1}, {:dwell, [dwell]}})

    {[_lagging], state} = hear(state, {:formdb, {:sub, 1}, {:lagging, 3}})
    assert_received {Socket, :sent} = sent
    assert {[], _} = hear(state, sent)
    assert_received {:asked, :ask, {:sub, 1}, 1}
  end

  test "all that has come goes out at once, and is asked for again when it was sent" do
    state = joined("1")
    {[_], state} = say(state, ~s(["2","2","journal:other","phx_join",{}]))
    send(self(), {:formdb, {:sub, 2}, [event(3, 0, ~s({"seq":3}))]})
    send(self(), {:formdb, {:sub, 1}, {:lagging, 9}})
    send(self(), {:formdb, {:sub, 1}, {:live, 12}})
    first = [event(8, 7, ~s({"seq":8,"x":"é"})), event(9, 8, ~s({"seq":9}))]

    assert {[
              ~s(["1",null,"journal:quakes","journal_event",{"after":7,"seq":8,"x":"é"}]),
              ~s(["1",null,"journal:quakes","journal_event",{"after":8,"seq":9}]),
              ~s(["2",null,"journal:other","journal_event",{"after":0,"seq":3}]),
              ~s(["1",null,"journal:quakes","lagging",{"seq":9}]),
              ~s(["1",null,"journal:quakes","live",{"seq":12}])
            ], state} = hear(state, {:formdb, {:sub, 1}, first})

    # A host makes the next callback when it has sent what came before.
    refute_received {:asked, :ask, _, _}
    assert_received {Socket, :sent} = sent
    assert {[], _} = hear(state, sent)
    assert_received {:asked, :ask, {:sub, 1}, 2}
    assert_received {:asked, :ask, {:sub, 2}, 1}
  end

  describe "the core is told what was sent" do
    # What it is told after each message with one event of so many bytes.
    defp told(state, bytes, count) do
      json = ~s({"x":") <> String.duplicate("x", bytes) <> ~s("})

      Enum.map_reduce(1..count, state, fn n, state ->
        {[_frame], state} = hear(state, {:formdb, {:sub, 1}, [event(n, n - 1, json)]})
        sent(state)
      end)
    end

    defp sent(state) do
      receive do
        {Socket, :sent} = sent ->
          {[], state} = hear(state, sent)

          receive do
            {:asked, :ask, {:sub, 1}, count} -> {count, state}
          after
            0 -> sent(state)
          end
      after
        0 -> {nil, state}
      end
    end

    test "when it is some dozens of events" do
      {told, _} = told(joined(), 1, 200)
      assert Enum.reject(told, &is_nil/1) == [64, 64, 64]
    end

    test "when it is some kilobytes" do
      {told, state} = told(joined(), 3_000, 5)
      assert told == [nil, nil, 3, nil, nil]
      assert {[3], _} = told(state, 300_000, 1)
    end

    test "when it says that the client lags, and at once until it does not" do
      {[nil, nil], state} = told(joined(), 1, 2)
      {[_frame], state} = hear(state, {:formdb, {:sub, 1}, {:lagging, 2}})
      assert {2, state} = sent(state)
      assert {[1, 1], state} = told(state, 1, 2)
      {[_frame], state} = hear(state, {:formdb, {:sub, 1}, {:live, 4}})
      assert {[nil, nil], _} = told(state, 1, 2)
    end
  end

  test "much goes out in several turns" do
    state = joined()
    large = ~s({"x":") <> String.duplicate("x", 50_000) <> ~s("})
    for n <- 2..5, do: send(self(), {:formdb, {:sub, 1}, [event(n, n - 1, large)]})
    {frames, _} = hear(state, {:formdb, {:sub, 1}, [event(1, 0, large)]})
    assert length(frames) == 2
  end

  test "the end of a subscription is an error, or of a purged database an end for good" do
    for {why, frame} <- [
          closed: ~s("phx_error",{"reason":"database_closed"}]),
          failed: ~s("phx_error",{"reason":"database_failed"}]),
          purged: ~s("phx_close",{}])
        ] do
      state = joined("1")
      ref = {:sub, Process.get(:subscriptions)}
      assert {[came], state} = hear(state, {:formdb, ref, {:closed, why}})
      assert came == ~s(["1","1","journal:quakes",) <> frame
      assert state.channels == %{} and state.topics == %{}
      # It can be joined again.
      assert {[~s(["2","2","journal:quakes","phx_reply",{"status":"ok") <> _], _} =
               say(state, ~s(["2","2","journal:quakes","phx_join",{}]))
    end
  end

  test "another filter is asked for, or refused" do
    state = joined("1")

    assert {[~s(["1","2","journal:quakes","phx_reply",{"status":"ok","response":{"seq":9}}])],
            state} =
             say(
               state,
               ~s(["1","2","journal:quakes","update_filter",{"filter":{"type":"put_feature"}}])
             )

    assert_received {:asked, :update_filter, {:sub, 1}, %{"type" => "put_feature"}}

    Process.put(
      :filter_answer,
      {:error, %Error{code: :invalid_bbox, detail: "no box", pointer: "/bbox"}}
    )

    {replies, state} =
      say(state, ~s(["1","3","journal:quakes","update_filter",{"filter":{"bbox":"x"}}]))

    assert replies == [
             ~s(["1","3","journal:quakes","phx_reply",{"status":"error","response":) <>
               ~s({"reason":"invalid_bbox","detail":"no box","pointer":"/filter/bbox"}}])
           ]

    for payload <- ["{}", ~s({"filter":1}), ~s({"filter":{},"since":1}), "null"] do
      {[reply], _} = say(state, ~s(["1","4","journal:quakes","update_filter",#{payload}]))
      assert reply =~ ~s("reason":"invalid_parameter"), payload
    end

    {[reply], state} = say(state, ~s(["1","5","journal:quakes","update_filtr",{}]))
    assert reply =~ ~s("reason":"unknown_event") and reply =~ "did you mean update_filter?"

    Process.put(:filter_answer, :crash)

    capture_log(fn ->
      assert {[~s(["1","1","journal:quakes","phx_error",{"reason":"channel_crash"}])], state} =
               say(state, ~s(["1","6","journal:quakes","update_filter",{"filter":{}}]))

      assert state.channels == %{}
    end)
  end

  test "in binary messages objects are CBOR, both ways" do
    {:ok, state} = connect()

    push = fn join_ref, ref, event, data ->
      topic = "journal:quakes"
      sizes = Enum.map([join_ref, ref, topic, event], &byte_size/1)
      IO.iodata_to_binary([0, sizes, join_ref, ref, topic, event, data])
    end

    join = push.("1", "1", "phx_join", CBOR.encode(%{"since" => 5}))

    assert {[{:binary, <<1, 1, 1, 14, 2, "11journal:quakesok", told::binary>>}], state} =
             say(state, join, :binary)

    assert CBOR.decode!(told) == %{"seq" => 7, "log" => "abc"}
    assert_received {:asked, :subscribe, "quakes", [_, _, _, _, {:since, 5}, _]}

    update = push.("null", "2", "update_filter", CBOR.encode(%{"filter" => %{"ids" => ["a"]}}))

    assert {[{:binary, <<1, 0, 1, 14, 2, "2journal:quakesok", told::binary>>}], state} =
             say(state, update, :binary)

    assert CBOR.decode!(told) == %{"seq" => 9}

    wrong = push.("1", "3", "update_filter", <<1, 2, 3>>)

    assert {[{:binary, <<1, 1, 1, 14, 5, "13journal:quakeserror", told::binary>>}], state} =
             say(state, wrong, :binary)

    assert %{"reason" => "invalid_cbor"} = CBOR.decode!(told)

    # Events are text.
    assert {[~s(["1",null,"journal:quakes","journal_event",{"after":7,"seq":8}])], _} =
             hear(state, {:formdb, {:sub, 1}, [event(8, 7, ~s({"seq":8}))]})
  end

  test "a client may ask how its subscription is getting on" do
    state = joined()

    # It counts what lies in the mailbox, so the client has that before.
    assert {[], state} = say(state, ~s(["1","2","journal:quakes","get_info",{}]))
    assert_received {Socket, :info, _} = said

    assert {[~s(["1","2","journal:quakes","phx_reply",{"status":"ok","response":) <> info], state} =
             hear(state, said)

    assert JSON.decode!(String.replace_suffix(info, "}]", "")) ==
             %{"seq" => 9, "delivered" => 1, "lagging" => false}

    assert {[reply], _} = say(state, ~s(["1","2","journal:quakes","get_info",{"x":1}]))
    assert reply =~ ~s("reason":"invalid_parameter")
    # Who has left meanwhile gets no answer.
    {[_reply, _close], state} = say(state, ~s(["1","3","journal:quakes","phx_leave",{}]))
    assert {[], _} = hear(state, said)
  end

  test "a client is never told that it is less far than it is" do
    state = joined()
    {[], state} = say(state, ~s(["1","2","journal:quakes","get_info",{}]))
    {[_reply], state} = say(state, ~s([null,"6","phoenix","heartbeat",{}]))
    assert_received {Socket, :info, _} = info
    assert_received {Socket, :positions, _} = positions
    # Of a block beyond, which came after both and is sent before.
    {[_event], state} = hear(state, {:formdb, {:sub, 1}, [event(12, 7, "{}")]})
    assert {[reply], state} = hear(state, info)
    assert reply =~ ~s("seq":12)
    assert {[], _} = hear(state, positions)
  end

  test "what may be under way to all channels grows less than their number" do
    {:ok, state} = connect()

    Enum.reduce([{"a", 60_000}, {"b", 30_000}, {"c", 20_000}], state, fn {db, bytes}, state ->
      {[_reply], state} = say(state, ~s(["1","1","journal:#{db}","phx_join",{}]))
      assert_received {:asked, :subscribe, ^db, opts}
      assert opts[:bytes] == bytes
      state
    end)
  end

  test "after a heartbeat a client is told how far it is, if it was not before" do
    state = joined()
    heartbeat = ~s([null,"6","phoenix","heartbeat",{}])
    {[_reply], state} = say(state, heartbeat)
    assert_received {Socket, :positions, [{{:sub, 1}, 9}]} = first
    # What was sent to the socket before comes before.
    assert {[~s(["1",null,"journal:quakes","position",{"seq":9}])], state} = hear(state, first)
    {[_reply], state} = say(state, heartbeat)
    assert_received {Socket, :positions, _} = second
    assert {[], state} = hear(state, second)
    {[_reply, _close], state} = say(state, ~s(["1","3","journal:quakes","phx_leave",{}]))
    assert {[], _} = hear(state, first)
  end

  test "what is no message closes the socket" do
    {:ok, state} = connect()

    for text <- ["{", "[]", "", ~s({"topic":"t","event":"e","payload":{},"ref":"1"})],
        do: assert({{:closed, 1007}, _} = say(state, text))

    assert {{:closed, 1007}, _} = say(state, <<7>>, :binary)
    {:ok, state} = connect("1.0.0")
    assert {{:closed, 1007}, _} = say(state, ~s([null,"6","phoenix","heartbeat",{}]))
    assert {{:closed, 1007}, _} = say(state, <<0, 1, 1, 1, 1, "1", "2", "t", "e">>, :binary)
  end

  test "a token that expires, and a server that stops, close the socket" do
    {:ok, state} = connect("2.0.0", %{expires_at: System.system_time(:second)})
    assert_receive {Socket, :expired} = message
    assert {{:closed, 1008}, _} = hear(state, message)
    {:ok, state} = connect("2.0.0", %{expires_at: System.system_time(:second) + 60})
    refute_receive {Socket, :expired}, 50
    # One that is told too early.
    assert {[], state} = hear(state, {Socket, :expired})
    assert {{:closed, 1012}, _} = hear(state, {Open, :drain})
    assert {[], _} = hear(state, :something_else)
  end

  test "whoever it is may be allowed less, or nobody, after a while" do
    no = {:error, %Error{code: :database_not_found, detail: "no"}}
    less = reader(%{may_read: fn db -> if db == "quakes", do: no, else: :ok end})
    {:ok, state} = connect("2.0.0", %{again: fn -> {:ok, less} end})

    for {ref, db} <- [{"1", "quakes"}, {"2", "buoys"}], reduce: state do
      state ->
        {[_reply], state} = say(state, ~s(["#{ref}","#{ref}","journal:#{db}","phx_join",{}]))
        state
    end
    |> then(fn state ->
      assert {[~s(["1","1","journal:quakes","phx_error",{"reason":"unauthorized"}])], state} =
               hear(state, {Open, :credentials})

      assert_received {:asked, :unsubscribe, {:sub, 1}}
      refute_received {:asked, :unsubscribe, _other}
      assert {[refusal], state} = say(state, ~s(["3","3","journal:quakes","phx_join",{}]))
      assert refusal =~ "database_not_found"
      assert {[], _} = hear(state, {Open, :credentials})
    end)

    {:ok, state} = connect("2.0.0", %{again: fn -> :gone end})
    assert {{:closed, 1008}, _} = hear(state, {Open, :credentials})

    # A credential that ends earlier than it did.
    soon = reader(%{expires_at: System.system_time(:second)})
    {:ok, state} = connect("2.0.0", %{again: fn -> {:ok, soon} end})
    assert {[], state} = hear(state, {Open, :credentials})
    assert_receive {Socket, :expired} = message
    assert {{:closed, 1008}, _} = hear(state, message)
  end

  test "the first version has no refs of joins" do
    {:ok, state} = connect("1.0.0")
    join = ~s({"topic":"journal:quakes","event":"phx_join","payload":{},"ref":"1"})

    assert {[
              ~s({"topic":"journal:quakes","event":"phx_reply","payload":) <>
                ~s({"status":"ok","response":{"seq":7,"log":"abc"}},"ref":"1"})
            ], state} = say(state, join)

    assert {[
              ~s({"topic":"journal:quakes","event":"journal_event",) <>
                ~s("payload":{"after":7,"seq":8},"ref":null})
            ], state} = hear(state, {:formdb, {:sub, 1}, [event(8, 7, ~s({"seq":8}))]})

    leave = ~s({"topic":"journal:quakes","event":"phx_leave","payload":{},"ref":"2"})

    assert {[
              ~s({"topic":"journal:quakes","event":"phx_reply","payload":) <>
                ~s({"status":"ok","response":{}},"ref":"2"}),
              ~s({"topic":"journal:quakes","event":"phx_close","payload":{},"ref":"1"})
            ], _} = say(state, leave)
  end

  test "a call for history is answered by its process, one at a time a channel" do
    name = "socket-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    feature = %{"type" => "Feature", "geometry" => nil, "properties" => %{}}

    for id <- ["a", "b", "c"],
        do: {:ok, _} = FormdbHttp.put_feature(name, Map.put(feature, "id", id))

    topic = "journal:" <> name
    state = joined("1", topic)

    history = fn state, payload ->
      {[], state} = say(state, ~s(["1","2","#{topic}","get_history",#{payload}]))
      assert_receive {:DOWN, _, :process, _, _} = down, 5_000
      {[reply], state} = hear(state, down)

      assert ["1", "2", ^topic, "phx_reply", %{"status" => status, "response" => told}] =
               JSON.decode!(reply)

      {status, told, state}
    end

    {"ok", %{"entries" => [%{"seq" => 2}], "next" => 2}, state} =
      history.(state, ~s({"since":1,"limit":1}))

    {"ok", %{"entries" => [%{"seq" => 3} = entry | _]}, state} =
      history.(state, ~s({"order":"desc","bodies":false}))

    refute is_map_key(entry, "body")

    {"error", %{"reason" => "unknown_parameter", "pointer" => "/sinse"}, state} =
      history.(state, ~s({"sinse":1}))

    {"error", %{"reason" => "unknown_parameter"}, state} = history.(state, ~s({"wait":1}))
    {"error", %{"reason" => "invalid_parameter"}, state} = history.(state, ~s({"limit":[1,2]}))
    {[reply], state} = say(state, ~s(["1","2","#{topic}","get_history",{"since":{}}]))
    assert reply =~ ~s("reason":"invalid_parameter")

    # Two at once, and one whose channel was left meanwhile.
    {[], state} = say(state, ~s(["1","3","#{topic}","get_history",{}]))
    {[reply], state} = say(state, ~s(["1","4","#{topic}","get_history",{}]))
    assert reply =~ ~s("reason":"busy")
    {[_, _], state} = say(state, ~s(["1","5","#{topic}","phx_leave",{}]))
    assert_receive {:DOWN, _, :process, _, _} = down, 5_000
    assert {[], state} = hear(state, down)
    assert state.asked == %{}

    # What is under way at the end is given up.
    {[_], state} = say(state, ~s(["6","6","#{topic}","phx_join",{}]))
    {[], state} = say(state, ~s(["6","7","#{topic}","get_history",{}]))
    [{_monitor, {pid, _}}] = Map.to_list(state.asked)
    Socket.terminate(:normal, state)
    assert_receive {:DOWN, _, :process, ^pid, _}
    assert_received {:asked, :unsubscribe, {:sub, 2}}
  end
end
