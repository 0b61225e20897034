defmodule FormdbHttpWeb.Params do
  @moduledoc false
  # Parameters of a request: parts of the path and the query string. Functions
  # return {:ok, value} or {:error, %FormdbHttp.Error{}}.

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3, show: 1]

  alias FormdbHttp.Transaction

  @doc """
  A part of the path, percent-decoded (RFC 3986, 2.1). An id may hold any
  character, so `%2F` is a slash inside of it.
  """
  def segment(raw) do
    with {:ok, text} <- percent_decode(raw, ""), true <- String.valid?(text) do
      {:ok, text}
    else
      _not_text -> bad_path(raw)
    end
  end

  # What stands before a percent sign is taken as it is: clients do send UTF-8 that
  # is not encoded.
  defp percent_decode(raw, decoded) do
    case :binary.split(raw, "%") do
      # Most parts hold nothing to decode.
      [plain] when decoded == "" -> {:ok, plain}
      [plain] -> {:ok, decoded <> plain}
      [plain, encoded] -> decode_byte(encoded, decoded <> plain)
    end
  end

  defp decode_byte(<<digits::binary-2, rest::binary>>, decoded) do
    with {:ok, byte} <- Base.decode16(digits, case: :mixed),
         do: percent_decode(rest, decoded <> byte)
  end

  defp decode_byte(_too_short, _decoded), do: :error

  defp bad_path(raw) do
    refuse(:invalid_path, "#{show(raw)} does not decode to UTF-8 text; write % as %25")
  end

  @doc """
  The query string as a map. A name that is not among `allowed` is refused, since
  a misspelled one would change the answer in silence; so is one given twice.
  """
  def query(req, allowed) do
    with {:ok, pairs} <- pairs(req), do: collect(pairs, allowed, %{})
  end

  # Names of filters besides those that begin with `prop.`.
  @filters ["time", "seq"]

  @doc """
  The query string of a call that takes filters: `{:ok, params, filters}`. A filter may
  be given several times, to hold from both ends.
  """
  def query_with_filters(req, allowed) do
    with {:ok, pairs} <- pairs(req),
         {filters, others} = Enum.split_with(pairs, fn {name, _} -> filter?(name) end),
         {:ok, params} <- collect(others, allowed, %{}, @filters ++ ["prop.NAME"]),
         do: {:ok, params, filters}
  end

  defp filter?(name), do: name in @filters or String.starts_with?(name, "prop.")

  defp bad_query do
    refuse(:invalid_query, "the query string does not decode to UTF-8 text; write % as %25")
  end

  # Names and values, decoded, in their order.
  defp pairs(%{qs: ""}), do: {:ok, []}
  defp pairs(%{qs: text}), do: text |> :binary.split("&", [:global]) |> pairs([])

  defp pairs([], found), do: {:ok, Enum.reverse(found)}
  defp pairs(["" | rest], found), do: pairs(rest, found)

  defp pairs([pair | rest], found) do
    {name, value} =
      case :binary.split(pair, "=") do
        [name, value] -> {name, value}
        [name] -> {name, ""}
      end

    with {:ok, name} <- query_decode(name),
         {:ok, value} <- query_decode(value),
         do: pairs(rest, [{name, value} | found])
  end

  # `others` are names that are read elsewhere.
  defp collect(pairs, allowed, found, others \\ [])
  defp collect([], _allowed, found, _others), do: {:ok, found}

  defp collect([{name, value} | rest], allowed, found, others) do
    cond do
      name not in allowed ->
        unknown(name, allowed ++ others)

      is_map_key(found, name) ->
        refuse(:invalid_parameter, "#{name} is given twice", "/" <> name)

      true ->
        collect(rest, allowed, Map.put(found, name, value), others)
    end
  end

  # In a query a plus is a space, as forms send it.
  defp query_decode(raw) do
    with {:ok, text} <- raw |> :binary.replace("+", " ", [:global]) |> percent_decode(""),
         true <- String.valid?(text) do
      {:ok, text}
    else
      _not_text -> bad_query()
    end
  end

  defp unknown(name, []) do
    refuse(:unknown_parameter, "found #{show(name)}; this call takes no parameters", at(name))
  end

  defp unknown(name, allowed) do
    taken = "this call takes #{Enum.join(allowed, ", ")}"
    detail = "found #{show(name)}; #{meant(name, allowed)}#{taken}"
    refuse(:unknown_parameter, detail, at(name))
  end

  # A name as a JSON pointer (RFC 6901, section 3).
  defp at(name) do
    name = name |> String.slice(0, 64) |> String.replace("~", "~0") |> String.replace("/", "~1")
    "/" <> name
  end

  # Names that are less alike are probably no slip.
  @alike 0.75

  @doc """
  The question whether another name was meant, with a blank behind it, or nothing: for the
  refusal of a name that is not among those `allowed`.
  """
  def meant(name, allowed) do
    name = String.downcase(name)
    likeness = &String.jaro_distance(name, String.downcase(&1))

    case Enum.max_by(allowed, likeness, fn -> nil end) do
      nil -> ""
      nearest -> if likeness.(nearest) >= @alike, do: "did you mean #{nearest}? ", else: ""
    end
  end

  @doc "The page size: `nil` when it is not given. The engine checks its upper bound."
  def limit(params), do: count(params, "limit")

  @doc "A whole number: `nil` when it is not given. The engine checks its range."
  def count(params, name) do
    case params do
      %{^name => text} ->
        # Few enough digits for the engine's number; a larger one is too large anyway.
        if text =~ ~r/\A[0-9]{1,18}\z/,
          do: {:ok, String.to_integer(text)},
          else: bad_count(name, text)

      _not_given ->
        {:ok, nil}
    end
  end

  defp bad_count(name, text) do
    detail = "#{name} is #{show(text)}; expected a whole number, 0 or more, of at most 18 digits"
    refuse(:invalid_parameter, detail, "/" <> name)
  end

  @doc "A number: `nil` when it is not given."
  def number(params, name) do
    with %{^name => text} <- params,
         :error <- parse_number(text) do
      detail = "#{name} is #{show(text)}; expected a number such as 1.5 or 1e-3"
      refuse(:invalid_parameter, detail, "/" <> name)
    else
      {:ok, number} -> {:ok, number}
      _not_given -> {:ok, nil}
    end
  end

  # Decimal, with few enough digits for a float. A dot may begin or end it.
  @number ~r/\A\s*([+-]?)(?=\.?[0-9])([0-9]{0,320})(?:\.([0-9]{0,340}))?(?:[eE]([+-]?[0-9]{1,3}))?\s*\z/

  @doc "A float from text: `{:ok, float}` or `:error`."
  def parse_number(text) do
    case Regex.run(@number, text, capture: :all_but_first) do
      nil -> :error
      [sign, whole | rest] -> to_float(sign, whole, rest)
    end
  end

  defp to_float(sign, whole, rest) do
    [fraction, exponent] = Enum.take(rest ++ ["", ""], 2)
    digits = [sign, or_zero(whole), ".", or_zero(fraction), "e", or_zero(exponent)]
    {:ok, digits |> IO.iodata_to_binary() |> String.to_float()}
  rescue
    # It is beyond a float.
    ArgumentError -> :error
  end

  defp or_zero(""), do: "0"
  defp or_zero(digits), do: digits

  @doc "`false` when it is not given."
  def boolean(params, name) do
    case params do
      %{^name => "true"} ->
        {:ok, true}

      %{^name => "false"} ->
        {:ok, false}

      %{^name => other} ->
        refuse(
          :invalid_parameter,
          "#{name} is #{show(other)}; give true or false",
          "/" <> name
        )

      _not_given ->
        {:ok, false}
    end
  end

  @doc "A sequence, or the text of a time; `nil` when it is not given."
  def as_of(%{"as_of" => text} = params) do
    if text =~ ~r/\A-?[0-9]+\z/, do: count(params, "as_of"), else: {:ok, text}
  end

  def as_of(_params), do: {:ok, nil}

  @doc "The transaction of database `name` to read in; `nil` when it is not given."
  def transaction(%{"transaction" => id}, name), do: %Transaction{database: name, id: id}
  def transaction(_params, _name), do: nil

  @doc "A time in microseconds; `nil` when it is not given. Integers count the `unit`."
  def timestamp(params, name) do
    with {:ok, unit} <- unit(params), %{^name => text} <- params do
      with {:error, error} <- FormdbHttp.Serving.parse_timestamp(text, unit),
           do: {:error, %{error | pointer: "/" <> name}}
    else
      {:error, error} -> {:error, error}
      _not_given -> {:ok, nil}
    end
  end

  @units %{"s" => :s, "ms" => :ms, "us" => :us, "ns" => :ns}

  @doc "What integers count that stand for times, as an option; none when it is not given."
  def unit(%{"unit" => text}) do
    case @units do
      %{^text => unit} ->
        {:ok, [unit: unit]}

      _unknown ->
        refuse(:invalid_parameter, "unit is #{inspect(text)}; give s, ms, us or ns", "/unit")
    end
  end

  def unit(_params), do: {:ok, []}

  @doc "`:asc` when it is not given."
  def order(%{"order" => "asc"}), do: {:ok, :asc}
  def order(%{"order" => "desc"}), do: {:ok, :desc}

  def order(%{"order" => other}) do
    refuse(:invalid_parameter, "order is #{show(other)}; give asc or desc", "/order")
  end

  def order(_params), do: {:ok, :asc}

  @doc "A parameter that the call cannot do without."
  def required(params, name, example) do
    case params do
      %{^name => value} ->
        {:ok, value}

      _missing ->
        refuse(:missing_parameter, "#{name} is missing; give #{name}=#{example}", "/" <> name)
    end
  end
end
