defmodule FormdbHttpWeb.TimeseriesController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttpWeb.{
    Answer,
    Body,
    Downloading,
    Members,
    Params,
    Problem,
    SeriesTables,
    Uploading
  }

  # The first microsecond of the years -9999 to 9999, which is all that a
  # timestamp can be, and the one after the last: a range does not hold its end.
  @first -377_705_116_800_000_000
  @past_last 253_402_300_800_000_000

  @write [:durability, :idempotency_key]
  @points [:unit, :tz | @write]
  # Of what is written as it comes.
  @streamed [:unit, :tz, :on_duplicate]
  @range [:limit, :order, :cursor, :as_of, :transaction, :tz, :include]

  def create(req, params) do
    case Uploading.framing(req) do
      nil -> create_at_once(req, params)
      :csv -> upload(req, :csv, params, [:series_id, :shape, :missing | @streamed])
      framing -> upload(req, {:points, framing}, params, @streamed)
    end
  end

  defp upload(req, format, params, taken) do
    case format != :csv && Params.options(params, [:series_id, :shape, :missing]) do
      [{name, _value} | _] ->
        refuse(:invalid_parameter, "#{name} is taken with text/csv only", "/#{name}")

      _none ->
        Uploading.write(req, params, [format: format] ++ Params.options(params, taken))
    end
  end

  defp create_at_once(req, params) do
    case Params.options(params, [:series_id, :shape, :missing, :on_error]) do
      [{name, value} | _] -> Uploading.as_it_comes(name, value)
      [] -> create_whole(req, params)
    end
  end

  defp create_whole(req, %{db: db} = params) do
    opts = Params.options(params, [:on_duplicate | @points])

    with {:ok, provenance} <- Params.provenance(params),
         {:ok, body} <- Body.read(req),
         {:ok, {_kind, ack} = written} <- FormdbHttp.write_points(db, body, opts ++ provenance),
         do: written |> status() |> Answer.json(members(written)) |> Answer.replayed(ack)
  end

  # Where all points were ignored nothing was written.
  defp status({:point, %{seq: nil}}), do: 200
  defp status({:points, %{first_seq: nil, ignored: ignored}}) when ignored > 0, do: 200
  defp status(_written), do: 201

  defp members({:point, %{seq: nil} = ack}), do: counts(ack)

  defp members({:point, ack}) do
    [
      point_id: ack.point_id,
      seq: ack.seq,
      hash: ack.hash,
      time: FormdbHttp.format_timestamp(ack.time)
    ] ++ counts(ack) ++ Problem.warnings(ack)
  end

  defp members({:points, ack}),
    do:
      counts(ack) ++
        [first_seq: ack.first_seq, last_seq: ack.last_seq] ++ Problem.warnings(ack)

  defp counts(ack), do: [inserted: ack.inserted, replaced: ack.replaced, ignored: ack.ignored]

  # Whoever leaves out an end by mistake would lose all that lies beyond.
  def replace(req, %{db: db, series: series} = params) do
    opts = Params.options(params, [:on_duplicate | @points])

    with {:ok, {start, stop}} <- whole_span(params),
         {:ok, body} <- Body.read(req),
         {:ok, ack} <- FormdbHttp.replace_points(db, series, start, stop, body, opts) do
      members = [
        series_id: series,
        deleted: ack.deleted,
        inserted: ack.inserted,
        replaced: ack.replaced,
        ignored: ack.ignored,
        first_seq: ack.first_seq,
        last_seq: ack.last_seq,
        hash: ack.hash,
        time: ack.time && FormdbHttp.format_timestamp(ack.time)
      ]

      members = members ++ Problem.warnings(ack)
      200 |> Answer.json(members) |> Answer.replayed(ack)
    end
  end

  defp whole_span(%{all: true, start: nil, end: nil} = params), do: {:ok, span(params)}

  defp whole_span(%{all: nil, start: start, end: stop}) when start != nil and stop != nil,
    do: {:ok, {start, stop}}

  defp whole_span(%{all: true}),
    do: refuse(:invalid_parameter, "all=true takes neither start nor end; leave it out", "/all")

  defp whole_span(%{start: start}) do
    name = if start, do: "end", else: "start"
    detail = "the parameter #{name} is missing; give start and end, or all=true for the series"
    refuse(:missing_parameter, detail, "/" <> name)
  end

  def delete_point(req, %{db: db, series: series, point_id: point} = params) do
    with {:ok, provenance} <- Members.provenance(req),
         opts = Params.options(params, @write) ++ provenance,
         {:ok, ack} <- FormdbHttp.delete_point(db, series, point, opts) do
      members = [series_id: series, point_id: point, deleted: ack.deleted]
      200 |> Answer.json(members ++ block(ack)) |> Answer.replayed(ack)
    end
  end

  def correct_point(req, %{db: db, series: series, point_id: point} = params) do
    opts = Params.options(params, [:on_duplicate | @points])

    with {:ok, body} <- Body.read(req),
         {:ok, ack} <- FormdbHttp.correct_point(db, series, point, body, opts) do
      members =
        [series_id: series, point_id: ack.point_id] ++
          counts(ack) ++
          [
            first_seq: ack.first_seq,
            last_seq: ack.last_seq,
            hash: ack.hash,
            time: FormdbHttp.format_timestamp(ack.time)
          ] ++ Problem.warnings(ack)

      200 |> Answer.json(members) |> Answer.replayed(ack)
    end
  end

  def delete(req, %{db: db, series: series} = params) do
    {start, stop} = span(params)

    with {:ok, provenance} <- Members.provenance(req),
         opts = Params.options(params, @write) ++ provenance,
         {:ok, ack} <- FormdbHttp.delete_points(db, series, start, stop, opts) do
      members = [series_id: series, deleted: ack.deleted]
      200 |> Answer.json(members ++ block(ack)) |> Answer.replayed(ack)
    end
  end

  # Where there was nothing to delete nothing was written.
  defp block(%{seq: nil}), do: []

  defp block(ack),
    do: [seq: ack.seq, hash: ack.hash, time: FormdbHttp.format_timestamp(ack.time)]

  def index(req, params) do
    case Downloading.framing(req) do
      nil -> list(req, params)
      framing -> SeriesTables.series(framing, params)
    end
  end

  defp list(req, %{db: db} = params) do
    opts =
      [as: :json] ++
        Params.options(params, [:prefix, :include, :limit, :cursor, :as_of, :tz]) ++
        Params.series(params)

    with {:ok, page} <- FormdbHttp.series(db, opts) do
      members = [series: {:json, page.series}, seq: page.seq]
      page(req, params, members, page)
    end
  end

  def show(req, params) do
    case Downloading.framing(req) do
      nil -> range(req, params)
      framing -> SeriesTables.range(framing, params, span(params))
    end
  end

  defp range(req, %{db: db, series: series} = params) do
    {start, stop} = span(params)
    opts = [as: :json] ++ Params.options(params, @range) ++ Params.values(params)

    with {:ok, page} <- FormdbHttp.range(db, series, start, stop, opts) do
      members =
        [series_id: series] ++ asked(params) ++ [data: {:json, page.points}, seq: page.seq]

      page(req, params, members, page)
    end
  end

  # Of all series whose ids begin with the prefix.
  def show_many(req, params) do
    case Downloading.framing(req) do
      {_type, :csv} = framing -> SeriesTables.ranges(framing, params, span(params))
      _other when params.shape == :wide -> SeriesTables.wide_is_csv()
      nil -> ranges(req, params)
      framing -> SeriesTables.ranges(framing, params, span(params))
    end
  end

  defp ranges(req, %{db: db, prefix: prefix} = params) do
    {start, stop} = span(params)

    opts =
      [as: :json] ++
        Params.options(params, @range) ++ Params.values(params) ++ Params.series(params)

    with {:ok, page} <- FormdbHttp.range_many(db, prefix, start, stop, opts) do
      members = [prefix: prefix] ++ asked(params) ++ [series: {:json, page.series}, seq: page.seq]
      page(req, params, members, page)
    end
  end

  defp page(req, params, members, page),
    do: Answer.page(req, req.resource.name, params, "application/json", members, page.next)

  defp span(%{start: start, end: stop}), do: {start || @first, stop || @past_last}

  defp asked(%{start: start, end: stop, tz: tz}),
    do: [start: format(start, tz), end: format(stop, tz)]

  defp format(nil, _tz), do: nil
  defp format(micros, tz), do: FormdbHttp.format_timestamp(micros, tz)

  def provenance(req, %{db: db, series: series} = params) do
    {start, stop} = span(params)
    opts = Params.options(params, [:since, :limit, :as_of])

    with {:ok, page} <- FormdbHttp.series_provenance(db, series, start, stop, opts) do
      members = [provenance_chain: {:json, page.json}, next: page.next]

      200
      |> Answer.json([series_id: series] ++ asked(params) ++ members)
      |> Answer.linked(req, :series_provenance, params, page.next && {"since", page.next})
    end
  end

  def diff(req, %{db: db, series: series, from: from, to: to} = params) do
    opts = Params.options(params, [:start, :end, :limit, :cursor, :tz])

    with {:ok, diff} <- FormdbHttp.series_diff(db, series, from, to, opts) do
      members =
        [series_id: series] ++
          asked(params) ++
          [from: diff.from, to: diff.to, added: {:json, diff.added}] ++
          [removed: {:json, diff.removed}]

      page(req, params, members, diff)
    end
  end

  def latest(_req, %{db: db, series: series} = params) do
    with {:ok, latest} <- FormdbHttp.latest(db, series, Params.options(params, [:as_of])) do
      members = [
        series_id: series,
        timestamp: FormdbHttp.format_timestamp(latest.timestamp, params.tz),
        value: latest.value,
        point_id: latest.point_id,
        seq: latest.seq,
        as_of: latest.as_of
      ]

      optional = for key <- [:metadata, :provenance], text = latest[key], do: {key, {:json, text}}

      Answer.json(200, members ++ optional)
    end
  end

  # Of each series whose id begins with the prefix.
  def latest_many(req, %{db: db, prefix: prefix} = params) do
    case Downloading.framing(req) do
      nil ->
        opts =
          [as: :json] ++
            Params.options(params, [:limit, :cursor, :as_of, :tz]) ++ Params.series(params)

        with {:ok, page} <- FormdbHttp.latest_many(db, prefix, opts) do
          members = [prefix: prefix, series: {:json, page.series}, seq: page.seq]
          page(req, params, members, page)
        end

      framing ->
        SeriesTables.latest(framing, params)
    end
  end
end
