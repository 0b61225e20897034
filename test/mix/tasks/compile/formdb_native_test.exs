defmodule Mix.Tasks.Compile.FormdbNativeTest do
  # The PATH is everybody's.
  use ExUnit.Case, async: false

  alias Mix.Tasks.Compile.FormdbNative

  test "what one environment of Mix has built, another neither builds again nor needs Cargo for" do
    path = System.get_env("PATH")
    other = Path.join(System.tmp_dir!(), "formdb-other-build-#{System.pid()}")

    on_exit(fn ->
      System.put_env("PATH", path)
      System.delete_env("MIX_BUILD_PATH")
    end)

    System.put_env("PATH", "/nowhere")
    System.put_env("MIX_BUILD_PATH", other)
    assert FormdbNative.run([]) == {:noop, []}
    refute File.exists?(other)
  end

  test "a library that was built elsewhere is taken as it is, if it is there" do
    import ExUnit.CaptureIO
    on_exit(fn -> System.delete_env("FORMDB_NATIVE_LIBRARY") end)
    System.put_env("FORMDB_NATIVE_LIBRARY", "priv/native/formdb_nif.so")
    # Also where everything else is to be built again.
    assert FormdbNative.run(["--force"]) == {:noop, []}
    System.put_env("FORMDB_NATIVE_LIBRARY", "/nowhere/formdb_nif.so")

    assert capture_io(:stderr, fn -> assert {:error, [_]} = FormdbNative.run([]) end) =~
             "no Rust library at /nowhere"
  end
end
