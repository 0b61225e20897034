defmodule FormdbHttp.BackupTest do
  # Backups of open databases, under writers; what is restored; dumps. How they bear crashes and
  # damage is the matter of the engine's tests.
  use ExUnit.Case, async: true

  alias FormdbHttp.{Backup, Config, JSON}

  setup do
    name = "backed-#{System.unique_integer([:positive])}"
    folder = Config.load!().data_dir <> "-" <> name
    File.mkdir_p!(folder)
    {:ok, _} = FormdbHttp.open(name)
    restored = name <> "-restored"

    on_exit(fn ->
      for name <- [name, restored], do: FormdbHttp.purge(name)
      File.rm_rf!(folder)
    end)

    data_dir = Config.load!().data_dir
    {:ok, name: name, folder: folder, restored: restored, to: Path.join(data_dir, restored)}
  end

  defp quiet, do: fn _done, _total -> :ok end
  defp take(name, to), do: Backup.take(name, to, quiet())

  defp put(name, n, opts \\ []) do
    feature =
      ~s({"type":"Feature","id":"f#{rem(n, 50)}","geometry":{"type":"Point","coordinates":[#{rem(n, 180)},1]},) <>
        ~s("properties":{"n":#{n}}})

    {:ok, ack} = FormdbHttp.put_feature(name, feature, opts)
    ack.seq
  end

  # One of every kind of operation.
  defp fill(name) do
    for n <- 1..20, do: put(name, n, actor: "key:writer")
    {:ok, _} = FormdbHttp.delete_feature(name, "f3")
    for n <- 0..9, do: {:ok, _} = FormdbHttp.put_point(name, "s", n, n / 2)
    {:ok, _} = FormdbHttp.delete_points(name, "s", 2, 4)
    {:ok, _} = FormdbHttp.set_attributes(name, "s", %{unit: "m"})
    {:ok, _} = FormdbHttp.set_defaults(name, %{on_duplicate: "ignore"}, [])
    {:ok, _} = FormdbHttp.revert(name, 5)

    {:ok, _} =
      FormdbHttp.create_webhook(name, %{
        id: "hook",
        address: "http://127.0.0.1:1/x",
        active: false
      })
  end

  test "of a database that is written meanwhile has a whole beginning of it", context do
    %{name: name, folder: folder, restored: restored, to: to} = context
    test = self()

    writers =
      for start <- [0, 100_000] do
        Task.async(fn ->
          Enum.reduce_while(Stream.iterate(start, &(&1 + 1)), 0, fn n, last ->
            seq = put(name, n)
            if n == start + 20, do: send(test, :begun)

            receive do
              :enough -> {:halt, max(seq, last)}
            after
              0 -> {:cont, seq}
            end
          end)
        end)
      end

    for _ <- writers, do: assert_receive(:begun, 10_000)
    {:ok, %{durable_seq: before}} = FormdbHttp.database(name)
    {:ok, one} = take(name, Path.join(folder, "one"))
    {:ok, two} = take(name, Path.join(folder, "two"))
    for %{pid: pid} <- writers, do: send(pid, :enough)
    Task.await_many(writers)

    assert one.seq >= before and two.seq >= one.seq
    assert two.previous == "one"

    for backup <- [one, two] do
      {:ok, head} = FormdbHttp.tree_head(name, backup.seq)
      assert head.root == backup.root
    end

    assert {:ok, %{seq: seq, database: ^name}} = Backup.verify(Path.join(folder, "two"), quiet())
    assert seq == two.seq
    assert {:ok, [%{name: "one"}, %{name: "two", state: :whole}]} = Backup.list(folder)

    {:ok, made} = FormdbHttp.restore_backup(Path.join(folder, "two"), to)
    assert {made.root, made.seq} == {two.root, two.seq}
    {:ok, opened} = FormdbHttp.open(restored)
    assert {opened.root, opened.log} == {two.root, made.log}
    {:ok, %{log: log}} = FormdbHttp.database(name)
    assert log != made.log and made.backup.log == log
    # Both go on, each its own way.
    assert put(restored, 1) == two.seq + 1

    assert {:error, %{code: :log_diverged}} =
             FormdbHttp.subscribe(restored, since: %{seq: 1, log: log})
  end

  test "goes back to an earlier block, at the end of a transaction", context do
    %{name: name, folder: folder, to: to, restored: restored} = context
    for n <- 1..5, do: put(name, n)
    {:ok, txn} = FormdbHttp.begin(name)

    for n <- 6..8 do
      feature = %{"type" => "Feature", "id" => "t#{n}", "geometry" => nil, "properties" => %{}}
      {:ok, _} = FormdbHttp.apply(txn, [{:put_feature, feature}])
    end

    {:ok, %{first_seq: 6, last_seq: 8}} = FormdbHttp.commit(txn)
    {:ok, _} = take(name, Path.join(folder, "one"))
    {:ok, %{root: root}} = FormdbHttp.tree_head(name, 5)
    assert {:ok, made} = FormdbHttp.restore_backup(Path.join(folder, "one"), to, until: 7)
    assert {made.seq, made.root} == {5, root}
    assert {:ok, %{seq: 5}} = FormdbHttp.open(restored)
    assert {:error, %{code: :feature_not_found}} = FormdbHttp.get_feature(restored, "t6")

    assert {:error, %{code: :invalid_parameter, pointer: "/until"}} =
             FormdbHttp.restore_backup(Path.join(folder, "one"), to <> "x", until: 9)

    # Nothing is written over.
    assert {:error, %{pointer: "/to"}} = FormdbHttp.restore_backup(Path.join(folder, "one"), to)
    assert {:error, %{pointer: "/to"}} = take(name, Path.join(folder, "one"))
  end

  test "has the webhooks, which are paused where it is restored", context do
    %{name: name, folder: folder, to: to, restored: restored} = context
    fill(name)
    {:ok, _} = FormdbHttp.update_webhook(name, "hook", %{active: true})
    {:ok, _} = take(name, Path.join(folder, "one"))
    {:ok, _} = FormdbHttp.restore_backup(Path.join(folder, "one"), to)
    {:ok, _} = FormdbHttp.open(restored)

    assert {:ok, [webhook]} = FormdbHttp.webhooks(restored)
    assert {webhook.id, webhook.state} == {"hook", :paused}
    assert webhook.address == "http://127.0.0.1:1/x"
    assert webhook.reason =~ name
    # Once somebody says so they go on, from where the original was.
    assert {:ok, %{state: state}} = FormdbHttp.update_webhook(restored, "hook", %{active: true})
    assert state in [:delivering, :retrying]
  end

  test "a dump makes the same blocks again, and one that was changed nothing", context do
    %{name: name, folder: folder, to: to, restored: restored} = context
    fill(name)
    file = Path.join(folder, "dump.ndjson")
    assert {:ok, head} = FormdbHttp.dump(name, file)
    {:ok, original} = FormdbHttp.database(name)
    assert {head.seq, head.root, head.log} == {original.seq, original.root, original.log}
    assert {:error, %{pointer: "/to"}} = FormdbHttp.dump(name, file)
    assert File.ls!(folder) == ["dump.ndjson"]

    # For people each line is an entry of the journal.
    [first | lines] = file |> File.read!() |> String.split("\n", trim: true)
    assert %{"format" => "formdb-dump", "tree_size" => size} = JSON.decode!(first)
    assert size == length(lines)

    {:ok, %{json: entries}} = FormdbHttp.journal(name, limit: 1_000)
    shown = for line <- lines, do: line |> JSON.decode!() |> Map.delete("cbor")
    assert shown == JSON.decode!(IO.iodata_to_binary(entries))

    assert {:ok, loaded} = FormdbHttp.load_dump(file, to)
    assert {loaded.root, loaded.seq} == {head.root, head.seq}
    assert {:ok, %{root: root, log: log}} = FormdbHttp.open(restored)
    assert root == head.root and log == loaded.log and log != head.log

    changed = Path.join(folder, "changed.ndjson")

    File.write!(
      changed,
      file |> File.read!() |> String.replace(~s("root":"), ~s("root":"0), global: false)
    )

    assert {:error, %{code: :invalid_document}} = FormdbHttp.load_dump(changed, to <> "x")
    refute File.exists?(to <> "x")
  end

  test "who asked for a backup and ends takes it along", %{name: name, folder: folder} do
    for n <- 1..200, do: put(name, n)
    to = Path.join(folder, "one")

    asking =
      spawn(fn ->
        ref = make_ref()
        options = %{database: name, folders: [], bytes_per_second: 1_000}
        :ok = FormdbHttp.Native.backup_open(FormdbHttp.Catalog.handle(), to, options, ref)
        Process.sleep(:infinity)
      end)

    FormdbHttp.Waiting.wait_until(fn ->
      Path.wildcard(folder <> "/.new-*", match_dot: true) != []
    end)

    Process.exit(asking, :kill)

    FormdbHttp.Waiting.wait_until(fn ->
      Path.wildcard(folder <> "/.new-*", match_dot: true) == []
    end)

    refute File.exists?(to)
  end

  test "is refused without a folder for backups, with what to do", %{name: name} do
    assert {:error, %{code: :backups_not_configured} = error} = FormdbHttp.create_backup(name)
    assert error.detail =~ "FORMDB_BACKUP_DIR"
    assert {:error, %{code: :backups_not_configured}} = FormdbHttp.backups(name)
  end
end
