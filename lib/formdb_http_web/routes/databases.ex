defmodule FormdbHttpWeb.Routes.Databases do
  @moduledoc false
  # Databases as a whole.

  import FormdbHttpWeb.Routes.Content

  import FormdbHttpWeb.Routes.Parameters,
    only: [as_of: 0, durability: 0, idempotency_key: 0, parameter: 3]

  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.DatabaseController

  @databases "/api/v1/databases"

  @doc "The path that those of all resources of a database begin with."
  def path, do: @databases <> "/{db}"

  def resources do
    [
      new(:databases, @databases, [
        call("GET", {DatabaseController, :index}, :read, "All databases.",
          access: :principal,
          more: "Where credentials are needed, those that whoever asks may read.",
          answers: [ok(json(:databases))]
        ),
        call("POST", {DatabaseController, :create}, :admin, "Creates a database, or opens it.",
          access: :principal,
          more:
            "Where credentials are needed, the scope has to be admin on the name; without a name, on `*`.",
          body: optional(json(:database_request)),
          answers: [created(json(:database)), ok(json(:database))],
          errors: [507]
        )
      ]),
      new(:database, path(), [
        call("GET", {DatabaseController, :show}, :read, "A database in figures.",
          answers: [ok(json(:database_state))]
        ),
        call("PATCH", {DatabaseController, :update}, :write, "Sets the defaults of a database.",
          more:
            "What holds for requests that do not say otherwise. The change is a block as others are, and can " <>
              "be reverted.",
          query: [durability()],
          headers: [idempotency_key()],
          body: required(json(:defaults_input)),
          answers: [ok(json(:defaults_set))],
          errors: [504]
        ),
        call("DELETE", {DatabaseController, :delete}, :admin, "Closes a database, or removes it.",
          query: [purge()],
          answers: [ok(json(:database_gone))]
        )
      ]),
      new(:schema, path() <> "/schema", [
        call("GET", {DatabaseController, :schema}, :read, "What is in a database.",
          query: [as_of()],
          answers: [ok(json(:database_schema))],
          errors: [504]
        )
      ])
    ]
  end

  defp purge do
    instead = "leave it out to close only"
    parameter("purge", {:only, true, instead}, "Its files are removed. There is no way back.")
  end
end
