defmodule FormdbHttp.SpatialIndex do
  @moduledoc """
  Places by id, found by box and by distance: the engine's spatial index on its own, in
  memory, without a database.

      iex> index = FormdbHttp.SpatialIndex.new()
      iex> :ok = FormdbHttp.SpatialIndex.insert(index, "berlin", {13.4, 52.5})
      iex> :ok = FormdbHttp.SpatialIndex.insert(index, "germany", {5.9, 47.3, 15.0, 55.1})
      iex> {:ok, ids} = FormdbHttp.SpatialIndex.query_box(index, {13, 52, 14, 53})
      iex> Enum.sort(ids)
      ["berlin", "germany"]
      iex> {:ok, [{"germany", +0.0}, {"berlin", metres}]} =
      ...>   FormdbHttp.SpatialIndex.nearest(index, {13.0, 52.0}, 2)
      iex> round(metres)
      61981
      iex> FormdbHttp.SpatialIndex.delete(index, "berlin")
      true

  A place is a position or a box, in degrees of WGS 84. Any process may use the index at
  any time; it goes when nobody holds it any more. Inserting and deleting take about a
  microsecond among ten thousand places, a query some 50 ns for each place it finds.

  `FormdbHttp.search/3` searches a database, which is on disk and has a history.
  """

  import FormdbHttp.Native.Twins, only: [or_dirty: 1]

  alias FormdbHttp.{Engine, Error, Input, Native}

  @enforce_keys [:places]
  defstruct [:places]

  @opaque t :: %__MODULE__{places: reference()}

  @typedoc "Longitude and latitude."
  @type position :: {number(), number()}

  @typedoc "West, south, east and north."
  @type box :: {number(), number(), number(), number()}

  @doc "An empty index."
  @spec new() :: t()
  def new, do: %__MODULE__{places: Native.places_new()}

  @doc """
  Enters a place, instead of the one that has its id.

  A box from west to a lesser east would cross the antimeridian and is refused
  (`:invalid_bbox`), as is what lies off the earth.
  """
  @spec insert(t(), String.t(), position() | box()) :: :ok | {:error, Error.t()}
  def insert(index, id, {lon, lat}), do: insert(index, id, {lon, lat, lon, lat})

  def insert(%__MODULE__{places: places}, id, {_, _, _, _} = box),
    do: Engine.native(or_dirty(Native.places_insert(places, id, box)))

  @doc "Removes a place. Returns whether there was one."
  @spec delete(t(), String.t()) :: boolean()
  def delete(%__MODULE__{places: places}, id), do: or_dirty(Native.places_delete(places, id))

  @doc """
  The ids of the places that touch a box, boundary included, in no order. Where west is
  greater than east the box crosses the antimeridian.
  """
  @spec query_box(t(), box()) :: {:ok, [String.t()]} | {:error, Error.t()}
  def query_box(%__MODULE__{places: places}, {_, _, _, _} = box),
    do: Engine.native(or_dirty(Native.places_query(places, box)))

  @doc "How many places touch a box, as `query_box/2` finds them."
  @spec count_box(t(), box()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def count_box(%__MODULE__{places: places}, {_, _, _, _} = box),
    do: Engine.native(or_dirty(Native.places_count(places, box)))

  @doc """
  Up to `k` places with their geodesic distances in metres, nearest first; the distance
  to a box is that to its nearest point, and 0.0 from within.

  Option: `:radius`, the greatest distance in metres.
  """
  @spec nearest(t(), position(), non_neg_integer(), radius: number()) ::
          {:ok, [{String.t(), float()}]} | {:error, Error.t()}
  def nearest(%__MODULE__{places: places}, {_, _} = position, k, opts \\ []) do
    opts = Input.options!(opts, [:radius])
    Engine.native(Native.places_nearest(places, position, k, opts[:radius]))
  end

  @doc "How many places there are."
  @spec size(t()) :: non_neg_integer()
  def size(%__MODULE__{places: places}), do: or_dirty(Native.places_size(places))
end
