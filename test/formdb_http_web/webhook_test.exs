defmodule FormdbHttpWeb.WebhookTest do
  # Webhooks over HTTP: who may do and see what, and what is refused with which place.
  use ExUnit.Case

  import FormdbHttp.AuthServer
  import FormdbHttp.HTTPClient, only: [json: 1]
  import FormdbHttp.Waiting

  alias FormdbHttp.{Telemetry, WebhookReceiver}
  alias FormdbHttpWeb.Endpoint

  setup do
    file = Path.join(folder(), "keys.json")
    db = "webhooks-#{System.unique_integer([:positive])}"

    keys =
      for {name, scope} <- [reader: "read:#{db}", writer: "write:#{db}", owner: "admin:#{db}"],
          into: %{},
          do: {name, key(file, to_string(name), scope)}

    {:ok, _} = FormdbHttp.open(db)
    on_exit(fn -> FormdbHttp.purge(db) end)
    start_supervised!({Endpoint, config(api_keys_file: file)})
    path = "/api/v1/databases/#{db}/webhooks"
    {:ok, port: Endpoint.port(), keys: keys, db: db, path: path}
  end

  @secret "https://example.org/hooks/s3cr3t"

  test "those alone who administer change them, and see where they go", context do
    %{port: port, keys: keys, db: db, path: path} = context
    asked = %{id: "w", address: @secret, filter: %{"type" => "delete_points"}}

    for who <- [:reader, :writer],
        do: assert(ask(port, "POST", path, keys[who], json: asked).status == 403)

    test = self()
    audit = fn _event, _figures, told, _config -> send(test, {:audit, told}) end
    Telemetry.attach("webhook-test", [:formdb, :audit], audit, nil)
    on_exit(fn -> Telemetry.detach("webhook-test") end)
    made = ask(port, "POST", path, keys.owner, json: asked)
    assert {made.status, made.headers["location"]} == {201, path <> "/w"}
    assert made.headers["cache-control"] == "no-store"
    assert %{"secret" => "whsec_" <> _, "address" => @secret, "actor" => "key:owner"} = json(made)
    assert_receive {:audit, %{act: :create_webhook, outcome: :done, actor: "key:owner"} = told}
    refute inspect(told) =~ "s3cr3t"

    for {who, shown?} <- [reader: false, writer: false, owner: true] do
      one = ask(port, "GET", path <> "/w", keys[who])
      [listed] = json(ask(port, "GET", path, keys[who]))["webhooks"]

      for webhook <- [json(one), listed] do
        assert %{"receiver" => "https://example.org", "state" => "delivering"} = webhook
        assert Map.has_key?(webhook, "address") == shown?
        refute Map.has_key?(webhook, "secret")
      end

      assert json(ask(port, "GET", path <> "/w/dead-letters", keys[who])) == %{
               "dead_letters" => []
             }

      for {method, place} <- [{"PATCH", "/w"}, {"DELETE", "/w"}, {"POST", "/w/dead-letters"}],
          not shown?,
          do: assert(ask(port, method, path <> place, keys[who], json: %{}).status == 403)
    end

    changed = ask(port, "PATCH", path <> "/w", keys.owner, json: %{active: false})
    assert %{"state" => "paused"} = json(changed)
    refute Map.has_key?(json(changed), "secret")
    rotated = ask(port, "PATCH", path <> "/w", keys.owner, json: %{rotate_secret: true})
    assert %{"secret" => new} = json(rotated)
    refute new == json(made)["secret"]
    assert json(ask(port, "DELETE", path <> "/w", keys.owner))["seq"] == 4
    journal = ask(port, "GET", "/api/v1/databases/#{db}/journal", keys.reader)
    refute journal.body =~ "s3cr3t"
    ops = for entry <- json(journal)["entries"], do: {entry["op"], entry["actor"]}
    assert ops == List.duplicate({"set_webhook", "key:owner"}, 4)
  end

  test "a refusal says where", %{port: port, keys: keys, path: path} do
    refused = fn body ->
      problem = json(ask(port, "POST", path, keys.owner, json: body))
      {problem["status"], problem["code"], problem["pointer"]}
    end

    assert refused.(%{}) == {400, "invalid_address", "/address"}
    assert refused.(%{address: nil}) == {400, "invalid_address", "/address"}
    assert refused.(%{address: "http://"}) == {400, "invalid_address", "/address"}
    ok = %{address: @secret}
    assert refused.(Map.put(ok, :nope, 1)) == {400, "invalid_body", "/nope"}
    assert refused.(Map.put(ok, :active, "x")) == {400, "invalid_body", "/active"}
    assert refused.(Map.put(ok, :filter, [])) == {400, "invalid_parameter", "/filter"}
    assert {400, _, "/filter/bbox"} = refused.(Map.put(ok, :filter, %{bbox: "1"}))

    for none <- [%{}, nil, []],
        do:
          assert({400, _, "/filter/prop.a"} = refused.(Map.put(ok, :filter, %{"prop.a" => none})))

    assert {400, "invalid_json", "/filter/prop.a"} =
             refused.(Map.put(ok, :filter, %{"prop.a" => 18_446_744_073_709_551_616}))

    assert {400, "invalid_parameter", "/filter/prop.a"} =
             refused.(Map.put(ok, :filter, %{"prop.a" => "gt:18446744073709551616"}))

    assert {400, "invalid_parameter", "/filter/above"} =
             refused.(Map.put(ok, :filter, %{"series_id" => "s", "above" => "1e-400"}))

    assert refused.(Map.put(ok, :since, 99)) == {400, "invalid_parameter", "/since"}
    assert refused.(Map.put(ok, :since, -1)) == {400, "invalid_parameter", "/since"}
    since = %{seq: 0, log: String.duplicate("0", 32)}
    assert {409, "log_diverged", _} = refused.(Map.put(ok, :since, since))
    assert ask(port, "POST", path, keys.owner, json: Map.put(ok, :id, "a")).status == 201
    assert refused.(Map.put(ok, :id, "a")) == {409, "webhook_exists", "/id"}

    for {address, why} <- [{nil, "expected the URL"}, {"", "is empty"}] do
      problem = json(ask(port, "PATCH", path <> "/a", keys.owner, json: %{address: address}))
      assert %{"code" => "invalid_address", "pointer" => "/address", "detail" => detail} = problem
      assert detail =~ why
    end

    assert json(ask(port, "PATCH", path <> "/a", keys.owner, json: %{}))["seq"] == 1
    settle = ask(port, "POST", path <> "/a/dead-letters", keys.owner, json: %{ids: ["1-2"]})
    assert {settle.status, json(settle)["code"]} == {404, "dead_letter_not_found"}
    assert ask(port, "GET", path <> "/..%2Fa", keys.owner).status == 404
    assert ask(port, "GET", path <> "/b", keys.owner).status == 404
  end

  test "metrics say how they get on, and name no address", context do
    %{port: port, keys: keys, db: db, path: path} = context
    receiver = start_supervised!({WebhookReceiver, 200})
    address = WebhookReceiver.address(receiver, "/s3cr3t")
    assert ask(port, "POST", path, keys.owner, json: %{id: "w", address: address}).status == 201
    wait_until(fn -> match?({:ok, %{cursor: 1}}, FormdbHttp.webhook(db, "w")) end)
    text = FormdbHttpWeb.Metrics.text()
    labels = ~s({database="#{db}",webhook="w"})

    for {name, value} <- [delivering: 1, lag_blocks: 0, events_total: 1, failures_total: 0] do
      assert text =~ "formdb_webhook_#{name}#{labels} #{value}\n"
    end

    refute text =~ "s3cr3t"
  end
end
