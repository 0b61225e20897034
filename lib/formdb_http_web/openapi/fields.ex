defmodule FormdbHttpWeb.OpenAPI.Fields do
  @moduledoc false
  # Header fields of answers: those that the table of routes names, and those that follow
  # from what is answered.

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.OpenAPI.{Descriptions, Parameters}
  alias FormdbHttpWeb.Routes.{Call, Content}

  @fields [
    location: {"The address of what was created.", format: "uri-reference"},
    etag:
      {"The entity tag of the version: its hash, and the form in which it is given.",
       pattern: ~S{^(W/)?"[0-9a-f]+(-cbor)?(-gzip|-zstd)?"$}},
    formdb_seq: {"The sequence of the version.", pattern: "^[0-9]+$"},
    link:
      {"The next page (RFC 8288); none of the last one, nor of lines, sequences and tables.",
       pattern: ~S{^<.*>; rel="next"$}},
    idempotency_replayed:
      {"There when an earlier request with this key is answered again.", enum: ["true"]},
    www_authenticate:
      {"How credentials are to be sent (RFC 6750).", pattern: "^Bearer realm=\"FormDB\""},
    retry_after: {"Seconds after which it may be tried again.", pattern: "^[0-9]+$"},
    ratelimit:
      {"Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers).",
       pattern: ~S{^"(address|principal)";r=[0-9]+;t=[0-9]+}},
    ratelimit_policy:
      {"Requests in so many seconds, by limit.",
       pattern: ~S{^"(address|principal)";q=[0-9]+;w=[0-9]+}},
    accept_encoding: {"The codings that a body may be in.", enum: ["gzip, zstd"]},
    allow: {"The methods that the path takes.", []},
    x_request_id:
      {"What the request is called: as its own `X-Request-Id` says, or a new id.",
       pattern: "^[A-Za-z0-9._~+/=:@-]{1,128}$"},
    cache_control: {"Answers may be kept, but not given again without asking.", []}
  ]

  @doc "Those of an answer of this call."
  @spec of(Call.t(), Content.answer()) :: keyword()
  def of(call, %{status: status, fields: fields, content: content}) do
    replayed =
      if status in 200..299 and Enum.any?(call.headers, &(&1.type == :idempotency_key)) and
           Descriptions.replayed?(content),
         do: [idempotency_replayed: false],
         else: []

    for {name, always?} <- every() ++ fields ++ replayed,
        do: field(name, always?)
  end

  @doc "Those that any answer has, and whether it always does."
  @spec every() :: [{atom(), boolean()}]
  def every,
    do: [cache_control: true, x_request_id: true, ratelimit: false, ratelimit_policy: false]

  @doc "A field of an answer, by its name on the wire."
  @spec field(atom(), boolean()) :: {atom(), keyword()}
  def field(name, always?) do
    {:ok, {about, schema}} = Keyword.fetch(@fields, name)
    wire = name |> Atom.to_string() |> String.replace("_", "-") |> Parameters.field()
    {String.to_atom(wire), [description: about, required: always?, schema: text(schema)]}
  end
end
