defmodule FormdbHttp.Points do
  @moduledoc false
  # Writing and reading points of time series. FormdbHttp documents the functions.

  alias FormdbHttp.{Absence, Engine, Input, Native, Transaction, Writing}

  require Engine

  # 16 bytes a point, encoded about as fast as memory is copied.
  @dirty_column_bytes 65_536
  # Points that a transaction reads without a place for heavy work.
  @light_points 1_000

  @range [:value, :order, :limit, :cursor, :as, :as_of, :tz]

  ## Writing

  def write_points(name, document, opts) do
    opts = Writing.options!(opts, [:unit, :tz, :on_duplicate, :provenance])
    text = Input.json(document)
    scheduler = if Writing.large?(text), do: :cpu, else: :normal
    {times, asked} = {Input.times(opts), Input.on_duplicate(opts)}
    request = {:points, text, times, asked, Input.provenance(opts)}

    with {:ok, summary, ack} <- Writing.write(name, request, scheduler, opts),
         do: {:ok, points_ack(summary, ack)}
  end

  def put_point(name, series, timestamp, value, opts) do
    with {:ok, micros} <- Input.micros(timestamp),
         point = %{"series_id" => series, "timestamp" => micros, "value" => value},
         {:ok, {:point, ack}} <- write_points(name, point, opts),
         do: {:ok, ack}
  end

  def put_columns(name, series, timestamps, values, opts) do
    opts = Writing.options!(opts, [:provenance, :on_duplicate])
    timestamps = Input.pack_integers(timestamps)
    provenance = Input.provenance(opts)
    scheduler = if byte_size(timestamps) > @dirty_column_bytes, do: :cpu, else: :normal

    with {:ok, values} <- Input.pack_floats(values),
         asked = Input.on_duplicate(opts),
         request = {:columns, series, timestamps, values, provenance, asked},
         {:ok, summary, ack} <- Writing.write(name, request, scheduler, opts),
         {:points, ack} <- points_ack(summary, ack),
         do: {:ok, ack}
  end

  # Nothing is written for an empty list, nor where all points are ignored.
  defp points_ack({true, 1, _warnings}, nil),
    do: {:point, Map.merge(counts(1, nil), %{point_id: nil, seq: nil, hash: nil, time: nil})}

  defp points_ack({true, 1, warnings}, %{first_seq: seq} = ack) do
    point = %{point_id: point_id(seq, 0), seq: seq, hash: ack.hash, time: ack.time}
    {:point, 1 |> counts(ack) |> Map.merge(point) |> Map.merge(Writing.told(warnings))}
  end

  defp points_ack({false, count, warnings}, ack) do
    seqs = %{first_seq: ack && ack.first_seq, last_seq: ack && ack.last_seq}
    told = if ack, do: Writing.told(warnings), else: %{}
    {:points, count |> counts(ack) |> Map.merge(seqs) |> Map.merge(told)}
  end

  # Of so many points that were sent those that were put are told by the engine, and so are
  # those that went for them.
  defp counts(count, nil), do: %{inserted: 0, replaced: 0, ignored: count, replayed: false}

  defp counts(count, ack) do
    %{
      inserted: ack.points_put,
      replaced: ack.points_deleted,
      ignored: count - ack.points_put,
      replayed: ack.replayed
    }
  end

  def replace_points(name, series, from, to, document, opts) do
    opts = Writing.options!(opts, [:unit, :tz, :on_duplicate])
    text = Input.json(document)
    # With nothing to write it looks whether there is a point to delete.
    scheduler = if Writing.large?(text), do: :cpu, else: :io

    with {:ok, start} <- Input.micros(from, "/start", opts[:tz]),
         {:ok, stop} <- Input.micros(to, "/end", opts[:tz]),
         asked = Input.on_duplicate(opts),
         request = {:replace_range, series, start, stop, text, Input.times(opts), asked},
         {:ok, {false, count, warnings}, ack} <- Writing.write(name, request, scheduler, opts),
         {:ok, deleted} <- deleted_first(name, ack),
         do: {:ok, Map.merge(replacement(count, deleted, ack), Writing.told(warnings))}
  end

  # Of the blocks of a replacement the first deletes what was there, the second puts points.
  # Those after it may delete some of these, in whose place others of the same request came.
  defp deleted_first(_name, nil), do: {:ok, 0}

  defp deleted_first(_name, %{first_seq: first, last_seq: last} = ack) when last - first < 2,
    do: {:ok, ack.points_deleted}

  defp deleted_first(name, ack),
    do: Engine.call(name, &Native.points_deleted_by(&1, name, ack.first_seq))

  # There was nothing to delete and nothing to write.
  defp replacement(count, 0, nil) do
    nothing = %{deleted: 0, inserted: 0, replaced: 0, ignored: count, replayed: false}
    Map.merge(nothing, %{first_seq: nil, last_seq: nil, hash: nil, time: nil})
  end

  defp replacement(count, deleted, ack) do
    %{
      deleted: deleted,
      inserted: ack.points_put,
      replaced: ack.points_deleted - deleted,
      ignored: count - ack.points_put,
      first_seq: ack.first_seq,
      last_seq: ack.last_seq,
      hash: ack.hash,
      time: ack.time,
      replayed: ack.replayed
    }
  end

  def delete_point(name, series, point_id, opts) do
    opts = Writing.options!(opts, [:provenance])
    request = {:delete_point, series, point_id, Input.provenance(opts)}

    # It reads when the point was.
    written = Writing.write(name, request, :io, opts)

    with {:ok, nil, ack} <- Absence.explain(written, name, {:point, series, point_id}, nil),
         do: {:ok, deletion(ack.points_deleted, ack)}
  end

  def correct_point(name, series, point_id, document, opts) do
    opts = Writing.options!(opts, [:unit, :tz, :on_duplicate])
    asked = Input.on_duplicate(opts)
    request = {:put_point, series, point_id, Input.json(document), Input.times(opts), asked}

    written = Writing.write(name, request, :io, opts)

    with {:ok, {true, 1, warnings}, ack} <-
           Absence.explain(written, name, {:point, series, point_id}, nil) do
      put? = ack.points_put == 1
      # The deletion comes before it.
      seq = ack.first_seq + 1

      correction = %{
        point_id: if(put?, do: point_id(seq, 0)),
        replaced: ack.points_deleted,
        inserted: ack.points_put,
        ignored: 1 - ack.points_put,
        first_seq: ack.first_seq,
        last_seq: ack.last_seq,
        hash: ack.hash,
        time: ack.time,
        replayed: ack.replayed
      }

      {:ok, Map.merge(correction, Writing.told(warnings))}
    end
  end

  def delete_points(name, series, from, to, opts) do
    opts = Writing.options!(opts, [:provenance, :tz])

    with {:ok, start} <- Input.micros(from, "/start", opts[:tz]),
         {:ok, stop} <- Input.micros(to, "/end", opts[:tz]),
         provenance = Input.provenance(opts),
         request = {:delete_points, series, start, stop, provenance},
         # It looks for a point that is there, among those that are not any more.
         {:ok, nil, ack} <- Writing.write(name, request, :io, opts),
         do: deleted(name, ack)
  end

  defp deleted(_name, nil),
    do: {:ok, %{deleted: 0, seq: nil, hash: nil, time: nil, replayed: false}}

  # The second answer counts again what the first one had counted.
  defp deleted(name, %{replayed: true, first_seq: seq} = ack) do
    with {:ok, count} <- Engine.call(name, &Native.points_deleted_by(&1, name, seq)),
         do: {:ok, deletion(count, ack)}
  end

  defp deleted(_name, ack), do: {:ok, deletion(ack.points_deleted, ack)}

  defp deletion(count, ack) do
    %{deleted: count, seq: ack.first_seq, hash: ack.hash, time: ack.time, replayed: ack.replayed}
  end

  ## Reading

  def range(name, series, from, to, opts) do
    opts = Input.options!(opts, [:transaction, :include | @range])
    include = Input.include(opts)

    calls =
      if Input.json?(opts),
        do: Engine.calls(:range_json),
        else: Engine.calls(:range_points)

    with {:ok, transaction} <- Transaction.of(opts, name),
         {:ok, window} <- Input.window(name, from, to, opts),
         range = Map.merge(window, %{series: series, transaction: transaction}),
         {:ok, {points, seq, next}} <-
           name
           |> read_range(range, include, calls)
           |> Absence.explain(name, {:series, series}, window.as_of, transaction),
         do: {:ok, %{points: points, seq: seq, next: next}}
  end

  # What stands beside the points is in their blocks.
  defp read_range(name, range, include, _calls) when include != nil,
    do: detailed(name, &Native.range_detailed(&1, name, range, {include, :json}))

  defp read_range(name, range, nil, calls), do: read_range(name, range, calls)

  defp detailed(name, call) do
    with {:ok, {json, _returned, seq, next}} <- Engine.call_heavy(name, call),
         do: {:ok, {json, seq, next}}
  end

  # How many points there are the engine finds: a limit says how many there may be.
  defp read_range(name, %{transaction: nil} = range, calls), do: Engine.ask(name, range, calls)

  # In a transaction another call may hold it for long.
  defp read_range(name, range, {_short, _tried, dirty}) when range.limit <= @light_points,
    do: Engine.call(name, &dirty.(&1, name, range))

  defp read_range(name, range, {_short, _tried, dirty}),
    do: Engine.call_heavy(name, &dirty.(&1, name, range))

  def range_many(name, prefix, from, to, opts) do
    opts = Input.options!(opts, [:filters, :include | @range])
    include = Input.include(opts)

    with {:ok, window} <- Input.window(name, from, to, opts),
         chosen = %{prefix: prefix, filters: Input.filters(opts)},
         range = window |> Map.merge(chosen) |> Map.put(:json, Input.json?(opts)),
         {:ok, {series, seq, next}} <- read_ranges(name, range, include),
         do: {:ok, %{series: series, seq: seq, next: next}}
  end

  defp read_ranges(name, range, nil),
    do: Engine.call_heavy(name, &Native.range_many(&1, name, range))

  defp read_ranges(name, range, include),
    do: detailed(name, &Native.ranges_detailed(&1, name, range, {include, :json}))

  def latest(name, series, opts) do
    opts = Input.options!(opts, [:as_of])

    with {:ok, as_of} <- Input.as_of(name, opts),
         {:ok, {latest, seq}} <-
           name
           |> Engine.call(fn catalog ->
             with :long <- Native.latest(catalog, name, series, as_of),
                  do: Native.latest_dirty(catalog, name, series, as_of)
           end)
           |> Absence.explain(name, {:series, series}, as_of),
         do: {:ok, latest |> last_point() |> Map.put(:as_of, seq)}
  end

  def latest_many(name, prefix, opts) do
    opts = Input.options!(opts, [:filters, :limit, :cursor, :as, :as_of, :tz])
    form = if Input.json?(opts), do: :json, else: :terms

    with {:ok, page} <- latest_page(name, prefix, form, opts),
         do: {:ok, %{series: last_points(page.rows), seq: page.seq, next: page.next}}
  end

  @doc "A page of last points, its rows in one of the forms of the engine."
  def latest_page(name, prefix, form, opts) do
    with {:ok, list} <- Input.list(name, prefix, opts),
         {:ok, {rows, returned, seq, next}} <-
           Engine.call_heavy(name, &Native.latest_list(&1, name, list, form)),
         do: {:ok, %{rows: rows, returned: returned, seq: seq, next: next}}
  end

  defp last_points(json) when is_binary(json), do: json

  defp last_points(rows),
    do: for({id, latest} <- rows, do: latest |> last_point() |> Map.put(:series_id, id))

  defp last_point(latest) do
    {index, latest} = Map.pop!(latest, :index)
    Map.put(latest, :point_id, point_id(latest.seq, index))
  end

  def series(name, opts) do
    opts = Input.options!(opts, [:prefix, :filters, :include, :limit, :cursor, :as, :as_of, :tz])
    attributes? = Input.attributes?(opts)

    with {:ok, list} <- Input.list(name, Keyword.get(opts, :prefix, ""), opts),
         {:ok, {series, seq, next}} <-
           Engine.call_heavy(name, &Native.series_list(&1, name, list, attributes?)),
         do: {:ok, %{series: rows(series, attributes?), seq: seq, next: next}}
  end

  defp rows(json, _attributes?) when is_binary(json), do: json

  defp rows(rows, attributes?) do
    for {id, points, first, last, attributes} <- rows do
      row = %{series_id: id, points: points, first: first, last: last}
      if attributes?, do: Map.put(row, :attributes, attributes), else: row
    end
  end

  # A block and a place in it: unique, and enough to find the point again.
  defp point_id(seq, index), do: "pt_#{seq}_#{index}"
end
