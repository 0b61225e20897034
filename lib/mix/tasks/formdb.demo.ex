defmodule Mix.Tasks.Formdb.Demo do
  @shortdoc "Loads the samples and asks a few questions"
  @moduledoc """
  Loads the samples of `priv/samples` over HTTP and prints a few queries with
  their answers.

      mix formdb.demo

  It talks to the server at FORMDB_HOST and FORMDB_PORT (127.0.0.1:4000 unless
  set), whose database `demo` it makes and leaves there to be explored. When no
  FormDB server answers, it starts one of its own on a free port, with a
  temporary data folder that is removed at the end.

  It takes no arguments. A database `demo` that holds the samples already is
  used as it is.
  """

  use Mix.Task

  alias FormdbHttp.{Config, Httpc, JSON, OwnServer}

  @database "/api/v1/databases/demo"
  @earthquakes "priv/samples/earthquakes.geojson"
  @weather "priv/samples/seattle-weather.csv"
  # Columns of the weather file that become series: their name, and the place of
  # the value in a row.
  @series [{"seattle/temp_max", 2}, {"seattle/precipitation", 1}]

  @connect_ms 2_000
  # The samples are loaded in well under a second; a server may be busy.
  @answer_ms 60_000

  @impl true
  def run([]) do
    # Should the VM end because nobody reads its output, a dump of it would be of no use.
    System.put_env("ERL_CRASH_DUMP_BYTES", "0")
    Mix.Task.run("app.config")

    url = configured_url()

    if formdb?(url) do
      say("using the server at #{url}")
      demo(url)
      say("\nThe database stays: try the requests above with curl #{url}...")
    else
      say("no FormDB server answers at #{url}: starting one with a temporary data folder")
      with_own_server(&demo/1)
      say("\nIts data is gone. To explore it with curl: `make run`, and meanwhile `make demo`.")
    end
  catch
    :nobody_reads -> System.halt(0)
  end

  def run(arguments) do
    Mix.raise(
      "mix formdb.demo takes no arguments, got: #{Enum.join(arguments, " ")}. " <>
        "Set FORMDB_HOST and FORMDB_PORT to name a running server"
    )
  end

  ## Which server

  defp configured_url do
    case Config.from_application() do
      {:ok, config} -> OwnServer.url(config)
      {:error, message} -> Mix.raise("The configuration is wrong:\n" <> message)
    end
  end

  defp formdb?(url) do
    with {:ok, {200, body}} <- send_request(:get, url <> "/api/v1/version"),
         {:ok, %{"version" => _, "api" => "v1"}} <- JSON.decode(body) do
      true
    else
      _other -> false
    end
  end

  defp with_own_server(fun) do
    folder = Path.join(System.tmp_dir!(), "formdb-demo-#{System.pid()}")
    # The log's lines would stand between the demo's. Mix starts the logger with the
    # application, which is why its level is set like that.
    Application.put_env(:logger, :level, :warning, persistent: true)
    settings = %{"FORMDB_DATA_DIR" => folder, "FORMDB_PORT" => "0", "FORMDB_AUDIT_LOG" => "false"}
    Application.put_env(:formdb_http, :config, settings, persistent: true)
    Application.put_env(:formdb_http, :serve, true, persistent: true)

    try do
      Mix.Task.run("app.start")
      fun.("http://127.0.0.1:#{FormdbHttpWeb.Endpoint.port()}")
    after
      Application.stop(:formdb_http)
      File.rm_rf!(folder)
    end
  end

  ## What it shows

  defp demo(url) do
    earthquakes = File.read!(@earthquakes)
    columns = weather_columns()
    load(url, earthquakes, columns)

    ask(url, "What is in the database?", @database, &describe_database/1)

    ask(
      url,
      "Earthquakes around Taiwan",
      @database <> "/features?bbox=120,21,123,26",
      &describe_earthquakes/1
    )

    ask(
      url,
      "Earthquakes around Fiji, across the antimeridian",
      @database <> "/features?bbox=175,-25,-170,-10",
      &describe_earthquakes/1
    )

    ask(
      url,
      "The hottest day of 2015 in Seattle",
      @database <> "/timeseries/seattle%2Ftemp_max?start=2015-01-01&end=2016-01-01",
      &describe_hottest/1
    )

    ask(
      url,
      "Rain in Seattle in December 2015",
      @database <> "/timeseries/seattle%2Fprecipitation?start=2015-12-01&end=2016-01-01",
      &describe_rain/1
    )

    ask(
      url,
      "The latest measurement, and where it comes from",
      @database <> "/timeseries/seattle%2Ftemp_max/latest",
      &describe_latest/1
    )
  end

  defp load(url, earthquakes, columns) do
    database = request!(:post, url <> "/api/v1/databases", ~s({"name":"demo"}))
    features = earthquakes |> decode() |> Map.fetch!("features") |> length()
    points = columns |> Enum.map(&length(&1.values)) |> Enum.sum()

    case database do
      %{"features" => ^features, "points" => ^points} ->
        say("the database demo holds the samples already")

      %{"seq" => 0} ->
        load_earthquakes(url, earthquakes)
        for column <- columns, do: load_series(url, column)

      _other ->
        Mix.raise(
          "The database demo exists and holds something else than the samples. " <>
            "Remove it (curl -X DELETE '#{url}#{@database}?purge=true') and try again"
        )
    end
  end

  defp load_earthquakes(url, text) do
    {micros, answer} = :timer.tc(fn -> request!(:post, url <> @database <> "/features", text) end)

    say(
      "loaded #{@earthquakes}: #{answer["inserted"]} features in one transaction, " <>
        "on disk after #{div(micros, 1000)} ms"
    )
  end

  defp load_series(url, column) do
    body =
      JSON.text(%{
        "series_id" => column.series,
        "timestamps" => column.timestamps,
        "values" => column.values,
        "provenance" => %{"source" => "NOAA daily records", "file" => Path.basename(@weather)}
      })

    {micros, answer} =
      :timer.tc(fn -> request!(:post, url <> @database <> "/timeseries", body) end)

    say(
      "loaded #{@weather}: #{answer["inserted"]} points of #{column.series}, " <>
        "on disk after #{div(micros, 1000)} ms"
    )
  end

  # The file's dates are local days without a time; they are taken as midnights UTC.
  defp weather_columns do
    [_header | rows] = @weather |> File.read!() |> String.split("\n", trim: true)
    rows = Enum.map(rows, &String.split(&1, ","))

    for {series, place} <- @series do
      %{
        series: series,
        timestamps: Enum.map(rows, &hd/1),
        values: Enum.map(rows, &(&1 |> Enum.at(place) |> String.to_float()))
      }
    end
  end

  defp ask(url, question, path, describe) do
    answer = request!(:get, url <> path)
    say("\n#{question}\n  GET #{path}")
    for line <- describe.(answer), do: say("  -> " <> line)
  end

  defp describe_database(database) do
    [
      "#{database["features"]} features, #{database["points"]} points in " <>
        "#{database["series"]} series; #{database["seq"]} blocks, " <>
        "#{database["journal_bytes"]} bytes of journal",
      "Merkle root #{database["root"]}"
    ]
  end

  defp describe_earthquakes(%{"features" => features, "numberReturned" => count}) do
    %{"properties" => strongest} = Enum.max_by(features, & &1["properties"]["mag"])
    time = FormdbHttp.format_timestamp(strongest["time"] * 1000)
    ["#{count} events; the strongest: #{strongest["title"]}, #{time}"]
  end

  defp describe_hottest(%{"data" => points}) do
    hottest = Enum.max_by(points, & &1["value"])
    ["#{day(hottest)} with #{hottest["value"]} degrees Celsius, of #{length(points)} days"]
  end

  defp describe_rain(%{"data" => points}) do
    total = points |> Enum.map(& &1["value"]) |> Enum.sum()
    wet = Enum.count(points, &(&1["value"] > 0))
    ["#{:erlang.float_to_binary(total / 1, decimals: 1)} mm on #{wet} of #{length(points)} days"]
  end

  defp describe_latest(%{"provenance" => provenance} = point) do
    [
      "#{point["value"]} degrees Celsius on #{day(point)}",
      "from #{provenance["source"]}, file #{provenance["file"]} (block #{point["seq"]})"
    ]
  end

  defp day(%{"timestamp" => timestamp}), do: String.slice(timestamp, 0, 10)

  ## HTTP

  defp request!(method, url, body \\ nil) do
    case send_request(method, url, body) do
      {:ok, {status, answer}} when status in 200..299 -> decode(answer)
      {:ok, {status, answer}} -> Mix.raise("#{url} answered #{status}: #{answer}")
      {:error, reason} -> Mix.raise("#{url} does not answer: #{Httpc.worded(reason)}")
    end
  end

  defp send_request(method, url, body \\ nil) do
    options = [
      connect_timeout: @connect_ms,
      timeout: @answer_ms,
      ssl: OwnServer.unverified()
    ]

    Httpc.request(method, url, [], body, options)
  end

  defp decode(text), do: JSON.decode!(text)

  # Who reads the output may have seen enough (`make demo | head`).
  defp say(line) do
    Mix.shell().info(line)
  rescue
    ErlangError -> throw(:nobody_reads)
  end
end
