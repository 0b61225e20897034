# Clients of WebSockets, as many as are asked for, in an operating system process of their own: the
# load of bench/websocket_stress_test.exs, which starts it and tells it by lines what to do.
#
#   elixir --erl "+P 200000 +Q 200000" bench/load/sockets.exs
#
#   open COUNT PORT PATH MESSAGE   opens so many, 64 at once; each sends the message (in base 64; "-":
#                                  none) and waits for an answer to it: `opened MICROSECONDS`
#   stall COUNT PORT PATH MESSAGE  the same with clients that read no more from then on
#   await SEQ SECONDS              waits until each has had the event with this `seq`, and says
#                                  `had FIRST LAST EVENTS BYTES P50 P95 P99 MAX`: times of the first and of
#                                  the last bytes in microseconds since the epoch, what came since the
#                                  `await` before, and how long it took since the `t` in it, in
#                                  microseconds; or `missing CLIENTS`
#   close                          closes all: `closed`
#
# An event is a text frame with `"after":A,...,"seq":S`, where A has to be the S of the one before, and
# has `"t":T`, when it was sent, in microseconds since the epoch. What is not so is a `fault`, and the
# end of the program. Frames without are passed over.

Code.require_file("../support/histogram.exs", __DIR__)

defmodule Sockets do
  alias Bench.Histogram

  @at_once 64
  @heartbeat_ms 25_000
  @heartbeat ~s([null,"0","phoenix","heartbeat",{}])
  @most_clients 100_000

  # Indices of the shared numbers.
  @clients 1
  @first 2
  @last 3
  @events 4
  @bytes 5

  def run do
    shared = %{
      numbers: :atomics.new(5, signed: false),
      # Of each client that reads, the last event that it had.
      seqs: :atomics.new(@most_clients, signed: false),
      latencies: Histogram.new([:write_concurrency]),
      marks:
        {:binary.compile_pattern(~s("after":)), :binary.compile_pattern(~s("seq":)),
         :binary.compile_pattern(~s("t":))}
    }

    lines(shared, [])
  end

  defp lines(shared, clients) do
    case IO.read(:line) do
      line when is_binary(line) -> lines(shared, command(String.split(line), shared, clients))
      _closed -> :ok
    end
  end

  defp command([open, count, port, path, message], shared, clients)
       when open in ["open", "stall"] do
    message = if message == "-", do: nil, else: Base.decode64!(message)
    asked = {String.to_integer(port), path, message, open == "stall"}
    begun = now()
    opened = open_all(String.to_integer(count), asked, shared)
    IO.puts("opened #{now() - begun}")
    opened ++ clients
  end

  defp command(["await", seq, seconds], shared, clients) do
    await(shared, String.to_integer(seq), now() + String.to_integer(seconds) * 1_000_000)
    clients
  end

  defp command(["close"], shared, clients) do
    for pid <- clients, do: Process.exit(pid, :kill)

    for index <- 1..:atomics.get(shared.numbers, @clients)//1,
        do: :atomics.put(shared.seqs, index, 0)

    for index <- 1..@bytes, do: :atomics.put(shared.numbers, index, 0)
    IO.puts("closed")
    []
  end

  ## Opening

  defp open_all(count, asked, shared) do
    parent = self()

    openers =
      for part <- 1..@at_once do
        share = div(count, @at_once) + if(part <= rem(count, @at_once), do: 1, else: 0)

        spawn_link(fn ->
          pids = for _ <- 1..share//1, do: open(asked, shared)
          send(parent, {self(), pids})
        end)
      end

    Enum.flat_map(openers, fn opener -> receive do: ({^opener, pids} -> pids) end)
  end

  defp open(asked, shared) do
    opener = self()

    pid =
      spawn(fn ->
        try do
          client(asked, shared, opener)
        catch
          kind, reason -> fault(Exception.format(kind, reason, __STACKTRACE__))
        end
      end)

    receive do: ({^pid, :open} -> pid)
  end

  defp client({port, path, message, stalls?}, shared, opener) do
    options = [:binary, active: false, nodelay: true, buffer: 65_536]
    options = if stalls?, do: [recbuf: 4_096] ++ options, else: options
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, options, 60_000)

    :ok =
      :gen_tcp.send(socket, [
        "GET #{path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n",
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
      ])

    rest = head(socket, "")

    if message do
      push(socket, message)
      "" = answer(socket, rest)
    end

    if stalls? do
      send(opener, {self(), :open})
      Process.sleep(:infinity)
    else
      Process.send_after(self(), :heartbeat, :rand.uniform(@heartbeat_ms))
      :ok = :inet.setopts(socket, active: true)
      number = :atomics.add_get(shared.numbers, @clients, 1)
      send(opener, {self(), :open})
      loop(socket, rest, nil, Map.put(shared, :client, number))
    end
  end

  defp head(socket, text) do
    case :binary.split(text, "\r\n\r\n") do
      ["HTTP/1.1 101" <> _, rest] -> rest
      [_part] -> head(socket, text <> more(socket))
      other -> fault("the handshake is answered #{inspect(other)}")
    end
  end

  defp answer(socket, text) do
    case frame(text) do
      {payload, rest} ->
        if payload =~ ~s("status":"ok"), do: rest, else: fault("the join is answered #{payload}")

      :more ->
        answer(socket, text <> more(socket))
    end
  end

  defp more(socket) do
    {:ok, bytes} = :gen_tcp.recv(socket, 0, 60_000)
    bytes
  end

  # Masked with zeros.
  defp push(socket, text) when byte_size(text) < 126,
    do: :ok = :gen_tcp.send(socket, [<<0x81, 1::1, byte_size(text)::7, 0::32>>, text])

  defp push(socket, text),
    do: :ok = :gen_tcp.send(socket, [<<0x81, 1::1, 126::7, byte_size(text)::16, 0::32>>, text])

  ## Reading

  # `seq` is that of the last event.
  defp loop(socket, rest, seq, shared) do
    receive do
      {:tcp, ^socket, bytes} ->
        now = now()
        text = if rest == "", do: bytes, else: rest <> bytes
        {rest, seq, events} = frames(text, seq, 0, now, shared)
        if events > 0, do: note(events, byte_size(bytes), seq, now, shared)
        loop(socket, rest, seq, shared)

      :heartbeat ->
        push(socket, @heartbeat)
        Process.send_after(self(), :heartbeat, @heartbeat_ms)
        loop(socket, rest, seq, shared)

      {:tcp_closed, ^socket} ->
        fault("a connection was closed after event #{inspect(seq)}")

      {:tcp_error, ^socket, reason} ->
        fault("a connection failed after event #{inspect(seq)}: #{reason}")
    end
  end

  defp note(events, bytes, seq, now, %{numbers: numbers} = shared) do
    :atomics.add(numbers, @events, events)
    :atomics.add(numbers, @bytes, bytes)
    :atomics.compare_exchange(numbers, @first, 0, now)
    most(numbers, @last, now)
    :atomics.put(shared.seqs, shared.client, seq)
  end

  defp most(numbers, index, value) do
    before = :atomics.get(numbers, index)

    if value > before and :atomics.compare_exchange(numbers, index, before, value) != :ok,
      do: most(numbers, index, value),
      else: :ok
  end

  defp frames(text, seq, events, now, shared) do
    case frame(text) do
      :more ->
        {:binary.copy(text), seq, events}

      {payload, rest} ->
        case event(payload, seq, now, shared) do
          nil -> frames(rest, seq, events, now, shared)
          seq -> frames(rest, seq, events + 1, now, shared)
        end
    end
  end

  defp frame(<<0x81, 0::1, size::7, payload::binary-size(size), rest::binary>>) when size < 126,
    do: {payload, rest}

  defp frame(<<0x81, 0::1, 126::7, size::16, payload::binary-size(size), rest::binary>>),
    do: {payload, rest}

  defp frame(<<0x88, _::binary>> = close), do: fault("a socket was closed: #{inspect(close)}")
  defp frame(_part), do: :more

  defp event(payload, before, now, %{marks: {after_mark, seq_mark, t_mark}} = shared) do
    with {at, size} <- :binary.match(payload, after_mark) do
      claimed = number(payload, at + size)
      {at, size} = :binary.match(payload, seq_mark, scope: {at, byte_size(payload) - at})
      seq = number(payload, at + size)
      {at, size} = :binary.match(payload, t_mark, scope: {at, byte_size(payload) - at})
      Histogram.add(shared.latencies, max(now - number(payload, at + size), 0))

      if before != nil and claimed != before,
        do: fault("after #{before} came #{seq}, which is said to be after #{claimed}")

      seq
    else
      :nomatch -> nil
    end
  end

  defp number(text, at), do: digits(binary_part(text, at, min(20, byte_size(text) - at)), 0)

  defp digits(<<digit, rest::binary>>, n) when digit in ?0..?9,
    do: digits(rest, n * 10 + digit - ?0)

  defp digits(_rest, n), do: n

  ## Waiting

  defp await(%{numbers: numbers} = shared, seq, deadline) do
    clients = :atomics.get(numbers, @clients)

    case Enum.count(1..clients//1, &(:atomics.get(shared.seqs, &1) < seq)) do
      0 ->
        had(shared)

      missing ->
        if now() > deadline do
          IO.puts("missing #{missing}")
        else
          Process.sleep(5)
          await(shared, seq, deadline)
        end
    end
  end

  defp had(%{numbers: numbers, latencies: latencies}) do
    [first, last, events, bytes] =
      for index <- [@first, @last, @events, @bytes], do: :atomics.exchange(numbers, index, 0)

    shares = for share <- [0.5, 0.95, 0.99], do: Histogram.percentile(latencies, events, share)
    longest = Histogram.greatest(latencies)
    Histogram.clear(latencies)
    IO.puts("had #{Enum.join([first, last, events, bytes] ++ shares ++ [longest], " ")}")
  end

  defp fault(what) do
    IO.puts("fault #{String.replace(what, "\n", " ")}")
    System.halt(1)
  end

  defp now, do: :os.system_time(:microsecond)
end

Sockets.run()
