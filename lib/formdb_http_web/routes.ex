defmodule FormdbHttpWeb.Routes do
  @moduledoc false
  # The one table of what is served: resources, what each method does with them, and the
  # parameters and statuses of that. The router, the paths of links, the labels of metrics and
  # what conditions a call keeps come from it; no path is written anywhere else.

  alias FormdbHttpWeb.Routes.{
    Auth,
    Backups,
    Databases,
    Features,
    History,
    Resource,
    Series,
    Server,
    Transactions,
    Webhooks
  }

  @doc "All resources, by what they are about."
  @spec groups() :: [{String.t(), [Resource.t()]}]
  def groups do
    [
      {"Server", Server.resources()},
      {"Signing in", Auth.resources()},
      {"Databases", Databases.resources()},
      {"Features", Features.resources()},
      {"Time series", Series.resources()},
      {"History", History.resources()},
      {"Transactions", Transactions.resources()},
      {"Webhooks", Webhooks.resources()},
      {"Backups", Backups.resources()}
    ]
  end

  @doc "All resources."
  @spec all() :: [Resource.t()]
  def all, do: for({_about, resources} <- groups(), resource <- resources, do: resource)

  @doc "Those that the listener for probes has."
  @spec probes() :: [Resource.t()]
  def probes, do: Server.probes()

  # Wrong parameters; pages of other sites; a name the server does not have; too many requests; failures; and
  # what passes in a moment. And what is said of a request that is hardly one: it came too
  # late, is too long, is chunked in an unknown way, or speaks another version.
  @any [400, 403, 408, 414, 421, 429, 431, 500, 501, 503, 505]

  @doc "The statuses that every call may answer."
  @spec any() :: [400..599]
  def any, do: @any
end
