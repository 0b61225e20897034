defmodule FormdbHttpWeb.ShortTextTest do
  # Held against what does the same for texts of any kind.
  use ExUnit.Case, async: true

  alias FormdbHttp.Config.Web
  alias FormdbHttpWeb.{ShortText, Types}

  # Texts of a few letters, so that what matters comes often.
  defp texts(letters) do
    :rand.seed(:exsss, {1, 2, 3})

    for _ <- 1..20_000, length = :rand.uniform(9) - 1 do
      for _ <- 1..length//1, into: "", do: Enum.random(letters)
    end
  end

  test "parts are those of :binary.split" do
    for text <- texts(["a", "/", "=", "é", <<255>>]) do
      assert ShortText.split(text, ?/) == :binary.split(text, "/", [:global])
      assert ShortText.split_once(text, ?=) == :binary.split(text, "=")
    end
  end

  test "what is plain decodes to itself, with or without the form of a query" do
    for text <- texts(["a", "%", "+", "é", <<0>>, <<255>>]) do
      expected = for(<<byte <- text>>, do: byte < 128 and byte not in ~c"%+") |> Enum.all?()
      assert {text, ShortText.plain?(text)} == {text, expected}
    end
  end

  test "digits are counted" do
    for text <- texts(["0", "7", "a", "-"]), most = :rand.uniform(4) do
      expected = text =~ ~r/\A[0-9]{1,#{most}}\z/
      assert {text, most, ShortText.digits?(text, most)} == {text, most, expected}
    end
  end

  # A space before it has it read by a regular expression.
  test "numbers are what they are when they are read with more care" do
    for text <- [
          "1234567890123456",
          "12345678901234567",
          "-0.000000000001" | texts(~w(0 1 9 . - + e))
        ] do
      assert {text, Types.number(text)} == {text, Types.number(" " <> text)}
    end

    assert Types.number("-12.5") == {:ok, -12.5}
    assert Types.number("7") == {:ok, 7.0}
  end

  test "an authority is a name or an address, and perhaps a port" do
    form = ~r/\A(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{0,5}))?\z/

    for text <- texts(~w(a Z 0 9 . - : [ ] /)) do
      expected =
        case Regex.run(form, String.downcase(text, :ascii)) do
          [_, host] -> {host, nil}
          [_, host, ""] -> {host, nil}
          [_, host, port] -> {host, String.to_integer(port)}
          nil -> :error
        end

      assert {text, Web.authority(text)} == {text, expected}
    end
  end
end
