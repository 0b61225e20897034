# How long single reads take, alone and beside others, through the public Elixir API and
# for two of them over HTTP.
#
#   mix run bench/read_latency_bench.exs [MILLIS]
#
# MILLIS (800) is how long each read is measured in each company and round. One process
# reads, one call after the other, and times each. Company is
#
#   alone           nobody
#   single writes   64 processes that write durable features one by one, as fast as they can
#   ... reader high the same, the reading process at high priority
#   bulk writes     one process that writes collections of 1,000 features and one that
#                   writes batches of 10,000 points
#   counts, maps    one process that counts the whole world by a box and takes a heatmap of
#                   it, in turn, and one that writes durable features one by one, for
#                   whoever holds a lock for long is in the way only where somebody writes
#
# each with a database of its own of 100,000 features, a fifth of them polygons, and 1,000
# series of 1,000 points.
#
# Nothing is asked twice, so none of the answers is one that the database has kept.
#
# Every answer is checked: the right features and points, in order; as of a sequence that
# never goes back and is never before what a writer had been told is durable. The writers
# read some of what they wrote.
#
# "late" is the share of the time that went by in calls of more than a millisecond: one
# process that waits for its answers makes few calls while calls are slow, so percentiles
# of calls say too little of stalls.
#
# What is measured includes the wait for a processor. On a machine of two cores, readers,
# writers, the thread that commits and the kernel's work for the disk all share those two:
# a reading process whose turn ends in a call waits for the 64 others in the run queue, and
# a scheduler thread for which the kernel has found something else to run waits for
# milliseconds. With "reader high" the first of the two is gone. The row "no read" is the
# second alone: a call of some 15 us that takes no lock and knows of no database. What a
# read has beyond that it waits for in the database, or, if it cannot be answered from
# memory or is long, for a dirty scheduler: a thread that the kernel has to find a core for.
#
# Over HTTP, the load generator is a third that wants those cores; a bare Cowboy handler
# that answers "ok" stands beside the reads.

Code.require_file("support/bench.exs", __DIR__)
Code.require_file("support/latency.exs", __DIR__)
Bench.start()

defmodule Bench.Ok do
  def init(req, state), do: {:ok, :cowboy_req.reply(200, %{}, "ok", req), state}
end

