defmodule FormdbHttp.Journal do
  @moduledoc false
  # The journal: blocks, versions, undoing, proofs. FormdbHttp documents the functions.

  alias FormdbHttp.{Absence, Engine, Error, Input, JSON, Native, Writing}

  # Blocks that are read in some milliseconds.
  @small_page 1_000
  @filters [:type, :feature_id, :series_id, :actor, :provenance, :transaction]

  def journal(name, opts) do
    opts = Input.options!(opts, @filters ++ [:since, :until, :order, :limit, bodies: true])

    query = %{
      since: opts[:since] || 0,
      until: opts[:until],
      op: opts[:type],
      actor: opts[:actor],
      provenance: members(opts[:provenance] || []),
      feature_id: opts[:feature_id],
      series_id: opts[:series_id],
      in_transaction: opts[:transaction],
      order: Input.order(opts),
      bodies: opts[:bodies],
      limit: Input.limit(opts)
    }

    # What a filter takes has to be looked for.
    heavy? = Enum.any?(@filters, &(opts[&1] not in [nil, []])) or query.limit > @small_page
    call = if heavy?, do: &Engine.call_heavy/2, else: &Engine.call/2

    with {:ok, {json, returned, next}} <- call.(name, &Native.entries(&1, name, query)),
         do: {:ok, %{json: json, returned: returned, next: next}}
  end

  # Each with its value as it is written.
  defp members(members) do
    for {name, value} <- members,
        do: {to_string(name), if(is_binary(value), do: value, else: JSON.text(value))}
  end

  def provenance(name, id, opts) do
    opts = Input.options!(opts, [:since, :limit, :as_of])
    since = opts[:since] || 0
    limit = Input.limit(opts)

    call = if limit > @small_page, do: &Engine.call_heavy/2, else: &Engine.call/2

    with {:ok, as_of} <- Input.as_of(name, opts),
         {:ok, {json, returned, next}} <-
           name
           |> call.(&Native.provenance(&1, name, id, since, as_of, limit))
           |> Absence.explain(name, {:feature, id}, as_of),
         do: {:ok, %{json: json, returned: returned, next: next}}
  end

  def series_provenance(name, series, from, to, opts) do
    opts = Input.options!(opts, [:since, :limit, :as_of, :tz])

    with {:ok, start} <- Input.micros(from, "/start", opts[:tz]),
         {:ok, stop} <- Input.micros(to, "/end", opts[:tz]),
         {:ok, as_of} <- Input.as_of(name, opts),
         asked = %{
           series: series,
           start: start,
           end: stop,
           since: opts[:since] || 0,
           as_of: as_of,
           limit: Input.limit(opts)
         },
         {:ok, {json, returned, next}} <-
           name
           |> Engine.call_heavy(&Native.series_provenance(&1, name, asked))
           |> Absence.explain(name, {:series, series}, as_of),
         do: {:ok, %{json: json, returned: returned, next: next}}
  end

  def feature_diff(name, id, from, to) do
    with {:ok, from} <- Input.sequence(name, :from, from),
         {:ok, to} <- Input.sequence(name, :to, to) do
      name
      |> Engine.call_heavy(&Native.feature_diff(&1, name, id, from, to))
      |> Absence.explain(name, {:feature, id}, to)
      |> pointing(from, to)
    end
  end

  def series_diff(name, series, from, to, opts) do
    opts = Input.options!(opts, [:start, :end, :limit, :cursor, :tz])

    with {:ok, from} <- Input.sequence(name, :from, from),
         {:ok, to} <- Input.sequence(name, :to, to),
         {:ok, start} <- Input.optional_micros(opts[:start], "/start", opts[:tz]),
         {:ok, stop} <- Input.optional_micros(opts[:end], "/end", opts[:tz]),
         asked = %{
           series: series,
           # No stored time is that early or late.
           start: start || -0x8000000000000000,
           end: stop || 0x7FFFFFFFFFFFFFFF,
           from: from,
           to: to,
           limit: Input.limit(opts),
           cursor: opts[:cursor],
           tz: opts[:tz]
         },
         {:ok, {added, removed, from, to, next}} <-
           name
           |> Engine.call_heavy(&Native.series_diff(&1, name, asked))
           |> Absence.explain(name, {:series, series}, to)
           |> pointing(from, to),
         do: {:ok, %{added: added, removed: removed, from: from, to: to, next: next}}
  end

  # The engine knows no more than that a sequence has not been reached.
  defp pointing({:error, %Error{pointer: "/as_of"} = error}, from, to) do
    name = if to && to > (from || 0), do: "to", else: "from"
    detail = String.replace_prefix(error.detail, "as_of", name)
    {:error, %{error | pointer: "/" <> name, detail: detail}}
  end

  defp pointing(answer, _from, _to), do: answer

  def lineage(name, id, opts) do
    opts = Input.options!(opts, [:limit, :as_of])
    limit = Input.limit(opts)

    with {:ok, as_of} <- Input.as_of(name, opts),
         {:ok, {json, elsewhere, truncated}} <-
           name
           |> Engine.call_heavy(&Native.lineage(&1, name, id, as_of, limit))
           |> Absence.explain(name, {:feature, id}, as_of),
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
         {:ok, {attributes?, [id], [], _warnings}, ack} <- Writing.write(name, request, :io, opts) do
      {:ok,
       %{
         if(attributes?, do: :series_id, else: :feature_id) => id,
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
