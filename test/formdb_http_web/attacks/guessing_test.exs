defmodule FormdbHttpWeb.Attacks.GuessingTest do
  # Who would find out a credential by asking often, by how long answers take, or from the memory
  # of the server.
  use ExUnit.Case

  import FormdbHttp.AuthServer, only: [ask: 4, config: 1, folder: 0, key: 3]
  import FormdbHttp.HTTPClient, only: [json: 1, request: 4]

  alias FormdbHttpWeb.Auth.ApiKeys
  alias FormdbHttpWeb.Endpoint

  defp serve(settings) do
    start_supervised!(Supervisor.child_spec({Endpoint, config(settings)}, restart: :temporary))
    Endpoint.port()
  end

  setup do
    folder = folder()
    keys = Path.join(folder, "keys.json")
    key = key(keys, "one", "read:*")
    auth = [api_keys_file: keys, server_key_file: Path.join(folder, "server.key")]
    {:ok, auth: auth, key: key, keys: keys}
  end

  test "a key is looked for by its hash, so that no two secrets are compared", context do
    %{key: key, keys: keys} = context
    port = serve(context.auth)
    token = json(ask(port, "POST", "/auth/token", key))["access_token"]
    for _ <- 1..2, do: assert(ask(port, "GET", "/api/v1/databases", key).status == 200)
    for _ <- 1..2, do: assert(ask(port, "GET", "/api/v1/databases", token).status == 200)

    # Neither the file nor what requests read holds the key, nor any part that is secret.
    "formdb_" <> secret = key
    refute File.read!(keys) =~ secret

    for table <- :ets.all(), :ets.info(table, :protection) != :private do
      rows = table |> :ets.tab2list() |> inspect(limit: :infinity, printable_limit: :infinity)
      refute rows =~ secret
      refute rows =~ token
    end

    # One that differs in its last character is as far from it as any other.
    other = String.slice(key, 0..-2) <> if(String.ends_with?(key, "A"), do: "B", else: "A")
    assert ApiKeys.hash(other) != ApiKeys.hash(key)
    assert ask(port, "GET", "/api/v1/databases", other).status == 401
  end

  test "signatures by a secret are compared in constant time" do
    # By the library, where the key is a secret that both sides have.
    {:ok, {_module, imports: imports}} =
      :jose_jwk_kty_oct |> :code.which() |> :beam_lib.chunks([:imports])

    assert {:jose_jwa, :constant_time_compare, 2} in imports
  end

  test "guesses of keys and tokens end by address, of IPv6 by its network",
       context do
    port = serve([trusted_proxies: [{{127, 0, 0, 1}, 32}], failed_sign_ins: 3] ++ context.auth)

    guess = fn address, kind ->
      random = Base.url_encode64(:crypto.strong_rand_bytes(32), padding: false)
      guess = if kind == :key, do: "formdb_" <> random, else: "a.b." <> random
      headers = [{"x-forwarded-for", address}, {"authorization", "Bearer " <> guess}]
      request(port, "GET", "/api/v1/databases", headers: headers).status
    end

    for kind <- [:key, :token] do
      net = if kind == :key, do: "2001:db8:1", else: "2001:db8:2"
      statuses = for n <- 1..5, do: guess.("#{net}::#{n}", kind)
      assert {kind, statuses} == {kind, [401, 401, 401, 429, 429]}
      # Others are not meant.
      assert guess.("#{net}:1::1", kind) == 401
    end
  end

  test "guesses count for the limit of requests, too", context do
    port = serve([address_rate: 1, address_burst: 4] ++ context.auth)
    codes = for n <- 1..6, do: json(ask(port, "GET", "/api/v1/databases", "guess#{n}"))["code"]
    assert Enum.take(codes, 4) == List.duplicate("invalid_token", 4)
    assert List.last(codes) == "too_many_requests"
  end
end
