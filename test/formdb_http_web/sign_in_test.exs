defmodule FormdbHttpWeb.SignInTest do
  # Users, and the tokens that this server gives.
  use ExUnit.Case

  import FormdbHttp.AuthServer
  import FormdbHttp.HTTPClient, only: [json: 1]
  import FormdbHttp.Tokens, only: [base64: 1, sign: 4]

  alias FormdbHttp.{JSON, Tokens, ServerKey}
  alias FormdbHttpWeb.{Auth, Endpoint}
  alias FormdbHttpWeb.Auth.{ApiKeys, Entries, Issuer, Users}

  @password "correct horse battery"

  setup_all do
    # Each takes 20 ms.
    {:ok, hash} = FormdbHttp.Serving.hash_password(@password)
    {:ok, hash: hash}
  end

  setup %{hash: hash} do
    folder = folder()
    users = Path.join(folder, "users.json")
    keys = Path.join(folder, "keys.json")
    entry = %{name: "ana", password: hash, scopes: [read: :all], created: Entries.moment()}
    :ok = Entries.add(users, Users, entry)
    key = key(keys, "backup", "write:team-*")

    settings = [
      users_file: users,
      api_keys_file: keys,
      server_key_file: Path.join(folder, "server.key")
    ]

    {:ok, folder: folder, users: users, keys: keys, key: key, settings: settings}
  end

  defp serve(settings) do
    start_supervised!({Endpoint, config([failed_sign_ins: 1_000] ++ settings)})
    Endpoint.port()
  end

  defp sign_in(port, name \\ "ana", password \\ @password),
    do: ask(port, "POST", "/auth/token", nil, json: %{username: name, password: password})

  defp token(response),
    do: assert(response.status == 200, inspect(response)) && json(response)["access_token"]

  defp verify(port, credential), do: ask(port, "POST", "/auth/verify", credential)

  test "a name and a password, or a key, give a token", %{settings: settings, key: key} do
    port = serve(settings)
    response = sign_in(port)

    assert %{"token_type" => "Bearer", "expires_in" => 900, "scope" => "read:*"} = json(response)
    assert response.headers["cache-control"] == "no-store"
    token = token(response)
    assert ask(port, "GET", "/api/v1/databases", token).status == 200
    now = System.os_time(:second)

    assert %{"active" => true, "sub" => "user:ana", "scope" => "read:*", "exp" => exp} =
             json(verify(port, token))

    assert_in_delta exp, now + 900, 5

    basic = token(ask(port, "POST", "/auth/token", {:basic, "ana", @password}))
    assert json(verify(port, basic))["sub"] == "user:ana"

    response = ask(port, "POST", "/auth/token", key)
    assert json(response)["scope"] == "write:team-*"
    assert json(verify(port, token(response)))["sub"] == "key:backup"
    assert %{"active" => true, "sub" => "key:backup"} = verified = json(verify(port, key))
    refute is_map_key(verified, "exp")

    # A token is not signed in with, and a password is for signing in alone.
    assert ask(port, "POST", "/auth/token", token).status == 403
    assert ask(port, "GET", "/api/v1/databases", {:basic, "ana", @password}).status == 401
  end

  test "what is wrong is told without saying what", %{settings: settings} do
    port = serve(settings)

    wrong =
      for {name, password} <- [
            {"ana", "wrong"},
            {"ben", @password},
            {"", ""},
            {"ana\n", @password},
            {"ana", @password <> "\u0000"},
            {"ana", String.duplicate("x", 2_000)}
          ] do
        response = sign_in(port, name, password)
        assert {response.status, json(response)["code"]} == {401, "invalid_token"}
        said(response)
      end

    assert [_one] = Enum.uniq(wrong)

    for {opts, status} <- [
          {[], 401},
          {[json: %{}], 401},
          {[json: %{username: "ana"}], 400},
          {[json: %{username: "ana", password: 1}], 400},
          {[json: %{username: "ana", password: @password, admin: true}], 400},
          {[json: []], 400},
          {[headers: [{"content-type", "application/json"}], body: String.duplicate("x", 10_000)],
           413}
        ],
        do: assert({opts, status} == {opts, ask(port, "POST", "/auth/token", nil, opts).status})

    for credential <- [
          {:raw, "Basic x"},
          {:raw, "Basic " <> Base.encode64("ana")},
          {:raw, "Digest x"},
          {:basic, "ana", "x"},
          "x",
          "formdb_" <> String.duplicate("a", 43)
        ],
        do:
          assert(
            {credential, 401} == {credential, ask(port, "POST", "/auth/token", credential).status}
          )

    response =
      ask(port, "POST", "/auth/token", nil, json: %{username: "ana", password: ["secret"]})

    refute response.body =~ "secret"
  end

  test "whether there is a user takes as long to find out as whether the password is right", %{
    settings: settings
  } do
    serve(settings)
    auth = Auth.settings(config([failed_sign_ins: 1_000] ++ settings))
    address = {127, 0, 0, 1}

    # By turns, so that what else the machine does is shared.
    times =
      for _ <- 1..10, name <- ["ana", "nobody"] do
        {micros, {:invalid, _}} = :timer.tc(fn -> Auth.password(auth, name, "wrong", address) end)

        {name, micros}
      end

    [known, unknown] = for name <- ["ana", "nobody"], do: Enum.min(for {^name, t} <- times, do: t)
    assert unknown > 1_000, "#{unknown} us: nothing was worked out"
    assert known / unknown > 0.3 and known / unknown < 3.0, "#{known} and #{unknown} us"
  end

  test "a token is renewed while its sign-in counts, and not beyond", %{settings: settings} do
    port = serve(settings)
    first = token(sign_in(port))
    response = ask(port, "POST", "/auth/refresh", first)
    assert %{"expires_in" => 900, "scope" => "read:*"} = json(response)
    assert json(verify(port, token(response)))["sub"] == "user:ana"

    for {credential, status} <- [{nil, 401}, {"x", 401}, {{:basic, "ana", @password}, 401}],
        do: assert(ask(port, "POST", "/auth/refresh", credential).status == status)

    :ok = stop_supervised(Endpoint)
    port = serve(settings ++ [token_seconds: 3, sign_in_seconds: 3])
    # The key is in its file: what was given before is still good.
    assert verify(port, first).status == 200
    response = ask(port, "POST", "/auth/refresh", token(sign_in(port)))
    assert json(response)["expires_in"] in 1..3
    last = token(response)
    until(fn -> verify(port, last).status == 401 end)
    assert json(verify(port, last))["detail"] =~ "expired"
  end

  test "a sign-in that is too long ago renews nothing, however young the token", context do
    port = serve(context.settings)
    {:ok, secret} = ServerKey.load(context.settings[:server_key_file])
    key = ServerKey.derive(secret, Issuer.label())
    now = System.os_time(:second)
    claims = payload(token(sign_in(port)))
    own = &sign(:HS256, key, Map.merge(claims, &1), %{"typ" => "JWT"})

    assert verify(port, own.(%{})).status == 200
    old = own.(%{"auth_time" => now - 43_201})
    response = ask(port, "POST", "/auth/refresh", old)
    assert {response.status, json(response)["code"]} == {401, "invalid_token"}
    assert json(response)["detail"] =~ "sign in again"
    almost = ask(port, "POST", "/auth/refresh", own.(%{"auth_time" => now - 43_100}))
    assert almost.status == 200 and json(almost)["expires_in"] <= 100

    # What it allows is not what it says, but what they may do.
    assert json(verify(port, own.(%{"scope" => "admin:*"})))["scope"] == "read:*"

    for more <- [
          %{"credential" => "AAAA"},
          %{"credential" => nil},
          %{"sub" => "user:ben"},
          %{"sub" => "key:backup"},
          %{"aud" => "other"},
          %{"auth_time" => nil},
          %{"exp" => now - 1}
        ],
        do: assert({more, 401} == {more, verify(port, own.(more)).status})

    assert verify(port, sign(:HS256, secret, claims, %{})).status == 401
  end

  defp payload(token) do
    [_header, payload, _signature] = String.split(token, ".")
    payload |> Base.url_decode64!(padding: false) |> JSON.decode!()
  end

  test "who is removed, or has another password, key or scope, is so at once", context do
    %{settings: settings, users: users, keys: keys, key: key} = context
    port = serve(settings)
    of_ana = token(sign_in(port))
    of_key = token(ask(port, "POST", "/auth/token", key))
    for token <- [of_ana, of_key], do: assert(verify(port, token).status == 200)

    :ok =
      Entries.change(users, Users, fn [ana] -> {:ok, [%{ana | scopes: [write: {:name, "a"}]}]} end)

    until(fn -> json(verify(port, of_ana))["scope"] == "write:a" end)
    assert json(ask(port, "POST", "/auth/refresh", of_ana))["scope"] == "write:a"

    :ok = Users.change_password(users, "ana", fn -> {:ok, "another password"} end)
    until(fn -> verify(port, of_ana).status == 401 end)
    assert ask(port, "POST", "/auth/refresh", of_ana).status == 401
    assert sign_in(port).status == 401
    again = token(sign_in(port, "ana", "another password"))

    :ok = Entries.remove(users, Users, "ana")
    until(fn -> ask(port, "POST", "/auth/refresh", again).status == 401 end)
    assert sign_in(port, "ana", "another password").status == 401

    # Another key of the same name is another one.
    :ok = Entries.remove(keys, ApiKeys, "backup")
    other = key(keys, "backup", "write:team-*")
    until(fn -> verify(port, other).status == 200 end)
    assert verify(port, of_key).status == 401
    assert ask(port, "POST", "/auth/refresh", of_key).status == 401
  end

  test "neither verifier takes the other's tokens", context do
    file = Path.join(context.folder, "secret")
    {secret, _} = Tokens.keys(:HS256)
    write(file, base64(secret))
    port = serve(context.settings ++ jwt(:HS256, file))
    {:ok, server} = ServerKey.load(context.settings[:server_key_file])
    own = ServerKey.derive(server, Issuer.label())
    claims = payload(token(sign_in(port)))

    assert verify(port, sign(:HS256, base64(secret), Tokens.claims(), %{})).status == 200
    # Ours by their key, and theirs by ours.
    assert verify(port, sign(:HS256, base64(secret), claims, %{})).status == 401
    assert verify(port, sign(:HS256, own, Tokens.claims(), %{})).status == 401

    for sub <- ["user:ana", "key:backup"],
        do:
          assert(
            verify(port, sign(:HS256, base64(secret), Tokens.claims(%{"sub" => sub}), %{})).status ==
              401
          )

    theirs = sign(:HS256, base64(secret), Tokens.claims(), %{})
    assert ask(port, "POST", "/auth/refresh", theirs).status == 403
    assert ask(port, "POST", "/auth/token", theirs).status == 403
  end

  test "guessing a password ends after some attempts, keys and tokens go on", context do
    port = serve(context.settings ++ [failed_sign_ins: 5])
    token = token(sign_in(port))

    # Also of many at once no more are tried.
    statuses =
      1..30
      |> Task.async_stream(fn n -> sign_in(port, "ana", "guess number #{n}").status end,
        max_concurrency: 30,
        timeout: 60_000
      )
      |> Enum.map(fn {:ok, status} -> status end)

    assert Enum.count(statuses, &(&1 == 401)) <= 5
    assert Enum.uniq(statuses) -- [401, 429, 503] == []
    response = sign_in(port)
    assert {response.status, json(response)["code"]} == {429, "too_many_attempts"}
    assert String.to_integer(response.headers["retry-after"]) in 1..60
    assert verify(port, token).status == 200
    assert verify(port, context.key).status == 200
    assert ask(port, "POST", "/auth/refresh", token).status == 200
    assert ask(port, "POST", "/auth/token", context.key).status == 200
  end

  test "right passwords do not count, however often", context do
    port = serve(context.settings ++ [failed_sign_ins: 3])
    assert Enum.uniq(for _ <- 1..8, do: sign_in(port).status) == [200]
  end

  test "where there are no credentials there are no tokens" do
    start_supervised!({Endpoint, config([])})
    port = Endpoint.port()

    for path <- ["token", "refresh", "verify"], credential <- [nil, "x"] do
      response = ask(port, "POST", "/auth/" <> path, credential)
      assert {response.status, json(response)["code"]} == {404, "not_found"}
    end

    assert ask(port, "GET", "/api/v1/databases", "whatever").status == 200
  end
end
