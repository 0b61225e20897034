defmodule FormdbHttp.MixProject do
  use Mix.Project

  # The Erlang libraries this project is built on, as Hex declares them.
  @beam_libraries [
    cowboy: "~> 2.8",
    cowlib: "~> 2.9",
    jose: "~> 1.11",
    prometheus: "~> 4.9",
    ranch: "~> 2.1"
  ]

  # Times the functions of the benchmarks. Without it they do that themselves
  # (bench/support/stand_in.exs).
  @benchee {:benchee, "~> 1.3", only: :dev, runtime: false}
  # Makes the pages of `mix docs`.
  @ex_doc {:ex_doc, "~> 0.31", only: :dev, runtime: false}

  def project do
    {deps, _applications} = beam_libraries()

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
      # Mix >= 1.15 would drop debian_libs/ from the code path.
      prune_code_paths: false,
      # The demo and backups use OTP's HTTP client, and start it themselves.
      xref: [exclude: [:httpc]],
      deps: deps,
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

  # Where the libraries are Debian's they are no dependencies, and a package would have none.
  defp aliases do
    for task <- ["hex.build", "hex.publish"] do
      {String.to_atom(task), [&refuse_debian_libs/1, task]}
    end
  end

  defp refuse_debian_libs(_args) do
    if File.dir?(Path.join(__DIR__, "debian_libs")) do
      Mix.raise(
        "the package would have no dependencies: delete debian_libs/ and fetch them from Hex (mix deps.get)"
      )
    end
  end

  def application do
    {_deps, applications} = beam_libraries()

    [
      mod: {FormdbHttp.Application, []},
      extra_applications: [:crypto, :logger, :public_key, :ssl | applications]
    ]
  end

  # The one place that decides where the BEAM libraries come from: Hex, or, where
  # Hex cannot be reached, the folder debian_libs/ that bin/setup fills with
  # Debian's builds of the same libraries. Debian's are no Mix dependencies: they
  # go on the code path and are started as extra applications.
  # Delete the folder to go back to Hex.
  defp beam_libraries do
    case Path.wildcard(Path.join(__DIR__, "debian_libs/*/ebin")) do
      [] ->
        {@beam_libraries ++ [@benchee, @ex_doc], []}

      ebins ->
        Enum.each(ebins, &Code.prepend_path/1)
        applications = Keyword.keys(@beam_libraries)
        Enum.each(applications, &load_application/1)
        {[], applications}
    end
  end

  # Mix loads those it manages, to know what this project may call.
  defp load_application(application) do
    with {:error, {reason, _}} when reason != :already_loaded <- Application.load(application) do
      Mix.raise("debian_libs/ has no library #{application}; run bin/setup, which fetches it")
    end
  end

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_env), do: ["lib"]
end
