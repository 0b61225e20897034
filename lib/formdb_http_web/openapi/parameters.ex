defmodule FormdbHttpWeb.OpenAPI.Parameters do
  @moduledoc false
  # Parameters as a document has them. Their schemas come from their types, which the server
  # reads them by; what the engine reads has its form here, by the parameter's name.

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.OpenAPI.Schema
  alias FormdbHttpWeb.Routes
  alias FormdbHttpWeb.Routes.{Call, Parameter}

  # What the type `:count` takes: 18 digits.
  @largest 999_999_999_999_999_999
  @number "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
  @comma " *, *"
  # Integers of many digits may be none that a double holds, and exponents beyond its range.
  @decimal "-?[0-9]{1,15}(\\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?"
  @percentile "p([0-9]{1,2}(\\.[0-9]+)?|100(\\.0+)?)"

  @doc "A parameter where it stands: in `path`, `query` or `header`."
  @spec parameter(:path | :query | :header, Parameter.t(), Call.scope()) :: keyword()
  def parameter(place, %{name: name, about: about} = parameter, scope) do
    given = if parameter.default in [nil, "", []], do: [], else: [default: parameter.default]
    required? = place == :path or parameter.required != nil

    [
      name: if(place == :header, do: field(name), else: name),
      in: place,
      description: about,
      required: required?
    ] ++
      value(parameter, scope, given) ++
      example(parameter)
  end

  # JSON in a query string.
  defp value(%{name: "geometry"}, _scope, _given),
    do: [content: [{"application/json", [schema: ref(:area)]}]]

  # A write can only expect that there is none.
  defp value(%{name: "if-none-match"}, :write, _given), do: [schema: text(pattern: "^\\*$")]

  defp value(%{type: {:filter, _form}} = parameter, _scope, _given),
    do: [style: "form", explode: true, schema: schema(parameter), example: ["gte:1", "lt:5"]]

  defp value(parameter, _scope, given), do: [schema: schema(parameter) ++ given]

  @doc "The name of a header field as it is usually written."
  @spec field(String.t()) :: String.t()
  def field("etag"), do: "ETag"
  def field("formdb-seq"), do: "FormDB-Seq"
  def field(name), do: name |> String.split("-") |> Enum.map_join("-", &String.capitalize/1)

  @doc "Whether it is one of the filters of a search."
  @spec filter?(Parameter.t()) :: boolean()
  def filter?(%{type: {:filter, _form}, name: name}), do: name != "value"
  def filter?(_parameter), do: false

  @doc """
  The filters of a call as one parameter: an object whose members are parameters of the
  query string, which is the one way to say that there are such whose names begin with
  `prop.` or `provenance.`.
  """
  @spec filter([Parameter.t()]) :: keyword() | nil
  def filter([]), do: nil

  # Of a write: no filter, but of the same form.
  def filter([%{name: "provenance.NAME", type: {:filter, "TEXT"}, about: about}]) do
    [
      name: "provenance",
      in: :query,
      description: "Each a parameter of its own: `provenance.NAME`. " <> about,
      required: false,
      style: "form",
      explode: true,
      schema: [
        type: "object",
        patternProperties: [{"^provenance\\.", text()}],
        additionalProperties: false
      ],
      example: ["provenance.source": "import 7"]
    ]
  end

  def filter(filters) do
    both = " One may be given twice, for both ends of a range."

    {name, schema, example, more} =
      case Enum.map(filters, & &1.name) do
        ["prop.NAME"] ->
          {"filters", filters(filters), ["prop.mag": "gte:5"], both}

        [_time, _seq, "prop.NAME"] ->
          {"filters", ref(:filters), ["prop.mag": "gte:5"], both}

        ["attr.NAME"] ->
          {"attributes", filters(filters), ["attr.unit": "Cel"], ""}

        ["provenance.NAME"] ->
          {"provenance", filters(filters), ["provenance.source": "import 7"], ""}
      end

    [
      name: name,
      in: :query,
      description:
        "Filters, which must all hold, each a parameter of its own: " <>
          Enum.map_join(filters, " ", &"`#{&1.name}`: #{&1.about}") <> more,
      required: false,
      style: "form",
      explode: true,
      schema: schema,
      example: example
    ]
  end

  @doc "Filters as an object, by their names: of those that begin alike comes the last one."
  @spec filters([Parameter.t()]) :: Schema.t()
  def filters(filters) do
    {named, [any]} = Enum.split(filters, -1)
    [begin, ""] = String.split(any.name, ".NAME")

    properties = for %{name: name, about: about} <- named, do: {name, filter_form(name, about)}

    [type: "object"] ++
      if(properties == [], do: [], else: [properties: properties]) ++
      [
        patternProperties: [{"^#{begin}\\.", filter_form(begin, any.about)}],
        additionalProperties: false,
        description: "Filters, by their names: each is an expression or a list of them."
      ]
  end

  defp filter_form("time", about),
    do: one_or_more("^(since|until):.+$", about, "since:2026-01-31")

  defp filter_form("seq", about),
    do: one_or_more("^((eq|gt|gte|lt|lte):)?[0-9]+$", about, "gt:100")

  defp filter_form("prop", about), do: one_or_more(nil, about, "gte:5")
  defp filter_form("attr", about), do: one_or_more(nil, about, "Cel")
  defp filter_form("provenance", about), do: one_or_more(nil, about, "import 7")

  defp one_or_more(pattern, about, example) do
    one = text(if(pattern, do: [pattern: pattern], else: []))
    any_of([one, list(one, minItems: 1)], description: about, examples: [example])
  end

  # An example of what has to be given is in the table.
  defp example(%{name: "point"}), do: [example: "142,38"]
  defp example(%{required: nil}), do: []
  defp example(%{name: "bbox"}), do: [example: "140,35,145,40"]

  defp example(%{type: type, required: text}) when type in [:count, :as_of],
    do: [example: String.to_integer(text)]

  defp example(%{required: text}), do: [example: text]

  @doc """
  The schemas of parameters that are one of a few words, by their names: a generator then names
  a type once, whichever calls take it.
  """
  @spec choices() :: [{atom(), Schema.t()}]
  def choices do
    own =
      for %{calls: calls} <- Routes.all(),
          {_method, call} <- calls,
          %{name: name, type: {:enum, values}, about: about} <- call.query,
          values != [true, false],
          uniq: true do
        {choice(name, values), enum(Enum.map(values, &Atom.to_string/1), description: about)}
      end

    own ++ [fill: enum(["none", "null", "previous", "linear"])]
  end

  # Where the same word takes other values it is another type.
  defp choice("on_error", [:skip, :stop]), do: :on_faulty_line
  defp choice("on_duplicate", [:keep | _]), do: :on_duplicate_point
  defp choice("shape", [:long, :wide, :single]), do: :table_shape
  defp choice("version", _values), do: :openapi_version
  defp choice(name, _values), do: String.to_atom(name)

  @doc "What the value of a parameter may be."
  @spec schema(Parameter.t()) :: Schema.t()
  def schema(%{name: name, type: type}), do: schema(type, name)

  defp schema(:text, "db"), do: ref(:database_name)
  defp schema(:text, "webhook"), do: ref(:webhook_id)
  defp schema(:text, "txn"), do: ref(:transaction_id)
  defp schema(:text, name) when name in ["id", "feature", "feature_id"], do: ref(:id)
  defp schema(:text, name) when name in ["actor", "token", "filter"], do: text()
  defp schema(:text, "vsn"), do: text(pattern: "^[12]\\.0\\.[0-9]+$", examples: ["2.0.0"])
  defp schema(:text, "log"), do: text(pattern: "^[0-9a-f]+$")
  defp schema(:text, name) when name in ["hash", "root"], do: ref(:hash)
  defp schema(:text, "ids"), do: text(examples: ["us7000abcd,kobe"])

  defp schema(:text, "fence") do
    one = "(enter|exit|inside|outside|cross)"
    text(pattern: "^#{one}(,#{one})*$", examples: ["enter,exit"])
  end

  defp schema(:text, name) when name in ["series", "series_id"], do: ref(:series_id)
  defp schema(:text, "point_id"), do: ref(:point_id)
  defp schema(:text, "prefix"), do: text()
  defp schema(:text, "missing"), do: text(examples: ["NA,-999"])
  defp schema(:transaction, _name), do: ref(:transaction_id)
  defp schema(:number, "radius"), do: number(minimum: 0)
  defp schema({:enum, values}, _name) when values == [true, false], do: boolean()
  defp schema({:enum, values}, name), do: ref(choice(name, values))
  # Text, as all in a query string is: generators know no booleans of one value.
  defp schema({:only, true, _instead}, _name), do: constant("true")
  defp schema(:count, "wait"), do: count(0, maximum: 60)
  defp schema(:count, "zoom"), do: count(0, maximum: 24)
  defp schema(:count, name) when name in ["limit", "k"], do: count(1, maximum: @largest)
  defp schema(:count, _name), do: count(0, maximum: @largest)
  defp schema(:time, _name), do: ref(:time)

  defp schema(:tz, _name), do: text(examples: ["Europe/Berlin"])

  defp schema(:as_of, _name),
    do: any_of([count(0, maximum: @largest), text(format: "date-time"), text(format: "date")])

  defp schema(:point, _name), do: text(pattern: "^#{@number}#{@comma}#{@number}$")
  defp schema(:cell, _name), do: text(pattern: "^#{@number}(#{@comma}#{@number})?$")

  defp schema(:block, _name),
    do: any_of([count(1, maximum: @largest), text(pattern: "^[0-9a-fA-F]{64}$")], examples: [1])

  defp schema(:idempotency_key, _name), do: text(pattern: "^[!-~]{1,255}$")

  defp schema(:condition, _name),
    do: text(pattern: ~S{^(\*|(W/)?"[!#-~]+"( *, *(W/)?"[!#-~]+")*)$})

  defp schema({:engine, _form}, "pattern"), do: text(minLength: 1, examples: ["*/temp"])

  defp schema({:engine, _form}, "bbox"),
    do: text(pattern: "^#{@number}(#{@comma}#{@number}){3}$")

  defp schema({:engine, _form}, "aggregation") do
    words = "avg|sum|count|min|max|first|last|stddev|median|rate|delta|coverage"
    one = "(#{words}|#{@percentile})"
    text(pattern: "^#{one}( *, *#{one}){0,15}$")
  end

  defp schema({:engine, _form}, name) when name in ["interval", "window", "expected"],
    do: text(pattern: "^[1-9][0-9]{0,17}(ms|s|m|h|d|w|mo|y)$", examples: ["5m"])

  defp schema({:filter, _form}, "value") do
    condition = "((eq|ne|gt|gte|lt|lte):)?#{@decimal}|in:#{@decimal}(,#{@decimal})*"
    list(text(pattern: "^(#{condition})$"), minItems: 1, maxItems: 64)
  end

  defp schema({:engine, _form}, "dwell"), do: number(minimum: 0.001, maximum: 2_592_000)
  defp schema({:engine, _form}, name) when name in ["above", "below"], do: number()
  defp schema({:engine, _form}, "outside"), do: text(examples: ["5,30"])
  defp schema({:engine, _form}, "hysteresis"), do: number(minimum: 0)
  defp schema({:engine, _form}, "for"), do: number(minimum: 0, maximum: 3_155_760_000)
  defp schema({:engine, _form}, "fill"), do: ref(:fill)
  defp schema({:engine, _form}, "type"), do: ref(:operation)

  defp schema({:engine, _form}, "include") do
    name = "(seq|hash|time|actor|point_id|metadata|provenance)"
    text(pattern: "^ *#{name}( *, *#{name})* *$", examples: ["seq,actor"])
  end

  defp schema({:engine, _form}, "series_id"), do: text(examples: ["tokyo/*"])
  defp schema({:engine, _form}, "cursor"), do: text()
  defp schema({:engine, _form}, "sum"), do: text(examples: ["mag"])
end
