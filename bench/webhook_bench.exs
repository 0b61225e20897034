# Webhooks, to a receiver in the same VM that answers at once.
#
#   mix run bench/webhook_bench.exs
#
# Three things are measured:
#
#   behind     events a second to one webhook that has 20,000 blocks to catch up with, in
#              deliveries of up to 100, and to ten webhooks at once; deliveries a second of one
#              event each
#   latency    from the acknowledgement of a write until the receiver has it, 100 writes a second
#   writes     durable single writes of 16 callers, without a webhook, with ten, and with ten whose
#              receivers hang
#
# The receiver checks that every event is said to come after the one that it had before, and each
# measurement ends when all have come.

Code.require_file("support/bench.exs", __DIR__)
Code.require_file("support/histogram.exs", __DIR__)
Bench.start([{"FORMDB_WEBHOOK_PRIVATE", "true"}])

defmodule Bench.Receiver do
  @moduledoc "Takes deliveries, checks that none is missing, and counts their events."

  @answer "HTTP/1.1 204 No Content\r\n\r\n"

  def start do
    {:ok, listener} =
      :gen_tcp.listen(0, [:binary, active: false, backlog: 1_024, ip: {127, 0, 0, 1}])

    {:ok, port} = :inet.port(listener)
    table = :ets.new(:last, [:public, write_concurrency: true])
    owner = self()
    pid = spawn_link(fn -> accept(listener, table, owner) end)
    %{port: port, table: table, pid: pid}
  end

  @doc "The last event that a webhook had."
  def last(%{table: table}, id) do
    case :ets.lookup(table, id) do
      [{^id, seq}] -> seq
      [] -> 0
    end
  end

  defp accept(listener, table, owner) do
    # Until the benchmark ends.
    with {:ok, socket} <- :gen_tcp.accept(listener) do
      pid = spawn_link(fn -> serve(socket, table, owner) end)
      :gen_tcp.controlling_process(socket, pid)
      send(pid, :go)
      accept(listener, table, owner)
    end
  end

  defp serve(socket, table, owner) do
    receive do: (:go -> :ok)
    # One that is given up on the way is closed.
    {path, body} = read(socket, "") || exit(:normal)
    now = System.monotonic_time(:nanosecond)

    case path do
      "/hang" ->
        Process.sleep(:infinity)

      "/" <> id ->
        events = Regex.scan(~r/{"after":(\d+),"matched":"\w+","seq":(\d+)/, body)

        Enum.each(events, fn [_event, before, seq] ->
          [before, seq] = [String.to_integer(before), String.to_integer(seq)]

          known =
            case :ets.lookup(table, id) do
              [{_, seq}] -> seq
              [] -> before
            end

          Bench.Measure.check!(known == before, "an event of #{id} comes after the one before")
          :ets.insert(table, {id, seq})
          if id == "timed", do: send(owner, {:came, seq, now})
        end)

        :gen_tcp.send(socket, @answer)
        :gen_tcp.close(socket)
    end
  end

  defp read(socket, bytes) do
    case :binary.split(bytes, "\r\n\r\n") do
      [head, body] ->
        [_, path] = Regex.run(~r/^POST (\S+)/, head)
        [_, length] = Regex.run(~r/content-length: (\d+)/, head)
        body = rest(socket, body, String.to_integer(length))
        body && {path, body}

      [_part] ->
        with {:ok, more} <- :gen_tcp.recv(socket, 0),
             do: read(socket, bytes <> more),
             else: (_ -> nil)
    end
  end

  defp rest(_socket, body, length) when byte_size(body) == length, do: body

  defp rest(socket, body, length) do
    with {:ok, more} <- :gen_tcp.recv(socket, length - byte_size(body)),
         do: rest(socket, body <> more, length),
         else: (_closed -> nil)
  end
end

defmodule Bench.Webhooks do
  alias Bench.{Histogram, Measure, Receiver, Report}

  @blocks Bench.scaled(20_000, 2_000)
  @ones Bench.scaled(2_000, 300)
  @writes Bench.scaled(2_000, 200)
  @span Bench.span(4_000)

  def run do
    receiver = Receiver.start()
    Report.open("webhook")
    behind(receiver)
    latency(receiver)
    writes(receiver)
    Report.close()
  end

  defp feature(n) do
    ~s({"type":"Feature","id":"f#{rem(n, 1_000)}","geometry":{"type":"Point","coordinates":[#{rem(n, 180)},5]},) <>
      ~s("properties":{"n":#{n}}})
  end

  defp hook(name, receiver, id, path \\ nil, filter \\ %{"type" => "put_feature"}) do
    address = "http://127.0.0.1:#{receiver.port}/#{path || id}"

    {:ok, _} =
      FormdbHttp.create_webhook(name, %{id: id, address: address, since: 0, filter: filter})

    id
  end

  defp await(receiver, ids, seq) do
    unless Enum.all?(ids, &(Receiver.last(receiver, &1) >= seq)) do
      Process.sleep(1)
      await(receiver, ids, seq)
    end
  end

  ## Behind

  defp behind(receiver) do
    Report.section("to catch up",
      checked: "every event comes after the one before, and the last one comes"
    )

    Report.measure([
      {"one webhook", fn -> catch_up(receiver, 1) end, unit: "events/s"},
      {"ten webhooks", fn -> catch_up(receiver, 10) end, unit: "events/s"},
      {"deliveries of one event", fn -> one_by_one(receiver) end, unit: "/s"}
    ])
  end

  defp catch_up(receiver, count) do
    Bench.with_database(fn name ->
      for chunk <- Enum.chunk_every(1..@blocks, 1_000) do
        features = Enum.map_join(chunk, ",", &feature/1)

        {:ok, _} =
          FormdbHttp.put_features(name, ~s({"type":"FeatureCollection","features":[#{features}]}))
      end

      ids = for n <- 1..count, do: "#{name}-#{n}"
      began = System.monotonic_time(:nanosecond)
      for id <- ids, do: hook(name, receiver, id)
      await(receiver, ids, @blocks)
      rate(count * @blocks, began)
    end)
  end

  defp one_by_one(receiver) do
    Bench.with_database(fn name ->
      hook(name, receiver, name)
      began = System.monotonic_time(:nanosecond)

      for n <- 1..@ones do
        {:ok, %{seq: seq}} = FormdbHttp.put_feature(name, feature(n))
        await_one(receiver, name, seq)
      end

      rate(@ones, began)
    end)
  end

  defp await_one(receiver, id, seq) do
    if Receiver.last(receiver, id) < seq do
      :erlang.yield()
      await_one(receiver, id, seq)
    end
  end

  defp rate(count, began), do: count * 1.0e9 / (System.monotonic_time(:nanosecond) - began)

  ## Latency

  defp latency(receiver) do
    Report.section("from the acknowledgement to the receiver, 100 writes a second",
      checked: "each event once"
    )

    rounds = for _ <- 1..Bench.rounds(), do: round_of_latency(receiver)

    for {name, place} <- [{"p50", 0}, {"p99", 1}] do
      Report.figure(name, Enum.map(rounds, &elem(&1, place)), unit: "us", better: :lower)
    end
  end

  defp round_of_latency(receiver) do
    :ets.delete(receiver.table, "timed")
    histogram = Histogram.new()

    Bench.with_database(fn name ->
      hook(name, receiver, "timed")

      for n <- 1..@writes do
        {:ok, %{seq: seq}} = FormdbHttp.put_feature(name, feature(n))
        acknowledged = System.monotonic_time(:nanosecond)

        receive do
          {:came, ^seq, at} -> Histogram.add(histogram, max(at - acknowledged, 0))
        end

        Process.sleep(
          max(10 - div(System.monotonic_time(:nanosecond) - acknowledged, 1_000_000), 0)
        )
      end
    end)

    {Histogram.percentile(histogram, @writes, 0.5) / 1_000,
     Histogram.percentile(histogram, @writes, 0.99) / 1_000}
  end

  ## Writes

  defp writes(receiver) do
    Report.section("durable single writes of 16 callers", checked: "each is acknowledged")

    Report.measure([
      {"without a webhook", fn -> rate_of_writes(fn _name -> [] end) end, unit: "/s"},
      {"with ten", fn -> rate_of_writes(&ten(&1, receiver, nil)) end, unit: "/s"},
      {"with ten that hang", fn -> rate_of_writes(&ten(&1, receiver, "hang")) end, unit: "/s"}
    ])
  end

  defp ten(name, receiver, path),
    do: for(n <- 1..10, do: hook(name, receiver, "#{name}-#{n}", path))

  defp rate_of_writes(prepare) do
    Bench.with_database(fn name ->
      prepare.(name)
      until = System.monotonic_time(:millisecond) + @span
      began = System.monotonic_time(:nanosecond)
      callers = for caller <- 1..16, do: Task.async(fn -> write(name, caller, until, 0) end)
      count = callers |> Task.await_many(:infinity) |> Enum.sum()
      Measure.check!(count > 0, "writes are acknowledged")
      rate(count, began)
    end)
  end

  defp write(name, caller, until, count) do
    if System.monotonic_time(:millisecond) < until do
      {:ok, _} = FormdbHttp.put_feature(name, feature(100 * count + caller))
      write(name, caller, until, count + 1)
    else
      count
    end
  end
end

Bench.Webhooks.run()
