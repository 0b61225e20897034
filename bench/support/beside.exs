Code.require_file("results.exs", __DIR__)

defmodule Bench.Beside do
  @moduledoc """
  The part of SUMMARY.md that sets this system beside others: a table for each part of the comparison,
  with a row for each question and a column for each who was asked, and how many times as good
  this system is as the best of the others.
  """

  alias Bench.Figure

  # How this system is called in the column of who was asked.
  @ours "FormDB"
  @worst 10

  @doc "The text, or none if nothing was compared."
  def text(results) do
    case for(
           record <- results.records,
           rows = rows(record.figures),
           rows != [],
           do: {record, rows}
         ) do
      [] ->
        []

      parts ->
        [
          "\n## Beside peers\n\n",
          "Medians of the rounds. The last column says how many times as good this system is as the best of the others; ",
          "**where it loses, in bold**. In parentheses: when writes are on disk, where that differs within a row. ",
          "bench/peers/README.md says what was asked, and how.\n\n",
          versions(parts),
          Enum.map(parts, &part/1),
          worst(parts)
        ]
    end
  end

  @doc """
  The rows of figures that belong to a comparison, in their order: `{section, row, by peer}`.
  """
  def rows(figures) do
    compared = Enum.filter(figures, & &1.row)
    by_row = Enum.group_by(compared, &{&1.section, &1.row})

    for {section, row} = key <- compared |> Enum.map(&{&1.section, &1.row}) |> Enum.uniq(),
        do: {section, row, Map.new(by_row[key], &{&1.peer, &1})}
  end

  @doc "How many times as good this system is as the best of the others, or `nil`."
  def ratio(by_peer) do
    {ours, others} = Map.pop(by_peer, @ours)

    if ours && others != %{},
      do: others |> Map.values() |> Enum.map(&Figure.times(ours, Figure.value(&1))) |> Enum.min()
  end

  defp versions(parts) do
    versions =
      for(
        {_, rows} <- parts,
        {_, _, by_peer} <- rows,
        {_, figure} <- by_peer,
        do: {figure.peer, figure.version}
      )
      |> Enum.uniq()
      |> Enum.map_join("; ", fn {peer, version} -> "#{peer} #{version}" end)

    [versions, ".\n"]
  end

  defp part({_record, rows}) do
    for [{section, _, _} | _] = rows <- Enum.chunk_by(rows, &elem(&1, 0)) do
      peers = peers(rows)
      header = ["", @ours | peers] ++ ["ratio"]

      [
        "\n### #{section}\n\n",
        line(header),
        ["|", List.duplicate("---|", length(header)), "\n"],
        for {_, row, by_peer} <- rows do
          line(
            [row | Enum.map([@ours | peers], &cell(by_peer[&1]))] ++ [ratio_text(ratio(by_peer))]
          )
        end
      ]
    end
  end

  # In the order in which they are first asked.
  defp peers(rows) do
    for({_, _, by_peer} <- rows, peer <- Map.keys(by_peer), peer != @ours, do: peer)
    |> Enum.uniq()
    |> Enum.sort()
  end

  defp cell(nil), do: ""

  defp cell(figure) do
    text = Figure.text(Figure.value(figure), figure.unit)
    if figure.durability, do: "#{text} (#{figure.durability})", else: text
  end

  defp ratio_text(nil), do: ""
  defp ratio_text(ratio) when ratio < 1, do: "**#{Figure.factor(ratio)}**"
  defp ratio_text(ratio), do: Figure.factor(ratio)

  defp worst(parts) do
    rows =
      for {_, rows} <- parts,
          {section, row, by_peer} <- rows,
          ratio = ratio(by_peer),
          do: {ratio, section, row}

    [
      "\n### Where it is worst\n\n",
      for {ratio, section, row} <- rows |> Enum.sort() |> Enum.take(@worst) do
        "- #{ratio_text(ratio)}: #{row} (#{section})\n"
      end
    ]
  end

  defp line(cells),
    do: ["| ", Enum.map_join(cells, " | ", &String.replace(&1, "|", "\\|")), " |\n"]
end
