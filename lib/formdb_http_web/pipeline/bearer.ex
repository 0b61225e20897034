defmodule FormdbHttpWeb.Bearer do
  @moduledoc false
  # Browsers set no header fields for WebSockets and server-sent events. Their calls take the token
  # in the parameter `token`, and a WebSocket also as a protocol that it offers, as the official
  # client of Phoenix does. Here it becomes the field `Authorization` that other calls have, and is
  # nowhere else from then on. Pure.

  alias FormdbHttpWeb.{Params, Request}
  alias FormdbHttpWeb.Routes.Call

  @protocol "base64url.bearer.phx."

  @doc "Puts the token where it is looked for. A field that was sent counts first."
  @spec call(Request.t()) :: Request.step()
  def call(%{call: %Call{query: parameters}} = req) do
    if Enum.any?(parameters, &(&1.name == "token")),
      do: req |> from_protocols() |> from_query(),
      else: {:cont, req}
  end

  def call(req), do: {:cont, req}

  defp from_query(%{query: ""} = req), do: {:cont, req}

  defp from_query(%{query: query} = req) do
    case query |> :binary.split("&", [:global]) |> Enum.split_with(&token?/1) do
      {[pair], others} ->
        with {:ok, token} <- pair |> value() |> Params.query_decode(),
             do: {:cont, authorized(%{req | query: Enum.join(others, "&")}, token)}

      # What is given twice is refused as any parameter is.
      _none_or_several ->
        {:cont, req}
    end
  end

  # Its name may be written in other ways.
  defp token?(pair) do
    [name | _value] = :binary.split(pair, "=")
    Params.query_decode(name) == {:ok, "token"}
  end

  defp value(pair) do
    case :binary.split(pair, "=") do
      [_name, value] -> value
      [_name] -> ""
    end
  end

  defp from_protocols(%{headers: %{"sec-websocket-protocol" => field} = headers} = req) do
    {tokens, others} =
      field
      |> String.split(",")
      |> Enum.map(&String.trim/1)
      |> Enum.split_with(&String.starts_with?(&1, @protocol))

    req = %{req | headers: %{headers | "sec-websocket-protocol" => Enum.join(others, ", ")}}
    with [@protocol <> text | _] <- tokens, do: authorized(req, decode(text)), else: (_ -> req)
  end

  defp from_protocols(req), do: req

  # The official client has the alphabet of RFC 4648, 4, and no padding. What is none is no token.
  defp decode(text) do
    text = text |> String.replace("-", "+") |> String.replace("_", "/")
    with :error <- Base.decode64(text, padding: false), do: {:ok, ""}
  end

  defp authorized(req, {:ok, token}), do: authorized(req, token)

  defp authorized(req, token),
    do: %{req | headers: Map.put_new(req.headers, "authorization", "Bearer " <> token)}
end
