defmodule FormdbHttp.CatalogFaultTest do
  # A fault of the engine while the server starts.
  use ExUnit.Case, async: true

  alias FormdbHttp.Catalog
  alias FormdbHttpCli.Server

  test "a panic is one sentence, and other errors are what they are" do
    assert Catalog.without_panic(fn -> {:ok, 1} end) == {:ok, 1}

    assert {:fault, sentence} = Catalog.without_panic(fn -> :erlang.error(:nif_panicked) end)
    assert Server.why({:shutdown, sentence}) =~ ~r/\Athe Rust library failed: [^\n]+\z/

    assert_raise ErlangError, fn -> Catalog.without_panic(fn -> :erlang.error(:other) end) end
  end
end
