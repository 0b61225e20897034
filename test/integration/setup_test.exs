defmodule FormdbHttp.SetupTest do
  # bin/setup where nothing but the BEAM libraries is missing, with a `mix` in the place of the one that
  # would ask Hex, and programs of the system that say what they were to do.
  use ExUnit.Case, async: true

  @moduletag :tmp_dir
  @libraries ~w(cowboy cowlib jose prometheus ranch)

  # What bin/setup, `elixir` and `erl` call.
  @programs ~w(bash sh env basename cat cmp cut dirname expr find getent grep head id mkdir mktemp) ++
              ~w(printf readlink rm sed sleep sort tail touch tr uname curl elixir erl)
  @compilers ~w(cc c++ make)

  setup %{tmp_dir: dir} do
    for folder <- ~w(bin programs project/bin project/native_rust home),
        do: File.mkdir_p!(Path.join(dir, folder))

    for file <- ~w(bin/setup mix.exs native_rust/Cargo.toml),
        do: File.cp!(file, Path.join([dir, "project", file]))

    for program <- @programs ++ @compilers,
        path = System.find_executable(program),
        do: File.ln_s!(path, Path.join([dir, "programs", program]))

    program(dir, "rustc", "echo rustc 9.99.0 '(of a test)'")
    program(dir, "cargo", ":")
    # Nobody waits for what hangs.
    program(dir, "timeout", ~s|shift; exec #{System.find_executable("timeout")} 3 "$@"|)
    folders = Enum.map_join(@libraries, " ", &"deps/#{&1}")
    mix(dir, "[ $1 != deps.get ] || mkdir -p #{folders}")
    :ok
  end

  test "what was fetched from Hex is fetched again where something else is asked for", context do
    fetched = ["local.hex --force --if-missing", "local.rebar --force --if-missing", "deps.get"]
    assert {output, 0} = run(context)
    assert output =~ "fetching the BEAM libraries from Hex" and output =~ "setup: done"
    assert asked(context) == fetched

    assert {"setup: nothing is missing\n", 0} = run(context)
    assert asked(context) == []

    # Another requirement, another lock, another user, another Elixir, a library that is gone.
    project = Path.join(context.tmp_dir, "project")
    stamp = Path.join(project, "deps/.complete")
    later = System.os_time(:second) + 10

    for change <- [
          fn -> File.touch!(Path.join(project, "mix.exs"), later) end,
          fn -> File.touch!(Path.join(project, "mix.lock"), later) end,
          fn -> File.write!(stamp, String.replace(File.read!(stamp), "home", "other")) end,
          fn ->
            File.write!(stamp, String.replace(File.read!(stamp), "Elixir", "Elixir 1.14.0"))
          end,
          fn -> File.rm_rf!(Path.join(project, "deps/jose")) end
        ] do
      change.()
      assert {_output, 0} = run(context)
      assert asked(context) == fetched
      for file <- ["mix.exs", "mix.lock"], do: File.touch(Path.join(project, file), later - 20)
      assert {"setup: nothing is missing\n", 0} = run(context)
    end
  end

  test "where Hex cannot be used the reason is said, and not what came first", context do
    %{tmp_dir: dir} = context

    for {mix, reason} <- [
          {"echo Resolving; echo '** (Mix) Hex is gone'; echo More; exit 1",
           "mix local.hex --force --if-missing: ** (Mix) Hex is gone"},
          {"[ $1 != deps.get ] || { echo first; echo last; exit 1; }", "mix deps.get: last"},
          {"[ $1 != local.rebar ] || exit 3", "mix local.rebar --force --if-missing: status 3"},
          {"[ $1 != deps.get ] || { echo Resolving; exec sleep 100; }",
           "mix deps.get had no answer within 300 s"}
        ] do
      mix(dir, mix)
      assert {output, 1} = run(context)
      assert output =~ "setup: Hex cannot be used: #{reason}\n"
      assert output =~ "connect to Hex and run bin/setup again"
    end
  end

  test "who cannot install packages is told all of what to run, each package once", context do
    %{tmp_dir: dir} = context
    for name <- @compilers, do: File.rm!(Path.join([dir, "programs", name]))

    for name <- ~w(apt-get dpkg-deb),
        do: program(dir, name, "echo $0 is not to be called; exit 1")

    program(dir, "id", "echo 1000")
    assert {output, 1} = run(context)
    assert output =~ "needs root, and there is no sudo"

    assert [_, packages] =
             Regex.run(~r/^setup:   apt-get update && apt-get install (.*)$/m, output)

    packages = String.split(packages) -- ["--no-install-recommends", "ca-certificates"]
    assert packages == ["build-essential", "make"]
    refute output =~ "is not to be called"
  end

  test "without HOME the folder of the user is taken", context do
    assert {_output, 0} = run(context, [{"HOME", nil}])

    # And by make, which Mix and Cargo are run by. This test may be run by make itself,
    # which tells those it starts in their environment what to print.
    shown = ["--eval", "shown: ; @echo home=$(HOME)", "shown"]
    env = [{"HOME", nil}, {"MAKEFLAGS", nil}, {"MAKELEVEL", nil}]
    assert {"home=/" <> _, 0} = System.cmd("make", shown, env: env)
  end

  defp run(%{tmp_dir: dir}, env \\ []) do
    path = Enum.map_join(["bin", "programs"], ":", &Path.join(dir, &1))
    home = Path.join(dir, "home")

    System.cmd(Path.join(dir, "project/bin/setup"), [],
      env: [{"PATH", path}, {"HOME", home}, {"MIX_HOME", nil}] ++ env,
      stderr_to_stdout: true
    )
  end

  defp mix(dir, script), do: program(dir, "mix", ~s(echo "$*" >>#{dir}/asked\n) <> script)

  defp program(dir, name, script) do
    file = Path.join([dir, "bin", name])
    File.write!(file, "#!/bin/sh\n" <> script <> "\n")
    File.chmod!(file, 0o755)
  end

  # What `mix` was asked for since the last time.
  defp asked(%{tmp_dir: dir}) do
    file = Path.join(dir, "asked")
    asked = with {:ok, text} <- File.read(file), do: String.split(text, "\n", trim: true)
    File.rm(file)
    if is_list(asked), do: asked, else: []
  end
end
