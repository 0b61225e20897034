defmodule FormdbHttpWeb.AggregateController do
  @moduledoc false
  # What the points of a series come to, bucket by bucket or as a whole.

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.{Answer, Downloading, Params, SeriesTables}

  @options [:start, :end, :interval, :window, :group_by, :expected, :origin, :tz, :fill, :order] ++
             [:as_of]

  def show(req, %{series: series} = params) do
    aggregate(req, params, {series, []}, fn answer ->
      members = [data: {:json, answer.data}, seq: answer.seq]
      [series_id: series] ++ asked(params, answer.names) ++ members
    end)
  end

  # Of each series whose id begins with the prefix.
  def show_many(req, %{prefix: prefix} = params) do
    aggregate(req, params, {{:prefix, prefix}, Params.series(params)}, fn answer ->
      members = [series: {:json, answer.data}, seq: answer.seq]
      [prefix: prefix] ++ asked(params, answer.names) ++ members
    end)
  end

  defp aggregate(req, params, {series, filters}, members) do
    opts = Params.options(params, @options) ++ Params.values(params) ++ filters

    with :ok <- check_buckets(params) do
      case Downloading.framing(req) do
        nil -> in_json(params, series, opts, members)
        framing -> SeriesTables.aggregate(framing, params, series, opts)
      end
    end
  end

  defp in_json(%{shape: :wide}, _series, _opts, _members), do: SeriesTables.wide_is_csv()

  defp in_json(params, series, opts, members) do
    opts = [as: :json] ++ opts

    with {:ok, answer} <- FormdbHttp.aggregate(params.db, series, params.aggregation, opts),
         {:ok, names} <- Serving.aggregation_names(params.aggregation),
         do: Answer.json(200, members.(Map.put(answer, :names, names)))
  end

  # What says something about buckets is not passed over where there are none.
  defp check_buckets(%{group_by: by}) when by != nil, do: :ok

  defp check_buckets(%{interval: nil, expected: nil, origin: origin}) when origin != nil,
    do: no_buckets("origin, from which they are counted")

  defp check_buckets(%{interval: nil, fill: fill}) when fill not in [nil, "none"],
    do: no_buckets("fill, which is about empty ones")

  defp check_buckets(%{interval: nil, order: :desc}),
    do: no_buckets("order, in which they come")

  defp check_buckets(_params), do: :ok

  defp no_buckets(what) do
    [key | _] = String.split(what, ",")
    detail = "without interval there are no buckets; give it, or leave out #{what}"
    refuse(:invalid_parameter, detail, "/" <> key)
  end

  defp asked(params, names) do
    one_or_more =
      case names do
        [_one] -> [aggregation: params.aggregation]
        several -> [aggregations: several]
      end

    one_or_more ++
      [interval: params.interval] ++
      Params.options(params, [:window, :group_by, :expected]) ++
      [tz: params.tz || "UTC"]
  end

  @figures [:start, :end, :tz, :as_of]

  def summary(_req, %{db: db, series: series} = params) do
    opts = Params.options(params, @figures) ++ Params.values(params)

    with {:ok, summary} <- FormdbHttp.summary(db, series, opts) do
      Answer.json(200,
        series_id: series,
        count: summary.count,
        first: point(summary.first, params.tz),
        last: point(summary.last, params.tz),
        min: summary.min,
        max: summary.max,
        avg: summary.avg,
        sum: summary.sum,
        stddev: summary.stddev,
        seq: summary.seq
      )
    end
  end

  defp point(nil, _tz), do: nil

  defp point({micros, value}, tz),
    do: [timestamp: FormdbHttp.format_timestamp(micros, tz), value: value]

  # Of each series whose id begins with the prefix.
  def summary_many(req, %{db: db, prefix: prefix} = params) do
    opts = Params.options(params, @figures) ++ Params.values(params) ++ Params.series(params)

    case Downloading.framing(req) do
      nil ->
        opts = [as: :json] ++ Params.options(params, [:limit, :cursor]) ++ opts

        with {:ok, page} <- FormdbHttp.summary_many(db, prefix, opts) do
          members = [prefix: prefix, series: {:json, page.series}, seq: page.seq]
          Answer.page(req, req.resource.name, params, "application/json", members, page.next)
        end

      framing ->
        SeriesTables.summaries(framing, params, opts)
    end
  end
end
