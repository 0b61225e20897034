defmodule FormdbHttpWeb.OpenAPITest do
  @moduledoc """
  The document of the API: that it has all that the table of routes has, that what it refers to
  is there, and that its examples are what they are examples of. That answers are as it says is
  looked at wherever tests ask for one (`FormdbHttp.Contract`), and by test/interop.
  """
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, Contract, JSON}
  alias FormdbHttpWeb.{Endpoint, OpenAPI, Problem, Routes}
  alias FormdbHttpWeb.OpenAPI.{Dialect, Links, Parameters, Schema, Schemas}
  alias FormdbHttpWeb.Routes.Content

  defp document(version \\ :"3.1") do
    {json, _hash} = OpenAPI.json(version, "")
    json |> IO.iodata_to_binary() |> JSON.decode!()
  end

  # Parameters that stand for all whose names begin so, and theirs in the document.
  @filters %{
    "prop.NAME" => "filters",
    "attr.NAME" => "attributes",
    "provenance.NAME" => "provenance"
  }

  defp operations(document) do
    for {path, item} <- document["paths"],
        {method, operation} <- item,
        do: {path, method, operation}
  end

  # Every object in a term, with the way to it.
  defp objects(term, way \\ [])

  defp objects(%{} = object, way) do
    [
      {Enum.reverse(way), object}
      | for({key, value} <- object, found <- objects(value, [key | way]), do: found)
    ]
  end

  defp objects(list, way) when is_list(list),
    do: for({item, i} <- Enum.with_index(list), found <- objects(item, [i | way]), do: found)

  defp objects(_value, _way), do: []

  test "every call, parameter, body and status of the table is in it, and nothing else" do
    document = document()

    calls =
      for resource <- Routes.all(), {method, call} <- resource.calls do
        where = "#{method} #{resource.template}"
        operation = document["paths"][resource.template][String.downcase(method)]
        assert operation, where
        assert operation["summary"] == call.about
        statuses = Enum.sort(Enum.uniq(call.statuses ++ Routes.any()))
        assert Enum.sort(Map.keys(operation["responses"])) == Enum.map(statuses, &"#{&1}"), where

        named =
          for {parameters, place} <- [
                {call.path, "path"},
                {call.query, "query"},
                {call.headers, "header"}
              ],
              %{name: name} = parameter <- parameters,
              not Parameters.filter?(parameter),
              do: {place, name, place == "path" or parameter.required != nil}

        filters =
          for %{type: {:filter, _}, name: name} <- call.query,
              parameter = @filters[name],
              do: {"query", parameter, false}

        found =
          for parameter <- operation["parameters"] || [],
              do: {parameter["in"], String.downcase(parameter["name"]), parameter["required"]}

        assert Enum.sort(found) ==
                 Enum.sort(
                   for(
                     {place, name, needed} <- named ++ filters,
                     do: {place, String.downcase(name), needed}
                   )
                 ),
               where

        taken = operation["requestBody"]
        assert taken != nil == (call.body != nil), where

        if taken do
          {needed, content} = call.body
          assert taken["required"] == (needed == :required)

          assert Enum.sort(Map.keys(taken["content"])) ==
                   Enum.sort(Content.types(content))
        end

        {resource.template, String.downcase(method)}
      end

    assert Enum.sort(calls) ==
             Enum.sort(for {path, method, _} <- operations(document), do: {path, method})
  end

  test "names are unique, and all that is referred to is there" do
    names = for {name, _schema} <- Schemas.all(), do: Schema.name(name)
    assert names -- Enum.uniq(names) == []
    ids = for {_path, _method, operation} <- operations(document()), do: operation["operationId"]
    assert ids == Enum.uniq(ids)

    for version <- [:"3.1", :"3.0"], document = document(version) do
      references = for {_way, %{"$ref" => reference}} <- objects(document), do: reference
      assert length(references) > 500

      for "#/" <> path <- Enum.uniq(references),
          do: assert(get_in(document, String.split(path, "/")), path)

      # And every schema is used.
      used = for "#/components/schemas/" <> name <- references, uniq: true, do: name
      assert names -- used == []
    end
  end

  test "links lead to operations that have such parameters" do
    by_id =
      for {_path, _method, operation} <- operations(document()),
          into: %{},
          do: {operation["operationId"], operation}

    linked =
      for {_path, _method, operation} <- operations(document()),
          {_status, %{"links" => links}} <- operation["responses"],
          {_name, link} <- links do
        target = Map.fetch!(by_id, link["operationId"])
        names = for parameter <- target["parameters"], do: parameter["name"]
        for {name, _from} <- link["parameters"], do: assert(name in names, link["operationId"])
      end

    assert length(linked) == Links.all() |> Map.values() |> List.flatten() |> length()
  end

  test "examples satisfy their schemas" do
    examples =
      for {way, %{} = schema} <- objects(document()), example <- examples(schema) do
        {schema, example} = example
        assert {way, example, Contract.errors(schema, example, "")} == {way, example, []}
      end

    assert length(examples) > 30
  end

  defp examples(%{"in" => _, "schema" => schema, "example" => example}), do: [{schema, example}]

  defp examples(%{"examples" => [_ | _] = examples} = schema),
    do: for(one <- examples, do: {schema, one})

  defp examples(_object), do: []

  # What makers of clients make of a document: each is something at which one of them stumbled.
  test "types have names, and none is a constant that is no text or number" do
    document = document()
    named = for {name, _schema} <- document["components"]["schemas"], do: name

    for {way, %{} = schema} <- objects(document), not data?(way) do
      if is_map_key(schema, "const") or is_map_key(schema, "enum") do
        where = Enum.join(way, "/")
        assert schema["type"] in ["string", "integer"] or Enum.member?(way, "not"), where

        refute Enum.any?(List.wrap(schema["const"]) ++ (schema["enum"] || []), &is_boolean/1),
               where

        # A choice is a type of its own: in the document by its name, or the one of a problem.
        if is_map_key(schema, "enum") and not Enum.member?(way, "headers") and
             not Enum.member?(way, "not"),
           do: assert(match?(["components", "schemas", _name], way) or codes?(way), where)
      end

      # Nor are there objects with members in the middle of others.
      if schema["type"] == "object" and is_map_key(schema, "properties") do
        assert match?(["components", "schemas", _name], way) or
                 match?(["components", "schemas", _name, "anyOf", _place], way),
               Enum.join(way, "/")
      end
    end

    # A name that a generator makes of a member's place is nobody else's.
    for {name, %{"properties" => members}} <- document["components"]["schemas"],
        {member, schema} <- members,
        is_map_key(schema, "enum") or is_map_key(schema, "additionalProperties"),
        do: refute((name <> Macro.camelize(member)) in named, "#{name}.#{member}")
  end

  defp codes?(way),
    do: match?(["components", "schemas", "Problem" <> _, "properties", "code"], way)

  defp data?(way), do: Enum.any?(way, &(&1 in ["examples", "example", "default"]))

  test "what a stranger has to know is said where the calls are" do
    for {path, method, operation} <- operations(document()),
        where = "#{method} #{path}",
        said = operation["description"] || "" do
      parameters = for parameter <- operation["parameters"] || [], do: parameter["name"]
      ok = operation["responses"]["200"]
      forms = Map.keys(ok["content"] || %{})

      for {holds?, part} <- [
            {"filters" in parameters, "prop.mag=gte:5"},
            {"id" in parameters or "series" in parameters, "%2F"},
            {is_map_key(ok["headers"] || %{}, "Link"), "`next`"},
            {is_map_key(operation["responses"], "406"), "`Accept`"},
            {method == "get" and "text/csv" in forms, "`Link`"},
            {method == "get" and "application/x-ndjson" in forms and "limit" in parameters,
             "`limit`"},
            {"Idempotency-Key" in parameters, "`Idempotency-Replayed: true`"},
            {path =~ "/nearby", "`radius`"},
            {path =~ "/heatmap", "`zoom`"},
            {path =~ "/reverts", "`nothing_to_undo`"}
          ],
          holds?,
          do: assert({where, said =~ part, part} == {where, true, part})

      # What is written as it comes is answered without a word of the first time.
      if operation["requestBody"]["content"]["application/x-ndjson"] do
        assert said =~ "`skipped`", where
        refute is_map_key(ok["headers"], "Idempotency-Replayed"), where
      end
    end

    for {_path, _method, operation} <- operations(document()),
        %{"name" => name, "description" => said} <- operation["parameters"] || [],
        {^name, part} <- [
          {"bbox", "west,south,east,north"},
          {"point", "longitude, then latitude"},
          {"k", "`radius`"},
          {"cell", "`zoom`"},
          {"limit", "tables"},
          {"cursor", "`next`"},
          {"id", "%2F"},
          {"series", "%2F"}
        ],
        do: assert(said =~ part, said)
  end

  test "every code of a problem is in the schema of its status" do
    schemas = document()["components"]["schemas"]

    for {code, status} <- Problem.codes() do
      assert "#{code}" in schemas["Code"]["enum"]
      assert "#{code}" in schemas["Problem#{status}"]["properties"]["code"]["enum"]
    end
  end

  test "what 3.0 does not have is not in the document of 3.0" do
    for {way, object} <- objects(document(:"3.0")),
        List.last(way) not in ["properties", "example"] do
      for keyword <-
            ~w(const examples prefixItems patternProperties contentMediaType contentSchema),
          do: refute(is_map_key(object, keyword), "#{keyword} at #{inspect(way)}")

      refute object["type"] == "null", inspect(way)
      assert object["$ref"] == nil or map_size(object) == 1, inspect(way)
    end

    assert Dialect.older(type: "string", const: "a", examples: ["a"]) == [
             type: "string",
             enum: ["a"],
             example: "a"
           ]

    assert Dialect.older(anyOf: [["$ref": "#/x"], [type: "null"]]) == [
             nullable: true,
             allOf: [["$ref": "#/x"]]
           ]

    assert Dialect.older(anyOf: [[type: "string", enum: ["a"]], [type: "null"]]) == [
             type: "string",
             enum: ["a", nil],
             nullable: true
           ]
  end

  describe "GET /openapi.json" do
    setup do
      start_supervised!({Endpoint, Config.load!()})
      {:ok, port: Endpoint.port()}
    end

    test "gives the document, with a tag by which it need not be sent again", %{port: port} do
      assert %{status: 200, headers: headers} = response = get(port, "/openapi.json")
      assert headers["content-type"] == "application/json"
      assert json(response) == document()
      assert json(response)["openapi"] =~ ~r/\A3\.1\./

      tag = headers["etag"]
      assert get(port, "/openapi.json", [{"if-none-match", tag}]).status == 304

      older = get(port, "/openapi.json?version=3.0")
      assert json(older)["openapi"] =~ ~r/\A3\.0\./
      assert older.headers["etag"] != tag

      assert %{status: 400} = refused = get(port, "/openapi.json?version=2.0")
      assert json(refused)["detail"] =~ "3.1 or 3.0"
    end

    test "says under which path a proxy serves it", %{port: port} do
      assert json(get(port, "/openapi.json"))["servers"] == [%{"url" => "/"}]
      {json, hash} = OpenAPI.json(:"3.1", "/formdb")
      assert JSON.decode!(IO.iodata_to_binary(json))["servers"] == [%{"url" => "/formdb"}]
      assert {_json, other} = OpenAPI.json(:"3.1", "")
      assert hash != other
    end
  end
end
