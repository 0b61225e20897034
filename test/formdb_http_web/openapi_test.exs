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
  alias FormdbHttpWeb.OpenAPI.{Dialect, Links, Schema, Schemas}
  alias FormdbHttpWeb.Routes.Content

  defp document(version \\ :"3.1") do
    {json, _hash} = OpenAPI.json(version, "")
    json |> IO.iodata_to_binary() |> JSON.decode!()
  end

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
              %{type: type, name: name} = parameter <- parameters,
              not match?({:filter, _}, type),
              do: {place, name, place == "path" or parameter.required != nil}

        filters =
          if Enum.any?(call.query, &match?({:filter, _}, &1.type)),
            do: [{"query", "filters", false}],
            else: []

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
