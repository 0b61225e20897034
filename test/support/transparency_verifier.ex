defmodule FormdbHttp.TransparencyVerifier do
  @moduledoc false
  # Verifies proofs as a client would that has nothing of this project: the
  # algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2, on hexadecimal hashes.

  import Bitwise

  def leaf_hash(block), do: :crypto.hash(:sha256, <<0, block::binary>>)

  def inclusion?(%{"leaf_index" => index, "tree_size" => size} = proof) when index < size do
    start = {index, size - 1, bytes(proof["leaf_hash"])}
    {_, last, root} = Enum.reduce(path(proof), start, &climb/2)
    last == 0 and root == bytes(proof["root"])
  end

  def consistency?(%{"first" => n, "second" => n} = proof),
    do: proof["path"] == [] and proof["first_root"] == proof["second_root"]

  def consistency?(%{"first" => first, "second" => second} = proof) do
    path =
      if band(first, first - 1) == 0,
        do: [bytes(proof["first_root"]) | path(proof)],
        else: path(proof)

    [start | rest] = path
    {node, last} = skip_right(first - 1, second - 1)

    {_, last, {old, new}} =
      Enum.reduce(rest, {node, last, {start, start}}, fn sibling, {node, last, {old, new}} ->
        {_, _, new_after} = climb(sibling, {node, last, new})

        if odd?(node) or node == last do
          {node_after, last_after, old_after} = climb(sibling, {node, last, old})
          {node_after, last_after, {old_after, new_after}}
        else
          {node >>> 1, last >>> 1, {old, new_after}}
        end
      end)

    last == 0 and old == bytes(proof["first_root"]) and new == bytes(proof["second_root"])
  end

  defp climb(_sibling, {_node, 0, _hash}), do: {0, -1, ""}

  defp climb(sibling, {node, last, hash}) do
    if odd?(node) or node == last do
      {node, last} = if odd?(node), do: {node, last}, else: skip_even(node, last)
      {node >>> 1, last >>> 1, node_hash(sibling, hash)}
    else
      {node >>> 1, last >>> 1, node_hash(hash, sibling)}
    end
  end

  defp skip_even(node, last) when node != 0 and rem(node, 2) == 0,
    do: skip_even(node >>> 1, last >>> 1)

  defp skip_even(node, last), do: {node, last}

  defp skip_right(node, last) when rem(node, 2) == 1, do: skip_right(node >>> 1, last >>> 1)
  defp skip_right(node, last), do: {node, last}

  defp odd?(n), do: rem(n, 2) == 1
  defp node_hash(left, right), do: :crypto.hash(:sha256, [1, left, right])
  defp path(proof), do: Enum.map(proof["path"], &bytes/1)
  defp bytes(hex), do: Base.decode16!(hex, case: :lower)
end
