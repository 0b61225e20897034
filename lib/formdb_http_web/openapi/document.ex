defmodule FormdbHttpWeb.OpenAPI.Document do
  @moduledoc false
  # What the document of the API says of its calls, in OpenAPI 3.1: made of the table of routes,
  # so that it says no less and no more. Pure.

  alias FormdbHttpWeb.OpenAPI.{Descriptions, Fields, Links, Parameters, Schema, Schemas}
  alias FormdbHttpWeb.Routes
  alias FormdbHttpWeb.Routes.Content

  @titles %{
    101 => "Switching Protocols",
    200 => "OK",
    201 => "Created",
    304 => "Not Modified",
    400 => "Bad Request",
    401 => "Unauthorized",
    403 => "Forbidden",
    404 => "Not Found",
    405 => "Method Not Allowed",
    406 => "Not Acceptable",
    408 => "Request Timeout",
    409 => "Conflict",
    412 => "Precondition Failed",
    413 => "Content Too Large",
    414 => "URI Too Long",
    415 => "Unsupported Media Type",
    421 => "Misdirected Request",
    422 => "Unprocessable Content",
    429 => "Too Many Requests",
    431 => "Request Header Fields Too Large",
    500 => "Internal Server Error",
    501 => "Not Implemented",
    503 => "Service Unavailable",
    504 => "Gateway Timeout",
    505 => "HTTP Version Not Supported",
    507 => "Insufficient Storage"
  }

  @doc "Tags, paths and components, as a term for `FormdbHttp.JSON`."
  @spec parts() :: keyword()
  def parts do
    [
      tags: for({about, _resources} <- Routes.groups(), do: [name: about]),
      paths:
        for(
          {about, resources} <- Routes.groups(),
          resource <- resources,
          do: {resource.template, path(resource, about)}
        ),
      components: [
        schemas: for({name, schema} <- Schemas.all(), do: {Schema.name(name), schema}),
        responses: for(status <- errors(), do: {response_name(status), problem(status)}),
        securitySchemes: schemes()
      ]
    ]
  end

  ## Paths

  defp path(resource, about) do
    for method <- ["GET", "POST", "PUT", "PATCH", "DELETE"],
        call = resource.calls[method],
        do: {String.to_atom(String.downcase(method)), operation(resource, call, about)}
  end

  defp operation(resource, call, about) do
    [
      operationId: Links.operation_id(resource.name, call.method),
      tags: [about],
      summary: call.about
    ] ++
      description(Descriptions.of(call)) ++
      parameters(call) ++
      body(call.body) ++
      [security: security(call, resource.name)] ++
      [responses: responses(resource, call)]
  end

  # Whether credentials are needed is the operator's choice: so none is one of the choices.
  defp security(_call, :auth_token), do: [%{}, [basic: []], [bearer: []]]
  defp security(%{access: :open}, _name), do: []
  defp security(_call, _name), do: [[bearer: []], %{}]

  @bearer "An API key, or a token of `POST /auth/token` or of the issuer that the server is set up for. " <>
            "Needed where the server has credentials set (docs/SECURITY.md); without them no call needs one."
  @basic "Name and password of a user, for `POST /auth/token` alone."

  defp schemes do
    [
      bearer: [type: "http", scheme: "bearer", description: @bearer],
      basic: [type: "http", scheme: "basic", description: @basic]
    ]
  end

  defp description(""), do: []
  defp description(text), do: [description: text]

  defp parameters(call) do
    {filters, query} = Enum.split_with(call.query, &Parameters.filter?/1)
    filter = Parameters.filter(filters)

    parameters =
      Enum.map(call.path, &Parameters.parameter(:path, &1, call.scope)) ++
        Enum.map(query, &Parameters.parameter(:query, &1, call.scope)) ++
        if(filter, do: [filter], else: []) ++
        Enum.map(call.headers, &Parameters.parameter(:header, &1, call.scope))

    if parameters == [], do: [], else: [parameters: parameters]
  end

  defp body(nil), do: []

  defp body({needed, content}),
    do: [requestBody: [required: needed == :required, content: content(content)]]

  defp content(content) do
    for type <- Content.types(content) do
      {type, media_type(for {^type, schema} <- content, uniq: true, do: schema)}
    end
  end

  defp media_type([schema]), do: [schema: Schema.ref(schema)]
  defp media_type(schemas), do: [schema: [anyOf: Enum.map(schemas, &Schema.ref/1)]]

  ## Answers

  defp responses(resource, call) do
    answered = for %{status: status} <- call.answers, do: status
    problems = Enum.sort(Enum.uniq(call.errors ++ Routes.any()))

    for(answer <- call.answers, do: {key(answer.status), response(resource, call, answer)}) ++
      for status <- problems, status not in answered do
        {key(status), ["$ref": "#/components/responses/" <> response_name(status)]}
      end
  end

  defp key(status), do: Integer.to_string(status)

  defp response(resource, call, %{status: status} = answer) do
    # A failure in words of its own may also be a problem.
    content =
      if status >= 400,
        do: answer.content ++ Content.problem(Schemas.problem(status)),
        else: answer.content

    links = Links.of(resource.name, call.method, status)

    [description: title(status), headers: Fields.of(call, answer)] ++
      if(content == [], do: [], else: [content: content(content)]) ++
      if(links == [], do: [], else: [links: links])
  end

  defp errors do
    called = for %{calls: calls} <- Routes.all(), {_method, call} <- calls, do: call.errors
    # No operation has 405: it is for methods that are none.
    Enum.sort(Enum.uniq([405 | Routes.any() ++ List.flatten(called)]))
  end

  defp response_name(status), do: "Problem#{status}"

  defp problem(status) do
    fields =
      case status do
        401 -> [www_authenticate: true]
        405 -> [allow: true]
        415 -> [accept_encoding: false]
        429 -> [retry_after: true]
        503 -> [retry_after: false]
        _other -> []
      end

    [
      description: title(status),
      headers:
        for(
          {name, always?} <- Fields.every() ++ fields,
          do: Fields.field(name, always?)
        ),
      content: content(Content.problem(Schemas.problem(status)))
    ]
  end

  defp title(status), do: Map.fetch!(@titles, status)
end
