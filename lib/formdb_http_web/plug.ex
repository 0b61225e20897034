defmodule FormdbHttpWeb.Plug do
  @moduledoc """
  The HTTP API in an application of Plug or Phoenix.

      # in lib/my_app/application.ex, before the endpoint
      {FormdbHttp, data_dir: "/var/lib/my_app/formdb"}

      # in lib/my_app_web/endpoint.ex, before Plug.Parsers
      plug FormdbHttpWeb.Plug, at: "/formdb", principal: &MyAppWeb.Access.formdb/1

  Everything of docs/API.md is below that path, with it in all links. Other paths go on to the
  next plug.

  In a router it is `forward "/formdb", FormdbHttpWeb.Plug`, without `:at`. Routers come after
  Plug.Parsers, which would read the bodies; the endpoint says that it leaves these alone:

      plug Plug.Parsers,
        parsers: [:urlencoded, :multipart, :json],
        pass: ["*/*"],
        body_reader: {FormdbHttpWeb.Plug, :read_body, ["/formdb"]},
        json_decoder: Phoenix.json_library()

  A body that somebody else has read is an error that says so, never an empty one.

  ## Options

    * `:at` - the path below which it answers. Not set: all that it is given
    * `:principal` - who asks, and what they may do: a function `&Module.name/1` of the
      `Plug.Conn`, which gives

        * `%{actor: "ana", scopes: "read:* write:team-*"}`: what the journal calls them, and
          scopes as docs/SECURITY.md has them; with `expires: seconds`, since the epoch, also
          until when what stays open may be followed
        * `nil`: nobody, who gets what is open to anybody, and else 401

      Not set: API keys, users and tokens as the settings of `FormdbHttp` say, and where these
      name none, everybody who asks from this machine, unless `allow_unauthenticated: true` is
      among them

  Both are looked at when the host is compiled. What is wrong with them raises
  `ArgumentError`.

  ## What is the host's

  Addresses (`conn.remote_ip`, `conn.scheme`), connections, their limits and time-outs, TLS and
  the end of all that. Of the settings of `FormdbHttp` those of the server's own listener say
  nothing here; those of bodies, answers, origins and rates hold. Bodies and answers without end
  go through piece by piece, as far as the host's server does so: Bandit 1.5 collects a chunked
  body before it is given out, and Plug.Cowboy takes each part of an answer whether or not the
  client reads.

  WebSockets are answered at `/socket/websocket` below the path, by `websock_adapter`, which
  Phoenix brings. `FormdbHttpWeb.Socket` is for `socket` of a Phoenix endpoint.
  """

  alias FormdbHttp.Error
  alias FormdbHttpWeb.{Handler, Mounted, Problem, Request, SecurityFields}
  alias FormdbHttpWeb.Mounted.{Asked, Body, Principals, Sending}

  @options [:at, :principal]

  @typedoc "What `init/1` gives: plain data, which can be kept in compiled code."
  @opaque options :: %{at: [String.t()], principal: Principals.source()}

  @typedoc "Who asks, and what they may do."
  @type principal ::
          nil
          | %{
              required(:actor) => String.t(),
              required(:scopes) => String.t(),
              optional(:expires) => integer() | nil
            }

  @typedoc "See above."
  @type option :: {:at, String.t()} | {:principal, (term() -> principal()) | nil}

  @doc "Checks the options."
  @spec init([option()]) :: options()
  def init(opts) do
    unless Keyword.keyword?(opts), do: raise(ArgumentError, "#{inspect(opts)} are no options")

    case Keyword.keys(opts) -- @options do
      [] ->
        %{at: at(opts[:at] || "/"), principal: Principals.source!(opts[:principal])}

      [unknown | _] ->
        raise ArgumentError,
              "FormdbHttpWeb.Plug has no option #{inspect(unknown)}; it has :at and :principal. " <>
                "Settings are given to FormdbHttp in the supervision tree"
    end
  end

  defp at("/" <> _ = path), do: segments(path)

  defp at(other) do
    raise ArgumentError, ":at is #{inspect(other)}; expected a path such as \"/formdb\""
  end

  defp segments(path), do: for(part <- :binary.split(path, "/", [:global]), part != "", do: part)

  @doc "Answers a request below the path, and halts; others go on."
  @spec call(conn, options()) :: conn when conn: term()
  def call(%{path_info: path} = conn, %{at: at, principal: principal}) do
    case beneath(path, at) do
      {:ok, rest} -> serve(conn, conn.script_name ++ at, rest, principal)
      :elsewhere -> conn
    end
  end

  defp beneath(path, []), do: {:ok, path}
  defp beneath([part | path], [part | at]), do: beneath(path, at)
  defp beneath(_path, _at), do: :elsewhere

  @doc """
  For `body_reader:` of Plug.Parsers: leaves bodies below the path for this plug, and reads
  others as `Plug.Conn.read_body/2` does.
  """
  @spec read_body(conn, keyword(), String.t()) ::
          {:ok, binary(), conn} | {:more, binary(), conn} | {:error, term()}
        when conn: term()
  def read_body(conn, opts, at) do
    case beneath(conn.path_info, segments(at)) do
      {:ok, _rest} -> {:ok, "", conn}
      :elsewhere -> Plug.Conn.read_body(conn, opts)
    end
  end

  ## A request

  defp serve(conn, mount, path, principal) do
    metadata = Mounted.enter()
    Body.begin(conn)

    try do
      case Mounted.settings(principal) do
        {:ok, settings, audience} ->
          req = conn |> request(mount, path, settings) |> who(principal, conn)
          req |> answer(audience) |> settled() |> unread(req) |> Sending.send(settings)

        {:error, error} ->
          error |> unavailable() |> Sending.send(nil)
      end
    after
      Body.forget()
      Mounted.leave(metadata)
    end
  end

  defp request(conn, mount, path, settings) do
    headers = Asked.headers(conn)

    %Request{
      method: Asked.method(conn),
      path: rest(conn.request_path, path),
      query: conn.query_string,
      headers: headers,
      peer: conn.remote_ip,
      asker: self(),
      body: Body.new(conn, headers, settings),
      body_length: Body.announced(headers),
      settings: settings,
      secure: conn.scheme == :https,
      authority: Asked.authority(conn),
      mount: Enum.map_join(mount, &["/", URI.encode(&1, fn char -> plain?(char) end)])
    }
  end

  # As they were sent, so that what is encoded stays so.
  defp plain?(char), do: char == ?% or URI.char_unescaped?(char)

  # The path as it was sent, from where the host's part of it ends: its end has the parts that the
  # host left, with as many slashes as were sent.
  defp rest(request_path, path) do
    parts = :binary.split(request_path, "/", [:global])
    drop = Enum.count(parts, &(&1 != "")) - length(path)
    rest = if drop == 0, do: tl(parts), else: dropped(parts, drop)

    if drop >= 0 and Enum.reject(rest, &(&1 == "")) == path,
      do: "/" <> Enum.join(rest, "/"),
      else: "/" <> Enum.join(path, "/")
  end

  defp dropped(parts, 0), do: parts
  defp dropped(["" | parts], drop), do: dropped(parts, drop)
  defp dropped([_part | parts], drop), do: dropped(parts, drop - 1)
  defp dropped([], _drop), do: []

  defp who(req, :own, _conn), do: req
  defp who(req, source, conn), do: %{req | principal: Principals.ask(source, conn)}

  defp answer(%{peer: peer, headers: headers} = req, audience) do
    cond do
      not Mounted.open_to?(audience, peer, headers) -> Handler.refuse(req, Mounted.closed())
      web_socket?(req) and not Code.ensure_loaded?(WebSockAdapter) -> Handler.refuse(req, none())
      true -> Handler.call(req)
    end
  end

  # The application may start the databases anew while it takes requests.
  defp settled({status, _headers, _body} = answer) when status in [404, 500],
    do: if(Mounted.running?(), do: answer, else: unavailable(Mounted.not_running()))

  defp settled(answer), do: answer

  defp unavailable(error) do
    {status, headers, body} = Problem.answer(error)
    {status, headers |> Map.put("cache-control", "no-store") |> SecurityFields.put(), body}
  end

  # What is sent on the connection after an answer to such a client nobody knows: it may leave out the
  # body that it has not been asked for.
  defp unread({status, headers, body} = answer, req) do
    cond do
      Body.asked?() or req.body_length == 0 ->
        answer

      Plug.Conn.get_http_protocol(Body.conn()) == :"HTTP/2" ->
        Body.discard(req.body_length)
        answer

      Body.awaited?(req.headers) ->
        {status, Map.put(headers, "connection", "close"), body}

      true ->
        answer
    end
  end

  defp web_socket?(%{headers: %{"upgrade" => protocol}}),
    do: String.downcase(protocol, :ascii) == "websocket"

  defp web_socket?(_req), do: false

  defp none do
    detail =
      "the application that FormDB is a part of answers no WebSockets: websock_adapter is none of its libraries"

    %Error{code: :not_implemented, detail: detail}
  end
end
