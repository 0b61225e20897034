defmodule Bench.Growth.Lattice do
  @moduledoc """
  Where the features of a world lie, so that every answer is known without a walk over all of
  them: each in a cell of its own of a grid over most of the world, in an order that jumps about in
  it. So a box of cells holds as many features as cells, and it can be worked out which.

  The number of a feature is that in which it was written, from 0 on.
  """

  @enforce_keys [:size, :columns, :rows, :step, :back]
  defstruct [:size, :columns, :rows, :step, :back]

  @west -175.0
  @width 350.0
  @south -80.0
  @height 160.0

  @doc "A lattice of a power of ten, at least 100."
  def new(size) do
    columns = Enum.find(isqrt(size)..size, &(rem(size, &1) == 0))
    step = Enum.find(round(size * 0.618)..size, &(Integer.gcd(&1, size) == 1))
    {1, back, _} = Integer.extended_gcd(step, size)

    %__MODULE__{
      size: size,
      columns: columns,
      rows: div(size, columns),
      step: step,
      back: Integer.mod(back, size)
    }
  end

  defp isqrt(n), do: n |> :math.sqrt() |> ceil()

  @doc "The cell of a feature, `{column, row}`."
  def cell(lattice, number) do
    place = rem(number * lattice.step, lattice.size)
    {rem(place, lattice.columns), div(place, lattice.columns)}
  end

  @doc "The feature in a cell."
  def number(lattice, {column, row}),
    do: rem((row * lattice.columns + column) * lattice.back, lattice.size)

  @doc "Width and height of a cell, in degrees."
  def extent(lattice), do: {@width / lattice.columns, @height / lattice.rows}

  @doc "The position of a feature: the middle of its cell, but for a tenth of it."
  def position(lattice, number) do
    {column, row} = cell(lattice, number)
    {width, height} = extent(lattice)
    off = fn seed -> 0.45 + rem(number * seed, 101) / 1_010 end
    {@west + (column + off.(7)) * width, @south + (row + off.(13)) * height}
  end

  @doc "The nth box of `side` x `side` cells, as its first cell; not at the edge."
  def place(lattice, n, side) do
    {1 + rem(n * 7_919, lattice.columns - side - 2),
     1 + rem(n * 104_729, lattice.rows - side - 2)}
  end

  @doc "A box of cells in degrees."
  def box(lattice, {column, row}, columns, rows) do
    {width, height} = extent(lattice)
    {west, south} = {@west + column * width, @south + row * height}
    {west, south, west + columns * width, south + rows * height}
  end

  @doc "The features in a box of cells, in the order in which they were written."
  def inside(lattice, {column, row}, columns, rows) do
    for(
      x <- column..(column + columns - 1),
      y <- row..(row + rows - 1),
      do: number(lattice, {x, y})
    )
    |> Enum.sort()
  end
end
