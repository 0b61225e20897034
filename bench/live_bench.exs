# Subscriptions through the public Elixir API.
#
#   mix run bench/live_bench.exs
#
# Four things are measured:
#
#   an event among many    what it takes until ten processes have the events of one
#                          transaction, beside others who want none of them: their boxes,
#                          ids and series are all different. The time runs from the
#                          acknowledgement of the write
#   deliveries             the same for a thousand processes who want everything
#   writes                 durable single writes of 64 callers, beside processes that follow
#   stalled                how long it takes from the call that writes a feature until the
#                          event is there, alone and beside a hundred who have stopped
#                          asking, and a hundred who have stopped reading
#
# All of it shares two cores: the writers, the thread that commits, the one that matches,
# and the processes that are told.
#
# Every process that follows checks what it is told: the next event says that it comes
# after the last one, and in the end it has as many as were written for it.

Code.require_file("support/bench.exs", __DIR__)
Code.require_file("support/latency.exs", __DIR__)
Bench.start()

defmodule Bench.Live.Follower do
  @moduledoc "A process that follows, checks, and counts in a counter that others read."

  def start(name, filter, counter, place) do
    parent = self()

    pid =
      spawn_link(fn ->
        {:ok, subscription} = FormdbHttp.subscribe(name, filter: filter)
        send(parent, {self(), :follows})
        loop(subscription, subscription.since, counter, place)
      end)

    receive do
      {^pid, :follows} -> pid
    end
  end

  defp loop(%{ref: ref} = subscription, last, counter, place) do
    receive do
      {:formdb, ^ref, [_ | _] = events} ->
        last = Enum.reduce(events, last, &next/2)
        FormdbHttp.ask(subscription, length(events))
        :counters.add(counter, place, length(events))
        loop(subscription, last, counter, place)

      {:formdb, ^ref, {notice, _seq}} when notice in [:lagging, :live] ->
        loop(subscription, last, counter, place)
    end
  end

  defp next(%{seq: seq, after: last}, last) when seq > last, do: seq
end

