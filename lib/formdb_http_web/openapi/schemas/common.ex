defmodule FormdbHttpWeb.OpenAPI.Schemas.Common do
  @moduledoc false
  # What stands in many answers and bodies.

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.OpenAPI.Schemas.History

  @timestamp "^([0-9]{4}|[+-][0-9]{6})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"

  def schemas do
    [
      hash:
        text(
          pattern: "^[0-9a-f]{64}$",
          description:
            "SHA-256 in hexadecimal: the leaf hash of a block, or a node of the Merkle tree (RFC 6962).",
          examples: ["19722032862f116fa31e003f8e6db7d42a9a5da52e853f901ac6b69ee1283608"]
        ),
      seq: count(0, description: "A sequence: blocks are numbered from 1 on.", examples: [7]),
      block_seq: count(1, description: "The sequence of a block.", examples: [7]),
      timestamp:
        text(
          pattern: @timestamp,
          description:
            "A time in UTC, with microseconds. Years outside of 0 to 9999 have a sign and six digits.",
          examples: ["2026-01-31T03:00:00.250000Z"]
        ),
      local_timestamp:
        text(
          pattern: String.replace(@timestamp, "Z$", "(Z|[+-][0-9]{2}:[0-9]{2})$"),
          description:
            "As Timestamp; with the parameter tz in local time of that zone, with its offset.",
          examples: ["2026-01-31T12:00:00.250000+09:00"]
        ),
      time:
        any_of(
          [
            text(format: "date-time"),
            text(format: "date"),
            [type: "integer", minimum: -0x8000000000000000, maximum: 0x7FFFFFFFFFFFFFFF]
          ],
          description:
            "A time: ISO 8601 with an offset (extended or basic form, years from -9999 to 9999), a date, " <>
              "which is its midnight in UTC, or an integer that counts microseconds since 1970, or what " <>
              "the parameter `unit` says. With the parameter `tz` a time without an offset, and a date, are " <>
              "local time there.",
          examples: ["2026-01-31T12:00:00+09:00", "2026-01-31", 1_769_828_400_000_000]
        ),
      json_object: [
        type: "object",
        description: "A JSON object, nested 128 deep at most.",
        examples: [[unit: "C"]]
      ],
      provenance:
        object([],
          source: [description: "Where it comes from."],
          agent: [description: "Who or what made it."],
          confidence: [description: "How sure that is."],
          quality: [description: "How good that is."],
          derived_from:
            list(any_of([ref(:block_seq), text(pattern: "^[0-9a-fA-F]{64}$")]),
              description: "Blocks, by sequence (of this database, already written) or by hash."
            ),
          note: [description: "Whatever else."]
        ) ++
          [
            description:
              "Where a record comes from: any members. Only `derived_from` has a form that is held to.",
            examples: [[source: "station 47662"]]
          ],
      reason:
        closed([], [provenance: ref(:provenance)],
          description: "Why it is done, recorded with the block.",
          examples: [[provenance: [agent: "Ana", why: "not an earthquake"]]]
        ),
      page_links:
        list(
          ref(:page_link),
          maxItems: 1,
          description: "The link to the next page; empty on the last one."
        ),
      page_link:
        object(
          [rel: constant("next"), href: text(format: "uri-reference")],
          method:
            constant("POST",
              description: "There when the page was asked for by POST: send the same body."
            )
        ),
      fault:
        object(
          [code: ref(:code), detail: text(), pointer: text()],
          History.blocks(),
          description:
            "One of the things that are wrong with a document, or in the way of undoing: then with the " <>
              "blocks that it is about."
        ),
      rejected:
        object(
          [index: count(0), errors: list(ref(:fault))],
          [
            operation: count(0),
            code: ref(:code),
            detail: text(),
            pointer: text()
          ],
          description:
            "A feature that was left out: its place in the collection (`index`) and, in a transaction, " <>
              "that of the operation; its first fault, and all of them. Of what is beyond 100 faults " <>
              "(FORMDB_FAULTS) only the place is reported."
        )
    ]
  end
end
