defmodule FormdbHttpWeb.TimeseriesController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Body, Params, Paths, WriteOptions}

  # The first microsecond of the years -9999 to 9999, which is all that a
  # timestamp can be, and the one after the last: a range does not hold its end.
  @first -377_705_116_800_000_000
  @past_last 253_402_300_800_000_000

  @range_params ["start", "end", "unit", "limit", "order", "cursor", "as_of", "transaction"]

  def create(req, name) do
    with {:ok, params} <- Params.query(req, ["unit"] ++ WriteOptions.params()),
         {:ok, unit} <- Params.unit(params),
         {:ok, opts} <- WriteOptions.read(req, params),
         {:ok, body} <- Body.read(req, req.max_body_bytes),
         {:ok, {_kind, ack} = written} <- FormdbHttp.write_points(name, body, unit ++ opts),
         do: 201 |> Answer.json(members(written)) |> Answer.replayed(ack)
  end

  defp members({:point, ack}) do
    [
      point_id: ack.point_id,
      seq: ack.seq,
      hash: ack.hash,
      time: FormdbHttp.format_timestamp(ack.time)
    ]
  end

  defp members({:points, ack}),
    do: [inserted: ack.inserted, first_seq: ack.first_seq, last_seq: ack.last_seq]

  def delete(req, name, series) do
    with {:ok, params} <- Params.query(req, ["start", "end", "unit"] ++ WriteOptions.params()),
         {:ok, start} <- Params.timestamp(params, "start"),
         {:ok, stop} <- Params.timestamp(params, "end"),
         {:ok, opts} <- WriteOptions.read(req, params),
         {:ok, provenance} <- Body.read_provenance(req),
         {:ok, ack} <-
           FormdbHttp.delete_points(
             name,
             series,
             start || @first,
             stop || @past_last,
             opts ++ provenance
           ) do
      members = [series_id: series, deleted: ack.deleted]
      200 |> Answer.json(members ++ block(ack)) |> Answer.replayed(ack)
    end
  end

  # Where there was nothing to delete nothing was written.
  defp block(%{seq: nil}), do: []

  defp block(ack),
    do: [seq: ack.seq, hash: ack.hash, time: FormdbHttp.format_timestamp(ack.time)]

  def index(req, name) do
    with {:ok, params} <- Params.query(req, ["prefix", "limit", "cursor", "as_of"]),
         {:ok, limit} <- Params.limit(params),
         {:ok, as_of} <- Params.as_of(params),
         prefix = Map.get(params, "prefix", ""),
         opts = [prefix: prefix, limit: limit, cursor: params["cursor"], as_of: as_of, as: :json],
         {:ok, page} <- FormdbHttp.series(name, opts) do
      members = [series: {:json, page.series}, seq: page.seq]
      path = fn -> Paths.timeseries(req, name) end
      Answer.page("application/json", members, page.next, path, params)
    end
  end

  def show(req, name, series) do
    with {:ok, params} <- Params.query(req, @range_params),
         {:ok, start} <- Params.timestamp(params, "start"),
         {:ok, stop} <- Params.timestamp(params, "end"),
         {:ok, limit} <- Params.limit(params),
         {:ok, order} <- Params.order(params),
         {:ok, as_of} <- Params.as_of(params),
         opts = [
           as: :json,
           limit: limit,
           order: order,
           cursor: params["cursor"],
           as_of: as_of,
           transaction: Params.transaction(params, name)
         ],
         {:ok, page} <- FormdbHttp.range(name, series, start || @first, stop || @past_last, opts) do
      members = [
        series_id: series,
        start: format(start),
        end: format(stop),
        data: {:json, page.points},
        seq: page.seq
      ]

      path = fn -> Paths.series(req, name, series) end
      Answer.page("application/json", members, page.next, path, params)
    end
  end

  # Of all series whose ids begin with the prefix.
  def show_many(req, name, prefix) do
    with {:ok, params} <- Params.query(req, @range_params -- ["transaction"]),
         {:ok, start} <- Params.timestamp(params, "start"),
         {:ok, stop} <- Params.timestamp(params, "end"),
         {:ok, limit} <- Params.limit(params),
         {:ok, order} <- Params.order(params),
         {:ok, as_of} <- Params.as_of(params),
         opts = [as: :json, limit: limit, order: order, cursor: params["cursor"], as_of: as_of],
         {:ok, page} <-
           FormdbHttp.range_many(name, prefix, start || @first, stop || @past_last, opts) do
      members = [
        prefix: prefix,
        start: format(start),
        end: format(stop),
        series: {:json, page.series},
        seq: page.seq
      ]

      path = fn -> Paths.series_by_prefix(req, name, prefix) end
      Answer.page("application/json", members, page.next, path, params)
    end
  end

  defp format(nil), do: nil
  defp format(micros), do: FormdbHttp.format_timestamp(micros)

  def latest(req, name, series) do
    with {:ok, params} <- Params.query(req, ["as_of"]),
         {:ok, as_of} <- Params.as_of(params),
         {:ok, latest} <- FormdbHttp.latest(name, series, as_of: as_of) do
      members = [
        series_id: series,
        timestamp: FormdbHttp.format_timestamp(latest.timestamp),
        value: latest.value,
        point_id: latest.point_id,
        seq: latest.seq
      ]

      optional = for key <- [:metadata, :provenance], text = latest[key], do: {key, {:json, text}}

      Answer.json(200, members ++ optional)
    end
  end
end
