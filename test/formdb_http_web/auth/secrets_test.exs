defmodule FormdbHttpWeb.Auth.SecretsTest do
  # Files with secrets, the server's own, and what is derived from it.
  use ExUnit.Case, async: true

  import Bitwise
  import ExUnit.CaptureLog

  alias FormdbHttpWeb.Auth.{ApiKeys, Entries, Users}
  alias FormdbHttp.{SecretFile, ServerKey}

  setup do
    folder = Path.join(System.tmp_dir!(), "formdb-secrets-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    {:ok, folder: folder}
  end

  defp mode(path), do: File.stat!(path).mode &&& 0o777

  test "keys are derived as RFC 5869 says" do
    # Its test case 1, of which the first 32 bytes are one block.
    secret = Base.decode16!(String.duplicate("0b", 22), case: :lower)
    salt = Base.decode16!("000102030405060708090a0b0c", case: :lower)
    info = Base.decode16!("f0f1f2f3f4f5f6f7f8f9", case: :lower)
    expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    assert Base.encode16(ServerKey.hkdf(secret, salt, info, 32), case: :lower) == expected

    # Its test case 3, without salt and info.
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert Base.encode16(ServerKey.hkdf(secret, "", "", 32), case: :lower) == expected
    refute ServerKey.derive(secret, "tokens") == ServerKey.derive(secret, "webhooks")
  end

  test "the server's key is made once, for its owner alone", %{folder: folder} do
    path = Path.join(folder, "server.key")
    assert {:ok, <<_::256>> = key} = ServerKey.load(path)
    assert ServerKey.load(path) == {:ok, key}
    assert mode(path) == 0o600
    assert File.ls!(folder) == ["server.key"]

    File.chmod!(path, 0o644)
    assert capture_log(fn -> ServerKey.load(path) end) =~ "all users of this machine can read"
    File.chmod!(path, 0o602)
    assert capture_log(fn -> ServerKey.load(path) end) =~ "all users of this machine can change"
    File.chmod!(path, 0o640)
    assert capture_log(fn -> ServerKey.load(path) end) == ""

    File.write!(path, "short")
    assert {:error, why} = ServerKey.load(path)
    assert why =~ "5 bytes" and why =~ path
  end

  test "a file is replaced as a whole and keeps its mode", %{folder: folder} do
    path = Path.join(folder, "keys.json")
    assert SecretFile.write(path, "one") == :ok
    assert mode(path) == 0o600
    File.chmod!(path, 0o640)
    assert SecretFile.write(path, ["t", "wo"]) == :ok
    assert {File.read!(path), mode(path)} == {"two", 0o640}
    assert File.ls!(folder) == ["keys.json"]
    assert {:error, why} = SecretFile.write(Path.join(folder, "none/keys.json"), "x")
    assert why =~ "cannot be written"
    assert {:error, _} = SecretFile.write(path, ["secret", :none])
    assert {File.read!(path), File.ls!(folder)} == {"two", ["keys.json"]}
  end

  # As an administrator makes it for the server's user: `install -o formdb` without `-g`.
  test "a file with a group that is not the user's is written all the same", %{folder: folder} do
    [path, other, code] = for name <- ~w(keys.json other.json code), do: Path.join(folder, name)
    me = File.stat!(folder).uid

    if me == 0 do
      # The only one who can make such files, and to whom they are no hindrance.
      File.mkdir!(code)
      File.cp!(:code.which(SecretFile), Path.join(code, "#{SecretFile}.beam"))
      for file <- [path, other], do: File.write!(file, "")
      File.chmod!(path, 0o600)
      File.chmod!(other, 0o664)
      for file <- [folder, path, other], do: File.chown!(file, 65_534)
      File.chmod!(code, 0o755)

      script = """
      for path <- System.argv(), do: IO.inspect(FormdbHttp.SecretFile.write(path, "new", &IO.puts/1))
      """

      user = ~w(--reuid 65534 --regid 65534 --clear-groups)
      elixir = ["elixir", "-pa", code, "-e", script, path, other]

      {said, 0} =
        System.cmd("setpriv", user ++ elixir, stderr_to_stdout: true, env: [{"HOME", folder}])

      assert String.split(said, ":ok") |> length() == 3
      assert said =~ "#{path} has not kept its group (number 0): this user"
      assert said =~ "#{other} has not kept its group (number 0) and members of it can use"

      # Nobody may do more than before: who may read it as one of a group is none of the old one.
      for {file, mode} <- [{path, 0o600}, {other, 0o604}] do
        assert %{uid: 65_534, gid: 65_534} = File.stat!(file)
        assert {File.read!(file), mode(file)} == {"new", mode}
      end

      # Root gives files to whom it likes.
      File.chmod!(other, 0o640)
      assert SecretFile.write(other, "newer", &flunk/1) == :ok
      assert %{uid: 65_534, gid: 65_534} = File.stat!(other)
      assert mode(other) == 0o640
    end
  end

  test "keys are created, listed and revoked, and the file has none of them", %{folder: folder} do
    path = Path.join(folder, "keys.json")
    assert {:ok, key} = ApiKeys.create(path, "backup", "read:*", "90d")
    assert ApiKeys.key?(key)
    refute File.read!(path) =~ key
    assert {:ok, [entry]} = Entries.read(path, ApiKeys)
    assert %{name: "backup", scopes: [read: :all]} = entry
    assert entry.sha256 == ApiKeys.hash(key)
    assert_in_delta DateTime.diff(entry.expires, DateTime.utc_now()), 90 * 86_400, 60

    assert {:error, why} = ApiKeys.create(path, "backup", "read:*", nil)
    assert why =~ "already"

    for name <- ["", "a b", "key:x", "-", "é", "a\n"],
        do: assert({:error, _} = ApiKeys.create(path, name, "read:*", nil))

    for scope <- ["", "read", "read:A"],
        do: assert({:error, _} = ApiKeys.create(path, "x", scope, nil))

    for expires <- ["", "90", "90y", "tomorrow", "0d", "2020-01-31T00:00:00Z"],
        do: assert({:error, _} = ApiKeys.create(path, "x", "read:*", expires))

    assert Entries.remove(path, ApiKeys, "backup") == :ok
    assert {:ok, []} = Entries.read(path, ApiKeys)
    assert {:error, _} = Entries.remove(path, ApiKeys, "backup")
  end

  test "of commands at the same time none loses the other's entry", %{folder: folder} do
    path = Path.join(folder, "keys.json")

    1..20
    |> Task.async_stream(&ApiKeys.create(path, "k#{&1}", "read:*", nil),
      max_concurrency: 20,
      timeout: 30_000
    )
    |> Enum.each(fn {:ok, result} -> assert {:ok, _key} = result end)

    assert {:ok, entries} = Entries.read(path, ApiKeys)
    assert Enum.sort(for e <- entries, do: e.name) == Enum.sort(for n <- 1..20, do: "k#{n}")
    assert mode(path) == 0o600 and mode(path <> ".lock") == 0o600
  end

  test "passwords are asked for when all else is right, and stored as Argon2id", %{folder: folder} do
    path = Path.join(folder, "users.json")
    never = fn -> flunk("asked for a password") end
    assert {:error, _} = Users.add(path, "a b", "read:*", never)
    assert {:error, _} = Users.add(path, "ana", "read", never)
    assert {:error, why} = Users.add(path, "ana", "read:*", fn -> {:ok, "short"} end)
    assert why =~ "12"

    assert {:error, _} =
             Users.add(path, "ana", "read:*", fn -> {:ok, String.duplicate("x", 1_025)} end)

    assert {:error, _} =
             Users.add(path, "ana", "read:*", fn -> {:ok, String.duplicate("\xff", 20)} end)

    assert Users.add(path, "ana", "read:*", fn -> {:ok, "correct horse"} end) == :ok
    assert {:error, _} = Users.add(path, "ana", "read:*", fn -> {:ok, "correct horse"} end)

    assert {:ok, [%{password: "$argon2id$v=19$m=19456,t=2,p=1$" <> _ = hash}]} =
             Entries.read(path, Users)

    refute File.read!(path) =~ "horse"
    assert FormdbHttp.Serving.verify_password(hash, "correct horse") == {:ok, true}
    assert FormdbHttp.Serving.verify_password(hash, "correct horsf") == {:ok, false}

    assert {:error, _} = Users.change_password(path, "ben", never)

    gone = fn ->
      Entries.remove(path, Users, "eve")
      {:ok, "correct horse"}
    end

    assert Users.add(path, "eve", "read:*", fn -> {:ok, "correct horse"} end) == :ok
    assert {:error, why} = Users.change_password(path, "eve", gone)
    assert why =~ "there is no"
    assert Users.change_password(path, "ana", fn -> {:ok, "battery staple"} end) == :ok
    assert {:ok, [%{password: other}]} = Entries.read(path, Users)
    assert FormdbHttp.Serving.verify_password(other, "battery staple") == {:ok, true}
    assert FormdbHttp.Serving.verify_password(other, "correct horse") == {:ok, false}
  end

  test "the same characters are the same password, however they are composed" do
    {:ok, hash} = FormdbHttp.Serving.hash_password("na\u00efve caf\u00e9!")
    assert FormdbHttp.Serving.verify_password(hash, "nai\u0308ve cafe\u0301!") == {:ok, true}
  end

  test "what is no such file is refused with the place" do
    for {module, text} <- [
          {ApiKeys, "{"},
          {ApiKeys, "[]"},
          {ApiKeys, ~s({"users":[]})},
          {ApiKeys, ~s({"keys":[1]})},
          {ApiKeys, ~s({"keys":[{"name":"a","scope":"read:*"}]})},
          {ApiKeys, ~s({"keys":[{"name":"a","scope":"read:*","sha256":"00"}]})},
          {ApiKeys,
           ~s({"keys":[{"name":"a","scope":"read","sha256":"#{String.duplicate("0", 64)}"}]})},
          {Users, ~s({"users":[{"name":"a","scope":"read:*","password":"secret"}]})},
          {Users,
           ~s({"users":[{"name":"a","scope":"read:*","password":"$argon2id$v=19$m=999999,t=2,p=1$bm9ib2R5J3M$c2VjcmV0IG9mIG5vYm9keTogbm8gcGFzc3dvcmQgaGE"}]})}
        ] do
      assert {^text, {:error, why}} = {text, module.parse(text)}
      refute why =~ "secret"
    end

    key = ~s({"name":"a","scope":"read:*","sha256":"#{String.duplicate("0", 64)}"})
    assert {:ok, [_]} = ApiKeys.parse(~s({"keys":[#{key}]}))
    assert {:error, why} = ApiKeys.parse(~s({"keys":[#{key},#{key}]}))
    assert why =~ "two of the name a"

    assert {:error, why} =
             ApiKeys.parse(~s({"keys":[#{key},#{String.replace(key, ~s("a"), ~s("b"))}]}))

    assert why =~ "b is in it under another name"
    assert {:ok, []} = ApiKeys.parse("")
  end
end
