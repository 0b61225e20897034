defmodule FormdbHttp.DataFolderTest do
  # What happens to data folders and the folders in them, to a server in a process of
  # its own: shared, not to be written, with strangers in it, taken away.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.ServerProcess

  @moduletag timeout: 180_000
  @moduletag :tmp_dir
  @databases "/api/v1/databases"
  @db @databases <> "/quakes"

  test "a second server on a folder does not start, and the first goes on", context do
    %{tmp_dir: data_dir} = context
    {server, port} = start(data_dir)
    assert post(port, @databases, %{name: "quakes"}).status == 201
    assert put_feature(port, "a").status == 201

    pid = data_dir |> Path.join("LOCK") |> File.read!() |> String.trim()
    assert {sentence, 1} = formdb_server(data_dir)
    assert sentence =~ "#{data_dir} is held by process #{pid}"
    # One sentence, and no notices of applications that ended.
    refute sentence =~ "[notice]"
    assert sentence =~ "FORMDB_DATA_DIR"

    assert put_feature(port, "b").status == 201
    assert ServerProcess.kill(server) == 128 + 9

    # A lock is its process's: nothing is to be removed.
    {_server, port} = start(data_dir)
    for id <- ["a", "b"], do: assert(get(port, @db <> "/features/" <> id).status == 200)
  end

  test "a folder that cannot be written is refused in one sentence" do
    # Where not even root can make a folder.
    for dir <- ["/proc/sys/kernel", "/dev/null", "/dev/null/data"], File.exists?("/proc/sys") do
      assert {sentence, 1} = formdb_server(dir)
      assert sentence =~ "the data folder cannot be used"
      assert sentence =~ dir
    end
  end

  test "strangers in the folder harm nobody", %{tmp_dir: data_dir} do
    File.write!(Path.join(data_dir, "stray"), "text")
    outside = Path.join(data_dir, "NOT_A_DATABASE")
    File.mkdir_p!(outside)
    File.write!(Path.join(outside, "kept"), "text")
    digits = String.duplicate("0a", 16)
    leftovers = Path.join(data_dir, ".purged-#{digits}/notes/deep")
    File.mkdir_p!(leftovers)
    File.write!(Path.join(data_dir, ".purged-#{digits}/LOCK"), "7\n")
    File.ln_s!(outside, Path.join(leftovers, "link"))
    File.mkdir_p!(Path.join(data_dir, ".new-#{digits}/journal"))
    File.write!(Path.join(data_dir, ".new-#{digits}/LOCK"), "7\n")
    foreign = Path.join(data_dir, ".new-photos")
    File.mkdir_p!(foreign)
    File.write!(Path.join(foreign, "kept"), "text")

    {server, port} = start(data_dir)
    assert ServerProcess.says?(server, ".new-photos is named as")
    assert ServerProcess.says?(server, "stray has the name of a database and is no folder")
    assert json(get(port, @databases)) == %{"databases" => []}
    assert post(port, @databases, %{name: "quakes"}).status == 201
    assert post(port, @databases, %{name: "stray"}).status == 500
    assert get(port, "/health/ready").status == 200

    for name <- ["quakes", "other"] do
      post(port, @databases, %{name: name})
      folder = Path.join([data_dir, name, "notes", "deep"])
      File.mkdir_p!(folder)
      File.ln_s!(outside, Path.join(folder, "link"))
      response = delete(port, "#{@databases}/#{name}?purge=true")
      assert {response.status, json(response)} == {200, %{"id" => name, "purged" => true}}
    end

    assert Enum.sort(File.ls!(data_dir)) == [".new-photos", "LOCK", "NOT_A_DATABASE", "stray"]
    assert File.read!(Path.join(foreign, "kept")) == "text"
    assert File.read!(Path.join(outside, "kept")) == "text"
  end

  test "a copy that is opened beside its database is noticed", %{tmp_dir: data_dir} do
    {server, port} = start(data_dir)
    assert post(port, @databases, %{name: "quakes"}).status == 201
    assert put_feature(port, "a").status == 201
    assert delete(port, @db).status == 200
    [folder, copy, saved] = for name <- ~w(quakes copy saved), do: Path.join(data_dir, name)
    File.cp_r!(folder, copy)
    Mix.Task.rerun("formdb.doctor", [folder, "--salvage", saved])

    logs =
      for name <- ["quakes", "saved", "copy"] do
        assert post(port, @databases, %{name: name}).status == 200
        json(get(port, @databases <> "/" <> name))["log"]
      end

    assert [log, other, log] = logs
    assert other != log
    assert ServerProcess.says?(server, "database copy has the log id of quakes")
    refute ServerProcess.output(server) =~ "database saved has"
    # Only as long as both are open.
    assert delete(port, @db).status == 200
    assert delete(port, @databases <> "/copy").status == 200
    assert post(port, @databases, %{name: "copy"}).status == 200
    output = ServerProcess.output(server)
    assert length(String.split(output, "has the log id of")) == 2
  end

  test "what is taken away from a running server takes no more writes", %{tmp_dir: data_dir} do
    {_server, port} = start(data_dir)
    [folder, aside] = for name <- ["quakes", "aside"], do: Path.join(data_dir, name)
    assert post(port, @databases, %{name: "quakes"}).status == 201
    assert put_feature(port, "a").status == 201

    for notice <- [:write, :probe] do
      File.rename!(folder, aside)

      if notice == :write do
        lost = put_feature(port, "b")
        assert {lost.status, json(lost)["code"]} == {500, "journal_lost"}
      end

      assert [%{"database" => "quakes", "reason" => reason}] = await_reasons(port)
      assert reason =~ "was removed or moved while it was open"
      refused = put_feature(port, "c")
      assert {refused.status, json(refused)["code"]} == {503, "database_read_only"}
      assert get(port, @db <> "/features/a").status == 200

      File.rename!(aside, folder)
      assert delete(port, @db).status == 200
      assert post(port, @databases, %{name: "quakes"}).status == 200
      assert put_feature(port, "d").status in [200, 201]
      assert get(port, "/health/ready").status == 200
    end

    # The data folder itself, with another one in its place.
    File.rename!(data_dir, data_dir <> "-aside")
    File.mkdir_p!(data_dir)
    reasons = await_reasons(port)
    assert Enum.any?(reasons, &(&1["reason"] =~ "the data folder is gone"))
    assert post(port, @databases, %{name: "new"}).status == 500
    assert File.ls!(data_dir) == []
    File.rm_rf!(data_dir <> "-aside")
  end

  test "what was put in the place of an open database is not taken for it", context do
    %{tmp_dir: data_dir} = context
    {_server, port} = start(data_dir)
    [folder, aside, copy] = for name <- ~w(quakes aside copy), do: Path.join(data_dir, name)
    assert post(port, @databases, %{name: "quakes"}).status == 201
    assert put_feature(port, "a").status == 201
    assert delete(port, @db).status == 200
    File.cp_r!(folder, copy)
    assert post(port, @databases, %{name: "quakes"}).status == 200
    assert put_feature(port, "b").status == 201

    # The whole folder, or its journal alone; with nothing there for a while, and then another one.
    for {from, to, other} <- [
          {folder, aside, copy},
          {Path.join(folder, "journal"), aside <> "-journal", Path.join(aside, "journal")}
        ] do
      assert post(port, @databases, %{name: "quakes"}).status == 200
      File.rename!(from, to)

      for {expected, put} <- [
            {"was removed or moved", fn -> :ok end},
            {"was replaced", fn -> File.cp_r!(other, from) end}
          ] do
        put.()
        refused = post(port, @databases, %{name: "quakes"})
        assert {refused.status, json(refused)["code"]} == {500, "journal_lost"}
        assert json(refused)["detail"] =~ expected
        assert json(refused)["detail"] =~ "close it, put there"
        refute refused.body =~ data_dir
      end

      # As it says: then it is what lies there.
      assert delete(port, @db).status == 200
      assert post(port, @databases, %{name: "quakes"}).status == 200
    end

    assert get(port, @db <> "/features/a").status == 200
    # The first time a copy without it took its place, the second one with it.
    assert get(port, @db <> "/features/b").status == 200
  end

  test "a database that has lost its journal is refused, and no other", %{tmp_dir: data_dir} do
    {server, port} = start(data_dir)
    for name <- ["quakes", "other"], do: post(port, @databases, %{name: name})
    log = json(get(port, @db))["log"]
    assert log =~ ~r/\A[0-9a-f]{32}\z/
    assert put_feature(port, "a").status == 201
    assert ServerProcess.stop(server) == 0
    journal = Path.join([data_dir, "quakes", "journal"])
    File.rename!(journal, journal <> ".old")

    server = start_supervised!({ServerProcess, data_dir}, id: make_ref())
    port = ServerProcess.port(server)
    assert post(port, @databases, %{name: "other"}).status == 200
    refused = post(port, @databases, %{name: "quakes"})
    assert {refused.status, json(refused)["code"]} == {500, "journal_lost"}
    assert json(refused)["detail"] =~ "the folder `journal` is missing"
    assert get(port, "/health/ready").status == 503

    # Mended, also under another name, it is the database that it was.
    File.rename!(journal <> ".old", journal)
    assert post(port, @databases, %{name: "quakes"}).status == 200
    assert json(get(port, @db))["log"] == log
    assert delete(port, @db).status == 200
    File.rename!(Path.join(data_dir, "quakes"), Path.join(data_dir, "renamed"))
    assert post(port, @databases, %{name: "renamed"}).status == 200
    assert json(get(port, @databases <> "/renamed"))["log"] == log
    assert get(port, "/health/ready").status == 200
  end

  test "a server that may open few files keeps a journal of many", %{tmp_dir: data_dir} do
    settings = [{"FORMDB_SEGMENT_BYTES", "4KiB"}, {"FORMDB_BODY_CACHE_BYTES", "0"}]

    for first <- [1, 101] do
      server =
        start_supervised!({ServerProcess, {data_dir, settings, {:open_files, 120}}},
          id: make_ref()
        )

      port = ServerProcess.await_ready(server)
      assert post(port, @databases, %{name: "quakes"}).status in [200, 201]
      body = ~s({"type":"Feature","geometry":null,"properties":{"pad":")
      body = body <> String.duplicate("x", 3_500) <> ~s("}})

      for n <- first..(first + 99) do
        assert request(port, "PUT", "#{@db}/features/#{n}", body: body).status == 201
      end

      for n <- 1..(first + 99), do: assert(get(port, "#{@db}/features/#{n}").status == 200)
      assert json(get(port, @db))["segments"] >= first + 98
      assert get(port, "/health/ready").status == 200
      assert ServerProcess.stop(server) == 0
    end
  end

  # Idle folders are looked at every now and then.
  defp await_reasons(port, left \\ 300) do
    case get(port, "/health/ready") do
      %{status: 503} = response ->
        json(response)["reasons"]

      _ready when left > 0 ->
        Process.sleep(50)
        await_reasons(port, left - 1)
    end
  end

  defp start(data_dir) do
    server = start_supervised!({ServerProcess, data_dir}, id: make_ref())
    {server, ServerProcess.await_ready(server)}
  end

  # What `mix formdb.server` says, and how it ends. The configuration of the tests has a
  # folder of its own, so this one is put in its place.
  defp formdb_server(data_dir) do
    config = %{"FORMDB_DATA_DIR" => data_dir, "FORMDB_PORT" => "0"}

    script = """
    Application.put_env(:formdb_http, :config, #{inspect(config)})
    Mix.Task.run("formdb.server")
    """

    System.cmd("mix", ["run", "--no-compile", "--no-start", "-e", script],
      env: [{"MIX_ENV", "test"}],
      stderr_to_stdout: true
    )
  end

  defp put_feature(port, id) do
    body = ~s({"type":"Feature","geometry":null,"properties":{}})
    request(port, "PUT", "#{@db}/features/#{id}", body: body)
  end
end
