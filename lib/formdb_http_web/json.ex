defmodule FormdbHttpWeb.JSON do
  @moduledoc false
  # JSON text (RFC 8259) as iodata, for the small answers that this layer makes
  # itself. Documents come from the engine as finished text and go in with
  # {:json, text}, so they are neither decoded nor copied.
  #
  #   keyword list or list of pairs   object, in that order
  #   any other list                  array
  #   map                             object
  #   {:json, iodata}                 as it is
  #   nil, true, false                null, true, false
  #   any other atom, binary          string

  @type value ::
          nil
          | boolean()
          | atom()
          | String.t()
          | number()
          | [value()]
          | [{atom() | String.t(), value()}]
          | %{optional(atom() | String.t()) => value()}
          | {:json, iodata()}

  @spec encode(value()) :: iodata()
  def encode({:json, text}), do: text
  def encode(nil), do: "null"
  def encode(true), do: "true"
  def encode(false), do: "false"
  def encode(value) when is_atom(value), do: string(Atom.to_string(value))
  def encode(value) when is_binary(value), do: string(value)
  def encode(value) when is_integer(value), do: Integer.to_string(value)
  def encode(value) when is_float(value), do: Float.to_string(value)
  def encode([]), do: "[]"
  def encode([{:json, _} | _] = list), do: array(list)
  def encode([{_, _} | _] = pairs), do: object(pairs)
  def encode(list) when is_list(list), do: array(list)
  def encode(map) when is_map(map), do: map |> Map.to_list() |> object()

  defp array([first | rest]) do
    [?[, encode(first), Enum.map(rest, &[?,, encode(&1)]), ?]]
  end

  defp object([]), do: "{}"

  defp object([first | rest]) do
    [?{, member(first), Enum.map(rest, &[?,, member(&1)]), ?}]
  end

  # Names that are atoms stand in this program and hold nothing to escape.
  defp member({name, value}) when is_atom(name),
    do: [?", Atom.to_string(name), "\":", encode(value)]

  defp member({name, value}), do: [string(name), ?:, encode(value)]

  defp string(text) do
    if plain?(text), do: [?", text, ?"], else: [?", for(<<byte <- text>>, do: escape(byte)), ?"]
  end

  # Only these must be escaped (RFC 8259, section 7); UTF-8 passes through.
  defp plain?(<<byte, rest::binary>>) when byte >= 0x20 and byte != ?" and byte != ?\\,
    do: plain?(rest)

  defp plain?(rest), do: rest == ""

  defp escape(?"), do: "\\\""
  defp escape(?\\), do: "\\\\"
  defp escape(?\n), do: "\\n"
  defp escape(?\r), do: "\\r"
  defp escape(?\t), do: "\\t"
  defp escape(byte) when byte < 0x10, do: ["\\u000", Integer.to_string(byte, 16)]
  defp escape(byte) when byte < 0x20, do: ["\\u00", Integer.to_string(byte, 16)]
  defp escape(byte), do: byte
end
