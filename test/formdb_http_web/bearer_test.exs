defmodule FormdbHttpWeb.BearerTest do
  # Tokens of those who cannot set header fields.
  use ExUnit.Case, async: true

  alias FormdbHttp.Config
  alias FormdbHttpWeb.{Bearer, Handler, Request, Router}

  defp request(path, query, headers) do
    {:cont, req} = path |> routed(query, headers) |> Bearer.call()
    req
  end

  defp routed(path, query, headers) do
    {:ok, config} = Config.load(%{})

    {:cont, req} =
      Router.route(%Request{
        method: "GET",
        path: path,
        query: query,
        headers: headers,
        peer: {127, 0, 0, 1},
        asker: self(),
        body: {nil, nil},
        body_length: 0,
        settings: Handler.init(config, {127, 0, 0, 1}, :all)
      })

    req
  end

  @stream "/api/v1/databases/quakes/journal/stream"

  test "the parameter becomes the field, and is nowhere else" do
    for path <- [@stream, "/socket/websocket"] do
      req = request(path, "since=1&token=a.b%2Bc+d&x=y", %{})
      assert req.headers == %{"authorization" => "Bearer a.b+c d"}
      assert req.query == "since=1&x=y"
    end

    # Its name may be written in other ways, and what does not decode is shown to nobody.
    req = request(@stream, "t%6Fken=a&x=y", %{})
    assert {req.headers["authorization"], req.query} == {"Bearer a", "x=y"}

    for value <- ["a%zz", "secret%ff"] do
      assert {:error, %{code: :invalid_query, detail: detail}} =
               Bearer.call(routed(@stream, "token=" <> value, %{}))

      refute detail =~ "secret"
    end

    # A field that was sent counts first.
    sent = %{"authorization" => "Bearer sent"}
    assert %{headers: ^sent, query: ""} = request(@stream, "token=other", sent)

    # Twice it is refused as any parameter is, and elsewhere as one that there is not.
    assert %{headers: %{}, query: "token=a&token=b"} = request(@stream, "token=a&token=b", %{})
    assert %{headers: %{}, query: "token=a"} = request("/api/v1/databases", "token=a", %{})
    assert %{headers: %{}, query: "token=a"} = request("/nothing", "token=a", %{})
  end

  test "so does a protocol that a WebSocket offers" do
    for token <- ["a", "ab", "abc", "abc=", <<251, 255, 190>>], padding <- [true, false] do
      text = Base.encode64(token, padding: padding)
      offered = %{"sec-websocket-protocol" => "phoenix, base64url.bearer.phx.#{text}"}
      req = request("/socket/websocket", "", offered)
      assert req.headers["authorization"] == "Bearer " <> token
      assert req.headers["sec-websocket-protocol"] == "phoenix"
    end

    # The other alphabet, and what is none.
    req =
      request("/socket/websocket", "", %{"sec-websocket-protocol" => "base64url.bearer.phx.-_--"})

    assert req.headers["authorization"] == "Bearer " <> <<251, 255, 190>>

    req =
      request("/socket/websocket", "", %{"sec-websocket-protocol" => "base64url.bearer.phx.!"})

    assert req.headers["authorization"] == "Bearer "
    req = request("/socket/websocket", "", %{"sec-websocket-protocol" => "phoenix"})
    refute Map.has_key?(req.headers, "authorization")
  end
end
