defmodule FormdbHttpWeb.RateLimitTest do
  use ExUnit.Case

  import FormdbHttp.AuthServer, only: [ask: 4, config: 1, folder: 0, key: 3]

  import FormdbHttp.HTTPClient,
    only: [json: 1, request: 4, connect: 1, write: 2, read: 1, format: 3]

  alias FormdbHttpWeb.{Buckets, Endpoint}

  @second 1_000_000_000

  describe "a bucket" do
    setup do
      {:ok, now: System.monotonic_time(:nanosecond)}
    end

    test "gives what it holds, then what comes, and never more", %{now: now} do
      buckets = Buckets.new(10, 3)
      take = &Buckets.take(buckets, :a, now + &1)
      assert [{:ok, 2, _}, {:ok, 1, _}, {:ok, 0, full}] = for(_ <- 1..3, do: take.(0))
      assert_in_delta full, 0.3 * @second, 1_000
      assert {:wait, wait} = take.(0)
      assert_in_delta wait, 0.1 * @second, 1_000
      # Who is refused loses nothing by asking again.
      for _ <- 1..100, do: assert({:wait, ^wait} = take.(0))
      assert {:ok, 0, _} = take.(wait)
      assert {:wait, _} = take.(wait)
      # After a long time there are as many as at first, and no more.
      assert [{:ok, 2, _}, {:ok, 1, _}, {:ok, 0, _}, {:wait, _}] =
               for(_ <- 1..4, do: take.(3_600 * @second))
    end

    test "is one for each key", %{now: now} do
      buckets = Buckets.new(1, 1)
      for key <- 1..5_000, do: assert({:ok, 0, _} = Buckets.take(buckets, key, now))
      # Some may have been forgotten, where nine keys are in one place.
      again = for key <- 1..5_000, do: elem(Buckets.take(buckets, key, now), 0)
      assert Enum.count(again, &(&1 == :wait)) > 4_990
    end

    test "takes no more memory for more keys, and the frequent ones stay", %{now: now} do
      buckets = Buckets.new(1, 100)
      info = :atomics.info(buckets.array)
      assert info.memory < 1_100_000
      for _ <- 1..100, do: Buckets.take(buckets, :busy, now)
      assert {:wait, _} = Buckets.take(buckets, :busy, now)

      # Twice as many as there are slots, each once.
      for key <- 1..(2 * Buckets.slots()), do: Buckets.take(buckets, key, now)
      assert {:wait, _} = Buckets.take(buckets, :busy, now)
      assert :atomics.info(buckets.array) == info
    end

    test "is right when all ask at once", %{now: now} do
      buckets = Buckets.new(1, 1_000)
      # Nobody is first with a key that is new.
      Buckets.take(buckets, :a, now)

      taken =
        1..8
        |> Enum.map(fn _ ->
          Task.async(fn ->
            Enum.count(1..1_000, fn _ -> match?({:ok, _, _}, Buckets.take(buckets, :a, now)) end)
          end)
        end)
        |> Task.await_many()
        |> Enum.sum()

      assert taken == 999
    end

    test "costs next to nothing" do
      buckets = Buckets.new(1_000_000, 1_000_000)
      key = {192, 0, 2, 1}

      time = fn ->
        elem(:timer.tc(fn -> for _ <- 1..10_000, do: Buckets.take(buckets, key) end), 0)
      end

      # Some 0.4 us, on a machine that has nothing else to do.
      assert 1..5 |> Enum.map(fn _ -> time.() end) |> Enum.min() < 10_000 * 20
    end
  end

  defp serve(settings) do
    start_supervised!(Supervisor.child_spec({Endpoint, config(settings)}, restart: :temporary))
    Endpoint.port()
  end

  @proxy [trusted_proxies: [{{127, 0, 0, 1}, 32}]]

  defp from(port, address, path \\ "/api/v1/version", opts \\ []) do
    headers = [{"x-forwarded-for", address} | Keyword.get(opts, :headers, [])]
    request(port, Keyword.get(opts, :method, "GET"), path, headers: headers, body: opts[:body])
  end

  test "an address has its requests, and the answers say how many are left" do
    port = serve([address_rate: 1, address_burst: 3] ++ @proxy)

    for left <- [2, 1, 0] do
      response = from(port, "192.0.2.1")
      assert response.status == 200
      assert response.headers["ratelimit-policy"] == ~s("address";q=3;w=3)
      assert response.headers["ratelimit"] =~ ~r/\A"address";r=#{left};t=[1-3]\z/
    end

    response = from(port, "192.0.2.1")
    assert {response.status, json(response)["code"]} == {429, "too_many_requests"}
    assert json(response)["detail"] =~ "FORMDB_ADDRESS_RATE"
    assert response.headers["retry-after"] == "1"
    assert response.headers["ratelimit"] == ~s("address";r=0;t=1)

    # Others have theirs; of IPv6 a network of 64 bits is one, and of IPv4 each address in
    # either form.
    assert from(port, "192.0.2.2").status == 200
    assert from(port, "::ffff:192.0.2.1").status == 429
    for n <- 1..3, do: assert(from(port, "2001:db8::#{n}").status == 200)
    assert from(port, "2001:db8::ffff:4").status == 429
    assert from(port, "2001:db8:0:1::1").status == 200
    Process.sleep(1_100)
    assert from(port, "192.0.2.1").status == 200
  end

  test "whom a proxy names counts only where it is believed" do
    port = serve(address_rate: 1, address_burst: 2)
    statuses = for n <- 1..3, do: from(port, "192.0.2.#{n}").status
    assert statuses == [200, 200, 429]
  end

  test "probes and what browsers ask beforehand do not count, all else does" do
    port =
      serve(
        address_rate: 1,
        address_burst: 1,
        probe_port: 0,
        allowed_origins: ["https://map.example"]
      )

    for path <- ["/health", "/health/live", "/health/ready"], _ <- 1..2 do
      response = request(port, "GET", path, [])
      assert response.status in [200, 503]
      refute is_map_key(response.headers, "ratelimit")
    end

    origin = {"origin", "https://map.example"}
    asked = [origin, {"access-control-request-method", "PUT"}]
    for _ <- 1..2, do: assert(request(port, "OPTIONS", "/docs", headers: asked).status == 204)

    assert request(port, "GET", "/nothing", []).status == 404

    # A page sees why, and how long it has to wait.
    response = request(port, "GET", "/docs", headers: [origin])
    assert response.status == 429
    assert response.headers["access-control-allow-origin"] == "https://map.example"
    assert response.headers["access-control-expose-headers"] =~ "retry-after"
    for _ <- 1..5, do: assert(request(Endpoint.probe_port(), "GET", "/metrics", []).status == 200)
  end

  test "what is refused is refused before its body is read" do
    port = serve(address_rate: 1, address_burst: 1)
    request(port, "GET", "/docs", [])
    socket = connect(port)
    headers = [{"content-length", 10_000_000}, {"content-type", "application/json"}]
    write(socket, format("POST", "/api/v1/databases", headers: headers))
    assert %{status: 429, headers: %{"connection" => "close"}} = read(socket)
  end

  test "a principal has its own, from wherever it asks, and those of its tokens are the same" do
    folder = folder()
    keys = Path.join(folder, "keys.json")
    [one, other] = for name <- ["one", "other"], do: key(keys, name, "read:*")

    port =
      serve(
        [api_keys_file: keys, server_key_file: Path.join(folder, "server.key")] ++
          [principal_rate: 1, principal_burst: 3, address_rate: 1, address_burst: 9]
      )

    token = json(ask(port, "POST", "/auth/token", one))["access_token"]

    for {credential, left} <- [{one, 2}, {token, 1}, {one, 0}] do
      response = ask(port, "GET", "/api/v1/databases", credential)
      assert response.status == 200

      assert response.headers["ratelimit"] =~
               ~r/\A"address";r=\d;t=\d, "principal";r=#{left};t=\d\z/

      assert response.headers["ratelimit-policy"] == ~s("address";q=9;w=9, "principal";q=3;w=3)
    end

    response = ask(port, "GET", "/api/v1/databases", token)
    assert {response.status, json(response)["code"]} == {429, "too_many_requests"}
    assert json(response)["detail"] =~ "FORMDB_PRINCIPAL_RATE"
    assert ask(port, "GET", "/api/v1/databases", other).status == 200

    # Nobody is a principal: of who does not say who it is the address counts.
    statuses = for _ <- 1..5, do: ask(port, "GET", "/api/v1/databases", nil).status
    assert List.last(statuses) == 429
    assert hd(statuses) == 401
  end
end
