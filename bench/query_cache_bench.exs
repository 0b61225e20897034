# 10,000 queries for 1,000 different answers of 10 KB, of which a fifth is asked for in
# four fifths of the queries: through FormdbHttp.QueryCache alone, then of a database on
# disk, which keeps its answers by itself.
#
#   mix run bench/query_cache_bench.exs
#
# The database is in a temporary folder, removed at the end. Hits and misses must be those
# of a list kept in the order of use, every answer the one that was put, and the cache
# inside its bounds throughout.

Code.require_file("support/bench.exs", __DIR__)
Bench.start()

# In a module, because scripts are interpreted outside of one.
defmodule Bench.Cache do
  alias Bench.{Measure, Report}
  alias FormdbHttp.QueryCache

  @keys 1_000
  @queries 10_000
  @answer_bytes 10_240
  # Room for four tenths of the answers.
  @entries 400
  @bytes @entries * 11_000
  # An answer that was just made is in the processor's cache when it is put. Putting a
  # thousand of 10 KB in turn reads each from memory.
  @just_made 16

  def run do
    :rand.seed(:exsss, {5, 6, 7})
    keys = List.to_tuple(for n <- 1..@keys, do: "GET /features?bbox=#{n},0,#{n + 1},1")
    answers = List.to_tuple(for _ <- 1..@keys, do: :crypto.strong_rand_bytes(@answer_bytes))
    queries = for _ <- 1..@queries, do: query()
    Report.open("query_cache")
    alone(keys, answers, queries)
    Bench.with_database(&database(&1, queries))
    Report.close()
  end

  # Four fifths of the queries go to a fifth of the keys.
  defp query do
    case :rand.uniform(5) do
      5 -> div(@keys, 5) + :rand.uniform(@keys - div(@keys, 5)) - 1
      _ -> :rand.uniform(div(@keys, 5)) - 1
    end
  end

  ## Alone

  defp alone(keys, answers, queries) do
    cache = new()
    {hits, most} = serve(cache, keys, answers, queries)
    expected = hits_of_a_list(queries)
    Measure.check!(hits == expected, "#{hits} hits; a list in the order of use has #{expected}")
    stats = QueryCache.stats(cache)
    Measure.check!(stats.hits == hits and stats.misses == @queries - hits, "the counters")
    rate = hits / @queries

    full = full(keys, answers)

    Report.section("FormdbHttp.QueryCache, #{@keys} answers of #{@answer_bytes} bytes",
      checked:
        "each of #{@queries} answers; hits, misses, entries and bytes after every query, against a " <>
          "list in the order of use"
    )

    Report.figure("hit rate at 80/20, room for #{@entries}", [rate * 100],
      unit: "%",
      earlier: 80,
      published: 80.4,
      target: 80,
      note: "#{@queries} queries"
    )

    Report.figure("most bytes held", [most], unit: "bytes", better: :lower, target: @bytes)

    # What is kept is what is measured here.
    get = fn -> {:ok, <<_::binary>>} = QueryCache.get(full, next(keys)) end
    put = fn -> :ok = put_next(cache, keys, answers, @just_made) end

    Report.time([
      {"put", put, earlier: 18_000, published: 18_800, target: 1_000_000},
      {"put, answers from main memory", fn -> :ok = put_next(cache, keys, answers, @keys) end,
       earlier: 18_000},
      {"get", get, earlier: 54_000, published: 30_000, target: 2_000_000},
      {"get, nothing there", fn -> :miss = QueryCache.get(cache, "unknown") end, []}
    ])

    Report.time([{"put, 2 processes", put, []}, {"get, 2 processes", get, []}], parallel: 2)
    Measure.check!(QueryCache.stats(cache).bytes <= @bytes, "the bound after all of it")
  end

  defp new, do: QueryCache.new(entries: @entries, bytes: @bytes)

  # A cache that has every answer.
  defp full(keys, answers) do
    cache = QueryCache.new(entries: @keys, bytes: @keys * 2 * @answer_bytes)
    for n <- 0..(@keys - 1), do: :ok = QueryCache.put(cache, elem(keys, n), elem(answers, n))
    cache
  end

  # Asks for all, and puts what is missing. Returns the hits, and the most bytes held.
  defp serve(cache, keys, answers, queries) do
    Enum.reduce(queries, {0, 0}, fn n, {hits, most} ->
      key = elem(keys, n)

      hit =
        case QueryCache.get(cache, key) do
          {:ok, answer} ->
            Measure.check!(answer == elem(answers, n), "the answer that was put")
            1

          :miss ->
            :ok = QueryCache.put(cache, key, elem(answers, n))
            0
        end

      %{bytes: bytes, entries: entries} = QueryCache.stats(cache)
      Measure.check!(bytes <= @bytes and entries <= @entries, "inside its bounds")
      {hits + hit, max(most, bytes)}
    end)
  end

  # The same with a list, most recently used first.
  defp hits_of_a_list(queries) do
    {hits, _} =
      Enum.reduce(queries, {0, []}, fn n, {hits, kept} ->
        case n in kept do
          true -> {hits + 1, [n | List.delete(kept, n)]}
          false -> {hits, Enum.take([n | kept], @entries)}
        end
      end)

    hits
  end

  defp next(tuple) do
    n = Process.get(:next, 0)
    Process.put(:next, n + 1)
    elem(tuple, rem(n * 7, tuple_size(tuple)))
  end

  # Under all keys in turn, so that each put pushes out another answer.
  defp put_next(cache, keys, answers, distinct) do
    n = Process.get(:next, 0)
    Process.put(:next, n + 1)
    QueryCache.put(cache, elem(keys, rem(n * 7, @keys)), elem(answers, rem(n, distinct)))
  end

  ## A database

  # Points in a row, 70 to a degree; a box of one degree makes an answer of about 10 KB.
  defp database(name, queries) do
    features =
      for n <- 0..69_999, row = div(n, 700), step = rem(n, 700) do
        {lon, lat} = {step / 70, row / 10}

        ~s({"type":"Feature","id":"f#{n}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
          ~s("properties":{"name":"feature number #{n}"}})
      end

    collection = ~s({"type":"FeatureCollection","features":[#{Enum.join(features, ",")}]})
    {:ok, _} = FormdbHttp.put_features(name, collection)

    boxes =
      List.to_tuple(
        for n <- 0..(@keys - 1) do
          {west, south} = {rem(n, 10) + 0.001, div(n, 10) / 10 - 0.05}
          {west, max(south, 0.0), west + 0.98, south + 0.1}
        end
      )

    expected = Map.new(Enum.uniq(queries), &{&1, ask(name, elem(boxes, &1), 999)})
    bytes = div(Enum.sum(for {_, json} <- expected, do: byte_size(json)), map_size(expected))
    again = for n <- queries, do: ask(name, elem(boxes, n), 999) == expected[n]
    Measure.check!(Enum.all?(again), "the answers that were worked out")

    Report.section("of a database: boxes of about #{bytes} bytes of GeoJSON, 80/20",
      hits: Report.hits_of(name),
      checked:
        "each kept answer against the one that was worked out; that a write shows in the next answer"
    )

    question = Measure.counter()
    asked = Bench.scaled(queries, Enum.take(queries, div(@queries, 10)))

    run = fn limit ->
      fn -> Measure.each(asked, fn n -> ask(name, elem(boxes, n), limit.()) end) end
    end

    Report.measure([
      {"queries", run.(fn -> Measure.limit(question.()) end), []},
      {"queries, kept", run.(fn -> 999 end), kept: true}
    ])

    # A write that shows in one of the boxes.
    box = elem(boxes, 5)
    {:ok, _} = FormdbHttp.delete_feature(name, "f#{5 * 70 + 35}")
    Measure.check!(ask(name, box, 999) == ask(name, box, 998), "no stale answer")
    Measure.check!(ask(name, box, 999) != expected[5], "a write that shows")
  end

  defp ask(name, box, limit) do
    {:ok, %{json: json}} = FormdbHttp.search(name, {:box, box}, limit: limit)
    json
  end
end

Bench.Cache.run()
