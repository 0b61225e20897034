defmodule FormdbHttp.Application do
  @moduledoc false
  # What starts with the application: in the VM of another application nothing, since that
  # starts `FormdbHttp` where it wants it; in a VM of our own, where the key `:config` is set,
  # the databases, and with `:serve` the HTTP server.

  use Application

  alias FormdbHttp.Config

  @impl true
  def start(_type, _args) do
    if Application.get_env(:formdb_http, :config) do
      config = Config.load!()
      serve? = Application.get_env(:formdb_http, :serve, false)
      FormdbHttp.Supervisor.start_link(config, if(serve?, do: [FormdbHttpWeb.Endpoint], else: []))
    else
      Supervisor.start_link([], strategy: :one_for_one)
    end
  end
end
