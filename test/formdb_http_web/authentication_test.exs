defmodule FormdbHttpWeb.AuthenticationTest do
  # Who asks: API keys and tokens of others, and what an attacker would send instead.
  use ExUnit.Case

  import FormdbHttp.AuthServer
  import FormdbHttp.HTTPClient, only: [json: 1]
  import FormdbHttp.Tokens, only: [base64: 1, claims: 0, claims: 1, sign: 2, sign: 3, sign: 4]

  alias FormdbHttp.{JSON, Tokens}
  alias FormdbHttpWeb.{Auth, Endpoint}
  alias FormdbHttpWeb.Auth.Cache

  @version "/api/v1/databases"

  defp serve(settings) do
    start_supervised!({Endpoint, config([failed_sign_ins: 1_000_000] ++ settings)})
    Endpoint.port()
  end

  defp stop, do: :ok = stop_supervised(Endpoint)

  defp status(port, credential), do: ask(port, "GET", @version, credential).status

  defp refused(port, credential) do
    response = ask(port, "GET", @version, credential)
    assert {response.status, json(response)["code"]} == {401, "invalid_token"}, inspect(response)

    assert response.headers["www-authenticate"] ==
             ~s(Bearer realm="FormDB", error="invalid_token")

    json(response)["detail"]
  end

  ## API keys

  test "an API key is taken, and nothing else that looks like one" do
    keys = Path.join(folder(), "keys.json")
    key = key(keys, "backup", "read:*")
    port = serve(api_keys_file: keys)

    assert status(port, key) == 200
    assert status(port, {:raw, "bearer " <> key}) == 200

    response = ask(port, "GET", @version, nil)
    assert {response.status, json(response)["code"]} == {401, "unauthenticated"}
    assert response.headers["www-authenticate"] == ~s(Bearer realm="FormDB")
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] =~ "authorization"

    <<first, rest::binary>> = String.replace_prefix(key, "formdb_", "")
    other = "formdb_" <> <<if(first == ?A, do: ?B, else: ?A)>> <> rest
    assert refused(port, other) =~ "revoked"

    for credential <- [
          key <> "A",
          String.slice(key, 0..-2//1),
          String.upcase(key),
          "",
          "a b",
          "é"
        ],
        do: assert(status(port, credential) == 401)

    for field <- [
          "",
          "Basic #{Base.encode64("a:b")}",
          key,
          "Bearer",
          "Token " <> key,
          "Bearer #{key}, Bearer #{key}"
        ],
        do: assert({field, 401} == {field, status(port, {:raw, field})})

    assert ask(port, "GET", @version, nil, headers: [{"cookie", "authorization=Bearer #{key}"}]).status ==
             401

    assert ask(port, "GET", @version <> "?access_token=" <> key, nil).status == 401
  end

  test "keys that expire, are revoked, and that another server has do not count" do
    keys = Path.join(folder(), "keys.json")
    # None is made that has expired: time does that.
    old = key(keys, "old", "read:*", "2099-01-01T00:00:00Z")
    text = File.read!(keys)
    assert text =~ "2099-01-01T00:00:00Z"
    File.write!(keys, String.replace(text, "2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"))
    gone = key(keys, "gone", "read:*")
    port = serve(api_keys_file: keys)
    assert refused(port, old) =~ "expired"

    assert status(port, gone) == 200
    :ok = Auth.Entries.remove(keys, Auth.ApiKeys, "gone")
    began = System.monotonic_time(:millisecond)
    until(fn -> status(port, gone) == 401 end)
    assert System.monotonic_time(:millisecond) - began < 2_000

    new = key(keys, "new", "read:*")
    until(fn -> status(port, new) == 200 end)
  end

  test "a file that is wrong changes nothing, and a server does not start with one" do
    folder = folder()
    keys = Path.join(folder, "keys.json")
    key = key(keys, "a", "read:*")
    good = File.read!(keys)
    port = serve(api_keys_file: keys)

    log =
      ExUnit.CaptureLog.capture_log(fn ->
        for bad <- ["{", good <> "x", String.replace(good, "read:*", "read")] do
          File.write!(keys, bad)
          Process.sleep(1_200)
          assert status(port, key) == 200
        end

        File.rm!(keys)
        Process.sleep(1_200)
        assert status(port, key) == 200
      end)

    assert log =~ "FORMDB_API_KEYS_FILE" and log =~ "stays in force"
    assert length(String.split(log, "cannot be read")) == 2, "it is told once: #{log}"
    stop()

    File.write!(keys, "{")
    assert {:error, {why, _}} = start_supervised({Endpoint, config(api_keys_file: keys)})
    assert inspect(why) =~ "FORMDB_API_KEYS_FILE is #{keys}: it is no JSON"
  end

  test "keys are replaced under load without a request that fails" do
    keys = Path.join(folder(), "keys.json")
    key = key(keys, "steady", "read:*")
    port = serve(api_keys_file: keys)

    asking =
      for _ <- 1..4 do
        Task.async(fn ->
          for _ <- 1..300, do: status(port, key)
        end)
      end

    for n <- 1..20 do
      {:ok, _} = Auth.ApiKeys.create(keys, "k#{n}", "read:*", nil)
      send(Auth, :look_again)
    end

    assert asking |> Task.await_many(60_000) |> List.flatten() |> Enum.uniq() == [200]
  end

  ## Tokens of others

  for algorithm <- [:HS256, :RS256, :ES256, :EdDSA] do
    test "tokens by #{algorithm}" do
      algorithm = unquote(algorithm)
      file = Path.join(folder(), "jwks.json")
      {private, public} = Tokens.keys(algorithm)
      {strange, strangers} = Tokens.keys(algorithm)
      write(file, %{"keys" => [Tokens.jwk(algorithm, public, %{"kid" => "one", "use" => "sig"})]})
      port = serve(jwt(algorithm, file))

      token = sign(algorithm, private, claims(), %{"kid" => "one", "typ" => "JWT"})
      for _again <- 1..2, do: assert(status(port, token) == 200)
      assert refused(port, sign(algorithm, private)) =~ "no key"
      assert refused(port, sign(algorithm, strange, claims(), %{"kid" => "one"})) =~ "signature"

      for kid <- [
            "two",
            "../jwks.json",
            "/dev/null",
            "one' OR 1=1 --",
            "one\u0000",
            "",
            1,
            nil,
            ["one"]
          ] do
        token = sign(algorithm, private, claims(), %{"kid" => kid})
        assert refused(port, token) =~ "k"
      end

      # What the token brings itself counts for nothing.
      header = %{"jwk" => Tokens.jwk(algorithm, strangers), "jku" => "http://127.0.0.1:1/"}

      assert refused(port, sign(algorithm, strange, claims(), Map.put(header, "kid", "one"))) =~
               "signature"

      assert refused(port, sign(algorithm, strange, claims(), header)) =~ "no key"

      attacks(port, algorithm, private, public)
      stop()

      # The same key as PEM has no name; of HS256 it is the secret itself.
      write(
        file,
        if(algorithm == :HS256,
          do: Base.encode16(private) <> "\n",
          else: Tokens.pem(algorithm, public)
        )
      )

      private = if algorithm == :HS256, do: Base.encode16(private), else: private
      port = serve(jwt(algorithm, file))
      assert status(port, sign(algorithm, private)) == 200
      assert status(port, sign(algorithm, private, claims(), %{"kid" => "any"})) == 200
      assert status(port, sign(algorithm, strange)) == 401
    end
  end

  defp attacks(port, algorithm, private, public) do
    sign = &sign(algorithm, private, claims(&1), %{"kid" => "one"})
    now = System.os_time(:second)

    # No signature, by every spelling.
    for none <- ["none", "None", "NONE", "nOnE", "", nil, 1, [to_string(algorithm)]] do
      header = base64(JSON.text(%{"alg" => none, "kid" => "one"}))
      text = header <> "." <> base64(JSON.text(claims())) <> "."
      assert status(port, text) == 401

      assert status(
               port,
               text <>
                 base64(Tokens.signature(algorithm, private, String.trim_trailing(text, ".")))
             ) == 401
    end

    [head, body, signature] = String.split(sign.(%{}), ".")

    for bad <- [
          head <> "." <> body <> ".",
          head <> "." <> body,
          "..",
          "a.b.c",
          head <> ".." <> signature
        ],
        do: assert(status(port, bad) == 401)

    # An HMAC by what everybody knows: the public key, in every form that it has.
    if algorithm != :HS256 do
      for secret <- [
            Tokens.pem(algorithm, public),
            String.trim(Tokens.pem(algorithm, public)),
            JSON.text(Tokens.jwk(algorithm, public)),
            ""
          ],
          do: assert(status(port, sign(:HS256, secret, claims(), %{"kid" => "one"})) == 401)
    end

    # Signatures that are numbers of the right length, or none at all.
    for length <- [0, 1, 32, 63, 64, 65, 256, 512], byte <- [0, 255] do
      forged = head <> "." <> body <> "." <> base64(:binary.copy(<<byte>>, length))
      assert status(port, forged) == 401
    end

    # Another text of the same token.
    token = sign.(%{})

    for same <- [token <> "=", String.replace(token, "-", "+"), token <> "A"],
        same != token,
        do: assert(status(port, same) == 401)

    assert refused(port, sign.(%{"exp" => now - 1})) =~ "expired"
    assert refused(port, sign.(%{"exp" => now - 1})) =~ "expired"
    assert refused(port, sign.(%{"exp" => nil})) =~ "no exp"

    for exp <- ["#{now + 60}", true, [], %{}, -1, 1.0e300],
        do: assert(refused(port, sign.(%{"exp" => exp})) =~ "exp")

    assert status(port, sign.(%{"exp" => now + 60.5})) == 200
    assert refused(port, sign.(%{"nbf" => now + 30})) =~ "nbf"
    assert refused(port, sign.(%{"nbf" => "now"})) =~ "nbf"
    assert status(port, sign.(%{"nbf" => now, "iat" => now})) == 200

    for iss <- [nil, "", "https://other.example", [Tokens.issuer()], "formdb"],
        do: assert(status(port, sign.(%{"iss" => iss})) == 401)

    for aud <- [nil, "", "other", [], ["other"], %{}, [[Tokens.audience()]]],
        do: assert(status(port, sign.(%{"aud" => aud})) == 401)

    assert status(port, sign.(%{"aud" => ["other", Tokens.audience()]})) == 200

    for sub <- [
          nil,
          "",
          1,
          "a\nb",
          "a\u0000",
          "a\u202eb",
          "a\u2028b",
          "key:backup",
          "user:ana",
          String.duplicate("a", 256)
        ],
        do: assert(refused(port, sign.(%{"sub" => sub})) =~ "sub")

    assert status(port, sign.(%{"sub" => String.duplicate("ä", 127)})) == 200

    for scope <- ["read:A", "read:*\nadmin:*", "read:* admin:", ["read:* admin:*"], 1, %{}],
        do: assert(refused(port, sign.(%{"scope" => scope})) =~ "scope")

    for header <- [
          %{"crit" => []},
          %{"crit" => ["exp"]},
          %{"b64" => false, "crit" => ["b64"]},
          %{"b64" => true}
        ] do
      assert refused(port, sign(algorithm, private, claims(), Map.put(header, "kid", "one"))) =~
               "crit"
    end

    for typ <- ["logout+jwt", "dpop+jwt", "", 1],
        do:
          assert(
            refused(port, sign(algorithm, private, claims(), %{"kid" => "one", "typ" => typ})) =~
              "kind"
          )

    for typ <- ["jwt", "at+jwt", "application/at+JWT"],
        do:
          assert(
            status(port, sign(algorithm, private, claims(), %{"kid" => "one", "typ" => typ})) ==
              200
          )

    # What two readers would read in two ways, or none.
    text = JSON.text(claims())
    "{" <> members = text
    twice = ~s({"exp":1,) <> members
    header = ~s({"alg":"#{algorithm}","kid":"one"})

    for {claims, header} <- [
          {twice, header},
          {~s({"sub":"admin",) <> members, header},
          {text, ~s({"alg":"none","alg":"#{algorithm}","kid":"one"})},
          {text, ~s({"alg":"#{algorithm}","kid":"two","kid":"one"})},
          {text <> "x", header},
          {"[]", header},
          {"", header},
          {String.replace(text, "ana", "an\xff"), header},
          {String.replace(text, "ana", "an\\ud800"), header},
          {String.duplicate("[", 5_000), header},
          {text, header <> String.duplicate(" ", 3_000)}
        ],
        do:
          assert(
            {claims, 401} == {claims, status(port, sign(algorithm, private, claims, header))}
          )

    # Beyond what a header field may have it is refused before anybody looks at it.
    assert status(port, sign.(%{"more" => String.duplicate("x", 20_000)})) == 431
  end

  test "keys that no server should check by refuse the start" do
    folder = folder()
    {private, public} = Tokens.keys(:RS256)

    {_, weak} =
      with(key = :public_key.generate_key({:rsa, 1_024, 65_537}),
        do: {key, {:RSAPublicKey, elem(key, 2), elem(key, 3)}}
      )

    {_, curve} = Tokens.keys(:ES256)
    {:RSAPublicKey, n, _e} = public

    for {algorithm, text, why} <- [
          {:HS256, "too short", "32 bytes"},
          {:HS256, Tokens.pem(:RS256, public), "PEM"},
          {:HS256, JSON.text(Tokens.jwk(:RS256, public)), "no key for HS256"},
          {:RS256, Tokens.pem(:RS256, weak), "1024 bits"},
          {:RS256, JSON.text(Tokens.jwk(:RS256, {:RSAPublicKey, n, 1})), "exponent 1"},
          {:RS256,
           :public_key.pem_encode([:public_key.pem_entry_encode(:RSAPrivateKey, private)]),
           "RSAPrivateKey"},
          {:RS256, JSON.text(Map.put(Tokens.jwk(:RS256, public), "d", "AQAB")), "private"},
          {:RS256, Tokens.pem(:ES256, curve), "no key for RS256"},
          {:ES256, "x", "no key"},
          {:ES256, "{", "no JSON"},
          {:ES256, ~s({"keys":[{}]}), "no kty"},
          {:ES256, JSON.text(%{"keys" => [Tokens.jwk(:ES256, curve, %{"use" => "enc"})]}),
           "no key for ES256"},
          {:EdDSA, ~s({"kty":"OKP","crv":"Ed25519","x":"AAAA"}), ""}
        ] do
      path = Path.join(folder, "key-#{System.unique_integer([:positive])}")
      write(path, text)

      assert {:error, {error, _child}} =
               start_supervised({Endpoint, config(jwt(algorithm, path))})

      assert inspect(error) =~ why, "#{algorithm} #{text}: #{inspect(error)}"
      refute inspect(error) =~ "AQAB"
    end
  end

  test "tokens are verified anew when keys change, and the one that went is good for nothing" do
    file = Path.join(folder(), "jwks.json")
    {private, public} = Tokens.keys(:EdDSA)
    {next, next_public} = Tokens.keys(:EdDSA)

    set =
      &write(file, %{
        "keys" => for({kid, key} <- &1, do: Tokens.jwk(:EdDSA, key, %{"kid" => kid}))
      })

    set.([{"one", public}])
    port = serve(jwt(:EdDSA, file))
    old = sign(:EdDSA, private, claims(), %{"kid" => "one"})
    new = sign(:EdDSA, next, claims(), %{"kid" => "two"})
    assert {status(port, old), status(port, new)} == {200, 401}

    # As one rotates: both for a while.
    set.([{"one", public}, {"two", next_public}])
    until(fn -> status(port, new) == 200 end)
    assert status(port, old) == 200
    set.([{"two", next_public}])
    until(fn -> status(port, old) == 401 end)
    assert status(port, new) == 200

    # The only one can be taken out, too.
    for none <- [%{"keys" => []}, ""] do
      write(file, none)
      until(fn -> status(port, new) == 401 end)
      set.([{"two", next_public}])
      until(fn -> status(port, new) == 200 end)
    end
  end

  test "no more tokens are remembered than may be, and none longer than it is good" do
    file = Path.join(folder(), "secret")
    {secret, _} = Tokens.keys(:HS256)
    write(file, Tokens.jwk(:HS256, secret))
    port = serve(jwt(:HS256, file, token_cache: 50))
    tokens = for n <- 1..300, do: sign(:HS256, secret, claims(%{"jti" => "#{n}"}))
    assert Enum.uniq(for token <- tokens, do: status(port, token)) == [200]
    assert Cache.size() in 1..52
    assert Enum.uniq(for token <- tokens, do: status(port, token)) == [200]

    short = sign(:HS256, secret, claims(%{"exp" => System.os_time(:second) + 2}))
    assert status(port, short) == 200
    until(fn -> status(port, short) == 401 end)
    assert refused(port, short) =~ "expired"
  end

  test "a token that was found expired is verified anew once the clock is set back" do
    file = Path.join(folder(), "secret")
    {secret, _} = Tokens.keys(:HS256)
    write(file, Tokens.jwk(:HS256, secret))
    settings = jwt(:HS256, file)
    port = serve(settings)
    token = sign(:HS256, secret)
    [{:generation, generation}] = :ets.lookup(Auth, :generation)

    # As it is found in the cache when the clock goes back by an hour.
    found = {generation, nil, System.os_time(:second) + 3_600}
    digest = :crypto.hash(:sha256, token)
    :ok = Cache.put(Auth.settings(config(settings)).cache, digest, found)
    assert status(port, token) == 200
  end

  test "who guesses is refused after a while, from that address alone, and keys go on" do
    folder = folder()
    keys = Path.join(folder, "keys.json")
    key = key(keys, "a", "read:*")
    file = Path.join(folder, "secret")
    {secret, _} = Tokens.keys(:HS256)
    write(file, Tokens.jwk(:HS256, secret))

    settings = [api_keys_file: keys, failed_sign_ins: 5, trusted_proxies: [{{127, 0, 0, 1}, 32}]]
    port = serve(jwt(:HS256, file, settings))
    from = &ask(port, "GET", @version, &2, headers: [{"x-forwarded-for", &1}])
    known = sign(:HS256, secret)
    assert from.("192.0.2.1", known).status == 200

    statuses = for n <- 1..8, do: from.("192.0.2.1", "guess#{n}.a.b").status
    assert statuses == [401, 401, 401, 401, 401, 429, 429, 429]
    response = from.("192.0.2.1", "formdb_" <> String.duplicate("a", 43))
    assert {response.status, json(response)["code"]} == {429, "too_many_attempts"}
    assert String.to_integer(response.headers["retry-after"]) in 1..60

    assert from.("192.0.2.1", key).status == 200
    assert from.("192.0.2.1", known).status == 200
    # What is no token costs no signature, so that nobody else is kept out.
    assert from.("192.0.2.1", sign(:HS256, secret, claims(%{"jti" => "new"}))).status == 200

    {other, _} = Tokens.keys(:HS256)
    wrong = for n <- 1..6, do: sign(:HS256, other, claims(%{"jti" => "wrong#{n}"}))
    assert Enum.uniq(for token <- wrong, do: from.("192.0.2.1", token).status) == [429]
    assert from.("192.0.2.1", sign(:HS256, secret, claims(%{"jti" => "newer"}))).status == 429
    assert from.("192.0.2.1", known).status == 200
    given = ask(port, "POST", "/auth/token", key, headers: [{"x-forwarded-for", "192.0.2.1"}])
    assert given.status == 200
    assert from.("192.0.2.1", json(given)["access_token"]).status == 200
    assert from.("192.0.2.2", "guess").status == 401

    # One client has a whole network of 64 bits.
    for n <- 1..5, do: from.("2001:db8::#{n}", "guess")
    assert from.("2001:db8::ffff", "guess").status == 429
    assert from.("2001:db8:0:1::1", "guess").status == 401

    # A token that was one is no guess.
    old = sign(:HS256, secret, claims(%{"exp" => 1_000_000_000}))
    assert Enum.uniq(for _ <- 1..20, do: from.("192.0.2.3", old).status) == [401]
  end
end
