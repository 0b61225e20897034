defmodule FormdbHttp.DatabasesTest do
  # The processes of databases: what opens, closes and kills one does not harm it, nor
  # keep others waiting.
  use ExUnit.Case

  import ExUnit.CaptureLog

  alias FormdbHttp.Database

  @feature ~s({"type":"Feature","id":"a","geometry":null,"properties":{}})

  setup do
    name = "databases_#{System.unique_integer([:positive])}"
    on_exit(fn -> for name <- [name, name <> "_b"], do: FormdbHttp.purge(name) end)
    {:ok, name: name, other: name <> "_b"}
  end

  test "one whose process is killed is open again, whenever that was", %{name: name} do
    {:ok, _} = FormdbHttp.open(name)
    {:ok, _} = FormdbHttp.put_feature(name, @feature)

    capture_log(fn ->
      for round <- 1..30 do
        if rem(round, 2) == 0, do: :ok = FormdbHttp.close(name)
        opening = Task.async(fn -> FormdbHttp.open(name) end)
        kill(name)
        assert {:ok, %{seq: 1, status: :open}} = Task.await(opening, 60_000)
        assert {:ok, %{seq: 1}} = FormdbHttp.open(name)
        assert {:ok, %{}} = FormdbHttp.get_feature(name, "a")
      end
    end)
  end

  # As soon as there is one.
  defp kill(name) do
    case Registry.lookup(FormdbHttp.DatabaseRegistry, name) do
      [{pid, _status}] -> Process.exit(pid, :kill)
      [] -> kill(name)
    end
  end

  test "closing one keeps no other waiting", %{name: name, other: other} do
    {:ok, _} = FormdbHttp.open(name)
    [{pid, :open}] = Registry.lookup(FormdbHttp.DatabaseRegistry, name)
    :sys.suspend(pid)
    closing = Task.async(fn -> FormdbHttp.close(name) end)
    purging = Task.async(fn -> FormdbHttp.purge(name) end)
    opening = Task.async(fn -> FormdbHttp.open(other) end)
    assert {:ok, %{created: true}} = Task.await(opening, 60_000)
    assert :ok = FormdbHttp.purge(other)
    assert Task.yield(closing, 0) == nil
    :sys.resume(pid)
    assert Task.await(closing, 60_000) in [:ok, {:error, not_open(name)}]
    assert Task.await(purging, 60_000) == :ok
    assert Database.status(name) == nil
  end

  defp not_open(name) do
    detail = "there is no open database #{inspect(name)}"
    %FormdbHttp.Error{code: :database_not_found, detail: detail}
  end

  test "create, close and purge of one name in any order end in what the last one asked for",
       %{name: name} do
    capture_log(fn ->
      for round <- 1..20 do
        calls =
          for n <- 1..12 do
            Task.async(fn ->
              case rem(n + round, 3) do
                0 -> FormdbHttp.open(name)
                1 -> FormdbHttp.close(name)
                2 -> FormdbHttp.purge(name)
              end
            end)
          end

        for answer <- Task.await_many(calls, 30_000) do
          assert answer == :ok or match?({:ok, %{status: :open}}, answer) or
                   match?({:error, %{code: :database_not_found}}, answer) or
                   match?({:error, %{code: :database_closed}}, answer)
        end

        assert {:ok, %{status: :open}} = FormdbHttp.open(name)
        assert {:ok, _} = FormdbHttp.put_feature(name, @feature)
      end
    end)
  end

  # Its process answers, and closes it before whoever opened it has looked at the answer.
  test "to open one is answered with what was open, whoever closes it then", %{name: name} do
    {:ok, _} = FormdbHttp.open(name)
    {:ok, _} = FormdbHttp.put_feature(name, @feature)
    [{pid, :open}] = Registry.lookup(FormdbHttp.DatabaseRegistry, name)
    :sys.suspend(pid)
    opening = Task.async(fn -> FormdbHttp.open(name) end)
    await_calls(pid, 1)
    true = :erlang.suspend_process(opening.pid)
    closing = Task.async(fn -> FormdbHttp.close(name) end)
    await_calls(pid, 2)
    :sys.resume(pid)
    assert Task.await(closing, 60_000) == :ok
    true = :erlang.resume_process(opening.pid)
    assert {:ok, %{status: :open, seq: 1, created: false}} = Task.await(opening, 60_000)
    assert Database.status(name) == nil
  end

  defp await_calls(pid, count) do
    {:messages, messages} = Process.info(pid, :messages)

    if Enum.count(messages, &match?({:"$gen_call", _from, _call}, &1)) < count do
      Process.sleep(1)
      await_calls(pid, count)
    end
  end

  test "to set defaults is answered with those that were set", %{name: name} do
    {:ok, _} = FormdbHttp.open(name)

    for {asked, seq} <- [{"replace", 1}, {"keep", 2}] do
      assert {:ok, %{seq: ^seq, defaults: %{on_duplicate: ^asked}}} =
               FormdbHttp.set_defaults(name, %{on_duplicate: asked})
    end
  end

  test "one that cannot be made is not there, and the others are ready", %{name: name} do
    # A file is in its place.
    path = Path.join(FormdbHttp.Config.load!().data_dir, name)
    File.write!(path, "text")

    capture_log(fn ->
      assert {:error, %{code: :io_error}} = FormdbHttp.open(name)
    end)

    assert Database.status(name) == nil
    {:ok, databases} = FormdbHttp.databases()
    refute Enum.any?(databases, &(&1.id == name))
    File.rm!(path)
    assert {:ok, %{created: true}} = FormdbHttp.open(name)
  end
end
