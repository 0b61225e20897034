defmodule FormdbHttpWeb.Paths do
  @moduledoc false
  # Paths of resources, as they stand in Location headers and links: without a host, so
  # that they hold behind a proxy as well, and with the path under which that serves us
  # (`base_path` of the request). They are made of the table of routes.

  alias FormdbHttpWeb.{Request, Routes}

  @doc "The path of the resource of that name. `params` has the parts that vary, by their keys."
  @spec to(Request.t(), atom(), map()) :: String.t()
  def to(%{base_path: base_path}, name, params), do: base_path <> path(name, params)

  for %{name: name, segments: segments} <- Routes.all() do
    params = Macro.var(:params, __MODULE__)

    pieces =
      for segment <- segments do
        case segment do
          {:part, key} ->
            quote(do: "/" <> encode(Map.fetch!(unquote(params), unquote(key))))

          {:starred, key} ->
            quote(do: "/" <> encode(Map.fetch!(unquote(params), unquote(key))) <> "*")

          literal ->
            "/" <> literal
        end
      end

    if Enum.all?(pieces, &is_binary/1) do
      path = if pieces == [], do: "/", else: Enum.join(pieces)
      defp path(unquote(name), _params), do: unquote(path)
    else
      defp path(unquote(name), unquote(params)), do: IO.iodata_to_binary(unquote(pieces))
    end
  end

  # "." and ".." would be resolved by the client (RFC 3986, 5.2.4).
  defp encode("."), do: "%2E"
  defp encode(".."), do: "%2E%2E"

  defp encode(part) when is_binary(part),
    do: if(unreserved?(part), do: part, else: URI.encode(part, &URI.char_unreserved?/1))

  defp encode(seq) when is_integer(seq), do: Integer.to_string(seq)

  # RFC 3986, 2.3. Most ids are of nothing else.
  defp unreserved?(<<byte, rest::binary>>)
       when byte in ?a..?z or byte in ?0..?9 or byte in ?A..?Z or byte in ~c"-._~",
       do: unreserved?(rest)

  defp unreserved?(rest), do: rest == ""
end
