defmodule FormdbHttpWeb.Routes.Databases do
  @moduledoc false
  # Databases as a whole.

  import FormdbHttpWeb.Routes.Parameters, only: [parameter: 3]
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.DatabaseController

  @databases "/api/v1/databases"

  @doc "The path that those of all resources of a database begin with."
  def path, do: @databases <> "/{db}"

  def resources do
    [
      new(:databases, @databases, [
        call("GET", {DatabaseController, :index}, :read, "All databases.", statuses: [200]),
        call("POST", {DatabaseController, :create}, :admin, "Creates a database, or opens it.",
          statuses: [200, 201, 408, 413, 415]
        )
      ]),
      new(:database, path(), [
        call("GET", {DatabaseController, :show}, :read, "A database in figures.",
          statuses: [200, 404]
        ),
        call("DELETE", {DatabaseController, :delete}, :admin, "Closes a database, or removes it.",
          query: [purge()],
          statuses: [200, 404]
        )
      ]),
      new(:schema, path() <> "/schema", [
        call("GET", {DatabaseController, :schema}, :read, "What is in a database.",
          statuses: [200, 404, 504]
        )
      ])
    ]
  end

  defp purge do
    instead = "leave it out to close only"
    parameter("purge", {:only, true, instead}, "Its files are removed. There is no way back.")
  end
end
