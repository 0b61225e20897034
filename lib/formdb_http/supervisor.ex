defmodule FormdbHttp.Supervisor do
  @moduledoc false
  # The supervision tree; ARCHITECTURE.md has the diagram. There is one a VM.

  use Supervisor

  alias FormdbHttp.Config

  @doc "Starts the databases, and then `last`: modules that are given the configuration, too."
  @spec start_link(Config.t(), [module()]) :: Supervisor.on_start()
  def start_link(%Config{} = config, last \\ []),
    do: Supervisor.start_link(__MODULE__, {config, last}, name: __MODULE__)

  @impl true
  def init({config, last}) do
    # Last up, first down: no request comes in while databases open or close.
    children =
      [
        # First up, last down: everything below uses the engine's catalog.
        {FormdbHttp.Catalog, config},
        # Down after the databases, which answer what is queued as they close.
        FormdbHttp.Outbox,
        {Registry, keys: :unique, name: FormdbHttp.DatabaseRegistry},
        # Up before the databases that start theirs, and down after they have stopped them.
        FormdbHttp.Webhooks.Supervisor,
        # Databases close in parallel when the application stops.
        {DynamicSupervisor, name: FormdbHttp.DatabaseSupervisor, max_restarts: 100},
        # No process, but a step: opens all that is there.
        FormdbHttp.Databases,
        # Down before the databases that it reads.
        {FormdbHttp.Backup.Jobs, config},
        FormdbHttp.Leases,
        {FormdbHttp.Scrubber, config}
      ] ++
        FormdbHttp.Admission.child_specs(config) ++
        Enum.map(last, &{&1, config})

    # A process that is lost takes those that were started after it along, since
    # they hold what it gave them.
    Supervisor.init(children, strategy: :rest_for_one)
  end
end
