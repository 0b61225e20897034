defmodule FormdbHttpWeb.AuthorizationTest do
  # What they may do: every call of the table of routes as nobody, as each scope, and as a
  # stranger; whose transactions and idempotency keys they are; and who is written down.
  use ExUnit.Case

  import FormdbHttp.AuthServer
  import FormdbHttp.HTTPClient, only: [json: 1]

  alias FormdbHttp.Telemetry
  alias FormdbHttpWeb.{Endpoint, Routes}

  @point ~s({"type":"Feature","id":"f1","geometry":null,"properties":{}})
  @json {"content-type", "application/json"}

  setup do
    folder = folder()
    keys = Path.join(folder, "keys.json")
    n = System.unique_integer([:positive])
    [db, other, absent] = for name <- ["own", "other", "absent"], do: "walk-#{name}-#{n}"

    credentials =
      for {name, scope} <- [
            reader: "read:#{db}",
            writer: "write:#{db}",
            owner: "admin:#{db}",
            team: "admin:walk-own-*",
            stranger: "admin:#{other}",
            watcher: "read:*",
            root: "admin:*"
          ],
          into: %{},
          do: {name, key(keys, to_string(name), scope)}

    for name <- [db, other] do
      {:ok, _} = FormdbHttp.open(name)
      on_exit(fn -> FormdbHttp.purge(name) end)
      {:ok, _} = FormdbHttp.put_feature(name, @point)
      {:ok, _} = FormdbHttp.put_point(name, "s1", 0, 1.0)
    end

    start_supervised!({Endpoint, config(api_keys_file: keys)})
    {:ok, port: Endpoint.port(), keys: credentials, db: db, other: other, absent: absent}
  end

  # Every call, with names of what is there. Bodies are such that nothing happens.
  defp calls(db) do
    for %{template: template, name: name} = resource <- Routes.all(),
        {method, call} <- resource.calls do
      path =
        template
        |> String.replace("{db}", db)
        |> String.replace("{id}", "f1")
        |> String.replace("{series}", "s1")
        |> String.replace("{prefix}", "s")
        |> String.replace("{point_id}", "pt_2_0")
        |> String.replace("{block}", "1")
        |> String.replace("{txn}", "txn_none")

      {name, method, path, call}
    end
  end

  # So that what is let in changes nothing: no call takes this.
  defp status(port, {_name, method, path, _call}, credential, query \\ "?no-such-parameter=1"),
    do: ask(port, method, path <> query, credential).status

  test "nobody gets beyond what is open", %{port: port, db: db} do
    open =
      for {name, method, _path, _call} = call <- calls(db),
          status(port, call, nil) != 401,
          do: {name, method}

    assert Enum.sort(open) ==
             Enum.sort([
               {:home, "GET"},
               {:docs, "GET"},
               {:docs_script, "GET"},
               {:docs_style, "GET"},
               {:live_page, "GET"},
               {:live_script, "GET"},
               {:live_map, "GET"},
               {:document, "GET"},
               {:version, "GET"},
               {:health, "GET"},
               {:live, "GET"},
               {:ready, "GET"},
               {:auth_token, "POST"}
             ])
  end

  @levels %{nil: 0, read: 1, write: 2, admin: 3}

  test "each scope does what it says, on its database", context do
    %{port: port, db: db, other: other, absent: absent, keys: keys} = context

    for {who, level} <- [reader: :read, writer: :write, owner: :admin, team: :admin],
        {name, method, path, call} = asked <- calls(db),
        call.access == :database do
      allowed? = @levels[level] >= @levels[call.scope]
      came = status(port, asked, keys[who])
      assert {who, name, method, came} == {who, name, method, if(allowed?, do: 400, else: 403)}

      # Of others the same as of one that is not there, in every byte but the name.
      theirs = ask(port, method, String.replace(path, db, other), keys[who])
      nobodys = ask(port, method, String.replace(path, db, absent), keys[who])
      assert {name, method, theirs.status} == {name, method, 404}
      assert json(theirs)["code"] == "database_not_found"
      assert String.replace(said(theirs), other, absent) == said(nobodys)

      assert Map.drop(theirs.headers, ["date", "content-length", "x-request-id"]) ==
               Map.drop(nobodys.headers, ["date", "content-length", "x-request-id"])
    end
  end

  test "what is about the server takes read on all databases", %{port: port, db: db, keys: keys} do
    for {name, method, _path, %{access: :server}} = call <- calls(db) do
      for who <- [:reader, :owner, :team, :stranger],
          do: assert({name, method, 403} == {name, method, status(port, call, keys[who], "")})

      for who <- [:watcher, :root],
          do: assert({name, method, 200} == {name, method, status(port, call, keys[who], "")})
    end

    names = for {name, _method, _path, %{access: :server}} <- calls(db), do: name
    assert Enum.sort(names) == [:detailed, :metrics]
  end

  test "a name is the same however it is written", context do
    %{port: port, db: db, other: other, keys: keys} = context
    <<first, rest::binary>> = other
    encoded = "%#{Base.encode16(<<first>>)}#{rest}"

    for name <- [
          encoded,
          other <> "/",
          other <> "%2F",
          other <> "%00",
          "%2e%2e/" <> other,
          db <> "/../" <> other,
          "../" <> other
        ] do
      response = ask(port, "GET", "/api/v1/databases/#{name}/features/f1", keys.reader)
      assert {name, response.status} == {name, 404}
      refute response.body =~ "Feature"
    end

    encoded = String.replace(db, "w", "%77")
    assert ask(port, "GET", "/api/v1/databases/#{encoded}/features/f1", keys.reader).status == 200
    assert ask(port, "GET", "/api/v1/databases/%ff/features/f1", keys.reader).status == 400
  end

  test "the answer to who may not is complete", %{port: port, db: db, keys: keys} do
    response =
      ask(port, "PUT", "/api/v1/databases/#{db}/features/a", keys.reader,
        headers: [@json],
        body: @point
      )

    assert {response.status, json(response)["code"]} == {403, "forbidden"}
    assert json(response)["detail"] =~ "write:#{db}" and json(response)["detail"] =~ "read:#{db}"

    assert response.headers["www-authenticate"] ==
             ~s(Bearer realm="FormDB", error="insufficient_scope", scope="write:#{db}")

    assert response.headers["cache-control"] == "private, no-cache"
  end

  test "lists have what one may read, and pages of nobody nothing", context do
    %{port: port, db: db, other: other, keys: keys} = context

    listed = fn path, credential ->
      for %{"id" => id} <- json(ask(port, "GET", path, credential))["databases"],
          id in [db, other],
          do: id
    end

    for path <- ["/api/v1/databases", "/"] do
      assert listed.(path, keys.reader) == [db]
      assert listed.(path, keys.stranger) == [other]
      assert Enum.sort(listed.(path, keys.watcher)) == Enum.sort([db, other])
    end

    assert listed.("/", nil) == []
    page = ask(port, "GET", "/", nil, headers: [{"accept", "text/html"}])
    assert page.status == 200 and page.body =~ "API key"
    refute page.body =~ db
  end

  test "databases are created and closed by who may administer that name", context do
    %{port: port, db: db, absent: absent, keys: keys} = context
    create = &ask(port, "POST", "/api/v1/databases", &1, json: &2).status
    on_exit(fn -> FormdbHttp.purge(absent) end)

    # Whether there is one of that name makes no difference.
    for who <- [:reader, :writer, :stranger, :watcher],
        name <- [db, absent],
        do: assert({who, 403} == {who, create.(keys[who], %{name: name})})

    assert create.(keys.owner, %{name: absent}) == 403
    assert create.(keys.owner, %{}) == 403
    assert create.(keys.owner, %{name: db}) == 200
    assert create.(keys.root, %{name: absent}) == 201
    assert ask(port, "DELETE", "/api/v1/databases/#{absent}?purge=true", keys.owner).status == 404

    assert ask(port, "DELETE", "/api/v1/databases/#{absent}?purge=true", keys.watcher).status ==
             403

    assert ask(port, "DELETE", "/api/v1/databases/#{absent}?purge=true", keys.root).status == 200
    assert ask(port, "DELETE", "/api/v1/databases/#{db}", keys.writer).status == 403
  end

  test "probes name no database but to who may read all", context do
    %{port: port, db: db, keys: keys} = context

    folder =
      Path.join(
        FormdbHttp.Config.load!().data_dir,
        "broken-#{System.unique_integer([:positive])}"
      )

    File.mkdir_p!(folder)
    File.write!(Path.join(folder, "catalog"), "")
    name = Path.basename(folder)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:error, _} = FormdbHttp.open(name)

    for credential <- [nil, keys.reader, "nonsense"] do
      response = ask(port, "GET", "/health/ready", credential)
      assert response.status == 503
      refute response.body =~ name
      assert [%{"reason" => "a database is not as it should be" <> _}] = json(response)["reasons"]
    end

    assert ask(port, "GET", "/health/ready", keys.watcher).body =~ name
    for path <- ["/health", "/health/live"], do: assert(ask(port, "GET", path, nil).status == 200)
    refute ask(port, "GET", "/health/live", nil).body =~ db
  end

  test "pages of other sites ask beforehand without a credential", %{port: port, db: db} do
    headers = [
      {"origin", "https://map.example"},
      {"access-control-request-method", "PUT"},
      {"access-control-request-headers", "authorization"}
    ]

    assert ask(port, "OPTIONS", "/api/v1/databases/#{db}/features/f1", nil, headers: headers).status ==
             403

    :ok = stop_supervised(Endpoint)
    keys = Path.join(folder(), "keys.json")
    key = key(keys, "a", "read:*")

    start_supervised!(
      {Endpoint, config(api_keys_file: keys, allowed_origins: ["https://map.example"])}
    )

    port = Endpoint.port()
    response = ask(port, "OPTIONS", "/api/v1/databases/#{db}/features/f1", nil, headers: headers)
    assert response.status == 204
    assert response.headers["access-control-allow-headers"] =~ "authorization"
    refute is_map_key(response.headers, "access-control-allow-credentials")

    origin = [{"origin", "https://map.example"}]
    response = ask(port, "GET", "/api/v1/databases/#{db}/features/f1", key, headers: origin)

    assert {response.status, response.headers["access-control-allow-origin"]} ==
             {200, "https://map.example"}

    assert response.headers["vary"] =~ "origin" and response.headers["vary"] =~ "authorization"
    response = ask(port, "GET", "/api/v1/databases/#{db}/features/f1", nil, headers: origin)

    assert {response.status, response.headers["access-control-allow-origin"]} ==
             {401, "https://map.example"}
  end

  test "whoever watches is told who asked, also of what was refused", context do
    %{port: port, db: db, other: other, keys: keys} = context
    test = self()
    handler = fn _event, _measurements, metadata, nil -> send(test, metadata) end
    Telemetry.attach("actors", [:formdb, :request, :stop], handler, nil)
    on_exit(fn -> Telemetry.detach("actors") end)

    for {path, credential, status, actor} <- [
          {"/api/v1/databases/#{db}", keys.reader, 200, "key:reader"},
          {"/api/v1/databases/#{other}", keys.reader, 404, "key:reader"},
          {"/metrics", keys.reader, 403, "key:reader"},
          {"/metrics", "formdb_none", 401, nil},
          {"/metrics", nil, 401, nil}
        ] do
      assert ask(port, "GET", path, credential).status == status
      assert_receive %{status: ^status, actor: ^actor}
    end
  end

  ## Whose it is

  test "every write says who wrote it", %{port: port, db: db, keys: keys} do
    base = "/api/v1/databases/" <> db

    ok = fn response ->
      assert(response.status in [200, 201], inspect(response)) && json(response)
    end

    write = &ok.(ask(port, &1, base <> &2, keys.writer, json: &3))
    feature = %{type: "Feature", geometry: nil, properties: %{}}

    write.("PUT", "/features/a", feature)
    write.("POST", "/features", Map.put(feature, :id, "b"))
    write.("POST", "/features", %{type: "FeatureCollection", features: [feature]})
    write.("DELETE", "/features/b", %{})
    patch = [{"content-type", "application/merge-patch+json"}]

    ok.(
      ask(port, "PATCH", base <> "/features/a", keys.writer,
        headers: patch,
        body: ~s({"properties":{"x":1}})
      )
    )

    write.("POST", "/timeseries", %{series_id: "s", timestamp: 1_700_000_000_000_000, value: 1})
    csv = [{"content-type", "text/csv"}]

    ask(port, "POST", base <> "/timeseries", keys.writer,
      headers: csv,
      body: "series_id,timestamp,value\nu,2020-01-01T00:00:00Z,1\n"
    )

    lines = [{"content-type", "application/x-ndjson"}]

    ask(port, "POST", base <> "/features", keys.writer,
      headers: lines,
      body: ~s({"type":"Feature","geometry":null,"properties":{}}\n)
    )

    seq = write.("PUT", "/features/c", feature)["seq"]
    write.("POST", "/blocks/#{seq}/revert", %{})
    write.("POST", "/blocks/#{seq}/restore", %{})
    write.("POST", "/reverts", %{filter: %{feature_id: "c"}})
    write.("PATCH", "", %{on_duplicate: "ignore"})
    txn = write.("POST", "/transactions", %{})["transaction_id"]

    write.("POST", "/transactions/#{txn}/operations", %{
      operations: [%{op: "put_feature", feature: feature}]
    })

    write.("POST", "/transactions/#{txn}/commit", %{})
    ok.(ask(port, "DELETE", base <> "/timeseries/s?start=2000-01-01&end=2100-01-01", keys.writer))

    %{"entries" => entries} = json(ask(port, "GET", base <> "/journal?since=2", keys.reader))
    assert length(entries) >= 15
    for entry <- entries, do: assert(entry["actor"] == "key:writer", inspect(entry))

    %{"entries" => same} =
      json(ask(port, "GET", base <> "/journal?since=2&actor=key:writer", keys.reader))

    assert same == entries
  end

  test "a transaction is its principal's, and to others it is not there", context do
    %{port: port, db: db, keys: keys} = context
    base = "/api/v1/databases/" <> db
    %{"transaction_id" => txn} = json(ask(port, "POST", base <> "/transactions", keys.writer))
    at = base <> "/transactions/" <> txn
    none = base <> "/transactions/txn_" <> String.duplicate("0", 32)

    add = [
      json: %{
        operations: [
          %{
            op: "put_feature",
            feature: %{type: "Feature", id: "t", geometry: nil, properties: %{}}
          }
        ]
      }
    ]

    assert ask(port, "POST", at <> "/operations", keys.writer, add).status == 200

    asks = fn at, who ->
      [
        ask(port, "GET", at, keys[who]),
        ask(port, "POST", at <> "/operations", keys[who], add),
        ask(port, "POST", at <> "/commit", keys[who]),
        ask(port, "POST", at <> "/commit", keys[who], headers: [{"idempotency-key", "k1"}]),
        ask(port, "POST", at <> "/abort", keys[who]),
        ask(port, "GET", base <> "/features/t?transaction=" <> Path.basename(at), keys[who]),
        ask(
          port,
          "GET",
          base <> "/features?bbox=-1,-1,1,1&transaction=" <> Path.basename(at),
          keys[who]
        ),
        ask(
          port,
          "GET",
          base <> "/features/bbox?bbox=-1,-1,1,1&transaction=" <> Path.basename(at),
          keys[who]
        )
      ]
    end

    for who <- [:owner, :root], {theirs, nobodys} <- Enum.zip(asks.(at, who), asks.(none, who)) do
      assert {theirs.status, json(theirs)["code"]} == {404, "transaction_not_found"}
      assert String.replace(said(theirs), txn, Path.basename(none)) == said(nobodys)
    end

    assert ask(port, "GET", base <> "/features/t?transaction=" <> txn, keys.writer).status == 200
    assert json(ask(port, "GET", at, keys.writer))["operations"] == 1
    assert ask(port, "POST", at <> "/commit", keys.writer).status == 200
    assert json(ask(port, "GET", at, keys.writer))["status"] == "committed"
    assert ask(port, "GET", at, keys.owner).status == 404
  end

  test "an idempotency key of another principal is another key", context do
    %{port: port, db: db, keys: keys} = context
    base = "/api/v1/databases/" <> db

    put = fn who, id ->
      opts = [
        json: %{type: "Feature", id: id, geometry: nil, properties: %{}},
        headers: [{"idempotency-key", "same"}]
      ]

      ask(port, "POST", base <> "/features", keys[who], opts)
    end

    assert put.(:writer, "w").status == 201
    assert put.(:writer, "w").headers["idempotency-replayed"] == "true"
    assert put.(:writer, "x").status == 422
    first = put.(:owner, "w")
    assert {first.status, first.headers["idempotency-replayed"]} == {201, nil}
    assert put.(:root, "y").status == 201

    # So it is after the journal, and the snapshot, were read again.
    :ok = FormdbHttp.close(db)
    {:ok, _} = FormdbHttp.open(db)
    assert put.(:writer, "w").headers["idempotency-replayed"] == "true"
    assert put.(:root, "y").headers["idempotency-replayed"] == "true"
    assert put.(:root, "w").status == 422
    assert put.(:team, "z").status == 201
  end

  test "a process that serves one after the other keeps nobody's name", %{db: db} do
    :ok = FormdbHttp.act_as("key:writer")
    {:ok, %{seq: seq}} = FormdbHttp.put_point(db, "s2", 0, 1.0)
    :ok = FormdbHttp.act_as(nil)
    {:ok, %{seq: next}} = FormdbHttp.put_point(db, "s2", 1, 1.0)
    {:ok, %{json: json}} = FormdbHttp.journal(db, since: seq - 1)
    entries = FormdbHttp.JSON.decode!(json)
    assert for(e <- entries, do: {e["seq"], e["actor"]}) == [{seq, "key:writer"}, {next, nil}]
  end
end
