Code.require_file("curve.exs", __DIR__)

defmodule Bench.Growth.Tell do
  @moduledoc """
  What SUMMARY.md says of curves: a table of each group, and those that grow more than they
  should.
  """

  alias Bench.Curve

  @doc "The tables of all curves, group by group, with the plots that lie in the folder of the results."
  def tables([], _folder), do: []

  def tables(curves, folder) do
    [
      "\n## Growth\n\n",
      "Medians of single calls through the Elixir API, none of them a kept answer, with p99 and the longest in ",
      "brackets; *shows* is the shape that fits, *should* the one that it should have. \"over\" is what ",
      "was given up. bench/README.md says how a shape is found.\n",
      for group <- curves |> Enum.chunk_by(& &1.group) do
        name = hd(group).group
        ["\n### #{name}\n\n", plot(name, folder), table(group)]
      end
    ]
  end

  defp plot(group, folder) do
    file = "growth_#{slug(group)}.svg"
    if File.exists?(Path.join(folder, file)), do: "[The curves](#{file})\n\n", else: ""
  end

  @doc "The name of a group as that of a file."
  def slug(group), do: group |> String.downcase() |> String.replace(~r/[^a-z0-9]+/, "_")

  defp table([%Curve{of: of} | _] = group) do
    sizes =
      for(curve <- group, point <- curve.points, do: point["size"]) |> Enum.uniq() |> Enum.sort()

    header = ["#{of}:" | Enum.map(sizes, &count/1)] ++ ["times", "shows", "should", ""]

    rows =
      for curve <- group do
        cells =
          for size <- sizes, do: cell(Enum.find(curve.points, &(&1["size"] == size)), curve.unit)

        [curve.name | cells] ++ verdict(curve)
      end

    markdown([header | rows])
  end

  defp verdict(%Curve{points: points}) when length(points) < 2, do: ["-", "-", "-", ""]

  defp verdict(curve) do
    [
      factor(Curve.times(curve)),
      Curve.text(Curve.shape(curve)),
      Curve.text(curve.should),
      if(Curve.above?(curve), do: "**more than it should**", else: "")
    ]
  end

  @doc "The curves that grow more than they should, the worst of them first."
  def above([]), do: []

  def above(curves) do
    case curves |> Enum.filter(&Curve.above?/1) |> Enum.sort_by(&Curve.excess/1, :desc) do
      [] ->
        "\n## Grows more than it should\n\nNothing: #{length(curves)} curves have the growth that they should have, or less.\n"

      above ->
        header = ["question", "of", "from", "to", "times", "shows", "should", "above by"]

        [
          "\n## Grows more than it should\n\n#{length(above)} of #{length(curves)} curves, the worst first. ",
          "*above by* is the factor beyond what should be.\n\n",
          markdown([header | Enum.map(above, &row/1)])
        ]
    end
  end

  defp row(curve) do
    {first, last} = {hd(curve.points), List.last(curve.points)}
    at = &"#{value(&1, curve.unit)} at #{count(&1["size"])}"

    [
      "#{curve.group}: #{curve.name}",
      curve.of,
      at.(first),
      at.(last),
      factor(Curve.times(curve)),
      Curve.text(Curve.shape(curve)),
      Curve.text(curve.should),
      factor(Curve.excess(curve))
    ]
  end

  ## Values

  defp cell(nil, _unit), do: ""

  defp cell(point, unit) do
    tail = for key <- ["p99", "max"], point[key], point["calls"] > 1, do: text(point[key], unit)

    if tail == [],
      do: value(point, unit),
      else: "#{value(point, unit)} (#{Enum.join(tail, ", ")})"
  end

  defp value(%{"over" => true} = point, unit), do: "over #{text(point["value"], unit)}"
  defp value(point, unit), do: text(point["value"], unit)

  @doc "A value with its unit: times in that in which they are read best."
  def text(us, "us") when us >= 999_500, do: "#{digits(us / 1_000_000)} s"
  def text(us, "us") when us >= 999.5, do: "#{digits(us / 1_000)} ms"
  def text(us, "us"), do: "#{digits(us / 1)} us"
  def text(bytes, "bytes") when abs(bytes) >= 1.0e9, do: "#{digits(bytes / 1.0e9)} GB"
  def text(bytes, "bytes") when abs(bytes) >= 1.0e6, do: "#{digits(bytes / 1.0e6)} MB"
  def text(bytes, "bytes") when abs(bytes) >= 1.0e3, do: "#{digits(bytes / 1.0e3)} kB"
  def text(value, unit), do: "#{digits(value / 1)} #{unit}"

  @doc "A size: 10 K, 1 M."
  def count(n) when n >= 1_000_000, do: "#{whole(n / 1_000_000)} M"
  def count(n) when n >= 1_000, do: "#{whole(n / 1_000)} K"
  def count(n), do: "#{n}"

  defp whole(value) when trunc(value) == value, do: trunc(value)
  defp whole(value), do: digits(value)

  defp factor(times), do: "x#{digits(times)}"

  def digits(value) when abs(value) >= 99.5, do: Integer.to_string(round(value))
  def digits(value) when abs(value) >= 9.95, do: :erlang.float_to_binary(value / 1, decimals: 1)
  def digits(value), do: :erlang.float_to_binary(value / 1, decimals: 2)

  def markdown([header | rows]) do
    line = fn cells ->
      ["| ", Enum.map_join(cells, " | ", &String.replace(to_string(&1), "|", "\\|")), " |\n"]
    end

    [line.(header), ["|", List.duplicate("---|", length(header)), "\n"], Enum.map(rows, line)]
  end
end
