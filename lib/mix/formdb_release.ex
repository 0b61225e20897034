defmodule Mix.FormdbRelease do
  @moduledoc false
  # Steps of `mix release`, which mix.exs names: what Mix assembles is turned into the release that is
  # given away, a folder and an archive of it. Its program is rel/formdb-server.sh, which starts the VM
  # without the scripts of Mix: those are for nodes that are always reachable, with a cookie that every
  # copy of the archive would have.

  alias FormdbHttp.BootSignals

  # Of the VM's programs: the rest is for building, and for other ways to start it.
  @programs ~w(beam.smp erl erlexec erl_child_setup inet_gethost)
  # Of a version: what starts the VM, and what starts its shell.
  @version_files ~w(consolidated elixir iex start_clean.boot sys.config)
  @program "rel/formdb-server.sh"
  @also ~w(LICENSE deploy/systemd/formdb.service)

  @doc "The options of the release, for mix.exs."
  @spec options() :: keyword()
  def options do
    [
      # Backups ask a server with its HTTP client, which is started then.
      applications: [inets: :load],
      include_executables_for: [:unix],
      path: Path.join([Mix.Project.build_path(), "rel", name()]),
      overwrite: true,
      quiet: true,
      steps: [&clear/1, :assemble, &finish/1]
    ]
  end

  # With the system that it is for, since the VM and the Rust library are programs of that.
  defp name do
    version = Mix.Project.config()[:version]
    {_family, system} = :os.type()
    [processor | others] = String.split("#{:erlang.system_info(:system_architecture)}", "-")
    libc = if "musl" in others, do: "-musl", else: ""
    "formdb-server-#{version}-#{system}-#{processor}#{libc}"
  end

  # Libraries of an earlier build would stay otherwise.
  defp clear(release) do
    File.rm_rf!(release.path)
    release
  end

  defp finish(release) do
    programs = Path.join(release.path, "erts-#{release.erts_version}/bin")
    keep(programs, @programs)
    # Mix makes it for its owner alone.
    File.chmod!(Path.join(programs, "erl"), 0o755)
    keep(release.version_path, @version_files)
    keep(Path.join(release.path, "releases"), ["start_erl.data", release.version])
    keep(Path.join(release.path, "bin"), [])
    native(release)
    catch_signals(release)

    program = Path.join(release.path, "bin/formdb-server")
    File.cp!(@program, program)
    File.chmod!(program, 0o755)

    for file <- @also do
      target = Path.join(release.path, file)
      File.mkdir_p!(Path.dirname(target))
      File.cp!(file, target)
    end

    archive(release)
  end

  defp keep(folder, names) do
    for name <- File.ls!(folder) -- names, do: File.rm_rf!(Path.join(folder, name))
  end

  # The Rust library, without what only a debugger reads. Other files beside the code are compiled into
  # it, or are samples.
  defp native(release) do
    priv = Path.join(release.path, "lib/formdb_http-#{release.version}/priv")
    library = Path.join(priv, "native/formdb_nif.so")

    unless File.regular?(library) do
      Mix.raise(
        "the release has no Rust library: unset FORMDB_NATIVE_LIBRARY, so that it is built"
      )
    end

    keep(priv, ["native"])
    keep(Path.dirname(library), ["formdb_nif.so"])
    if System.find_executable("strip"), do: run("strip", ["--strip-debug", library])
  end

  # Calls of FormdbHttp.BootSignals: before any other code is loaded, and around the start of kernel.
  defp catch_signals(release) do
    path = Path.join(release.version_path, "start_clean.boot")
    {:script, id, steps} = path |> File.read!() |> :erlang.binary_to_term()
    ebin = ~c"$RELEASE_LIB/formdb_http-#{release.version}/ebin"

    steps =
      Enum.flat_map(steps, fn
        {:progress, :preloaded} = step ->
          [step, path: [ebin], primLoad: [BootSignals], apply: {BootSignals, :start, []}]

        # Not once more with the others: that would leave an old version of it.
        {:primLoad, modules} ->
          [primLoad: modules -- [BootSignals]]

        {:apply, {:application, :start_boot, [:kernel | _]}} = step ->
          [
            {:apply, {BootSignals, :give_name, []}},
            step,
            {:apply, {BootSignals, :handle, []}}
          ]

        step ->
          [step]
      end)

    File.write!(path, :erlang.term_to_binary({:script, id, steps}))
  end

  defp archive(release) do
    name = Path.basename(release.path)
    archive = Path.join(Mix.Project.build_path(), name <> ".tar.gz")

    options = ~w(--owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --sort=name)
    run("tar", options ++ ["-czf", archive, "-C", Path.dirname(release.path), name])

    mebibytes = :erlang.float_to_binary(File.stat!(archive).size / 1_048_576, decimals: 1)
    Mix.shell().info("#{Path.relative_to_cwd(archive)}: #{mebibytes} MiB")
    release
  end

  defp run(program, arguments) do
    case System.cmd(program, arguments, stderr_to_stdout: true) do
      {_said, 0} -> :ok
      {said, _status} -> Mix.raise("#{program} failed: #{said}")
    end
  end
end
