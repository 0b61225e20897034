defmodule FormdbHttpWeb.BodyType do
  @moduledoc false
  # What the header fields of a request say that its body is. Pure.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttp.{ContentCoding, Error}
  alias FormdbHttpWeb.Request

  # ASCII is UTF-8 as well.
  @charsets ["utf-8", "utf8", "us-ascii", "ascii"]

  @doc """
  `:ok` of a whole body that is one of these media types, or says nothing of what it is. Where
  JSON is taken, so is what has a name of its own for JSON of some kind (RFC 6839, 3.1).
  """
  @spec check(Request.headers(), [String.t()]) :: :ok | {:error, Error.t()}
  def check(headers, taken) do
    with :ok <- check_type(headers, taken), do: check_whole(headers)
  end

  @doc "The coding that the body comes in (RFC 9110, 8.4)."
  @spec coding(Request.headers()) ::
          {:ok, :identity | ContentCoding.coding()} | {:error, Error.t()}
  def coding(%{"content-encoding" => field}) do
    case String.downcase(String.trim(field), :ascii) do
      coding when coding in ["gzip", "x-gzip"] ->
        {:ok, :gzip}

      "zstd" ->
        {:ok, :zstd}

      none when none in ["identity", ""] ->
        {:ok, :identity}

      _other ->
        detail = "Content-Encoding is #{show(field)}; expected gzip or zstd, once, or none"
        refuse(:unsupported_content_coding, detail)
    end
  end

  def coding(_headers), do: {:ok, :identity}

  defp check_type(%{"content-type" => type}, taken) do
    if type in taken, do: :ok, else: check_essence(type, taken)
  end

  defp check_type(_headers, _taken), do: :ok

  @doc "The media type without its parameters, in lower case; `nil` where none is given."
  @spec essence(Request.headers()) :: String.t() | nil
  def essence(%{"content-type" => "application/json"}), do: "application/json"
  def essence(%{"content-type" => type}), do: type |> parts() |> hd()
  def essence(_headers), do: nil

  defp parts(type) do
    [essence | parameters] = type |> String.downcase(:ascii) |> String.split(";")
    [String.trim(essence) | parameters]
  end

  defp check_essence(type, taken) do
    [essence | parameters] = parts(type)
    charsets = for parameter <- parameters, charset = charset(parameter), do: charset

    cond do
      essence not in taken and not (json?(essence) and "application/json" in taken) ->
        detail = "Content-Type is #{show(type)}; expected #{Enum.join(taken, " or ")}"
        refuse(:unsupported_media_type, detail)

      Enum.any?(charsets, &(&1 not in @charsets)) ->
        detail = "Content-Type is #{show(type)}; expected a body in UTF-8 (RFC 8259, 8.1)"
        refuse(:unsupported_media_type, detail)

      true ->
        :ok
    end
  end

  defp json?(essence), do: String.ends_with?(essence, "+json")

  defp charset(parameter) do
    case String.split(parameter, "=", parts: 2) do
      [name, value] ->
        String.trim(name) == "charset" and value |> String.trim() |> String.trim("\"")

      _no_value ->
        false
    end
  end

  # RFC 9110, 14.5: a part of what is to be written must not be taken for the whole.
  defp check_whole(%{"content-range" => range}) do
    detail =
      "Content-Range is #{show(range)}; expected a whole body without it: a part of a feature is " <>
        "changed by PATCH"

    refuse(:malformed_request, detail)
  end

  defp check_whole(_headers), do: :ok
end
