defmodule FormdbHttpWeb.Routes.Content do
  @moduledoc false
  # What bodies of requests and of answers are: media types, each with the schema of what it
  # holds (FormdbHttpWeb.OpenAPI.Schemas). Media types of calls are named here and nowhere
  # else in the table, so that a form in which all JSON can be had is a line here.

  @typedoc "In order of preference: the first is what a client gets that asks for none."
  @type t :: [{media_type :: String.t(), schema :: atom()}]

  @typedoc "What a call takes. One that is optional may be left out."
  @type body :: {:required | :optional, t()}

  @typedoc """
  What a call answers with a status. `fields` are the header fields that say something of
  the answer, and whether they are always there. No `content` is no body.
  """
  @type answer :: %{status: 101 | 200..599, content: t(), fields: [{atom(), boolean()}]}

  @cbor "application/cbor"

  ## Media types

  @doc "JSON, and its other form, CBOR."
  @spec json(atom()) :: t()
  def json(schema), do: [{"application/json", schema}, {@cbor, schema}]

  @spec geojson(atom()) :: t()
  def geojson(schema), do: [{"application/geo+json", schema}, {@cbor, schema}]

  @doc "JSON that there is in no other form."
  @spec json_only(atom()) :: t()
  def json_only(schema), do: [{"application/json", schema}]

  @doc "RFC 7396."
  @spec merge_patch(atom()) :: t()
  def merge_patch(schema), do: [{"application/merge-patch+json", schema}]

  @doc "A record a line (NDJSON)."
  @spec lines(atom()) :: t()
  def lines(schema), do: [{"application/x-ndjson", schema}]

  @doc "GeoJSON text sequences (RFC 8142)."
  @spec sequence(atom()) :: t()
  def sequence(schema), do: [{"application/geo+json-seq", schema}]

  @doc "RFC 4180."
  @spec csv(atom()) :: t()
  def csv(schema), do: [{"text/csv", schema}]

  @doc "A record as it is stored, of which `FormdbHttp.block/2` says more."
  @spec stored(atom()) :: t()
  def stored(schema), do: [{@cbor, schema}]

  @spec html(atom()) :: t()
  def html(schema), do: [{"text/html", schema}]

  @spec style(atom()) :: t()
  def style(schema), do: [{"text/css", schema}]

  @spec script(atom()) :: t()
  def script(schema), do: [{"text/javascript", schema}]

  @doc "Server-sent events."
  @spec events(atom()) :: t()
  def events(schema), do: [{"text/event-stream", schema}]

  @spec picture(atom()) :: t()
  def picture(schema), do: [{"image/svg+xml", schema}]

  @spec text(atom()) :: t()
  def text(schema), do: [{"text/plain", schema}]

  @doc "Every error is one of these (RFC 9457)."
  @spec problem(atom()) :: t()
  def problem(schema), do: [{"application/problem+json", schema}]

  @doc "The media types, without schemas."
  @spec types(t()) :: [String.t()]
  def types(content), do: for({type, _schema} <- content, uniq: true, do: type)

  @doc "Whether JSON may be had as CBOR, which is of the same schema then."
  @spec cbor_form?(t()) :: boolean()
  def cbor_form?(content) do
    Enum.any?(content, fn {type, schema} ->
      type == @cbor and Enum.any?(content, &match?({other, ^schema} when other != @cbor, &1))
    end)
  end

  ## Bodies

  @spec required(t()) :: body()
  def required(content), do: {:required, content}

  @spec optional(t()) :: body()
  def optional(content), do: {:optional, content}

  ## Answers

  @spec answer(101 | 200..599, t(), keyword(boolean())) :: answer()
  def answer(status, content, fields \\ []),
    do: %{status: status, content: content, fields: fields}

  @spec ok(t(), keyword(boolean())) :: answer()
  def ok(content, fields \\ []), do: answer(200, content, fields)

  @spec created(t(), keyword(boolean())) :: answer()
  def created(content, fields \\ [location: true]), do: answer(201, content, fields)

  @doc "The connection goes over to another protocol (RFC 9110, 15.2.2)."
  @spec switching_protocols() :: answer()
  def switching_protocols, do: answer(101, [])

  @spec not_modified() :: answer()
  def not_modified, do: answer(304, [], etag: true)
end
