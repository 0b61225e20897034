defmodule FormdbHttpWeb.OpenAPI.Schemas do
  @moduledoc false
  # All schemas that have names, by them: the table of routes names those of bodies and
  # answers.

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.OpenAPI.{Parameters, Schema}
  alias FormdbHttpWeb.OpenAPI.Schemas.{Auth, Backups, Common, Databases, Features, GeoJSON}
  alias FormdbHttpWeb.OpenAPI.Schemas.{History, Series, Server, Transactions, Warnings, Webhooks}
  alias FormdbHttpWeb.{Problem, Routes}

  @spec all() :: [{atom(), Schema.t()}]
  def all do
    Server.schemas() ++
      Auth.schemas() ++
      Databases.schemas() ++
      Features.schemas() ++
      searches() ++
      Parameters.choices() ++
      Series.schemas() ++
      History.schemas() ++
      Warnings.schemas() ++
      Webhooks.schemas() ++
      Backups.schemas() ++
      Transactions.schemas() ++ GeoJSON.schemas() ++ Common.schemas() ++ problems()
  end

  @doc "The schema of problems with this status."
  @spec problem(400..599) :: atom()
  def problem(status), do: :"problem_#{status}"

  defp problems do
    codes = Problem.codes()

    [truth: enum(["true", "false"], description: "A truth value as text.")] ++
      [code: enum(Enum.map(codes, &elem(&1, 0)), description: "What went wrong; it is stable.")] ++
      for(
        {status, codes} <- Enum.group_by(codes, &elem(&1, 1), &elem(&1, 0)),
        do: {problem(status), problem(status, codes)}
      )
  end

  # Of what is gone.
  defp deleted(404),
    do: [
      seq: ref(:block_seq),
      time: ref(:timestamp)
    ]

  defp deleted(_status), do: []

  defp problem(status, codes) do
    object(
      [
        type: text(pattern: "^urn:formdb:problem:[a-z_]+$"),
        title: text(),
        status: constant(status),
        code: enum(codes, description: "What went wrong; it is stable."),
        detail: text(description: "What was found, and what was expected. It may be reworded.")
      ],
      [
        pointer:
          text(description: "JSON pointer into the body, or `/` and the name of a parameter."),
        errors: list(ref(:fault), description: "All that is wrong with the document."),
        instance:
          text(
            pattern: "^urn:formdb:request:[A-Za-z0-9._~+/=:@-]{1,128}$",
            description: "What the request is called, as in X-Request-Id."
          )
      ] ++ deleted(status)
    )
  end

  defp searches do
    feature = object(type: constant("Feature"), geometry: ref(:geometry))

    collection =
      object(
        type: constant("FeatureCollection"),
        features: list(ref(:area_feature), minItems: 1, maxItems: 1)
      )

    places = [ref(:geometry), ref(:area_feature), ref(:area_collection)]
    about = "A geometry, a Feature that has it, or a collection of that Feature."

    [area: any_of(places, description: about), area_feature: feature, area_collection: collection] ++
      [filters: filters()] ++ bodies()
  end

  # The body of a search has what may stand in its query string, where all is text.
  defp bodies do
    for %{calls: %{"POST" => %{body: {_needed, [{_type, name} | _]}} = call}} <- Routes.all(),
        name in [:search_at_geometry, :search_in_area],
        body <- [{name, body_of_search(name)}, {parameters(name), search(call.query)}],
        uniq: true,
        do: body
  end

  defp body_of_search(name) do
    about =
      "A geometry, a Feature that has it, or an object with the parameters of the query string, which " <>
        "overrides it."

    any_of([ref(:area), ref(parameters(name))], description: about)
  end

  defp parameters(name), do: :"#{name}_parameters"

  defp filters do
    all = for %{calls: calls} <- Routes.all(), {_method, call} <- calls, do: call.query

    [filters | _same] =
      for query <- all, Enum.any?(query, &(&1.name == "prop.NAME")), do: filters(query)

    Parameters.filters(filters)
  end

  defp filters(query), do: Enum.filter(query, &Parameters.filter?/1)

  defp search(parameters) do
    members =
      for %{name: name} = parameter when name != "geometry" <- parameters -- filters(parameters),
          do: {name, in_body(name, Parameters.schema(parameter))}

    closed([], [{:geometry, ref(:area)} | members] ++ [filters: ref(:filters)],
      description: "The parameters of the query string, which overrides them."
    )
  end

  defp in_body("bbox", schema), do: any_of([schema, ref(:bbox)])
  defp in_body("count", _schema), do: any_of([boolean(), ref(:truth)])
  defp in_body(_name, schema), do: schema
end
