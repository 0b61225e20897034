defmodule FormdbHttpWeb.Request do
  @moduledoc false
  # A request, whichever server took it in: a host (FormdbHttpWeb.Cowboy.Host, FormdbHttpWeb.Plug)
  # makes one and gives it to FormdbHttpWeb.Handler. Plain data.

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Routes.{Call, Resource}
  alias FormdbHttpWeb.Auth.Principal
  alias FormdbHttpWeb.{BodyReader, Settings}

  @enforce_keys [:method, :path, :query, :headers, :peer, :asker, :body, :body_length, :settings]
  defstruct @enforce_keys ++
              [
                id: nil,
                trace: %{},
                client: nil,
                secure: false,
                authority: nil,
                mount: "",
                base_path: "",
                resource: nil,
                call: nil,
                parts: [],
                principal: nil,
                asked: {%{}, []},
                database: nil,
                fields: %{}
              ]

  @typedoc """
  What the host says:

    * `method`, `path`, `query` (the query string) - as they were sent, nothing decoded
    * `headers` - names in lower case
    * `peer` - the address of whoever is at the other end of the connection
    * `asker` - who asks, any term: places are given to askers in turn
    * `body`, `body_length` - the reader of the body and its state, and how long it says it
      is: `:unknown` of one that comes in chunks
    * `settings` - of the host, from `FormdbHttpWeb.Handler.init/3`
    * `secure` - whether it came by TLS
    * `authority` - host and port that it is for, where the host knows it from elsewhere than `Host`
    * `mount` - the path, percent-encoded, below which a host of others has us, which `path` is
      without
    * `principal` - who asks, where the host knows (`auth: :host` in the settings)

  What the pipeline finds out:

    * `id`, `trace` - what it is called: FormdbHttpWeb.RequestId
    * `client` - the address of whoever asks: the peer's, or the one that a proxy names
    * `secure` - also whether the client's request came by TLS to the proxy that it came through
    * `base_path` - what links begin with
    * `resource`, `call`, `parts` - what is at the path, what the method does there, and the
      parts of the path that vary; `nil` where there is nothing
    * `principal` - who asks; `nil` where that is not known, or does not matter
    * `asked` - parameters and filters of the query string, as text, for links
    * `database` - the one that the path names
    * `fields` - header fields for whatever is answered
  """
  @type t :: %__MODULE__{
          method: String.t(),
          path: String.t(),
          query: String.t(),
          headers: headers(),
          peer: :inet.ip_address(),
          asker: term(),
          body: {module(), BodyReader.state()},
          body_length: non_neg_integer() | :unknown,
          settings: Settings.t(),
          id: String.t() | nil,
          trace: %{optional(:trace_id | :span_id) => String.t()},
          client: :inet.ip_address() | nil,
          secure: boolean(),
          authority: String.t() | nil,
          mount: String.t(),
          base_path: String.t(),
          resource: Resource.t() | nil,
          call: Call.t() | nil,
          parts: [String.t()],
          principal: Principal.t() | nil,
          asked: {%{String.t() => String.t()}, [{String.t(), String.t()}]},
          database: String.t() | nil,
          fields: %{String.t() => iodata()}
        }

  @type headers :: %{String.t() => String.t()}

  @typedoc """
  What is sent back. The header fields are those that say something of the answer.
  """
  @type answer :: {status :: 101 | 200..599, headers :: %{String.t() => iodata()}, body()}

  @typedoc """
    * a stream is of parts that are made one after the other, each when the client has taken
      the one before; where one cannot be made it throws `{:cut_off, error}`, and the
      connection is ended
    * one that is `:live` has no end of its own, and its parts are made when there is news
    * a socket takes the connection over: a module in the shape of Phoenix.Socket.Transport,
      and what its `connect/1` gave
  """
  @type body ::
          iodata()
          | {:stream, Enumerable.t()}
          | {:live, Enumerable.t()}
          | {:socket, module(), term()}

  @typedoc "What a step of the pipeline makes of a request."
  @type step :: {:cont, t()} | {:halt, answer()} | {:error, Error.t()}
end
