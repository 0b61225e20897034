defmodule FormdbHttpWeb.ProofController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Params}

  def tree(req, name) do
    with {:ok, params} <- Params.query(req, ["tree_size"]),
         {:ok, size} <- Params.count(params, "tree_size"),
         {:ok, head} <- FormdbHttp.tree_head(name, size) do
      Answer.json(200, tree_size: head.tree_size, root: head.root)
    end
  end

  def inclusion(req, name) do
    with {:ok, params} <- Params.query(req, ["seq", "tree_size"]),
         {:ok, _given} <- Params.required(params, "seq", "1"),
         {:ok, seq} <- Params.count(params, "seq"),
         {:ok, size} <- Params.count(params, "tree_size"),
         {:ok, proof} <- FormdbHttp.inclusion_proof(name, seq, size) do
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

  def consistency(req, name) do
    with {:ok, params} <- Params.query(req, ["first", "second"]),
         {:ok, _given} <- Params.required(params, "first", "1"),
         {:ok, first} <- Params.count(params, "first"),
         {:ok, second} <- Params.count(params, "second"),
         {:ok, proof} <- FormdbHttp.consistency_proof(name, first, second) do
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
