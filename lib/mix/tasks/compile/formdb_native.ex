defmodule Mix.Tasks.Compile.FormdbNative do
  @shortdoc "Builds the Rust library"
  @moduledoc """
  Builds `native_rust` in release mode and puts the library into `priv/native`.

  Cargo is not run when no file that the library is made of has changed since the
  last build; `mix compile --force` runs it all the same. `CARGO_TARGET_DIR` is
  honoured; a relative one counts from the project's root.

  Nothing is built where the variable `FORMDB_NATIVE_LIBRARY`, or
  `config :formdb_http, native_library: path`, names a library that is there.
  """

  use Mix.Task.Compiler

  alias FormdbHttp.Native.Library
  alias Mix.Task.Compiler.Diagnostic

  @workspace "native_rust"
  @package "formdb-nif"
  @library "formdb_nif"
  @installed "priv/native/formdb_nif.so"
  # Beside the library, which all environments of Mix have in common: what one of them has built,
  # the others do not build again, nor do they ask for Cargo.
  @manifest "priv/native/formdb_nif.manifest"

  # The manifest's term; raise the number when its shape changes.
  @manifest_version 1

  @impl true
  def run(args) do
    force? = "--force" in args

    case Library.given() do
      nil when not force? -> if read_manifest() == state(), do: {:noop, []}, else: build()
      nil -> build()
      path -> if File.regular?(path), do: {:noop, []}, else: failed(missing(path))
    end
  end

  defp missing(path) do
    "There is no Rust library at #{path}, which FORMDB_NATIVE_LIBRARY, or :native_library of the " <>
      "application :formdb_http, names. Change or unset it; without it the library is built."
  end

  @impl true
  def manifests, do: [@manifest]

  @impl true
  def clean do
    File.rm(@manifest)
    File.rm(@installed)
    :ok
  end

  defp build do
    # Taken before the build: a file edited while Cargo runs differs from it, and
    # the next compilation builds again.
    sources = sources()

    with {:ok, cargo} <- find_cargo(),
         :ok <- run_cargo(cargo),
         {:ok, status} <- install(built_library()) do
      write_manifest({@manifest_version, sources, stamp(@installed)})
      {status, []}
    else
      {:error, message} -> failed(message)
    end
  end

  defp failed(message) do
    Mix.shell().error(message)
    {:error, [diagnostic(message)]}
  end

  defp find_cargo do
    case System.find_executable("cargo") do
      nil ->
        {:error,
         "Cannot build the Rust library: cargo is not on the PATH. " <>
           "Install Rust with rustup (bin/setup says how), then try again."}

      cargo ->
        {:ok, cargo}
    end
  end

  defp run_cargo(cargo) do
    args = ["build", "--release", "--package", @package, "--target-dir", target_dir()]

    # Cargo talks on standard error, which is the user's terminal already. The
    # library must be one for the machine this VM runs on, so a cross-compilation
    # target in the environment does not count.
    case System.cmd(cargo, args, cd: @workspace, env: [{"CARGO_BUILD_TARGET", nil}]) do
      {_output, 0} ->
        :ok

      {_output, status} ->
        {:error,
         "Cannot build the Rust library: cargo ended with status #{status}. " <>
           "Its messages are above."}
    end
  end

  # Renaming gives the new library an inode of its own. Writing into the old one
  # would change the code under a VM that has it loaded, and crash it.
  defp install(built) do
    if same_content?(built, @installed) do
      {:ok, :noop}
    else
      temporary = "#{@installed}.#{System.pid()}"

      with :ok <- File.mkdir_p(Path.dirname(@installed)),
           :ok <- File.cp(built, temporary),
           :ok <- File.rename(temporary, @installed) do
        {:ok, :ok}
      else
        {:error, reason} ->
          File.rm(temporary)

          {:error,
           "Cannot copy the Rust library from #{built} to #{@installed}: " <>
             "#{:file.format_error(reason)}."}
      end
    end
  end

  defp same_content?(one, other) do
    with {:ok, %{size: size}} <- File.stat(one),
         {:ok, %{size: ^size}} <- File.stat(other),
         {:ok, content} <- File.read(one),
         {:ok, ^content} <- File.read(other) do
      true
    else
      _ -> false
    end
  end

  defp built_library do
    # The VM loads a .so on macOS too, whatever the linker calls it.
    extension = if match?({:unix, :darwin}, :os.type()), do: "dylib", else: "so"
    Path.join([target_dir(), "release", "lib#{@library}.#{extension}"])
  end

  defp target_dir do
    case System.get_env("CARGO_TARGET_DIR", "") do
      "" -> Path.expand(Path.join(@workspace, "target"))
      folder -> Path.expand(folder)
    end
  end

  defp state, do: {@manifest_version, sources(), stamp(@installed)}

  # Name and content of every file the library is made of. Unlike a search for a
  # newer file this sees one that was removed, or edited within the same second.
  defp sources do
    ["*.{toml,lock}", ".cargo/*.toml", "*/Cargo.toml", "*/build.rs", "*/src/**/*.*"]
    |> Enum.flat_map(&Path.wildcard(Path.join(@workspace, &1), match_dot: true))
    |> Enum.sort()
    |> Enum.map(&{&1, File.read(&1)})
    |> :erlang.term_to_binary()
    |> :erlang.md5()
  end

  defp stamp(path) do
    case File.stat(path, time: :posix) do
      {:ok, %{size: size, mtime: mtime}} -> {size, mtime}
      {:error, _} -> :missing
    end
  end

  defp read_manifest do
    with {:ok, content} <- File.read(@manifest), do: :erlang.binary_to_term(content)
  rescue
    # A damaged manifest costs one run of Cargo.
    ArgumentError -> :none
  end

  defp write_manifest(state) do
    File.write!(@manifest, :erlang.term_to_binary(state))
  end

  defp diagnostic(message) do
    %Diagnostic{
      compiler_name: "Cargo",
      file: Path.expand(Path.join(@workspace, "Cargo.toml")),
      message: message,
      position: 0,
      severity: :error
    }
  end
end
