defmodule FormdbHttpWeb.Routes.Call do
  @moduledoc false
  # What a method does with a resource.

  alias FormdbHttpWeb.Routes.{Content, Parameter}

  @enforce_keys [
    :method,
    :action,
    :brief,
    :scope,
    :access,
    :about,
    :more,
    :path,
    :query,
    :others,
    :headers,
    :body,
    :answers,
    :errors,
    :statuses,
    :given,
    :takes,
    :gives,
    :forms
  ]
  defstruct @enforce_keys

  @typedoc """
    * `action` - the function of a controller that answers it: it takes the request and the
      parameters, as a map by their keys
    * `brief` - whether it is often answered at once, from memory or by one commit, so that it is
      worth an attempt in the process of the connection
    * `scope` - what may be done by whoever may call it; `nil`: nothing that is worth asking
      who it is. `:read` changes nothing, also where the method is POST
    * `access` - who may call it, where that is asked: `:database`, who may do that to the
      database of the path; `:server`, who may do it to all databases; `:principal`, anybody
      who is known: what they may see or do is up to the action; `:anybody`, also who does not
      say who they are, which shows less; `:open`, anybody, whoever it is
    * `about`, `more` - what it does, in a line, and what else there is to know; `nil`: nothing
    * `path`, `query`, `headers` - its parameters. Those of `path` are in the order in which
      they stand there
    * `others` - what becomes of parameters of the query string that are not among these
    * `body` - what it takes; `nil`: it looks at none
    * `answers` - what it answers that is no problem
    * `errors` - the statuses of problems that it may answer besides what any call may
      (`Routes.any/0`)
    * `statuses` - those of both
    * `given` - the parameters of query and headers when none is given
    * `takes` - the media types of the bodies that it takes
    * `gives` - the media types in which it answers 200
    * `forms` - those of each status whose JSON may be had as CBOR
  """
  @type t :: %__MODULE__{
          method: String.t(),
          action: {module(), atom()},
          brief: boolean(),
          scope: scope(),
          access: access(),
          about: String.t(),
          more: String.t() | nil,
          path: [Parameter.t()],
          query: [Parameter.t()],
          others: :refused | :ignored,
          headers: [Parameter.t()],
          body: Content.body() | nil,
          answers: [Content.answer()],
          errors: [400..599],
          statuses: [101 | 200..599],
          given: %{atom() => term()},
          takes: [String.t()],
          gives: [String.t()],
          forms: %{(101 | 200..599) => [String.t()]}
        }

  @type scope :: :read | :write | :admin | nil
  @type access :: :database | :server | :principal | :anybody | :open

  @doc """
  Whether a client that takes no form in which it answers is told so (406): it has several, and
  what it does is no loss. Who only wants to know whether the server lives is always answered.
  """
  @spec negotiated?(t()) :: boolean()
  def negotiated?(%__MODULE__{scope: scope, gives: gives}),
    do: scope == :read and match?([_, _ | _], gives)
end
