# Databases that are followed over WebSockets, beside a bare Cowboy that broadcasts the same bytes.
#
#   mix run bench/websocket_stress_test.exs
#
# The server, the bare Cowboy and the load (load/sockets.exs) are processes of the operating system of
# their own, and share its processors; of the two servers one is idle while the other is measured.
# The bare one encodes nothing, keeps nothing and knows no client: it sends what is posted to it to
# every socket, each event by itself. So it is the limit of this machine for events that come one by
# one, and what counts is the part of it that is reached. Of many at once the server sends together what
# one wake-up has for a socket, which the bare one does not.
#
#   connecting   opens 1,000 and 10,000 sockets, 64 at once; each has joined when it counts. With the
#                memory that the process takes for each
#   steady       10 events a second to 1,000 sockets, 1 to 10,000: the time from before an event is
#                posted, or written and synced, until a client has read it; and what a delivery costs
#                the server's process of the processors' time
#   all at once  events that are there at once, to all: deliveries a second
#   stalled      the steady part with 100 more clients, who read nothing and for whom more waits than
#                the buffers hold
#   writes       durable writes a second of 32 connections, with sockets that follow one in a hundred
#
# Each client checks that every event is said to come after the one that it had before, and each
# measurement ends when all have the last one: nothing may be missing.
#
# 10,000 sockets take 10,000 descriptors in each of two processes: `ulimit -Hn` has to allow as many.

Code.require_file("support/bench.exs", __DIR__)
Code.require_file("support/server.exs", __DIR__)
Bench.start()

