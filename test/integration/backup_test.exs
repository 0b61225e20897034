defmodule FormdbHttp.BackupServerTest do
  @moduledoc """
  Backups of a server: over HTTP, by the command where a server has the database and where none has,
  and over kills of the server at any moment of a backup: then there is a whole one or none, and the
  database has everything that was acknowledged.
  """
  use ExUnit.Case

  import ExUnit.CaptureIO
  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Backup, Config, ServerProcess, Waiting}
  alias Mix.Tasks.Formdb

  # `FORMDB_BACKUP_KILLS=200` for long.
  @kills "FORMDB_BACKUP_KILLS" |> System.get_env("3") |> String.to_integer()
  @database "/api/v1/databases/yard"
  @backups @database <> "/backups"

  setup do
    folder =
      Path.join(
        System.tmp_dir!(),
        "formdb-backup-#{System.pid()}-#{System.unique_integer([:positive])}"
      )

    [data, backups] = for name <- ["data", "backups"], do: Path.join(folder, name)
    File.mkdir_p!(backups)
    on_exit(fn -> File.rm_rf!(folder) end)
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    {:ok, folder: folder, data: data, backups: backups}
  end

  defp start(context, settings \\ []) do
    settings = [{"FORMDB_BACKUP_DIR", context.backups} | settings]
    server = start_supervised!({ServerProcess, {context.data, settings}}, id: make_ref())
    {server, ServerProcess.await_ready(server)}
  end

  defp write_points(port, count) do
    points = for n <- 1..count, do: %{series_id: "s#{rem(n, 100)}", timestamp: n, value: n}
    response = post(port, @database <> "/timeseries", %{points: points})
    assert response.status == 201
    json(response)["last_seq"]
  end

  defp listed(port), do: json(get(port, @backups))["backups"]

  test "over HTTP: taken, listed, refused", context do
    {_server, port} = start(context)
    assert post(port, "/api/v1/databases", %{name: "yard"}).status == 201
    assert listed(port) == []
    seq = write_points(port, 500)

    created = post(port, @backups, %{name: "one"})
    assert created.status == 201
    one = json(created)
    assert %{"name" => "one", "state" => "whole", "database" => "yard", "seq" => ^seq} = one
    assert one["root"] == json(get(port, @database <> "/tree"))["root"]
    assert one["copied_bytes"] + one["linked_bytes"] == one["bytes"]

    # After a disaster: into the data folder of the server that runs.
    assert request(port, "DELETE", @database <> "?purge=true").status == 200

    {:ok, _} =
      FormdbHttp.restore_backup(
        Path.join([context.backups, "yard", "one"]),
        Path.join(context.data, "yard")
      )

    assert post(port, "/api/v1/databases", %{name: "yard"}).status == 200
    restored = json(get(port, @database))
    assert {restored["seq"], restored["root"]} == {seq, one["root"]}
    assert restored["log"] != one["log"]

    write_points(port, 10)
    # Another log: nothing of the first is linked again.
    assert %{"previous" => nil} = json(post(port, @backups, %{name: "two"}))
    assert %{"previous" => "two", "name" => name} = json(post(port, @backups, %{}))
    assert name =~ ~r/\A\d{4}-\d\d-\d\dt\d\d-\d\d-\d\d-\d{6}z\z/
    # Others without a name, as fast as they come, have names of their own.
    more = for _ <- 1..3, do: json(post(port, @backups, %{}))["name"]
    assert ["one", "two", name] ++ more == for(backup <- listed(port), do: backup["name"])
    assert Enum.uniq(more) == more

    taken = post(port, @backups, %{name: "one"})
    assert {taken.status, json(taken)["code"]} == {409, "backup_exists"}
    refute taken.body =~ context.folder

    for wrong <- ["../one", "One", "", 7] do
      refused = post(port, @backups, %{name: wrong})
      assert {refused.status, json(refused)["code"]} == {400, "invalid_name"}
      refute json(refused)["title"] =~ "database"
    end

    assert post(port, "/api/v1/databases/none/backups", %{}).status == 404

    # One that somebody has damaged is listed as such, without its place.
    manifest = Path.join([context.backups, "yard", "one", "MANIFEST.json"])
    File.write!(manifest, "{}")

    assert %{"state" => "damaged", "detail" => detail} =
             hd(Enum.filter(listed(port), &(&1["name"] == "one")))

    refute detail =~ context.folder

    # So is one whose manifest is gone, and who checks all of them is told.
    File.rm!(manifest)
    assert %{"state" => "damaged"} = hd(Enum.filter(listed(port), &(&1["name"] == "one")))
    folder = Path.join(context.backups, "yard")

    for dir <- [folder, Path.join(folder, "one")] do
      assert {:failed, out} = verify(dir)
      assert out =~ "#{folder}/one: NOT WHOLE"
    end

    File.rm_rf!(Path.join(folder, "one"))
    assert {:ok, out} = verify(folder)
    refute out =~ "NOT WHOLE"
  end

  defp verify(dir) do
    test = self()

    capture_io(:stderr, fn ->
      out =
        capture_io(fn ->
          send(test, {:status, FormdbHttpCli.Command.perform(FormdbHttpCli.VerifyBackup, [dir])})
        end)

      send(test, {:out, out})
    end)

    assert_received {:status, status}
    assert_received {:out, out}
    {status, out}
  end

  test "one at a time, and how far it is can be seen", context do
    {_server, port} = start(context, [{"FORMDB_BACKUP_BYTES_PER_SECOND", "20000"}])
    assert post(port, "/api/v1/databases", %{name: "yard"}).status == 201
    for n <- 1..20, do: put_feature(port, n)
    asking = Task.async(fn -> post(port, @backups, %{name: "slow"}) end)
    running = fn -> match?([%{"state" => "running", "name" => "slow"}], listed(port)) end
    Waiting.wait_until(running)
    second = post(port, @backups, %{name: "second"})
    assert {second.status, json(second)["code"]} == {409, "backup_running"}
    # Nobody waits for it meanwhile.
    assert put_feature(port, 21) < 2_000_000
    Task.await(asking, 30_000)
    Waiting.wait_until(fn -> match?([%{"state" => "whole"}], listed(port)) end, 60_000)
  end

  test "one that a stop cuts off is in the log", context do
    {server, port} = start(context, [{"FORMDB_BACKUP_BYTES_PER_SECOND", "2000"}])
    assert post(port, "/api/v1/databases", %{name: "yard"}).status == 201
    for n <- 1..20, do: put_feature(port, n)
    # It goes on when whoever asked for it has gone.
    socket = connect(port)
    headers = [{"content-type", "application/json"}]
    write(socket, format("POST", @backups, headers: headers, body: ~s({"name":"slow"})))
    Waiting.wait_until(fn -> match?([%{"state" => "running"}], listed(port)) end)
    :gen_tcp.close(socket)
    assert ServerProcess.stop(server) == 0
    assert ServerProcess.output(server) =~ "backup slow of database yard was cut off by the stop"
    refute File.exists?(Path.join([context.backups, "yard", "slow"]))
  end

  test "a folder that goes away while the server runs is told, and comes back", context do
    {_server, port} = start(context)
    assert post(port, "/api/v1/databases", %{name: "yard"}).status == 201
    assert post(port, @backups, %{name: "one"}).status == 201
    File.rename!(context.backups, context.backups <> "-away")

    for answer <- [post(port, @backups, %{name: "two"}), get(port, @backups)] do
      assert {answer.status, json(answer)["code"]} == {500, "io_error"}

      assert json(answer)["detail"] ==
               "FORMDB_BACKUP_DIR: the folder of backups is not there; make it, or mount its disk"
    end

    refute File.exists?(context.backups)
    File.rename!(context.backups <> "-away", context.backups)
    assert post(port, @backups, %{name: "two"}).status == 201
    assert ["one", "two"] == for(backup <- listed(port), do: backup["name"])
  end

  test "damage that a backup meets is told with the database's own file", context do
    {server, port} = start(context)
    assert post(port, "/api/v1/databases", %{name: "yard"}).status == 201
    for n <- 1..5, do: put_feature(port, n)
    [segment] = Path.wildcard(Path.join(context.data, "yard/journal/*.journal"))
    {at, _length} = :binary.match(File.read!(segment), "xxxx")
    {:ok, file} = :file.open(segment, [:read, :write, :binary, :raw])
    :ok = :file.pwrite(file, at, "y")
    :ok = :file.close(file)

    refused = post(port, @backups, %{name: "one"})
    assert {refused.status, json(refused)["code"]} == {500, "journal_corrupt"}
    assert json(refused)["detail"] =~ Path.basename(segment)
    assert ServerProcess.says?(server, "backup one of database yard failed: journal_corrupt: ")
    assert ServerProcess.output(server) =~ segment
    refute ServerProcess.output(server) =~ "/.new-"
  end

  # Microseconds.
  defp put_feature(port, n) do
    text = String.duplicate("x", 2_000)
    feature = %{type: "Feature", id: "f#{n}", geometry: nil, properties: %{text: text}}

    {micros, response} = :timer.tc(fn -> post(port, @database <> "/features", feature) end)

    assert response.status == 201
    micros
  end

  test "by the command, with a server and without", context do
    {server, port} = start(context)
    assert post(port, "/api/v1/databases", %{name: "yard"}).status == 201
    seq = write_points(port, 300)

    environment = %{
      "FORMDB_DATA_DIR" => context.data,
      "FORMDB_BACKUP_DIR" => context.backups,
      "FORMDB_URL" => "http://127.0.0.1:#{port}"
    }

    with_config(environment, fn ->
      assert {0, out} = run(Formdb.Backup, ["yard", "--name", "one"])
      assert out =~ "up to block #{seq}"
      assert {1, out} = run(Formdb.Backup, ["yard", "--name", "one"])
      assert out =~ "there is a backup of that name already"
      assert ServerProcess.stop(server) == 0
      assert {0, out} = run(Formdb.Backup, ["yard", "--name", "two"])
      assert out =~ "up to block #{seq}"
      # The tail is what is copied: and the identity and the like.
      assert {0, out} = run(Formdb.VerifyBackup, [Path.join(context.backups, "yard")])
      assert out =~ ~r/one: whole.*two: whole/s

      restored = Path.join(context.data, "again")
      one = Path.join([context.backups, "yard", "one"])
      assert {0, out} = run(Formdb.Restore, [one, restored, "--until", "1"])
      assert out =~ "up to block"
      assert {1, out} = run(Formdb.Restore, [one, restored])
      assert out =~ "nothing is written over"

      dump = Path.join(context.folder, "yard.ndjson")
      assert {0, out} = run(Formdb.Dump, [one, dump])
      assert out =~ "#{seq} blocks"
      loaded = Path.join(context.data, "loaded")
      assert {0, out} = run(Formdb.LoadDump, [dump, loaded])
      assert out =~ "#{seq} blocks"
      File.write!(dump, "nothing\n")
      assert {1, out} = run(Formdb.LoadDump, [dump, loaded <> "x"])
      assert out =~ "line 1 of the dump"

      # A byte of it is another.
      segment = hd(Path.wildcard(one <> "/files/journal/*.journal"))
      File.chmod!(segment, 0o600)
      bytes = File.read!(segment)
      half = div(byte_size(bytes), 2)
      {before, <<byte, rest::binary>>} = :erlang.split_binary(bytes, half)
      File.write!(segment, [before, Bitwise.bxor(byte, 1), rest])
      assert {1, out} = run(Formdb.VerifyBackup, [one])
      assert out =~ "NOT WHOLE" and out =~ Path.basename(segment)
    end)
  end

  defp with_config(environment, work) do
    before = Application.get_env(:formdb_http, :config)
    url = System.get_env("FORMDB_URL")
    Application.put_env(:formdb_http, :config, Map.delete(environment, "FORMDB_URL"))
    System.put_env("FORMDB_URL", environment["FORMDB_URL"])

    try do
      work.()
    after
      Application.put_env(:formdb_http, :config, before)
      if url, do: System.put_env("FORMDB_URL", url), else: System.delete_env("FORMDB_URL")
    end
  end

  # The exit status and standard output.
  defp run(task, arguments) do
    test = self()

    capture_io(:stderr, fn ->
      out =
        capture_io(fn ->
          status =
            try do
              task.run(arguments)
              0
            catch
              :exit, {:shutdown, status} -> status
            end

          send(test, {:status, status})
        end)

      send(test, {:out, out})
    end)

    assert_received {:status, status}
    assert_received {:out, out}
    {status, out}
  end

  @tag timeout: 60_000 + @kills * 20_000
  test "over #{@kills} kills while a backup is taken", context do
    # Slow enough to be hit, and small segments, so that there is something to link.
    settings = [
      {"FORMDB_BACKUP_BYTES_PER_SECOND", "2000000"},
      {"FORMDB_SEGMENT_BYTES", "131072"},
      {"FORMDB_SNAPSHOT_BYTES", "0"}
    ]

    {server, port} = start(context, settings)
    assert post(port, "/api/v1/databases", %{name: "yard"}).status == 201
    for _ <- 1..20, do: write_points(port, 1_000)

    {server, _acked, found} =
      Enum.reduce(1..@kills, {server, 0, 0}, fn round, {server, acked, found} ->
        port = ServerProcess.await_ready(server)
        acked = max(acked, write_points(port, 1_000))
        # The connection ends with the server.
        {asking, _} = spawn_monitor(fn -> post(port, @backups, %{name: "b#{round}"}) end)
        Process.sleep(:rand.uniform(600))
        assert ServerProcess.kill(server) == 128 + 9
        receive do: ({:DOWN, _, :process, ^asking, _} -> :ok)

        {:ok, listed} = Backup.list(Path.join(context.backups, "yard"))

        for %{name: name} <- listed do
          dir = Path.join([context.backups, "yard", name])
          assert {:ok, _} = Backup.verify(dir, fn _, _ -> :ok end)
        end

        {server, port} = start(context, settings)
        assert json(get(port, @database))["seq"] >= acked
        {server, acked, found + Enum.count(listed, &(&1.name == "b#{round}"))}
      end)

    # What was left is in nobody's way, and is gone with the next.
    port = ServerProcess.await_ready(server)
    assert json(post(port, @backups, %{name: "last"}))["state"] == "whole"
    names = File.ls!(Path.join(context.backups, "yard"))
    refute Enum.any?(names, &String.starts_with?(&1, ".new-"))
    root = json(get(port, @database <> "/tree"))["root"]
    to = Path.join(context.folder, "restored")
    last = Path.join([context.backups, "yard", "last"])
    assert {:ok, %{root: ^root}} = FormdbHttp.restore_backup(last, to)

    IO.puts(
      "\nbackups: #{@kills} kills, #{found} of the backups were whole, the others not there"
    )
  end

  test "a folder that is missing, or lies among the databases, stops the start", context do
    settings = fn dir -> %{"FORMDB_DATA_DIR" => context.data, "FORMDB_BACKUP_DIR" => dir} end
    {said, 1} = formdb_server(settings.(Path.join(context.folder, "none")))
    assert said =~ "FORMDB_BACKUP_DIR" and said =~ "is not there; make it"

    for among <- [context.data, Path.join(context.data, "backups")] do
      assert {:error, "FORMDB_BACKUP_DIR is " <> said} = Config.load(settings.(among))
      assert said =~ "which lies in FORMDB_DATA_DIR"
    end
  end

  # What `mix formdb.server` says, and how it ends.
  defp formdb_server(config) do
    script = """
    Application.put_env(:formdb_http, :config, #{inspect(Map.put(config, "FORMDB_PORT", "0"))})
    Mix.Task.run("formdb.server")
    """

    System.cmd("mix", ["run", "--no-compile", "--no-start", "-e", script],
      env: [{"MIX_ENV", "test"}],
      stderr_to_stdout: true
    )
  end
end
