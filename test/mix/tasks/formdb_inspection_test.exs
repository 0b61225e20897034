defmodule Mix.Tasks.Formdb.InspectionTest do
  # mix formdb.verify and mix formdb.doctor.
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias FormdbHttp.Config
  alias Mix.Tasks.Formdb.{Doctor, Verify}

  setup do
    name = "inspected-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)

    for n <- 1..20 do
      {:ok, _} =
        FormdbHttp.put_feature(
          name,
          ~s({"type":"Feature","geometry":null,"properties":{"n":#{n}}})
        )
    end

    {:ok, %{root: root}} = FormdbHttp.database(name)
    :ok = FormdbHttp.close(name)
    {:ok, name: name, dir: Path.join(Config.load!().data_dir, name), root: root}
  end

  # Standard output, standard error, and the exit status.
  defp run(task, arguments) do
    test = self()

    err =
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
    {status, out, err}
  end

  test "the doctor says that the disk has too little room for a server to write", %{dir: dir} do
    {0, out, _err} = run(Doctor, [dir])
    refute out =~ "FORMDB_MIN_FREE_BYTES"
    System.put_env("FORMDB_MIN_FREE_BYTES", "16384GiB")
    on_exit(fn -> System.delete_env("FORMDB_MIN_FREE_BYTES") end)
    {status, out, _err} = run(Doctor, [dir])
    # The database is sound all the same.
    assert status == 0
    assert out =~ ~r/\Athe disk of the data folder has \d+ bytes free, and below 17592186044416 /
  end

  # One bit of a block that others follow.
  defp damage(dir) do
    [segment | _] = Path.wildcard(Path.join(dir, "journal/*.journal"))
    bytes = File.read!(segment)
    at = div(byte_size(bytes), 2)
    {before, <<byte, rest::binary>>} = :erlang.split_binary(bytes, at)
    File.write!(segment, [before, Bitwise.bxor(byte, 1), rest])
  end

  test "a sound database is sound, and keeps its bytes", %{dir: dir, root: root} do
    before = contents(dir)
    {0, out, err} = run(Verify, [dir])
    assert out =~ "#{dir}: sound\n  20 blocks in 20 transactions"
    assert out =~ "Merkle root #{root}"
    # Progress is for terminals.
    assert err == ""
    {0, out, _} = run(Doctor, [dir])
    assert out =~ root and out =~ "There is nothing to do."
    assert contents(dir) == before
  end

  test "a damaged one is found, explained and salvaged", %{dir: dir, name: name} do
    damage(dir)
    before = contents(dir)
    {1, out, _} = run(Verify, [dir])
    assert out =~ "#{dir}: NOT SOUND" and out =~ ~r/damaged: .*\.journal, byte \d+: /
    {1, out, _} = run(Doctor, [dir])
    assert out =~ "Opening is refused" and out =~ "salvage"
    # What --beyond would save is said where it helps.
    readable = ~r/(\d+) blocks after the damage can be read: .*--beyond/
    assert [_, beyond] = Regex.run(readable, out)
    assert String.to_integer(beyond) in 1..19

    saved = dir <> "-saved"
    {0, out, ""} = run(Doctor, [dir, "--salvage", saved])
    assert [_, blocks] = Regex.run(~r/salvaged (\d+) blocks/, out)
    assert String.to_integer(blocks) in 1..19
    assert out =~ "not copied: "
    assert out =~ readable
    {1, out, _} = run(Doctor, [dir, "--salvage", saved])
    assert out =~ "nothing was salvaged" and out =~ "not empty"
    assert contents(dir) == before

    {0, out, _} = run(Verify, [saved])
    assert out =~ "#{saved}: sound\n  #{blocks} blocks"
    assert {:ok, %{seq: seq}} = FormdbHttp.open(name <> "-saved", create: false)
    assert "#{seq}" == blocks
    :ok = FormdbHttp.purge(name <> "-saved")
  end

  test "what can be read behind the damage follows as new blocks", %{dir: dir, name: name} do
    damage(dir)
    saved = dir <> "-beyond"
    {0, out, _} = run(Doctor, [dir, "--salvage", saved, "--beyond"])
    assert [_, copied] = Regex.run(~r/salvaged (\d+) blocks/, out)
    assert [_, anew] = Regex.run(~r/as new blocks: (\d+) in \d+ transactions/, out)
    assert out =~ "not readable: blocks "
    total = String.to_integer(copied) + String.to_integer(anew)
    assert total in 15..19
    {0, out, _} = run(Verify, [saved])
    assert out =~ "#{saved}: sound\n  #{total} blocks"
    assert {:ok, %{seq: ^total}} = FormdbHttp.open(name <> "-beyond", create: false)
    :ok = FormdbHttp.purge(name <> "-beyond")
  end

  test "a database without its journal is said to have lost it", %{dir: dir} do
    folder = dir <> "-lost"
    on_exit(fn -> File.rm_rf!(folder) end)
    File.mkdir_p!(folder)
    File.cp_r!(dir, Path.join(folder, "one"))
    File.cp_r!(dir, Path.join(folder, "two"))
    File.rm_rf!(Path.join(folder, "one/journal"))

    for task <- [Verify, Doctor], path <- [folder, Path.join(folder, "one")] do
      {1, out, _} = run(task, [path])
      assert out =~ "lost its journal"
    end
  end

  test "a data folder that a server has used is one, and nothing in it is passed over", context do
    folder = context.dir <> "-used"
    on_exit(fn -> File.rm_rf!(folder) end)
    File.mkdir_p!(Path.join(folder, "gone"))
    File.cp_r!(context.dir, Path.join(folder, "one"))
    File.write!(Path.join(folder, "LOCK"), "1\n")
    File.write!(Path.join(folder, "gone/LOCK"), "1\n")
    {1, out, _} = run(Verify, [folder])
    assert out =~ "/one: sound" and out =~ "/gone: NOT CHECKED"
    {1, out, _} = run(Doctor, [folder])
    assert out =~ "There is nothing to do." and out =~ "/gone holds no database"
  end

  test "a journal that was cut after it was closed is damage, and no torn tail", %{dir: dir} do
    [segment] = Path.wildcard(Path.join(dir, "journal/*.journal"))
    bytes = File.read!(segment)
    File.write!(segment, binary_part(bytes, 0, byte_size(bytes) - 10))
    {1, out, _} = run(Verify, [dir])
    assert out =~ "NOT SOUND" and out =~ "damaged" and not (out =~ "torn tail")
    {1, out, _} = run(Doctor, [dir])
    assert out =~ "Opening is refused" and out =~ "DURABLE"
  end

  test "all databases of a data folder are looked at", %{dir: dir, name: name} do
    folder = dir <> "-folder"
    on_exit(fn -> File.rm_rf!(folder) end)
    File.mkdir_p!(folder)
    File.cp_r!(dir, Path.join(folder, "one"))
    File.cp_r!(dir, Path.join(folder, "two"))
    File.write!(Path.join(folder, "noise"), "")
    {0, out, _} = run(Verify, [folder])
    assert out =~ "/one: sound" and out =~ "/two: sound"
    damage(Path.join(folder, "one"))
    {1, out, _} = run(Verify, [folder])
    assert out =~ "/one: NOT SOUND" and out =~ "/two: sound"
    {1, out, _} = run(Doctor, [folder])
    assert out =~ "/one\n" and out =~ "There is nothing to do."
    assert {:ok, %{created: false}} = FormdbHttp.open(name)
  end

  test "one that is open is left alone", %{dir: dir, name: name} do
    {:ok, _} = FormdbHttp.open(name)
    {1, out, _} = run(Verify, [dir])
    assert out =~ "NOT CHECKED" and out =~ "held by this process"
    {1, out, _} = run(Doctor, [dir])
    assert out =~ ~r"is open in process \d+: close it"
    {1, out, _} = run(Doctor, [dir, "--salvage", dir <> "-new"])
    assert out =~ "nothing was salvaged"
    refute File.exists?(dir <> "-new")
  end

  test "what is no database is said to be none", %{dir: dir} do
    none = dir <> "-none"
    assert_raise Mix.Error, ~r/there is no database in/, fn -> run(Verify, [none]) end
    {1, out, _} = run(Doctor, [none])
    assert out =~ "holds no database"
    {1, out, _} = run(Doctor, [none, "--salvage", none <> "-new"])
    assert out =~ "nothing was salvaged"
  end

  test "arguments that make no sense show how it is used" do
    for task <- [Verify, Doctor] do
      assert {0, help, _} = run(task, ["--help"])
      assert help =~ "exit status is 0"

      for arguments <- [[], ["a", "b"], ["a", "--nope"], ["a", "--salvage"]],
          do: assert_raise(Mix.Error, ~r/usage: mix formdb/, fn -> run(task, arguments) end)
    end
  end

  defp contents(dir) do
    for path <- Path.wildcard(Path.join(dir, "**")), File.regular?(path), into: %{} do
      {path, File.read!(path)}
    end
  end
end
