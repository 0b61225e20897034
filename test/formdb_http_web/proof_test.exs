defmodule FormdbHttpWeb.ProofTest do
  use ExUnit.Case

  import FormdbHttp.HTTPClient
  import FormdbHttp.TransparencyVerifier

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  @blocks 70

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "proofs_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, db: "/api/v1/databases/#{name}"}
  end

  defp written(%{name: name}) do
    hashes =
      for n <- 1..@blocks do
        {:ok, ack} = FormdbHttp.put_point(name, "s", n, n)
        ack.hash
      end

    {:ok, hashes: hashes}
  end

  test "the tree of an empty database has the root of nothing", %{port: port, db: db} do
    empty = Base.encode16(:crypto.hash(:sha256, ""), case: :lower)
    assert json(get(port, db <> "/tree")) == %{"tree_size" => 0, "root" => empty}
    response = get(port, db <> "/proofs/inclusion?seq=1")
    assert {400, "invalid_parameter"} = {response.status, json(response)["code"]}
  end

  describe "with blocks" do
    setup :written

    test "every inclusion proof verifies, and none with a byte changed", context do
      %{port: port, db: db, hashes: hashes} = context
      %{"tree_size" => @blocks, "root" => root} = json(get(port, db <> "/tree"))

      for {hash, seq} <- Enum.with_index(hashes, 1) do
        proof = json(get(port, db <> "/proofs/inclusion?seq=#{seq}"))
        assert %{"leaf_hash" => ^hash, "root" => ^root, "tree_size" => @blocks} = proof
        assert inclusion?(proof)
        refute inclusion?(%{proof | "leaf_hash" => other(hash)})
        refute inclusion?(%{proof | "leaf_index" => rem(seq, @blocks)})
      end
    end

    test "every earlier tree is proved to begin the later one", context do
      %{port: port, db: db} = context

      for first <- 1..@blocks, second <- [@blocks, max(first, 33)], first <= second do
        query = "first=#{first}&second=#{second}"
        proof = json(get(port, db <> "/proofs/consistency?" <> query))
        tree = json(get(port, db <> "/tree?tree_size=#{first}"))
        assert proof["first_root"] == tree["root"]
        assert consistency?(proof), query

        refute consistency?(%{proof | "first_root" => other(proof["first_root"])})
      end
    end

    test "a root stays what it was when more is written", context do
      %{port: port, db: db, name: name} = context
      before = json(get(port, db <> "/tree"))
      {:ok, _} = FormdbHttp.put_point(name, "s", 1, 1)
      assert json(get(port, db <> "/tree?tree_size=#{@blocks}")) == before
      assert json(get(port, db <> "/tree"))["root"] != before["root"]
    end

    test "what cannot be proved is refused", %{port: port, db: db} do
      for {path, code, pointer} <- [
            {"/tree?tree_size=71", "invalid_parameter", "/tree_size"},
            {"/tree?tree_size=x", "invalid_parameter", "/tree_size"},
            {"/proofs/inclusion", "missing_parameter", "/seq"},
            {"/proofs/inclusion?seq=71", "invalid_parameter", "/seq"},
            {"/proofs/inclusion?seq=9&tree_size=8", "invalid_parameter", "/seq"},
            {"/proofs/consistency", "missing_parameter", "/first"},
            {"/proofs/consistency?first=0", "invalid_parameter", "/first"},
            {"/proofs/consistency?first=9&second=8", "invalid_parameter", "/first"}
          ] do
        response = get(port, db <> path)
        assert {path, 400, code} == {path, response.status, json(response)["code"]}
        assert json(response)["pointer"] == pointer
      end
    end
  end

  defp other(<<first, rest::binary>>), do: <<if(first == ?0, do: ?1, else: ?0), rest::binary>>
end
