defmodule FormdbHttpWeb.BodyType do
  @moduledoc false
  # What the header fields of a request say that its body is. Pure.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Request

  @plain_types ["application/json", "application/geo+json"]
  # ASCII is UTF-8 as well.
  @charsets ["utf-8", "utf8", "us-ascii", "ascii"]

  @doc "`:ok` of a whole body that is JSON of any kind, or says nothing of what it is."
  @spec check(Request.headers()) :: :ok | {:error, Error.t()}
  def check(headers) do
    with :ok <- check_type(headers),
         :ok <- check_encoding(headers),
         do: check_whole(headers)
  end

  defp check_type(%{"content-type" => type}) when type not in @plain_types do
    [essence | parameters] = type |> String.downcase(:ascii) |> String.split(";")
    essence = String.trim(essence)
    charsets = for parameter <- parameters, charset = charset(parameter), do: charset

    cond do
      essence != "application/json" and not String.ends_with?(essence, "+json") ->
        detail =
          "Content-Type is #{show(type)}; expected application/json or application/geo+json"

        refuse(:unsupported_media_type, detail)

      Enum.any?(charsets, &(&1 not in @charsets)) ->
        detail = "Content-Type is #{show(type)}; expected a body in UTF-8 (RFC 8259, 8.1)"
        refuse(:unsupported_media_type, detail)

      true ->
        :ok
    end
  end

  defp check_type(_headers), do: :ok

  defp charset(parameter) do
    case String.split(parameter, "=", parts: 2) do
      [name, value] ->
        String.trim(name) == "charset" and value |> String.trim() |> String.trim("\"")

      _no_value ->
        false
    end
  end

  defp check_encoding(%{"content-encoding" => encoding}) when encoding != "identity" do
    detail = "Content-Encoding is #{show(encoding)}; expected a body without it"
    refuse(:unsupported_media_type, detail)
  end

  defp check_encoding(_headers), do: :ok

  # RFC 9110, 14.5: a part of what is to be written must not be taken for the whole.
  defp check_whole(%{"content-range" => range}) do
    detail =
      "Content-Range is #{show(range)}; expected a whole body without it: a part of a feature is " <>
        "changed by PATCH"

    refuse(:malformed_request, detail)
  end

  defp check_whole(_headers), do: :ok
end
