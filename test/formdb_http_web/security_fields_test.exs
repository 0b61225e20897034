defmodule FormdbHttpWeb.SecurityFieldsTest do
  use ExUnit.Case

  import FormdbHttp.AuthServer, only: [ask: 4, ask: 5, config: 1, folder: 0, key: 3]
  import FormdbHttp.HTTPClient, only: [connect: 1, json: 1, read: 1, request: 4, write: 2]

  alias FormdbHttpWeb.Endpoint

  @policy "default-src 'none'; frame-ancestors 'none'"

  defp serve(settings) do
    start_supervised!(Supervisor.child_spec({Endpoint, config(settings)}, restart: :temporary))
    Endpoint.port()
  end

  test "every answer says that it is what it says, and shown in no frame" do
    port = serve(probe_port: 0)

    answers =
      for {method, path} <- [
            {"GET", "/health"},
            {"GET", "/api/v1/databases"},
            {"GET", "/nothing"},
            {"HEAD", "/metrics"},
            {"POST", "/api/v1/databases"},
            {"OPTIONS", "/docs"},
            {"DELETE", "/docs"},
            {"GET", "/openapi.json"}
          ],
          do: request(port, method, path, [])

    tag = request(port, "GET", "/openapi.json", []).headers["etag"]
    same = request(port, "GET", "/openapi.json", headers: [{"if-none-match", tag}])
    assert same.status == 304

    # Also where it is no request at all.
    broken =
      for bytes <- ["GET\r\n\r\n", "GET / HTTP/9.0\r\nhost: a\r\n\r\n", "\x16\x03\x01\r\n\r\n"] do
        socket = connect(port)
        write(socket, bytes)
        read(socket)
      end

    probe = request(Endpoint.probe_port(), "GET", "/health", [])

    for %{headers: headers} <- [same, probe] ++ answers ++ broken do
      assert headers["x-content-type-options"] == "nosniff"
      assert headers["content-security-policy"] == @policy
      refute is_map_key(headers, "strict-transport-security")
      refute is_map_key(headers, "access-control-allow-credentials")
    end

    # Pages load what is theirs.
    for path <- ["/", "/docs"] do
      page = request(port, "GET", path, headers: [{"accept", "text/html"}])
      assert page.headers["content-security-policy"] =~ "script-src 'self'"
      assert page.headers["content-security-policy"] =~ "frame-ancestors 'none'"
      assert page.headers["referrer-policy"] == "no-referrer"
      assert page.headers["x-content-type-options"] == "nosniff"
    end
  end

  test "one that the limit of connections refuses says so, too" do
    port = serve(max_connections: 1)
    held = connect(port)
    write(held, "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert read(held).status == 200
    response = read(connect(port))
    assert {response.status, response.headers["x-content-type-options"]} == {503, "nosniff"}
  end

  test "browsers are to ask by TLS where a proxy that is believed says that they did" do
    port = serve(trusted_proxies: [{{127, 0, 0, 1}, 32}], hsts_seconds: 1_000)

    hsts = fn headers ->
      request(port, "GET", "/health", headers: headers).headers["strict-transport-security"]
    end

    assert hsts.([{"x-forwarded-proto", "https"}]) == "max-age=1000"
    assert hsts.([{"x-forwarded-proto", "HTTPS, http"}]) == "max-age=1000"

    for proto <- ["http", "", "http, https", "httpsx"],
        do: assert(hsts.([{"x-forwarded-proto", proto}]) == nil)

    assert hsts.([]) == nil
    stop_supervised!(Endpoint)

    port = serve([])
    headers = [{"x-forwarded-proto", "https"}, {"forwarded", "proto=https;for=192.0.2.1"}]
    response = request(port, "GET", "/health", headers: headers)
    refute is_map_key(response.headers, "strict-transport-security")
    stop_supervised!(Endpoint)

    port = serve(trusted_proxies: [{{127, 0, 0, 1}, 32}], hsts_seconds: 0)
    response = request(port, "GET", "/health", headers: headers)
    refute is_map_key(response.headers, "strict-transport-security")
  end

  test "answers with tokens or to credentials are kept by nobody, and pages see them by no cookie" do
    folder = folder()
    keys = Path.join(folder, "keys.json")
    key = key(keys, "one", "admin:*")

    port =
      serve(
        api_keys_file: keys,
        server_key_file: Path.join(folder, "server.key"),
        allowed_origins: :any
      )

    origin = {"origin", "https://map.example"}

    # Asked beforehand nobody says who they are, and nobody is told to.
    asked = [
      origin,
      {"access-control-request-method", "POST"},
      {"access-control-request-headers", "authorization"}
    ]

    for path <- ["/auth/token", "/api/v1/databases", "/nothing"] do
      response = request(port, "OPTIONS", path, headers: asked)
      assert response.status == 204
      assert response.headers["access-control-allow-origin"] == "*"
      assert response.headers["access-control-allow-headers"] =~ "authorization"
      refute is_map_key(response.headers, "access-control-allow-credentials")
    end

    given = ask(port, "POST", "/auth/token", key, headers: [origin])
    token = json(given)["access_token"]
    checked = ask(port, "POST", "/auth/verify", token, headers: [origin])
    renewed = ask(port, "POST", "/auth/refresh", token, headers: [origin])
    refused = ask(port, "POST", "/auth/token", "wrong", headers: [origin])
    assert for(one <- [given, checked, renewed, refused], do: one.status) == [200, 200, 200, 401]

    for response <- [given, checked, renewed, refused] do
      assert response.headers["cache-control"] == "no-store"
      refute is_map_key(response.headers, "access-control-allow-credentials")
      refute is_map_key(response.headers, "set-cookie")
    end

    # A page learns why it is refused.
    assert refused.headers["access-control-expose-headers"] =~ "www-authenticate"

    # No cookie and no parameter is a credential.
    for {path, headers} <- [
          {"/api/v1/databases", [{"cookie", "authorization=Bearer #{key}; token=#{key}"}]},
          {"/api/v1/databases?access_token=#{key}", []},
          {"/api/v1/databases", [{"x-api-key", key}]},
          {"/api/v1/databases", [{"proxy-authorization", "Bearer #{key}"}]}
        ],
        do: assert(request(port, "GET", path, headers: headers).status == 401)

    response = ask(port, "GET", "/api/v1/databases", key)
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] =~ "authorization"
  end
end
