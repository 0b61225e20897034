defmodule FormdbHttpWeb.AggregateController do
  @moduledoc false
  # What the points of a series come to, bucket by bucket or as a whole.

  alias FormdbHttpWeb.{Answer, Params}

  @options [:start, :end, :interval, :origin, :tz, :fill, :order, :as_of]

  def show(_req, %{series: series} = params) do
    with {:ok, answer} <- aggregate(params, series) do
      members = [data: {:json, answer.data}, seq: answer.seq]
      Answer.json(200, [series_id: series] ++ asked(params) ++ members)
    end
  end

  # Of each series whose id begins with the prefix.
  def show_many(_req, %{prefix: prefix} = params) do
    with {:ok, answer} <- aggregate(params, {:prefix, prefix}) do
      members = [series: {:json, answer.data}, seq: answer.seq]
      Answer.json(200, [prefix: prefix] ++ asked(params) ++ members)
    end
  end

  defp aggregate(params, series) do
    opts = [as: :json] ++ Params.options(params, @options)
    FormdbHttp.aggregate(params.db, series, params.aggregation, opts)
  end

  defp asked(params) do
    [aggregation: params.aggregation, interval: params.interval, tz: params.tz || "UTC"]
  end

  def summary(_req, %{db: db, series: series} = params) do
    with {:ok, summary} <- FormdbHttp.summary(db, series, Params.options(params, [:as_of])) do
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
