defmodule FormdbHttpWeb.OpenAPI.Schemas.Features do
  @moduledoc false
  # Answers to writes of features, and what searches give.

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.OpenAPI.Schemas.Warnings

  @hash "19722032862f116fa31e003f8e6db7d42a9a5da52e853f901ac6b69ee1283608"

  @line ~s({"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[142.1,38.0]},"properties":{}})

  def schemas do
    [
      feature_written:
        object(
          [feature_id: ref(:id), seq: ref(:block_seq), hash: ref(:hash), time: ref(:timestamp)],
          Warnings.members(),
          examples: [
            [feature_id: "us7000abcd", seq: 1, hash: @hash, time: "2026-11-23T11:08:38.952849Z"]
          ]
        ),
      collection_written:
        object(
          [
            inserted: count(0, description: "Features that were new."),
            replaced: count(0, description: "Features that got a new version."),
            first_seq: nullable(ref(:block_seq)),
            last_seq: nullable(ref(:block_seq)),
            feature_ids: list(ref(:id))
          ],
          [
            rejected: list(ref(:rejected), description: "With `on_error=skip`.")
          ] ++ Warnings.members(),
          description: "For an empty collection both sequences are null.",
          examples: [
            [inserted: 2, replaced: 0, first_seq: 2, last_seq: 3, feature_ids: ["a", "b"]]
          ]
        ),
      feature_lines:
        text(
          examples: [@line <> "\n"],
          description:
            "A Feature or geometry a line. They are written as they come, in transactions of up to " <>
              "5,000 lines or 4 MiB."
        ),
      feature_sequence:
        text(
          description: "The same as a text sequence (RFC 8142): 0x1E before each.",
          examples: ["\x1e" <> @line <> "\n"]
        ),
      uploaded:
        any_of([ref(:upload_progress), ref(:upload_done), ref(:upload_failed)],
          description:
            "What each line is: progress, at most once a second, and at the end one that says how " <>
              "it ended."
        ),
      upload_progress: object(inserted: count(), last_seq: nullable(ref(:block_seq))),
      upload_done:
        object(
          [done: boolean(description: "True: all of it was read.")] ++ upload(),
          of_tables() ++ Warnings.members_in_lines()
        ),
      upload_failed:
        object(
          [done: boolean(description: "False: it ended before."), error: ref(:fault)] ++ upload(),
          of_tables() ++ Warnings.members_in_lines(),
          description: "What is reported as written stays."
        ),
      rejected_line:
        object(
          line: count(0, description: "From 1; of a text sequence the number of the record."),
          code: ref(:code),
          detail: text(),
          pointer: text()
        ),
      features_written: any_of([ref(:feature_written), ref(:collection_written)]),
      feature_patch:
        object(
          [],
          [
            geometry: nullable(ref(:geometry)),
            properties: nullable(ref(:json_object)),
            provenance: nullable(ref(:provenance))
          ],
          description:
            "A JSON merge patch (RFC 7396): members replace those of the feature, null removes one, " <>
              "objects are merged. A geometry is replaced as a whole.",
          examples: [[properties: [mag: 5.7, status: nil]]]
        ),
      change_operation: enum(["add", "remove", "replace"], description: "As in JSON Patch."),
      feature_change:
        object(
          [op: ref(:change_operation), path: text(description: "JSON pointer.")],
          [
            from: [description: "What was there before."],
            value: [description: "What is there after."]
          ],
          description: "An operation of JSON Patch (RFC 6902)."
        ),
      feature_diff:
        object(
          feature_id: ref(:id),
          from: nullable(ref(:version_entry), description: "Null where there was none."),
          to: nullable(ref(:version_entry), description: "Null where there was none."),
          changes: list(ref(:feature_change))
        ),
      feature_page:
        object(
          [
            type: constant("FeatureCollection"),
            features: list(ref(:feature)),
            seq: ref(:seq),
            numberReturned: count(),
            links: ref(:page_links)
          ],
          [],
          description: "All pages show the database as it was at `seq`."
        ),
      feature_count:
        object([numberMatched: count(), seq: ref(:seq)], [],
          description: "With `count=true`.",
          examples: [[numberMatched: 2, seq: 7]]
        ),
      heatmap:
        object(
          cells: list(ref(:heatmap_cell)),
          seq: ref(:seq)
        ),
      heatmap_cell:
        object(
          [
            bbox:
              list(number(),
                minItems: 4,
                maxItems: 4,
                description: "West, south, east, north in degrees."
              ),
            count: count(1)
          ],
          sum: nullable(number(), description: "With the parameter `sum`.")
        ),
      provenance_chain:
        object(
          feature_id: ref(:id),
          provenance_chain: list(ref(:version_entry), description: "Oldest first."),
          next: next()
        ),
      lineage:
        object(
          feature_id: ref(:id),
          derived_from: list(ref(:version_entry)),
          elsewhere: list(ref(:hash), description: "Hashes that are no block of this database."),
          truncated: boolean(description: "Whether there are more.")
        )
    ]
  end

  defp upload do
    [
      inserted: count(0, description: "Features that were new, or points."),
      replaced:
        count(0, description: "Features that got a new version, or points that went for others."),
      ignored: count(0, description: "Points that were not written, as duplicates."),
      skipped:
        count(0, description: "What an earlier attempt with the same key had written already."),
      first_seq:
        nullable(ref(:block_seq), description: "Of the first block that was written of the body."),
      last_seq: nullable(ref(:block_seq), description: "Of the last one."),
      blocks:
        count(0,
          description:
            "How many blocks were written of the body. Where these are all from the first to the last, no " <>
              "block of another write lies between."
        ),
      rejected: list(ref(:rejected_line), description: "What was left out.")
    ]
  end

  defp of_tables, do: [missing: count(0, description: "Of a table: cells without a value.")]

  @doc "The `since` of the next page."
  def next,
    do: nullable(ref(:block_seq), description: "The `since` of the next page; null at the end.")
end