defmodule Bench.ReadLatency do
  alias Bench.{Latency, Measure, Report}

  @features if Bench.quick?(), do: 20_000, else: 100_000
  @series if Bench.quick?(), do: 200, else: 1_000
  @points 1_000
  # Two minutes between points, so a day has 720 of them.
  @step 120_000_000
  @start 1_700_006_400_000_000
  @boxes 250
  # Degrees: about 38 features lie in a box of this size.
  @box 3.95 * :math.sqrt(100_000 / @features)
  @polygon 0.2

  @checked "every answer: the features, points and buckets that are there, as of a sequence that " <>
             "never goes back"

  def run(millis) do
    Report.open("read_latency")
    world = world()

    for {name, company, opts} <- companies() do
      with_database(world, fn database ->
        Report.section("through Elixir, #{name}",
          hits: Report.hits_of(database),
          checked: @checked
        )

        measure(database, world, company, opts, millis)
      end)
    end

    over_http(world, millis)
    Report.close()
  end

  defp companies do
    [
      {"alone", &alone/2, []},
      {"beside single writes", &single_writes/2, []},
      {"beside single writes, reader high", &single_writes/2, priority: :high},
      {"beside bulk writes", &bulk_writes/2, []},
      {"beside counts and maps", &counts_and_maps/2, []}
    ]
  end

  # All reads once, then all of them again. Beside others hits are counted in the database
  # as a whole, whose company asks nothing twice either.
  defp measure(database, world, company, opts, millis) do
    hits = Report.hits_of(database)

    beside(database, company, fn shared ->
      reads = reads(database, world, shared, Measure.counter())

      rounds =
        for _ <- 1..Bench.rounds() do
          for {_what, read, check} <- reads do
            before = hits.()
            figures = measured(read, check, shared, opts, millis)
            Map.put(figures, :hits, hits.() - before)
          end
        end

      for {{what, _, _}, rounds} <- Enum.zip(reads, Enum.zip_with(rounds, & &1)),
          do: figures(what, rounds)
    end)
  end

  # In a process of its own, which nothing before it has given a large heap.
  defp measured(read, check, shared, opts, millis) do
    Task.async(fn ->
      Process.flag(:priority, Keyword.get(opts, :priority, :normal))
      Latency.measure(Bench.span(200), read, check)
      before = counted(shared)
      figures = Latency.measure(millis, read, check)
      Map.put(figures, :meanwhile, rates(shared, before, figures.calls / figures.rate))
    end)
    |> Task.await(:infinity)
  end

  # Three figures of one read; what was measured beside them stands in their notes.
  defp figures(what, rounds) do
    values = fn key, by -> Enum.map(rounds, &(Map.fetch!(&1, key) / by)) end

    middle = fn key, by ->
      key |> values.(by) |> Enum.sort() |> Enum.at(div(length(rounds), 2))
    end

    shared = [better: :lower, hits: Enum.sum(Enum.map(rounds, & &1.hits))]
    rate = "#{Measure.rate(middle.(:rate, 1))} reads"
    meanwhile = Enum.reject([rate, hd(rounds).meanwhile], &(&1 == ""))
    tail = "p99.9 #{round(middle.(:p999, 1_000))} us, longest #{round(middle.(:max, 1_000))} us"
    us = [unit: "us"] ++ shared
    Report.figure("#{what}, p50", values.(:p50, 1_000), [note: Enum.join(meanwhile, "; ")] ++ us)
    Report.figure("#{what}, p99", values.(:p99, 1_000), [note: tail] ++ us)

    if Map.has_key?(hd(rounds), :late),
      do: Report.figure("#{what}, late", values.(:late, 0.01), [unit: "%"] ++ shared)
  end

  ## What is in the databases

  # Positions are south and north of what the writers write, so that what the boxes hold
  # stays the same.
  defp world do
    :rand.seed(:exsss, {4, 7, 11})
    at = fn bound -> Float.round((:rand.uniform() * 2 - 1) * bound, 5) end

    features =
      for n <- 0..(@features - 1) do
        {x, y} = {at.(179), at.(60)}
        size = if rem(n, 5) == 0, do: @polygon, else: 0.0
        {n, x, y, x + size, y + size}
      end

    boxes =
      for _ <- 1..@boxes do
        {w, s} = {at.(170), at.(55)}
        {e, n} = {w + @box, s + @box}

        met =
          Enum.count(features, fn {_, a, b, c, d} -> c >= w and a <= e and d >= s and b <= n end)

        {{w, s, e, n}, met}
      end

    %{features: features, boxes: List.to_tuple(boxes)}
  end

  defp with_database(world, fun) do
    Bench.with_database(fn name ->
      load(name, world)
      fun.(name)
    end)
  end

  defp load(name, %{features: features}) do
    features
    |> Enum.chunk_every(5_000)
    |> each(fn chunk -> {:ok, _} = FormdbHttp.put_features(name, collection(chunk)) end)

    timestamps =
      for n <- 0..(@points - 1), into: <<>>, do: <<@start + n * @step::little-signed-64>>

    values = for n <- 0..(@points - 1), into: <<>>, do: <<n::little-float-64>>

    each(1..@series, fn n ->
      {:ok, _} = FormdbHttp.put_columns(name, "s#{n}", timestamps, values)
    end)

    {:ok, info} = FormdbHttp.database(name)
    Measure.check!(info.features == @features, "all features are there")
    Measure.check!(info.points == @series * @points, "all points are there")
    # The bodies of all features into memory.
    for n <- 0..(@features - 1), do: {:ok, _} = FormdbHttp.get_feature(name, "f#{n}")
  end

  defp each(list, fun) do
    opts = [max_concurrency: 16, ordered: false, timeout: :infinity]
    list |> Task.async_stream(fun, opts) |> Stream.run()
  end

  defp collection(features) do
    texts = for {n, w, s, e, north} <- features, do: feature("f#{n}", w, s, e, north)
    ~s({"type":"FeatureCollection","features":[#{Enum.join(texts, ",")}]})
  end

  defp feature(id, w, s, e, n) do
    geometry =
      if w == e,
        do: ~s({"type":"Point","coordinates":[#{w},#{s}]}),
        else:
          ~s({"type":"Polygon","coordinates":[[[#{w},#{s}],[#{e},#{s}],[#{e},#{n}],) <>
            ~s([#{w},#{n}],[#{w},#{s}]]]})

    ~s({"type":"Feature","id":"#{id}","geometry":#{geometry},) <>
      ~s("properties":{"mag":4.2,"place":"10 km W of somewhere","status":"reviewed"}})
  end

  ## Reads, each with a check of its answer

  # Each is called with 0, 1, ... in each round; what must not be asked twice counts on.
  defp reads(name, world, shared, question) do
    %{boxes: boxes} = world

    nothing = :binary.copy("x", 20_000)

    [
      {"no read", fn _n -> :crypto.hash(:sha256, nothing) end,
       fn _n, digest -> Measure.check!(byte_size(digest) == 32, "a digest") end},
      {"feature by id",
       fn n ->
         FormdbHttp.get_feature(name, "f#{rem(n * 7919, @features)}")
       end,
       fn n, {:ok, %{json: json}} ->
         id = ~s("id":"f#{rem(n * 7919, @features)}")
         Measure.check!(String.contains?(json, id), "the feature that was asked for")
       end},
      {"box of #{mean(boxes)} features",
       fn n ->
         {box, _} = elem(boxes, rem(n, @boxes))
         acked = acked(shared)
         {acked, FormdbHttp.search(name, {:box, box}, limit: Measure.limit(question.()))}
       end,
       fn n, {acked, {:ok, page}} ->
         {box, met} = elem(boxes, rem(n, @boxes))
         Measure.check!(page.returned == met, "#{inspect(box)} has #{met}, not #{page.returned}")
         check_sequence(page.seq, acked)
       end},
      {"range of 60 points",
       fn n ->
         {series, from} = {"s#{rem(n * 7, @series) + 1}", rem(n * 13, @points - 60)}
         {start, stop} = {@start + from * @step, @start + (from + 60) * @step}
         acked = acked(shared)
         {acked, FormdbHttp.range(name, series, start, stop)}
       end,
       fn n, {acked, {:ok, %{points: points, seq: seq}}} ->
         from = rem(n * 13, @points - 60)
         expected = for i <- from..(from + 59), do: {@start + i * @step, i / 1}
         Measure.check!(points == expected, "sixty points in order")
         check_sequence(seq, acked)
       end},
      {"a day by 5 minutes",
       fn n ->
         {series, from} = {"s#{rem(n * 7, @series) + 1}", day(n)}
         # No point lies in the last minute.
         stop = from + 86_400_000_000 - rem(question.(), 59_000_000)
         opts = [start: from, end: stop, interval: "5m"]
         acked = acked(shared)
         {acked, FormdbHttp.aggregate(name, series, :avg, opts)}
       end,
       fn n, {acked, {:ok, %{data: data, seq: seq}}} ->
         Measure.check!(length(data) == 288, "288 buckets")
         if rem(n, 64) == 0, do: Measure.check!(data == buckets(day(n)), "means of the buckets")
         check_sequence(seq, acked)
       end}
    ]
  end

  # Begins at a full five minutes.
  defp day(n), do: @start + rem(n * 3, 112) * 300_000_000

  defp buckets(from) do
    for begin <- from..(from + 86_399_999_999)//300_000_000 do
      first = div(begin - @start + @step - 1, @step)
      last = div(begin + 299_999_999 - @start, @step)
      {begin, (first + last) / 2}
    end
  end

  defp mean(boxes) do
    counts = for {_, met} <- Tuple.to_list(boxes), do: met
    round(Enum.sum(counts) / @boxes)
  end

  defp check_sequence(seq, acked) do
    Measure.check!(seq >= acked, "as of #{seq}, when #{acked} was acknowledged")
    last = Process.get(:last_seq, 0)
    Measure.check!(seq >= last, "as of #{seq}, after an answer as of #{last}")
    Process.put(:last_seq, seq)
  end

  ## Company

  # Runs `fun` beside the processes that `company` starts, and ends them. A company is a
  # list of what is counted and the functions that do it, again and again: each returns
  # how much that was. All share the counts, the greatest sequence that was acknowledged,
  # and a flag.
  defp beside(name, company, fun) do
    shared = %{counters: :counters.new(2, []), state: :atomics.new(2, []), units: []}
    company = company.(name, shared)
    shared = %{shared | units: Enum.map(company, &elem(&1, 0))}

    tasks =
      for {{_unit, loops}, place} <- Enum.with_index(company, 1),
          loop <- loops,
          do: Task.async(fn -> until_stopped(shared, place, loop, 0) end)

    try do
      fun.(shared)
    after
      :atomics.put(shared.state, 2, 1)
      Task.await_many(tasks, :infinity)
    end
  end

  defp until_stopped(shared, place, loop, n) do
    if :atomics.get(shared.state, 2) == 0 do
      :counters.add(shared.counters, place, loop.(n))
      until_stopped(shared, place, loop, n + 1)
    end
  end

  defp counted(shared) do
    for {unit, place} <- Enum.with_index(shared.units, 1),
        do: {unit, :counters.get(shared.counters, place)}
  end

  # What was done since, in so many seconds, for people.
  defp rates(shared, before, seconds) do
    for {{unit, now}, {_, then}} <- Enum.zip(counted(shared), before) do
      "#{Measure.rate((now - then) / seconds)} #{unit}"
    end
    |> Enum.join(", ")
  end

  defp acked(shared), do: :atomics.get(shared.state, 1)

  defp acknowledge(shared, seq) do
    before = acked(shared)

    if seq > before do
      case :atomics.compare_exchange(shared.state, 1, before, seq) do
        :ok -> :ok
        _other -> acknowledge(shared, seq)
      end
    end
  end

  defp alone(_name, _shared), do: []

  defp single_writes(name, shared),
    do: [{"writes", for(caller <- 1..64, do: writer(name, shared, caller))}]

  defp writer(name, shared, caller) do
    fn n ->
      id = "w#{caller}-#{n}"
      {lon, lat} = {rem(caller * 7919 + n, 36_000) / 100 - 180, 70 + rem(n, 1_500) / 100}
      {:ok, written} = FormdbHttp.put_feature(name, feature(id, lon, lat, lon, lat))
      acknowledge(shared, written.seq)

      if rem(n, 50) == 0 do
        {:ok, read} = FormdbHttp.get_feature(name, id)
        Measure.check!(read.seq == written.seq, "what was acknowledged is read")
      end

      1
    end
  end

  defp bulk_writes(name, shared) do
    features = fn n ->
      chunk =
        for i <- 1..1_000 do
          {lon, lat} = {rem(n * 1_000 + i, 36_000) / 100 - 180, 70 + rem(i, 1_500) / 100}
          feature("b#{n}-#{i}", lon, lat, lon, lat)
        end

      text = ~s({"type":"FeatureCollection","features":[#{Enum.join(chunk, ",")}]})
      {:ok, written} = FormdbHttp.put_features(name, text)
      acknowledge(shared, written.last_seq)
      {:ok, read} = FormdbHttp.get_feature(name, "b#{n}-1000")
      Measure.check!(read.seq == written.last_seq, "what was acknowledged is read")
      1_000
    end

    values = for n <- 1..10_000, into: <<>>, do: <<rem(n * 7919, 100) / 7::little-float-64>>

    points = fn n ->
      first = @start + n * 10_000_000_000
      timestamps = for i <- 0..9_999, into: <<>>, do: <<first + i * 1_000_000::little-signed-64>>
      {:ok, written} = FormdbHttp.put_columns(name, "bulk", timestamps, values)
      acknowledge(shared, written.last_seq)
      {:ok, read} = FormdbHttp.latest(name, "bulk")
      Measure.check!(read.seq == written.last_seq, "what was acknowledged is read")
      10_000
    end

    [{"features", [features]}, {"points", [points]}]
  end

  defp counts_and_maps(name, shared) do
    # All but some metres about the pole, of which there are many.
    all = fn n -> {-180, -90, 180, 90 - rem(n, 100_000) / 1.0e9} end

    loop = fn
      n when rem(n, 2) == 0 ->
        {:ok, %{count: count}} = FormdbHttp.count(name, {:box, all.(n)})
        Measure.check!(count >= @features, "the whole world has #{count}")
        1

      n ->
        {:ok, %{json: json}} = FormdbHttp.heatmap(name, all.(n), cell: {10, 10})
        Measure.check!(byte_size(json) > 1_000, "a map")
        1
    end

    [{"counts and maps", [loop]}, {"writes", [writer(name, shared, 1)]}]
  end

  ## Over HTTP

  # Another box each time, some billionths of a degree wider, and what to print at the end, in
  # microseconds. What it counts from is replaced.
  @script """
  local n = FROM
  request = function()
    n = n + 1
    local path = string.gsub(wrk.path, "bbox=([^,]+)", function(west)
      return "bbox=" .. string.format("%.9f", tonumber(west) - n * 1e-9)
    end)
    return wrk.format("GET", path)
  end
  done = function(summary, latency)
    local e = summary.errors
    io.write(string.format("latency %d %d %d %d %d %d\\n", latency:percentile(50),
      latency:percentile(99), latency:percentile(99.9), latency.max, summary.requests,
      e.connect + e.read + e.write + e.status + e.timeout))
  end
  """
  # More than one run of wrk asks for.
  @questions 1_000_000

  defp over_http(world, millis) do
    case System.find_executable("wrk") do
      nil -> IO.puts("\nover HTTP: not measured: wrk is not installed (bin/setup --tools)")
      wrk -> over_http(wrk, world, div(millis, 1_000) + 1)
    end
  end

  defp over_http(wrk, world, seconds) do
    config = %{FormdbHttp.Config.load!() | host: {127, 0, 0, 1}, port: 0}
    {:ok, _} = FormdbHttpWeb.Endpoint.start_link(config)
    base = "http://127.0.0.1:#{FormdbHttpWeb.Endpoint.port()}/api/v1/databases"
    routes = :cowboy_router.compile([{:_, [{"/", Bench.Ok, nil}]}])
    listen = [ip: {127, 0, 0, 1}, port: 0]
    {:ok, _} = :cowboy.start_clear(:bare, listen, %{env: %{dispatch: routes}})
    bare = "http://127.0.0.1:#{:ranch.get_port(:bare)}/"
    {{w, s, e, n}, _met} = elem(world.boxes, 0)

    for {name, company} <- [{"alone", &alone/2}, {"beside single writes", &single_writes/2}] do
      with_database(world, fn database ->
        Report.section("over HTTP, one connection, #{name}", checked: "every answer's status")

        urls = [
          {"GET bare Cowboy \"ok\"", bare},
          {"GET feature by id", "#{base}/#{database}/features/f0"},
          {"GET box", "#{base}/#{database}/features?bbox=#{w},#{s},#{e},#{n}"}
        ]

        beside(database, company, fn shared ->
          # wrk takes a second at least.
          rounds =
            for round <- 1..Bench.scaled(Bench.rounds(), 1) do
              for {_what, url} <- urls do
                before = {counted(shared), Report.hits_of(database).()}
                asked(wrk, round * @questions, url, seconds, shared, before, database)
              end
            end

          for {{what, _url}, rounds} <- Enum.zip(urls, Enum.zip_with(rounds, & &1)),
              do: figures(what, rounds)
        end)
      end)
    end
  end

  defp asked(wrk, from, url, seconds, shared, {counted, hits}, database) do
    {micros, figures} = Measure.time(fn -> wrk(wrk, from, url, seconds) end)

    Map.merge(figures, %{
      meanwhile: rates(shared, counted, micros / 1.0e6),
      hits: Report.hits_of(database).() - hits
    })
  end

  defp wrk(wrk, from, url, seconds) do
    script = Path.join(System.tmp_dir!(), "wrk-latency-#{System.pid()}.lua")
    File.write!(script, String.replace(@script, "FROM", "#{from}"))
    {out, 0} = System.cmd(wrk, ["-t1", "-c1", "-d#{seconds}s", "-s", script, url])
    File.rm!(script)
    [_, numbers] = Regex.run(~r/^latency ([\d ]+)$/m, out)

    [p50, p99, p999, max, requests, errors] =
      numbers |> String.split() |> Enum.map(&String.to_integer/1)

    Measure.check!(errors == 0 and requests > 0, url <> "\n" <> out)

    nanos =
      for {key, micros} <- [p50: p50, p99: p99, p999: p999, max: max], do: {key, micros * 1_000}

    Map.new([{:rate, requests / seconds} | nanos])
  end
end

millis =
  case System.argv() do
    [] -> Bench.span(800)
    [text] -> String.to_integer(text)
  end

Bench.ReadLatency.run(millis)
