defmodule FormdbHttp.Contract do
  @moduledoc """
  Holds answers against the document of the API: `check/3` looks at status, media type, header
  fields and body, and raises where the document does not say so. `FormdbHttp.HTTPClient` has
  every answer looked at that tests get from a path of ours.

  `errors/3` is a validator for those keywords of JSON Schema that the document uses; others
  raise, so that none is passed over.
  """

  alias FormdbHttp.{CBOR, ContentCoding, JSON}
  alias FormdbHttpWeb.{OpenAPI, Router}

  # Larger bodies take long to look through, and say no more.
  @most_bytes 262_144

  @doc "The document in 3.1 as a term, read once."
  @spec document() :: map()
  def document do
    with nil <- :persistent_term.get(__MODULE__, nil) do
      {json, _hash} = OpenAPI.json(:"3.1", "")
      document = json |> IO.iodata_to_binary() |> JSON.decode!()
      :persistent_term.put(__MODULE__, document)
      document
    end
  end

  @doc "The answer, or a failure of the test if the document does not have such a one."
  @spec check(String.t(), String.t(), map()) :: map()
  # The listener for probes has nothing at most paths.
  def check(
        _method,
        _path,
        %{status: 404, body: "{\"type\":\"urn:formdb:problem:not_found\"" <> _} = answer
      ),
      do: answer

  def check(method, path, %{status: status} = answer) do
    [path | _query] = String.split(path, "?", parts: 2)

    with {resource, _parts} <- Router.find(path),
         %{} = call <- resource.calls[if(method == "HEAD", do: "GET", else: method)] do
      operation = document()["paths"][resource.template][String.downcase(call.method)]
      response = resolve(operation["responses"][Integer.to_string(status)])
      where = "#{method} #{resource.template}: #{status}"
      response || raise "#{where} is in no document; the answer is #{show(answer)}"
      problems = fields(response, answer) ++ body(method, response, answer)
      if problems != [], do: raise("#{where}: #{Enum.join(problems, "; ")}\n#{show(answer)}")
    end

    answer
  end

  defp show(%{body: body}),
    do: inspect(binary_part(body, 0, min(byte_size(body), 500)), binaries: :as_strings)

  defp fields(response, answer) do
    for {name, field} <- response["headers"] || %{},
        value = Map.get(answer.headers, String.downcase(name)),
        problem <- field_problems(name, field, value),
        do: problem
  end

  defp field_problems(name, %{"required" => true}, nil), do: ["the field #{name} is missing"]
  defp field_problems(_name, _field, nil), do: []
  defp field_problems(name, field, value), do: errors(field["schema"], value, name)

  defp body(method, %{"content" => content}, %{headers: headers} = answer) do
    body = if method == "HEAD", do: "", else: unpacked(answer)
    type = headers |> Map.get("content-type", "none") |> String.split(";") |> hd()

    cond do
      content[type] == nil -> ["#{type} is none of #{inspect(Map.keys(content))}"]
      method == "HEAD" or byte_size(body) > @most_bytes -> []
      type =~ "cbor" -> cbor(content[type]["schema"], body)
      type =~ "json-seq" -> errors(content[type]["schema"], body, "")
      type =~ "ndjson" -> lines(content[type]["schema"], body)
      type =~ "json" -> errors(content[type]["schema"], JSON.decode!(body), "")
      true -> []
    end
  end

  defp body(_method, _no_content, %{body: ""}), do: []
  defp body(_method, _no_content, _answer), do: ["there is a body"]

  # Stored records hold what JSON has not.
  defp cbor(%{"$ref" => "#/components/schemas/StoredBlock"}, _body), do: []
  defp cbor(schema, body), do: errors(schema, CBOR.decode!(body), "")

  @doc "The body of an answer before it was packed."
  @spec unpacked(map()) :: binary()
  def unpacked(%{headers: %{"content-encoding" => "gzip"}, body: body}), do: :zlib.gunzip(body)

  def unpacked(%{headers: %{"content-encoding" => "zstd"}, body: body}) do
    {:ok, unpacker} = ContentCoding.unpacker(:zstd)
    unpacker |> pieces(body) |> IO.iodata_to_binary()
  end

  def unpacked(%{body: body}), do: body

  defp pieces(unpacker, part) do
    case ContentCoding.unpack(unpacker, part, true, @most_bytes) do
      {:full, piece} -> [piece | pieces(unpacker, "")]
      {:done, piece} -> [piece]
    end
  end

  # The schema is that of a line.
  defp lines(schema, body) do
    for line <- String.split(body, "\n", trim: true),
        error <- errors(schema, JSON.decode!(line), ""),
        do: error
  end

  @doc "What a reference leads to, or the term itself."
  @spec resolve(map() | nil) :: map() | nil
  def resolve(%{"$ref" => "#/" <> path}) do
    path = String.split(path, "/")
    get_in(document(), path) || raise "there is no #{Enum.join(path, "/")}"
  end

  def resolve(term), do: term

  @doc "How a value fails a schema; `place` is where it stands."
  @spec errors(map(), term(), String.t()) :: [String.t()]
  def errors(schema, value, place) do
    for {keyword, argument} <- resolve(schema),
        error <- error(keyword, argument, value, schema),
        do: if(error =~ ~r"\A/", do: place <> error, else: "#{place} #{error}")
  end

  @annotations [
    "description",
    "examples",
    "format",
    "contentMediaType",
    "contentSchema",
    "default"
  ]

  defp error(keyword, _argument, _value, _schema) when keyword in @annotations, do: []

  defp error("type", type, value, _schema) do
    right? =
      case type do
        "object" -> is_map(value)
        "array" -> is_list(value)
        "string" -> is_binary(value)
        "boolean" -> is_boolean(value)
        "null" -> value == nil
        "number" -> is_number(value)
        "integer" -> is_integer(value)
      end

    if right?, do: [], else: ["is #{inspect(value)}, no #{type}"]
  end

  defp error("const", constant, value, _schema),
    do: if(value === constant, do: [], else: ["is #{inspect(value)}, not #{inspect(constant)}"])

  defp error("enum", values, value, _schema),
    do: if(value in values, do: [], else: ["is #{inspect(value)}, none of #{inspect(values)}"])

  defp error("pattern", pattern, value, _schema) when is_binary(value),
    do:
      if(value =~ Regex.compile!(pattern, "u"), do: [], else: ["is #{value}, not as #{pattern}"])

  defp error("minimum", least, value, _schema) when is_number(value),
    do: if(value >= least, do: [], else: ["is #{value}, less than #{least}"])

  defp error("maximum", most, value, _schema) when is_number(value),
    do: if(value <= most, do: [], else: ["is #{value}, more than #{most}"])

  defp error("minLength", least, value, _schema) when is_binary(value),
    do: if(String.length(value) >= least, do: [], else: ["is shorter than #{least}"])

  defp error("maxLength", most, value, _schema) when is_binary(value),
    do: if(String.length(value) <= most, do: [], else: ["is longer than #{most}"])

  defp error("minItems", least, value, _schema) when is_list(value),
    do: if(length(value) >= least, do: [], else: ["has fewer than #{least} items"])

  defp error("maxItems", most, value, _schema) when is_list(value),
    do: if(length(value) <= most, do: [], else: ["has more than #{most} items"])

  defp error("allOf", schemas, value, _schema),
    do: for(schema <- schemas, error <- errors(schema, value, ""), do: error)

  defp error("not", schema, value, _schema),
    do: if(errors(schema, value, "") == [], do: ["is #{inspect(value)}"], else: [])

  defp error("required", names, value, _schema) when is_map(value),
    do: for(name <- names, not is_map_key(value, name), do: "has no member #{name}")

  defp error("properties", properties, value, _schema) when is_map(value) do
    for {name, schema} <- properties,
        is_map_key(value, name),
        error <- errors(schema, value[name], "/" <> name),
        do: error
  end

  defp error("additionalProperties", more, value, schema) when is_map(value) do
    patterns = for {pattern, _schema} <- resolve(schema)["patternProperties"] || %{}, do: pattern

    others =
      for {name, member} <- value,
          not is_map_key(resolve(schema)["properties"] || %{}, name),
          not Enum.any?(patterns, &(name =~ Regex.compile!(&1))),
          do: {name, member}

    if more == false,
      do: for({name, _member} <- others, do: "has the member #{name}"),
      else: for({name, member} <- others, error <- errors(more, member, "/" <> name), do: error)
  end

  defp error("patternProperties", patterns, value, _schema) when is_map(value) do
    for {pattern, schema} <- patterns,
        {name, member} <- value,
        name =~ Regex.compile!(pattern),
        error <- errors(schema, member, "/" <> name),
        do: error
  end

  defp error("items", items, value, schema) when is_list(value) do
    first = length(schema["prefixItems"] || [])

    for {item, i} <- Enum.with_index(value),
        i >= first,
        error <- errors(items, item, "/#{i}"),
        do: error
  end

  defp error("prefixItems", schemas, value, _schema) when is_list(value) do
    for {{schema, item}, i} <- schemas |> Enum.zip(value) |> Enum.with_index(),
        error <- errors(schema, item, "/#{i}"),
        do: error
  end

  defp error(keyword, schemas, value, _schema) when keyword in ["anyOf", "oneOf"] do
    failed = for schema <- schemas, do: errors(schema, value, "")
    fitting = Enum.count(failed, &(&1 == []))

    cond do
      fitting == 0 -> ["is none of #{length(schemas)}: #{inspect(failed)}"]
      fitting > 1 and keyword == "oneOf" -> ["is #{fitting} of #{length(schemas)}"]
      true -> []
    end
  end

  @known ~w(pattern minimum maximum minLength maxLength minItems maxItems required properties) ++
           ~w(additionalProperties patternProperties items prefixItems)

  # Of another type than the keyword is about.
  defp error(keyword, _argument, _value, _schema) when keyword in @known, do: []
end
