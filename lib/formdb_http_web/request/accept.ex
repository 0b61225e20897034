defmodule FormdbHttpWeb.Accept do
  @moduledoc false
  # Which of several media types (RFC 9110, 12.5.1), and of several content codings (12.5.3), a
  # client would rather have. Pure.

  alias FormdbHttp.ContentCoding
  alias FormdbHttpWeb.Request

  @doc """
  The one of `types` that the client prefers: the first of those that it likes best, and the
  first of all if it says nothing or likes none.
  """
  @spec preferred(Request.headers(), [String.t(), ...]) :: String.t()
  def preferred(%{"accept" => accept}, types) do
    ranges = ranges(accept)
    Enum.max_by(types, &quality(ranges, &1))
  end

  def preferred(_headers, [first | _]), do: first

  # For a client that likes both, the one that packs more in less time.
  @codings [zstd: ["zstd"], gzip: ["gzip", "x-gzip"]]
  # What nobody names is taken all the same, but after what somebody does.
  @unnamed 1.0e-4

  @doc "The codings in which the client takes an answer, the one that it likes best first."
  @spec codings(Request.headers()) :: [ContentCoding.coding() | :identity]
  def codings(%{"accept-encoding" => field}) do
    ranges = ranges(field)
    any = named(ranges, ["*"])
    liked = for {coding, names} <- @codings, do: {coding, named(ranges, names) || any || 0.0}
    plain = named(ranges, ["identity"]) || if(any == 0.0, do: 0.0, else: @unnamed)

    for {coding, quality} <- Enum.sort_by(liked ++ [identity: plain], &(-elem(&1, 1))),
        quality > 0,
        do: coding
  end

  def codings(_headers), do: [:identity]

  @doc "Whether the client takes an answer as it is, as nearly all do."
  @spec plain?(Request.headers()) :: boolean()
  def plain?(%{"accept-encoding" => field} = headers),
    do: not String.contains?(field, "=0") or :identity in codings(headers)

  def plain?(_headers), do: true

  defp named(ranges, names) do
    Enum.find_value(names, fn name ->
      with {_name, quality} <- List.keyfind(ranges, name, 0), do: quality
    end)
  end

  defp ranges(field),
    do: field |> String.downcase(:ascii) |> String.split(",") |> Enum.map(&range/1)

  defp range(text) do
    [type | parameters] = text |> String.split(";") |> Enum.map(&String.trim/1)

    quality =
      Enum.find_value(parameters, 1.0, fn
        "q=" <> number -> parse_quality(number)
        _other -> nil
      end)

    {type, quality}
  end

  # Three digits after the point at most (RFC 9110, 12.4.2); of many Elixir 1.14 makes an
  # exception.
  defp parse_quality(number) when byte_size(number) <= 5 do
    case Float.parse(number) do
      {quality, ""} -> quality
      _not_a_number -> 0.0
    end
  end

  defp parse_quality(_number), do: 0.0

  # That of the most specific range that the type is in.
  defp quality(ranges, type) do
    [main, _sub] = String.split(type, "/")

    Enum.find_value([type, main <> "/*", "*/*"], 0.0, fn range ->
      with {_range, quality} <- List.keyfind(ranges, range, 0), do: quality
    end)
  end
end
