defmodule FormdbHttp.MixProject do
  use Mix.Project

  # OTP 25 does not compile what names a type that came with 26: jose from 1.11.11 on, prometheus from
  # 5.1 on. There `mix deps.get` takes earlier ones, and writes those to mix.lock.
  @otp_25 String.to_integer(System.otp_release()) < 26
  @jose if @otp_25, do: "~> 1.11 and < 1.11.11", else: "~> 1.11"
  @prometheus if @otp_25, do: "~> 4.9 or ~> 5.0.0", else: "~> 4.9 or ~> 5.0 or ~> 6.0"

  # The Erlang libraries this project is built on, as Hex declares them. Ranch 2.1 takes Cowboy from
  # Hex to be 2.13 or newer; Debian's may be older (bin/mend_cowboy.exs). FormdbHttpWeb.VmMetrics
  # adapts to what differs between the versions of prometheus.
  @beam_libraries [
    cowboy: "~> 2.8",
    cowlib: "~> 2.9",
    jose: @jose,
    prometheus: @prometheus,
    ranch: "~> 2.1"
  ]

  # Times the functions of the benchmarks. Without it they do that themselves
  # (bench/support/stand_in.exs).
  @benchee {:benchee, "~> 1.3", only: :dev, runtime: false}
  # Makes the pages of `mix docs`. That of mix.lock needs Elixir 1.15; without it all else works.
  @ex_doc {:ex_doc, "~> 0.31", only: :dev, runtime: false}

  def project do
    check_build_folder()

    [
      app: :formdb_http,
      version: "0.1.0",
      elixir: ">= 1.14.0",
      elixirc_paths: elixirc_paths(Mix.env()),
      start_permanent: Mix.env() == :prod,
      # Last, because the Cargo compiler is itself a module of this project and
      # has to be compiled first. Modules that load the library with @on_load
      # therefore set `@compile {:autoload, false}`.
      compilers: Mix.compilers() ++ [:formdb_native],
      # Tasks, tests and benchmarks use applications of OTP that the server does not depend on, which
      # Mix would drop from the code path from 1.15 on.
      prune_code_paths: false,
      # What an application that has this one among its dependencies brings, or does not: they are
      # called where they are there. Named as no dependencies they would be warned of there.
      xref: [exclude: [Plug.Conn, WebSockAdapter, :telemetry]],
      deps: beam_libraries(),
      aliases: aliases(),
      description:
        "A database of GeoJSON features and time series with an append-only, provable journal",
      package: package(),
      docs: docs(),
      # Looked up when a release is made: the module is one of this project.
      releases: [formdb_server: &Mix.FormdbRelease.options/0]
    ]
  end

  # What a host builds: all of the Rust workspace that Cargo reads, and no library of this machine.
  defp package do
    [
      licenses: ["Apache-2.0"],
      links: %{},
      files:
        ~w(lib mix.exs .formatter.exs README.md ARCHITECTURE.md CHANGELOG.md PERFORMANCE.md LICENSE docs
           priv/static priv/samples native_rust/Cargo.toml native_rust/Cargo.lock native_rust/engine/Cargo.toml
           native_rust/engine/src native_rust/engine/benches native_rust/nif/Cargo.toml native_rust/nif/src)
    ]
  end

  defp docs do
    guides = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] ++ Path.wildcard("docs/**/*.md")
    # docs/howto has a README, too.
    extras =
      for path <- guides,
          do: {String.to_atom(path), [filename: String.replace(path, ["/", "."], "-")]}

    [main: "README-md", extras: extras, groups_for_extras: ["How to": ~r"docs/howto/"]]
  end

  defp aliases do
    [
      compile: &compile/1,
      "hex.build": [&refuse_debian_libs/1, "hex.build"],
      "hex.publish": [&refuse_debian_libs/1, "hex.publish"]
    ]
  end

  # Where nothing can be written (a clone that is mounted read-only, or another user's) what was
  # built before is used as it is. Mix would find out in the middle of a build, module by module.
  defp compile(args) do
    if writable?(Mix.Project.build_path()) do
      Mix.Task.run("compile", args)
    else
      Mix.Task.run("loadpaths", args)
      {:noop, []}
    end
  end

  # As a dependency it is built elsewhere.
  defp check_build_folder do
    root = System.get_env("MIX_BUILD_ROOT") || Path.join(__DIR__, "_build")
    folder = System.get_env("MIX_BUILD_PATH") || Path.join(root, to_string(Mix.env()))
    built? = File.dir?(Path.join(folder, "lib/formdb_http/ebin"))

    if Mix.Project.get() == nil and not built? and not writable?(folder) do
      stop(
        "nothing is built in #{folder}, and nothing can be written there. Build it where this folder " <>
          "can be written, or let MIX_BUILD_PATH name one that can be"
      )
    end
  end

  # While this file is read Mix would add where in it something was raised.
  defp stop(sentence) do
    IO.puts(:stderr, "** (Mix) " <> sentence)
    System.halt(1)
  end

  defp writable?(path) do
    case File.stat(path) do
      {:ok, stat} -> stat.type == :directory and stat.access in [:write, :read_write]
      {:error, :enoent} -> writable?(Path.dirname(path))
      {:error, _reason} -> false
    end
  end

  # Where the libraries are Debian's they are folders of this machine, which no package can have.
  defp refuse_debian_libs(_args) do
    if File.dir?(Path.join(__DIR__, "debian_libs")) do
      Mix.raise(
        "the package would depend on folders of this machine: delete debian_libs/ and fetch the " <>
          "libraries from Hex (mix deps.get)"
      )
    end
  end

  def application do
    [
      mod: {FormdbHttp.Application, []},
      extra_applications: [:crypto, :logger, :public_key, :ssl]
    ]
  end

  # The one place that decides where the BEAM libraries come from: Hex, or, where Hex cannot be
  # reached, the folder debian_libs/ that bin/setup fills with Debian's builds of the same
  # libraries. Those are dependencies with a path, of which nothing is compiled, so that an
  # application that has this one as a dependency finds them, too.
  # Delete the folder to go back to Hex.
  defp beam_libraries do
    case Path.wildcard(Path.join(__DIR__, "debian_libs/*/ebin/*.app")) do
      [] -> @beam_libraries ++ tools()
      files -> files |> Enum.map(&debian_library/1) |> check_complete()
    end
  end

  defp tools do
    if Version.match?(System.version(), ">= 1.15.0"), do: [@benchee, @ex_doc], else: [@benchee]
  end

  # By the command that does nothing Mix knows that there is nothing to build, but to be linked.
  defp debian_library(file) do
    name = file |> Path.basename(".app") |> String.to_atom()
    {name, path: file |> Path.dirname() |> Path.dirname(), compile: "true"}
  end

  defp check_complete(libraries) do
    case Keyword.keys(@beam_libraries) -- Enum.map(libraries, &elem(&1, 0)) do
      [] ->
        libraries

      [missing | _] ->
        stop("debian_libs/ has no library #{missing}; run bin/setup, which fetches it")
    end
  end

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_env), do: ["lib"]
end
