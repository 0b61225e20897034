defmodule ShipsTest do
  # The application as others see it: over HTTP and a WebSocket, and its LiveView in this process.
  use ExUnit.Case

  alias ShipsWeb.{Endpoint, MapLive}

  @db "/api/v1/databases/ships"

  setup do
    {:ok, {_address, port}} = Endpoint.server_info(:http)
    FormdbHttp.purge("ships")
    {:ok, _} = FormdbHttp.open("ships")
    {:ok, port: port}
  end

  defp ask(port, method, path, headers \\ [], body \\ nil) do
    url = ~c"http://127.0.0.1:#{port}#{path}"
    headers = for {name, value} <- headers, do: {to_charlist(name), to_charlist(value)}
    request = if body, do: {url, headers, ~c"application/json", body}, else: {url, headers}
    {:ok, _} = Application.ensure_all_started(:inets)

    {:ok, {{_, status, _}, headers, body}} =
      :httpc.request(method, request, [], body_format: :binary)

    {status, Map.new(headers, fn {name, value} -> {to_string(name), to_string(value)} end), body}
  end

  defp ship(id, x, y) do
    geometry = %{"type" => "Point", "coordinates" => [x, y]}
    %{"type" => "Feature", "id" => id, "geometry" => geometry, "properties" => %{}}
  end

  for mount <- ["/formdb", "/routed"] do
    test "the API answers at #{mount}, with bodies that arrive and links that hold", %{port: port} do
      path = unquote(mount) <> @db
      body = Jason.encode!(ship("elbe", 10, 53.5))
      assert {201, headers, _} = ask(port, :post, path <> "/features", [{"x-ship", "elbe"}], body)
      assert headers["location"] == path <> "/features/elbe"
      assert {200, _, text} = ask(port, :get, headers["location"])
      assert Jason.decode!(text)["geometry"]["coordinates"] == [10, 53.5]
      assert {200, _, text} = ask(port, :get, path <> "/journal")
      assert [%{"actor" => "ship:elbe"}] = Jason.decode!(text)["entries"]
      # Who is no ship reads, and no more.
      assert {403, _, _} = ask(port, :post, path <> "/features", [], body)
    end
  end

  test "the page has what is in the box", %{port: port} do
    for {id, x} <- [{"elbe", 10}, {"far", 20}],
        do: {:ok, _} = FormdbHttp.put_feature("ships", ship(id, x, 53.5))

    assert {200, _, page} = ask(port, :get, "/?bbox=9,53,11,54")
    assert page =~ ~s(id="ship-elbe") and page =~ "1 ships as of block 2"
    refute page =~ "ship-far"
    for file <- ["phoenix.min.js", "phoenix_live_view.min.js"], do: assert({200, _, _} = ask(port, :get, "/js/" <> file))
  end

  test "the map follows what comes into its box, moves in it and leaves it" do
    {:ok, _} = FormdbHttp.put_feature("ships", ship("a", 10, 53.5))
    # As Phoenix makes one for a page whose socket is open.
    {:ok, socket} = MapLive.mount(%{"bbox" => "9,53,11,54"}, %{}, %Phoenix.LiveView.Socket{transport_pid: self()})
    assert drawn(socket) == ["a"]

    {:ok, _} = FormdbHttp.put_feature("ships", ship("b", 10.5, 53.5))
    {:ok, %{seq: 3}} = FormdbHttp.put_feature("ships", ship("far", 50, 10))
    {:ok, %{seq: moved}} = FormdbHttp.put_feature("ships", ship("a", 10.2, 53.5))
    socket = until(socket, moved)
    assert drawn(socket) == ["a", "b"]
    assert socket.assigns.ships["a"]["geometry"]["coordinates"] == [10.2, 53.5]

    {:ok, _} = FormdbHttp.put_feature("ships", ship("a", 50, 10))
    {:ok, %{seq: gone}} = FormdbHttp.delete_feature("ships", "b")
    socket = until(socket, gone)
    assert drawn(socket) == []
    # What was undone is there again.
    {:ok, %{seq: back}} = FormdbHttp.revert("ships", gone)
    assert drawn(until(socket, back)) == ["b"]
  end

  test "the map goes on when the database was closed and is there again" do
    {:ok, socket} = MapLive.mount(%{"bbox" => "9,53,11,54"}, %{}, %Phoenix.LiveView.Socket{transport_pid: self()})
    :ok = FormdbHttp.close("ships")
    {:ok, _} = FormdbHttp.open("ships")
    {:ok, %{seq: 1}} = FormdbHttp.put_feature("ships", ship("a", 10, 53.5))
    socket = until(socket, 1)
    {:ok, %{seq: 2}} = FormdbHttp.put_feature("ships", ship("b", 10, 53.5))
    assert drawn(until(socket, 2)) == ["a", "b"]
  end

  # To the block, and no message twice.
  defp until(%{assigns: %{seq: seq}} = socket, seq), do: socket

  defp until(socket, seq) do
    receive do
      message ->
        {:noreply, socket} = MapLive.handle_info(message, socket)
        until(socket, seq)
    after
      5_000 -> flunk("block #{seq} did not come; the last one is #{socket.assigns.seq}")
    end
  end

  defp drawn(socket) do
    html = socket.assigns |> MapLive.render() |> Phoenix.HTML.Safe.to_iodata() |> IO.iodata_to_binary()
    for([_, id] <- Regex.scan(~r/id="ship-([^"]+)"/, html), do: id) |> Enum.sort()
  end

  test "the endpoint's socket speaks the protocol of channels", %{port: port} do
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false])

    :ok =
      :gen_tcp.send(socket, [
        "GET /formdb/websocket?vsn=2.0.0 HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n",
        "connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
      ])

    assert "HTTP/1.1 101" <> _ = head(socket, "")
    say(socket, ["1", "1", "journal:ships", "phx_join", %{}])
    assert ["1", "1", "journal:ships", "phx_reply", %{"status" => "ok"}] = hear(socket)
    {:ok, %{seq: 1}} = FormdbHttp.put_feature("ships", ship("a", 1, 2))
    assert ["1", nil, _, "journal_event", %{"seq" => 1}] = event(socket)
  end

  defp head(socket, text) do
    if String.ends_with?(text, "\r\n\r\n") do
      text
    else
      {:ok, byte} = :gen_tcp.recv(socket, 1, 5_000)
      head(socket, text <> byte)
    end
  end

  # A frame of a client is masked (RFC 6455, 5.3), here with zeros.
  defp say(socket, message) do
    text = Jason.encode!(message)
    true = byte_size(text) < 126
    :ok = :gen_tcp.send(socket, [<<1::1, 0::3, 1::4, 1::1, byte_size(text)::7, 0::32>>, text])
  end

  defp hear(socket) do
    {:ok, <<1::1, 0::3, 1::4, 0::1, length::7>>} = :gen_tcp.recv(socket, 2, 5_000)

    length =
      if length == 126 do
        {:ok, <<length::16>>} = :gen_tcp.recv(socket, 2, 5_000)
        length
      else
        length
      end

    {:ok, text} = :gen_tcp.recv(socket, length, 5_000)
    Jason.decode!(text)
  end

  defp event(socket) do
    case hear(socket) do
      [_, _, _, "journal_event", _] = event -> event
      _state -> event(socket)
    end
  end
end
