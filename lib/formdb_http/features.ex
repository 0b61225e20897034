defmodule FormdbHttp.Features do
  @moduledoc false
  # Writing and reading features. FormdbHttp documents the functions.

  alias FormdbHttp.{Absence, Engine, Error, Input, Native, Transaction, Types, Writing}

  ## Writing

  def put_feature(name, feature, opts) do
    opts = Writing.options!(opts, [:id, :expect, :antimeridian])
    {id, antimeridian} = {opts[:id], Input.antimeridian(opts)}
    text = Input.json(feature)
    puts = %{replace: false, skip: false, antimeridian: antimeridian, provenance: nil}
    request = if id, do: {:feature, id, text, antimeridian}, else: {:features, text, true, puts}

    with {:ok, {false, ids, [], warnings}, ack} <- write(name, request, text, opts),
         {:ok, {[written], _replaced}} <- first_ids(name, ids, ack) do
      written = Map.merge(written(written, ack), Writing.told(warnings))
      # Whether it was there is for who puts to an id; a look-up costs a lock.
      {:ok, if(id, do: Map.put(written, :created, new?(name, id, ack)), else: written)}
    end
  end

  # The version before it cannot change any more, so this is no race.
  defp new?(name, id, %{first_seq: seq, replayed: replayed?}) do
    had? = if replayed?, do: &Native.has_feature_dirty/4, else: &Native.has_feature/4
    Engine.call(name, &had?.(&1, name, id, seq - 1)) == {:ok, false}
  end

  def patch_feature(name, id, patch, opts) do
    opts = Writing.options!(opts, [:expect, :antimeridian])
    request = {:patch, id, Input.json(patch), Input.antimeridian(opts)}

    with {:ok, {false, [id], [], warnings}, ack} <-
           gone(Writing.write(name, request, :io, opts), name, id),
         do: {:ok, Map.merge(written(id, ack), Writing.told(warnings))}
  end

  defp gone(answer, name, id), do: Absence.explain(answer, name, {:feature, id}, nil)

  def delete_feature(name, id, opts) do
    opts = Writing.options!(opts, [:expect, :provenance])
    request = {:delete_feature, id, Input.provenance(opts)}

    with {:ok, nil, ack} <- gone(Writing.write(name, request, :normal, opts), name, id),
         do: {:ok, written(id, ack)}
  end

  def put_features(name, collection, opts) do
    with {:ok, _collection?, ids, told, ack} <- write_all(name, collection, opts),
         do: {:ok, collection_ack(ids, told, ack)}
  end

  def write_features(name, document, opts) do
    with {:ok, collection?, ids, told, ack} <- write_all(name, document, opts) do
      if collection?,
        do: {:ok, {:collection, collection_ack(ids, told, ack)}},
        else:
          {:ok,
           {:feature,
            Map.merge(written(hd(ids), ack), Map.take(told, [:warnings, :warning_counts]))}}
    end
  end

  defp write_all(name, document, opts) do
    opts = Writing.options!(opts, [:expect, :on_duplicate, :on_error, :antimeridian, :provenance])

    puts = %{
      replace: Input.choice!(opts, :on_duplicate, [:refuse, :replace]) == :replace,
      skip: Input.choice!(opts, :on_error, [:refuse, :skip]) == :skip,
      antimeridian: Input.antimeridian(opts),
      provenance: Input.provenance(opts)
    }

    text = Input.json(document)
    request = {:features, text, false, puts}

    with {:ok, {collection?, ids, rejected, warnings}, ack} <- write(name, request, text, opts),
         {:ok, {ids, replaced}} <- first_ids(name, ids, ack) do
      ack = ack && %{ack | features_replaced: replaced}
      # What was left out is said only to those who ask for it.
      rejected = if puts.skip, do: %{rejected: rejected(rejected)}, else: %{}
      {:ok, collection?, ids, Map.merge(rejected, Writing.told(warnings)), ack}
    end
  end

  @doc "Features that were left out, as maps."
  @spec rejected([{non_neg_integer(), [tuple()]}]) :: [Types.rejected()]
  def rejected(rejected),
    do: for({index, faults} <- rejected, do: %{index: index, errors: Error.faults(faults)})

  defp write(name, request, text, opts) do
    scheduler =
      cond do
        Writing.names_versions?(text) -> :io
        Writing.large?(text) -> :cpu
        true -> :normal
      end

    Writing.write(name, request, scheduler, opts)
  end

  # A feature without an id has been given one, which another attempt cannot know.
  defp first_ids(name, _ids, %{replayed: true} = ack) do
    Engine.call(name, &Native.written_features(&1, name, ack.first_seq, ack.last_seq))
  end

  defp first_ids(_name, ids, nil), do: {:ok, {ids, 0}}
  defp first_ids(_name, ids, ack), do: {:ok, {ids, ack.features_replaced}}

  defp written(id, ack) do
    %{feature_id: id, seq: ack.first_seq, hash: ack.hash, time: ack.time, replayed: ack.replayed}
  end

  # Nothing is written for an empty collection.
  defp collection_ack(ids, told, nil) do
    nothing = %{first_seq: nil, last_seq: nil, features_replaced: 0, replayed: false}
    collection_ack(ids, told, nothing)
  end

  defp collection_ack(ids, told, ack) do
    Map.merge(told, %{
      inserted: length(ids) - ack.features_replaced,
      replaced: ack.features_replaced,
      first_seq: ack.first_seq,
      last_seq: ack.last_seq,
      feature_ids: ids,
      replayed: ack.replayed
    })
  end

  ## Reading

  def get_feature(name, id, opts) do
    opts = Input.options!(opts, [:as_of, :transaction])

    with {:ok, transaction} <- Transaction.of(opts, name),
         {:ok, as_of} <- Input.as_of(name, opts),
         {:ok, {seq, hash, json}} <-
           name
           |> find(id, as_of, transaction)
           |> Absence.explain(name, {:feature, id}, as_of, transaction),
         do: {:ok, %{seq: seq, hash: hash, json: json}}
  end

  defp find(name, id, as_of, nil) do
    Engine.call(name, fn catalog ->
      with :long <- Native.feature(catalog, name, id, as_of),
           do:
             Native.feature_bytes(catalog, name, id, as_of)
             |> Engine.read(fn -> Native.feature_dirty(catalog, name, id, as_of) end)
    end)
  end

  defp find(name, id, _as_of, transaction) do
    Engine.call(name, &Native.feature_in(&1, name, transaction, id))
  end

  @doc "The features that meet a box, as a transaction sees them."
  @spec in_box(Types.database(), Types.box(), String.t(), keyword()) ::
          Types.result(Types.feature_page())
  def in_box(name, box, transaction, opts) do
    query = %{
      bbox: Input.box(box),
      limit: Input.limit(opts),
      cursor: opts[:cursor],
      as_of: nil
    }

    case Engine.call_heavy(name, &Native.features_in_box_in(&1, name, transaction, query)) do
      {:ok, {json, returned, seq, next}} ->
        {:ok, %{json: json, returned: returned, seq: seq, next: next}}

      {:error, %Error{code: :invalid_bbox} = error} ->
        {:error, %{error | pointer: "/bbox"}}

      {:error, error} ->
        {:error, error}
    end
  end
end
