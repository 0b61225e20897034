defmodule FormdbHttp.ClosingTest do
  @moduledoc """
  A large database that closes and opens keeps nobody waiting who asks another, and once it is
  closed its memory is the system's again.
  """

  use ExUnit.Case

  alias FormdbHttp.{Bystander, Native, Ticker}

  @features 400_000
  @series 200_000
  # Features of the small one, all of which are read again and again, by so many.
  @read 200
  @readers 8
  # Milliseconds that a scheduler may stand still, on a machine that is not slower than it is alone.
  @stall 60
  @times 3
  # What may stay with the process of what an open database took. The VM keeps some of the texts
  # that were loaded.
  @stays 0.25

  setup_all do
    {small, large} = {name("small"), name("large")}

    on_exit(fn ->
      for database <- [small, large], do: FormdbHttp.purge(database)
    end)

    {:ok, _} = FormdbHttp.open(small)
    load_features(small, @read)
    {:ok, _} = FormdbHttp.open(large)
    load_features(large, @features)
    load_series(large)
    :ok = FormdbHttp.close(large)
    {:ok, small: small, large: large}
  end

  defp name(of), do: "closing-#{of}-#{System.unique_integer([:positive])}"

  defp load_features(name, count) do
    for first <- 0..(count - 1)//10_000 do
      last = min(first + 10_000, count) - 1
      features = Enum.map_intersperse(first..last, ",", &feature/1)
      text = IO.iodata_to_binary([~s({"type":"FeatureCollection","features":[), features, "]}"])
      {:ok, _} = FormdbHttp.put_features(name, text, durability: :none)
    end
  end

  defp load_series(name) do
    for first <- 0..(@series - 1)//10_000 do
      points =
        Enum.map_intersperse(first..(first + 9_999), ",", fn n ->
          ~s({"series_id":"s.#{n}","timestamp":#{n},"value":#{n}})
        end)

      text = IO.iodata_to_binary([~s({"points":[), points, "]}"])

      {:ok, {:points, %{inserted: 10_000}}} =
        FormdbHttp.write_points(name, text, durability: :none)
    end
  end

  defp feature(n) do
    lon = rem(n, 3_600) / 10 - 180
    lat = rem(div(n, 3_600) * 7, 1_700) / 10 - 85

    ~s({"type":"Feature","id":"f#{n}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
      ~s("properties":{"n":#{n}}})
  end

  @tag timeout: 300_000
  test "no scheduler stands still while a large one closes and opens", context do
    {:ok, ticker} = Ticker.start_link()
    bystander = Bystander.start()
    readings = for _ <- 1..@times, do: reopen(context, ticker, bystander)
    Bystander.stop(bystander)

    # The best of a few, since a machine that does something else is late now and then.
    {stall, culprits} = Enum.min_by(readings, &elem(&1, 0))

    IO.puts(
      "\nclosing: a scheduler stood still for #{inspect(for {ms, _} <- readings, do: ms)} ms"
    )

    assert stall < @stall, "#{stall} ms: #{Enum.join(culprits, "\n")}"
  end

  # As long as schedulers stood still, in milliseconds, beyond what the machine did to everybody.
  defp reopen(context, ticker, bystander) do
    readers = for _ <- 1..@readers, do: Task.async(fn -> read(context.small) end)
    processors = Bystander.processors()
    Bystander.worst(bystander)
    Ticker.read(ticker)

    {:ok, %{features: @features, series: @series}} = FormdbHttp.open(context.large)
    :ok = FormdbHttp.close(context.large)
    # What is freed goes back to the system up to some seconds later.
    Process.sleep(2_500)

    %{worst: worst, longest: longest, culprits: culprits} = Ticker.read(ticker)
    noise = Bystander.worst(bystander)
    slowness = Bystander.slowness(processors, Bystander.processors())
    for reader <- readers, do: send(reader.pid, :stop)
    Task.await_many(readers)
    {max(0, round((min(worst, longest) - noise) / slowness)), culprits}
  end

  # Allocates in the engine, on schedulers, all the time.
  defp read(small) do
    {:ok, %{returned: @read}} = FormdbHttp.search(small, :everything, keep: false)

    receive do
      :stop -> :ok
    after
      2 -> read(small)
    end
  end

  @tag timeout: 120_000
  test "the memory of a closed database goes back to the system", %{large: large} do
    before = settled()
    {:ok, %{index_bytes: %{total: bytes}}} = FormdbHttp.open(large)
    open = resident()
    assert open - before > bytes / 2
    :ok = FormdbHttp.close(large)
    after_closing = settled()

    IO.puts(
      "\nclosing: #{mega(before)} MB before opening, #{mega(open)} when open, #{mega(after_closing)} after closing"
    )

    assert after_closing - before < @stays * (open - before)
  end

  # Once it no longer falls, for ten seconds at most.
  defp settled(last \\ nil, left \\ 10) do
    :erlang.garbage_collect()
    now = resident()

    if left == 0 or (last && now > last - 4_000_000) do
      now
    else
      Process.sleep(1_500)
      settled(now, left - 1)
    end
  end

  defp resident, do: elem(Native.process_figures(), 2)
  defp mega(bytes), do: round(bytes / 1.0e6)
end
