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
end