defmodule Bench.Sockets do
  alias Bench.{Measure, Report, Server}
  alias FormdbHttp.JSON

  @databases "/api/v1/databases"
  @db @databases <> "/stress"
  @few 1_000
  # Sockets, and events a second; a quick run has the first alone.
  @followed Bench.scaled([{@few, 10}, {10_000, 1}], [{@few, 10}])
  @stalled 100
  # Milliseconds until what opening and closing leave behind is gone.
  @settled Bench.scaled(1_000, 500)
  # Of the machine, at 1,000 sockets and 10 events a second.
  @p99_us 50_000
  @deliveries 200_000
  @part 0.8
  @patience 120

  def run do
    Report.open("websocket_stress")

    # New ones for each number of sockets: memory that those before have left would be taken for theirs.
    for {sockets, rate} <- @followed,
        do: with_servers(&followed(&1, sockets, rate))

    with_servers(fn bench ->
      stalled(bench)
      writes(bench)
    end)

    Report.close()
  end

  defp with_servers(fun) do
    settings = [{"FORMDB_MAX_CONNECTIONS", "20000"}, {"FORMDB_SCRUB_BYTES_PER_SECOND", "0"}]
    server = Server.start(settings: settings)
    bare = Server.start(command: ~w(mix run --no-compile --no-start bench/load/bare_sockets.exs))

    try do
      {201, _} = Server.call(server, :post, @databases, ~s({"name":"stress"}))
      {201, _} = Server.call(server, :put, @db <> "/features/f0", feature(0, 0))
      {200, page} = Server.call(server, :get, @db <> "/journal")
      [entry] = Regex.run(~r/\{"seq":1,.*\}(?=\],"next")/, page)
      path = "/socket/websocket?vsn=2.0.0"

      bench = %{
        server: Map.merge(server, %{kind: :server, path: path, join: join(%{})}),
        bare: Map.merge(bare, %{kind: :bare, path: "/socket", join: nil}),
        entry: entry,
        last: :atomics.new(2, []),
        told: :ets.new(:told, [:duplicate_bag])
      }

      for which <- [1, 2], do: :atomics.put(bench.last, which, 1)
      fun.(bench)
    after
      Server.stop(server)
      Server.stop(bare)
    end
  end

  defp join(filter),
    do: JSON.text(["1", "1", "journal:stress", "phx_join", %{filter: filter}])

  defp feature(n, padding) do
    JSON.text(%{
      type: "Feature",
      id: "f#{rem(n, 1_000)}",
      geometry: %{type: "Point", coordinates: [7.5 + rem(n, 100) / 100, 46.25]},
      properties: %{t: now(), n: n, k: rem(n, 100), p: String.duplicate("x", padding)}
    })
  end

  ## Events, to one of the two

  # `seq` of the last event is that of the server's journal; the bare one counts for itself.
  defp which(%{kind: :server}), do: 1
  defp which(%{kind: :bare}), do: 2

  defp publish(bench, %{kind: :server} = to, 1) do
    seq = :atomics.add_get(bench.last, which(to), 1)

    {status, answer} =
      Server.call(to, :put, "#{@db}/features/f#{rem(seq, 1_000)}", feature(seq, 0))

    Measure.check!(status in [200, 201] and JSON.decode!(answer)["seq"] == seq, answer)
    seq
  end

  defp publish(bench, %{kind: :server} = to, count) do
    seq = :atomics.add_get(bench.last, which(to), count)
    features = Enum.map_join((seq - count + 1)..seq, ",", &feature(&1, 0))
    # Ids that come twice are refused within one collection.
    body = ~s({"type":"FeatureCollection","features":[#{features}]})
    {201, answer} = Server.call(to, :post, @db <> "/features", body)
    Measure.check!(JSON.decode!(answer)["last_seq"] == seq, answer)
    seq
  end

  defp publish(bench, %{kind: :bare} = to, count) do
    seq = :atomics.add_get(bench.last, which(to), count)
    frames = Enum.map_join((seq - count + 1)..seq, "\n", &frame(bench.entry, &1))
    {200, ""} = Server.call(to, :post, "/", frames)
    seq
  end

  # The frame that the server would send.
  defp frame(entry, seq) do
    ~s(["1",null,"journal:stress","journal_event",{"after":#{seq - 1},"matched":"both",) <>
      (entry
       |> String.replace_prefix(~s({"seq":1,), ~s("seq":#{seq},))
       |> String.replace(~r/"txn":\d+/, ~s("txn":#{seq}), global: false)
       |> String.replace(~r/"t":\d+/, ~s("t":#{now()}), global: false)) <> "]"
  end

  ## The load

  defp with_load(fun) do
    elixir = System.find_executable("elixir")
    program = Path.expand("load/sockets.exs", __DIR__)

    port =
      Port.open({:spawn_executable, ~c"/bin/sh"}, [
        :binary,
        {:line, 1_024},
        args: [
          "-c",
          ~S{ulimit -n "$(ulimit -Hn)"; exec "$@"},
          "sh",
          elixir,
          "--erl",
          "+P 200000 +Q 200000",
          program
        ]
      ])

    try do
      fun.(port)
    after
      Port.close(port)
    end
  end

  defp tell(load, words) do
    Port.command(load, Enum.join(words, " ") <> "\n")
    told(load, (@patience + 30) * 1_000)
  end

  defp told(load, patience) do
    receive do
      {^load, {:data, {:eol, line}}} -> String.split(line)
    after
      patience -> raise "the load says nothing"
    end
  end

  # Opens sockets: how long that took, in microseconds.
  defp open(load, to, count, how \\ "open", join \\ nil) do
    %URI{port: port} = URI.parse(to.url)
    message = if join = join || to.join, do: Base.encode64(join), else: "-"

    case tell(load, [how, count, port, to.path, message]) do
      ["opened", micros] -> String.to_integer(micros)
      other -> raise "the load says: #{Enum.join(other, " ")}"
    end
  end

  # What comes of `fun`, which publishes and gives the last `seq`.
  defp measured(load, to, expected, fun) do
    before = Server.used(to)
    begun = now()
    seq = fun.()

    with ["had" | numbers] <- tell(load, ["await", seq, @patience]) do
      [_first, last, events, bytes, p50, p95, p99, most] = Enum.map(numbers, &String.to_integer/1)
      Measure.check!(events == expected, "#{events} events came, expected #{expected}")
      used = Server.used(to)

      %{
        rate: events * 1.0e6 / (last - begun),
        micros: (used.micros - before.micros) / events,
        bytes: bytes / events,
        p50: p50,
        p95: p95,
        p99: p99,
        max: most
      }
    else
      other -> raise "the load says: #{Enum.join(other, " ")}"
    end
  end

  defp now, do: :os.system_time(:microsecond)

  ## The measurements

  @both [server: "the server", bare: "bare Cowboy"]

  defp followed(bench, sockets, rate) do
    keep = &:ets.insert(bench.told, {{sockets, &1, &2}, &3})

    for round <- 1..Bench.rounds(), {key, _name} <- order(round) do
      to = bench[key]

      with_load(fn load ->
        before = Server.used(to)
        micros = open(load, to, sockets)
        # What opening them left behind has been collected by then.
        Process.sleep(@settled)
        keep.(key, :opened, sockets * 1.0e6 / micros)
        # Later on they find the memory that those before have left.
        if round == 1, do: keep.(key, :memory, (Server.used(to).memory - before.memory) / sockets)

        events = max(div(Bench.span(10_000) * rate, 1_000), 2)
        steady = measured(load, to, events * sockets, fn -> steadily(bench, to, events, rate) end)

        for figure <- [:p50, :p95, :p99, :max, :micros, :bytes],
            do: keep.(key, figure, steady[figure])

        events = div(Bench.scaled(1_000_000, 200_000), sockets)
        burst = measured(load, to, events * sockets, fn -> publish(bench, to, events) end)
        keep.(key, :rate, burst.rate)
        ["closed"] = tell(load, ["close"])
      end)

      # Until it has noticed that they are gone.
      Process.sleep(@settled)
    end

    report(bench, sockets, rate)
  end

  # Who comes first may find the machine quieter.
  defp order(round), do: if(rem(round, 2) == 1, do: @both, else: Enum.reverse(@both))

  defp steadily(bench, to, events, rate) do
    pause = div(1_000, rate)
    begun = System.monotonic_time(:millisecond)

    for n <- 1..events, reduce: nil do
      _ ->
        Process.sleep(max(begun + n * pause - System.monotonic_time(:millisecond), 0))
        publish(bench, to, 1)
    end
  end

  defp values(bench, sockets, key, figure),
    do: for({_, value} <- :ets.lookup(bench.told, {sockets, key, figure}), do: value / 1)

  defp report(bench, sockets, rate) do
    Report.section("#{sockets} sockets",
      checked:
        "every event of every client: that it follows the one before, and that none is missing"
    )

    show = fn figure, text, opts ->
      for {key, name} <- @both do
        goal = if key == :server, do: opts[:target]
        members = opts |> Keyword.delete(:target) |> Keyword.put(:target, goal)
        Report.figure("#{text}, #{name}", values(bench, sockets, key, figure), members)
      end
    end

    show.(:opened, "sockets opened", [])
    show.(:memory, "memory a socket", unit: "bytes", better: :lower)
    few? = sockets == @few
    at = "#{rate} events a second"
    show.(:bytes, "bytes an event", unit: "bytes", better: :lower)
    show.(:p50, "#{at}, p50", unit: "us", better: :lower)
    show.(:p95, "#{at}, p95", unit: "us", better: :lower)
    show.(:p99, "#{at}, p99", unit: "us", better: :lower, target: if(few?, do: @p99_us))
    show.(:max, "#{at}, the longest", unit: "us", better: :lower)
    show.(:micros, "#{at}, processor a delivery", unit: "us", better: :lower)
    show.(:rate, "all at once, deliveries", target: if(few?, do: @deliveries))

    [server, bare] = for {key, _name} <- @both, do: values(bench, sockets, key, :rate)
    part = Enum.zip_with(server, bare, &(&1 / &2))
    Report.figure("all at once, part of the bare one", part, unit: "x", target: @part)
  end

  ## Clients that do not read

  defp stalled(bench) do
    told =
      for {name, stalled} <- [{"alone", 0}, {"with #{@stalled} stalled", @stalled}],
          # Slow, for most of it is what nobody reads.
          _ <- 1..Bench.scaled(Bench.rounds(), 1) do
        with_load(fn load ->
          to = bench.server
          open(load, to, @few)
          if stalled > 0, do: open(load, to, stalled, "stall")

          # More than the buffers between hold: some 8 MB for each.
          events = Bench.scaled(2_000, 200)
          measured(load, to, events * @few, fn -> large(bench, to, events) end)
          events = max(div(Bench.span(10_000), 100), 2)
          steady = measured(load, to, events * @few, fn -> steadily(bench, to, events, 10) end)
          ["closed"] = tell(load, ["close"])
          {name, steady}
        end)
      end

    Report.section(
      "#{@few} sockets, 10 events a second, after 8 MB that stalled clients have not read",
      checked: "every event of every client that reads"
    )

    for {name, rounds} <- Enum.group_by(told, &elem(&1, 0), &elem(&1, 1)),
        figure <- [:p50, :p99, :max] do
      values = for steady <- rounds, do: steady[figure] / 1
      Report.figure("#{figure}, #{name}", values, unit: "us", better: :lower)
    end
  end

  defp large(bench, to, events) do
    for _ <- 1..div(events, 100), reduce: nil do
      _ ->
        seq = :atomics.add_get(bench.last, which(to), 100)
        features = Enum.map_join((seq - 99)..seq, ",", &feature(&1, 4_000))
        body = ~s({"type":"FeatureCollection","features":[#{features}]})
        {201, _} = Server.call(to, :post, @db <> "/features", body)
        seq
    end
  end

  ## Writes

  @connections 32

  defp writes(bench) do
    follow_some = join(%{"prop.k" => "eq:7"})

    Report.section(
      "durable writes over HTTP, #{@connections} connections, beside sockets that follow one in 100",
      checked: "the statuses; every event of every client"
    )

    Report.measure(
      for sockets <- [0 | Enum.map(@followed, &elem(&1, 0))] do
        {"#{sockets} sockets", fn -> with_load(&written(bench, &1, sockets, follow_some)) end, []}
      end
    )
  end

  defp written(bench, load, sockets, follow_some) do
    if sockets > 0, do: open(load, bench.server, sockets, "open", follow_some)
    millis = Bench.span(4_000)
    begun = System.monotonic_time(:millisecond)
    numbers = :atomics.new(1, [])

    counts =
      1..@connections
      |> Enum.map(fn _ ->
        Task.async(fn -> write_until(bench.server, numbers, begun + millis, 0) end)
      end)
      |> Task.await_many(:infinity)

    took = System.monotonic_time(:millisecond) - begun
    seq = :atomics.add_get(bench.last, 1, Enum.sum(counts))
    # One more that they follow, so that there is an end to wait for.
    last = seq + rem(107 - rem(seq, 100), 100)
    last = if last == seq, do: seq + 100, else: last
    for _ <- (seq + 1)..last, do: publish(bench, bench.server, 1)

    if sockets > 0 do
      ["had" | _] = tell(load, ["await", last, @patience])
      ["closed"] = tell(load, ["close"])
    end

    Enum.sum(counts) * 1_000 / took
  end

  # Over a connection of its own, one after the other.
  defp write_until(server, numbers, deadline, count) do
    %URI{port: port} = URI.parse(server.url)

    {:ok, socket} =
      :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false, nodelay: true])

    count = write_on(socket, numbers, deadline, count)
    :gen_tcp.close(socket)
    count
  end

  defp write_on(socket, numbers, deadline, count) do
    if System.monotonic_time(:millisecond) < deadline do
      n = :atomics.add_get(numbers, 1, 1)
      body = feature(n, 0)

      :ok =
        :gen_tcp.send(socket, [
          "PUT #{@db}/features/f#{rem(n, 1_000)} HTTP/1.1\r\nhost: localhost\r\n",
          "content-type: application/geo+json\r\ncontent-length: #{byte_size(body)}\r\n\r\n",
          body
        ])

      answered(socket, "")
      write_on(socket, numbers, deadline, count + 1)
    else
      count
    end
  end

  defp answered(socket, text) do
    {:ok, more} = :gen_tcp.recv(socket, 0, 60_000)
    text = text <> more

    with [head, rest] <- :binary.split(text, "\r\n\r\n"),
         "HTTP/1.1 20" <> _ <- head,
         [_, length] = Regex.run(~r/content-length: (\d+)/i, head),
         true <- byte_size(rest) >= String.to_integer(length) do
      :ok
    else
      [_part] -> answered(socket, text)
      false -> answered(socket, text)
      other -> raise "a write is answered #{inspect(other)}"
    end
  end
end

Bench.Sockets.run()
