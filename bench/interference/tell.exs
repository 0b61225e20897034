Code.require_file("../growth/tell.exs", __DIR__)

defmodule Bench.Interference.Tell do
  @moduledoc "What SUMMARY.md says of what readers waited beside others: a table of all companies."

  alias Bench.Growth.Tell

  @doc """
  The table of companies: objects of `"beside"`, `"did"`, and `"waits"`, a list of `"who"` with percentiles in
  microseconds. The first is that in which they are alone.
  """
  def text([]), do: []

  def text([alone | _] = companies) do
    header = [
      "beside",
      "which did",
      "who",
      "calls",
      "refused",
      "p50",
      "p99",
      "p99.9",
      "longest",
      "p99 beside alone"
    ]

    rows =
      for company <- companies, {wait, place} <- Enum.with_index(company["waits"]) do
        time = &Tell.text(wait[&1], "us")

        [
          if(place == 0, do: company["beside"], else: ""),
          if(place == 0, do: company["did"], else: ""),
          wait["who"],
          wait["calls"],
          wait["refused"],
          time.("p50"),
          time.("p99"),
          time.("p999"),
          time.("max"),
          ratio(wait, Enum.at(alone["waits"], place))
        ]
      end

    [
      "\n## Interference\n\n64 readers, each of whom asks every 20 ms, and a writer, beside heavy work: how long they wait for ",
      "an answer. bench/README.md says what they ask.\n\n",
      Tell.markdown([header | rows])
    ]
  end

  defp ratio(wait, alone), do: "x#{Tell.digits(wait["p99"] / max(alone["p99"], 1.0e-3))}"
end
