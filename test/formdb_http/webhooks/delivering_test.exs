defmodule FormdbHttp.Webhooks.DeliveringTest do
  # Deliveries as receivers see them, held against the journal and against signatures that are
  # worked out apart.
  use ExUnit.Case, async: true

  import FormdbHttp.Waiting

  alias FormdbHttp.{JSON, WebhookReceiver}

  setup do
    name = "deliver_#{System.unique_integer([:positive])}"
    {:ok, %{log: log}} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, name: name, log: log}
  end

  defp put(name, id, properties \\ %{}) do
    feature = %{"type" => "Feature", "geometry" => nil, "properties" => properties}
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(name, feature, id: id)
    seq
  end

  defp hook(name, receiver, more) do
    {:ok, webhook} =
      FormdbHttp.create_webhook(name, Map.put(more, :address, WebhookReceiver.address(receiver)))

    webhook
  end

  defp seqs(receiver), do: for(event <- WebhookReceiver.events(receiver), do: event["seq"])

  defp at(name, id, seq) do
    wait_until(fn -> match?({:ok, %{cursor: ^seq}}, FormdbHttp.webhook(name, id)) end)
  end

  # RFC 2104, by hand.
  defp hmac_sha256(key, data) do
    key = key <> <<0::size((64 - byte_size(key)) * 8)>>
    pad = fn byte -> for <<b <- key>>, into: "", do: <<Bitwise.bxor(b, byte)>> end
    :crypto.hash(:sha256, pad.(0x5C) <> :crypto.hash(:sha256, pad.(0x36) <> data))
  end

  defp signatures(request, secrets) do
    %{"webhook-id" => id, "webhook-timestamp" => time} = request.headers

    Enum.map_join(secrets, " ", fn "whsec_" <> base64 ->
      digest = hmac_sha256(Base.decode64!(base64), "#{id}.#{time}.#{request.body}")
      "v1," <> Base.encode64(digest)
    end)
  end

  test "events come in order, whole, and signed", %{name: name, log: log} do
    receiver = start_supervised!({WebhookReceiver, 200})
    before = for n <- 1..5, do: put(name, "b#{n}")
    webhook = hook(name, receiver, %{since: 2, id: "w"})
    later = for n <- 1..300, do: put(name, "l#{n}", %{"n" => n})
    at(name, "w", List.last(later))

    assert seqs(receiver) == Enum.drop(before, 2) ++ [6] ++ later
    events = WebhookReceiver.events(receiver)
    {:ok, %{json: json}} = FormdbHttp.journal(name, since: 2, limit: 1_000)
    entries = JSON.decode!(json)
    assert Enum.map(events, &Map.drop(&1, ["after", "matched"])) == entries
    assert Enum.map(events, & &1["after"]) == [2 | Enum.drop(seqs(receiver), -1)]

    now = System.os_time(:second)

    for request <- WebhookReceiver.requests(receiver) do
      body = JSON.decode!(request.body)
      assert %{"type" => "journal_events", "database" => ^name, "log" => ^log} = body
      assert body["webhook_id"] == "w"
      [first, last] = for place <- [0, -1], do: Enum.at(body["events"], place)["seq"]
      headers = request.headers
      assert headers["webhook-id"] == "msg_#{binary_part(log, 0, 8)}_w_6_#{first}-#{last}"
      assert headers["content-type"] == "application/json"
      assert headers["host"] == "127.0.0.1:#{WebhookReceiver.port(receiver)}"
      assert request.path == "/hook"
      assert_in_delta String.to_integer(headers["webhook-timestamp"]), now, 60
      assert headers["webhook-signature"] == signatures(request, [webhook.secret])
    end

    {:ok, shown} = FormdbHttp.webhook(name, "w")
    assert %{lag: 0, failures: 0, state: :delivering, last: %{status: 200, error: nil}} = shown
    assert shown.deliveries == length(WebhookReceiver.requests(receiver))
    assert shown.events == length(events)
  end

  test "a filter chooses, and what it does not choose is passed over", %{name: name} do
    receiver = start_supervised!({WebhookReceiver, 204})
    hook(name, receiver, %{filter: %{"prop.n" => "gte:5"}, id: "w"})
    all = for n <- 1..20, do: {n, put(name, "f#{rem(n, 7)}", %{"n" => rem(n, 10)})}
    {:ok, _} = FormdbHttp.put_point(name, "s", 1, 1.0)
    wait_until(fn -> match?({:ok, %{lag: 0}}, FormdbHttp.webhook(name, "w")) end)

    # The version before or the one after has it.
    newest = fn n -> Enum.find((n - 1)..1//-1, &(rem(&1, 7) == rem(n, 7))) end
    takes = fn n -> n != nil and rem(n, 10) >= 5 end
    wanted = for {n, seq} <- all, takes.(n) or takes.(newest.(n)), do: seq
    assert seqs(receiver) == wanted
  end

  test "a fence tells who enters, and who stays inside, also after a failure", %{name: name} do
    receiver =
      start_supervised!(
        {WebhookReceiver, fn _, _, before -> if(rem(before, 2) == 0, do: 500, else: 200) end}
      )

    filter = %{"fence" => "enter", "dwell" => 0.2, "bbox" => "0,0,1,1"}
    hook(name, receiver, %{id: "w", filter: filter})

    point = fn x ->
      %{
        "type" => "Feature",
        "properties" => %{},
        "geometry" => %{"type" => "Point", "coordinates" => [x, 0.5]}
      }
    end

    {:ok, %{seq: 2}} = FormdbHttp.put_feature(name, point.(5), id: "a")
    {:ok, %{seq: 3}} = FormdbHttp.put_feature(name, point.(0.5), id: "a")

    bodies = fn ->
      for %{body: body} <- WebhookReceiver.requests(receiver), do: JSON.decode!(body)
    end

    stayed = fn ->
      for %{"type" => "dwell_events", "events" => events} <- bodies.(), event <- events, do: event
    end

    wait_until(fn -> match?([_, _ | _], stayed.()) end)

    assert [%{"feature_id" => "a", "entered" => 3, "dwell" => 0.2} = one, one] =
             Enum.take(stayed.(), 2)

    at(name, "w", 3)

    entered =
      for %{"type" => "journal_events", "events" => [event]} <- bodies.(), do: event["seq"]

    assert entered == [3, 3]
    {:ok, %{seq: 4}} = FormdbHttp.put_feature(name, point.(7), id: "b")
    {:ok, %{seq: 5}} = FormdbHttp.put_feature(name, point.(0.7), id: "b")
    at(name, "w", 5)
    wait_until(fn -> Enum.any?(stayed.(), &(&1["entered"] == 5)) end)
  end

  test "a level tells when a series passes it", %{name: name} do
    receiver = start_supervised!({WebhookReceiver, 200})
    hook(name, receiver, %{id: "w", filter: %{"series_id" => "s", "above" => 5}})

    [_one, two, three, four] =
      for {value, n} <- Enum.with_index([1.0, 6.0, 7.0, 2.0]) do
        {:ok, %{seq: seq}} = FormdbHttp.put_point(name, "s", n, value)
        seq
      end

    at(name, "w", four)
    refute three in seqs(receiver)
    assert seqs(receiver) == [two, four]
  end

  test "what fails is sent again as it was, and nothing passes it", %{name: name} do
    # Two in three are refused, in one way or another.
    answer = fn _request, _socket, before ->
      case rem(before, 6) do
        0 -> 500
        1 -> 301
        2 -> 200
        3 -> :closed
        4 -> "nonsense\r\n\r\n"
        5 -> 202
      end
    end

    receiver = start_supervised!({WebhookReceiver, answer})
    hook(name, receiver, %{id: "w"})
    later = for n <- 1..40, do: put(name, "l#{n}")
    at(name, "w", List.last(later))

    bodies =
      for request <- WebhookReceiver.requests(receiver),
          do: {request.headers["webhook-id"], request.body}

    # Each as often as it took, one after the other.
    grouped = Enum.chunk_by(bodies, &elem(&1, 0))
    assert length(grouped) == length(Enum.uniq(Enum.map(grouped, &(&1 |> hd() |> elem(0)))))
    for same <- grouped, do: assert(length(Enum.uniq(same)) == 1)

    confirmed =
      for [{_id, body} | _] <- grouped, event <- JSON.decode!(body)["events"], do: event["seq"]

    assert confirmed == [1 | later]
    {:ok, shown} = FormdbHttp.webhook(name, "w")
    assert shown.failures > 0 and shown.dead_letters == 0
  end

  test "it is paused and goes on, and begins again where it is told to", %{name: name} do
    receiver = start_supervised!({WebhookReceiver, 200})
    hook(name, receiver, %{id: "w"})
    at(name, "w", 1)
    {:ok, %{state: :paused, seq: 2}} = FormdbHttp.update_webhook(name, "w", active: false)
    later = for n <- 1..10, do: put(name, "l#{n}")
    {:ok, %{state: :paused, lag: lag, cursor: cursor}} = FormdbHttp.webhook(name, "w")
    # Its own pause may have been the last thing that it was told of.
    assert cursor in [1, 2] and lag == 12 - cursor
    assert seqs(receiver) in [[1], [1, 2]]
    {:ok, %{active: true, seq: 13}} = FormdbHttp.update_webhook(name, "w", active: true)
    at(name, "w", 13)
    assert Enum.dedup(seqs(receiver)) == [1, 2] ++ later ++ [13]
    {:ok, %{since: 11}} = FormdbHttp.update_webhook(name, "w", since: 11)
    at(name, "w", 14)
    # That block, too, may have come before it took effect.
    assert (Enum.dedup(seqs(receiver)) -- [14]) -- [14] == [1, 2] ++ later ++ [13, 12, 13]
    # And goes on from there when the database is opened again.
    :ok = FormdbHttp.close(name)
    {:ok, _} = FormdbHttp.open(name)
    last = put(name, "x")
    at(name, "w", last)
    assert Enum.take(seqs(receiver), -2) == [14, last]
  end

  test "deliveries are signed by the secret before, too, for a time", %{name: name} do
    receiver = start_supervised!({WebhookReceiver, 200})
    old = hook(name, receiver, %{id: "w"}).secret
    {:ok, %{secret: new}} = FormdbHttp.update_webhook(name, "w", rotate_secret: true)
    last = put(name, "x")
    at(name, "w", last)
    request = List.last(WebhookReceiver.requests(receiver))
    assert request.headers["webhook-signature"] == signatures(request, [new, old])
  end

  test "a receiver that is gone stops it until it is told to go on", %{name: name} do
    receiver = start_supervised!({WebhookReceiver, 410})
    hook(name, receiver, %{id: "w"})
    wait_until(fn -> match?({:ok, %{state: :stopped}}, FormdbHttp.webhook(name, "w")) end)
    {:ok, %{reason: reason, cursor: 0, next: nil}} = FormdbHttp.webhook(name, "w")
    assert reason =~ "410"
    :ok = FormdbHttp.close(name)
    {:ok, _} = FormdbHttp.open(name)
    {:ok, %{state: :stopped, reason: ^reason}} = FormdbHttp.webhook(name, "w")
    WebhookReceiver.answer_with(receiver, 200)
    {:ok, %{state: :delivering, reason: nil}} = FormdbHttp.update_webhook(name, "w", active: true)
    at(name, "w", 2)
  end

  test "what fails on this side is begun again, and the log has nothing that is secret", %{
    name: name
  } do
    receiver = start_supervised!({WebhookReceiver, 200})
    address = WebhookReceiver.address(receiver, "/s3cr3t")
    {:ok, made} = FormdbHttp.create_webhook(name, %{id: "w", address: address})
    at(name, "w", 1)
    {:ok, pid} = FormdbHttp.Webhooks.Keeper.call(name, {:delivery, "w"})
    config = FormdbHttp.Catalog.config()
    {:ok, key} = FormdbHttp.ServerKey.load(FormdbHttp.ServerKey.path(config))

    log =
      ExUnit.CaptureLog.capture_log(fn ->
        :sys.replace_state(pid, &%{&1 | buffer: :broken})
        last = put(name, "x", %{"private" => "d0cument"})
        at(name, "w", last)

        keeper = FormdbHttp.Webhooks.Keeper.whereis(name)
        :sys.replace_state(keeper, &%{&1 | webhooks: :broken})
        asked = %{id: "x", address: address, active: false}
        assert {:error, %{code: :database_closed}} = FormdbHttp.create_webhook(name, asked)
        wait_until(fn -> match?({:ok, %{id: "w"}}, FormdbHttp.webhook(name, "w")) end)
      end)

    assert log =~ "webhook w of database #{name} failed"
    assert inspect(:sys.get_status(FormdbHttp.Webhooks.Keeper.whereis(name))) =~ "not_shown"
    "whsec_" <> secret = made.secret

    for hidden <- [
          "s3cr3t",
          "d0cument",
          secret,
          inspect(key, limit: :infinity),
          Base.encode64(key)
        ],
        do: refute(log =~ hidden)

    last = put(name, "y")
    at(name, "w", last)
  end

  test "what is under way when a subscription ends is not sent again once it is confirmed", %{
    name: name
  } do
    late = fn _request, _to, before ->
      if before == 0, do: Process.sleep(1_300) && 200, else: 200
    end

    receiver = start_supervised!({WebhookReceiver, late})
    hook(name, receiver, %{id: "w"})
    wait_until(fn -> WebhookReceiver.requests(receiver) != [] end)
    {:ok, pid} = FormdbHttp.Webhooks.Keeper.call(name, {:delivery, "w"})
    send(pid, {:formdb, :sys.get_state(pid).sub.ref, {:closed, :failed}})
    last = put(name, "x")
    at(name, "w", last)
    assert seqs(receiver) == [1, last]
  end

  test "one that is slow or dead keeps nobody else waiting", %{name: name} do
    test = self()

    hanging = fn _request, _socket, _before ->
      send(test, :hangs)
      Process.sleep(60_000)
    end

    dead = start_supervised!(Supervisor.child_spec({WebhookReceiver, hanging}, id: :dead))
    well = start_supervised!(Supervisor.child_spec({WebhookReceiver, 200}, id: :well))
    hook(name, dead, %{id: "dead"})
    hook(name, well, %{id: "well"})
    assert_receive :hangs, 5_000
    later = for n <- 1..200, do: put(name, "l#{n}", %{"pad" => String.duplicate("x", 10_000)})
    at(name, "well", List.last(later))
    assert seqs(well) == [2 | later]
    {:ok, %{cursor: 0}} = FormdbHttp.webhook(name, "dead")
  end

  @page "docs/howto/webhooks.md"

  test "the receiver of #{@page} takes what is signed, and each event once", %{name: name} do
    [program] = Regex.run(~r/```py\n(.*?)```/s, File.read!(@page), capture: :all_but_first)

    if python = System.find_executable("python3") do
      path = Path.join(System.tmp_dir!(), "receiver-#{System.unique_integer([:positive])}.py")
      File.write!(path, program)
      on_exit(fn -> File.rm(path) end)
      {:ok, free} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
      {:ok, port} = :inet.port(free)
      :gen_tcp.close(free)

      {:ok, %{secret: secret}} =
        FormdbHttp.create_webhook(name, %{id: "w", address: "http://127.0.0.1:#{port}/"})

      env = [{~c"SECRETS", ~c"whsec_AAAA #{secret}"}]
      args = [path, "#{port}"]
      io = Port.open({:spawn_executable, python}, [:binary, {:line, 1_000}, args: args, env: env])
      on_exit(fn -> Port.info(io) && Port.close(io) end)
      {:os_pid, pid} = Port.info(io, :os_pid)
      on_exit(fn -> System.cmd("kill", ["-9", "#{pid}"], stderr_to_stdout: true) end)

      assert_receive {^io, {:data, {:eol, "1 set_webhook after"}}}, 20_000
      put(name, "x")
      assert_receive {^io, {:data, {:eol, "2 put_feature after"}}}, 5_000
      {:ok, _} = FormdbHttp.update_webhook(name, "w", since: 0)
      assert_receive {^io, {:data, {:eol, "3 set_webhook after"}}}, 5_000
      refute_received {^io, _again}

      # And who stays inside a fence.
      stays = %{"dwell" => 0.1, "bbox" => "0,0,1,1"}
      {:ok, %{seq: 4}} = FormdbHttp.update_webhook(name, "w", filter: stays)
      point = %{"type" => "Point", "coordinates" => [0.5, 0.5]}
      feature = %{"type" => "Feature", "geometry" => point, "properties" => %{}}
      {:ok, %{seq: 5}} = FormdbHttp.put_feature(name, feature, id: "anna")
      assert_receive {^io, {:data, {:eol, "stays anna 0.1"}}}, 5_000
      {:ok, %{seq: 6}} = FormdbHttp.update_webhook(name, "w", filter: %{})
      assert_receive {^io, {:data, {:eol, "6 set_webhook after"}}}, 5_000

      # What somebody else has signed is refused.
      {:ok, _} = FormdbHttp.update_webhook(name, "w", rotate_secret: true)
      assert_receive {^io, {:data, {:eol, "7 set_webhook after"}}}, 5_000
      {:ok, _} = FormdbHttp.update_webhook(name, "w", rotate_secret: true)

      wait_until(fn ->
        match?({:ok, %{last: %{status: 401}}}, FormdbHttp.webhook(name, "w"))
      end)
    end
  end
end
