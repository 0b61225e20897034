defmodule FormdbHttpWeb.OpenAPI.Schemas.Databases do
  @moduledoc false

  import FormdbHttpWeb.OpenAPI.Schema

  def schemas do
    [
      database_name:
        text(
          pattern: "^[a-z0-9][a-z0-9_-]{0,62}$",
          description: "The name of a database.",
          examples: ["quakes"]
        ),
      database_request:
        closed([], [name: ref(:database_name)],
          description: "Without a name the server makes one up (`db_...`).",
          examples: [[name: "quakes"]]
        ),
      databases:
        object([databases: list(ref(:listed_database))], [],
          examples: [[databases: [[id: "quakes", status: "open"]]]]
        ),
      listed_database:
        object(
          [id: ref(:database_name), status: ref(:database_status)],
          [code: ref(:code), detail: text()],
          description: "One that is `failed` has `code` and `detail`."
        ),
      database_status: enum(["open", "opening", "closed", "failed"]),
      database_state:
        any_of([ref(:database), ref(:listed_database)],
          description: "An open database in figures; of another the name and the status."
        ),
      database:
        object([
          {:id, ref(:database_name)},
          {:status, constant("open")},
          {:log,
           text(
             pattern: "^[0-9a-f]{32}$",
             description: "Public id of the log; a salvaged copy has another."
           )},
          {:seq, count(0, description: "Blocks that readers see.")},
          {:durable_seq, count(0, description: "Those of them that are on disk.")},
          {:root, ref(:hash)},
          {:features, count()},
          {:series, count()},
          {:points, count()},
          {:cached_bytes, count(0, description: "Memory of finished documents.")},
          {:clock_offset_ms,
           [type: "integer", description: "How far the system's clock is ahead of commit times."]},
          {:failed,
           nullable(text(), description: "Why it answers nothing until it is opened again.")},
          {:groups, count(0, description: "Groups committed since it was opened.")},
          {:journal_bytes, count()},
          {:poisoned, nullable(text(), description: "Why it takes no writes any more.")},
          {:query_cache,
           counters(
             [:bytes, :entries, :evictions, :expirations, :hits] ++ [:invalidations, :misses]
           )},
          {:queued, count(0, description: "Transactions that wait to be committed.")},
          {:scrub,
           object(
             [bytes: count(), damaged: count(), finished: nullable(type: "integer")] ++
               [passes: count(), position: count()]
           )},
          {:segments, count()},
          {:transactions, count(0, description: "Committed since it was opened.")}
        ]),
      database_gone:
        any_of([
          object(id: ref(:database_name), closed: constant(true)),
          object(id: ref(:database_name), purged: constant(true))
        ]),
      database_schema:
        object(
          seq: ref(:seq),
          features:
            object(
              [
                count: count(),
                geometry_types: by_name(count(1), "Features by the type of their geometry."),
                properties:
                  by_name(
                    object(
                      count: count(1),
                      types: by_name(count(1), "By the type of the value.")
                    ),
                    "Features with a property of that name, at the top level."
                  )
              ],
              properties_truncated: constant(true)
            ),
          series:
            object([count: count(), points: count()],
              first: ref(:timestamp),
              last: ref(:timestamp)
            )
        )
    ]
  end

  defp counters(names), do: object(for name <- names, do: {name, count()})

  defp by_name(schema, about),
    do: [type: "object", additionalProperties: schema, description: about]
end
