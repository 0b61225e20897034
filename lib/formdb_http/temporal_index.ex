defmodule FormdbHttp.TemporalIndex do
  @moduledoc """
  Time series by id: the engine's temporal index on its own, in memory, without a
  database.

      iex> index = FormdbHttp.TemporalIndex.new()
      iex> :ok = FormdbHttp.TemporalIndex.insert(index, "t", 1_700_000_000_000_000, 20.5)
      iex> :ok = FormdbHttp.TemporalIndex.insert_many(index, "t", [60, 0], [21.0, 20.0])
      iex> FormdbHttp.TemporalIndex.range(index, "t", 0, 100)
      {:ok, [{0, 20.0}, {60, 21.0}]}
      iex> FormdbHttp.TemporalIndex.aggregate(index, "t", :avg, 0, 100)
      {:ok, 20.5}
      iex> FormdbHttp.TemporalIndex.latest(index, "t")
      {:ok, {1_700_000_000_000_000, 20.5}}

  Timestamps are microseconds since the epoch, UTC, and may arrive in any order; several
  points may have the same one. Values are finite numbers. Any process may use the index
  at any time, and sees all of what a call wrote or nothing; the index goes when nobody
  holds it any more. A point of a batch takes 16 bytes, one written alone 40.

  Deleted points are no longer seen, but keep their memory, as in a database, whose past
  stays readable.

  A series that nothing was ever written to is `:series_not_found`.
  """

  import FormdbHttp.Native.Twins, only: [or_dirty: 1]

  alias FormdbHttp.{Engine, Error, Input, Native, Types}

  @enforce_keys [:series]
  defstruct [:series]

  @opaque t :: %__MODULE__{series: reference()}

  @typedoc "Microseconds since the epoch."
  @type micros :: integer()

  @type result(value) :: {:ok, value} | {:error, Error.t()}

  @typedoc "See `aggregate/6`."
  @type bucket_option ::
          {:interval, String.t() | nil}
          | {:origin, Types.timestamp() | nil}
          | {:tz, String.t() | nil}
          | {:fill, :none | :null | :previous | :linear}

  @doc "An empty index."
  @spec new() :: t()
  def new, do: %__MODULE__{series: Native.series_new()}

  @doc "Enters a point."
  @spec insert(t(), String.t(), micros(), number()) :: :ok | {:error, Error.t()}
  def insert(%__MODULE__{series: index}, series, timestamp, value) do
    if Input.rounded?(value),
      do: {:error, Input.rounded(value, "/value")},
      else: Engine.native(or_dirty(Native.series_insert(index, series, timestamp, value)))
  end

  @doc """
  Enters points, all or none, from columns of equal length: lists, or binaries of packed
  little-endian 64-bit integers and floats, which is the fastest way in.
  """
  @spec insert_many(t(), String.t(), [micros()] | binary(), [number()] | binary()) ::
          :ok | {:error, Error.t()}
  def insert_many(%__MODULE__{series: index}, series, timestamps, values) do
    timestamps = Input.pack_integers(timestamps)

    with {:ok, values} <- Input.pack_floats(values) do
      Engine.native(or_dirty(Native.series_insert_many(index, series, timestamps, values)))
    end
  end

  @doc "Deletes the points of `[start, stop)`. Returns how many there were."
  @spec delete(t(), String.t(), micros(), micros()) :: result(non_neg_integer())
  def delete(%__MODULE__{series: index}, series, start, stop),
    do: Engine.native(Native.series_delete(index, series, start, stop))

  @doc """
  The points of `[start, stop)` by timestamp, those of one in the order they arrived.

  Option: `:as`

    * `:points` (the default) - a list of `{microseconds, value}`
    * `:columns` - `{timestamps, values}`, packed as for `insert_many/4`: for more than a
      few hundred points several times as fast
  """
  @spec range(t(), String.t(), micros(), micros(), as: :points | :columns) ::
          result([{micros(), float()}] | {binary(), binary()})
  def range(index, series, start, stop, opts \\ [])

  def range(index, series, start, stop, []), do: points(index, series, start, stop)

  def range(index, series, start, stop, opts) do
    case opts |> Input.options!([:as]) |> Input.choice!(:as, [:points, :columns]) do
      :points -> points(index, series, start, stop)
      :columns -> columns(index, series, start, stop)
    end
  end

  defp points(%__MODULE__{series: index}, series, start, stop),
    do: Engine.native(or_dirty(Native.series_range(index, series, start, stop)))

  defp columns(%__MODULE__{series: index}, series, start, stop),
    do: Engine.native(or_dirty(Native.series_columns(index, series, start, stop)))

  @doc "The point with the greatest timestamp; `nil` where all were deleted."
  @spec latest(t(), String.t()) :: result({micros(), float()} | nil)
  def latest(%__MODULE__{series: index}, series),
    do: Engine.native(or_dirty(Native.series_latest(index, series)))

  @doc """
  What the points of `[start, stop)` come to: `:count`, `:sum`, `:avg`, `:min`, `:max`,
  `:first`, `:last`, `:stddev`, `:median`, `:rate`, `:delta`, or a percentile such as
  `"p95"`. One value, `nil` where there are no points (a count is 0); with `:interval` a
  list of `{microseconds, value}`, one for each bucket, at its begin.

  Long ranges are answered from the summaries of chunks.

  Options:

    * `:interval` - the length of a bucket, such as `"30s"`, `"5m"`, `"1h"`, `"1d"`,
      `"1w"` or `"1mo"`
    * `:origin` - the instant that buckets are counted from
    * `:tz` - the time zone whose calendar those of days and more follow, by default `"UTC"`
    * `:fill` - what becomes of buckets without points: `:none` (the default, they are
      left out), `:null`, `:previous` or `:linear`
  """
  @spec aggregate(t(), String.t(), Types.aggregation(), micros(), micros(), [bucket_option()]) ::
          result(number() | nil | [{micros(), number() | nil}])
  def aggregate(%__MODULE__{series: index}, series, aggregation, start, stop, opts \\ []) do
    opts = Input.options!(opts, [:interval, :origin, :tz, fill: :none])

    query = %{
      aggregation: to_string(aggregation),
      start: start,
      end: stop,
      interval: opts[:interval],
      origin: opts[:origin],
      tz: opts[:tz],
      fill: to_string(opts[:fill])
    }

    answer = or_dirty(Native.series_aggregate(index, series, query))
    with {:ok, buckets} <- Engine.native(answer), do: {:ok, value(query, buckets)}
  end

  # Without an interval there is one bucket.
  defp value(%{interval: nil, aggregation: "count"}, [{_start, count}]), do: trunc(count)
  defp value(%{interval: nil}, [{_start, value}]), do: value

  defp value(%{aggregation: "count"}, buckets),
    do: for({start, count} <- buckets, do: {start, trunc(count)})

  defp value(_query, buckets), do: buckets

  @doc "How many series there are."
  @spec size(t()) :: non_neg_integer()
  def size(%__MODULE__{series: index}), do: Native.series_size(index)
end
