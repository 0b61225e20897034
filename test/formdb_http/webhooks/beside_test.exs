defmodule FormdbHttp.Webhooks.BesideTest do
  # What of webhooks stands beside the journal may be damaged, foreign, or kept from being removed:
  # nothing is lost by that, nobody is told what is not theirs, and everybody hears of it.
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog
  import FormdbHttp.Waiting

  alias FormdbHttp.{Catalog, JSON, WebhookReceiver}

  setup do
    name = "beside_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    receiver = start_supervised!({WebhookReceiver, 200})
    data = Path.join(Catalog.config().data_dir, name)
    {:ok, name: name, receiver: receiver, data: data, folder: Path.join(data, "webhooks")}
  end

  defp put(name, id) do
    feature = %{"type" => "Feature", "geometry" => nil, "properties" => %{}}
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(name, feature, id: id)
    seq
  end

  defp hook(name, receiver, more \\ %{}) do
    asked = Map.merge(%{id: "w", address: WebhookReceiver.address(receiver), since: 0}, more)
    {:ok, webhook} = FormdbHttp.create_webhook(name, asked)
    webhook
  end

  defp seqs(receiver), do: for(event <- WebhookReceiver.events(receiver), do: event["seq"])
  defp shown(name), do: name |> FormdbHttp.webhook("w") |> elem(1)
  defp at(name, seq), do: wait_until(fn -> match?(%{cursor: ^seq}, shown(name)) end)

  defp file(folder, kind) do
    [path] = Path.wildcard(Path.join(folder, "w.*.#{kind}"))
    path
  end

  # What the log has of an opening after which the webhook got on as far as this.
  defp reopened(name, change, until) do
    :ok = FormdbHttp.close(name)
    change.()

    capture_log(fn ->
      {:ok, _} = FormdbHttp.open(name)
      wait_until(fn -> until.(shown(name)) end)
    end)
  end

  test "other content has another id, and the same content the same one", context do
    %{name: name, receiver: receiver} = context
    for n <- 1..3, do: put(name, "f#{n}")
    hook(name, receiver)
    at(name, 4)
    {:ok, _} = FormdbHttp.update_webhook(name, "w", since: 0, filter: %{"ids" => "f2,f3"})
    wait_until(fn -> match?(%{lag: 0}, shown(name)) end)
    {:ok, _} = FormdbHttp.update_webhook(name, "w", since: 0, filter: %{"ids" => "f2,f1,f3"})
    wait_until(fn -> match?(%{lag: 0}, shown(name)) end)
    {:ok, _} = FormdbHttp.update_webhook(name, "w", rotate_secret: true)
    put(name, "f1")
    wait_until(fn -> match?(%{lag: 0}, shown(name)) end)

    sent = for r <- WebhookReceiver.requests(receiver), do: {r.headers["webhook-id"], r.body}
    assert length(Enum.uniq(sent)) == length(Enum.uniq_by(sent, &elem(&1, 0)))
    versions = for {id, _body} <- sent, uniq: true, do: id |> String.split("_") |> Enum.at(3)
    assert versions == ["4", "5", "6"]
  end

  test "a copy of a database, or one of another name, delivers once somebody says so", context do
    %{name: name, receiver: receiver, data: data} = context
    hook(name, receiver)
    at(name, 1)
    :ok = FormdbHttp.close(name)
    copy = name <> "_copy"
    on_exit(fn -> FormdbHttp.purge(copy) end)
    File.cp_r!(data, Path.join(Catalog.config().data_dir, copy))

    capture_log(fn ->
      {:ok, _} = FormdbHttp.open(name)
      {:ok, _} = FormdbHttp.open(copy)
      2 = put(copy, "of the copy")
      2 = put(name, "of the database")
      at(name, 2)
    end)

    assert %{state: :paused, active: true, reason: reason, cursor: 1, lag: 1} = shown(copy)
    assert reason =~ "copy of #{name}" and reason =~ ~s("active": true)
    assert seqs(receiver) == [1, 2]
    bodies = for r <- WebhookReceiver.requests(receiver), do: JSON.decode!(r.body)["database"]
    assert Enum.uniq(bodies) == [name]

    # What asks for something else leaves it so; then it goes on where the other one was.
    {:ok, %{state: :paused}} = FormdbHttp.update_webhook(copy, "w", filter: %{"ids" => "a"})
    {:ok, %{state: :paused}} = FormdbHttp.update_webhook(copy, "w", filter: %{})
    {:ok, resumed} = FormdbHttp.update_webhook(copy, "w", active: true)
    assert %{state: :delivering, reason: nil} = resumed
    at(copy, 5)
    assert Enum.sort(Enum.drop(seqs(receiver), 2)) == [2, 3, 4, 5]
    :ok = FormdbHttp.close(copy)
    {:ok, _} = FormdbHttp.open(copy)
    assert %{state: :delivering} = shown(copy)
  end

  test "a cursor that cannot be read is told of, and what it hid is told again", context do
    %{name: name, receiver: receiver, folder: folder} = context
    hook(name, receiver)
    last = put(name, "x")
    at(name, last)

    for {damage, what} <- [
          {&File.rm!/1, "is missing"},
          {&File.write!(&1, ""), "is empty"},
          {&File.write!(&1, "nonsense"), "is damaged"},
          {&pipe/1, "is no regular file"}
        ] do
      before = length(seqs(receiver))
      damage = fn -> damage.(file(folder, "cursor")) end
      log = reopened(name, damage, &(&1.cursor == last and &1.deliveries > 0))
      assert %{state: :delivering, reason: reason} = shown(name)

      for text <- [log, reason],
          do: assert(text =~ what and text =~ "after block 0 is told again")

      assert Enum.drop(seqs(receiver), before) == [1, last]
    end

    assert reopened(name, fn -> :ok end, &(&1.lag == 0)) == ""
    assert %{reason: nil} = shown(name)
  end

  test "an address or dead letters that cannot be read are told of", context do
    %{name: name, receiver: receiver, folder: folder} = context
    hook(name, receiver, %{active: false})

    for {damage, what} <- [
          {&File.write!(&1, "nonsense"), "is damaged"},
          {&pipe/1, "is no regular file"},
          {&File.rm!/1, "no file of its address"}
        ] do
      damage = fn -> damage.(file(folder, "address")) end
      log = reopened(name, damage, &(&1.state == :no_address))
      assert %{reason: reason} = shown(name)
      for text <- [log, reason], do: assert(text =~ what and text =~ "with PATCH")
      # It is known up to where it was delivered, so nothing more has to be said.
      again = %{address: WebhookReceiver.address(receiver)}
      {:ok, %{state: :paused, reason: nil}} = FormdbHttp.update_webhook(name, "w", again)
    end

    letters = String.replace(file(folder, "address"), ~r/\.\d+\.address$/, ".state")

    for damage <- [
          &File.write!(&1, "nonsense"),
          &File.write!(&1, ~s({"dead_letters":[5]})),
          &pipe/1
        ] do
      log = reopened(name, fn -> damage.(letters) end, &(&1.reason != nil))
      assert %{state: :paused, reason: reason, dead_letters: 0} = shown(name)
      for text <- [log, reason], do: assert(text =~ "dead letters that were in it are lost")
    end
  end

  # Whoever opens it to read waits for somebody who writes.
  defp pipe(path) do
    File.rm(path)
    {_, 0} = System.cmd("mkfifo", [path])
  end

  test "files that cannot be removed are told of, and are not those of the next one", context do
    %{name: name, receiver: receiver, folder: folder} = context
    hook(name, receiver)
    at(name, 1)
    # A folder that nothing can be removed from; one who may all is kept out by no mode.
    {_, status} = System.cmd("chattr", ["+i", file(folder, "cursor")], stderr_to_stdout: true)
    immutable = file(folder, "cursor")
    on_exit(fn -> System.cmd("chattr", ["-i", immutable], stderr_to_stdout: true) end)

    # Where the file system knows no such thing there is nothing to see.
    if status == 0 do
      log = capture_log(fn -> {:ok, _} = FormdbHttp.delete_webhook(name, "w", []) end)
      assert log =~ "webhook w of database #{name}" and log =~ "cannot be removed"
      assert File.exists?(immutable)
      capture_log(fn -> hook(name, receiver) end)
      at(name, 3)
      # The first one may have told of its own end.
      assert seqs(receiver) in [[1, 1, 2, 3], [1, 2, 1, 2, 3]]
    end

    System.cmd("chattr", ["-i", immutable], stderr_to_stdout: true)
  end

  # What handlers of logs get, whatever they show of it.
  def log(event, %{config: test}), do: send(test, {:logged, inspect(event, limit: :infinity)})

  defp logged(texts) do
    receive do
      {:logged, text} -> logged([text | texts])
    after
      0 -> Enum.join(texts)
    end
  end

  test "what is killed has nothing in the log of where it delivers to", context do
    %{name: name, receiver: receiver} = context
    hook(name, receiver)
    at(name, 1)

    {:ok, pid} = FormdbHttp.Webhooks.Keeper.call(name, {:delivery, "w"})
    :ok = :logger.add_handler(__MODULE__, __MODULE__, %{config: self()})
    on_exit(fn -> :logger.remove_handler(__MODULE__) end)

    log =
      capture_log(fn ->
        Process.exit(FormdbHttp.Webhooks.Keeper.whereis(name), :kill)
        last = put(name, "x")

        wait_until(fn ->
          match?({:ok, %{cursor: ^last, lag: 0}}, FormdbHttp.webhook(name, "w"))
        end)
      end)

    all = logged([])
    assert all =~ inspect(pid)
    for log <- [log, all], do: refute(log =~ "Registration{" or log =~ "http://127.0.0.1")
  end
end