defmodule Bench.Live do
  alias Bench.{Latency, Measure, Report}
  alias Bench.Live.Follower

  @events Bench.scaled(10_000, 2_000)
  @many Bench.scaled(100_000, 10_000)
  @all Bench.scaled(1_000, 250)

  def run do
    Report.open("live")
    among_many()
    deliveries()
    writes()
    stalled()
    Report.close()
  end

  ## An event among many

  defp among_many do
    Report.section("an event that ten want, until all of them have it",
      checked: "ten processes have each event once, in order, and the others none"
    )

    counts = [10, 1_000, @many]

    crowds =
      for count <- counts do
        name = "bench-#{System.unique_integer([:positive])}"
        {:ok, _} = FormdbHttp.open(name)
        {name, crowd(name, count)}
      end

    rows =
      for {count, {name, crowd}} <- Enum.zip(counts, crowds) do
        {"among #{count}", fn -> spread(name, crowd) end, unit: "us", better: :lower}
      end

    values = Report.measure(rows)

    for count <- tl(counts) do
      ratios = Enum.zip_with(values["among #{count}"], values["among 10"], &(&1 / &2))

      Report.figure("among #{count}, of that among 10", ratios,
        unit: "times",
        better: :lower,
        target: 2
      )
    end

    {_name, crowd} = List.last(crowds)
    Report.figure("memory of a subscription", [crowd.bytes], unit: "bytes", better: :lower)

    for {name, crowd} <- crowds do
      Measure.check!(
        Process.info(crowd.idle, :message_queue_len) == {:message_queue_len, 0},
        "others are told nothing"
      )

      end_all([crowd.idle | crowd.pids])
      :ok = FormdbHttp.purge(name)
    end
  end

  defp crowd(name, count) do
    counter = :counters.new(10, [])
    pids = for n <- 1..10, do: Follower.start(name, %{"bbox" => [-n, -10, 10, 0]}, counter, n)
    idle = spawn_link(fn -> receive do: (:end -> :ok) end)
    before = resident()

    subscriptions =
      for n <- 1..(count - 10)//1 do
        {:ok, subscription} = FormdbHttp.subscribe(name, filter: elsewhere(n), to: idle)
        subscription
      end

    bytes = (resident() - before) / max(length(subscriptions), 1)
    %{counter: counter, pids: pids, idle: idle, bytes: bytes, others: subscriptions}
  end

  # A filter like no other, of which nothing is written.
  defp elsewhere(n) do
    case rem(n, 4) do
      0 ->
        %{"ids" => "other-#{n}"}

      1 ->
        %{"series_id" => "other/#{n}/*"}

      _ ->
        %{
          "bbox" => [
            rem(n, 340) - 170 + n / 1.0e6,
            5 + rem(div(n, 340), 70),
            rem(n, 340) - 168,
            80
          ]
        }
    end
  end

  defp spread(name, crowd) do
    collection = collection(for n <- 1..@events, do: feature("f#{rem(n, 1_000)}", rem(n, 9), -5))
    before = total(crowd.counter, 10)

    {:ok, %{feature_ids: ids, last_seq: seq}} =
      FormdbHttp.put_features(name, collection, on_duplicate: :replace)

    Measure.check!(length(ids) == @events, "all features are written")
    {micros, :ok} = Measure.time(fn -> await(crowd.counter, 10, before + 10 * @events) end)
    for n <- 1..10, do: Measure.check!(:counters.get(crowd.counter, n) == seq, "each has all")
    micros / @events
  end

  ## Deliveries

  defp deliveries do
    Report.section("deliveries a second",
      checked: "#{@all} processes have each event once, in order"
    )

    events = Bench.scaled(2_000, 400)

    Report.measure([
      {"#{@all} processes who want everything",
       fn ->
         Bench.with_database(fn name ->
           counter = :counters.new(@all, [])
           pids = for n <- 1..@all, do: Follower.start(name, %{}, counter, n)
           collection = collection(for n <- 1..events, do: feature("f#{n}", 0, 0))

           {micros, :ok} =
             Measure.time(fn ->
               {:ok, _} = FormdbHttp.put_features(name, collection)
               await(counter, @all, @all * events)
             end)

           for n <- 1..@all,
               do: Measure.check!(:counters.get(counter, n) == events, "each has all")

           end_all(pids)
           @all * events * 1.0e6 / micros
         end)
       end, target: 200_000}
    ])
  end

  ## Writes beside processes that follow

  defp writes do
    Report.section("durable single writes of 64 callers",
      checked: "each process has every event that was written for it, once, in order"
    )

    rows =
      [{"nobody follows", fn -> written(0, 1) end, []}] ++
        for count <- [@all, 10 * @all] do
          {"beside #{count}, ten of whom want each", fn -> written(count, div(count, 10)) end, []}
        end ++
        [{"beside #{@all}, all of whom want each", fn -> written(@all, 1) end, []}]

    values = Report.measure(rows)

    for {name, _fun, []} <- tl(rows) do
      ratios = Enum.zip_with(values[name], values["nobody follows"], &(&1 / &2))
      Report.figure("#{name}, of that alone", ratios, unit: "of it")
    end
  end

  # Writes go to places in turn, and each who follows wants one of these.
  defp written(count, places) do
    Bench.with_database(fn name ->
      events = :counters.new(max(count, 1), [])
      box = fn n -> %{"bbox" => around(rem(n, places))} end
      pids = for n <- 1..count//1, do: Follower.start(name, box.(n), events, n)
      written = :counters.new(places, [])

      rate =
        Measure.throughput(64, Bench.span(2_000), fn caller, n ->
          place = rem(caller * 7 + n, places)
          [lon, lat | _rest] = around(place)
          feature = feature("#{caller}-#{place}", lon + 0.25, lat + 0.25)
          {:ok, _} = FormdbHttp.put_feature(name, feature)
          :counters.add(written, place + 1, 1)
        end)

      for n <- 1..count//1 do
        expected = :counters.get(written, rem(n, places) + 1)
        until(fn -> :counters.get(events, n) >= expected end)
        Measure.check!(:counters.get(events, n) == expected, "each has what was written for it")
      end

      end_all(pids)
      rate
    end)
  end

  defp around(place) do
    {lon, lat} = {rem(place, 300) - 150, 2 * div(place, 300) - 60}
    [lon, lat, lon + 0.5, lat + 0.5]
  end

  ## Beside stalled subscribers

  defp stalled do
    Report.section("from the call that writes until the event is there",
      checked: "each event is that of the write, and comes after the one before"
    )

    companies = [
      {"alone", fn _name -> [] end},
      {"beside 100 who keep up", fn name -> for _ <- 1..100, do: keeps_up(name) end},
      {"beside 100 who do not ask", fn name -> for _ <- 1..100, do: sleeper(name, 3) end},
      {"beside 100 who do not read", fn name -> for _ <- 1..100, do: sleeper(name, 1_000) end}
    ]

    rounds =
      for _ <- 1..Bench.rounds() do
        for {_company, start} <- companies, do: Bench.with_database(&latency(&1, start))
      end

    per_company = Enum.zip_with(rounds, & &1)

    for {{company, _start}, summaries} <- Enum.zip(companies, per_company), key <- [:p50, :p99] do
      values = for summary <- summaries, do: summary[key] / 1_000
      Report.figure("#{company}, #{key}", values, unit: "us", better: :lower)
    end

    [alone, _keep_up | stalled] = per_company

    for {{company, _start}, summaries} <- Enum.zip(Enum.drop(companies, 2), stalled) do
      ratios = Enum.zip_with(summaries, alone, &(&1.p50 / &2.p50))
      members = [unit: "times", better: :lower, target: 1.5]
      Report.figure("#{company}, p50 of that alone", ratios, members)
    end
  end

  defp latency(name, start) do
    sleepers = start.(name)
    {:ok, %{ref: ref} = subscription} = FormdbHttp.subscribe(name)

    # From here on those who have stopped are sent nothing.
    for n <- 1..1_001, do: round_trip(name, ref, subscription, n)

    summary =
      Latency.measure(
        Bench.span(3_000),
        &round_trip(name, ref, subscription, &1),
        fn _n, {seq, event} ->
          Measure.check!(event.seq == seq and event.after == seq - 1, "that event")
        end
      )

    :ok = FormdbHttp.unsubscribe(subscription)
    end_all(sleepers)
    summary
  end

  defp round_trip(name, ref, subscription, n) do
    {:ok, %{seq: seq}} = FormdbHttp.put_feature(name, feature("f#{rem(n, 100)}", 1, 1))

    receive do
      {:formdb, ^ref, [event]} ->
        FormdbHttp.ask(subscription, 1)
        {seq, event}
    end
  end

  defp keeps_up(name), do: Follower.start(name, %{}, :counters.new(1, []), 1)

  defp sleeper(name, demand) do
    parent = self()

    pid =
      spawn_link(fn ->
        {:ok, _} = FormdbHttp.subscribe(name, demand: demand)
        send(parent, {self(), :follows})
        receive do: (:end -> :ok)
      end)

    receive do
      {^pid, :follows} -> pid
    end
  end

  ## Parts

  defp feature(id, lon, lat) do
    ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[#{lon},#{lat}]},) <>
      ~s("properties":{"mag":4.2,"place":"10 km W of somewhere"}})
  end

  defp collection(features),
    do:
      IO.iodata_to_binary([
        ~s({"type":"FeatureCollection","features":[),
        Enum.intersperse(features, ","),
        "]}"
      ])

  defp total(counter, size), do: Enum.sum(for n <- 1..size, do: :counters.get(counter, n))
  defp await(counter, size, expected), do: until(fn -> total(counter, size) == expected end)

  # Looks often, and leaves the processors to those who work.
  defp until(done?, deadline \\ System.monotonic_time(:millisecond) + 120_000) do
    cond do
      done?.() ->
        :ok

      System.monotonic_time(:millisecond) > deadline ->
        raise "events are missing"

      true ->
        Process.sleep(1)
        until(done?, deadline)
    end
  end

  defp end_all(pids) do
    for pid <- pids do
      monitor = Process.monitor(pid)
      Process.unlink(pid)
      Process.exit(pid, :kill)
      receive do: ({:DOWN, ^monitor, _, _, _} -> :ok)
    end
  end

  # Bytes of memory that the process has.
  defp resident do
    for _ <- 1..2, do: :erlang.garbage_collect()
    [_size, pages | _] = "/proc/self/statm" |> File.read!() |> String.split()
    String.to_integer(pages) * 4_096
  end
end

Bench.Live.run()
