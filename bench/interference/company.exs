for file <- ~w(features lattice), do: Code.require_file("../growth/#{file}.exs", __DIR__)

defmodule Bench.Interference.Company do
  @moduledoc """
  What goes on beside readers: each a function that works for so many milliseconds, and returns in words what
  it did.
  """

  alias Bench.Growth.Features

  @everything {-179.9, -89.9, 179.9, 89.9}

  @doc """
  All of it, `{name, function}`. `name` is the database that readers ask, with a world of features, and
  `other` one that is as large and that nobody else asks.
  """
  def all(name, other, world, millis) do
    [
      {"alone", fn -> Process.sleep(millis) && "nothing" end},
      {"a bulk load of features", fn -> load_features(name, millis) end},
      {"a bulk load of points", fn -> load_points(name, millis) end},
      {"a bulk load into another database", fn -> load_features(other, millis) end},
      {"large bodies: snapshots, and segments that end and are merged",
       fn -> large_bodies(name, millis) end},
      {"another large database that closes and opens", fn -> reopen(other, millis) end},
      {"counts of everything, from twelve", fn -> heavy(millis, 12, &count(name, world, &1)) end},
      {"heatmaps of everything, from four", fn -> heavy(millis, 4, &heatmap(name, &1)) end},
      {"filters without an index, from twelve", fn -> heavy(millis, 12, &filter(name, &1)) end},
      {"pages of 50,000 features, from four", fn -> heavy(millis, 4, &page(name, &1)) end}
    ]
  end

  # Calls `fun` with 0, 1, ... until the time is up, and adds what it returns.
  defp until(millis, fun) do
    deadline = System.monotonic_time(:millisecond) + millis

    Stream.iterate(0, &(&1 + 1))
    |> Enum.reduce_while(0, fn n, sum ->
      if System.monotonic_time(:millisecond) < deadline,
        do: {:cont, sum + fun.(n)},
        else: {:halt, sum}
    end)
  end

  defp heavy(millis, askers, fun) do
    counts =
      for asker <- 1..askers do
        Task.async(fn -> until(millis, &fun.(&1 * askers + asker)) end)
      end
      |> Task.await_many(:infinity)

    "#{Enum.sum(counts)} of them"
  end

  ## Writing

  # North of the world, so that its boxes hold what they held.
  defp load_features(name, millis) do
    run = System.unique_integer([:positive])

    written =
      until(millis, fn n ->
        list =
          for i <- 1..5_000 do
            x = rem(n * 5_000 + i, 36_000) / 100 - 180

            ~s({"type":"Feature","id":"l#{run}-#{n}-#{i}","geometry":{"type":"Point","coordinates":[#{x},89.5]},"properties":{"n":#{i}}})
          end

        {:ok, ack} =
          FormdbHttp.put_features(
            name,
            ~s({"type":"FeatureCollection","features":[#{Enum.join(list, ",")}]}),
            timeout: :infinity
          )

        ack.inserted
      end)

    "#{div(written, 1_000)} K features"
  end

  defp load_points(name, millis) do
    values = for i <- 1..50_000, into: <<>>, do: <<rem(i * 7_919, 1_000) / 7::little-float-64>>

    written =
      until(millis, fn n ->
        from = 1_700_000_000_000_000 + n * 50_000_000_000

        timestamps =
          for i <- 1..50_000, into: <<>>, do: <<from + i * 1_000_000::little-signed-64>>

        {:ok, ack} =
          FormdbHttp.put_columns(name, "loaded", timestamps, values, timeout: :infinity)

        ack.inserted
      end)

    "#{div(written, 1_000)} K points"
  end

  # The journal grows by much, the indexes by little.
  defp large_bodies(name, millis) do
    text = :crypto.strong_rand_bytes(150_000) |> Base.encode64()

    written =
      until(millis, fn n ->
        feature =
          ~s({"type":"Feature","id":"large#{rem(n, 100)}","geometry":null,"properties":{"n":#{n},"text":"#{text}"}})

        {:ok, _} = FormdbHttp.put_feature(name, feature)
        Process.sleep(5)
        byte_size(feature)
      end)

    "#{div(written, 1_000_000)} MB written"
  end

  defp reopen(other, millis) do
    times =
      until(millis, fn _n ->
        :ok = FormdbHttp.close(other)
        {:ok, _} = FormdbHttp.open(other)
        1
      end)

    "#{times} times"
  end

  ## Asking. What is refused as busy counts for nothing.

  defp count(name, world, n) do
    {west, south, east, north} = @everything

    case FormdbHttp.count(name, {:box, {west, south, east, north - rem(n, 1_000) / 10_000}}) do
      {:ok, %{count: count}} when count >= world.size -> 1
      {:error, %{code: :busy}} -> 0
    end
  end

  defp heatmap(name, n) do
    case FormdbHttp.heatmap(name, @everything, cell: {1 + rem(n, 1_000) / 1_000, 1}) do
      {:ok, _} -> 1
      {:error, %{code: :busy}} -> 0
    end
  end

  defp filter(name, n) do
    case FormdbHttp.count(name, :everything, filters: [{"prop.n", "eq:#{n}"}]) do
      {:ok, %{count: count}} when count >= 1 -> 1
      {:error, %{code: :busy}} -> 0
    end
  end

  defp page(name, n) do
    seq = Features.seq(rem(n, 100) * 100)

    case FormdbHttp.search(name, :everything,
           limit: 50_000,
           keep: false,
           filters: [{"seq", "gte:#{seq}"}]
         ) do
      {:ok, %{returned: returned}} when returned > 0 -> 1
      {:error, %{code: :busy}} -> 0
    end
  end
end
