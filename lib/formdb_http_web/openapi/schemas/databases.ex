defmodule FormdbHttpWeb.OpenAPI.Schemas.Databases do
  @moduledoc false

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.DatabaseName

  def schemas do
    [
      database_name:
        text(
          pattern: "^#{DatabaseName.pattern()}$",
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
          {:status, ref(:database_status)},
          {:log,
           text(
             pattern: "^[0-9a-f]{32}$",
             description: "Public id of the log; a salvaged copy has another."
           )},
          {:seq, count(0, description: "Blocks that readers see.")},
          {:durable_seq, count(0, description: "Those of them that are on disk.")},
          {:root, ref(:hash)},
          {:features, count()},
          {:versions, count(0, description: "Earlier versions of features.")},
          {:series, count()},
          {:points, count()},
          {:defaults, ref(:defaults)},
          {:cached_bytes, count(0, description: "Memory of finished documents.")},
          {:clock_offset_ms,
           [type: "integer", description: "How far the system's clock is ahead of commit times."]},
          {:failed,
           nullable(text(), description: "Why it answers nothing until it is opened again.")},
          {:geometry_cache_bytes,
           count(0, description: "Memory of geometries kept ready to be compared.")},
          {:groups, count(0, description: "Groups committed since it was opened.")},
          {:index_bytes, ref(:index_bytes)},
          {:journal_bytes, count()},
          {:poisoned, nullable(text(), description: "Why it takes no writes any more.")},
          {:query_cache, ref(:query_cache_figures)},
          {:queued, count(0, description: "Transactions that wait to be committed.")},
          {:scrub, ref(:scrub_figures)},
          {:segments, count()},
          {:transactions, count(0, description: "Committed since it was opened.")}
        ]),
      index_bytes:
        object(
          for(
            name <- [:features, :other, :points, :series, :total, :versions],
            do: {name, count()}
          ),
          [],
          description: "Memory of the indexes by what takes it, an estimate."
        ),
      query_cache_figures:
        object(
          for name <-
                [:bytes, :entries, :evictions, :expirations, :hits, :invalidations, :misses],
              do: {name, count()}
        ),
      scrub_figures:
        object(
          [bytes: count(), damaged: count(), finished: nullable(type: "integer")] ++
            [passes: count(), position: count()]
        ),
      defaults:
        object([on_duplicate: ref(:on_duplicate_point)], [],
          description: "What holds for requests that do not say otherwise."
        ),
      defaults_input:
        closed([on_duplicate: ref(:on_duplicate_point)], [provenance: nullable(ref(:provenance))],
          examples: [[on_duplicate: "replace", provenance: [agent: "Ana"]]]
        ),
      defaults_set:
        object(
          id: ref(:database_name),
          defaults: ref(:defaults),
          seq: ref(:block_seq),
          hash: ref(:hash),
          time: ref(:timestamp)
        ),
      database_gone: any_of([ref(:database_closed), ref(:database_purged)]),
      database_closed:
        object(id: ref(:database_name), closed: boolean(description: "True: it was closed.")),
      database_purged:
        object(
          id: ref(:database_name),
          purged: boolean(description: "True: its files were removed.")
        ),
      database_schema:
        object(
          seq: ref(:seq),
          features: ref(:features_schema),
          series: ref(:series_schema)
        ),
      features_schema:
        object(
          [
            count: count(),
            geometry_types: by_name(count(1), "Features by the type of their geometry."),
            properties:
              by_name(
                ref(:property_schema),
                "Features with a property of that name, at the top level."
              )
          ],
          properties_truncated:
            boolean(description: "There, and true, where properties may have been left out.")
        ),
      property_schema:
        object(count: count(1), types: by_name(count(1), "By the type of the value.")),
      series_schema:
        object([count: count(), points: count()],
          first: ref(:timestamp),
          last: ref(:timestamp)
        )
    ]
  end

  defp by_name(schema, about),
    do: [type: "object", additionalProperties: schema, description: about]
end
