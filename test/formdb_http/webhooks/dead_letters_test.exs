defmodule FormdbHttp.Webhooks.DeadLettersTest do
  # Deliveries that are given up: they are put aside with what reads them again, and nothing that
  # was not confirmed is forgotten unless somebody says so.
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog
  import FormdbHttp.Waiting

  alias FormdbHttp.{Catalog, JSON, ServerKey, WebhookReceiver}
  alias FormdbHttp.Webhooks.{Address, Cursor, Delivery, Letters, Progress, Registration}
  alias FormdbHttp.Webhooks.SideFiles

  setup do
    name = "letters_#{System.unique_integer([:positive])}"
    {:ok, %{log: log}} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    for n <- 1..10, do: put(name, n)
    {:ok, name: name, log: log}
  end

  defp put(name, n) do
    feature = %{"type" => "Feature", "geometry" => nil, "properties" => %{"n" => n}}
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(name, feature, id: "f#{n}")
    seq
  end

  # As the keeper starts one, with other settings.
  defp start(name, log, receiver, settings, filter \\ %{}) do
    {:ok, address} = Address.parse(WebhookReceiver.address(receiver), true)
    config = struct!(Catalog.config(), [webhook_batch_events: 1] ++ settings)
    {:ok, key} = ServerKey.load(ServerKey.path(config))
    folder = SideFiles.folder(config.data_dir, name)

    webhook = %Registration{
      id: "w",
      seq: 1,
      hash: "",
      time: "",
      actor: nil,
      receiver: "",
      filter: filter,
      since: 0,
      version: 11,
      nonce: "n",
      secrets: ["s"]
    }

    place =
      case Cursor.read(folder, SideFiles.name(webhook, :cursor)) do
        {:ok, place} -> place
        :none -> %{seq: 0, since: 1, log: log}
      end

    {:ok, pid} =
      Delivery.start_link(%{
        database: name,
        webhook: webhook,
        address: fn -> address end,
        obstacle: nil,
        place: place,
        warning: nil,
        key: fn -> key end,
        folder: folder,
        config: config
      })

    pid
  end

  defp ids(pid), do: for(letter <- Delivery.letters(pid), do: letter.id)
  defp seqs(receiver), do: for(event <- WebhookReceiver.events(receiver), do: event["seq"])
  defp cursor(name), do: Progress.get(name, "w").cursor
  defp has?(%{body: body}, seq), do: Enum.any?(JSON.decode!(body)["events"], &(&1["seq"] == seq))

  test "one that is refused for long is put aside, and the others pass", context do
    %{name: name, log: log} = context

    refuse = fn request, _to, _n ->
      if(has?(request, 4) or has?(request, 7), do: 422, else: 200)
    end

    receiver = start_supervised!({WebhookReceiver, refuse})
    filter = %{"prop.n" => "lte:9"}

    capture_log(fn ->
      pid = start(name, log, receiver, [webhook_give_up_seconds: 0], filter)
      wait_until(fn -> cursor(name) == 9 end)
      assert ids(pid) == ["11_4-4", "11_7-7"]
      assert [%{attempts: 1, status: 422, error: error} | _] = Delivery.letters(pid)
      assert error == "the receiver answered 422"
      assert seqs(receiver) == Enum.to_list(1..9)

      # They outlive whoever kept them, and so does the place.
      GenServer.stop(pid)
      pid = start(name, log, receiver, [webhook_give_up_seconds: 0], filter)
      assert ids(pid) == ["11_4-4", "11_7-7"]
      assert Progress.get(name, "w").dead_letters == 2

      # Sent again, one is confirmed and the other is not.
      WebhookReceiver.answer_with(receiver, fn request, _to, _n ->
        if(has?(request, 7), do: 500, else: 200)
      end)

      assert Delivery.settle(pid, :resend, ["nope"]) == {:error, {:unknown, "nope"}}
      assert Delivery.settle(pid, :resend, :all) == {:ok, 2}
      wait_until(fn -> match?([%{attempts: 2, queued: false}], Delivery.letters(pid)) end)
      assert ids(pid) == ["11_7-7"]
      assert Enum.take(seqs(receiver), -2) == [4, 7]

      [first, again] =
        for request <- WebhookReceiver.requests(receiver), has?(request, 4), do: request

      assert {first.body, first.headers["webhook-id"]} ==
               {again.body, again.headers["webhook-id"]}

      # What is new is delivered meanwhile, and what is forgotten is gone.
      seq = put(name, 5)
      wait_until(fn -> cursor(name) == seq end)
      assert Delivery.settle(pid, :forget, ["11_7-7"]) == {:ok, 1}
      assert ids(pid) == []
      GenServer.stop(pid)
      assert ids(start(name, log, receiver, [], filter)) == []
    end)
  end

  test "when there are too many it stops, and has lost nothing", %{name: name, log: log} do
    receiver = start_supervised!({WebhookReceiver, 500})
    settings = [webhook_give_up_seconds: 0, webhook_dead_letters: 2]

    capture_log(fn ->
      pid = start(name, log, receiver, settings)
      wait_until(fn -> Progress.get(name, "w").state == :stopped end)
      assert ids(pid) == ["11_1-1", "11_2-2"]
      assert cursor(name) == 2
      assert Progress.get(name, "w").reason =~ "FORMDB_WEBHOOK_DEAD_LETTERS"

      GenServer.stop(pid)
      pid = start(name, log, receiver, settings)
      assert Progress.get(name, "w").state == :stopped

      # Once there is room again it goes on, of itself: here until that is full, too.
      assert Delivery.settle(pid, :forget, ["11_1-1"]) == {:ok, 1}
      wait_until(fn -> ids(pid) == ["11_2-2", "11_3-3"] end)
      wait_until(fn -> Progress.get(name, "w").state == :stopped end)

      # And those that are left can be sent although it has stopped.
      WebhookReceiver.answer_with(receiver, 200)
      assert Delivery.settle(pid, :resend, :all) == {:ok, 2}
      wait_until(fn -> ids(pid) == [] and cursor(name) == 10 end)
      assert %{state: :delivering, reason: nil} = Progress.get(name, "w")
      confirmed = Enum.take(seqs(receiver), -9)
      assert Enum.sort(confirmed) == Enum.to_list(2..10)
      assert Enum.reject(confirmed, &(&1 in [2, 3])) == Enum.to_list(4..10)
      GenServer.stop(pid)
      start(name, log, receiver, settings)
      assert Progress.get(name, "w").state == :delivering
    end)
  end

  test "after a dead letter it counts as failing until something is confirmed", context do
    %{name: name, log: log} = context

    hang = fn _request, _to, before ->
      if before == 0, do: 500, else: Process.sleep(60_000) && 200
    end

    receiver = start_supervised!({WebhookReceiver, hang})

    capture_log(fn ->
      pid = start(name, log, receiver, webhook_give_up_seconds: 0)
      wait_until(fn -> length(WebhookReceiver.requests(receiver)) == 2 end)
      assert %{state: :retrying, dead_letters: 1} = Progress.get(name, "w")
      GenServer.stop(pid)
    end)
  end

  test "where webhooks are off none is delivered, and none is lost", %{name: name, log: log} do
    receiver = start_supervised!({WebhookReceiver, 200})
    pid = start(name, log, receiver, webhooks: false)
    assert Progress.get(name, "w").state == :off
    GenServer.stop(pid)
    assert WebhookReceiver.requests(receiver) == []
    start(name, log, receiver, [])
    wait_until(fn -> cursor(name) == 10 end)
    assert seqs(receiver) == Enum.to_list(1..10)
  end

  test "a cursor that a crash has torn is the one before", %{name: name, log: log} do
    folder = SideFiles.folder(Catalog.config().data_dir, name)
    place = %{seq: 3, since: 1, log: log}
    {:ok, cursor} = Cursor.open(folder, "c.cursor", place)
    path = Path.join(folder, "c.cursor")

    Enum.reduce(4..20, cursor, fn seq, cursor ->
      before = File.read!(path)
      {:ok, cursor} = Cursor.move(cursor, seq)
      whole = File.read!(path)
      assert byte_size(whole) == byte_size(before)
      assert Cursor.read(folder, "c.cursor") == {:ok, %{place | seq: seq}}

      # Any part of what changed, at its beginning or end, may not be there.
      changed =
        for i <- 0..(byte_size(whole) - 1), :binary.at(whole, i) != :binary.at(before, i), do: i

      for i <- changed, torn <- [cut(whole, before, i), cut(before, whole, i)] do
        File.write!(path, torn)
        {:ok, %{seq: at} = read} = Cursor.read(folder, "c.cursor")
        assert at in [seq, seq - 1] and read == %{place | seq: at}
      end

      File.write!(path, whole)
      cursor
    end)

    File.write!(path, "nonsense")
    assert Cursor.read(folder, "c.cursor") == {:error, "c.cursor is damaged"}
    {:ok, _cursor} = Cursor.open(folder, "c.cursor", place)
    assert Cursor.read(folder, "c.cursor") == {:ok, place}
  end

  defp cut(one, other, at),
    do: binary_part(one, 0, at) <> binary_part(other, at, byte_size(other) - at)

  test "who stayed inside a fence is kept as it was" do
    batch = FormdbHttp.Webhooks.Batch.again([~s({"a":1}), ~s({"b":2})])
    name = FormdbHttp.Webhooks.Batch.name(batch, 7)
    letter = Letters.new(batch, name, %{}, 3, %{status: 500, error: "x"})
    assert %{id: "7_dwell-" <> _, dwells: [~s({"a":1}), ~s({"b":2})], first: nil} = letter

    stored =
      %Letters{} |> Letters.add(letter) |> Letters.stored() |> JSON.text() |> JSON.decode!()

    assert {:ok, loaded} = Letters.load(%{"dead_letters" => stored})
    assert Letters.list(loaded) == [letter]

    for damaged <- [[5], [%{}], Enum.map(stored, &Map.delete(&1, "dwells"))],
        do: assert(Letters.load(%{"dead_letters" => damaged}) == :damaged)
  end
end
