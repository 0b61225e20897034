# What bench/compare runs: two results side by side. Ends with 1 if a row is worse beyond
# its noise, and with 2 if it cannot compare.

Code.require_file("comparison.exs", __DIR__)

alias Bench.{Comparison, Results}

try do
  [first, second] = Enum.map(System.argv(), &(&1 |> Results.folder() |> Results.read()))

  for {which, %{folder: folder, run: run}} <- [first: first, second: second] do
    %{"revision" => revision, "load" => load} = run["machine"]

    IO.puts(
      "#{which}: #{folder}, #{revision}, #{run["rounds"]} rounds, load average #{load} before"
    )
  end

  if first.run["quick"] != second.run["quick"],
    do: IO.puts("one of the two is quick: most of its rows measure less work")

  IO.puts("")
  IO.write(Comparison.text(first, second))
  worse? = Enum.any?(Comparison.rows(first, second), &(elem(&1, 5) == :worse))
  if worse?, do: exit({:shutdown, 1})
rescue
  error in ArgumentError ->
    IO.puts(:stderr, "compare: #{Exception.message(error)}")
    exit({:shutdown, 2})
end
