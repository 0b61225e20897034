defmodule FormdbHttp.Analytics do
  @moduledoc false
  # What points come to: aggregates, summaries, ranges of several series. FormdbHttp
  # documents the functions.

  alias FormdbHttp.{Catalog, Engine, Native}

  @aggregate_options [
    :start,
    :end,
    :interval,
    :origin,
    :tz,
    :fill,
    :order,
    :as_of,
    :as
  ]

  def aggregate(name, series, aggregation, opts) do
    opts = Engine.options!(opts, @aggregate_options)

    with {:ok, start} <- optional_micros(opts[:start], "/start"),
         {:ok, stop} <- optional_micros(opts[:end], "/end"),
         {:ok, origin} <- optional_micros(opts[:origin], "/origin"),
         {:ok, as_of} <- Engine.as_of(name, opts[:as_of]),
         query = %{
           series: selection(series),
           start: start,
           end: stop,
           aggregation: to_string(aggregation),
           interval: opts[:interval],
           origin: origin,
           tz: opts[:tz],
           fill: to_string(opts[:fill] || :none),
           order: order(opts),
           as_of: as_of,
           json: json?(opts)
         },
         {:ok, {data, seq}} <- Engine.call(name, &run(&1, name, query)),
         do: {:ok, %{data: data, seq: seq}}
  end

  defp selection({:prefix, prefix}), do: {:prefix, prefix}
  defp selection(id) when is_binary(id), do: {:one, id}

  defp run(catalog, name, query) do
    with :not_in_memory <- Native.aggregate_in_memory(catalog, name, query),
         do: Engine.heavy(fn -> Native.aggregate(catalog, name, query) end)
  end

  def summary(name, series, opts) do
    opts = Engine.options!(opts, [:as_of])

    with {:ok, as_of} <- Engine.as_of(name, opts[:as_of]),
         do: Engine.call_heavy(name, &Native.summary(&1, name, series, as_of))
  end

  def range_many(name, prefix, from, to, opts) do
    opts = Engine.options!(opts, [:order, :limit, :cursor, :as, :as_of])

    with {:ok, start} <- Engine.micros(from, "/start"),
         {:ok, stop} <- Engine.micros(to, "/end"),
         {:ok, as_of} <- Engine.as_of(name, opts[:as_of]),
         range = %{
           prefix: prefix,
           start: start,
           end: stop,
           order: order(opts),
           limit: opts[:limit] || Catalog.config().default_page_items,
           cursor: opts[:cursor],
           as_of: as_of,
           json: json?(opts)
         },
         {:ok, {series, seq, next}} <-
           Engine.call_heavy(name, &Native.range_many(&1, name, range)),
         do: {:ok, %{series: series, seq: seq, next: next}}
  end

  defp optional_micros(nil, _pointer), do: {:ok, nil}
  defp optional_micros(time, pointer), do: Engine.micros(time, pointer)

  defp order(opts) do
    case Keyword.get(opts, :order, :asc) do
      order when order in [:asc, :desc] -> order
      other -> raise ArgumentError, "order is #{inspect(other)}; give :asc or :desc"
    end
  end

  defp json?(opts) do
    case Keyword.get(opts, :as, :points) do
      :json -> true
      :points -> false
      other -> raise ArgumentError, "as is #{inspect(other)}; give :points or :json"
    end
  end
end
