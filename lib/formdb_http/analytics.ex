defmodule FormdbHttp.Analytics do
  @moduledoc false
  # What points come to: aggregates and summaries. FormdbHttp documents the functions.

  alias FormdbHttp.{Absence, Engine, Input, Native}

  require Engine

  @aggregate_options [
    :filters,
    :start,
    :end,
    :value,
    :interval,
    :window,
    :group_by,
    :expected,
    :origin,
    :tz,
    :fill,
    :order,
    :as_of,
    :as
  ]

  def aggregate(name, series, aggregation, opts) do
    with {:ok, query} <- query(name, series, aggregation, opts),
         {:ok, {data, seq}} <-
           name
           |> Engine.ask(query, Engine.calls(:aggregate))
           |> absent(name, query),
         do: {:ok, %{data: data, seq: seq}}
  end

  # Why there is no such series.
  defp absent(answer, name, %{series: {:one, id}, as_of: as_of}),
    do: Absence.explain(answer, name, {:series, id}, as_of)

  defp absent(answer, _name, _of_several), do: answer

  @doc "What the engine is asked."
  def query(name, series, aggregation, opts) do
    opts = Input.options!(opts, @aggregate_options)

    with {:ok, start} <- Input.optional_micros(opts[:start], "/start", opts[:tz]),
         {:ok, stop} <- Input.optional_micros(opts[:end], "/end", opts[:tz]),
         {:ok, origin} <- Input.optional_micros(opts[:origin], "/origin", opts[:tz]),
         {:ok, as_of} <- Input.as_of(name, opts) do
      {:ok,
       %{
         series: selection(series, opts),
         start: start,
         end: stop,
         value: Input.values(opts),
         aggregation: aggregation |> List.wrap() |> Enum.join(","),
         interval: opts[:interval],
         window: opts[:window],
         group_by: opts[:group_by] && to_string(opts[:group_by]),
         expected: opts[:expected],
         origin: origin,
         tz: opts[:tz],
         fill: to_string(opts[:fill] || :none),
         order: Input.order(opts),
         as_of: as_of,
         json: Input.json?(opts)
       }}
    end
  end

  @doc "The names of several aggregations, as an answer has them."
  def names(text), do: Engine.native(Native.aggregation_names(text))

  defp selection({:prefix, prefix}, opts), do: {:many, prefix, Input.filters(opts)}
  defp selection(id, _opts) when is_binary(id), do: {:one, id}

  @summary_options [:start, :end, :value, :tz, :as_of]

  def summary(name, series, opts) do
    opts = Input.options!(opts, @summary_options)

    with {:ok, figures} <- figures(opts),
         {:ok, as_of} <- Input.as_of(name, opts),
         do:
           name
           |> Engine.call_heavy(&Native.summary(&1, name, series, figures, as_of))
           |> Absence.explain(name, {:series, series}, as_of)
  end

  def summary_many(name, prefix, opts) do
    opts = Input.options!(opts, [:filters, :limit, :cursor, :as | @summary_options])
    form = if Input.json?(opts), do: :json, else: :terms

    with {:ok, %{rows: rows} = page} <- summaries(name, prefix, form, opts) do
      series =
        if form == :json, do: rows, else: for({id, map} <- rows, do: Map.put(map, :series_id, id))

      {:ok, %{series: series, seq: page.seq, next: page.next}}
    end
  end

  @doc "A page of summaries, its rows in one of the forms of the engine."
  def summaries(name, prefix, form, opts) do
    with {:ok, list} <- Input.list(name, prefix, opts),
         {:ok, figures} <- figures(opts),
         {:ok, {rows, returned, seq, next}} <-
           Engine.call_heavy(name, &Native.summary_list(&1, name, list, figures, form)),
         do: {:ok, %{rows: rows, returned: returned, seq: seq, next: next}}
  end

  # Which points they are made of.
  defp figures(opts) do
    with {:ok, start} <- Input.optional_micros(opts[:start], "/start", opts[:tz]),
         {:ok, stop} <- Input.optional_micros(opts[:end], "/end", opts[:tz]),
         do: {:ok, %{start: start, end: stop, value: Input.values(opts)}}
  end
end
