defmodule FormdbHttpWeb.Routes.History do
  @moduledoc false
  # The journal, its blocks, and proofs of them.

  import FormdbHttpWeb.Routes.Parameters
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.{BlockController, JournalController, ProofController}
  alias FormdbHttpWeb.Routes.Databases

  @db Databases.path()
  @block @db <> "/blocks/{block}"

  def resources do
    [
      new(:journal, @db <> "/journal", [
        call("GET", {JournalController, :index}, :read, "Blocks in their order.",
          query: [since(), until(), type(), limit()],
          statuses: [200, 404, 504]
        )
      ]),
      new(:block, @block, [
        call("GET", {BlockController, :show}, :read, "A block, as JSON or CBOR.",
          headers: [if_match(), if_none_match()],
          statuses: [200, 304, 404, 412]
        )
      ]),
      new(:block_revert, @block <> "/revert", [
        call("POST", {BlockController, :revert}, :write, "Undoes a block.",
          query: [durability()],
          headers: [idempotency_key()],
          statuses: [201, 404, 408, 409, 413, 415, 422, 504]
        )
      ]),
      new(:tree, @db <> "/tree", [
        call("GET", {ProofController, :tree}, :read, "The root of the Merkle tree.",
          query: [tree_size("The tree of so many blocks; without it of all that are durable.")],
          statuses: [200, 404]
        )
      ]),
      new(:inclusion, @db <> "/proofs/inclusion", [
        call("GET", {ProofController, :inclusion}, :read, "A proof that a block is in the tree.",
          query: [
            parameter("seq", :count, "The sequence of the block.", required: "1"),
            tree_size("The tree of so many blocks; without it of all that are durable.")
          ],
          statuses: [200, 404]
        )
      ]),
      new(:consistency, @db <> "/proofs/consistency", [
        call("GET", {ProofController, :consistency}, :read, "A proof that the tree only grew.",
          query: [
            parameter("first", :count, "The size of the earlier tree.", required: "1"),
            parameter("second", :count, "That of the later one; without it of all blocks.")
          ],
          statuses: [200, 404]
        )
      ])
    ]
  end

  defp tree_size(about), do: parameter("tree_size", :count, about)
  defp since, do: parameter("since", :count, "Only blocks after this sequence.")
  defp until, do: parameter("until", :count, "Only blocks up to this sequence.")

  defp type do
    form = "an operation, such as put_feature"
    parameter("type", {:engine, form}, "Only blocks of this operation.")
  end
end
