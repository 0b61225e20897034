defmodule ShipsWeb.Router do
  use Phoenix.Router
  import Phoenix.LiveView.Router

  pipeline :browser do
    plug :accepts, ["html"]
    plug :fetch_session
    plug :put_root_layout, html: {ShipsWeb.Layouts, :root}
    plug :protect_from_forgery
    plug :put_secure_browser_headers
  end

  # The other way to have the API: behind whatever pipelines a router has.
  forward "/routed", FormdbHttpWeb.Plug, principal: &ShipsWeb.Access.request/1

  scope "/", ShipsWeb do
    get "/hello", Hello, :hello
    pipe_through :browser
    live "/", MapLive
  end
end
