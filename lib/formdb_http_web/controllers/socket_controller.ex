defmodule FormdbHttpWeb.SocketController do
  @moduledoc false
  # The handshake of a WebSocket (RFC 6455, 4.2). What comes after it is FormdbHttpWeb.Socket.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.Live.{Reader, Socket}

  @version "13"
  @protocol "phoenix"

  def connect(req, params) do
    with :ok <- upgrade(req.method, req.headers),
         :ok <- version(req.headers),
         {:ok, state} <- socket(req, params),
         do: {101, protocol(req.headers), {:socket, FormdbHttpWeb.Socket, state}}
  end

  defp upgrade("GET", %{"upgrade" => upgrade, "connection" => connection} = headers) do
    if token?(upgrade, "websocket") and token?(connection, "upgrade"),
      do: key(headers),
      else: no_upgrade()
  end

  defp upgrade(_method, _headers), do: no_upgrade()

  defp no_upgrade do
    detail =
      "expected the handshake of a WebSocket: a GET with `Connection: Upgrade` and " <>
        "`Upgrade: websocket`. A proxy may have taken these fields away"

    refuse(:malformed_request, detail)
  end

  # 16 bytes in base 64.
  defp key(%{"sec-websocket-key" => key}) do
    case Base.decode64(key) do
      {:ok, <<_::binary-16>>} ->
        :ok

      _other ->
        refuse(
          :malformed_request,
          "Sec-WebSocket-Key is #{show(key)}; expected 16 bytes in base64"
        )
    end
  end

  defp key(_headers), do: refuse(:malformed_request, "Sec-WebSocket-Key is missing")

  defp version(%{"sec-websocket-version" => @version}), do: :ok

  defp version(headers) do
    found = headers["sec-websocket-version"] || ""

    refuse(
      :malformed_request,
      "Sec-WebSocket-Version is #{show(found)}; the server speaks #{@version}"
    )
  end

  defp socket(req, %{vsn: vsn}) do
    %{settings: settings} = req

    info = %{
      limits: %{
        channels: settings.socket_channels,
        message_bytes: settings.socket_message_bytes,
        joins_per_second: settings.socket_joins_per_second,
        event_bytes: Serving.subscription_bytes()
      },
      reader: Reader.new(req)
    }

    with :error <-
           Socket.connect(%{params: %{"vsn" => vsn}, transport: :websocket, connect_info: info}) do
      refuse(:vsn_not_supported, "vsn is #{show(vsn)}; the server speaks 1.0.0 and 2.0.0")
    end
  end

  # A browser ends the connection where none of those that it offers is chosen.
  defp protocol(%{"sec-websocket-protocol" => offered}) do
    if token?(offered, @protocol), do: %{"sec-websocket-protocol" => @protocol}, else: %{}
  end

  defp protocol(_headers), do: %{}

  defp token?(field, token) do
    field
    |> String.downcase(:ascii)
    |> String.split(",")
    |> Enum.any?(&(String.trim(&1) == token))
  end
end
