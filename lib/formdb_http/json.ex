defmodule FormdbHttp.JSON do
  @moduledoc false
  # JSON text (RFC 8259) and back, for the small documents that Elixir makes or looks
  # into itself. Those of the engine come as finished text and go in with
  # {:json, text}, so they are neither decoded nor copied. Text is read by the engine's
  # own parser; the library for it that Erlang has depends on the release.
  #
  #   keyword list or list of pairs   object, in that order
  #   any other list                  array
  #   map                             object
  #   {:json, iodata}                 as it is
  #   nil (or :null, as Erlang has it) null
  #   true, false                     true, false
  #   any other atom, binary          string

  alias FormdbHttp.{Error, Native}

  # Text up to this size is read on the scheduler of the caller, in some 0.1 ms.
  @small_bytes 16_384

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

  @doc "The value as text. Raises `ArgumentError` for a struct, which JSON has no form for."
  @spec encode(value()) :: iodata()
  def encode({:json, text}), do: text
  def encode(null) when null in [nil, :null], do: "null"
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
  def encode(%_{} = struct), do: raise(ArgumentError, "no JSON for #{inspect(struct)}")
  def encode(map) when is_map(map), do: map |> Map.to_list() |> object()

  @doc "As `encode/1`, in one binary."
  @spec text(value()) :: String.t()
  def text(value), do: value |> encode() |> IO.iodata_to_binary()

  @doc """
  Text as a term: maps with text keys, lists, numbers, text, booleans, `nil`. Whole
  numbers beyond 64 bits become floats, and of a name that comes twice the last counts.
  Deeper than 128 levels is refused.
  """
  @spec decode(binary()) :: {:ok, term()} | {:error, Error.t()}
  def decode(text) when byte_size(text) <= @small_bytes, do: native(Native.json_decode(text))
  def decode(text), do: native(Native.json_decode_dirty(text))

  defp native({:error, error}), do: {:error, Error.from_native(error)}
  defp native(ok), do: ok

  @doc "As `decode/1`, but raises."
  @spec decode!(binary()) :: term()
  def decode!(text) do
    case decode(text) do
      {:ok, term} -> term
      {:error, error} -> raise error
    end
  end

  @doc """
  As `decode/1`, of what a client asks: with `check_numbers/1`, whose refusal is
  `{:unkept, error}`.
  """
  @spec decode_asked(binary()) :: {:ok, term()} | {:unkept | :error, Error.t()}
  def decode_asked(text) do
    case decode(text) do
      {:ok, _term} = read -> kept(text, read)
      {:error, %{detail: "number out of range" <> _}} = read -> kept(text, read)
      {:error, _error} = read -> read
    end
  end

  defp kept(text, read) do
    case check_numbers(text) do
      :ok -> read
      {:error, error} -> {:unkept, error}
    end
  end

  @doc """
  Whether all numbers of a text that is well formed are kept as they are written; if not, the
  refusal of the first, as in a document: of a whole number beyond 64 bits, and of one that a
  float is too small or too great for.
  """
  @spec check_numbers(binary()) :: :ok | {:error, Error.t()}
  def check_numbers(text) when byte_size(text) <= @small_bytes,
    do: checked(Native.json_check_numbers(text))

  def check_numbers(text), do: checked(Native.json_check_numbers_dirty(text))

  defp checked(:ok), do: :ok
  defp checked(refused), do: native(refused)

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
