defmodule FormdbHttpWeb.WarningsTest do
  # Every call that writes tells of what is stored and looks wrong. What that is, the engine's
  # tests have (tests/warnings.rs).
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.Endpoint

  @tie %{type: "Polygon", coordinates: [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
  @feature %{type: "Feature", id: "tie", properties: nil, geometry: @tie}
  # Seconds: 2014-05-13.
  @seconds 1_400_000_000

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "warned_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, db: "/api/v1/databases/#{name}"}
  end

  defp put(port, path, body, method \\ "PUT"),
    do:
      request(port, method, path,
        headers: [{"content-type", "application/json"}],
        body: JSON.text(body)
      )

  defp told(answer) do
    assert answer.status in [200, 201], inspect(answer)
    answer = answer.body |> String.split("\n", trim: true) |> List.last() |> JSON.decode!()
    codes = for warning <- answer["warnings"] || [], do: warning["code"]
    {codes, answer["warning_counts"]}
  end

  test "of features", %{port: port, db: db} do
    features = "#{db}/features"
    whole = %{type: "FeatureCollection", features: [@feature, %{@feature | id: "b"}]}
    one = {["self_intersection"], %{"self_intersection" => 1}}
    assert told(post(port, features, @feature)) == one
    assert told(put(port, "#{features}/tie", @tie)) == one
    assert told(put(port, "#{features}/tie", %{geometry: @tie}, "PATCH")) == one
    {codes, counts} = told(post(port, features, whole))
    assert {length(codes), counts} == {2, %{"self_intersection" => 2}}
    assert told(post(port, features, JSON.text(@feature), "application/x-ndjson")) == one

    # A whole one has nothing to tell.
    assert told(put(port, "#{features}/tie", %{properties: %{n: 1}}, "PATCH")) == {[], nil}
    assert told(post(port, features, %{@feature | geometry: nil})) == {[], nil}
  end

  test "of points", %{port: port, db: db, name: name} do
    series = "#{db}/timeseries"
    one = {["unlikely_time"], %{"unlikely_time" => 1}}
    point = %{series_id: "s", timestamp: @seconds, value: 1}
    answer = post(port, series, point)
    assert told(answer) == one
    point_id = json(answer)["point_id"]
    correction = %{timestamp: @seconds, value: 2}
    assert told(put(port, "#{series}/s/points/#{point_id}", correction)) == one
    assert told(post(port, "#{series}?unit=s", point)) == {[], nil}
    assert told(post(port, series, %{points: [point]})) == one

    columns = %{
      series_id: "s",
      timestamps: List.duplicate(@seconds, 500),
      values: Enum.to_list(1..500)
    }

    {codes, counts} = told(post(port, series, columns))
    assert {length(codes), counts} == {100, %{"unlikely_time" => 500}}
    range = %{points: [%{timestamp: @seconds, value: 1}]}
    assert told(put(port, "#{series}/s?all=true", range)) == one
    assert told(post(port, series, JSON.text(point), "application/x-ndjson")) == one
    table = "timestamp,value\n#{@seconds},1\n"
    assert told(post(port, "#{series}?series_id=t", table, "text/csv")) == one
    # Where nothing is written there is nothing to tell.
    ignored = post(port, "#{series}?on_duplicate=ignore", point)
    assert {ignored.status, told(ignored)} == {200, {[], nil}}

    assert {:ok, %{warning_counts: %{unlikely_time: 1}, warnings: [%{code: :unlikely_time}]}} =
             FormdbHttp.put_point(name, "s", @seconds, 3)
  end

  test "of the operations of a transaction", %{port: port, db: db} do
    %{"transaction_id" => id} = json(post(port, "#{db}/transactions", %{}))

    operations = [
      %{op: "put_feature", feature: @feature},
      %{op: "put_points", points: %{series_id: "s", timestamp: @seconds, value: 1}}
    ]

    answer = post(port, "#{db}/transactions/#{id}/operations", %{operations: operations})

    assert [
             %{"pointer" => "/operations/0/feature/geometry/coordinates/0"},
             %{"pointer" => "/operations/1/points/timestamp"}
           ] = json(answer)["warnings"]
  end
end
