# One size of one world: loads it, asks all questions, and writes what came to a file. Run by
# bench/growth_bench.exs, each in a VM of its own, so that memory is that of this size.
#
#   mix run bench/growth/one_size.exs WORLD SIZE FILE

Code.require_file("../support/bench.exs", __DIR__)
for file <- ~w(worlds database), do: Code.require_file("#{file}.exs", __DIR__)

# It ends with the one who started it.
spawn(fn ->
  :eof = IO.read(:stdio, :line)
  System.halt(1)
end)

Bench.start()
[world, size, file] = System.argv()
{points, wrong} = Bench.Growth.Worlds.measure(world, String.to_integer(size))
File.write!(file, FormdbHttp.JSON.encode(points))
if wrong > 0, do: System.halt(1)
