defmodule FormdbHttpWeb.Types do
  @moduledoc false
  # The types of parameters, and how each is read from text. Pure.

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3, show: 1]

  alias FormdbHttp.{Error, Serving, Transaction}
  alias FormdbHttpWeb.ShortText

  # Documents and filters are refused for such a number, too.
  @zero "a number that is too small for a double would be 0; give 0"

  @typedoc """
    * `:text` - anything
    * `{:engine, form}` - text whose form the engine checks
    * `{:filter, form}` - as that; it may be given several times
    * `:count` - a whole number, 0 or more: the engine checks its range
    * `:number` - a decimal number
    * `{:enum, values}` - one of these words
    * `{:only, value, instead}` - one word, and what to do if it is not meant
    * `:time` - a time in microseconds: ISO 8601, or an integer that counts the parameter `unit`
      or without an offset local time of the parameter `tz`
    * `:tz` - the name of a time zone, as the database of zones writes it
    * `:as_of` - a sequence, or the text of a time
    * `:transaction` - the id of one, of the database that the path names
    * `:point` - `lon,lat` in degrees
    * `:cell` - `width,height` in degrees, or one number for both
    * `:block` - a sequence, or a hash of 64 hexadecimal digits
    * `:idempotency_key` - 1 to 255 visible ASCII characters
    * `:condition` - left to `FormdbHttpWeb.Conditions`
  """
  @type t ::
          :text
          | {:engine, form :: String.t()}
          | {:filter, form :: String.t()}
          | :count
          | :number
          | {:enum, [atom()]}
          | {:only, atom(), instead :: String.t()}
          | :time
          | :tz
          | :as_of
          | :transaction
          | :point
          | :cell
          | :block
          | :idempotency_key
          | :condition

  @doc """
  The value of the parameter `name`. `texts` are all that were given, and `values` those that
  were read before it, parts of the path first: the meaning of some depends on others.
  """
  @spec parse(t(), String.t(), String.t(), %{String.t() => String.t()}, map()) ::
          {:ok, term()} | {:error, Error.t()}
  def parse(type, name, text, texts, values)

  def parse(:text, _name, text, _texts, _values), do: {:ok, text}
  def parse({:engine, _form}, _name, text, _texts, _values), do: {:ok, text}

  def parse(:count, name, text, _texts, _values) do
    # Few enough digits for the engine's number; a larger one is too large anyway.
    if ShortText.digits?(text, 18),
      do: {:ok, String.to_integer(text)},
      else: invalid(name, text, "expected a whole number, 0 or more, of at most 18 digits")
  end

  def parse(:number, name, text, _texts, _values) do
    case number(text) do
      {:ok, number} -> {:ok, number}
      :zero -> invalid(name, text, @zero)
      :error -> invalid(name, text, "expected a number such as 1.5 or 1e-3")
    end
  end

  def parse({:enum, values}, name, text, _texts, _values) do
    case Enum.find(values, :none_of_them, &(Atom.to_string(&1) == text)) do
      :none_of_them -> invalid(name, text, "give " <> one_of(values))
      value -> {:ok, value}
    end
  end

  def parse({:only, value, instead}, name, text, _texts, _values) do
    if text == Atom.to_string(value),
      do: {:ok, value},
      else: invalid(name, text, "give #{value}, or #{instead}")
  end

  def parse(:time, name, text, texts, values) do
    zone = for {"tz", text} <- texts, do: {:tz, text}

    with {:ok, unit} <- unit(texts, values),
         {:error, %{code: :invalid_timestamp} = error} <-
           Serving.parse_timestamp(text, unit ++ zone),
         do: {:error, %{error | pointer: "/" <> name}}
  end

  def parse(:tz, _name, text, _texts, _values) do
    with :ok <- Serving.check_time_zone(text), do: {:ok, text}
  end

  def parse(:as_of, name, text, texts, values) do
    digits = with "-" <> digits <- text, do: digits

    if ShortText.digits?(digits, byte_size(digits)),
      do: parse(:count, name, text, texts, values),
      else: {:ok, text}
  end

  def parse(:transaction, _name, text, _texts, %{db: name}),
    do: {:ok, %Transaction{database: name, id: text}}

  def parse(:point, name, text, _texts, _values) do
    case numbers(text) do
      [lon, lat] -> {:ok, {lon, lat}}
      :zero -> invalid(name, text, @zero)
      _other -> invalid(name, text, "give longitude,latitude in degrees")
    end
  end

  def parse(:cell, name, text, _texts, _values) do
    case numbers(text) do
      [side] -> {:ok, {side, side}}
      [width, height] -> {:ok, {width, height}}
      :zero -> invalid(name, text, @zero)
      _other -> invalid(name, text, "give width,height in degrees, or one number for both")
    end
  end

  # A sequence has fewer digits than a hash.
  def parse(:block, _name, text, _texts, _values) do
    cond do
      text =~ ~r/\A[0-9a-fA-F]{64}\z/ ->
        {:ok, text}

      ShortText.digits?(text, 18) ->
        {:ok, String.to_integer(text)}

      true ->
        refuse(
          :block_not_found,
          "there is no block #{show(text)}; expected a sequence, or a hash of 64 hexadecimal digits"
        )
    end
  end

  # Visible ASCII: what else there might be in a header is no text, or two headers.
  def parse(:idempotency_key, _name, text, _texts, _values) do
    if text =~ ~r/\A[\x21-\x7e]{1,255}\z/ do
      {:ok, text}
    else
      detail = "Idempotency-Key is #{show(text)}; expected 1 to 255 visible ASCII characters"
      refuse(:invalid_parameter, detail)
    end
  end

  @units [:s, :ms, :us, :ns]

  @doc "What integers may count that stand for times."
  @spec units() :: [atom()]
  def units, do: @units

  defp unit(%{"unit" => text} = texts, values) do
    with {:ok, unit} <- parse({:enum, @units}, "unit", text, texts, values),
         do: {:ok, [unit: unit]}
  end

  defp unit(_texts, _values), do: {:ok, []}

  # "a or b", "a, b or c".
  defp one_of(values) do
    {last, rest} = values |> Enum.map(&Atom.to_string/1) |> List.pop_at(-1)
    Enum.join(rest, ", ") <> " or " <> last
  end

  defp invalid(name, text, expected),
    do: refuse(:invalid_parameter, "#{name} is #{show(text)}; #{expected}", "/" <> name)

  # Numbers between commas; :error or :zero when one of them is none, or would be 0.
  defp numbers(text) do
    numbers = text |> ShortText.split(?,) |> Enum.take(3) |> Enum.map(&number/1)

    case Enum.find(numbers, &is_atom/1) do
      nil -> Enum.map(numbers, fn {:ok, number} -> number end)
      fault -> fault
    end
  end

  @doc """
  A float from text: `{:ok, float}`, `:error`, or `:zero` where a float is too small for a number
  other than 0.
  """
  @spec number(String.t()) :: {:ok, float()} | :zero | :error
  def number(text), do: with(:other <- ShortText.decimal(text), do: any_number(text))

  defp any_number(text) do
    case Regex.run(decimal(), text, capture: :all_but_first) do
      nil -> :error
      [sign, whole | rest] -> to_float(sign, whole, rest)
    end
  end

  # With few enough digits for a float. A dot may begin or end it.
  defp decimal do
    ~r/\A\s*([+-]?)(?=\.?[0-9])([0-9]{0,320})(?:\.([0-9]{0,340}))?(?:[eE]([+-]?[0-9]{1,3}))?\s*\z/
  end

  defp to_float(sign, whole, rest) do
    [fraction, exponent] = Enum.take(rest ++ ["", ""], 2)
    digits = [sign, or_zero(whole), ".", or_zero(fraction), "e", or_zero(exponent)]
    number = digits |> IO.iodata_to_binary() |> String.to_float()
    if number == 0.0 and whole <> fraction =~ ~r/[1-9]/, do: :zero, else: {:ok, number}
  rescue
    # It is beyond a float.
    ArgumentError -> :error
  end

  defp or_zero(""), do: "0"
  defp or_zero(digits), do: digits
end
