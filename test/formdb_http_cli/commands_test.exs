defmodule FormdbHttpCli.CommandsTest do
  # What `bin/formdb-server` of a release does with its arguments. test/interop/release.py has the
  # program itself.
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias FormdbHttp.{Certificates, CommandNames, Config, Error, Inspection, ServerProcess}
  alias FormdbHttpCli.{Command, Running}
  alias FormdbHttpWeb.Endpoint

  @moduletag :tmp_dir
  @moduletag timeout: 120_000

  setup do
    CommandNames.in_release()
    settings = Application.get_env(:formdb_http, :config)

    on_exit(fn ->
      CommandNames.in_mix()
      Application.put_env(:formdb_http, :config, settings)
    end)
  end

  # The exit status, standard output and standard error.
  defp run(arguments) do
    test = self()

    err =
      capture_io(:stderr, fn ->
        out = capture_io(fn -> send(test, {:status, FormdbHttpCli.run(arguments)}) end)
        send(test, {:out, out})
      end)

    assert_received {:status, status}
    assert_received {:out, out}
    {status, out, err}
  end

  defp configure(settings) do
    config = Map.merge(Application.get_env(:formdb_http, :config), settings)
    Application.put_env(:formdb_http, :config, config)
  end

  test "without a command, and for one that is none, there is help" do
    assert {0, help, ""} = run([])
    assert {0, ^help, ""} = run(["help"])
    assert {2, "", err} = run(["strat"])
    assert err == "formdb-server: there is no command strat\n\n" <> help

    names = for [_, name] <- Regex.scan(~r/^  ([a-z-]+) +[A-Z]/m, help), do: name

    assert Enum.sort(names) ==
             ~w(backup doctor dump health keys load-dump remote restore start stop users verify verify-backup version)

    for name <- names, {0, help, ""} = run(["help", name]) do
      assert {0, ^help, ""} = run([name, "--help"])
      # Its own name, and nothing that a release has not.
      assert help =~ "    formdb-server #{name}"
      refute help =~ "mix "
      assert {1, "", "formdb-server: " <> sentence} = run([name, "--nonsense"])
      assert sentence =~ "formdb-server #{name}" or sentence =~ "#{name} takes no arguments"
    end
  end

  test "texts name the commands of a release in one, and the tasks of Mix elsewhere" do
    assert CommandNames.as_release("`mix formdb.load_dump FILE` (mix help formdb.keys)") ==
             "`formdb-server load-dump FILE` (formdb-server help keys)"

    assert {:refused, "usage: formdb-server verify DIR" <> _} =
             Command.perform(FormdbHttpCli.Verify, [])

    # So do the errors of the engine, which answers and the log have.
    corrupt = {:journal_corrupt, "x is damaged. Run `mix formdb.doctor` on it", nil}

    assert %{detail: "x is damaged. Run `formdb-server doctor` on it"} =
             Error.from_native(corrupt)

    assert logged("mix formdb.verify_backup says which") =~
             "formdb-server verify-backup says which"

    CommandNames.in_mix()

    assert {:refused, "usage: mix formdb.verify DIR" <> _} =
             Command.perform(FormdbHttpCli.Verify, [])

    assert Error.from_native(corrupt).detail == elem(corrupt, 1)
    assert logged("mix formdb.verify_backup says which") =~ "mix formdb.verify_backup says which"
  end

  # The line that the server's log has of it.
  defp logged(text) do
    event = %{level: :warning, msg: {:string, text}, meta: %{time: 0}}
    config = %{writer: self(), counters: :counters.new(2, []), bytes: 1_000}
    format = %{template: [:msg, "\n"], single_line: true}
    :ok = FormdbHttp.Log.log(event, %{config: config, formatter: {:logger_formatter, format}})
    assert_received {:line, line}
    line
  end

  # Whoever may not give files away has no such folders either.
  if match?({:ok, %{uid: 0}}, File.stat("/proc/self")) do
    @service 65_534

    test "what root makes in a folder of the service is the service's", %{tmp_dir: dir} do
      [data, backups, mine] = for name <- ~w(data backups mine), do: Path.join(dir, name)
      Enum.each([data, backups, mine], &File.mkdir!/1)
      from = Path.join(data, "quakes")
      dump = Path.join(dir, "quakes.ndjson")
      make_database("quakes", from)
      configure(%{"FORMDB_DATA_DIR" => data, "FORMDB_BACKUP_DIR" => backups})

      # Where all is root's it stays so, and nothing is said.
      assert {0, _out, err} = run(["backup", from, Path.join(mine, "one")])
      assert {0, _out, _err} = run(["dump", from, dump])
      refute err =~ "was given"
      assert owners(mine) == [0]
      # A database of root's may share files with its backup.
      give([backups])
      assert {0, _out, err} = run(["backup", "quakes", "--name", "roots"])
      refute err =~ "was given"
      File.rm_rf!(Path.join(backups, "quakes"))
      assert owners(from) == [0]

      give([data | Path.wildcard(data <> "/**", match_dot: true)])

      for {made, command} <- [
            {Path.join(backups, "quakes"), ["backup", "quakes", "--name", "one"]},
            {Path.join(data, "a"), ["restore", backups <> "/quakes/one", data <> "/a"]},
            {Path.join(data, "b"), ["load-dump", dump, data <> "/b"]},
            {Path.join(data, "c"), ["doctor", from, "--salvage", data <> "/c"]},
            {Path.join(backups, "quakes/two"), ["backup", "quakes", "--name", "two"]}
          ] do
        assert {0, _out, err} = run(command)
        [_line] = Regex.scan(~r/^.* was given to user .*$/m, err)
        assert {command, owners(made)} == {command, [@service]}
      end

      # Who meets what is another's is told whose they are.
      denied = {:io_error, "cannot look at journal: Permission denied (os error 13)", nil}

      assert Error.from_native(denied).detail =~
               "Permission denied (os error 13) (this process is of user 0: "

      # What they were made of is what it was.
      assert owners(from) == [@service]
      assert owners(mine) == [0]
    end

    defp give(paths), do: for(path <- paths, do: File.chown!(path, @service))

    defp owners(dir) do
      for(path <- [dir | Path.wildcard(dir <> "/**", match_dot: true)], do: File.lstat!(path).uid)
      |> Enum.uniq()
    end

    # A database that nobody has open.
    defp make_database(name, at) do
      name = "#{name}_#{System.unique_integer([:positive])}"
      {:ok, _} = FormdbHttp.open(name)
      {:ok, _} = FormdbHttp.put_feature(name, %{type: "Feature", geometry: nil, properties: %{}})
      :ok = FormdbHttp.close(name)
      File.cp_r!(Path.join(FormdbHttp.Catalog.config().data_dir, name), at)
      :ok = FormdbHttp.purge(name)
    end
  end

  test "the version" do
    assert {0, out, ""} = run(["version"])
    assert out =~ "formdb-server #{FormdbHttp.version()} (Elixir #{System.version()}, Erlang/OTP "
  end

  test "wrong settings are told before anything is done" do
    configure(%{"FORMDB_PORT" => "70000"})

    for command <- [["stop"], ["health"], ["remote"], ["backup", "quakes"]] do
      assert {1, "", err} = run(command)
      assert err =~ ~r/\Aformdb-server: The configuration is wrong:\nFORMDB_PORT is "70000"/
    end
  end

  test "what a database says is printed, and the status is 1 where it is not sound", %{
    tmp_dir: folder
  } do
    assert {1, "", err} = run(["verify", folder])
    assert err =~ "there is no database in #{folder}"
    File.mkdir_p!(Path.join(folder, "quakes/snapshots"))
    assert {1, out, _progress} = run(["verify", folder])
    assert out =~ "NOT CHECKED"
    # What the engine advises has the names of a release, too.
    refute out =~ "mix "
  end

  test "a new database in the data folder has a name that one may have", %{tmp_dir: folder} do
    folder = Path.expand(folder)
    configure(%{"FORMDB_DATA_DIR" => folder})

    for arguments <- [
          ["restore", "none", Path.join(folder, "Bad Name")],
          ["load-dump", "none", Path.join(folder, "Bad Name")],
          ["doctor", "none", "--salvage", Path.join(folder, "Bad Name")]
        ] do
      assert {1, "", err} = run(arguments)
      assert err =~ "Bad Name is in the data folder: "
      assert err =~ "a-z"
    end

    # Elsewhere it is the name of a folder.
    assert {1, out, _progress} = run(["restore", "none", Path.join(folder, "apart/Bad Name")])
    assert out =~ "nothing was restored"
  end

  defp database do
    name = "told-#{System.unique_integer([:positive])}"
    {:ok, _info} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    name
  end

  test "a folder that may not be read is not one without a database", %{tmp_dir: folder} do
    closed = Path.join(folder, "closed")
    File.mkdir_p!(closed)
    File.chmod!(closed, 0o000)
    on_exit(fn -> File.chmod(closed, 0o755) end)

    # Root may read it all the same.
    if File.ls(closed) == {:error, :eacces} do
      assert {1, out, _progress} = run(["verify", closed])
      assert out =~ "Permission denied"
      assert {1, "", err} = run(["verify-backup", closed])
      assert err =~ "Permission denied"
    else
      IO.puts("skipped: root may read every folder")
    end
  end

  test "a backup of an open database says where it asked for the server", %{tmp_dir: folder} do
    name = database()
    configure(%{"FORMDB_PORT" => "1", "FORMDB_BACKUP_DIR" => folder})
    assert {1, out, _progress} = run(["backup", name])
    for part <- ["http://127.0.0.1:1 (connection refused)", "FORMDB_URL"], do: assert(out =~ part)
    refute out =~ "failed_connect"
    environment(%{"FORMDB_URL" => "localhost:4000"})
    assert {1, out, _progress} = run(["backup", name])
    assert out =~ ~s(FORMDB_URL is "localhost:4000"; expected an address such as https://)
  end

  defp environment(variables) do
    System.put_env(variables)
    on_exit(fn -> for {name, _value} <- variables, do: System.delete_env(name) end)
  end

  # Of a closed database with a block, in a folder of backups: two of them.
  defp backups(folder) do
    name = database()

    {:ok, _} =
      FormdbHttp.put_feature(name, %{
        "type" => "Feature",
        "id" => "a",
        "geometry" => nil,
        "properties" => %{}
      })

    :ok = FormdbHttp.close(name)
    from = Path.join(Config.load!().data_dir, name)

    for backup <- ["one", "two"] do
      to = Path.join([folder, name, backup])
      assert {:ok, _report} = FormdbHttp.Backup.take_closed(from, to, fn _done, _total -> :ok end)
    end

    Path.join(folder, name)
  end

  test "what stands in the place of a backup is told", %{tmp_dir: folder} do
    backups = backups(folder)
    to = Path.join(folder, "new")

    for dir <- [backups, folder], arguments <- [["restore", dir, to], ["dump", dir, to]] do
      assert {1, out, _progress} = run(arguments)

      assert out =~
               "#{dir} is no backup but a folder of backups; name one of them, such as #{backups}/two"
    end

    # A copy that was cut off: the manifest comes last.
    one = Path.join(backups, "one")
    File.rm!(Path.join(one, "MANIFEST.json"))

    for arguments <- [["restore", one, to], ["dump", one, to], ["verify-backup", one]] do
      assert {1, out, _progress} = run(arguments)
      assert out =~ "#{one} has no MANIFEST.json"
    end

    refute File.exists?(to)
  end

  test "a block to restore to is a sequence", %{tmp_dir: folder} do
    backup = Path.join(backups(folder), "one")

    for until <- ["18446744073709551616", "2026-01-31T12:36:00Z", "-1", "1x"] do
      assert {1, "", err} = run(["restore", backup, Path.join(folder, "new"), "--until=#{until}"])
      assert err =~ "--until is #{inspect(until)}; expected the sequence of a block"
      assert err =~ "formdb-server help restore"
    end

    assert {0, out, _progress} =
             run(["restore", backup, Path.join(folder, "new"), "--until", "0"])

    assert out =~ "nothing is in it: of the backup's 1 blocks none"

    assert {0, out, _progress} =
             run(["restore", backup, Path.join(folder, "all"), "--until", "1"])

    refute out =~ "nothing is in it"
  end

  test "a key is made for what it may do", %{tmp_dir: folder} do
    file = Path.join(folder, "keys.json")
    assert {1, "", err} = run(["keys", "create", "x", "--file", file])
    assert err =~ "what may it do? Say --scope"
  end

  # Standard error, as it is told what it may show; whether it is a terminal.
  defp device(terminal?, said) do
    receive do
      {:io_request, from, ref, {:get_geometry, :columns}} ->
        send(from, {:io_reply, ref, if(terminal?, do: 80, else: {:error, :enotsup})})
        device(terminal?, said)

      {:io_request, from, ref, {:put_chars, _encoding, text}} ->
        send(from, {:io_reply, ref, :ok})
        device(terminal?, [said, text])

      {:said, pid} ->
        send(pid, {:text, IO.iodata_to_binary(said)})
    end
  end

  defp progress(terminal?, work) do
    before = Process.whereis(:standard_error)
    device = spawn_link(fn -> device(terminal?, []) end)
    Process.unregister(:standard_error)
    Process.register(device, :standard_error)

    try do
      work.()
    after
      Process.unregister(:standard_error)
      Process.register(before, :standard_error)
    end

    send(device, {:said, self()})
    assert_receive {:text, text}
    text
  end

  test "progress is told to a terminal, once, and to nobody else" do
    work = fn ->
      tell = Inspection.progress_line("x")
      for done <- [0, 1, 1, 500, 1000], do: tell.(done, 1000)
      Inspection.end_progress()
      # Where there was none, there is no line to end.
      Inspection.end_progress()
    end

    assert progress(true, work) == "\rx: 0.0 %\rx: 0.1 %\rx: 50.0 %\rx: 100.0 %\n"
    assert progress(false, work) == ""
  end

  describe "a server with TLS" do
    setup %{tmp_dir: folder} do
      {certificate, key} = Certificates.write(folder, "server", name: "localhost")
      {:ok, certificate: certificate, key: key, name: database()}
    end

    defp serve(certificate, key, host \\ "127.0.0.1") do
      settings = %{
        "FORMDB_HOST" => host,
        "FORMDB_PORT" => "0",
        "FORMDB_TLS_CERTIFICATE_FILE" => certificate,
        "FORMDB_TLS_KEY_FILE" => key
      }

      {:ok, config} =
        settings
        |> Map.merge(Application.get_env(:formdb_http, :config), fn _, a, _ -> a end)
        |> Config.load()

      start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))
      configure(%{settings | "FORMDB_PORT" => "#{Endpoint.port()}"})
      Endpoint.port()
    end

    # It has no folder for backups, and says so: the request has come to it.
    defp asked(name, folder) do
      configure(%{"FORMDB_BACKUP_DIR" => folder})
      assert {1, out, _progress} = run(["backup", name])
      out
    end

    @reached "the server that has the database open says: this server has no folder for backups"

    test "is asked by its certificate in the settings", %{tmp_dir: folder} = context do
      for host <- ["127.0.0.1", "::1"] do
        serve(context.certificate, context.key, host)
        assert asked(context.name, folder) =~ @reached
        assert {0, out, ""} = run(["health", "--live"])
        assert out =~ ~s("status":")
        stop_supervised!(Endpoint)
      end
    end

    test "is asked by a certificate that it signed itself", %{tmp_dir: folder} = context do
      %{cert: der, key: key} =
        :public_key.pkix_test_root_cert(~c"localhost", key: {:namedCurve, :secp256r1})

      file = Path.join(folder, "own.pem")
      key = :public_key.pem_entry_encode(:ECPrivateKey, key)
      File.write!(file, :public_key.pem_encode([{:Certificate, der, :not_encrypted}, key]))
      File.chmod!(file, 0o600)
      port = serve(file, file)
      assert asked(context.name, folder) =~ @reached
      environment(%{"FORMDB_URL" => "https://localhost:#{port}", "FORMDB_CA_FILE" => file})
      assert asked(context.name, folder) =~ @reached
    end

    test "with another certificate is sent no token", %{tmp_dir: folder} = context do
      serve(context.certificate, context.key)
      {another, key} = Certificates.write(folder, "another", name: "localhost")
      configure(%{"FORMDB_TLS_CERTIFICATE_FILE" => another, "FORMDB_TLS_KEY_FILE" => key})
      out = asked(context.name, folder)
      assert out =~ "another one than that in FORMDB_TLS_CERTIFICATE_FILE"
      refute out =~ "tls_alert"
      # Whether it is well is no secret.
      assert {0, _out, ""} = run(["health", "--live"])
    end

    test "at an address of its own is trusted by its authority", %{tmp_dir: folder} = context do
      port = serve(context.certificate, context.key)
      configure(%{"FORMDB_BASE_PATH" => "/formdb"})
      environment(%{"FORMDB_URL" => "https://localhost:#{port}"})
      assert asked(context.name, folder) =~ "FORMDB_CA_FILE is a file of others"
      environment(%{"FORMDB_CA_FILE" => Path.join(folder, "server.ca")})
      assert asked(context.name, folder) =~ @reached
      environment(%{"FORMDB_URL" => "https://127.0.0.1:#{port}"})
      assert asked(context.name, folder) =~ "its certificate is for another name"
      environment(%{"FORMDB_URL" => "http://localhost:#{port}"})
      assert asked(context.name, folder) =~ "speaks https://"
      environment(%{"FORMDB_URL" => "https://localhost:#{port}", "FORMDB_CA_FILE" => context.key})
      assert asked(context.name, folder) =~ "has no certificate in PEM"
    end
  end

  test "the backups of all databases are verified by their folder", %{tmp_dir: folder} do
    from = Path.join(Config.load!().data_dir, name = database())
    :ok = FormdbHttp.close(name)
    tell = fn _done, _total -> :ok end

    for backup <- ["one", "two"] do
      to = Path.join([folder, name, backup])
      assert {:ok, _report} = FormdbHttp.Backup.take_closed(from, to, tell)
    end

    assert {0, out, _progress} = run(["verify-backup", folder])
    for backup <- ["one", "two"], do: assert(out =~ "#{name}/#{backup}: whole")
    File.rm!(Path.join([folder, name, "two", "files", "IDENTITY"]))
    assert {1, out, _progress} = run(["verify-backup", folder])
    assert out =~ "#{name}/one: whole" and out =~ "#{name}/two: NOT WHOLE"
  end

  test "health is that of the server, by the door for probes where there is one" do
    start_supervised!(Supervisor.child_spec({Endpoint, Config.load!()}, restart: :temporary))
    configure(%{"FORMDB_PORT" => "#{Endpoint.port()}"})
    assert {status, out, ""} = run(["health"])
    # Other tests may have left a database that is not as it should be.
    assert {out =~ ~r/"status":"(ready|degraded)"/, status} in [{true, 0}, {false, 1}]
    assert {0, out, ""} = run(["health", "--live"])
    assert out =~ ~s("status":")

    configure(%{"FORMDB_PROBE_PORT" => "#{Endpoint.port()}", "FORMDB_PORT" => "1"})
    assert {0, _out, ""} = run(["health", "--live"])

    stop_supervised!(Endpoint)
    assert {1, "", err} = run(["health"])
    assert err =~ ~r{\Aformdb-server: no answer from http://127\.0\.0\.1:\d+: connection refused}
  end

  test "a server is found by the folder that it has, and stopped", %{tmp_dir: folder} do
    folder = Path.expand(folder)
    configure(%{"FORMDB_DATA_DIR" => folder})
    assert {1, "", none} = run(["stop"])
    assert none == "formdb-server: no server has the data folder #{folder}\n"

    # A number that is some other process's by now.
    File.write!(Path.join(folder, "LOCK"), System.pid())
    assert {1, "", ^none} = run(["stop"])

    server = start_supervised!({ServerProcess, folder}, id: :killed)
    ServerProcess.await_ready(server)
    assert {:ok, pid} = Running.find(folder)
    assert Running.handles?(pid, 15)
    # One that would end by the signal that asks for a shell is not sent it.
    assert {1, "", err} = run(["remote"])
    assert err =~ "process #{pid}, which has the data folder, is no server that"
    assert {:ok, ^pid} = Running.find(folder)
    assert ServerProcess.kill(server) == 128 + 9
    assert {1, "", ^none} = run(["stop"])

    server = start_supervised!({ServerProcess, folder}, id: :stopped)
    ServerProcess.await_ready(server)
    assert {:ok, pid} = Running.find(folder)
    assert {0, out, ""} = run(["stop"])
    assert out == "process #{pid} has stopped\n"
    assert ServerProcess.says?(server, "SIGTERM received: stopping")
  end
end
