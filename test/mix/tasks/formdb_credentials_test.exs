defmodule Mix.Tasks.Formdb.CredentialsTest do
  # mix formdb.keys and mix formdb.users.
  use ExUnit.Case

  import ExUnit.CaptureIO
  import FormdbHttp.AuthServer, only: [folder: 0]

  alias FormdbHttp.JSON
  alias FormdbHttpWeb.Auth.{ApiKeys, Entries}
  alias Mix.Tasks.Formdb.{Keys, Users}

  defp run(task, arguments, input \\ "") do
    capture_io(input, fn -> task.run(arguments) end) |> String.split("\n", trim: true)
  end

  defp refused(task, arguments, input \\ "") do
    capture_io(:stderr, fn ->
      capture_io(input, fn ->
        error = assert_raise Mix.Error, fn -> task.run(arguments) end
        send(self(), {:refused, Exception.message(error)})
      end)
    end)

    assert_received {:refused, message}
    message
  end

  test "a key is created, listed and revoked" do
    file = Path.join(folder(), "keys.json")
    args = ["--file", file]

    [key] =
      run(
        Keys,
        ["create", "backup", "--scope", "read:*", "--expires", "2030-01-01T00:00:00Z"] ++ args
      )

    assert ApiKeys.key?(key)
    assert [line] = run(Keys, ["list"] ++ args)

    assert %{"name" => "backup", "scope" => "read:*", "expires" => "2030-01-01T00:00:00Z"} =
             JSON.decode!(line)

    assert {:ok, [%{sha256: hash}]} = Entries.read(file, ApiKeys)
    assert hash == ApiKeys.hash(key)
    assert run(Keys, ["revoke", "backup"] ++ args) == ["backup is revoked"]
    assert run(Keys, ["list"] ++ args) == []
    assert refused(Keys, ["revoke", "backup"] ++ args) =~ "there is no"
    assert refused(Keys, ["create", "x"] ++ args) =~ "Say --scope"
    assert refused(Keys, ["create", "x", "--scope", ""] ++ args) =~ "expected ACT:DATABASE"
    assert refused(Keys, ["create", "a b", "--scope", "read:*"] ++ args) =~ "the name is"
    assert refused(Keys, ["create"] ++ args) =~ "usage"
    assert refused(Keys, ["list", "--nonsense"] ++ args) =~ "usage"
    assert refused(Keys, ["list"]) =~ "FORMDB_API_KEYS_FILE"
  end

  test "a user is added, gets another password, and is removed" do
    file = Path.join(folder(), "users.json")
    args = ["--password-stdin", "--file", file]

    capture_io(:stderr, fn ->
      assert run(Users, ["add", "ana", "--scope", "read:*"] ++ args, "correct horse\n") == [
               "ana is added"
             ]

      assert run(Users, ["password", "ana"] ++ args, "battery staple\r\n") == [
               "ana has another password"
             ]
    end)

    assert [line] = run(Users, ["list", "--file", file])
    assert %{"name" => "ana", "scope" => "read:*"} = members = JSON.decode!(line)
    refute is_map_key(members, "password")
    {:ok, [%{password: hash}]} = Entries.read(file, FormdbHttpWeb.Auth.Users)
    assert FormdbHttp.Serving.verify_password(hash, "battery staple") == {:ok, true}

    assert refused(Users, ["add", "ana", "--scope", "read:*"] ++ args, "correct horse\n") =~
             "already"

    assert refused(Users, ["add", "ben", "--scope", "read:*"] ++ args, "short\n") =~ "12"
    assert refused(Users, ["add", "ben", "--scope", "read:*"] ++ args, "") =~ "no password"
    assert run(Users, ["remove", "ana", "--file", file]) == ["ana is removed"]
    assert run(Users, ["list", "--file", file]) == []
  end

  # `script` gives a command a terminal, and what that shows.
  @tag skip: System.find_executable("script") == nil
  test "a terminal does not show what is typed" do
    file = Path.join(folder(), "users.json")
    command = "mix formdb.users add ana --scope 'read:*' --file #{file}"

    port =
      Port.open({:spawn_executable, System.find_executable("script")}, [
        :binary,
        :exit_status,
        args: ["-qec", command, "/dev/null"],
        env: [{~c"MIX_ENV", ~c"test"}]
      ])

    shown = typed(port, "Password: ", "correct horse\n", "")
    shown = typed(port, "Once more: ", "correct horse\n", shown)
    shown = typed(port, "ana is added", "", shown)
    refute shown =~ "horse"
    assert_receive {^port, {:exit_status, 0}}, 60_000
  end

  defp typed(port, prompt, text, shown) do
    if String.contains?(shown, prompt) do
      if text != "", do: Port.command(port, text)
      shown
    else
      receive do
        {^port, {:data, more}} -> typed(port, prompt, text, shown <> more)
      after
        60_000 -> flunk("it never asked: #{shown}")
      end
    end
  end

  test "a password is typed twice, and the same", %{} do
    args = ["add", "ana", "--scope", "read:*", "--file", Path.join(folder(), "users.json")]
    assert refused(Users, args, "correct horse\ncorrect hose\n") =~ "differ"

    asked =
      capture_io(:stderr, fn ->
        assert run(Users, args, "correct horse\ncorrect horse\n") == ["ana is added"]
      end)

    assert asked =~ "Password: " and asked =~ "Once more: "
    refute asked =~ "horse"
  end
end
