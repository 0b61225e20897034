defmodule FormdbHttpWeb.Auth.ScopesTest do
  use ExUnit.Case, async: true

  alias FormdbHttpWeb.Auth.Scopes

  test "an act implies those before it, on what its database covers" do
    {:ok, scopes} = Scopes.parse("read:* write:team-* admin:team-a")

    for {name, most} <- [
          {"team-a", :admin},
          {"team-b", :write},
          {"team-", :write},
          {"team", :read},
          {:all, :read}
        ] do
      assert Scopes.most(scopes, name) == most
    end

    assert Scopes.implies?(:admin, :read) and Scopes.implies?(:write, :write)
    refute Scopes.implies?(:write, :admin) or Scopes.implies?(nil, :read)
    assert Scopes.text(scopes) == "read:* write:team-* admin:team-a"
  end

  test "a name is that database alone, and the server only a star" do
    {:ok, scopes} = Scopes.parse("admin:quakes")
    assert Scopes.most(scopes, "quakes") == :admin

    for other <- ["quakes2", "quake", "*", "", :all],
        do: assert(Scopes.most(scopes, other) == nil)

    {:ok, scopes} = Scopes.parse("admin:q*")
    assert Scopes.most(scopes, :all) == nil
  end

  test "what is no scope refuses a file; in a token only what begins as ours do" do
    bad = [
      "",
      " ",
      "read",
      "read:",
      "read:A",
      "read:a b",
      "read:a\nadmin:*",
      "READ:a",
      "delete:a"
    ]

    bad =
      bad ++ ["read:**", "read:*a", "read:a*b", "read:-a", "read:" <> String.duplicate("a", 64)]

    bad = bad ++ ["read:é", "read:a,write:b", String.duplicate("read:a ", 1_000)]
    for text <- bad, do: assert({^text, {:error, _}} = {text, Scopes.parse(text)})

    assert {:ok, []} = Scopes.parse_claim("openid profile email offline_access")
    assert {:ok, [{:read, {:name, "a"}}]} = Scopes.parse_claim("openid read:a")

    for text <- ["read:A", "openid write:", "read:a\nadmin:*", "openid\nadmin:*", "admin:\u202ea"],
        do: assert({^text, {:error, _}} = {text, Scopes.parse_claim(text)})
  end
end
