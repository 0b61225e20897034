for file <- ~w(measure stand_in figure), do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench do
  @moduledoc """
  What every benchmark begins with:

      Code.require_file("support/bench.exs", __DIR__)
      Bench.start()

  `Bench.Report` takes the figures, `Bench.Measure` times what is not timed by `run/2`.

  A run is set by environment variables, which `bench/run_all_benchmarks.sh` sets from its
  arguments: `BENCH_ROUNDS` (3), how often each row is measured; `BENCH_QUICK`
  (unless empty, everything is shorter); `BENCH_JSON`, the file for the figures.
  """

  @doc """
  Starts the databases with these settings, as variables of the environment, and on a folder of
  their own, which is removed at the end, unless `FORMDB_DATA_DIR` names one. It is made in this
  project's `tmp/`, since the system's may be in memory, where nothing is durable.
  """
  def start(settings \\ []) do
    Logger.configure(level: :warning)
    # `mix run` has started the application without these settings.
    _ = Application.stop(:formdb_http)
    System.put_env(settings)

    unless System.get_env("FORMDB_DATA_DIR") do
      folder = Path.join(["tmp", "bench-#{System.pid()}"]) |> Path.expand()
      File.mkdir_p!(folder)
      System.put_env("FORMDB_DATA_DIR", folder)

      System.at_exit(fn _status ->
        _ = Application.stop(:formdb_http)
        File.rm_rf(folder)
      end)
    end

    {:ok, _started} = Application.ensure_all_started(:formdb_http)
    :ok
  end

  @doc """
  Calls `fun` with the name of a database that is open and empty, and removes it afterwards:
  each round then finds the same.
  """
  def with_database(fun) do
    name = "bench-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)

    try do
      fun.(name)
    after
      :ok = FormdbHttp.purge(name)
    end
  end

  @doc "How often each row is measured."
  def rounds do
    text = System.get_env("BENCH_ROUNDS", "3")

    case Integer.parse(text) do
      {rounds, ""} when rounds > 0 -> rounds
      _ -> raise "BENCH_ROUNDS is #{inspect(text)}; expected a whole number above 0"
    end
  end

  @doc "Whether everything is to be shorter."
  def quick?, do: System.get_env("BENCH_QUICK", "") != ""

  @doc "One of two values: of a full run, and of a quick one."
  def scaled(full, quick), do: if(quick?(), do: quick, else: full)

  @doc "So many milliseconds, or an eighth of them in a quick run."
  def span(millis), do: scaled(millis, div(millis, 8))

  @doc """
  `Benchee.run/2` where Benchee is there, else `Bench.StandIn.run/2`, which takes the same
  call and gives back the same members of a suite.
  """
  def run(jobs, opts \\ []) do
    # Not called by its name, for which the compiler would look.
    module = if Code.ensure_loaded?(Benchee), do: Benchee, else: Bench.StandIn
    module.run(jobs, opts)
  end

  @doc "Calls a second of each job in a suite, by name: of all processes that ran it."
  def rates(suite) do
    Map.new(suite.scenarios, fn scenario ->
      {scenario.name, scenario.run_time_data.statistics.ips * suite.configuration.parallel}
    end)
  end
end

# It calls Bench.
Code.require_file("report.exs", __DIR__)
