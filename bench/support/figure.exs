defmodule Bench.Figure do
  @moduledoc """
  One figure of a benchmark, as it is printed, kept, and compared.

    * `:section`, `:name` - together they say which row it is, in every run
    * `:unit` - "/s" for rates; "us", "bytes", "%" and others as they are
    * `:better` - `:higher` or `:lower`
    * `:values` - of each round
    * `:earlier` - the earlier system's, measured again on such a machine
    * `:published`, `:promised` - what was published of the earlier system (M13), and the
      target that was set when this one was planned (M14)
    * `:target` - what this system has to reach today
    * `:kept` - whether answers may come from the cache of results
    * `:hits` - how many of them did; `nil` where no such cache is near
    * `:checked` - which answers were checked, and against what
    * `:row`, `:peer`, `:version`, `:durability` - of a figure that is one of several in a row of
      a comparison: which row, who was asked, what of it, and when its writes are on disk
    * `:note`
  """

  @enforce_keys [:name, :values]
  defstruct [
    :section,
    :name,
    :values,
    :earlier,
    :published,
    :promised,
    :target,
    :hits,
    :checked,
    :row,
    :peer,
    :version,
    :durability,
    :note,
    unit: "/s",
    better: :higher,
    kept: false
  ]

  @doc "Smallest, median and greatest of the values."
  def range(%__MODULE__{values: values}) do
    sorted = Enum.sort(values)
    {hd(sorted), median(sorted), List.last(sorted)}
  end

  @doc "The median, which stands for the figure."
  def value(figure), do: figure |> range() |> elem(1)

  defp median(sorted) do
    count = length(sorted)
    upper = Enum.at(sorted, div(count, 2))
    if rem(count, 2) == 1, do: upper, else: (Enum.at(sorted, div(count, 2) - 1) + upper) / 2
  end

  @doc "`:met`, `{:missed, part of the target}`, or `nil` without a target."
  def verdict(%__MODULE__{target: nil}), do: nil

  def verdict(figure) do
    value = value(figure)

    case figure.better do
      :higher when value >= figure.target -> :met
      :higher -> {:missed, value / figure.target}
      :lower when value <= figure.target -> :met
      :lower -> {:missed, value / figure.target}
    end
  end

  @doc "How many times better than another value, such as the earlier system's."
  def times(_figure, nil), do: nil

  def times(figure, other) do
    value = value(figure)
    {above, below} = if figure.better == :higher, do: {value, other}, else: {other, value}
    if below == 0, do: nil, else: above / below
  end

  ## For people

  @doc "Names the columns of `line/1`."
  def header,
    do:
      row("", ["median", "min", "max", "earlier", "ratio", "target"], "")
      |> String.trim_trailing()

  @doc "The figure as a line of a table."
  def line(figure) do
    {min, median, max} = range(figure)
    {min, max} = if length(figure.values) == 1, do: {nil, nil}, else: {min, max}
    numbers = Enum.map([median, min, max, figure.earlier], &text(&1, figure.unit))

    row(
      figure.name,
      numbers ++ [factor(times(figure, figure.earlier)), text(figure.target, figure.unit)],
      [verdict_text(verdict(figure)), hits_text(figure), figure.note]
      |> Enum.reject(&is_nil/1)
      |> Enum.join("; ")
    )
    |> String.trim_trailing()
  end

  defp row(name, columns, note) do
    columns = Enum.map_join(columns, &String.pad_leading(&1, 12))
    String.pad_trailing(name, 40) <> columns <> "   " <> note
  end

  @doc "A value with its unit."
  def text(nil, _unit), do: "-"
  def text(value, "/s"), do: Bench.Measure.rate(value)
  def text(value, "bytes") when value >= 1.0e6, do: "#{number(value / 1.0e6)} MB"
  def text(value, "bytes") when value >= 1.0e3, do: "#{number(value / 1.0e3)} kB"
  def text(value, unit), do: String.trim_trailing("#{number(value)} #{unit}")

  @doc "A ratio: x12, x1.4."
  def factor(nil), do: "-"
  def factor(ratio) when ratio >= 10, do: "x#{round(ratio)}"
  def factor(ratio), do: "x#{:erlang.float_to_binary(ratio / 1, decimals: 2)}"

  @doc "Whether the target is met, in words; `nil` without one."
  def verdict_text(nil), do: nil
  def verdict_text(:met), do: "met"
  def verdict_text({:missed, part}), do: "missed: #{factor(part)} of it"

  @doc "Where answers may or did come from a cache, how many did."
  def hits_text(%{kept: true, hits: nil}), do: "kept"
  def hits_text(%{kept: true, hits: hits}), do: "kept: #{hits} hits"
  def hits_text(%{hits: nil}), do: nil
  def hits_text(%{hits: hits}), do: "#{hits} hits"

  # Three digits that say something, and all those of whole numbers.
  defp number(value) when is_integer(value), do: Integer.to_string(value)
  defp number(value) when abs(value) >= 100, do: Integer.to_string(round(value))
  defp number(value) when abs(value) >= 10, do: :erlang.float_to_binary(value, decimals: 1)
  defp number(value), do: :erlang.float_to_binary(value, decimals: 2)

  ## For machines

  @doc "As an object of JSON, for `FormdbHttp.JSON.encode/1`."
  def to_json(figure) do
    {min, median, max} = range(figure)

    figure
    |> Map.from_struct()
    |> Map.merge(%{
      better: Atom.to_string(figure.better),
      min: min,
      median: median,
      max: max
    })
  end

  @doc "From an object of JSON that was read."
  def from_json(object) do
    members =
      for name <- Map.keys(Map.from_struct(%__MODULE__{name: nil, values: nil})),
          value = object[Atom.to_string(name)],
          into: %{},
          do: {name, value}

    struct!(__MODULE__, Map.update(members, :better, :higher, &better/1))
  end

  defp better("higher"), do: :higher
  defp better("lower"), do: :lower
end
