defmodule FormdbHttp.CBOR do
  @moduledoc """
  CBOR (RFC 8949) as far as JSON goes, for tests: written for them alone, so that it shares no
  mistake with the server. Objects are maps, arrays lists.
  """

  @doc "A term as CBOR, with lengths first."
  @spec encode(term()) :: binary()
  def encode(term), do: term |> item() |> IO.iodata_to_binary()

  defp item(false), do: <<0xF4>>
  defp item(true), do: <<0xF5>>
  defp item(nil), do: <<0xF6>>
  defp item(float) when is_float(float), do: <<0xFB, float::float-64>>
  defp item(integer) when is_integer(integer) and integer >= 0, do: head(0, integer)
  defp item(integer) when is_integer(integer), do: head(1, -1 - integer)
  defp item(text) when is_binary(text), do: [head(3, byte_size(text)), text]
  defp item(list) when is_list(list), do: [head(4, length(list)) | Enum.map(list, &item/1)]

  defp item(map) when is_map(map),
    do: [head(5, map_size(map)) | for({name, value} <- map, do: [item(name), item(value)])]

  defp head(major, n) when n < 24, do: <<major::3, n::5>>
  defp head(major, n), do: <<major::3, 27::5, n::64>>

  @doc "The term of a document, and nothing after it."
  @spec decode!(binary()) :: term()
  def decode!(cbor) do
    {term, ""} = read(cbor)
    term
  end

  defp read(<<0xF4, rest::binary>>), do: {false, rest}
  defp read(<<0xF5, rest::binary>>), do: {true, rest}
  defp read(<<0xF6, rest::binary>>), do: {nil, rest}
  defp read(<<0xF9, float::float-16, rest::binary>>), do: {float, rest}
  defp read(<<0xFA, float::float-32, rest::binary>>), do: {float, rest}
  defp read(<<0xFB, float::float-64, rest::binary>>), do: {float, rest}
  defp read(<<4::3, 31::5, rest::binary>>), do: until_break(rest, [])

  defp read(<<5::3, 31::5, rest::binary>>) do
    {items, rest} = until_break(rest, [])
    {to_map(items), rest}
  end

  defp read(<<major::3, rest::bitstring>>) when major in 0..5 do
    {n, rest} = length_of(rest)

    case major do
      0 -> {n, rest}
      1 -> {-1 - n, rest}
      3 -> text(rest, n)
      4 -> items(rest, n, [])
      5 -> with {items, rest} <- items(rest, 2 * n, []), do: {to_map(items), rest}
    end
  end

  defp length_of(<<n::5, rest::binary>>) when n < 24, do: {n, rest}
  defp length_of(<<24::5, n::8, rest::binary>>), do: {n, rest}
  defp length_of(<<25::5, n::16, rest::binary>>), do: {n, rest}
  defp length_of(<<26::5, n::32, rest::binary>>), do: {n, rest}
  defp length_of(<<27::5, n::64, rest::binary>>), do: {n, rest}

  defp text(bytes, length), do: :erlang.split_binary(bytes, length)

  defp items(rest, 0, items), do: {Enum.reverse(items), rest}

  defp items(rest, n, items) do
    {item, rest} = read(rest)
    items(rest, n - 1, [item | items])
  end

  defp until_break(<<0xFF, rest::binary>>, items), do: {Enum.reverse(items), rest}

  defp until_break(rest, items) do
    {item, rest} = read(rest)
    until_break(rest, [item | items])
  end

  defp to_map(items),
    do: items |> Enum.chunk_every(2) |> Map.new(fn [name, value] -> {name, value} end)
end
