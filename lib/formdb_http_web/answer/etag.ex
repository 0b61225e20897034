defmodule FormdbHttpWeb.ETag do
  @moduledoc false
  # Entity tags (RFC 9110, 8.8.3). Ours are hashes and hold neither commas nor quotes.

  @doc "The strong tag of a hash."
  def strong(hash), do: <<?", hash::binary, ?">>

  @doc "The tag of another form of what the hash is over."
  def weak(hash), do: "W/" <> strong(hash)

  @doc """
  The tags in a header field: `:any` for `*`, or `{:ok, list}` of `{:strong, tag}` and
  `{:weak, tag}` without their quotes.
  """
  def parse("*"), do: :any

  def parse(field) do
    tags = field |> String.split(",") |> Enum.map(&(&1 |> String.trim() |> tag()))
    if :error in tags, do: :error, else: {:ok, tags}
  end

  defp tag("W/" <> quoted) do
    with {:strong, tag} <- tag(quoted), do: {:weak, tag}
  end

  defp tag(<<?", rest::binary>>) when rest != "" do
    size = byte_size(rest) - 1

    case rest do
      <<tag::binary-size(size), ?">> -> {:strong, tag}
      _unquoted -> :error
    end
  end

  defp tag(_unquoted), do: :error

  @doc """
  Whether the client has this version already (RFC 9110, 13.1.2): weak comparison.
  What is no tag fits nothing.
  """
  def known?(%{"if-none-match" => "*"}, _hash), do: true

  def known?(%{"if-none-match" => field}, hash) do
    field |> String.split(",") |> Enum.any?(&match?({_kind, ^hash}, &1 |> String.trim() |> tag()))
  end

  def known?(_headers, _hash), do: false
end
