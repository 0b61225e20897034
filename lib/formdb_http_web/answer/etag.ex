defmodule FormdbHttpWeb.ETag do
  @moduledoc false
  # Entity tags (RFC 9110, 8.8.3). Ours are hashes and hold neither commas nor quotes. In another
  # form than as it is stored they end in its name: two forms are no equal bytes.

  alias FormdbHttpWeb.Request

  @suffixes ["-cbor", "-gzip", "-zstd"]

  @doc "The strong tag of a hash."
  def strong(hash), do: <<?", hash::binary, ?">>

  @doc "The tag of another form of what the hash is over."
  def weak(hash), do: "W/" <> strong(hash)

  @doc "The header fields, the entity tag among them ending in the name of a form."
  @spec suffixed(Request.headers(), String.t()) :: Request.headers()
  def suffixed(%{"etag" => tag} = headers, suffix) when suffix in @suffixes do
    tag = IO.iodata_to_binary(tag)
    %{headers | "etag" => binary_part(tag, 0, byte_size(tag) - 1) <> suffix <> "\""}
  end

  def suffixed(headers, suffix) when suffix in @suffixes, do: headers

  @doc """
  The tags in a header field: `:any` for `*`, or `{:ok, list}` of `{:strong, tag}` and
  `{:weak, tag}` without their quotes and the names of forms: all forms are of one version. Empty
  places in a list do not count (RFC 9110, 5.6.1.2).
  """
  @spec parse(String.t()) :: :any | {:ok, [{:strong | :weak, String.t()}, ...]} | :error
  def parse("*"), do: :any
  def parse(field), do: tags(field, [])

  defp tags(text, found) do
    case skip(text, ~c" \t,") do
      "" -> if found == [], do: :error, else: {:ok, Enum.reverse(found)}
      ~s(W/") <> rest -> tag(rest, :weak, found)
      ~s(") <> rest -> tag(rest, :strong, found)
      _other -> :error
    end
  end

  # A tag may hold commas, so it ends at its quote.
  defp tag(text, kind, found) do
    with [tag, rest] <- :binary.split(text, ~s(")),
         true <- String.first(skip(rest, ~c" \t")) in [nil, ","] do
      tags(rest, [{kind, without_form(tag)} | found])
    else
      _open_or_followed -> :error
    end
  end

  defp without_form(tag) do
    case Enum.find(@suffixes, &String.ends_with?(tag, &1)) do
      nil -> tag
      suffix -> tag |> String.replace_suffix(suffix, "") |> without_form()
    end
  end

  defp skip(<<byte, rest::binary>> = text, bytes),
    do: if(byte in bytes, do: skip(rest, bytes), else: text)

  defp skip("", _bytes), do: ""
end
