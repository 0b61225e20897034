defmodule FormdbHttpWeb.Attacks.ConnectionsTest do
  # One client that would have all connections, and keep them without asking anything.
  use ExUnit.Case

  import FormdbHttp.AuthServer, only: [config: 1, folder: 0, until: 1]

  import FormdbHttp.HTTPClient,
    only: [closed?: 1, connect: 1, format: 2, json: 1, read: 1, write: 2]

  alias FormdbHttp.Certificates
  alias FormdbHttpWeb.Endpoint

  defp serve(settings) do
    settings = [max_connections: 20, address_connections: 3] ++ settings
    start_supervised!(Supervisor.child_spec({Endpoint, config(settings)}, restart: :temporary))
    Endpoint.port()
  end

  # From another address of this machine.
  defp connect_from(address, port) do
    options = [:binary, active: false, ip: address]
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, options, 5_000)
    socket
  end

  defp asked(socket) do
    write(socket, format("GET", "/health"))
    read(socket)
  end

  test "has as many as one address may have, and others have theirs" do
    port = serve([])
    # Slowly, as those do who want to keep them.
    held = for _ <- 1..3, do: connect(port)
    for socket <- held, do: write(socket, "GET /health HTTP/1.1\r\nhost: localhost\r\nx: ")
    until(fn -> Endpoint.connections() == 3 end)

    for n <- 1..10 do
      socket = connect(port)
      response = read(socket)
      assert {response.status, json(response)["code"]} == {503, "too_many_connections"}
      assert json(response)["detail"] =~ "3 connections from this address"
      assert json(response)["detail"] =~ "FORMDB_ADDRESS_CONNECTIONS"
      assert closed?(socket)
      until(fn -> Endpoint.refused_connections() == n and Endpoint.connections() == 3 end)
    end

    other = for _ <- 1..3, do: connect_from({127, 0, 0, 2}, port)
    for socket <- other, do: assert(asked(socket).status == 200)
    assert read(connect_from({127, 0, 0, 2}, port)).status == 503

    # A place that is free again is free for the next one.
    :ok = :gen_tcp.close(hd(held))
    until(fn -> Endpoint.connections() == 5 end)
    assert asked(connect(port)).status == 200

    # Nothing is remembered of who has gone.
    counts = FormdbHttpWeb.Cowboy.Listener.connections(Endpoint)
    for socket <- held ++ other, do: :gen_tcp.close(socket)
    stopped = fn -> :ets.info(counts.watcher, :size) <= 1 end
    until(stopped)
  end

  test "gets no handshake of TLS beyond that" do
    {certificate, key} = Certificates.write(folder(), "one")
    port = serve(tls_certificate_file: certificate, tls_key_file: key)
    held = for _ <- 1..3, do: connect(port)
    until(fn -> Endpoint.connections() == 3 end)
    options = [active: false, verify: :verify_none, log_level: :none]
    assert {:error, _closed} = :ssl.connect({127, 0, 0, 1}, port, options, 5_000)
    until(fn -> Endpoint.refused_connections() == 1 end)
    :gen_tcp.close(hd(held))
    until(fn -> Endpoint.connections() == 2 end)
    assert {:ok, _socket} = :ssl.connect({127, 0, 0, 1}, port, options, 5_000)
  end

  test "is many where it is a proxy that is trusted" do
    port = serve(trusted_proxies: [{{127, 0, 0, 1}, 32}])
    for socket <- for(_ <- 1..6, do: connect(port)), do: assert(asked(socket).status == 200)
    assert Endpoint.refused_connections() == 0
  end
end
