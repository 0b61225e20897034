defmodule Bench.Benchmark do
  @moduledoc """
  `run/2` in the shape of Benchee's: a map of names to functions, options, a table.

      Bench.Benchmark.run(
        %{"box of 38" => fn boxes -> ... end},
        inputs: %{"10 K features" => boxes},
        time: 2,
        warmup: 0.5
      )

  Options, with their defaults:

    * `:time` (2) and `:warmup` (0.5) - seconds for each job, and before it
    * `:parallel` (1) - processes that run the job at the same time
    * `:inputs` - a map of names to what the functions are called with; without it
      they take no argument
    * `:memory_time` (0) - more than 0 measures what one call allocates in the process
    * `:percentiles` ([50, 99])
    * `:print` (true) - `false` only returns

  Calls shorter than some microseconds are timed in runs of many, since reading the
  clock takes a good part of one. Returns a list of `%{name, input, ips, average,
  deviation, minimum, maximum, percentiles, samples, memory}`, times in nanoseconds.
  """

  # One sample takes at least this long, so that the clock does not show in it.
  @sample_ns 20_000

  @doc "Measures every job with every input and prints a table."
  def run(jobs, opts \\ []) do
    inputs = Keyword.get(opts, :inputs, %{nil => nil})

    for {input_name, input} <- Enum.sort(inputs) do
      results =
        jobs
        |> Enum.sort()
        |> Enum.map(fn {name, fun} -> measure(name, input_name, call(fun, input), opts) end)
        |> Enum.sort_by(& &1.average)

      if Keyword.get(opts, :print, true), do: print(input_name, results)
      results
    end
    |> List.flatten()
  end

  defp call(fun, _input) when is_function(fun, 0), do: fun
  defp call(fun, input) when is_function(fun, 1), do: fn -> fun.(input) end

  defp measure(name, input_name, fun, opts) do
    parallel = Keyword.get(opts, :parallel, 1)
    warmup = nanoseconds(Keyword.get(opts, :warmup, 0.5))
    time = nanoseconds(Keyword.get(opts, :time, 2))

    all =
      1..parallel
      |> Enum.map(fn _ ->
        Task.async(fn ->
          per_sample = calls_in_a_sample(fun, warmup)
          {per_sample, samples(fun, per_sample, now() + time, [])}
        end)
      end)
      |> Task.await_many(:infinity)

    statistics(name, input_name, all, opts)
    |> Map.put(:memory, memory(fun, Keyword.get(opts, :memory_time, 0)))
  end

  # Warms up, and finds how many calls make a sample long enough.
  defp calls_in_a_sample(fun, warmup) do
    begun = now()
    calls = warm(fun, begun + warmup, 0)
    each = max(div(now() - begun, calls), 1)
    max(div(@sample_ns, each), 1)
  end

  defp warm(fun, until, calls) do
    fun.()
    if now() < until, do: warm(fun, until, calls + 1), else: calls + 1
  end

  defp samples(fun, calls, until, taken) do
    begun = now()
    repeat(fun, calls)
    ended = now()
    taken = [(ended - begun) / calls | taken]
    if ended < until, do: samples(fun, calls, until, taken), else: taken
  end

  defp repeat(_fun, 0), do: :ok

  defp repeat(fun, calls) do
    fun.()
    repeat(fun, calls - 1)
  end

  defp statistics(name, input_name, all, opts) do
    samples = all |> Enum.flat_map(&elem(&1, 1)) |> Enum.sort()
    count = length(samples)
    average = Enum.sum(samples) / count
    variance = Enum.sum(Enum.map(samples, &((&1 - average) * (&1 - average)))) / count
    sorted = List.to_tuple(samples)

    %{
      name: name,
      input: input_name,
      average: average,
      # Processes that run side by side make as many times more.
      ips: length(all) * 1.0e9 / average,
      deviation: :math.sqrt(variance) / average,
      minimum: hd(samples),
      maximum: elem(sorted, count - 1),
      percentiles:
        Map.new(Keyword.get(opts, :percentiles, [50, 99]), fn p ->
          {p, elem(sorted, min(trunc(count * p / 100), count - 1))}
        end),
      samples: count
    }
  end

  # Bytes that one call puts on the heap of a process that has no need to collect.
  # Asked from outside: a process does not know its own heap while it runs.
  defp memory(_fun, seconds) when seconds == 0, do: nil

  defp memory(fun, _seconds) do
    parent = self()

    {pid, monitor} =
      :erlang.spawn_opt(
        fn ->
          for stage <- [:idle, :called] do
            if stage == :called, do: Process.put(:result, fun.())
            send(parent, {self(), stage})
            receive do: (:go_on -> :ok)
          end
        end,
        [:monitor, min_heap_size: 16_000_000]
      )

    before = heap_after(pid, monitor, :idle)
    called = heap_after(pid, monitor, :called)
    Process.demonitor(monitor, [:flush])
    (called - before) * :erlang.system_info(:wordsize)
  end

  defp heap_after(pid, monitor, stage) do
    receive do
      {^pid, ^stage} ->
        {:garbage_collection_info, info} = Process.info(pid, :garbage_collection_info)
        send(pid, :go_on)
        info[:heap_size]

      {:DOWN, ^monitor, _, _, reason} ->
        exit(reason)
    end
  end

  defp print(input_name, results) do
    if input_name, do: IO.puts("\n##### #{input_name}")
    percentiles = results |> hd() |> Map.fetch!(:percentiles) |> Map.keys() |> Enum.sort()

    header = ["name", "ips", "average", "deviation"] ++ Enum.map(percentiles, &"#{&1} %")
    header = if hd(results).memory, do: header ++ ["memory"], else: header

    rows =
      for result <- results do
        row = [
          result.name,
          count(result.ips),
          duration(result.average),
          "±#{Float.round(result.deviation * 100, 1)} %"
        ]

        row = row ++ Enum.map(percentiles, &duration(result.percentiles[&1]))
        if result.memory, do: row ++ ["#{result.memory} B"], else: row
      end

    widths =
      for column <- Enum.zip([header | rows]),
          do: column |> Tuple.to_list() |> Enum.map(&String.length/1) |> Enum.max()

    for [name | cells] <- [header | rows] do
      [first | rest] = widths
      cells = Enum.zip_with(cells, rest, &String.pad_leading/2)
      IO.puts(Enum.join([String.pad_trailing(name, first) | cells], "  "))
    end
  end

  @doc "A duration in nanoseconds for people."
  def duration(ns) when ns >= 1.0e9, do: "#{Float.round(ns / 1.0e9, 2)} s"
  def duration(ns) when ns >= 1.0e6, do: "#{Float.round(ns / 1.0e6, 2)} ms"
  def duration(ns) when ns >= 1.0e3, do: "#{Float.round(ns / 1.0e3, 2)} us"
  def duration(ns), do: "#{Float.round(ns / 1, 1)} ns"

  defp count(n) when n >= 1.0e6, do: "#{Float.round(n / 1.0e6, 2)} M"
  defp count(n) when n >= 1.0e3, do: "#{Float.round(n / 1.0e3, 2)} K"
  defp count(n), do: "#{Float.round(n / 1, 2)}"

  defp nanoseconds(seconds), do: round(seconds * 1.0e9)
  defp now, do: :erlang.monotonic_time(:nanosecond)
end
