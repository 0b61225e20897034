defmodule FormdbHttp.Application do
  @moduledoc false
  # The supervision tree; ARCHITECTURE.md has the diagram.

  use Application

  alias FormdbHttp.Config

  @impl true
  def start(_type, _args) do
    config = Config.load!()

    children = [
      # First up, last down: everything below uses the engine's catalog.
      {FormdbHttp.Catalog, config},
      {Registry, keys: :unique, name: FormdbHttp.DatabaseRegistry},
      # Databases close in parallel when the application stops.
      {DynamicSupervisor, name: FormdbHttp.DatabaseSupervisor, max_restarts: 100},
      # No process, but a step: opens all that is there.
      FormdbHttp.Databases,
      FormdbHttp.Leases,
      {FormdbHttp.Scrubber, config}
      | FormdbHttp.Admission.child_specs(config)
    ]

    # Last up, first down: no request comes in while databases open or close.
    children =
      if Application.get_env(:formdb_http, :serve, false),
        do: children ++ [{FormdbHttpWeb.Endpoint, config}],
        else: children

    # A process that is lost takes those that were started after it along, since
    # they hold what it gave them.
    Supervisor.start_link(children, strategy: :rest_for_one, name: FormdbHttp.Supervisor)
  end
end
