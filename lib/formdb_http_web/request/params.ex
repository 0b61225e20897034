defmodule FormdbHttpWeb.Params do
  @moduledoc false
  # The parameters of a call, as the table of routes has them: parts of the path, the query
  # string and header fields.

  import FormdbHttpWeb.Problem, only: [pointer_part: 1, refuse: 2, refuse: 3, show: 1]

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Routes.{Call, Parameter}
  alias FormdbHttpWeb.{Request, ShortText, Types}

  @doc """
  The parameters of a request to `req.call`, by their keys: all that the call has, those not
  given with their defaults. Filters are a list under `:filters`. With them what the query
  string has as text, for links.
  """
  @spec read(Request.t()) ::
          {:ok, params :: map(), asked :: {map(), list()}} | {:error, Error.t()}
  def read(%{call: %Call{} = call} = req) do
    with {:ok, values} <- parts(call.path, req.parts, call.given),
         {:ok, texts, filters} <- query(req.query, call.query, call.others),
         {:ok, values} <- typed(call.query, texts, values),
         {:ok, values} <- typed(call.headers, req.headers, values) do
      values = if filters == [], do: values, else: %{values | filters: filters}
      {:ok, values, {texts, filters}}
    end
  end

  @doc "The conditions on values that were given, as an option of a function."
  @spec values(map()) :: keyword()
  def values(%{filters: filters}) do
    case for({"value", condition} <- filters, do: condition) do
      [] -> []
      conditions -> [value: conditions]
    end
  end

  @doc """
  The members of a provenance that were given as `provenance.NAME=VALUE`, as an option of a write.
  Values are text; of `derived_from`, sequences and hashes with commas between them.
  """
  @spec provenance(map()) :: {:ok, keyword()} | {:error, Error.t()}
  def provenance(%{filters: []}), do: {:ok, []}

  def provenance(%{filters: filters}) do
    members = for {"provenance." <> name, text} <- filters, do: {name, member(name, text)}
    names = Enum.map(members, fn {name, _value} -> name end)

    case names -- Enum.uniq(names) do
      [] ->
        {:ok, [provenance: Map.new(members)]}

      [name | _] ->
        name = "provenance." <> name
        refuse(:invalid_parameter, "#{show(name)} is given twice", place(name))
    end
  end

  defp member("derived_from", text) do
    for origin <- String.split(text, ","), origin = String.trim(origin) do
      case Integer.parse(origin) do
        {seq, ""} -> seq
        _hash -> origin
      end
    end
  end

  defp member(_name, text), do: text

  @doc "Those of the parameters `keys` that were given, as options of a function."
  @spec options(map(), [atom()]) :: keyword()
  def options(params, keys) do
    for key <- keys, %{^key => value} when value != nil <- [params], do: {key, value}
  end

  @doc "The filters on series, by their ids and attributes, as an option of a function."
  @spec series(map()) :: keyword()
  def series(%{filters: filters} = params) do
    attributes = for {"attr." <> _name, _condition} = filter <- filters, do: filter
    texts = for {key, text} <- options(params, [:pattern, :feature]), do: {to_string(key), text}
    [filters: attributes ++ texts]
  end

  ## Parts of the path

  defp parts([], [], values), do: {:ok, values}

  defp parts([%{name: name, key: key, type: type} | more], [raw | rest], values) do
    with {:ok, text} <- segment(raw),
         {:ok, value} <- Types.parse(type, name, text, %{}, values),
         do: parts(more, rest, Map.put(values, key, value))
  end

  @doc """
  A part of the path, percent-decoded (RFC 3986, 2.1). An id may hold any
  character, so `%2F` is a slash inside of it.
  """
  @spec segment(String.t()) :: {:ok, String.t()} | {:error, Error.t()}
  def segment(raw), do: if(ShortText.plain?(raw), do: {:ok, raw}, else: decoded_segment(raw))

  defp decoded_segment(raw) do
    with {:ok, text} <- percent_decode(raw, ""), true <- String.valid?(text) do
      {:ok, text}
    else
      _not_text -> bad_path(raw)
    end
  end

  # What stands before a percent sign is taken as it is: clients do send UTF-8 that
  # is not encoded.
  defp percent_decode(raw, decoded) do
    case ShortText.split_once(raw, ?%) do
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

  ## The query string

  @doc """
  The query string as a map of names and texts, and the filters in it. A name that is not among
  those of the parameters is refused, since a misspelled one would change the answer in
  silence, unless `others` are ignored; so is one given twice. A filter may be given several
  times, to hold from both ends.
  """
  @spec query(String.t(), [Parameter.t()], :refused | :ignored) ::
          {:ok, map(), list()} | {:error, Error.t()}
  def query(text, parameters, others \\ :refused)
  def query("", _parameters, _others), do: {:ok, %{}, []}

  def query(text, parameters, others) do
    names = Enum.map(parameters, & &1.name)
    filters = for %{type: {:filter, _form}, name: name} <- parameters, do: name

    with {:ok, pairs} <- text |> ShortText.split(?&) |> pairs([]) do
      pairs = if others == :refused, do: pairs, else: Enum.filter(pairs, &(elem(&1, 0) in names))
      collect(pairs, names, filters, %{}, [])
    end
  end

  # Names and values, decoded, in their order.
  defp pairs([], found), do: {:ok, Enum.reverse(found)}
  defp pairs(["" | rest], found), do: pairs(rest, found)

  defp pairs([pair | rest], found) do
    {name, value} =
      case ShortText.split_once(pair, ?=) do
        [name, value] -> {name, value}
        [name] -> {name, ""}
      end

    with {:ok, name} <- query_decode(name),
         {:ok, value} <- query_decode(value),
         do: pairs(rest, [{name, value} | found])
  end

  @doc "A name or a value of a query string. In a query a plus is a space, as forms send it."
  @spec query_decode(String.t()) :: {:ok, String.t()} | {:error, Error.t()}
  def query_decode(raw), do: if(ShortText.plain?(raw), do: {:ok, raw}, else: decoded_query(raw))

  defp decoded_query(raw) do
    with {:ok, text} <- raw |> :binary.replace("+", " ", [:global]) |> percent_decode(""),
         true <- String.valid?(text) do
      {:ok, text}
    else
      _not_text ->
        refuse(:invalid_query, "the query string does not decode to UTF-8 text; write % as %25")
    end
  end

  defp collect([], _names, _taken, found, filters), do: {:ok, found, Enum.reverse(filters)}

  defp collect([{name, value} = pair | rest], names, taken, found, filters) do
    cond do
      filter_name(name) in taken ->
        collect(rest, names, taken, found, [pair | filters])

      name not in names ->
        unknown(name, names)

      is_map_key(found, name) ->
        refuse(:invalid_parameter, "#{name} is given twice", "/" <> name)

      true ->
        collect(rest, names, taken, Map.put(found, name, value), filters)
    end
  end

  # As the table of routes has it.
  defp filter_name("prop." <> _name), do: "prop.NAME"
  defp filter_name("provenance." <> _name), do: "provenance.NAME"
  defp filter_name("attr." <> _name), do: "attr.NAME"
  defp filter_name(name), do: name

  defp unknown(name, []) do
    refuse(:unknown_parameter, "found #{show(name)}; this call takes no parameters", place(name))
  end

  defp unknown(name, names) do
    taken = "this call takes #{Enum.join(names, ", ")}"
    detail = "found #{show(name)}; #{meant(name, names)}#{taken}"
    refuse(:unknown_parameter, detail, place(name))
  end

  # It may be of any length.
  defp place(name), do: "/" <> (name |> String.slice(0, 64) |> pointer_part())

  # Names that are less alike are probably no slip.
  @alike 0.75

  @doc """
  The question whether another name was meant, with a blank after it, or nothing: for the
  refusal of a name that is not among those `allowed`.
  """
  @spec meant(String.t(), [String.t()]) :: String.t()
  def meant(name, allowed) do
    name = String.downcase(name)
    likeness = &String.jaro_distance(name, String.downcase(&1))

    case Enum.max_by(allowed, likeness, fn -> nil end) do
      nil -> ""
      nearest -> if likeness.(nearest) >= @alike, do: "did you mean #{nearest}? ", else: ""
    end
  end

  ## Values

  @doc """
  The values so far, by keys, with those of the parameters that are among `texts`. One that
  has to be given and is not there is refused.
  """
  @spec typed([Parameter.t()], %{String.t() => String.t()}, map()) ::
          {:ok, map()} | {:error, Error.t()}
  def typed([], _texts, values), do: {:ok, values}

  def typed([%{name: name, key: key, type: type} = parameter | rest], texts, values) do
    case texts do
      %{^name => text} when type != :condition ->
        with {:ok, value} <- Types.parse(type, name, text, texts, values),
             do: typed(rest, texts, Map.put(values, key, value))

      _not_given when parameter.required == nil ->
        typed(rest, texts, values)

      _missing ->
        detail = "#{name} is missing; give #{name}=#{parameter.required}"
        refuse(:missing_parameter, detail, "/" <> name)
    end
  end
end
