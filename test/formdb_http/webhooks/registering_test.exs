defmodule FormdbHttp.Webhooks.RegisteringTest do
  # Webhooks as they are registered, changed and deleted, and what is where.
  use ExUnit.Case, async: true

  import FormdbHttp.Waiting

  alias FormdbHttp.{Catalog, Error, JSON, WebhookReceiver}

  setup do
    name = "hooks_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, name: name, folder: Path.join([Catalog.config().data_dir, name, "webhooks"])}
  end

  defp put(name, id, properties \\ %{}) do
    feature = %{"type" => "Feature", "geometry" => nil, "properties" => properties}
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(name, feature, id: id)
    seq
  end

  defp journal(name) do
    {:ok, %{json: json}} = FormdbHttp.journal(name, [])
    JSON.decode!(json)
  end

  @address "https://Example.org:8443/hook/s3cr3t?key=t0k3n"

  test "the journal has what may be seen, and the folder the rest", %{name: name, folder: folder} do
    {:ok, made} =
      FormdbHttp.create_webhook(name, %{
        id: "orders",
        address: @address,
        filter: %{"prop.a" => "gte:5", geometry: %{type: "Point", coordinates: [1, 2]}}
      })

    assert %{id: "orders", receiver: "https://example.org", address: @address} = made
    assert %{since: 0, seq: 1, active: true, state: :delivering, dead_letters: 0} = made
    assert %{"prop.a" => "gte:5", "geometry" => %{"coordinates" => [1, 2]}} = made.filter
    assert "whsec_" <> base64 = made.secret
    assert byte_size(Base.decode64!(base64)) == 32

    assert [%{"op" => "set_webhook", "body" => %{"id" => "orders"} = body}] = journal(name)
    assert body["webhook"]["receiver"] == "https://example.org"
    files = Path.wildcard(Path.join([Catalog.config().data_dir, name, "**"]))
    places = for file <- files, File.regular?(file), File.read!(file) =~ "s3cr3t", do: file
    assert [place] = places
    assert Path.dirname(place) == folder and Path.basename(place) =~ ~r/^orders\.\w+\.1\.address$/
    assert for(file <- files, File.regular?(file), File.read!(file) =~ base64, do: file) == []

    for file <- File.ls!(folder),
        do: assert(Bitwise.band(File.stat!(Path.join(folder, file)).mode, 0o777) == 0o600)

    assert Bitwise.band(File.stat!(folder).mode, 0o777) == 0o700

    # It is not shown again, and is the same again.
    {:ok, [listed]} = FormdbHttp.webhooks(name)
    assert Map.delete(listed, :lag) == Map.drop(made, [:secret, :lag])
    {:ok, rotated} = FormdbHttp.update_webhook(name, "orders", %{rotate_secret: true})
    refute rotated.secret == made.secret
  end

  test "a secret never comes again", %{name: name} do
    create = fn ->
      {:ok, made} = FormdbHttp.create_webhook(name, %{id: "a", address: @address, active: false})
      made.secret
    end

    rotate = fn ->
      {:ok, rotated} = FormdbHttp.update_webhook(name, "a", rotate_secret: true)
      rotated.secret
    end

    secrets =
      for _registration <- 1..3 do
        secrets = [create.(), rotate.(), rotate.()]
        {:ok, _} = FormdbHttp.delete_webhook(name, "a", [])
        secrets
      end

    # Nor where the database goes back to what it was before one was changed.
    last = [create.()]
    data = Path.join(Catalog.config().data_dir, name)
    on_exit(fn -> File.rm_rf!(data <> ".kept") end)
    :ok = FormdbHttp.close(name)
    File.cp_r!(data, data <> ".kept")
    {:ok, _} = FormdbHttp.open(name)
    last = [rotate.() | last]
    :ok = FormdbHttp.close(name)
    File.rm_rf!(data)
    File.rename!(data <> ".kept", data)
    {:ok, _} = FormdbHttp.open(name)
    all = List.flatten([rotate.(), last | secrets])
    assert length(Enum.uniq(all)) == 12
  end

  test "what asks for nothing new writes nothing", %{name: name} do
    asked = %{id: "a", address: @address, filter: %{"type" => "put_feature"}, active: false}
    {:ok, made} = FormdbHttp.create_webhook(name, asked)

    for nothing <- [%{}, Map.take(asked, [:address, :filter, :active]), %{rotate_secret: false}],
        do:
          assert(
            FormdbHttp.update_webhook(name, "a", nothing) == {:ok, Map.delete(made, :secret)}
          )

    assert length(journal(name)) == 1
  end

  test "who asks for what is no webhook is told why", %{name: name} do
    refused = fn webhook ->
      {:error, %Error{} = error} = FormdbHttp.create_webhook(name, webhook)
      {error.code, error.pointer}
    end

    for address <- [
          nil,
          5,
          "",
          "example.org",
          "ftp://example.org/",
          "https://",
          "https://user:secret@example.org/",
          "https://example.org/#part",
          "https://example.org/a b",
          "https://example.org/\r\nX: y",
          "https://ex*mple.org/",
          "https://example.org:0/",
          "https://" <> String.duplicate("a", 254) <> "/",
          "https://example.org/" <> String.duplicate("a", 2_048)
        ] do
      assert refused.(%{address: address}) == {:invalid_address, "/address"}, inspect(address)
    end

    assert refused.(%{address: @address, id: "A"}) == {:invalid_id, "/id"}
    assert refused.(%{address: @address, id: "a.b"}) == {:invalid_id, "/id"}
    assert {:invalid_parameter, _} = refused.(%{address: @address, filter: %{"nope" => "1"}})
    assert {:invalid_bbox, _} = refused.(%{address: @address, filter: %{"bbox" => "1,2"}})
    assert {:invalid_parameter, "/since"} = refused.(%{address: @address, since: 99})

    {:ok, _} = FormdbHttp.create_webhook(name, %{address: @address, id: "a", active: false})
    assert refused.(%{address: @address, id: "a"}) == {:webhook_exists, "/id"}
    assert {:error, %{code: :webhook_not_found}} = FormdbHttp.webhook(name, "b")

    assert {:error, %{code: :webhook_not_found}} =
             FormdbHttp.update_webhook(name, "b", active: true)

    assert {:error, %{code: :webhook_not_found}} = FormdbHttp.delete_webhook(name, "b")
    assert {:error, %{code: :webhook_not_found}} = FormdbHttp.dead_letters(name, "b")
    assert {:error, %{code: :database_not_found}} = FormdbHttp.webhooks("no_such_database")
    assert length(journal(name)) == 1
  end

  test "what it was is told as of every block, over openings and a salvage", context do
    %{name: name, folder: folder} = context
    {:ok, _} = FormdbHttp.create_webhook(name, %{id: "a", address: @address, active: false})
    put(name, "x")
    {:ok, _} = FormdbHttp.create_webhook(name, %{id: "b", address: @address, active: false})
    {:ok, _} = FormdbHttp.update_webhook(name, "a", %{address: "https://other.example/x"})
    {:ok, %{seq: 5}} = FormdbHttp.delete_webhook(name, "b", [])

    # But for the nonce.
    files = fn ->
      Enum.sort(for file <- File.ls!(folder), do: String.replace(file, ~r/\.[a-z2-7]{24}\./, "."))
    end

    shown = fn name, opts ->
      {:ok, all} = FormdbHttp.webhooks(name, opts)
      for webhook <- all, do: {webhook.id, webhook.receiver, webhook.seq}
    end

    past = [
      [],
      [{"a", "https://example.org", 1}],
      [{"a", "https://example.org", 1}],
      [{"a", "https://example.org", 1}, {"b", "https://example.org", 3}],
      [{"b", "https://example.org", 3}, {"a", "https://other.example", 4}],
      [{"a", "https://other.example", 4}]
    ]

    for _opening <- 1..2 do
      for {there, at} <- Enum.with_index(past), do: assert(shown.(name, as_of: at) == there)
      assert shown.(name, []) == List.last(past)
      assert files.() == ["a.1.cursor", "a.2.address"]
      :ok = FormdbHttp.close(name)
      {:ok, _} = FormdbHttp.open(name)
    end

    {:ok, %{address: "https://other.example/x"}} = FormdbHttp.webhook(name, "a")

    # What was a crash between the journal and the files.
    File.write!(Path.join(folder, "a.3.address"), "{}")
    File.write!(Path.join(folder, "c.1.address"), "{}")
    File.mkdir_p!(Path.join(folder, "a.2.address.17-3.tmp"))
    File.write!(Path.join(folder, "a.2.address.17-3.tmp/new"), "{")
    :ok = FormdbHttp.close(name)
    {:ok, _} = FormdbHttp.open(name)
    wait_until(fn -> files.() == ["a.1.cursor", "a.2.address"] end)

    # A copy sends nothing to nobody: it does not know where to.
    copy = name <> "_copy"
    on_exit(fn -> FormdbHttp.purge(copy) end)
    data_dir = Catalog.config().data_dir
    :ok = FormdbHttp.close(name)
    [from, to] = for which <- [name, copy], do: Path.join(data_dir, which)
    {:ok, _} = FormdbHttp.Inspection.salvage(from, to, false, fn _done, _total -> :ok end)
    {:ok, _} = FormdbHttp.open(copy)
    assert {:ok, %{state: :no_address, address: nil} = shown} = FormdbHttp.webhook(copy, "a")

    assert shown.reason ==
             "there is no file of its address here; give the address again with PATCH"

    moved = %{address: "https://other.example/y"}

    assert {:error, %Error{code: :missing_parameter, pointer: "/since"}} =
             FormdbHttp.update_webhook(copy, "a", moved)

    {:ok, webhook} = FormdbHttp.update_webhook(copy, "a", Map.put(moved, :since, 5))
    assert %{state: :paused, address: "https://other.example/y", since: 5} = webhook
  end

  test "a folder that another server has written is not delivered from", context do
    %{name: name, folder: folder} = context
    {:ok, _} = FormdbHttp.create_webhook(name, %{id: "a", address: @address, active: false})
    [path] = Path.wildcard(Path.join(folder, "a.*.1.address"))
    %{"seal" => seal} = known = JSON.decode!(File.read!(path))
    :ok = FormdbHttp.close(name)
    other = String.replace(seal, ~r/^./, if(seal =~ ~r/^0/, do: "1", else: "0"))
    File.write!(path, JSON.text(%{known | "seal" => other}))
    {:ok, _} = FormdbHttp.open(name)
    assert {:ok, %{state: :no_address, reason: reason}} = FormdbHttp.webhook(name, "a")
    assert reason =~ "this server did not write"
  end

  test "what was undone leaves webhooks as they are", %{name: name} do
    put(name, "x")
    {:ok, %{seq: seq}} = FormdbHttp.create_webhook(name, %{address: @address, active: false})
    assert {:error, %Error{code: :cannot_revert} = error} = FormdbHttp.revert(name, seq)
    assert error.detail =~ "webhook"
    filter = %{"filter" => %{"start" => "2000-01-01"}}
    assert {:ok, %{reverted: 1}} = FormdbHttp.revert_many(name, filter)
  end

  test "there are as many as a setting allows", %{name: name} do
    most = Catalog.config().webhooks_per_database
    create = fn -> FormdbHttp.create_webhook(name, %{address: @address, active: false}) end
    for _ <- 1..most, do: {:ok, _} = create.()
    assert {:error, %Error{code: :too_large, detail: detail}} = create.()
    assert detail =~ "FORMDB_WEBHOOKS_PER_DATABASE"
    {:ok, [%{id: id} | _] = all} = FormdbHttp.webhooks(name)
    assert length(all) == most
    {:ok, _} = FormdbHttp.delete_webhook(name, id)
    {:ok, _} = create.()
  end

  test "what delivers one ends with it", %{name: name} do
    receiver = start_supervised!({WebhookReceiver, 200})
    address = WebhookReceiver.address(receiver)
    {:ok, _} = FormdbHttp.create_webhook(name, %{id: "a", address: address})
    # Its own registration is the first thing it is told of.
    wait_until(fn -> match?({:ok, %{cursor: 1, lag: 0}}, FormdbHttp.webhook(name, "a")) end)
    {:ok, _} = FormdbHttp.delete_webhook(name, "a")
    count = length(WebhookReceiver.requests(receiver))
    put(name, "x")
    assert FormdbHttp.webhooks(name) == {:ok, []}
    assert FormdbHttp.webhooks(name, as_of: 1) != {:ok, []}
    assert length(WebhookReceiver.requests(receiver)) == count
    assert {:ok, 0} = FormdbHttp.Live.count(name)
  end
end
