defmodule FormdbHttpWeb.OpenAPI.Schemas.History do
  @moduledoc false
  # Blocks and proofs.

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.OpenAPI.Schemas.Features

  @operations ["put_feature", "delete_feature", "put_points", "delete_points", "revert"]

  @doc "The operations that blocks are."
  def operations, do: @operations

  def schemas do
    [
      operation: enum(@operations, description: "What a block does."),
      block: object(entry() ++ [body: body()], recorded()),
      version_entry: object(entry(), recorded(), description: "A block, without its body."),
      stored_block: [
        type: "object",
        required: ["seq", "time", "txn", "op", "body"],
        description:
          "The bytes that are stored: the hash is SHA-256 over a zero byte and them. docs/FORMAT.md has " <>
            "their form."
      ],
      journal_page: object(entries: list(ref(:block)), next: Features.next()),
      reverted:
        object(
          seq: ref(:block_seq),
          hash: ref(:hash),
          time: ref(:timestamp),
          reverts: ref(:block_seq)
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

  defp body do
    [
      type: "object",
      description:
        "What was written: a Feature, the `id` of one that was deleted, points, a range that was deleted, " <>
          "or of a revert `reverts`, `op` and `body`."
    ]
  end
end
