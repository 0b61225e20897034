defmodule FormdbHttp.QueryCacheTest do
  # Not async: it looks at the memory of the whole VM.
  use ExUnit.Case

  alias FormdbHttp.QueryCache

  test "what goes is what was used least recently" do
    :rand.seed(:exsss, {4, 7, 3})
    cache = QueryCache.new(entries: 20)

    # The model: keys with their values, the most recently used first.
    Enum.reduce(1..20_000, [], fn turn, model ->
      key = "k#{:rand.uniform(40)}"
      rest = List.keydelete(model, key, 0)

      case rem(turn, 7) do
        0 ->
          value = :crypto.strong_rand_bytes(:rand.uniform(9_000))
          assert QueryCache.put(cache, key, value) == :ok
          Enum.take([{key, value} | rest], 20)

        1 when rem(turn, 5) == 0 ->
          assert QueryCache.delete(cache, key) == :ok
          rest

        _ ->
          case List.keyfind(model, key, 0) do
            nil ->
              assert QueryCache.get(cache, key) == :miss
              model

            {^key, value} ->
              assert QueryCache.get(cache, key) == {:ok, value}
              [{key, value} | rest]
          end
      end
    end)
  end

  test "the bound in bytes holds while many processes write" do
    bound = 1_000_000
    cache = QueryCache.new(entries: 1_000_000, bytes: bound)

    1..4
    |> Task.async_stream(
      fn writer ->
        for n <- 1..5_000 do
          key = "#{writer}/#{rem(n, 300)}"
          value = :binary.copy(<<writer, n::16>>, 1 + rem(n * 7, 4_000))
          :ok = QueryCache.put(cache, key, value)
          assert QueryCache.stats(cache).bytes <= bound

          case QueryCache.get(cache, key) do
            # Another process may have pushed it out.
            :miss -> :ok
            {:ok, found} -> assert found == value
          end
        end
      end,
      timeout: :infinity
    )
    |> Stream.run()

    stats = QueryCache.stats(cache)
    assert stats.evictions > 0
    assert stats.hits + stats.misses == 20_000
    assert QueryCache.clear(cache) == :ok
    assert %{entries: 0, bytes: 0} = QueryCache.stats(cache)
  end

  test "an answer lives as long as somebody holds it, and is not copied" do
    cache = QueryCache.new()
    answer = :crypto.strong_rand_bytes(100_000)
    :ok = QueryCache.put(cache, "a", answer)
    held = for _ <- 1..1_000, do: elem(QueryCache.get(cache, "a"), 1)
    before = :erlang.memory(:binary)
    more = for _ <- 1..1_000, do: elem(QueryCache.get(cache, "a"), 1)
    # Copies would be 100 MB.
    assert :erlang.memory(:binary) - before < 10_000_000
    :ok = QueryCache.clear(cache)
    :erlang.garbage_collect()
    assert Enum.all?(held ++ more, &(&1 == answer))
    assert QueryCache.get(cache, "a") == :miss
  end

  test "a value without room is not kept, nor what it was to replace" do
    cache = QueryCache.new(bytes: 2_000)
    :ok = QueryCache.put(cache, "a", "small")
    :ok = QueryCache.put(cache, "b", "small")
    :ok = QueryCache.put(cache, "a", :binary.copy("x", 2_000))
    assert QueryCache.get(cache, "a") == :miss
    assert QueryCache.get(cache, "b") == {:ok, "small"}

    none = QueryCache.new(entries: 0)
    :ok = QueryCache.put(none, "a", "small")
    assert QueryCache.get(none, "a") == :miss
  end

  test "entries over age are gone" do
    cache = QueryCache.new(ttl_ms: 40)
    :ok = QueryCache.put(cache, "a", "1")
    assert QueryCache.get(cache, "a") in [{:ok, "1"}, :miss]
    Process.sleep(60)
    assert QueryCache.get(cache, "a") == :miss
    assert QueryCache.stats(cache).expirations == 1
  end

  test "values beyond a quarter of a megabyte, and large caches" do
    for opts <- [[], [entries: 100_000]] do
      cache = QueryCache.new(opts)
      large = :crypto.strong_rand_bytes(1_000_000)
      :ok = QueryCache.put(cache, "a", large)
      assert QueryCache.get(cache, "a") == {:ok, large}
      assert_raise ArgumentError, fn -> QueryCache.put(cache, :a, "b") end
    end

    assert_raise ArgumentError, fn -> QueryCache.new(size: 1) end
  end
end
