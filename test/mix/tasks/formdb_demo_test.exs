defmodule Mix.Tasks.Formdb.DemoTest do
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias FormdbHttp.JSON
  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  @task Mix.Tasks.Formdb.Demo

  describe "with a running server" do
    setup do
      config = Config.load!()
      start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))
      settings = Application.get_env(:formdb_http, :config)
      port = "#{Endpoint.port()}"
      Application.put_env(:formdb_http, :config, Map.put(settings, "FORMDB_PORT", port))
      FormdbHttp.purge("demo")

      on_exit(fn ->
        Application.put_env(:formdb_http, :config, settings)
        FormdbHttp.purge("demo")
      end)

      {:ok, port: port}
    end

    test "its answers are those of the files", %{port: port} do
      output = capture_io(fn -> @task.run([]) end)
      assert output =~ "using the server at http://127.0.0.1:#{port}"
      check_answers(output)
    end

    test "it leaves the samples there and does not load them twice" do
      capture_io(fn -> @task.run([]) end)
      {:ok, first} = FormdbHttp.database("demo")
      output = capture_io(fn -> @task.run([]) end)
      assert output =~ "holds the samples already"
      refute output =~ "loaded priv"
      check_answers(output)
      assert {:ok, %{seq: seq, root: root}} = FormdbHttp.database("demo")
      assert {seq, root} == {first.seq, first.root}
    end

    test "it leaves a database alone that holds something else" do
      {:ok, _} = FormdbHttp.open("demo")
      {:ok, _} = FormdbHttp.put_point("demo", "mine", 0, 1.0)

      capture_io(fn ->
        assert_raise Mix.Error, ~r/holds something else.*purge=true/, fn -> @task.run([]) end
      end)

      assert {:ok, %{seq: 1, features: 0, points: 1}} = FormdbHttp.database("demo")
    end

    test "a refusal of the server is shown" do
      # Another port: the one of the server stopped here may be taken for a moment.
      config = %{Config.load!() | port: 0, max_body_bytes: 100_000}
      stop_supervised!(Endpoint)
      start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))
      settings = Application.get_env(:formdb_http, :config)
      settings = Map.put(settings, "FORMDB_PORT", "#{Endpoint.port()}")
      Application.put_env(:formdb_http, :config, settings)

      capture_io(fn ->
        assert_raise Mix.Error, ~r/answered 413: .*payload_too_large/, fn -> @task.run([]) end
      end)
    end
  end

  test "without a server it starts one, and leaves nothing behind" do
    # A process of its own: this one has the application running already. In the
    # tests' configuration the port is 0, where nobody answers.
    folder = Path.join(System.tmp_dir!(), "formdb-demo-test-#{System.pid()}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)

    {output, status} =
      System.cmd("mix", ["formdb.demo"],
        env: [{"MIX_ENV", "test"}, {"TMPDIR", folder}],
        stderr_to_stdout: true
      )

    assert status == 0, output
    assert output =~ "no FormDB server answers"
    check_answers(output)
    assert left(folder) == []
  end

  test "who has seen enough of it leaves no traces of that" do
    folder = Path.join(System.tmp_dir!(), "formdb-demo-head-#{System.pid()}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)

    {output, _status} =
      System.cmd("bash", ["-c", "mix formdb.demo 2>&1 | head -n 2"],
        env: [
          {"MIX_ENV", "test"},
          {"TMPDIR", folder},
          {"ERL_CRASH_DUMP", Path.join(folder, "dump")}
        ]
      )

    assert [_no_server, "loaded priv" <> _] = String.split(output, "\n", trim: true)
    assert nothing_left?(folder, 100)
  end

  # `head` ends before the demo has.
  defp nothing_left?(folder, tries) do
    left = left(folder)
    if left != [] and tries > 0, do: Process.sleep(100)
    left == [] or (tries > 0 and nothing_left?(folder, tries - 1))
  end

  # But for the locks of Mix, which has them there from 1.18 on.
  defp left(folder), do: Enum.reject(File.ls!(folder), &String.starts_with?(&1, "mix_"))

  test "arguments are refused" do
    assert_raise Mix.Error, ~r/no arguments, got: --url/, fn -> @task.run(["--url"]) end
  end

  # The answers, worked out from the files.
  defp check_answers(output) do
    earthquakes = earthquakes()
    days = days()
    assert length(earthquakes) == 1_707
    assert output =~ "#{length(earthquakes)} features, #{2 * length(days)} points in 2 series"

    taiwan =
      for e <- earthquakes, e.lon >= 120 and e.lon <= 123, e.lat >= 21 and e.lat <= 26, do: e

    fiji =
      for e <- earthquakes, e.lon >= 175 or e.lon <= -170, e.lat >= -25 and e.lat <= -10, do: e

    for box <- [taiwan, fiji] do
      strongest = Enum.max_by(box, & &1.mag)
      assert output =~ "-> #{length(box)} events; the strongest: #{strongest.title}, 2018-"
    end

    hottest = days |> Enum.filter(&(&1.date =~ "2015-")) |> Enum.max_by(& &1.temp_max)
    assert output =~ "-> #{hottest.date} with #{hottest.temp_max} degrees Celsius, of 365 days"

    december = Enum.filter(days, &(&1.date =~ "2015-12-"))
    millimetres = december |> Enum.map(& &1.precipitation) |> Enum.sum() |> Float.round(1)
    wet = Enum.count(december, &(&1.precipitation > 0))
    assert output =~ "-> #{millimetres} mm on #{wet} of 31 days"

    last = List.last(days)
    assert output =~ "-> #{last.temp_max} degrees Celsius on #{last.date}"
  end

  defp earthquakes do
    text = File.read!("priv/samples/earthquakes.geojson")

    for %{"geometry" => %{"coordinates" => [lon, lat | _]}, "properties" => properties} <-
          JSON.decode!(text)["features"] do
      %{lon: lon, lat: lat, mag: properties["mag"], title: properties["title"]}
    end
  end

  defp days do
    [_header | rows] =
      "priv/samples/seattle-weather.csv" |> File.read!() |> String.split("\n", trim: true)

    for row <- rows do
      [date, precipitation, temp_max | _] = String.split(row, ",")

      %{
        date: date,
        precipitation: String.to_float(precipitation),
        temp_max: String.to_float(temp_max)
      }
    end
  end
end
