defmodule FormdbHttp.DiskTest do
  # A disk that has less room than the server wants to have left.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Exposition, ServerProcess}

  @feature ~s({"type":"Feature","id":"a","geometry":null,"properties":{}})
  @db "/api/v1/databases/quakes"

  @tag timeout: 120_000
  @tag :tmp_dir
  test "takes no writes and says so everywhere, and reads go on", %{tmp_dir: data_dir} do
    before = start_supervised!({ServerProcess, data_dir})
    port = ServerProcess.await_ready(before)
    assert post(port, "/api/v1/databases", %{name: "quakes"}).status == 201
    assert request(port, "PUT", @db <> "/features/a", body: @feature).status == 201
    ServerProcess.stop(before)
    stop_supervised!(ServerProcess)

    settings = [{"FORMDB_MIN_FREE_BYTES", "16384GiB"}]
    server = start_supervised!({ServerProcess, {data_dir, settings}})
    port = ServerProcess.await_ready(server)

    for refused <- [
          request(port, "PUT", @db <> "/features/b",
            body: String.replace(@feature, ~s("a"), ~s("b"))
          ),
          delete(port, @db <> "/features/a"),
          post(port, @db <> "/timeseries", %{
            series_id: "s",
            timestamp: "2026-01-31T00:00:00Z",
            value: 1
          }),
          post(port, "/api/v1/databases", %{name: "more"})
        ] do
      assert {refused.status, refused.body} == {507, refused.body}
      problem = json(refused)
      assert problem["code"] == "disk_full"
      assert problem["detail"] =~ "FORMDB_MIN_FREE_BYTES" and problem["detail"] =~ "reads go on"
    end

    assert get(port, @db <> "/features/a").status == 200
    assert json(get(port, @db))["poisoned"] == nil

    ready = get(port, "/health/ready")
    assert ready.status == 200
    assert %{"status" => "degraded", "reasons" => [%{"reason" => reason}]} = json(ready)
    assert reason =~ "FORMDB_MIN_FREE_BYTES"

    detailed = json(get(port, "/health/detailed"))
    assert detailed["status"] == "degraded"

    assert %{"free_bytes" => free, "size_bytes" => size, "min_free_bytes" => least} =
             detailed["disk"]

    assert free < size and size < least

    metrics = Exposition.parse!(get(port, "/metrics").body)

    assert Exposition.value(metrics, "formdb_disk_free_bytes", %{}) <
             Exposition.value(metrics, "formdb_disk_min_free_bytes", %{})

    ServerProcess.stop(server)
    assert ServerProcess.says?(server, "[error] the disk of the data folder has ")
  end
end
