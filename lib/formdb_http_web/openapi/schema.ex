defmodule FormdbHttpWeb.OpenAPI.Schema do
  @moduledoc false
  # JSON Schemas (draft 2020-12, as OpenAPI 3.1 has them) as keyword lists, in the order in
  # which they are read. `FormdbHttpWeb.OpenAPI.Dialect` makes those of OpenAPI 3.0 of them,
  # and knows the keywords that stand here and in the modules of `schemas/`.

  @type t :: keyword()

  @doc "One of the schemas that have names."
  @spec ref(atom()) :: t()
  def ref(name), do: ["$ref": "#/components/schemas/" <> name(name)]

  @doc "The name of a schema in the document."
  @spec name(atom()) :: String.t()
  def name(name), do: name |> Atom.to_string() |> Macro.camelize()

  @doc """
  An object with members that are always there, and others. More members may come: a later
  version may add some.
  """
  @spec object(keyword(t()), keyword(t()), keyword()) :: t()
  def object(required, optional \\ [], more \\ []) do
    members = required ++ optional
    names = for {name, _schema} <- required, do: name
    required = if names == [], do: [], else: [required: names]
    properties = if members == [], do: [], else: [properties: members]
    [type: "object"] ++ required ++ properties ++ more
  end

  @doc "An object with these members and no others."
  @spec closed(keyword(t()), keyword(t()), keyword()) :: t()
  def closed(required, optional \\ [], more \\ []),
    do: object(required, optional, [additionalProperties: false] ++ more)

  @spec list(t(), keyword()) :: t()
  def list(items, more \\ []), do: [type: "array", items: items] ++ more

  @spec any_of([t()], keyword()) :: t()
  def any_of(schemas, more \\ []), do: [anyOf: schemas] ++ more

  @doc "That, or null."
  @spec nullable(t(), keyword()) :: t()
  def nullable(schema, more \\ []), do: any_of([schema, [type: "null"]], more)

  @doc "That text or whole number. Of booleans there are no constants: generators know none."
  @spec constant(String.t() | integer(), keyword()) :: t()
  def constant(value, more \\ []), do: [type: type(value), const: value] ++ more

  defp type(value) when is_binary(value), do: "string"
  defp type(value) when is_integer(value), do: "integer"

  @spec enum([term()], keyword()) :: t()
  def enum(values, more \\ []), do: [type: "string", enum: values] ++ more

  @spec text(keyword()) :: t()
  def text(more \\ []), do: [type: "string"] ++ more

  @spec boolean(keyword()) :: t()
  def boolean(more \\ []), do: [type: "boolean"] ++ more

  @spec number(keyword()) :: t()
  def number(more \\ []), do: [type: "number"] ++ more

  @doc "A whole number from `least` on."
  @spec count(non_neg_integer(), keyword()) :: t()
  def count(least \\ 0, more \\ []), do: [type: "integer", minimum: least] ++ more
end
