defmodule Ships.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      # Before the endpoint: it is there when the first request comes, and takes the last one.
      {FormdbHttp, Application.fetch_env!(:ships, FormdbHttp)},
      Ships.Database,
      {Phoenix.PubSub, name: Ships.PubSub},
      ShipsWeb.Endpoint
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Ships.Supervisor)
  end
end
