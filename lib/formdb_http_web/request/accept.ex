defmodule FormdbHttpWeb.Accept do
  @moduledoc false
  # Which of several media types a client would rather have (RFC 9110, 12.5.1). Pure.

  alias FormdbHttpWeb.Request

  @doc """
  The one of `types` that the client prefers: the first of those that it likes best, and the
  first of all if it says nothing or likes none.
  """
  @spec preferred(Request.headers(), [String.t(), ...]) :: String.t()
  def preferred(%{"accept" => accept}, types) do
    ranges = accept |> String.downcase(:ascii) |> String.split(",") |> Enum.map(&media_range/1)
    Enum.max_by(types, &quality(ranges, &1))
  end

  def preferred(_headers, [first | _]), do: first

  defp media_range(text) do
    [type | parameters] = text |> String.split(";") |> Enum.map(&String.trim/1)

    quality =
      Enum.find_value(parameters, 1.0, fn
        "q=" <> number -> parse_quality(number)
        _other -> nil
      end)

    {type, quality}
  end

  defp parse_quality(number) do
    case Float.parse(number) do
      {quality, ""} -> quality
      _not_a_number -> 0.0
    end
  end

  # That of the most specific range that the type is in.
  defp quality(ranges, type) do
    [main, _sub] = String.split(type, "/")

    Enum.find_value([type, main <> "/*", "*/*"], 0.0, fn range ->
      with {_range, quality} <- List.keyfind(ranges, range, 0), do: quality
    end)
  end
end
