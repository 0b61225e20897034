Code.require_file("results.exs", __DIR__)

defmodule Bench.Comparison do
  @moduledoc """
  Two results, row by row: which figures differ by more than their noise.

  A figure's noise is the range from the smallest to the greatest of its rounds. Of rounds
  that follow each other that is too little to expect of another run, so either range is
  made wider on both sides, by half its width and by 2.5 % of its median. Two figures differ
  where ranges that were made so do not meet. Of two runs of the same program with noise of
  2 % that calls about one row in 3,000 different for three rounds, and one in 75 where the
  machine is another 2 % faster or slower from one run to the next.

  A figure of one round has no noise that is known: it is shown and not judged.
  """

  alias Bench.{Figure, Results}

  @widen 0.5
  @least 0.025

  @doc """
  `:better` or `:worse`, as the second is; `:same`, `:unknown`.
  """
  def verdict(first, second) do
    {one, other} = {noise(first), noise(second)}

    cond do
      min(length(first.values), length(second.values)) < 2 -> :unknown
      above?(other, one) -> if first.better == :higher, do: :better, else: :worse
      above?(one, other) -> if first.better == :higher, do: :worse, else: :better
      true -> :same
    end
  end

  defp noise(figure) do
    {min, median, max} = Figure.range(figure)
    more = (max - min) * @widen + abs(median) * @least
    {min - more, max + more}
  end

  defp above?({least, _}, {_, most}), do: least > most

  @doc "Rows of two results: `{benchmark, section, name, first, second, verdict}`, in order."
  def rows(first, second) do
    {one, other} = {Results.figures(first), Results.figures(second)}

    for results <- [second, first],
        record <- results.records,
        figure <- record.figures,
        key = {record.benchmark, figure.section, figure.name},
        # Those of the first that the second does not have come last.
        results == second or not is_map_key(other, key) do
      {before, now} = {one[key], other[key]}
      verdict = if before && now, do: verdict(before, now), else: :alone
      {record.benchmark, figure.section, figure.name, before, now, verdict}
    end
  end

  @doc "The change of a figure in percent of the first: +4.1 %."
  def change(first, second) do
    case Figure.value(first) do
      zero when zero == 0 ->
        "-"

      before ->
        percent = (Figure.value(second) - before) / before * 100
        sign = if percent >= 0, do: "+", else: ""
        "#{sign}#{:erlang.float_to_binary(percent, decimals: 1)} %"
    end
  end

  @doc "All rows as a table for people, and how many differ."
  def text(first, second) do
    rows = rows(first, second)

    tables =
      for {{benchmark, section}, rows} <- in_order(rows) do
        ["\n#{benchmark}: #{section}\n", Enum.map(rows, &line/1)]
      end

    counts = Enum.frequencies_by(rows, &elem(&1, 5))
    count = &Map.get(counts, &1, 0)

    [
      row("", ["first", "min", "max", "second", "min", "max", "change"], ""),
      tables,
      "\n#{count.(:worse)} worse, #{count.(:better)} better, #{count.(:same)} within noise, " <>
        "#{count.(:unknown)} of one round and not judged, #{count.(:alone)} in one of the two only\n"
    ]
  end

  defp in_order(rows) do
    rows
    |> Enum.chunk_by(fn {benchmark, section, _, _, _, _} -> {benchmark, section} end)
    |> Enum.map(fn [{benchmark, section, _, _, _, _} | _] = rows ->
      {{benchmark, section}, rows}
    end)
  end

  defp line({_, _, name, first, second, verdict}) do
    change = if first && second, do: change(first, second), else: "-"
    row(name, columns(first) ++ columns(second) ++ [change], word(verdict))
  end

  defp columns(nil), do: ["-", "-", "-"]

  defp columns(figure) do
    {min, median, max} = Figure.range(figure)
    Enum.map([median, min, max], &Figure.text(&1, figure.unit))
  end

  @doc "A verdict in words."
  def word(:better), do: "better"
  def word(:worse), do: "WORSE"
  def word(:same), do: ""
  def word(:unknown), do: "one round"
  def word(:alone), do: "in one only"

  defp row(name, columns, note) do
    columns = Enum.map_join(columns, &String.pad_leading(&1, 12))

    String.trim_trailing("  " <> String.pad_trailing(name, 40) <> columns <> "   " <> note) <>
      "\n"
  end
end
