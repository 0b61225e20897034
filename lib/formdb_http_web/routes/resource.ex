defmodule FormdbHttpWeb.Routes.Resource do
  @moduledoc false
  # What is at a path, under the name by which links to it are made (FormdbHttpWeb.Paths).

  alias FormdbHttpWeb.Routes.{Call, Content, Parameters}

  @enforce_keys [:name, :template, :segments, :calls, :allow]
  defstruct @enforce_keys

  @typedoc """
    * `template` - its path, with names in braces for the parts that vary
    * `segments` - the same in parts: literal ones, those that vary, and those that vary and
      end in a star
    * `calls` - what each method does; HEAD is as GET
    * `allow` - the methods it takes, as the header field `Allow` has them
  """
  @type t :: %__MODULE__{
          name: atom(),
          template: String.t(),
          segments: [segment()],
          calls: %{String.t() => Call.t()},
          allow: String.t()
        }

  @type segment :: String.t() | {:part, atom()} | {:starred, atom()}

  @doc "A resource with the calls that `call/5` makes."
  @spec new(atom(), String.t(), [Call.t()]) :: t()
  def new(name, "/" <> path = template, calls) do
    segments = path |> String.split("/", trim: true) |> Enum.map(&segment/1)
    parts = for {_kind, key} <- segments, do: Parameters.part(key)
    methods = Enum.map(calls, & &1.method)
    head = if "GET" in methods, do: ["HEAD"], else: []

    %__MODULE__{
      name: name,
      template: template,
      segments: segments,
      calls: Map.new(calls, &{&1.method, at(&1, parts)}),
      allow: Enum.join(methods ++ head ++ ["OPTIONS"], ", ")
    }
  end

  # What is named in the path need not be there.
  defp at(call, []), do: call

  defp at(call, parts) do
    access = if Enum.any?(parts, &(&1.key == :db)), do: :database, else: call.access
    with_errors(%{call | path: parts, access: access}, [404])
  end

  defp segment("{" <> rest) do
    case String.split(rest, "}") do
      [key, ""] -> {:part, String.to_atom(key)}
      [key, "*"] -> {:starred, String.to_atom(key)}
    end
  end

  defp segment(literal), do: literal

  @doc """
  A call. Options: `:access`, who may call it, where that does not follow from a database in its
  path or from a scope of `nil`; `:brief`, whether it is often answered at once; `:more`, what `about` leaves unsaid; `:query` and `:headers`, its parameters;
  `:others`, `:ignored` where it passes over what is not among these; `:body` and `:answers`, as
  `Routes.Content` makes them; `:errors`, the statuses of problems that do not follow from
  these.
  """
  @spec call(String.t(), {module(), atom()}, Call.scope(), String.t(), keyword()) :: Call.t()
  def call(method, action, scope, about, opts) do
    query = Keyword.get(opts, :query, [])
    headers = Keyword.get(opts, :headers, [])
    body = Keyword.get(opts, :body)
    answers = Keyword.fetch!(opts, :answers)

    call = %Call{
      method: method,
      action: action,
      brief: Keyword.get(opts, :brief, false),
      scope: scope,
      access: Keyword.get(opts, :access, if(scope, do: :server, else: :open)),
      about: about,
      more: Keyword.get(opts, :more),
      path: [],
      query: query,
      others: Keyword.get(opts, :others, :refused),
      headers: headers,
      body: body,
      answers: answers,
      errors: [],
      statuses: for(%{status: status} <- answers, do: status),
      given:
        for(
          %{type: type} = one when type != :condition <- query ++ headers,
          into: %{},
          do: {one.key, one.default}
        ),
      takes: if(body, do: Content.types(elem(body, 1)), else: []),
      gives:
        Content.types(for %{status: 200, content: content} <- answers, one <- content, do: one),
      forms:
        for(
          %{status: status, content: content} <- answers,
          Content.cbor_form?(content),
          into: %{},
          do: {status, Content.types(content)}
        )
    }

    with_errors(call, Keyword.get(opts, :errors, []) ++ implied(call) ++ of_access(call.access))
  end

  # A body may be too large, or of another type; conditions may not hold, and an idempotency
  # key may be that of another request.
  defp implied(call) do
    of_body = if call.body, do: [413, 415], else: []
    of_forms = if Call.negotiated?(call), do: [406], else: []
    # What is committed goes to the disk.
    of_disk = if Enum.any?(call.query, &(&1.name == "durability")), do: [507], else: []
    # One that is open may be on its way to being committed.
    of_transaction = if Enum.any?(call.query, &(&1.type == :transaction)), do: [409], else: []
    of_body ++ of_forms ++ of_disk ++ of_transaction ++ Enum.flat_map(call.headers, &of_field/1)
  end

  # No credential, or one that is none.
  defp of_access(access) when access in [:open, :anybody], do: []
  defp of_access(_known), do: [401]

  defp of_field(%{type: :condition}), do: [412]
  defp of_field(%{type: :idempotency_key}), do: [422]
  defp of_field(_parameter), do: []

  defp with_errors(call, more) do
    errors = Enum.sort(Enum.uniq(call.errors ++ more))
    %{call | errors: errors, statuses: Enum.uniq(call.statuses ++ errors)}
  end
end
