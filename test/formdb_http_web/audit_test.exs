defmodule FormdbHttpWeb.AuditTest do
  # What is told of requests that are refused or administer, and that it stays bounded.
  use ExUnit.Case

  import ExUnit.CaptureLog
  import FormdbHttp.AuthServer
  import FormdbHttp.Exposition, only: [value: 3]
  import FormdbHttp.HTTPClient, only: [json: 1]
  import FormdbHttp.Tokens, only: [claims: 1, sign: 4]

  alias FormdbHttp.{Exposition, JSON, Telemetry, Tokens}
  alias FormdbHttpWeb.Audit
  alias FormdbHttpWeb.Auth.{ApiKeys, Entries, Users}
  alias FormdbHttpWeb.Endpoint

  @databases "/api/v1/databases"
  @password "correct horse battery"

  setup do
    folder = folder()
    keys = Path.join(folder, "keys.json")
    users = Path.join(folder, "users.json")
    n = System.unique_integer([:positive])
    db = "audit-#{n}"
    on_exit(fn -> FormdbHttp.purge(db) end)
    :ok = Users.add(users, "ana", "read:#{db}", fn -> {:ok, @password} end)

    credentials = %{
      root: key(keys, "root", "admin:*"),
      reader: key(keys, "reader", "read:#{db}")
    }

    test = self()
    handler = fn _event, %{count: 1}, metadata, nil -> send(test, {:audit, metadata}) end
    Telemetry.attach("audit-test", [:formdb, :audit], handler, nil)
    on_exit(fn -> Telemetry.detach("audit-test") end)

    settings = [
      api_keys_file: keys,
      users_file: users,
      trusted_proxies: [{{127, 0, 0, 1}, 32}]
    ]

    {:ok, settings: settings, folder: folder, keys: credentials, db: db}
  end

  defp serve(settings) do
    start_supervised!({Endpoint, config(settings)})
    Endpoint.port()
  end

  defp told do
    assert_receive {:audit, metadata}
    metadata
  end

  defp key_id(key), do: key |> ApiKeys.hash() |> Base.encode16(case: :lower) |> binary_part(0, 12)

  test "what administers is told of, with who, from where and what", context do
    %{db: db, keys: keys} = context
    port = serve(context.settings)
    headers = [{"x-request-id", "mine"}, {"x-forwarded-for", "192.0.2.7"}]
    ask = &ask(port, &1, &2, keys.root, [headers: headers] ++ &3)

    assert ask.("POST", @databases, json: %{name: db}).status == 201

    assert told() == %{
             act: :create_database,
             outcome: :done,
             reason: nil,
             actor: "key:root",
             credential: :api_key,
             key_id: key_id(keys.root),
             claimed: nil,
             client: "192.0.2.7",
             method: "POST",
             route: @databases,
             database: db,
             status: 201,
             request_id: "mine"
           }

    assert ask.("POST", @databases, json: %{name: db}).status == 200
    assert %{act: :open_database, outcome: :done, database: ^db, status: 200} = told()
    assert ask.("DELETE", "#{@databases}/#{db}", []).status == 200
    assert %{act: :close_database, outcome: :done, database: ^db} = told()
    assert ask.("DELETE", "#{@databases}/#{db}", []).status == 404
    assert %{act: :close_database, outcome: :failed, reason: :database_not_found} = told()
    assert ask.("DELETE", "#{@databases}/#{db}?p%75rge=tru%65", []).status == 200

    assert %{act: :purge_database, outcome: :done, database: ^db, route: @databases <> "/{db}"} =
             told()

    # Who reads or writes is not told of here.
    assert ask.("GET", @databases, []).status == 200
    refute_received {:audit, _metadata}
  end

  test "every refusal is told of, by its reason", context do
    %{db: db, keys: keys} = context
    {:ok, _} = FormdbHttp.open(db)
    other = "audit-other-#{System.unique_integer([:positive])}"
    port = serve([failed_sign_ins: 2] ++ context.settings)
    path = "#{@databases}/#{db}"

    for {method, path, credential, headers, status, reason} <- [
          {"GET", path, nil, [], 401, :unauthenticated},
          {"GET", path, "formdb_none", [], 401, :invalid_token},
          {"GET", path, "none", [], 401, :invalid_token},
          {"GET", path, "none", [], 429, :too_many_attempts},
          {"PUT", path <> "/features/a", keys.reader, [], 403, :forbidden},
          {"DELETE", path <> "?purge=true", keys.reader, [], 403, :forbidden},
          {"GET", "#{@databases}/#{other}", keys.reader, [], 404, :hidden},
          {"GET", "/metrics", keys.reader, [], 403, :forbidden},
          {"DELETE", path, keys.root, [{"origin", "https://evil.example"}], 403,
           :origin_not_allowed}
        ] do
      assert ask(port, method, path, credential, headers: headers).status == status
      metadata = told()

      assert {reason, :refused, status, method} ==
               {metadata.reason, metadata.outcome, metadata.status, metadata.method}

      refute_received {:audit, _metadata}
      known = if status in [403, 404] and reason != :origin_not_allowed, do: "key:reader"
      assert {reason, metadata.actor} == {reason, known}
    end

    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false])
    :ok = :gen_tcp.send(socket, "GET #{path} HTTP/1.1\r\nhost: evil.example\r\n\r\n")
    assert {:ok, "HTTP/1.1 421 " <> _} = :gen_tcp.recv(socket, 0, 5_000)
    assert %{reason: :host_not_allowed, outcome: :refused, status: 421, actor: nil} = told()

    body = ask(port, "GET", "/metrics", keys.root).body
    scraped = Exposition.parse!(body)

    for reason <-
          ~w(unauthenticated invalid_token too_many_attempts forbidden hidden) ++
            ~w(origin_not_allowed host_not_allowed) do
      assert value(scraped, "formdb_audit_events_total", %{"outcome" => reason}) >= 1
    end

    # One that is not there for anybody is no secret.
    assert ask(port, "GET", "#{@databases}/#{other}", keys.root).status == 404
    assert ask(port, "GET", "/nothing", nil).status == 404
    refute_received {:audit, _metadata}
  end

  test "who asks too often is told of", context do
    port = serve([address_rate: 1, address_burst: 1] ++ context.settings)
    assert ask(port, "GET", @databases, context.keys.root).status == 200
    assert ask(port, "GET", @databases, context.keys.root).status == 429
    assert %{reason: :too_many_requests, outcome: :refused, client: "127.0.0.1"} = told()
  end

  test "a scope that is too little for a name is told with the name", context do
    port = serve(context.settings)
    name = "audit-own-#{System.unique_integer([:positive])}"
    assert ask(port, "POST", @databases, context.keys.reader, json: %{name: name}).status == 403

    assert %{act: :create_database, outcome: :refused, reason: :forbidden, database: ^name} =
             told()

    # What is no name is not shown.
    assert ask(port, "POST", @databases, context.keys.root, json: %{name: "A secret"}).status ==
             400

    assert %{outcome: :failed, reason: :invalid_name, database: nil} = told()
  end

  test "sign-ins are told of, and names only of users that there are", context do
    port = serve(context.settings)
    sign_in = &ask(port, "POST", "/auth/token", nil, json: %{username: &1, password: &2})
    token = json(sign_in.("ana", @password))["access_token"]

    assert %{act: :sign_in, outcome: :done, actor: "user:ana", credential: :password, key_id: nil} =
             told()

    assert sign_in.("ana", "wrong").status == 401

    assert %{act: :sign_in, outcome: :refused, reason: :invalid_token, claimed: "user:ana"} =
             refused = told()

    assert refused.actor == nil
    assert sign_in.(@password, "ana").status == 401
    assert %{act: :sign_in, outcome: :refused, claimed: nil} = told()

    assert ask(port, "POST", "/auth/token", context.keys.reader).status == 200
    key_id = key_id(context.keys.reader)

    assert %{act: :sign_in, outcome: :done, credential: :api_key, key_id: ^key_id} = told()

    # By the token it is told from then on.
    assert ask(port, "GET", "/metrics", token).status == 403
    assert %{actor: "user:ana", credential: :token} = told()
  end

  test "tokens of others are told of with the name of their key", context do
    file = Path.join(context.folder, "jwks.json")
    {secret, _} = Tokens.keys(:HS256)
    named = Tokens.jwk(:HS256, secret) |> Map.put("kid", "summer")
    write(file, %{"keys" => [named]})
    port = serve(jwt(:HS256, file))
    token = sign(:HS256, secret, claims(%{"sub" => "eve x", "scope" => ""}), %{"kid" => "summer"})
    assert ask(port, "GET", "/metrics", token).status == 403
    assert %{actor: "eve x", credential: :jwt, key_id: "summer"} = told()
  end

  test "files of credentials that are read again are told of, with counts", context do
    file = context.settings[:api_keys_file]
    serve(context.settings)
    key(file, "more", "read:*")
    key(file, "most", "read:*")

    read = fn ->
      assert_receive({:audit, %{act: :read_credentials} = metadata}, 5_000) && metadata
    end

    sum = fn sum, metadata ->
      for key <- [:added, :removed, :changed], into: %{}, do: {key, sum[key] + metadata[key]}
    end

    nothing = %{added: 0, removed: 0, changed: 0}

    # Both at once, or one after the other.
    first = {:audit, _} = {:audit, read.()}
    total = sum.(nothing, elem(first, 1))
    total = if total.added == 2, do: total, else: sum.(total, read.())
    assert total == %{added: 2, removed: 0, changed: 0}

    :ok = Entries.remove(file, ApiKeys, "more")
    assert %{removed: 1, added: 0, changed: 0, entries: 3} = metadata = read.()
    assert metadata.setting == "FORMDB_API_KEYS_FILE" and metadata.outcome == :done

    changed = String.replace(File.read!(file), "admin:*", "write:*")
    write(file, changed)
    assert %{removed: 0, added: 0, changed: 1, entries: 3} = read.()
  end

  ## The log

  defp lines(log), do: log |> String.split("\n") |> Enum.filter(&(&1 =~ "audit act="))

  test "a flood of refusals is some lines and a sum, and what was done stands beside it",
       context do
    %{db: db, keys: keys} = context

    port =
      serve([audit_log: true, audit_lines: 3, failed_sign_ins: 1_000_000] ++ context.settings)

    from = &[headers: [{"x-forwarded-for", &1}]]

    log =
      capture_log(fn ->
        for _ <- 1..20, do: ask(port, "GET", @databases, "formdb_none", from.("192.0.2.1"))
        for n <- 1..20, do: ask(port, "GET", @databases, nil, from.("2001:db8::#{n}"))
        for _ <- 1..2, do: ask(port, "GET", "/metrics", keys.reader, from.("192.0.2.1"))
        assert ask(port, "POST", @databases, keys.root, json: %{name: db}).status == 201
        Audit.Log.sum_up()
        Audit.Log.sum_up()
      end)

    lines = lines(log)
    count = fn text -> Enum.count(lines, &(&1 =~ text)) end
    assert count.("reason=invalid_token count=1 ") == 3
    assert count.("reason=invalid_token count=17 client=192.0.2.1") == 1
    assert count.("reason=unauthenticated count=1 ") == 3
    assert count.("reason=unauthenticated count=17 client=2001:db8::1") == 1
    assert count.("reason=forbidden count=1 actor=key:reader credential=api_key") == 2
    assert count.("act=create_database outcome=done count=1 actor=key:root") == 1
    assert length(lines) == 11
  end

  test "addresses without number take no memory without bound", context do
    port = serve([audit_log: true, audit_lines: 2] ++ context.settings)

    log =
      capture_log(fn ->
        for n <- 1..400 do
          from = [{"x-forwarded-for", "198.51.#{div(n, 250)}.#{rem(n, 250)}"}]
          ask(port, "GET", @databases, nil, headers: from)
        end

        assert :ets.info(Audit.Log, :size) in 256..260
        Audit.Log.sum_up()
        assert :ets.info(Audit.Log, :size) == 0
      end)

    lines = lines(log)
    assert length(lines) in 256..265
    assert [beyond] = Enum.filter(lines, &(&1 =~ "count=14"))
    refute beyond =~ "client="
  end

  test "lines hold neither secrets nor what could be taken for another line", context do
    file = Path.join(context.folder, "jwks.json")
    {secret, _} = Tokens.keys(:HS256)
    write(file, Tokens.jwk(:HS256, secret))
    port = serve([audit_log: true] ++ jwt(:HS256, file) ++ context.settings)
    token = sign(:HS256, secret, claims(%{"sub" => "a actor=key:root", "scope" => ""}), %{})

    log =
      capture_log(fn ->
        ask(port, "GET", "/metrics?hush=hush", token)
        ask(port, "GET", @databases, "formdb_hush")
        ask(port, "POST", "/auth/token", nil, json: %{username: "hush", password: "hush"})
        ask(port, "POST", "/auth/token", {:basic, "hush", "hush"})
      end)

    assert length(lines(log)) == 4
    assert log =~ ~s( actor="a actor=key:root" )
    for secret <- ["hush", token, context.keys.root], do: refute(log =~ secret)
  end

  test "a line is JSON with the event, however high the level of the log is" do
    report = %{event: "audit", act: :sign_in, outcome: :refused, count: 1, actor: nil}
    meta = %{time: 0, fields: report, request_id: "mine"}

    line =
      FormdbHttp.Log.JSONFormat.format(
        %{level: :warning, meta: meta, msg: {:report, report}},
        %{}
      )

    assert %{
             "event" => "audit",
             "message" => "audit",
             "act" => "sign_in",
             "outcome" => "refused",
             "actor" => nil,
             "request_id" => "mine"
           } = line |> IO.iodata_to_binary() |> JSON.decode!()
  end
end
