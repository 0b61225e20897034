defmodule FormdbHttp.JSONTest do
  use ExUnit.Case, async: true

  alias FormdbHttp.JSON

  defp text(value), do: JSON.text(value)

  test "objects keep their order, empty ones stay what they are" do
    assert text(b: 1, a: [2, 3], c: [], d: %{}, e: nil, f: true, g: :word) ==
             ~s({"b":1,"a":[2,3],"c":[],"d":{},"e":null,"f":true,"g":"word"})

    assert text([[a: 1], [b: 2]]) == ~s([{"a":1},{"b":2}])
    assert text(%{"x" => 1}) == ~s({"x":1})

    assert text(x: {:json, ["[1,", "2]"]}, y: [{:json, "{}"}, {:json, "1"}]) ==
             ~s({"x":[1,2],"y":[{},1]})
  end

  test "every byte that must be escaped is, and no other" do
    for byte <- 0..0x7F do
      written = text(<<byte>>)
      assert JSON.decode!(written) == <<byte>>

      if byte >= 0x20 and byte not in [?", ?\\] do
        assert written == <<?", byte, ?">>
      end
    end

    assert text("a\"b\\c\n\u0000\u001Fü😀") == ~S("a\"b\\c\n\u0000\u001Fü😀")
  end

  test "what another decoder reads is what was written" do
    for seed <- 1..300 do
      :rand.seed(:exsss, seed)
      value = random(4)
      assert JSON.decode!(text(value)) == value, "seed #{seed}"
    end
  end

  defp random(0), do: Enum.random([1, -7, 1.5, 1.0e-7, 2.5e300, true, false, string()])

  defp random(depth) do
    case :rand.uniform(3) do
      1 -> random(0)
      2 -> for _ <- 1..:rand.uniform(4), do: random(depth - 1)
      3 -> for _ <- 1..:rand.uniform(4), into: %{}, do: {string(), random(depth - 1)}
    end
  end

  defp string do
    for _ <- 1..:rand.uniform(12),
        into: "",
        do: <<Enum.random([?a, ?", ?\\, ?/, 1, ?\n, 0x7F, ?ü, 0x2028, 0x1F600])::utf8>>
  end
end
