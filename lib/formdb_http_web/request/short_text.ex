defmodule FormdbHttpWeb.ShortText do
  @moduledoc false
  # What every request needs of its short texts: parts between bytes, whether there is anything to
  # decode. A pass over a few dozen bytes takes less than what `:binary` and regular expressions
  # prepare for each call. Pure.

  @doc "The parts of a text between bytes of one value, as `:binary.split/3` with `:global`."
  @spec split(binary(), byte()) :: [binary(), ...]
  def split(text, byte), do: split(text, byte, text, 0, 0, [])

  defp split(<<byte, rest::binary>>, byte, text, from, size, parts),
    do: split(rest, byte, text, from + size + 1, 0, [binary_part(text, from, size) | parts])

  defp split(<<_byte, rest::binary>>, byte, text, from, size, parts),
    do: split(rest, byte, text, from, size + 1, parts)

  defp split(<<>>, _byte, text, from, size, parts),
    do: Enum.reverse(parts, [binary_part(text, from, size)])

  @doc "What stands before the first such byte and after it; the whole text where there is none."
  @spec split_once(binary(), byte()) :: [binary(), ...]
  def split_once(text, byte), do: split_once(text, byte, text, 0)

  defp split_once(<<byte, rest::binary>>, byte, text, size),
    do: [binary_part(text, 0, size), rest]

  defp split_once(<<_byte, rest::binary>>, byte, text, size),
    do: split_once(rest, byte, text, size + 1)

  defp split_once(<<>>, _byte, text, _size), do: [text]

  @doc "Whether a part of a URL is ASCII in which nothing is encoded: neither `%` nor `+`."
  @spec plain?(binary()) :: boolean()
  def plain?(<<byte, rest::binary>>) when byte < 128 and byte != ?% and byte != ?+,
    do: plain?(rest)

  def plain?(rest), do: rest == ""

  @doc "Whether a text is of decimal digits alone, from 1 to `most` of them."
  @spec digits?(binary(), pos_integer()) :: boolean()
  def digits?(text, most), do: byte_size(text) in 1..most//1 and digits?(text)

  defp digits?(<<digit, rest::binary>>) when digit in ?0..?9, do: digits?(rest)
  defp digits?(rest), do: rest == ""

  @doc "A number such as `-12` or `1.5`, of few enough digits to be read at once; or `:other`."
  @spec decimal(binary()) :: {:ok, float()} | :other
  def decimal(text) when byte_size(text) <= 16, do: decimal(text, text)
  def decimal(_text), do: :other

  defp decimal(<<sign, rest::binary>>, text) when sign in ~c"+-", do: whole(rest, text, 0)
  defp decimal(rest, text), do: whole(rest, text, 0)

  defp whole(<<digit, rest::binary>>, text, digits) when digit in ?0..?9,
    do: whole(rest, text, digits + 1)

  defp whole("." <> <<digit, rest::binary>>, text, digits) when digits > 0 and digit in ?0..?9,
    do: if(digits?(rest), do: {:ok, String.to_float(text)}, else: :other)

  defp whole("", text, digits) when digits > 0, do: {:ok, String.to_float(text <> ".0")}
  defp whole(_rest, _text, _digits), do: :other
end
