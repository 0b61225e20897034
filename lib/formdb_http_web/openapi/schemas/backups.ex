defmodule FormdbHttpWeb.OpenAPI.Schemas.Backups do
  @moduledoc false

  import FormdbHttpWeb.OpenAPI.Schema

  def schemas do
    [
      backup_name:
        text(
          pattern: "^[a-z0-9][a-z0-9_-]{0,62}$",
          description: "The name of a backup, and of its folder.",
          examples: ["before-the-move"]
        ),
      backup_request:
        closed([], [name: ref(:backup_name)],
          description: "Without a name it is called by the time.",
          examples: [[name: "before-the-move"]]
        ),
      backup_state:
        enum(["whole", "running", "damaged", "failed"],
          description:
            "`damaged`: its manifest is missing or cannot be read. `failed`: the last one, of which nothing is left."
        ),
      backups: object(backups: list(ref(:backup))),
      backup:
        object(
          [
            name: ref(:backup_name),
            state: ref(:backup_state)
          ],
          database: ref(:database_name),
          time: ref(:timestamp),
          seq: count(0, description: "Sequence of its last block."),
          root: ref(:hash),
          log: text(pattern: "^[0-9a-f]{32}$", description: "Public id of the log."),
          files: count(),
          bytes: count(0, description: "Of all its files."),
          copied_bytes: count(0, description: "Those that were written, when it was taken."),
          linked_bytes: count(0, description: "Those of files that have a second name here."),
          previous: nullable(text(), description: "The backup that it was taken after."),
          previous_damaged:
            list(text(),
              description:
                "Files of that one that are damaged: they were taken from the database again."
            ),
          done: count(0, description: "Bytes so far, while it is running."),
          total: nullable(count(), description: "Bytes in all, while it is running."),
          code: ref(:code),
          detail: text()
        )
    ]
  end
end
