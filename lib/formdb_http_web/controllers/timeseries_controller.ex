defmodule FormdbHttpWeb.TimeseriesController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Body, Params, Paths}

  # The first microsecond of the years -9999 to 9999, which is all that a
  # timestamp can be, and the one after the last: a range does not hold its end.
  @first -377_705_023_201_000_000
  @past_last 253_402_207_201_000_000

  def create(req, name) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, body} <- Body.read(req, req.max_body_bytes),
         {:ok, written} <- FormdbHttp.write_points(name, body) do
      case written do
        {:point, ack} ->
          Answer.json(
            201,
            point_id: ack.point_id,
            seq: ack.seq,
            hash: ack.hash,
            time: FormdbHttp.format_timestamp(ack.time)
          )

        {:points, ack} ->
          Answer.json(
            201,
            inserted: ack.inserted,
            first_seq: ack.first_seq,
            last_seq: ack.last_seq
          )
      end
    end
  end

  # The cursor of the next page is the last id of this one.
  def index(req, name) do
    with {:ok, params} <- Params.query(req, ["limit", "cursor"]),
         {:ok, limit} <- Params.limit(params),
         limit = limit || FormdbHttp.default_limit(),
         {:ok, list} <- FormdbHttp.series(name, limit: limit, after: params["cursor"]) do
      series =
        for entry <- list do
          [
            series_id: entry.series_id,
            points: entry.points,
            first: FormdbHttp.format_timestamp(entry.first),
            last: FormdbHttp.format_timestamp(entry.last)
          ]
        end

      next = if length(list) == limit, do: List.last(list).series_id
      path = fn -> Paths.timeseries(name) end
      Answer.page("application/json", [series: series], next, path, params)
    end
  end

  def show(req, name, series) do
    with {:ok, params} <- Params.query(req, ["start", "end", "limit", "order", "cursor"]),
         {:ok, start} <- timestamp(params, "start"),
         {:ok, stop} <- timestamp(params, "end"),
         {:ok, limit} <- Params.limit(params),
         {:ok, order} <- Params.order(params),
         opts = [as: :json, limit: limit, order: order, cursor: params["cursor"]],
         {:ok, page} <- FormdbHttp.range(name, series, start || @first, stop || @past_last, opts) do
      members = [
        series_id: series,
        start: format(start),
        end: format(stop),
        data: {:json, page.points},
        seq: page.seq
      ]

      path = fn -> Paths.series(name, series) end
      Answer.page("application/json", members, page.next, path, params)
    end
  end

  defp timestamp(params, name) do
    case params do
      %{^name => text} ->
        with {:error, error} <- FormdbHttp.parse_timestamp(text),
             do: {:error, %{error | pointer: "/" <> name}}

      _not_given ->
        {:ok, nil}
    end
  end

  defp format(nil), do: nil
  defp format(micros), do: FormdbHttp.format_timestamp(micros)

  def latest(req, name, series) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, latest} <- FormdbHttp.latest(name, series) do
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
