defmodule FormdbHttp.FailedWriteTest do
  # What clients and operators see when a write fails: in a server of its own, since
  # the way to make one fail is to take its journal away.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Exposition, ServerProcess}

  @db "/api/v1/databases/quakes"

  @tag timeout: 120_000
  @tag :tmp_dir
  test "the log says where the files are, and no answer does", %{tmp_dir: data_dir} do
    server = start_supervised!({ServerProcess, data_dir})
    port = ServerProcess.await_ready(server)

    for name <- ["quakes", "cut", "damaged", "empty"] do
      assert post(port, "/api/v1/databases", %{name: name}).status == 201
      assert put_feature(port, name, "a").status == 201
      assert put_feature(port, name, "b").status == 201
    end

    # Of each kind of failure that has to do with files one.
    for name <- ["cut", "damaged", "empty"], do: delete(port, "/api/v1/databases/#{name}")

    File.write!(
      segment(data_dir, "cut"),
      binary_part(File.read!(segment(data_dir, "cut")), 0, 128)
    )

    File.write!(segment(data_dir, "damaged"), String.duplicate("x", 128))
    File.rm_rf!(Path.join([data_dir, "empty", "journal"]))
    File.write!(Path.join(data_dir, "taken"), "")

    opened =
      for name <- ["cut", "damaged", "empty", "taken"],
          do: post(port, "/api/v1/databases", %{name: name})

    assert for(answer <- opened, do: json(answer)["code"]) ==
             ~w(journal_corrupt journal_corrupt journal_lost io_error)

    txn = post(port, "/api/v1/databases/quakes/transactions", "").headers["location"]
    operation = %{op: "delete_feature", id: "a"}
    added = post(port, txn <> "/operations", %{operations: [operation]})
    assert added.status == 200
    File.rm!(segment(data_dir, "quakes"))
    lost = request(port, "POST", txn <> "/commit")
    assert json(lost)["code"] == "journal_lost"
    assert json(lost)["detail"] =~ "may be there" and json(lost)["detail"] =~ "idempotency key"

    shown =
      for path <- [
            "/api/v1/databases",
            "/api/v1/databases/quakes",
            txn,
            "/api/v1/databases/cut",
            "/api/v1/databases/cut/features",
            "/health/ready",
            "/health/detailed"
          ],
          do: get(port, path)

    refused = put_feature(port, "quakes", "d")
    assert json(refused)["code"] == "database_read_only"

    for answer <- [lost, refused] ++ opened ++ shown do
      refute answer.body =~ data_dir
      refute answer.body =~ Path.dirname(data_dir)
    end

    # Files keep their names.
    assert lost.body =~ Path.basename(segment(data_dir, "quakes"))
    ready = get(port, "/health/ready").body
    assert ready =~ Path.basename(segment(data_dir, "cut"))
    assert ServerProcess.says?(server, segment(data_dir, "quakes"))
    assert ServerProcess.says?(server, segment(data_dir, "damaged"))
  end

  defp segment(data_dir, name) do
    Path.join([data_dir, name, "journal", "00000000000000000001.journal"])
  end

  @tag timeout: 120_000
  @tag :tmp_dir
  test "reads go on, writes are refused with the cause, and the probes say so", context do
    %{tmp_dir: data_dir} = context
    server = start_supervised!({ServerProcess, data_dir})
    port = ServerProcess.await_ready(server)
    assert post(port, "/api/v1/databases", %{name: "quakes"}).status == 201
    assert put_feature(port, "a").status == 201

    # What is written from now on would not be found again.
    journal = Path.join([data_dir, "quakes", "journal"])
    File.rename!(journal, journal <> "-gone")
    failed = put_feature(port, "b")
    assert {500, %{"code" => "journal_lost", "detail" => detail}} = {failed.status, json(failed)}
    assert detail =~ "journal"

    for {method, path, body} <- [
          {"PUT", @db <> "/features/x", feature()},
          {"DELETE", @db <> "/features/a", ""},
          {"POST", @db <> "/blocks/1/revert", ""},
          {"POST", @db <> "/blocks/1/restore", ""},
          {"POST", @db <> "/reverts", ~s({"sequences":[1]})},
          {"POST", @db <> "/transactions", ""}
        ] do
      # Beginning a transaction takes no key.
      headers = if path =~ "transactions", do: [], else: [{"idempotency-key", "k"}]
      refused = request(port, method, path, body: body, headers: headers)
      assert {path, refused.status} == {path, 503}
      assert %{"code" => "database_read_only", "detail" => detail} = json(refused)
      assert detail =~ "an earlier one failed" and detail =~ "close and open the database"
    end

    assert get(port, @db <> "/features/a").status == 200
    assert post(port, @db <> "/transactions", %{read_only: true}).status == 201

    ready = get(port, "/health/ready")
    assert ready.status == 503
    assert %{"reasons" => [%{"database" => "quakes", "reason" => reason}]} = json(ready)
    assert reason =~ "takes no writes" and reason =~ "journal"
    assert get(port, "/health/live").status == 200
    assert [%{"poisoned" => cause}] = json(get(port, "/health/detailed"))["databases"]
    assert cause =~ "journal"
    assert json(get(port, @db))["poisoned"] == cause
    assert poisoned(port) == 1

    # With the files back, opening it anew mends it.
    File.rename!(journal <> "-gone", journal)
    assert delete(port, @db).status == 200
    assert post(port, "/api/v1/databases", %{name: "quakes"}).status == 200
    assert get(port, "/health/ready").status == 200
    assert get(port, @db <> "/features/a").status == 200
    assert put_feature(port, "z").status == 201
    assert poisoned(port) == 0
  end

  @tag timeout: 120_000
  @tag :tmp_dir
  test "a file that may not grow costs its database the writes, and nothing else", context do
    %{tmp_dir: data_dir} = context
    server = start_supervised!({ServerProcess, data_dir})
    port = ServerProcess.await_ready(server)
    # Once it runs: the VM itself makes larger files when it starts.
    pid = data_dir |> Path.join("LOCK") |> File.read!() |> String.trim()
    {_, 0} = System.cmd("prlimit", ["--pid", pid, "--fsize=2097152"])

    for name <- ["quakes", "other"],
        do: assert(post(port, "/api/v1/databases", %{name: name}).status == 201)

    text = String.duplicate("x", 500_000)
    large = ~s({"type":"Feature","geometry":null,"properties":{"text":"#{text}"}})
    path = &"/api/v1/databases/quakes/features/f#{&1}"

    {written, [refused | _]} =
      1..8
      |> Enum.map(&request(port, "PUT", path.(&1), body: large))
      |> Enum.split_while(&(&1.status == 201))

    assert length(written) in 2..4
    assert %{status: 500} = refused
    assert %{"code" => "io_error", "detail" => detail} = json(refused)
    assert detail =~ ~r/file too large/i
    assert json(put_feature(port, "b"))["code"] == "database_read_only"
    assert get(port, path.(1)).status == 200
    assert put_feature(port, "other", "a").status == 201
    assert poisoned(port) == 1
  end

  @tag timeout: 120_000
  @tag :tmp_dir
  test "writes that the memory for indexes has no room for are refused, and the probes say so",
       %{tmp_dir: data_dir} do
    settings = for name <- ~w(INDEX_BYTES MAX_BODY_BYTES), do: {"FORMDB_" <> name, "1MiB"}

    server = start_supervised!({ServerProcess, {data_dir, settings}})
    port = ServerProcess.await_ready(server)
    assert post(port, "/api/v1/databases", %{name: "quakes"}).status == 201
    assert json(get(port, "/health/ready")) == %{"status" => "ready"}

    # Many at once, and one after the other as long as there is room.
    for count <- [500, 20, 1], do: fill(port, count)
    refused = put_feature(port, "one")
    assert {503, %{"code" => "memory_full", "detail" => detail}} = {refused.status, json(refused)}
    assert detail =~ "FORMDB_INDEX_BYTES" and detail =~ "purge"
    refute detail =~ "try again"

    for {path, status} <- [{"/health/ready", 200}, {"/health/detailed", 200}] do
      response = get(port, path)
      assert response.status == status
      assert %{"status" => "degraded", "reasons" => [%{"reason" => reason}]} = json(response)
      assert reason =~ "FORMDB_INDEX_BYTES" and reason =~ "writes that add are refused"
    end

    assert get(port, @db <> "/features?limit=1").status == 200
    assert delete(port, @db <> "?purge=true").status == 200
    assert json(get(port, "/health/ready")) == %{"status" => "ready"}
  end

  defp fill(port, count) do
    feature = %{type: "Feature", geometry: nil, properties: nil}
    body = %{type: "FeatureCollection", features: List.duplicate(feature, count)}
    if post(port, @db <> "/features", body).status == 201, do: fill(port, count)
  end

  defp poisoned(port) do
    get(port, "/metrics").body
    |> Exposition.parse!()
    |> Exposition.value("formdb_database_poisoned", %{"database" => "quakes"})
  end

  defp put_feature(port, name \\ "quakes", id),
    do: request(port, "PUT", "/api/v1/databases/#{name}/features/#{id}", body: feature())

  defp feature do
    text = String.duplicate("x", 500)
    ~s({"type":"Feature","geometry":null,"properties":{"text":"#{text}"}})
  end
end
