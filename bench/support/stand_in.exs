defmodule Bench.StandIn do
  @moduledoc """
  `run/2` as Benchee's, for where Benchee cannot be had: the same call, options, and members
  of the suite that it returns.

      Bench.run(
        %{"box of 38" => fn boxes -> ... end},
        inputs: %{"10 K features" => boxes},
        time: 2,
        warmup: 0.5
      )

  A job is a function, or `{function, before_scenario: fun, after_scenario: fun}`. Options,
  with their defaults:

    * `:time` (5) and `:warmup` (2) - seconds for each job, and before it
    * `:parallel` (1) - processes that run the job at the same time
    * `:inputs` - a map of names to what the functions are called with; without it
      they take no argument
    * `:memory_time` (0) - more than 0 measures what one call allocates in the process
    * `:percentiles` ([50, 99])
    * `:formatters` - an empty list prints no table
    * `:print` - is taken, and means nothing: only the table is printed

  Returns `%{configuration: %{parallel: n}, scenarios: [...]}`. A scenario has `name`,
  `input_name`, and the `statistics` of `run_time_data` and `memory_usage_data`: times in
  nanoseconds, `ips` of one process.

  Unlike Benchee it times calls shorter than some microseconds in runs of many, since reading
  the clock takes a good part of one. Its rates for these are higher, therefore; for calls of
  10 us there is no difference.
  """

  # One sample takes at least this long, so that the clock does not show in it.
  @sample_ns 20_000

  @doc "Measures every job with every input and prints a table."
  def run(jobs, opts \\ []) do
    inputs = Keyword.get(opts, :inputs) || %{nil => nil}

    scenarios =
      for {input_name, input} <- Enum.sort(inputs) do
        scenarios =
          jobs
          |> Enum.sort_by(&elem(&1, 0))
          |> Enum.map(fn {name, job} -> scenario(name, input_name, input, job, opts) end)
          |> Enum.sort_by(& &1.run_time_data.statistics.average)

        unless opts[:formatters] == [], do: print(input_name, scenarios)
        scenarios
      end

    %{
      configuration: %{parallel: Keyword.get(opts, :parallel, 1)},
      scenarios: List.flatten(scenarios)
    }
  end

  defp scenario(name, input_name, input, {fun, hooks}, opts) do
    times = measure(fun, input, hooks, opts)
    memory = memory(call(fun, input), Keyword.get(opts, :memory_time, 0))

    %{
      name: name,
      input_name: input_name,
      run_time_data: %{statistics: statistics(times, opts)},
      memory_usage_data: %{statistics: %{average: memory}}
    }
  end

  defp scenario(name, input_name, input, fun, opts),
    do: scenario(name, input_name, input, {fun, []}, opts)

  defp call(fun, _input) when is_function(fun, 0), do: fun
  defp call(fun, input) when is_function(fun, 1), do: fn -> fun.(input) end

  # Each process has hooks of its own, as Benchee's have.
  defp measure(fun, input, hooks, opts) do
    warmup = nanoseconds(Keyword.get(opts, :warmup, 2))
    time = nanoseconds(Keyword.get(opts, :time, 5))
    before = Keyword.get(hooks, :before_scenario, & &1)
    afterwards = Keyword.get(hooks, :after_scenario, & &1)

    1..Keyword.get(opts, :parallel, 1)
    |> Enum.map(fn _ ->
      Task.async(fn ->
        input = before.(input)
        fun = call(fun, input)
        per_sample = calls_in_a_sample(fun, warmup)
        samples = samples(fun, per_sample, now() + time, [])
        afterwards.(input)
        samples
      end)
    end)
    |> Task.await_many(:infinity)
    |> Enum.concat()
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

  @doc """
  Statistics of durations, with the names that Benchee has for them. A percentile is the
  smallest sample that so many of a hundred do not exceed.
  """
  def statistics(samples, opts \\ []) do
    sorted = Enum.sort(samples)
    count = length(sorted)
    average = Enum.sum(sorted) / count
    variance = Enum.sum(Enum.map(sorted, &((&1 - average) * (&1 - average)))) / count
    deviation = :math.sqrt(variance)
    tuple = List.to_tuple(sorted)
    at = fn p -> elem(tuple, max(ceil(count * p / 100), 1) - 1) end

    %{
      average: average,
      ips: 1.0e9 / average,
      std_dev: deviation,
      std_dev_ratio: deviation / average,
      median: at.(50),
      minimum: hd(sorted),
      maximum: elem(tuple, count - 1),
      percentiles: Map.new(Keyword.get(opts, :percentiles, [50, 99]), &{&1, at.(&1)}),
      sample_size: count
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

  defp print(input_name, scenarios) do
    if input_name, do: IO.puts("\n##### #{input_name}")
    percentiles = hd(scenarios).run_time_data.statistics.percentiles |> Map.keys() |> Enum.sort()
    memory? = hd(scenarios).memory_usage_data.statistics.average != nil

    header =
      ["name", "ips", "average", "deviation"] ++
        Enum.map(percentiles, &"#{&1} %") ++ if(memory?, do: ["memory"], else: [])

    rows =
      for scenario <- scenarios, times = scenario.run_time_data.statistics do
        [
          scenario.name,
          count(times.ips),
          duration(times.average),
          "±#{Float.round(times.std_dev_ratio * 100, 1)} %"
        ] ++
          Enum.map(percentiles, &duration(times.percentiles[&1])) ++
          if(memory?, do: ["#{scenario.memory_usage_data.statistics.average} B"], else: [])
      end

    widths =
      for column <- Enum.zip([header | rows]),
          do: column |> Tuple.to_list() |> Enum.map(&String.length/1) |> Enum.max()

    IO.puts("")

    for [name | cells] <- [header | rows] do
      [first | rest] = widths
      cells = Enum.zip_with(cells, rest, &String.pad_leading/2)
      IO.puts(Enum.join([String.pad_trailing(name, first) | cells], "  "))
    end
  end

  defp duration(ns) when ns >= 1.0e9, do: "#{Float.round(ns / 1.0e9, 2)} s"
  defp duration(ns) when ns >= 1.0e6, do: "#{Float.round(ns / 1.0e6, 2)} ms"
  defp duration(ns) when ns >= 1.0e3, do: "#{Float.round(ns / 1.0e3, 2)} us"
  defp duration(ns), do: "#{Float.round(ns / 1, 1)} ns"

  defp count(n) when n >= 1.0e6, do: "#{Float.round(n / 1.0e6, 2)} M"
  defp count(n) when n >= 1.0e3, do: "#{Float.round(n / 1.0e3, 2)} K"
  defp count(n), do: "#{Float.round(n / 1, 2)}"

  defp nanoseconds(seconds), do: round(seconds * 1.0e9)
  defp now, do: :erlang.monotonic_time(:nanosecond)
end
