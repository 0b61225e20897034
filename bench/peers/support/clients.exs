defmodule Bench.Peers.Clients do
  @moduledoc """
  What asks: wrk over HTTP, pgbench with prepared statements, `resp_load` (of this folder)
  in the protocol of Redis, one thread each; and curl for what is uploaded. All ask again and
  again for so many seconds, each connection its next question when it has an answer.
  """

  alias Bench.Measure
  alias Bench.Peers.Program

  @doc """
  Requests a second of wrk. `requests` is a file of lines, `GET PATH` or `POST PATH BODY`,
  which are asked in turn from another place in each round.
  """
  def wrk(url, requests, connections, opts \\ []) do
    script = """
    local asked = {}
    local n = 0
    function init(args)
      wrk.headers["Content-Type"] = "#{opts[:type] || "application/json"}"
      for line in io.lines(args[1]) do
        local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
        if body == "" then body = nil end
        asked[#asked + 1] = wrk.format(method, path, nil, body)
      end
      n = tonumber(args[2])
    end
    function request()
      n = n % #asked + 1
      return asked[n]
    end
    """

    wrk_script(url, script, [requests, "#{:rand.uniform(10_000)}"], connections, opts)
  end

  @doc "The same with a script that has `init` and `request`."
  def wrk_script(url, script, arguments, connections, opts \\ []) do
    path = temporary("lua")

    File.write!(path, [
      script,
      """
      function done(summary, latency)
        local e = summary.errors
        io.write(string.format("figures %d %d %d\\n", summary.requests, summary.duration,
          e.connect + e.read + e.write + e.status + e.timeout))
      end
      """
    ])

    options = ["-t1", "-c#{connections}", "-d#{seconds(opts)}s", "--timeout", "60s", "-s", path]
    out = Program.run!("wrk", options ++ [url, "--" | arguments])
    File.rm!(path)
    [_, numbers] = Regex.run(~r/^figures ([\d ]+)$/m, out)
    [requests, micros, errors] = numbers |> String.split() |> Enum.map(&String.to_integer/1)
    Measure.check!(errors == 0 and requests > 0, "#{url}: #{out}")
    Process.sleep(100)
    requests * 1.0e6 / micros
  end

  @doc "Transactions a second of pgbench, which runs a script."
  def pgbench(postgres, script, connections, opts \\ []) do
    path = temporary("sql")
    File.write!(path, script)

    options =
      ~w(-n -M prepared -j 1 -c #{connections} -T #{seconds(opts)} -f #{path}) ++
        ~w(-h #{postgres.folder} -p #{postgres.port} -U bench bench)

    out = Program.run!(Path.join(postgres.bin, "pgbench"), options, env: opts[:env] || [])
    File.rm!(path)
    [_, tps] = Regex.run(~r/^tps = ([\d.]+)/m, out)
    [_, failed] = Regex.run(~r/failed transactions: (\d+)/, out)
    Measure.check!(failed == "0", "pgbench: #{out}")
    String.to_float(tps)
  end

  @doc "Commands a second in the protocol of Redis, from a file of encoded commands."
  def resp(port, commands, connections, opts \\ []) do
    {replies, micros} = resp_load(port, connections, seconds(opts), commands, 1)
    replies * 1.0e6 / micros
  end

  @doc "Sends each command of a file once, and returns how many and the microseconds."
  def resp_all(port, commands), do: resp_load(port, 1, 0, commands, 256)

  defp resp_load(port, connections, seconds, commands, depth) do
    arguments = Enum.map([port, connections, seconds, commands, depth], &to_string/1)
    out = Program.run!(resp_load(), arguments)

    [replies, micros, errors] = out |> String.split() |> Enum.map(&String.to_integer/1)

    Measure.check!(errors == 0 and replies > 0, "resp_load: #{out}")
    {replies, micros}
  end

  # Compiled once a run.
  defp resp_load do
    path = Path.join(System.tmp_dir!(), "resp_load-#{System.pid()}")
    source = Path.expand("../resp_load.c", __DIR__)

    unless File.exists?(path) do
      Program.run!("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-o", path, source])
      System.at_exit(fn _ -> File.rm(path) end)
    end

    path
  end

  @doc """
  Uploads files one after the other from one connection with curl, and returns the
  microseconds that all of it took. Each is `{url, file}`.
  """
  def upload(files, type) do
    config = temporary("curl")

    entries =
      for {url, file} <- files do
        """
        url = "#{url}"
        request = "POST"
        header = "Content-Type: #{type}"
        header = "Expect:"
        data-binary = "@#{file}"
        fail-with-body
        silent
        show-error
        output = "#{config}.answer"
        """
      end

    File.write!(config, Enum.intersperse(entries, "next\n"))
    {micros, _} = Measure.time(fn -> Program.run!("curl", ["-K", config]) end)
    answer = File.read(config <> ".answer")
    File.rm(config <> ".answer")
    File.rm!(config)
    {micros, answer}
  end

  @doc "Requests a second of curl for one URL, from one connection: at least one."
  def curl(url) do
    first = curl(url, 1)
    again = trunc(Bench.span(3_000) * 1_000 / first)
    if again > 1, do: min(again, 500) * 1.0e6 / curl(url, min(again, 500)), else: 1.0e6 / first
  end

  # The microseconds that so many requests took.
  defp curl(url, times) do
    arguments =
      ~w(-g -s -S -f -w %{time_total}\\n) ++
        Enum.flat_map(1..times, fn _ -> ["-o", "/dev/null", url] end)

    Program.run!("curl", arguments)
    |> String.split()
    |> Enum.map(&(String.to_float(&1) * 1.0e6))
    |> Enum.sum()
  end

  defp seconds(opts), do: max(div(Bench.span(Keyword.get(opts, :millis, 3_000)), 1_000), 1)

  defp temporary(ending) do
    number = System.unique_integer([:positive])
    Path.join(System.tmp_dir!(), "peers-#{System.pid()}-#{number}.#{ending}")
  end
end
