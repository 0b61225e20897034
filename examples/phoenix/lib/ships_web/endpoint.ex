defmodule ShipsWeb.Endpoint do
  use Phoenix.Endpoint, otp_app: :ships

  @session [store: :cookie, key: "_ships", signing_salt: "ships", same_site: "Lax"]

  socket "/live", Phoenix.LiveView.Socket, websocket: [connect_info: [session: @session]]

  # The journal, live, for the official `phoenix` client: new Socket("/formdb").
  socket "/formdb", FormdbHttpWeb.Socket,
    websocket: [connect_info: [:peer_data], principal: &ShipsWeb.Access.socket/1]

  # No build of JavaScript: the libraries bring these files.
  plug Plug.Static, at: "/js", from: {:phoenix, "priv/static"}, only: ["phoenix.min.js"]

  plug Plug.Static,
    at: "/js",
    from: {:phoenix_live_view, "priv/static"},
    only: ["phoenix_live_view.min.js"]

  # The API, before anything reads bodies.
  plug FormdbHttpWeb.Plug, at: "/formdb", principal: &ShipsWeb.Access.request/1

  plug Plug.Parsers,
    parsers: [:urlencoded, :multipart, :json],
    pass: ["*/*"],
    # For the API in the router, at /routed, too.
    body_reader: {FormdbHttpWeb.Plug, :read_body, ["/routed"]},
    json_decoder: Phoenix.json_library()

  plug Plug.Session, @session
  plug ShipsWeb.Router
end
