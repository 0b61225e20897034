defmodule FormdbHttpWeb.SeriesTables do
  @moduledoc false
  # Points, buckets and the list of series as lines and as CSV. A table begins with a header.

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttp.{Error, Tables}
  alias FormdbHttpWeb.{Downloading, Params, Request}

  @of_one "timestamp,value"
  @of_many "series_id,timestamp,value"

  # Each page finds its place in all of the series.
  @wide_bytes 1_048_576

  @typep span :: {integer(), integer()}

  @doc "All series."
  @spec series(Downloading.framing(), map()) :: Request.answer() | {:error, Error.t()}
  def series({_type, form} = framing, %{db: db} = params) do
    opts = Params.options(params, [:prefix, :include, :as_of, :tz]) ++ Params.series(params)

    ask = fn cursor, limit ->
      Tables.series(db, form, [cursor: cursor, limit: limit] ++ opts)
    end

    Downloading.answer(
      framing,
      params.cursor,
      params.limit,
      ask,
      head(form, "series_id,points,first,last\n")
    )
  end

  @doc "The last points of all series whose ids begin alike."
  @spec latest(Downloading.framing(), map()) :: Request.answer() | {:error, Error.t()}
  def latest({_type, form} = framing, %{db: db, prefix: prefix} = params) do
    opts = Params.options(params, [:as_of, :tz]) ++ Params.series(params)

    ask = fn cursor, limit ->
      Tables.latest(db, prefix, form, [cursor: cursor, limit: limit] ++ opts)
    end

    head = head(form, "series_id,timestamp,value,point_id,seq\n")
    Downloading.answer(framing, params.cursor, params.limit, ask, head)
  end

  @figures "series_id,count,first,first_value,last,last_value,min,max,avg,sum,stddev\n"

  @doc "All series whose ids begin alike in figures."
  @spec summaries(Downloading.framing(), map(), keyword()) ::
          Request.answer() | {:error, Error.t()}
  def summaries({_type, form} = framing, %{db: db, prefix: prefix} = params, opts) do
    ask = fn cursor, limit ->
      Tables.summaries(db, prefix, form, [cursor: cursor, limit: limit] ++ opts)
    end

    Downloading.answer(framing, params.cursor, params.limit, ask, head(form, @figures))
  end

  @doc "The points of a series."
  @spec range(Downloading.framing(), map(), span()) :: Request.answer() | {:error, Error.t()}
  def range({_type, form} = framing, %{db: db, series: series} = params, {start, stop}) do
    opts =
      Params.options(params, [:order, :as_of, :transaction, :tz, :include]) ++
        Params.values(params)

    ask = fn cursor, limit ->
      Tables.range(db, series, form, start, stop, [cursor: cursor, limit: limit] ++ opts)
    end

    with {:ok, head} <- head(form, @of_one, params),
         do: Downloading.answer(framing, params.cursor, params.limit, ask, head)
  end

  @doc "Those of all series whose ids begin alike, one after the other or side by side."
  @spec ranges(Downloading.framing(), map(), span()) :: Request.answer() | {:error, Error.t()}
  def ranges(framing, %{shape: :wide} = params, span), do: wide(framing, params, span)

  def ranges({_type, form} = framing, %{db: db, prefix: prefix} = params, {start, stop}) do
    opts =
      Params.options(params, [:order, :as_of, :tz, :include]) ++
        Params.values(params) ++ Params.series(params)

    ask = fn cursor, limit ->
      Tables.ranges(db, prefix, form, start, stop, [cursor: cursor, limit: limit] ++ opts)
    end

    with {:ok, head} <- head(form, @of_many, params),
         do: Downloading.answer(framing, params.cursor, params.limit, ask, head)
  end

  defp wide(_framing, %{cursor: cursor}, _span) when cursor != nil do
    refuse(
      :invalid_parameter,
      "a table with shape=wide has no cursor; ask for all of it",
      "/cursor"
    )
  end

  defp wide(_framing, %{include: include}, _span) when include != nil do
    detail = "a table with shape=wide has no columns for include; leave one of them out"
    refuse(:invalid_parameter, detail, "/include")
  end

  # The first page says which state all of them show.
  defp wide(framing, %{db: db, prefix: prefix} = params, span) do
    first = {span, Params.options(params, [:as_of])}

    asked =
      Params.options(params, [:order, :tz]) ++ Params.values(params) ++ Params.series(params)

    ask = fn {{start, stop}, as_of}, limit ->
      opts = [limit: limit] ++ as_of ++ asked

      with {:ok, page} <- Tables.wide(db, prefix, start, stop, opts),
           do: {:ok, %{page | next: page.next && {page.next, [as_of: page.seq]}}}
    end

    opts = [head: & &1.header, page_bytes: @wide_bytes]
    Downloading.answer(framing, first, params.limit, ask, opts)
  end

  @doc "The buckets of one series or several."
  @spec aggregate(Downloading.framing(), map(), FormdbHttp.Types.selection(), keyword()) ::
          Request.answer() | {:error, Error.t()}
  def aggregate({_type, form} = framing, params, series, opts) do
    case {form, params[:shape]} do
      {:lines, :wide} ->
        wide_is_csv()

      {_form, shape} ->
        form = if shape == :wide, do: :wide, else: form

        with {:ok, text} <- Tables.aggregate(params.db, series, params.aggregation, form, opts),
             do: Downloading.whole(framing, text)
    end
  end

  @doc "The refusal of a shape that only tables have."
  @spec wide_is_csv() :: {:error, Error.t()}
  def wide_is_csv do
    detail = "shape=wide is that of a table; ask for it with Accept: text/csv, or leave it out"
    refuse(:invalid_parameter, detail, "/shape")
  end

  # That of points, with columns for what is told beside them.
  defp head(:lines, _header, _params), do: {:ok, []}

  defp head(:csv, header, params) do
    with {:ok, columns} <- Tables.columns(params.include),
         do: {:ok, head(:csv, header <> columns <> "\n")}
  end

  defp head(:csv, header), do: [head: fn _page -> header end]
  defp head(:lines, _header), do: []
end
