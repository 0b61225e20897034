defmodule FormdbHttpWeb.OpenAPI.Schemas.History do
  @moduledoc false
  # Blocks and proofs.

  import FormdbHttpWeb.OpenAPI.Schema

  @operations ["put_feature", "delete_feature", "put_points", "delete_points"] ++
                ["set_attributes", "set_defaults", "set_webhook", "revert"]

  @doc "The operations that blocks are."
  def operations, do: @operations

  def schemas do
    [
      operation: enum(@operations, description: "What a block does."),
      block: object(entry() ++ [body: ref(:block_body)], recorded()),
      version_entry: object(entry(), recorded(), description: "A block, without its body."),
      block_body: [
        type: "object",
        description:
          "What was written: a Feature, the `id` of one that was deleted, points, a range that was deleted, " <>
            "or of a revert `reverts`, `op` and `body`."
      ],
      stored_block: [
        type: "object",
        required: ["seq", "time", "txn", "op", "body"],
        description:
          "The bytes that are stored: the hash is SHA-256 over a zero byte and them. docs/FORMAT.md has " <>
            "their form."
      ],
      block_outline:
        object(
          entry(),
          recorded() ++ outline(),
          description: "A block with what it is about in the place of its body: `bodies=false`."
        ),
      event_stream:
        text(
          description:
            "Events, each of lines `id`, `event` and `data` and a blank line. The `id` is a sequence."
        ),
      events_page:
        object(
          [
            entries:
              list(ref(:block),
                description:
                  "Each with `after`, the sequence of the one before, `matched`, and what a fence or a level tells."
              ),
            next: count(0, description: "The `since` of the next request.")
          ],
          dwells:
            list(ref(:dwell),
              description: "With `dwell`: who stayed and was due by the time of the block `next`."
            )
        ),
      dwell:
        object(
          fence: text(description: "A name of the filter."),
          feature_id: ref(:id),
          entered: ref(:block_seq),
          since: ref(:timestamp),
          due: ref(:timestamp),
          dwell: number(description: "The seconds.")
        ),
      journal_entry: any_of([ref(:block), ref(:block_outline)]),
      journal_page:
        object(
          entries: list(ref(:journal_entry)),
          next:
            nullable(count(),
              description:
                "The `since` of the next page, with `order=desc` its `until`; null at the end."
            )
        ),
      reverted:
        object(
          seq: ref(:block_seq),
          hash: ref(:hash),
          time: ref(:timestamp),
          reverts: ref(:block_seq)
        ),
      revert_request:
        any_of(
          [
            ref(:revert_transaction),
            ref(:revert_sequences),
            ref(:revert_range),
            ref(:revert_filtered)
          ],
          description: "Which blocks to undo. `transaction` is the sequence of any block of it.",
          examples: [
            [transaction: 1, provenance: [agent: "Ana", why: "the wrong file"]],
            [filter: [provenance: [source: "import 7"]]]
          ]
        ),
      revert_transaction: closed([transaction: ref(:block_seq)], provenance: given()),
      revert_sequences: closed([sequences: list(ref(:block_seq))], provenance: given()),
      revert_range:
        closed([first_seq: ref(:block_seq), last_seq: ref(:block_seq)], provenance: given()),
      revert_filtered:
        closed([filter: ref(:revert_filter)],
          first_seq: ref(:block_seq),
          last_seq: ref(:block_seq),
          provenance: given()
        ),
      revert_filter:
        closed(
          [],
          [
            actor: text(description: "Who wrote it."),
            op:
              any_of([ref(:operation)],
                description: "What it does; without it anything but `revert`."
              ),
            provenance:
              any_of([ref(:json_object)], description: "Members that its provenance has."),
            feature_id: text(),
            series_id: text(),
            start: ref(:time),
            end: ref(:time)
          ],
          description:
            "At least one, and all that are given must hold; `start` and `end` are of when it was " <>
              "committed. What was undone and done again is undone by the block that did it again."
        ),
      revert_plan:
        object(
          [
            reverted: count(0, description: "How many blocks would be undone."),
            unchanged: unchanged(),
            operations:
              list(ref(:planned_revert),
                description: "What would be written, in order, up to a thousand."
              ),
            conflicts:
              list(ref(:revert_conflict),
                description: "What stands in the way, up to FORMDB_FAULTS."
              ),
            conflict_count: count()
          ],
          []
        ),
      planned_revert:
        object(
          [reverts: ref(:block_seq), op: ref(:operation)],
          feature_id: ref(:id),
          series_id: text(),
          points: count()
        ),
      revert_conflict:
        object(
          [code: ref(:code), pointer: text(), detail: text()],
          blocks()
        ),
      reverted_blocks:
        object(
          [
            reverted: count(1),
            first_seq: ref(:block_seq),
            last_seq: ref(:block_seq),
            hash: ref(:hash),
            time: ref(:timestamp)
          ],
          unchanged: unchanged()
        ),
      restored:
        object(
          [
            seq: ref(:block_seq),
            hash: ref(:hash),
            time: ref(:timestamp),
            restores: ref(:block_seq)
          ],
          feature_id: ref(:id),
          series_id: ref(:series_id)
        ),
      tree_head: object(tree_size: count(), root: ref(:hash)),
      inclusion_proof:
        object(
          leaf_index: count(),
          tree_size: count(1),
          leaf_hash: ref(:hash),
          root: ref(:hash),
          path: list(ref(:hash))
        ),
      consistency_proof:
        object(
          first: count(),
          second: count(),
          first_root: ref(:hash),
          second_root: ref(:hash),
          path: list(ref(:hash))
        )
    ]
  end

  @doc "The blocks that a thing in the way of undoing is about."
  def blocks do
    [
      seq: count(1, description: "The sequence of the block that was to be undone."),
      by: count(1, description: "That of the block in its way."),
      transaction:
        count(1,
          description:
            "The first block of its transaction, to be undone first; absent where it is alone in it."
        )
    ]
  end

  defp given, do: nullable(ref(:provenance))

  defp unchanged,
    do: count(0, description: "Blocks that were asked for and need not be undone.")

  defp entry do
    [
      seq: ref(:block_seq),
      hash: ref(:hash),
      time: ref(:timestamp),
      txn: count(1, description: "The transaction that wrote it."),
      op: ref(:operation)
    ]
  end

  defp recorded do
    [
      actor: text(description: "Who wrote it."),
      prev: count(1, description: "The sequence of the version before."),
      provenance: ref(:provenance)
    ]
  end

  defp outline do
    [
      feature_id: ref(:id),
      series_id: text(),
      webhook_id: ref(:webhook_id),
      points: count(0, description: "How many it wrote, brought back or replaced."),
      start: ref(:timestamp),
      end: ref(:timestamp),
      block: count(1, description: "The block whose points alone it deleted."),
      point_id: text(description: "The point that alone it deleted."),
      replaced_by: count(1, description: "The block whose points came in the place of those."),
      reverts: ref(:block_seq),
      effect: ref(:operation)
    ]
  end
end
