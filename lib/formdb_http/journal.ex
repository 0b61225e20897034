defmodule FormdbHttp.Journal do
  @moduledoc false
  # The journal: blocks, versions, undoing, proofs. FormdbHttp documents the functions.

  alias FormdbHttp.{Engine, Error, Input, Native, Writing}

  # Blocks that are read in some milliseconds.
  @small_page 1_000

  def journal(name, opts) do
    opts = Input.options!(opts, [:since, :until, :type, :limit])

    query = %{
      since: opts[:since] || 0,
      until: opts[:until],
      op: opts[:type],
      limit: Input.limit(opts)
    }

    # Blocks of one type have to be looked for.
    heavy? = query.op != nil or query.limit > @small_page
    call = if heavy?, do: &Engine.call_heavy/2, else: &Engine.call/2

    with {:ok, {json, returned, next}} <- call.(name, &Native.entries(&1, name, query)),
         do: {:ok, %{json: json, returned: returned, next: next}}
  end

  def provenance(name, id, opts) do
    opts = Input.options!(opts, [:since, :limit, :as_of])
    since = opts[:since] || 0
    limit = Input.limit(opts)

    call = if limit > @small_page, do: &Engine.call_heavy/2, else: &Engine.call/2

    with {:ok, as_of} <- Input.as_of(name, opts),
         {:ok, {json, returned, next}} <-
           call.(name, &Native.provenance(&1, name, id, since, as_of, limit)),
         do: {:ok, %{json: json, returned: returned, next: next}}
  end

  def lineage(name, id, opts) do
    opts = Input.options!(opts, [:limit, :as_of])
    limit = Input.limit(opts)

    with {:ok, as_of} <- Input.as_of(name, opts),
         {:ok, {json, elsewhere, truncated}} <-
           Engine.call_heavy(name, &Native.lineage(&1, name, id, as_of, limit)),
         do: {:ok, %{json: json, elsewhere: elsewhere, truncated: truncated}}
  end

  def block(name, block) do
    with {:ok, seq} <- seq(name, block),
         {:ok, {seq, hash, cbor, json}} <- Engine.call(name, &read(&1, name, seq)),
         do: {:ok, %{seq: seq, hash: hash, cbor: cbor, json: json}}
  end

  defp read(catalog, name, seq) do
    Native.block_bytes(catalog, name, seq)
    |> Engine.read(fn -> Native.block(catalog, name, seq) end)
  end

  def revert(name, block, opts) do
    opts = Writing.options!(opts, [:provenance, partial: false])

    with {:ok, seq} <- seq(name, block),
         request = {:revert, seq, Input.provenance(opts), opts[:partial]},
         {:ok, nil, ack} <- Writing.write(name, request, :io, opts) do
      {:ok,
       %{
         seq: ack.first_seq,
         hash: ack.hash,
         time: ack.time,
         reverts: seq,
         replayed: ack.replayed
       }}
    end
  end

  def revert_many(name, selection, opts) do
    opts = Writing.options!(opts, partial: false)
    request = {:reverts, Input.json(selection), opts[:partial]}

    with {:ok, unchanged, ack} <- Writing.write(name, request, :io, opts) do
      {:ok,
       %{
         reverted: ack.last_seq - ack.first_seq + 1,
         unchanged: unchanged,
         first_seq: ack.first_seq,
         last_seq: ack.last_seq,
         hash: ack.hash,
         time: ack.time,
         replayed: ack.replayed
       }}
    end
  end

  def plan_revert(name, selection, opts) do
    opts = Input.options!(opts, partial: false)
    text = Input.json(selection)

    with {:ok, {json, conflicts}} <-
           Engine.call_heavy(name, &Native.undo_outline(&1, name, text, opts[:partial])),
         do: {:ok, %{json: json, conflicts: conflicts}}
  end

  def restore(name, block, opts) do
    opts = Writing.options!(opts, [:provenance])

    with {:ok, seq} <- seq(name, block),
         request = {:restore, seq, Input.provenance(opts)},
         {:ok, {_collection, [id], _rejected}, ack} <- Writing.write(name, request, :io, opts) do
      {:ok,
       %{
         feature_id: id,
         seq: ack.first_seq,
         hash: ack.hash,
         time: ack.time,
         restores: seq,
         replayed: ack.replayed
       }}
    end
  end

  # That of a block, which may be named by its hash.
  defp seq(_name, seq) when seq in 0..0xFFFFFFFFFFFFFFFF, do: {:ok, seq}
  defp seq(_name, seq) when is_integer(seq), do: no_block("#{seq}")

  defp seq(name, hex) when is_binary(hex) do
    with {:ok, hash} <- Base.decode16(hex, case: :mixed),
         {:ok, seq} when seq != nil <- Engine.call(name, &Native.find_block(&1, name, hash)) do
      {:ok, seq}
    else
      {:error, error} -> {:error, error}
      _unknown -> no_block("with the hash #{hex}")
    end
  end

  defp no_block(which) do
    {:error, %Error{code: :block_not_found, detail: "there is no block #{which}"}}
  end

  def seq_at(name, time) do
    with {:ok, micros} <- Input.micros(time, "/time"),
         do: Engine.seq_at(name, micros)
  end

  def tree_head(name, size), do: Engine.call(name, &Native.tree_head(&1, name, size))

  def inclusion_proof(name, seq, size),
    do: Engine.call(name, &Native.inclusion_proof(&1, name, seq, size))

  def consistency_proof(name, first, second),
    do: Engine.call(name, &Native.consistency_proof(&1, name, first, second))
end
