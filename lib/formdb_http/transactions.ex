defmodule FormdbHttp.Transactions do
  @moduledoc false
  # Transactions: begin, apply, commit, abort. FormdbHttp documents the functions.

  alias FormdbHttp.{
    Actor,
    Admission,
    Engine,
    Features,
    Input,
    JSON,
    Leases,
    Native,
    Transaction,
    Writing
  }

  # What the engine counts of single writes.
  @counts [:points_put, :points_deleted, :features_replaced, :whole]

  def begin(name, opts) do
    opts = Input.options!(opts, [:read_only, :actor, :as_of, :owner])

    with {:ok, as_of} <- Input.as_of(name, opts),
         begin = %{
           read_only: Keyword.get(opts, :read_only, false),
           actor: Actor.of(opts),
           as_of: as_of
         },
         {:ok, status} <- Engine.call(name, &Native.transaction_begin(&1, name, begin)) do
      owner = Keyword.get_lazy(opts, :owner, &self/0)
      if owner, do: Leases.watch(owner, name, status.id)

      {:ok,
       %Transaction{
         database: name,
         id: status.id,
         seq: status.seq,
         read_only: status.read_only,
         actor: begin.actor
       }}
    end
  end

  def apply(%Transaction{database: name, id: id}, operations, opts) do
    opts = Input.options!(opts, [:idempotency_key, :unit, :tz])
    how = {Input.times(opts), opts[:idempotency_key]}

    with :ok <- Actor.check_transaction(name, id),
         {:ok, text} <- operations_text(operations),
         {:ok, {count, ids, replayed, rejected, warnings}} <-
           Engine.call(name, &native_apply(&1, name, id, text, how)) do
      rejected =
        for {operation, feature} <- rejected,
            map <- Features.rejected([feature]),
            do: Map.put(map, :operation, operation)

      applied = %{operations: count, feature_ids: ids, replayed: replayed}
      applied = Map.merge(applied, Writing.told(warnings))
      {:ok, if(rejected == [], do: applied, else: Map.put(applied, :rejected, rejected))}
    end
  end

  # A small one is dirty, too, when another call in the transaction is in the way, or when it
  # undoes blocks, of which there may be many.
  defp native_apply(catalog, name, id, text, {times, key}) do
    if Writing.large?(text) do
      Writing.parse(byte_size(text), fn ->
        Native.transaction_apply_dirty(catalog, name, id, text, times, key)
      end)
    else
      with :long <- Native.transaction_apply(catalog, name, id, text, times, key) do
        Admission.run(:write, fn ->
          Native.transaction_apply_dirty(catalog, name, id, text, times, key)
        end)
      end
    end
  end

  defp operations_text(operations) when is_list(operations) do
    with {:ok, parts} <- collect(operations, []),
         do: {:ok, IO.iodata_to_binary([~s({"operations":[), Enum.intersperse(parts, ?,), "]}"])}
  end

  defp operations_text(document), do: {:ok, Input.json(document)}

  defp collect([], parts), do: {:ok, Enum.reverse(parts)}

  defp collect([operation | rest], parts) do
    with {:ok, part} <- operation(operation), do: collect(rest, [part | parts])
  end

  # Documents may be JSON text, which is put in as it is.
  defp operation({:put_feature, feature}), do: operation({:put_feature, feature, []})

  defp operation({:put_feature, feature, opts}) do
    opts = Input.options!(opts, [:on_duplicate, :on_error, :antimeridian])
    members = for {name, value} <- opts, do: [~s("#{name}":), JSON.encode(value), ?,]
    {:ok, [~s({"op":"put_feature",), members, ~s("feature":), Input.json(feature), ?}]}
  end

  defp operation({:delete_feature, id}) do
    {:ok, Input.json(%{"op" => "delete_feature", "id" => id})}
  end

  defp operation({:put_points, points}), do: operation({:put_points, points, []})

  defp operation({:put_points, points, opts}) do
    opts = Input.options!(opts, [:on_duplicate])
    members = for {name, value} <- opts, do: [~s("#{name}":), JSON.encode(value), ?,]
    {:ok, [~s({"op":"put_points",), members, ~s("points":), Input.json(points), ?}]}
  end

  defp operation({:delete_point, series, id}) do
    {:ok, Input.json(%{"op" => "delete_point", "series_id" => series, "point_id" => id})}
  end

  defp operation({:put_point, series, id, %{} = correction}) do
    named = %{"op" => "put_point", "series_id" => series, "point_id" => id}
    {:ok, Input.json(Map.merge(correction, named))}
  end

  defp operation({:delete_points, series, from, to}) do
    with {:ok, start} <- Input.micros(from, "/start"),
         {:ok, stop} <- Input.micros(to, "/end") do
      {:ok,
       Input.json(%{
         "op" => "delete_points",
         "series_id" => series,
         "start" => start,
         "end" => stop
       })}
    end
  end

  defp operation({:revert, selection}), do: operation({:revert, selection, []})

  defp operation({:revert, selection, opts}) when is_map(selection) do
    opts = Input.options!(opts, partial: false)
    {:ok, Input.json(Map.merge(selection, %{"op" => "revert", "partial" => opts[:partial]}))}
  end

  defp operation({:restore, seq}), do: {:ok, Input.json(%{"op" => "restore", "block" => seq})}

  defp operation(other) do
    raise ArgumentError,
          "found the operation #{inspect(other)}; expected {:put_feature, document}, " <>
            "{:put_feature, document, opts}, {:delete_feature, id}, {:put_points, document}, " <>
            "{:put_points, document, opts}, {:delete_points, series, start, end}, " <>
            "{:delete_point, series, point_id}, {:put_point, series, point_id, map}, {:revert, selection}, " <>
            "{:revert, selection, opts} or {:restore, block}"
  end

  def commit(%Transaction{database: name, id: id, actor: actor}, opts) do
    # The engine commits none of another actor; and should it no longer know the transaction,
    # the key is theirs.
    opts = opts |> Writing.options!() |> Keyword.put(:actor, actor)
    options = Writing.native_options(opts)
    ref = make_ref()

    queued = Engine.call(name, &Native.transaction_commit(&1, name, id, options, ref))

    with {:ok, queued} <- queued, {:ok, ack} <- answer(queued, ref, opts) do
      Leases.forget(id)
      # All that it put may have been ignored.
      {:ok, Map.drop(ack || nothing(false), @counts)}
    end
  end

  defp answer(:queued, ref, opts), do: Writing.await(ref, true, opts)
  defp answer({nil, replayed}, _ref, _opts), do: {:ok, nothing(replayed)}
  defp answer(ack, _ref, _opts), do: {:ok, Writing.ack(ack)}

  # What a transaction that had written nothing was committed with.
  defp nothing(replayed),
    do: %{first_seq: nil, last_seq: nil, hash: nil, time: nil, replayed: replayed}

  def abort(%Transaction{database: name, id: id}) do
    with :ok <- Actor.check_transaction(name, id),
         {:ok, nil} <- Engine.call(name, &Native.transaction_abort(&1, name, id)) do
      Leases.forget(id)
      :ok
    end
  end

  def transaction(%Transaction{database: name, id: id}) do
    with :ok <- Actor.check_transaction(name, id),
         {:ok, status} <- Engine.call(name, &Native.transaction_status(&1, name, id)) do
      {ack, status} = Map.pop!(status, :ack)
      ack = if ack, do: Writing.ack(ack), else: nothing(false)
      ack = Map.drop(ack, [:replayed | @counts])
      {:ok, if(status.status == :committed, do: Map.merge(status, ack), else: status)}
    end
  end
end
