defmodule FormdbHttpWeb.AggregateController do
  @moduledoc false
  # What the points of a series come to, bucket by bucket or as a whole.

  alias FormdbHttpWeb.{Answer, Params}

  @params [
    "start",
    "end",
    "unit",
    "aggregation",
    "interval",
    "origin",
    "tz",
    "fill",
    "order",
    "as_of"
  ]

  def show(req, name, series) do
    with {:ok, params, answer} <- aggregate(req, name, series) do
      members = [data: {:json, answer.data}, seq: answer.seq]
      Answer.json(200, [series_id: series] ++ asked(params) ++ members)
    end
  end

  # Of each series whose id begins with the prefix.
  def show_many(req, name, prefix) do
    with {:ok, params, answer} <- aggregate(req, name, {:prefix, prefix}) do
      members = [series: {:json, answer.data}, seq: answer.seq]
      Answer.json(200, [prefix: prefix] ++ asked(params) ++ members)
    end
  end

  defp aggregate(req, name, series) do
    with {:ok, params} <- Params.query(req, @params),
         {:ok, aggregation} <- Params.required(params, "aggregation", "avg"),
         {:ok, start} <- Params.timestamp(params, "start"),
         {:ok, stop} <- Params.timestamp(params, "end"),
         {:ok, origin} <- Params.timestamp(params, "origin"),
         {:ok, order} <- Params.order(params),
         {:ok, as_of} <- Params.as_of(params),
         opts = [
           as: :json,
           start: start,
           end: stop,
           interval: params["interval"],
           origin: origin,
           tz: params["tz"],
           fill: Map.get(params, "fill", "none"),
           order: order,
           as_of: as_of
         ],
         {:ok, answer} <- FormdbHttp.aggregate(name, series, aggregation, opts),
         do: {:ok, params, answer}
  end

  defp asked(params) do
    [
      aggregation: params["aggregation"],
      interval: params["interval"],
      tz: Map.get(params, "tz", "UTC")
    ]
  end

  def summary(req, name, series) do
    with {:ok, params} <- Params.query(req, ["as_of"]),
         {:ok, as_of} <- Params.as_of(params),
         {:ok, summary} <- FormdbHttp.summary(name, series, as_of: as_of) do
      Answer.json(200,
        series_id: series,
        count: summary.count,
        first: point(summary.first),
        last: point(summary.last),
        min: summary.min,
        max: summary.max,
        avg: summary.avg,
        sum: summary.sum,
        stddev: summary.stddev,
        seq: summary.seq
      )
    end
  end

  defp point({micros, value}),
    do: [timestamp: FormdbHttp.format_timestamp(micros), value: value]
end
