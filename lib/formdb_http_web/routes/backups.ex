defmodule FormdbHttpWeb.Routes.Backups do
  @moduledoc false
  # Backups of a database.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.BackupController
  alias FormdbHttpWeb.Routes.Databases

  def resources do
    [
      new(:backups, Databases.path() <> "/backups", [
        call("GET", {BackupController, :index}, :read, "The backups of a database.",
          more: "Those in the server's folder of backups, and the one that is being taken.",
          answers: [ok(json(:backups))],
          errors: [409]
        ),
        call("POST", {BackupController, :create}, :admin, "Takes a backup of a database.",
          more:
            "Of what is durable now, while others read and write, into the server's folder of backups. Without a " <>
              "name it is called by the time. It is answered when the backup is done or after some seconds: `state` " <>
              "is `running` then, and the list says how far it is.",
          body: optional(json(:backup_request)),
          answers: [created(json(:backup), [])],
          errors: [409]
        )
      ])
    ]
  end
end
