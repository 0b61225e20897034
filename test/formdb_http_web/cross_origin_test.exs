defmodule FormdbHttpWeb.CrossOriginTest do
  use ExUnit.Case, async: true

  alias FormdbHttp.Config
  alias FormdbHttpWeb.{CrossOrigin, Forwarded}

  @loopback {127, 0, 0, 1}
  @evil %{"origin" => "https://evil.example", "sec-fetch-site" => "cross-site"}

  defp settings(environment \\ %{}, address \\ @loopback) do
    {:ok, config} = Config.load(environment)
    CrossOrigin.new(config, address)
  end

  defp check(method, headers, settings \\ settings()) do
    case CrossOrigin.check(method, Map.merge(%{"host" => "localhost:4000"}, headers), settings) do
      {:error, error} -> error.code
      other -> other
    end
  end

  test "clients that are no browsers are not affected" do
    for method <- ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] do
      assert check(method, %{}) == {:ok, %{}}
      assert check(method, %{"user-agent" => "curl", "accept" => "*/*"}) == {:ok, %{}}
    end

    # HTTP/1.0 has no Host.
    assert CrossOrigin.check("POST", %{}, settings()) == {:ok, %{}}
  end

  test "a page of another site writes nothing, and sees nothing" do
    for method <- ["POST", "PUT", "PATCH", "DELETE", "FOO"],
        headers <- [
          @evil,
          Map.delete(@evil, "sec-fetch-site"),
          Map.delete(@evil, "origin"),
          %{@evil | "sec-fetch-site" => "same-site"},
          %{@evil | "origin" => "null"},
          %{"origin" => "http://localhost:4001"},
          %{"origin" => "http://localhost"},
          %{"origin" => "http://localhost.evil.example:4000"},
          %{"origin" => "http://localhost:4000, http://localhost:4000"},
          %{"origin" => "http://localhost:4000/"},
          %{"origin" => "http://localhost:4000@evil.example"},
          %{"origin" => "file://"},
          %{"origin" => ""},
          %{"origin" => <<0xFF>>}
        ] do
      assert {method, headers, check(method, headers)} == {method, headers, :origin_not_allowed}
    end

    assert check("GET", @evil) == {:ok, %{}}
    assert check("HEAD", @evil) == {:ok, %{}}
    assert check("OPTIONS", @evil) == {:ok, %{}}
    # A page reads what a WebSocket brings, and writes to it.
    assert check("GET", Map.put(@evil, "upgrade", "websocket")) == :origin_not_allowed
    preflight = Map.put(@evil, "access-control-request-method", "PUT")
    assert check("OPTIONS", preflight) == :origin_not_allowed
  end

  test "a page of the server's own does all" do
    for headers <- [
          %{"origin" => "http://localhost:4000"},
          %{"origin" => "HTTP://LocalHost:4000", "sec-fetch-site" => "same-origin"},
          %{"sec-fetch-site" => "same-origin"},
          # Typed into the address bar.
          %{"sec-fetch-site" => "none"},
          %{"host" => "[::1]:4000", "origin" => "http://[::1]:4000"},
          # Behind a proxy that speaks TLS and passes Host on.
          %{"host" => "127.0.0.1", "origin" => "https://127.0.0.1"},
          %{"host" => "127.0.0.1", "origin" => "https://127.0.0.1:443"}
        ] do
      assert {headers, check("POST", headers)} == {headers, {:ok, %{}}}
    end
  end

  test "an allowed origin is told so, and asks beforehand what it may" do
    settings =
      settings(%{"FORMDB_ALLOWED_ORIGINS" => "https://map.example, http://dev.example:8080"})

    for origin <- ["https://map.example", "http://dev.example:8080"] do
      headers = %{"origin" => origin, "sec-fetch-site" => "cross-site"}
      assert {:ok, fields} = check("DELETE", headers, settings)
      assert fields["access-control-allow-origin"] == origin
      assert fields["vary"] == "origin"
      assert fields["access-control-expose-headers"] =~ "etag"

      asks = Map.put(headers, "access-control-request-method", "PUT")
      assert {:preflight, fields} = check("OPTIONS", asks, settings)
      assert fields["access-control-allow-origin"] == origin
      assert fields["access-control-allow-methods"] =~ "PUT"
      assert fields["access-control-allow-headers"] =~ "if-match"
      assert fields["vary"] == "origin"
    end

    for origin <- ["http://map.example", "https://map.example:444", "https://x.map.example"] do
      assert check("POST", %{"origin" => origin}, settings) == :origin_not_allowed
    end

    # Caches keep the answers apart, whoever asks first.
    assert check("GET", %{}, settings) == {:ok, %{"vary" => "origin"}}
    assert check("GET", @evil, settings) == {:ok, %{"vary" => "origin"}}
  end

  test "any origin may be allowed" do
    settings = settings(%{"FORMDB_ALLOWED_ORIGINS" => "*"})

    assert {:ok, %{"access-control-allow-origin" => "*"} = fields} =
             check("POST", @evil, settings)

    refute is_map_key(fields, "vary")
    assert {:ok, _} = check("POST", %{"origin" => "null"}, settings)
    assert {:ok, _} = check("POST", Map.delete(@evil, "origin"), settings)
  end

  test "where only this machine can ask, names that may be made to point to it are refused" do
    for host <-
          ["localhost", "LOCALHOST:4000", "127.0.0.1:4000", "127.1.2.3", "[::1]:4000"] ++
            ["db.localhost:4000", "0.0.0.0", "10.1.2.3:4000"] do
      assert {host, check("GET", %{"host" => host})} == {host, {:ok, %{}}}
    end

    for host <-
          ["evil.example", "evil.example:4000", "localhost.evil.example", "127.0.0.1.nip.io"] ++
            ["", "local host", "notlocalhost", "localhost:4000:1", "1.2.3.4@evil.example"],
        method <- ["GET", "POST", "OPTIONS"] do
      assert {host, check(method, %{"host" => host})} == {host, :host_not_allowed}
    end

    named = settings(%{"FORMDB_ALLOWED_HOSTS" => "db.example, Other.Example"})
    assert check("GET", %{"host" => "db.example:80"}, named) == {:ok, %{}}
    assert check("GET", %{"host" => "other.example"}, named) == {:ok, %{}}
    assert check("GET", %{"host" => "localhost"}, named) == {:ok, %{}}
    assert check("GET", %{"host" => "third.example"}, named) == :host_not_allowed

    # What a proxy says of another host does not help a page of a rebound name.
    forwarded = %{"host" => "evil.example", "x-forwarded-host" => "localhost"}
    assert check("GET", forwarded) == :host_not_allowed
  end

  test "elsewhere a list of names is checked if there is one" do
    outside = {192, 0, 2, 1}
    assert check("GET", %{"host" => "any.example"}, settings(%{}, outside)) == {:ok, %{}}
    named = settings(%{"FORMDB_ALLOWED_HOSTS" => "db.example"}, outside)
    assert check("GET", %{"host" => "any.example"}, named) == :host_not_allowed
    any = settings(%{"FORMDB_ALLOWED_HOSTS" => "*"})
    assert check("GET", %{"host" => "any.example"}, any) == {:ok, %{}}
  end

  test "a trusted proxy says by which name the page asked" do
    {:ok, config} = Config.load(%{"FORMDB_TRUSTED_PROXIES" => "127.0.0.1, 10.0.0.0/8, fd00::/8"})
    page = %{"host" => "127.0.0.1:4000", "origin" => "https://db.example"}
    told = Map.merge(page, %{"x-forwarded-host" => "db.example", "x-forwarded-proto" => "https"})

    for peer <- [
          @loopback,
          {10, 9, 8, 7},
          {0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1},
          {0xFD12, 0, 0, 0, 0, 0, 0, 1}
        ] do
      assert check("POST", Forwarded.believed(told, peer, config.trusted_proxies)) == {:ok, %{}}
    end

    for peer <- [{127, 0, 0, 2}, {11, 0, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 1}] do
      headers = Forwarded.believed(told, peer, config.trusted_proxies)
      assert headers == page
      assert check("POST", headers) == :origin_not_allowed
    end

    assert check("POST", %{told | "x-forwarded-proto" => "http"}) == :origin_not_allowed
  end

  test "the client of a proxy is the last one that is no proxy" do
    {:ok, proxies} = Config.Web.networks("127.0.0.1,10.0.0.0/8")

    for {text, client} <- [
          {"192.0.2.1", {:ok, {192, 0, 2, 1}}},
          {"1.1.1.1, 192.0.2.1", {:ok, {192, 0, 2, 1}}},
          {"1.1.1.1, 192.0.2.1, 10.2.3.4, 127.0.0.1", {:ok, {192, 0, 2, 1}}},
          {"10.0.0.1,10.0.0.2", {:ok, {10, 0, 0, 1}}},
          {"unknown", :error},
          {"192.0.2.1, ", :error}
        ] do
      assert {text, Forwarded.client(%{"x-forwarded-for" => text}, proxies)} == {text, client}
    end
  end
end
