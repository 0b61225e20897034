defmodule FormdbHttpWeb.OpenAPI.Dialect do
  @moduledoc false
  # OpenAPI 3.0 of what is written as 3.1. Schemas of 3.0 are of an older draft of JSON Schema
  # with differences of their own: null is no type, there are no constants, examples and
  # tuples, and what stands beside a `$ref` is ignored. Pure.

  # Names of these are data, not keywords.
  @maps [:properties, :schemas, :responses, :headers, :content, :links, :paths, :parameters] ++
          [:securitySchemes]
  @unknown [:contentMediaType, :contentSchema, :patternProperties]

  @doc "The same in OpenAPI 3.0."
  @spec older(term()) :: term()
  def older([{_key, _value} | _] = object), do: object |> Enum.flat_map(&member/1) |> whole()
  def older(list) when is_list(list), do: Enum.map(list, &older/1)
  def older(value), do: value

  # An example is no schema.
  defp member({key, value}) when key in [:example, :default], do: [{key, value}]
  defp member({:examples, [first | _]}), do: [example: first]
  defp member({:const, value}), do: [enum: [value]]
  defp member({:enum, values}), do: [enum: values]
  # A tuple: what holds of all of its items is left.
  defp member({:prefixItems, _items}), do: []

  defp member({:patternProperties, [{_pattern, schema}]}),
    do: [additionalProperties: older(schema)]

  defp member({key, _value}) when key in @unknown, do: []

  defp member({key, [{_name, _} | _] = named}) when key in @maps,
    do: [{key, for({name, value} <- named, do: {name, older(value)})}]

  defp member({:anyOf, schemas} = any) do
    case Enum.reject(schemas, &(&1 == [type: "null"])) do
      ^schemas -> [{:anyOf, older(schemas)}]
      [schema] -> nullable(older(schema))
      several when several != [] -> [anyOf: older(several), nullable: true]
      [] -> [any]
    end
  end

  defp member({key, value}), do: [{key, older(value)}]

  defp nullable(["$ref": _] = reference), do: [nullable: true, allOf: [reference]]

  defp nullable(schema) do
    for({key, value} <- schema, do: {key, if(key == :enum, do: value ++ [nil], else: value)}) ++
      [nullable: true]
  end

  # What comes twice was made of another keyword first.
  defp whole(object) do
    object = Enum.uniq_by(object, fn {key, _value} -> key end)

    case List.keytake(object, :"$ref", 0) do
      {reference, [_ | _] = more} -> [{:allOf, [[reference]]} | more]
      _alone_or_none -> object
    end
  end
end
