defmodule FormdbHttpWeb.Routes do
  @moduledoc false
  # The one table of what is served: resources, what each method does with them, and the
  # parameters and statuses of that. The router, the paths of links, the labels of metrics and
  # what conditions a call keeps come from it; no path is written anywhere else.

  alias FormdbHttpWeb.Routes.{
    Databases,
    Features,
    History,
    Resource,
    Series,
    Server,
    Transactions
  }

  @doc "All resources."
  @spec all() :: [Resource.t()]
  def all do
    Server.resources() ++
      Databases.resources() ++
      Features.resources() ++
      Series.resources() ++ History.resources() ++ Transactions.resources()
  end

  @doc "Those that the listener for probes has."
  @spec probes() :: [Resource.t()]
  def probes, do: Server.probes()

  # Wrong parameters; pages of other sites; a name the server does not have; failures; and
  # what passes in a moment.
  @any [400, 403, 421, 500, 503]

  @doc "The statuses that every call may answer."
  @spec any() :: [400..599]
  def any, do: @any
end
