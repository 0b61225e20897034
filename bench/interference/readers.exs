for file <- ~w(measure histogram), do: Code.require_file("../support/#{file}.exs", __DIR__)
Code.require_file("../growth/features.exs", __DIR__)

defmodule Bench.Interference.Readers do
  @moduledoc """
  64 readers and a writer who each ask at their own pace, however long answers take: half of the
  readers through the Elixir API and half over HTTP, every 20 milliseconds, and the writer waits for the
  disk with each of its points.

  They leave most of the machine to others: what is measured is how long they wait for these, and
  not for each other, as those would who ask again at once. A call that begins late because the one before took
  long is counted from when it was due; a reader that only woke up late is not.

  What is refused as busy is counted, and how long that took is a wait as well.

  All are in the VM of the database, so that a call has no other program to wait for.
  """

  alias Bench.{Histogram, Measure}
  alias Bench.Growth.{Features, Lattice}

  @readers 64
  # Milliseconds from one call of a reader to its next.
  @pace 20
  @side 6

  @doc "Who they are, in the order in which they are told."
  def who, do: ["reads through Elixir", "reads over HTTP", "durable writes of a point"]

  @doc """
  Starts them on a database with a world of `Bench.Growth.Features`, calls `fun`, and ends them: a map of
  what each of `who/0` waited, in nanoseconds, while it ran.
  """
  def beside(name, world, port, fun) do
    counts =
      Map.new(
        who(),
        &{&1, {Histogram.new([:write_concurrency]), :counters.new(2, [:write_concurrency])}}
      )

    stop = :atomics.new(1, [])

    tasks =
      for reader <- 1..@readers do
        Task.async(fn ->
          if rem(reader, 2) == 0,
            do:
              loop(
                counts["reads through Elixir"],
                stop,
                &ask(name, world, &1 * @readers + reader)
              ),
            else: over_http(counts["reads over HTTP"], stop, port, name, world, reader)
        end)
      end

    writer =
      Task.async(fn -> loop(counts["durable writes of a point"], stop, &write(name, &1)) end)

    # Until all are on their way.
    Process.sleep(Bench.scaled(500, 200))

    for {_who, {histogram, calls}} <- counts,
        do: clear(histogram, calls)

    {micros, did} = Measure.time(fun)

    told =
      Map.new(counts, fn {who, {histogram, calls}} ->
        {who, summary(histogram, calls, micros)}
      end)

    :atomics.put(stop, 1, 1)
    Task.await_many([writer | tasks], :infinity)
    {told, did, micros}
  end

  defp clear(histogram, calls) do
    Histogram.clear(histogram)
    for counter <- 1..2, do: :counters.put(calls, counter, 0)
  end

  defp summary(histogram, calls, micros) do
    number = :counters.get(calls, 1)
    at = &(Histogram.percentile(histogram, number, &1) / 1_000)

    %{
      "calls" => number,
      "refused" => :counters.get(calls, 2),
      "rate" => number * 1_000_000 / micros,
      "p50" => at.(0.5),
      "p99" => at.(0.99),
      "p999" => at.(0.999),
      "max" => Histogram.greatest(histogram) / 1_000
    }
  end

  ## Pace

  defp loop(counted, stop, ask) do
    first = now() + :rand.uniform(@pace * 1_000_000)
    loop(counted, stop, ask, 0, first, 0)
  end

  defp loop({histogram, calls} = counted, stop, ask, n, due, ended) do
    if :atomics.get(stop, 1) == 0 do
      wait = due - now()
      if wait > 0, do: Process.sleep(ceil(wait / 1_000_000))
      begun = if ended > due, do: due, else: now()
      answered = ask.(n)
      ended = now()
      Histogram.add(histogram, ended - begun)
      :counters.add(calls, 1, 1)
      if answered == :refused, do: :counters.add(calls, 2, 1)
      loop(counted, stop, ask, n + 1, due + @pace * 1_000_000, ended)
    end
  end

  defp now, do: :erlang.monotonic_time(:nanosecond)

  ## What is asked

  defp number(world, n), do: rem(n * 7_919, world.size)
  defp place(world, n), do: Lattice.place(world.lattice, rem(n, 997), @side)

  defp ask(name, world, n) do
    case rem(div(n, @readers), 3) do
      0 ->
        FormdbHttp.get_feature(name, "f#{number(world, n)}")
        |> check(&(&1.seq == Features.seq(number(world, n))))

      1 ->
        box = Lattice.box(world.lattice, place(world, n), @side, @side)
        FormdbHttp.search(name, {:box, box}) |> check(&(&1.returned == @side * @side))

      2 ->
        position = Lattice.position(world.lattice, number(world, n))
        FormdbHttp.search(name, {:near, position}, k: 10) |> check(&(&1.returned == 10))
    end
  end

  # Answers are long: none is made a text of that is right.
  defp check({:ok, answer}, right?) do
    if right?.(answer),
      do: :ok,
      else: Measure.check!(false, "what was asked for, not #{inspect(answer)}")
  end

  defp check({:error, %{code: :busy}}, _right?), do: :refused

  defp write(name, n) do
    FormdbHttp.put_point(name, "paced", System.os_time(:microsecond) + n, n)
    |> check(&(&1.inserted == 1))
  end

  ## The same over HTTP, on one connection

  defp over_http(counted, stop, port, name, world, reader) do
    {:ok, socket} =
      :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false, packet: :raw, nodelay: true])

    loop(counted, stop, &get(socket, name, world, &1 * @readers + reader))
    :gen_tcp.close(socket)
  end

  defp get(socket, name, world, n) do
    {path, expected} = path(world, n)

    :ok =
      :gen_tcp.send(
        socket,
        "GET /api/v1/databases/#{name}/features#{path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
      )

    {head, body} = answer(socket, "")

    if String.starts_with?(head, "HTTP/1.1 503 ") do
      :refused
    else
      Measure.check!(String.starts_with?(head, "HTTP/1.1 200 "), "status 200, not #{head}")
      Measure.check!(body =~ expected, "what was asked for")
    end
  end

  defp path(world, n) do
    case rem(div(n, @readers), 3) do
      0 ->
        {"/f#{number(world, n)}", ~s("id":"f#{number(world, n)}")}

      1 ->
        {w, s, e, north} = Lattice.box(world.lattice, place(world, n), @side, @side)
        {"?bbox=#{w},#{s},#{e},#{north}", ~s("numberReturned":36)}

      2 ->
        {x, y} = Lattice.position(world.lattice, number(world, n))
        {"/nearby?point=#{x},#{y}&k=10", ~s("numberReturned":10)}
    end
  end

  # Answers say how long they are, or come in chunks.
  defp answer(socket, got) do
    case String.split(got, "\r\n\r\n", parts: 2) do
      [head, body] -> {head, body(socket, head, body)}
      [_part] -> answer(socket, got <> receive_more(socket))
    end
  end

  defp body(socket, head, body) do
    case Regex.run(~r/^content-length: (\d+)/im, head) do
      [_, length] -> exactly(socket, body, String.to_integer(length))
      nil -> until_last_chunk(socket, body)
    end
  end

  defp exactly(_socket, body, length) when byte_size(body) >= length, do: body
  defp exactly(socket, body, length), do: exactly(socket, body <> receive_more(socket), length)

  defp until_last_chunk(socket, body) do
    if String.ends_with?(body, "\r\n0\r\n\r\n"),
      do: body,
      else: until_last_chunk(socket, body <> receive_more(socket))
  end

  defp receive_more(socket) do
    {:ok, data} = :gen_tcp.recv(socket, 0, 60_000)
    data
  end
end
