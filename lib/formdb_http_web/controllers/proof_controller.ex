defmodule FormdbHttpWeb.ProofController do
  @moduledoc false

  alias FormdbHttpWeb.Answer

  def tree(_req, %{db: db, tree_size: size}) do
    with {:ok, head} <- FormdbHttp.tree_head(db, size) do
      Answer.json(200, tree_size: head.tree_size, root: head.root)
    end
  end

  def inclusion(_req, %{db: db, seq: seq, tree_size: size}) do
    with {:ok, proof} <- FormdbHttp.inclusion_proof(db, seq, size) do
      Answer.json(
        200,
        leaf_index: proof.leaf_index,
        tree_size: proof.tree_size,
        leaf_hash: proof.leaf_hash,
        root: proof.root,
        path: proof.path
      )
    end
  end

  def consistency(_req, %{db: db, first: first, second: second}) do
    with {:ok, proof} <- FormdbHttp.consistency_proof(db, first, second) do
      Answer.json(
        200,
        first: proof.first,
        second: proof.second,
        first_root: proof.first_root,
        second_root: proof.second_root,
        path: proof.path
      )
    end
  end
end
