defmodule FormdbHttp.Tables do
  @moduledoc false
  # Points, buckets and the list of series as text: `:lines`, a JSON object each, or `:csv`.
  # Pages of them, for those who want all there is. Every function gives a text without a
  # header, how many rows it has, the sequence it is as of and what the next page is asked by.

  alias FormdbHttp.{Absence, Analytics, Engine, Input, Native, Points, Transaction, Types}

  @type form :: :lines | :csv
  @type page :: %{
          text: binary(),
          returned: non_neg_integer(),
          seq: non_neg_integer(),
          next: term()
        }

  @doc "Of a series, in columns `timestamp` and `value`. Options of `FormdbHttp.range/5`, `:include` as text."
  @spec range(
          Types.database(),
          String.t(),
          form(),
          Types.timestamp(),
          Types.timestamp(),
          keyword()
        ) ::
          Types.result(page())
  def range(name, series, form, from, to, opts) do
    with {:ok, transaction} <- Transaction.of(opts, name),
         {:ok, window} <- Input.window(name, from, to, opts) do
      range = Map.merge(window, %{series: series, transaction: transaction})

      ask =
        case opts[:include] do
          nil -> &Native.range_table(&1, name, range, form)
          include -> &Native.range_detailed(&1, name, range, {include, form})
        end

      name
      |> page(ask)
      |> Absence.explain(name, {:series, series}, window.as_of, transaction)
    end
  end

  @doc """
  Of all series whose ids begin with the prefix, one after the other, in columns `series_id`,
  `timestamp` and `value`. Options of `FormdbHttp.range_many/5`.
  """
  @spec ranges(
          Types.database(),
          String.t(),
          form(),
          Types.timestamp(),
          Types.timestamp(),
          keyword()
        ) ::
          Types.result(page())
  def ranges(name, prefix, form, from, to, opts) do
    with {:ok, window} <- Input.window(name, from, to, opts) do
      range = Map.merge(window, several(prefix, opts))
      form = of_many(form)

      case opts[:include] do
        nil -> page(name, &Native.ranges_table(&1, name, range, form))
        include -> page(name, &Native.ranges_detailed(&1, name, range, {include, form}))
      end
    end
  end

  defp several(prefix, opts), do: %{prefix: prefix, filters: Input.filters(opts), json: false}

  @doc "The columns of a table for what is told beside points, each with a comma before it."
  @spec columns(String.t() | nil) :: Types.result(String.t())
  def columns(nil), do: {:ok, ""}
  def columns(include), do: Engine.native(Native.include_columns(include))

  @doc """
  The same side by side, as CSV: a column for each series, of which an empty cell is a gap. The
  page has the `header`, too; its `next` is a range, for the sequence of the page.
  """
  @spec wide(Types.database(), String.t(), Types.timestamp(), Types.timestamp(), keyword()) ::
          Types.result(map())
  def wide(name, prefix, from, to, opts) do
    with {:ok, window} <- Input.window(name, from, to, opts),
         range = Map.merge(window, several(prefix, opts)),
         {:ok, {header, text, returned, seq, next}} <-
           Engine.call_heavy(name, &Native.range_wide(&1, name, range)) do
      {:ok, %{header: header, text: text, returned: returned, seq: seq, next: rest(range, next)}}
    end
  end

  defp rest(_range, nil), do: nil
  defp rest(%{order: :asc, end: stop}, next), do: {next, stop}
  defp rest(%{order: :desc, start: start}, next), do: {start, next}

  @doc """
  The list of series, in columns `series_id`, `points`, `first` and `last`. Options of
  `FormdbHttp.series/2`.
  """
  @spec series(Types.database(), form(), keyword()) :: Types.result(page())
  def series(name, form, opts) do
    with {:ok, list} <- Input.list(name, Keyword.get(opts, :prefix, ""), opts),
         do: page(name, &Native.series_table(&1, name, list, Input.attributes?(opts), form))
  end

  @doc """
  The last points of series, in columns `series_id`, `timestamp`, `value`, `point_id` and `seq`;
  lines also have `metadata` and `provenance`. Options of `FormdbHttp.latest_many/3`.
  """
  @spec latest(Types.database(), String.t(), form(), keyword()) :: Types.result(page())
  def latest(name, prefix, form, opts) do
    with {:ok, page} <- Points.latest_page(name, prefix, form, opts),
         do: {:ok, text(page)}
  end

  @doc """
  Series in figures, in columns `series_id`, `count`, `first`, `first_value`, `last`,
  `last_value`, `min`, `max`, `avg`, `sum` and `stddev`. Options of
  `FormdbHttp.summary_many/3`.
  """
  @spec summaries(Types.database(), String.t(), form(), keyword()) :: Types.result(page())
  def summaries(name, prefix, form, opts) do
    with {:ok, page} <- Analytics.summaries(name, prefix, form, opts),
         do: {:ok, text(page)}
  end

  defp text(%{rows: rows} = page), do: page |> Map.delete(:rows) |> Map.put(:text, rows)

  defp page(name, ask) do
    with {:ok, {text, returned, seq, next}} <- Engine.call_heavy(name, ask),
         do: {:ok, %{text: text, returned: returned, seq: seq, next: next}}
  end

  @doc """
  The buckets of an aggregate, all of them, a table with its header; side by side of several
  series. Options of `FormdbHttp.aggregate/4`.
  """
  @spec aggregate(Types.database(), Types.selection(), String.t(), form() | :wide, keyword()) ::
          Types.result(binary())
  def aggregate(name, series, aggregation, form, opts) do
    table = %{form: form(series, form), wide: form == :wide}

    with {:ok, query} <- Analytics.query(name, series, aggregation, opts),
         {:ok, {text, _seq}} <-
           Engine.call_heavy(name, &Native.aggregate_table(&1, name, query, table)),
         do: {:ok, text}
  end

  defp form(_series, :wide), do: :csv
  defp form({:prefix, _prefix}, form), do: of_many(form)
  defp form(_id, form), do: form

  defp of_many(:csv), do: :csv_of_many
  defp of_many(:lines), do: :lines
end
