defmodule FormdbHttp.Webhooks.Supervisor do
  @moduledoc false
  # Of each database that is open the process that keeps its webhooks, and a table of how these
  # get on, which metrics read.

  use DynamicSupervisor

  alias FormdbHttp.Webhooks.{Keeper, Progress}

  @spec start_link(term()) :: Supervisor.on_start()
  def start_link(_opts), do: DynamicSupervisor.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    Progress.new()
    DynamicSupervisor.init(strategy: :one_for_one, max_restarts: 100)
  end

  @doc "Begins to deliver what is registered with a database that was opened."
  @spec opened(String.t()) :: :ok
  def opened(database) do
    # One that is there already was restarted before its database.
    _started = DynamicSupervisor.start_child(__MODULE__, {Keeper, database})
    :ok
  end

  @doc "Ends that; what is under way is given up."
  @spec closing(String.t()) :: :ok
  def closing(database) do
    with pid when pid != nil <- Keeper.whereis(database),
         do: DynamicSupervisor.terminate_child(__MODULE__, pid)

    :ok
  catch
    # It has ended together with everything.
    :exit, _reason -> :ok
  end
end
