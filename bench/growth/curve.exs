defmodule Bench.Curve do
  @moduledoc """
  How a cost grows with what there is: a value at each of several sizes, and the growth that
  it should have.

    * `:group`, `:name` - together they say which curve it is, in every run
    * `:of` - what is counted by the sizes
    * `:should` - a shape: `:constant`, `:log`, `:sqrt`, `:linear` or `:quadratic`
    * `:unit` - of the values
    * `:points` - maps with string keys, from the smallest size on: `"size"`, `"value"`, and of calls that
      were timed `"p99"`, `"max"`, `"calls"` and `"rate"`. The value of calls is their median.
      One that did not end in time has `"over": true`, and as value the time after which it
      was given up

  ## The shape that is seen

  What is greater at a smaller size than at a larger one was noise there, and counts as the smaller value.
  What then never doubles is constant. Else values are held against `a + b g(n)` for each shape `g`, with the
  `a` and `b` that keep the greatest deviation the least. The first shape from which no value deviates
  by more than the square root of two is the one, so that within a shape, too, there is a factor of two
  between the values for noise. Where none fits, the one that deviates least stands.

  What begins to grow at the greatest size only may fit the shape of what was there before. So the
  last step counts, too: its exponent has to be half-way to that of a steeper shape for that to stand.
  """

  @enforce_keys [:group, :name, :points]
  defstruct [:group, :name, :of, :points, should: :constant, unit: "us"]

  @shapes [:constant, :log, :sqrt, :linear, :quadratic]
  @tolerance :math.log(2) / 2

  @doc "The shape that is seen; `nil` of fewer than two sizes."
  def shape(%__MODULE__{points: points}) when length(points) < 2, do: nil

  def shape(%__MODULE__{} = curve) do
    pairs = rising(curve)
    if rise(pairs) <= 2, do: :constant, else: max_shape(fitted(pairs), last_step(pairs))
  end

  @doc "By what factor the value at the greatest size is above that of the smallest."
  def times(%__MODULE__{} = curve) do
    pairs = pairs(curve)
    elem(List.last(pairs), 1) / elem(hd(pairs), 1)
  end

  @doc """
  By what factor a curve grows more than it should, 1 where it does not: how far the greatest of
  later values is above an earlier one, of what the shape that it should have allows between the two.
  """
  def excess(%__MODULE__{} = curve) do
    steps(rising(curve))
    |> Enum.map(fn {{n, value}, {more, later}} ->
      later / value / allowed(curve.should, n, more)
    end)
    |> Enum.max(fn -> 1.0 end)
    |> max(1.0)
  end

  defp allowed(shape, n, more), do: growth(shape, more) / growth(shape, n)

  @doc "Whether it grows more than it should."
  def above?(%__MODULE__{} = curve) do
    shape = shape(curve)
    shape != nil and rank(shape) > rank(curve.should)
  end

  @doc "A shape in words."
  def text(nil), do: "-"
  def text(:constant), do: "constant"
  def text(:log), do: "log n"
  def text(:sqrt), do: "sqrt n"
  def text(:linear), do: "n"
  def text(:quadratic), do: "n^2"

  # Nothing is free: a value of 0 is one that is too small to be seen.
  defp pairs(%__MODULE__{points: points}),
    do: for(%{"size" => n, "value" => value} <- points, do: {n, max(value, 1.0e-9) / 1})

  defp rising(curve) do
    {pairs, _least} =
      List.foldr(pairs(curve), {[], :infinity}, fn {n, value}, {pairs, least} ->
        least = min(value, least)
        {[{n, least} | pairs], least}
      end)

    pairs
  end

  defp rank(shape), do: Enum.find_index(@shapes, &(&1 == shape))
  defp max_shape(one, other), do: Enum.max_by([one, other], &rank/1)

  defp growth(:constant, _n), do: 1.0
  defp growth(:log, n), do: :math.log(max(n, 2))
  defp growth(:sqrt, n), do: :math.sqrt(n)
  defp growth(:linear, n), do: n / 1
  defp growth(:quadratic, n), do: n * n / 1

  # Each value with each later one.
  defp steps([]), do: []
  defp steps([first | rest]), do: Enum.map(rest, &{first, &1}) ++ steps(rest)

  defp rise(pairs),
    do: pairs |> steps() |> Enum.map(fn {{_, a}, {_, b}} -> b / a end) |> Enum.max()

  ## Which shape fits

  defp fitted(pairs) do
    deviations = for shape <- @shapes, do: {shape, deviation(pairs, shape)}
    {_, least} = Enum.min_by(deviations, &elem(&1, 1))
    allowed = max(@tolerance, least * 1.05)
    {shape, _} = Enum.find(deviations, fn {_, deviation} -> deviation <= allowed end)
    shape
  end

  # The constant part is tried in parts of what grows at the greatest size, from a thousandth to
  # a million times, and as nothing. For each the best factor is in the middle.
  defp deviation(pairs, shape) do
    greatest = growth(shape, elem(List.last(pairs), 0))
    constants = [0.0 | for(step <- -12..24, do: greatest * :math.pow(10, step / 4))]
    constants |> Enum.map(&spread(pairs, shape, &1)) |> Enum.min()
  end

  defp spread(pairs, shape, constant) do
    parts = for {n, value} <- pairs, do: :math.log(value / (constant + growth(shape, n)))
    (Enum.max(parts) - Enum.min(parts)) / 2
  end

  ## The last step

  defp last_exponent(pairs) do
    [{n, value}, {more, later}] = Enum.take(pairs, -2)
    :math.log(later / value) / :math.log(more / n)
  end

  # Twice the value for noise is an exponent of 0.3 in a step of ten times the size.
  defp last_step(pairs) do
    exponent = last_exponent(pairs)

    cond do
      exponent >= 1.5 -> :quadratic
      exponent >= 0.85 -> :linear
      exponent >= 0.45 -> :sqrt
      true -> :constant
    end
  end

  ## For machines

  @doc "As an object of JSON."
  def to_json(%__MODULE__{} = curve) do
    curve
    |> Map.from_struct()
    |> Map.merge(%{
      should: Atom.to_string(curve.should),
      shows: to_string(shape(curve) || "unknown")
    })
  end

  @doc "From an object of JSON that was read."
  def from_json(object) do
    %__MODULE__{
      group: object["group"],
      name: object["name"],
      of: object["of"],
      unit: object["unit"],
      should: Enum.find(@shapes, &(Atom.to_string(&1) == object["should"])),
      points: object["points"]
    }
  end
end
