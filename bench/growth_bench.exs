# How costs grow with what there is: worlds at several sizes, what each costs as a whole, and
# every question of the API to it.
#
#   mix run bench/growth_bench.exs [WORLD]...
#
# Without an argument all worlds (bench/growth/worlds.exs has them). Each size is loaded in a VM of
# its own, and removed before the next.

Code.require_file("support/bench.exs", __DIR__)
for file <- ~w(worlds curves), do: Code.require_file("growth/#{file}.exs", __DIR__)

worlds =
  case System.argv() do
    [] -> Bench.Growth.Worlds.all()
    names -> Enum.filter(Bench.Growth.Worlds.all(), fn {world, _sizes} -> world in names end)
  end

Bench.Growth.Curves.run(worlds)
