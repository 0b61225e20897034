# HTTP reads beside a bare Cowboy handler that answers "ok", in the same VM and run.
#
#   MIX_ENV=prod mix run bench/http_read_bench.exs
#
# Needs wrk (`bin/setup --tools`). Load generator and server share the machine, so
# only the ratios say something about the server.

Code.require_file("support/measure.exs", __DIR__)
alias Bench.Measure

Logger.configure(level: :warning)

defmodule Bench.Ok do
  def init(req, state), do: {:ok, :cowboy_req.reply(200, %{}, "ok", req), state}
end

wrk = System.find_executable("wrk") || raise "wrk is not installed: run bin/setup --tools"

routes = :cowboy_router.compile([{:_, [{"/", Bench.Ok, nil}]}])
{:ok, _} = :cowboy.start_clear(:bare, [ip: {127, 0, 0, 1}, port: 0], %{env: %{dispatch: routes}})
bare = "http://127.0.0.1:#{:ranch.get_port(:bare)}/"

config = %{FormdbHttp.Config.load!() | host: {127, 0, 0, 1}, port: 0}
{:ok, _} = FormdbHttpWeb.Endpoint.start_link(config)
base = "http://127.0.0.1:#{FormdbHttpWeb.Endpoint.port()}/api/v1/databases"

name = "bench-#{System.unique_integer([:positive])}"
{:ok, _} = FormdbHttp.open(name)
{:ok, loaded} = FormdbHttp.put_features(name, File.read!("priv/samples/earthquakes.geojson"))
id = hd(loaded.feature_ids)
box = "-118.3,33.9,-117.9,34.2"

temperatures = for n <- 1..10_000, do: {n * 60_000_000, 20 + :math.sin(n / 500)}
{timestamps, values} = Enum.unzip(temperatures)
{:ok, _} = FormdbHttp.put_columns(name, "t", timestamps, values)

{:ok, %{returned: in_box}} = FormdbHttp.search(name, {:box, box})

# With another limit it is another question, whose answer is not among those kept.
new_limit = Path.join(System.tmp_dir!(), "#{name}.lua")

File.write!(new_limit, """
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", wrk.path .. "&limit=" .. (1000 + n % 90000))
end
""")

# Requests per second, and that every one of them was answered with 2xx.
load = fn url, script ->
  {out, 0} = System.cmd(wrk, ["-t1", "-c64", "-d4s"] ++ script ++ [url])
  Measure.check!(not String.contains?(out, "Non-2xx"), url <> "\n" <> out)
  [_, rate] = Regex.run(~r/Requests\/sec:\s+([\d.]+)/, out)
  String.to_float(rate)
end

urls = [
  {"bare Cowboy \"ok\"", bare, []},
  {"feature by id", "#{base}/#{name}/features/#{id}", []},
  {"box of #{in_box} features, worked out", "#{base}/#{name}/features?bbox=#{box}",
   ["-s", new_limit]},
  {"box of #{in_box} features, kept", "#{base}/#{name}/features?bbox=#{box}", []},
  {"range of 60 points",
   "#{base}/#{name}/timeseries/t?start=1970-01-01T01:00:00Z&end=1970-01-01T02:00:00Z", []}
]

# Rounds, so that a slow moment of the machine does not fall on one of them alone.
rounds = for _ <- 1..3, do: for({_, url, script} <- urls, do: load.(url, script))
medians = for rates <- Enum.zip_with(rounds, & &1), do: Enum.at(Enum.sort(rates), 1)
[ok | _] = medians

for {{what, _, _}, rate} <- Enum.zip(urls, medians) do
  Measure.line("GET #{what}", Measure.rate(rate), "#{Float.round(rate / ok, 2)} of bare Cowboy")
end

File.rm!(new_limit)
:ok = FormdbHttp.purge(name)
