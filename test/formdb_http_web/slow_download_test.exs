defmodule FormdbHttpWeb.SlowDownloadTest do
  # Downloads whose clients read slowly, nothing, or go away.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Admission, Config, WorkMemory}
  alias FormdbHttpWeb.Endpoint

  # More than the buffers on the way hold, in lines of 5 KB and of 50 bytes.
  @features 4_000
  @points 400_000
  @series 4

  # What is held for one download beside what was there: about a piece, and what packs
  # it; of a table of long rows 1 MiB.
  @held_bytes 2 * 1024 * 1024
  # Buckets are an answer that is made as a whole.
  @whole_bytes 32 * 1024 * 1024

  # Of every page the text is counted, and what it is packed to.
  @pages {WorkMemory, :count, 2}

  setup_all do
    name = "slow-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)

    features =
      for i <- 1..@features do
        padding = 3_750 |> :rand.bytes() |> Base.encode64()

        ~s({"type":"Feature","id":"f#{i}","geometry":{"type":"Point","coordinates":[#{rem(i, 180)},1]},) <>
          ~s("properties":{"padding":"#{padding}"}}\n)
      end

    {:ok, %{inserted: @features}} = FormdbHttp.upload(name, features, format: {:features, :lines})

    times = for i <- 1..div(@points, @series), do: i * 1_000_000
    values = Enum.map(times, &(&1 / 7))
    for n <- 1..@series, do: {:ok, _} = FormdbHttp.put_columns(name, "s#{n}", times, values)

    # A table of long rows.
    times = for i <- 1..1_000, do: i * 1_000_000
    values = Enum.map(times, &(&1 / 7))
    for n <- 1..300, do: {:ok, _} = FormdbHttp.put_columns(name, "wide-#{n}", times, values)

    {:ok, base: "/api/v1/databases/#{name}"}
  end

  setup context do
    settings = Map.merge(Config.load!(), Map.get(context, :settings, %{}))
    start_supervised!({Endpoint, settings})
    # What is not loaded yet matches no pattern.
    Code.ensure_loaded!(WorkMemory)
    :erlang.trace_pattern(@pages, true, [:call_count])
    on_exit(fn -> :erlang.trace_pattern(@pages, false, [:call_count]) end)
    :ok
  end

  defp pages do
    {:call_count, count} = :erlang.trace_info(@pages, :call_count)
    count
  end

  defp downloads do
    [
      {"/features", "application/x-ndjson", []},
      {"/features", "application/geo+json-seq", []},
      {"/features", "application/x-ndjson", [{"accept-encoding", "gzip"}]},
      {"/journal", "application/x-ndjson", []},
      {"/timeseries/*", "application/x-ndjson", []},
      {"/timeseries/*?order=desc", "text/csv", []},
      {"/timeseries/s*?shape=wide", "text/csv", []},
      {"/timeseries/wide-*?shape=wide", "text/csv", []},
      {"/timeseries/s*/aggregate?aggregation=avg&interval=10s", "application/x-ndjson", []}
    ]
  end

  # The answer of a client with a small buffer has begun.
  defp begin(base, {path, accept, headers}) do
    opts = [:binary, active: false, recbuf: 65_536]
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, Endpoint.port(), opts)
    headers = [{"accept", accept}, {"connection", "close"} | headers]
    write(socket, format("GET", base <> path, headers: headers))
    {socket, read_head(socket)}
  end

  for {way, linger} <- [{"closes", {false, 0}}, {"resets", {true, 0}}] do
    test "a client that #{way} the connection ends its download at once", %{base: base} do
      {before, _} = WorkMemory.figures()

      for {path, accept, _} = download <- downloads() do
        {socket, %{status: 200}} = begin(base, download)
        what = "#{path} as #{accept}"
        {:ok, _} = :gen_tcp.recv(socket, 100_000, 10_000)
        # Until the buffers are full.
        stalled = wait_for_rest()
        :inet.setopts(socket, linger: unquote(Macro.escape(linger)))
        :gen_tcp.close(socket)
        wait_until(fn -> Endpoint.connections() == 0 end, 2_000, what)
        # It was making one, and was asked for another before the failure was told.
        assert pages() - stalled <= 3, what
        wait_until(fn -> idle?(before) end, 2_000, what)
      end
    end
  end

  test "a client that reads slowly gets all of it, and little is held for it", %{base: base} do
    {before, _} = WorkMemory.figures()

    for {path, accept, headers} = download <- downloads() do
      expected = get(Endpoint.port(), base <> path, [{"accept", accept} | headers]).body
      {socket, %{status: 200} = head} = begin(base, download)
      wait_for_rest()
      {held, _} = WorkMemory.figures()
      most = if path =~ "aggregate", do: @whole_bytes, else: @held_bytes
      assert held - before < most, path
      assert read_rest(socket, head).body == expected, path
      :gen_tcp.close(socket)
    end
  end

  @tag settings: %{send_timeout_ms: 300}
  test "a client that reads nothing is cut off, and one that pauses is not", %{base: base} do
    {before, _} = WorkMemory.figures()
    sockets = for download <- downloads(), do: elem(begin(base, download), 0)
    wait_until(fn -> Endpoint.connections() == 0 end, 10_000, "connections")
    wait_until(fn -> idle?(before) end, 2_000, "memory")
    for socket <- sockets, do: :gen_tcp.close(socket)

    {socket, head} = begin(base, hd(downloads()))
    Process.sleep(150)
    body = read_rest(socket, head).body
    assert body |> String.split("\n", trim: true) |> length() == @features
  end

  # Pages made until no more are.
  defp wait_for_rest(count \\ nil, left \\ 10_000) do
    case pages() do
      ^count ->
        count

      more when left > 0 ->
        Process.sleep(300)
        wait_for_rest(more, left - 300)
    end
  end

  defp idle?(before) do
    {used, _} = WorkMemory.figures()
    used <= before and Admission.figures(:question).taken == 0
  end

  defp wait_until(condition, left, what) do
    cond do
      condition.() -> :ok
      left <= 0 -> flunk("it does not become true: #{what}")
      true -> Process.sleep(10) && wait_until(condition, left - 10, what)
    end
  end
end
