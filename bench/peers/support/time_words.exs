defmodule Bench.Peers.TimeWords do
  @moduledoc """
  The questions of `time.exs` in the words of each who is asked, and what they answer as
  `{series, place in the answer, value}`.

  A question is `{series, minute, minutes}`; of all series it is `{:all, minute, minutes}`.
  """

  alias Bench.Peers.{Embedded, InfluxDB, Ours, Points, Postgres, Victoria}
  alias Bench.Server
  alias FormdbHttp.JSON

  ## This system

  def ours(kind, {series, minute, minutes}) do
    range = "start=#{Points.at(minute)}&end=#{Points.at(minute + minutes)}&unit=s"
    name = if series == :all, do: "s*", else: "s#{series}"
    root = "/api/v1/databases/time/timeseries"

    case kind do
      {:buckets, length} ->
        "#{root}/#{name}/aggregate?aggregation=avg&interval=#{length}m&#{range}"

      :points ->
        "#{root}/#{name}?limit=10000&#{range}"

      :mean ->
        "#{root}/#{name}/aggregate?aggregation=avg&#{range}"

      :latest ->
        "#{root}/#{name}/latest?limit=100000"

      :list ->
        "#{root}?limit=100000"
    end
  end

  def answer(Ours, ours, kind, question) do
    answer = Ours.get(ours, ours(kind, question))

    for series <- answer["series"] || [answer],
        {point, n} <- series |> points_of() |> Enum.with_index(),
        do: told(series["series_id"], n, point["value"])
  end

  def answer(Victoria, victoria, kind, question) do
    {200, answer} = Server.call(victoria, :get, victoria(kind, question))

    case JSON.decode!(answer)["data"] do
      %{"result" => result} ->
        for series <- result,
            {[_, value], n} <- Enum.with_index(series["values"] || [series["value"]]),
            do: told("s" <> series["metric"]["s"], n, value)

      listed ->
        for %{"s" => s} <- listed, do: told("s" <> s, 0, 0)
    end
  end

  def answer(InfluxDB, influx, kind, question) do
    {200, answer} = Server.call(influx, :get, InfluxDB.path("time", influx(kind, question)))
    %{"results" => [%{"series" => found}]} = JSON.decode!(answer)
    {series, _, _} = question

    for one <- found, {row, n} <- Enum.with_index(one["values"]) do
      case {kind, row} do
        {:list, [key]} -> told("s" <> (key |> String.split("s=") |> List.last()), 0, 0)
        {_, [_, value]} -> told("s#{one["tags"]["s"] || series}", n, value)
      end
    end
  end

  def answer(Postgres, postgres, kind, question) do
    placed(for line <- Postgres.sql(postgres, sql(kind, question)), do: String.split(line, "|"))
  end

  def answer("DuckDB", duckdb, kind, question) do
    [rows, _] = Embedded.call(duckdb, "sql", statement: sql(kind, question))
    placed(rows)
  end

  defp points_of(%{"data" => points}), do: points
  defp points_of(point), do: [point]

  # Rows are of a series and a value, in order within their series.
  defp placed(rows) do
    for {_, rows} <- Enum.group_by(rows, &hd/1),
        {row, n} <- Enum.with_index(rows),
        do: told("s#{hd(row)}", n, Enum.at(row, 1) || 0)
  end

  defp told(series, n, value) when is_binary(value) do
    {value, ""} = Float.parse(value)
    told(series, n, value)
  end

  # Means as they are told with six digits.
  defp told(series, n, nil), do: {series, n, 0.0}
  defp told(series, n, value), do: {series, n, Float.round(value / 1, 6)}

  ## VictoriaMetrics. A window of it holds its end and not its start: a millisecond less is ours.

  def victoria(kind, {series, minute, minutes}) do
    name = if series == :all, do: "m", else: ~s(m{s="#{series}"})
    last = "#{Points.at(minute + minutes) - 1}.999"

    case kind do
      {:buckets, length} ->
        from = "#{Points.at(minute + length) - 1}.999"
        query = URI.encode_www_form("avg_over_time(#{name}[#{length}m])")

        "/api/v1/query_range?nocache=1&start=#{from}&end=#{last}&step=#{60 * length}&query=#{query}"

      :points ->
        Victoria.path("#{name}[#{minutes}m]", last)

      :mean ->
        Victoria.path("avg_over_time(#{name}[#{minutes}m])", last)

      :latest ->
        Victoria.path("last_over_time(#{name}[#{minutes}m])", last)

      :list ->
        "/api/v1/series?match%5B%5D=#{name}&start=#{Points.at(minute)}&end=#{last}"
    end
  end

  ## InfluxDB

  def influx(kind, {series, minute, minutes}) do
    range = "time >= #{Points.at(minute)}s and time < #{Points.at(minute + minutes)}s"

    {where, grouped} =
      if series == :all, do: {range, ", s"}, else: {"s = '#{series}' and #{range}", ""}

    case kind do
      {:buckets, length} ->
        "select mean(v) from m where #{where} group by time(#{length}m)#{grouped}"

      :points ->
        "select v from m where #{where}"

      :mean ->
        "select mean(v) from m where #{where} group by s"

      :latest ->
        "select last(v) from m group by s"

      :list ->
        "show series from m"
    end
  end

  ## SQL

  @series "with recursive all_series as (select min(series) as series from points union all " <>
            "select (select min(series) from points where series > s.series) from all_series s where s.series is not null) "

  @doc "The statement for PostgreSQL and DuckDB."
  def sql(kind, {series, minute, minutes}),
    do:
      sql(
        kind,
        series,
        "timestamptz '#{Points.iso(minute)}'",
        "timestamptz '#{Points.iso(minute + minutes)}'"
      )

  @doc "The same with expressions in place of the series and the ends of the range."
  def sql(kind, series, from, to) do
    range = "t >= #{from} and t < #{to}"
    where = if series == :all, do: range, else: "series = #{series} and #{range}"

    case kind do
      {:buckets, length} ->
        "select series, avg(value) from points where #{where} " <>
          "group by series, floor(extract(epoch from t) / #{60 * length}) " <>
          "order by series, floor(extract(epoch from t) / #{60 * length})"

      :points ->
        "select series, value, t from points where #{where} order by t"

      :mean ->
        "select series, avg(value) from points where #{where} group by series"

      :latest ->
        "select series, value from (select distinct on (series) series, value, t from points " <>
          "order by series, t desc) l"

      :list ->
        "select distinct series from points"
    end
  end

  @doc "What PostgreSQL is asked where it would read all points: series by series, as its index has them."
  def skipping(:list), do: @series <> "select series from all_series where series is not null"

  def skipping(:latest) do
    @series <>
      "select s.series, p.value from all_series s, lateral (select value from points p " <>
      "where p.series = s.series order by t desc limit 1) p where s.series is not null"
  end
end
