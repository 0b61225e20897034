defmodule FormdbHttpWeb.Socket do
  @moduledoc """
  The WebSocket of FormDB in an endpoint of Phoenix: topics `journal:NAME`, as docs/API.md has
  them, for the official `phoenix` client and every other one.

      # in lib/my_app_web/endpoint.ex
      socket "/formdb", FormdbHttpWeb.Socket,
        websocket: [
          connect_info: [:peer_data, :uri, :x_headers],
          principal: &MyAppWeb.Access.formdb_socket/1
        ]

      // in JavaScript
      let socket = new Socket("/formdb", {params: {token: "..."}})

  It has the callbacks of `Phoenix.Socket.Transport`, and of `WebSock`. Who connects is told by
  the function `:principal`, as `FormdbHttpWeb.Plug` has it, but of the map that Phoenix gives to
  `c:Phoenix.Socket.Transport.connect/1`: with `params`, and with what `connect_info` asks for,
  such as the session. Without it by FormDB's own credentials, in the parameter `token` or as
  `auth_token`, and where there are none, everybody on this machine, which is seen by
  `:peer_data`, `:uri` and `:x_headers` together: all three have to be there. Who is not let in is
  answered 403 by Phoenix, and the log says why.

  Origins, time-outs and the size of frames are the endpoint's. Of a drained endpoint the clients
  are told to come again (close code 1012), 100 at a time: `drainer: [batch: 100, interval: 100,
  shutdown: 30_000]` (milliseconds), or `drainer: false`.
  """

  require Logger

  alias FormdbHttp.{Error, Fault, JSON}
  alias FormdbHttpWeb.{Handler, Mounted, Request}
  alias FormdbHttpWeb.Live.Open
  alias FormdbHttpWeb.Live.Socket
  alias FormdbHttpWeb.Mounted.{Asked, Drainer, NoBody, Principals}

  @typedoc "The socket of one client."
  @opaque state :: Socket.t()

  @typedoc "What a callback has the server do."
  @type result ::
          {:ok, state()}
          | {:push, [{:text | :binary, iodata()}], state()}
          | {:stop, :normal, {code :: 1000..4999, String.t()}, state()}

  @internal_error 1011
  # An address that is none, and not this machine's.
  @unknown {0, 0, 0, 0}
  # By which it is seen from where somebody asks.
  @whereabouts [:peer_data, :uri, :x_headers]
  @missing "nobody is asked who they are, and it cannot be seen that only this machine asks: give the socket " <>
             "`websocket: [connect_info: #{inspect(@whereabouts)}]`, or the option :principal"
  # Those of a handshake that Phoenix has looked at.
  @handshake %{
    "connection" => "upgrade",
    "upgrade" => "websocket",
    "sec-websocket-key" => "AAAAAAAAAAAAAAAAAAAAAA==",
    "sec-websocket-version" => "13"
  }

  @doc "None: a socket has no processes but the connection's."
  @spec child_spec(keyword()) :: :ignore
  def child_spec(_opts), do: :ignore

  @doc "The process that has clients come again when the endpoint stops."
  @spec drainer_spec(keyword()) :: Supervisor.child_spec() | :ignore
  def drainer_spec(opts) do
    case Keyword.get(opts, :drainer, []) do
      false -> :ignore
      drainer -> Drainer.child_spec(drainer)
    end
  end

  @doc "Lets a client in, or not. Counted, limited and told of as a request is."
  @spec connect(map()) :: {:ok, state()} | :error
  def connect(%{transport: :websocket} = info) do
    source = Principals.source!(info[:options][:principal])
    metadata = Mounted.enter()

    try do
      case Mounted.settings(source) do
        {:ok, settings, audience} -> info |> request(settings) |> answer(source, audience, info)
        {:error, error} -> refused(error.detail)
      end
    after
      Mounted.leave(metadata)
    end
  end

  # There is long polling of the journal itself.
  def connect(_other_transport), do: :error

  defp answer(req, source, audience, info) do
    req = if source == :own, do: req, else: %{req | principal: Principals.ask(source, info)}

    answer =
      cond do
        audience == :this_machine and missing?(info) ->
          # The endpoint's fault, and not the client's.
          Logger.warning(["sockets are not let in: ", @missing])
          Handler.refuse(req, %Error{code: :forbidden, detail: @missing})

        Mounted.open_to?(audience, req.peer, req.headers) ->
          Handler.call(req)

        true ->
          Handler.refuse(req, Mounted.closed())
      end

    case answer do
      {101, _headers, {:socket, __MODULE__, state}} ->
        {:ok, state}

      {_status, _headers, problem} ->
        {:ok, %{"detail" => detail}} = problem |> IO.iodata_to_binary() |> JSON.decode()
        refused(detail)
    end
  end

  # Phoenix answers 403 and nothing else.
  defp refused(detail) do
    Logger.info(["a socket was not let in: ", detail])
    :error
  end

  defp missing?(%{connect_info: info}),
    do: not Enum.all?(@whereabouts, &is_map_key(info, &1))

  defp request(%{params: params, connect_info: info}, settings) do
    headers =
      ((info[:x_headers] || []) ++ (info[:trace_context_headers] || []))
      |> Asked.joined()
      |> Map.merge(@handshake)
      |> hosted(info)
      |> authorized(info)

    %Request{
      method: "GET",
      path: "/socket/websocket",
      query: query(params),
      headers: headers,
      peer: with(%{address: address} <- info[:peer_data], do: address, else: (_ -> @unknown)),
      asker: self(),
      body: {NoBody, nil},
      body_length: 0,
      settings: settings,
      secure: match?(%{scheme: "https"}, info[:uri])
    }
  end

  # Parameters of the application's own are passed over.
  defp query(params) do
    for({name, value} <- Map.take(params, ["vsn", "token"]), do: {name, text(value)})
    |> URI.encode_query()
  end

  # Plug makes a list of `vsn[]=2.0.0`, which is no version.
  defp text(value) when is_binary(value), do: value
  defp text(value), do: inspect(value)

  defp hosted(headers, %{uri: %{host: host, port: port, scheme: scheme}}) when is_binary(host),
    do: Map.put(headers, "host", Asked.address(%{host: host, port: port, scheme: scheme}))

  defp hosted(headers, _info), do: headers

  defp authorized(headers, %{auth_token: token}) when is_binary(token),
    do: Map.put(headers, "authorization", "Bearer " <> token)

  defp authorized(headers, _info), do: headers

  @doc "In the process of the connection."
  @spec init(state()) :: result()
  def init(state) do
    Open.enter(:socket)
    guard(state, &Socket.init/1)
  end

  @spec handle_in({binary(), opcode: :text | :binary}, state()) :: result()
  def handle_in(frame, state), do: guard(state, &Socket.handle_in(frame, &1))

  @spec handle_control({binary(), opcode: :ping | :pong}, state()) :: result()
  def handle_control(frame, state), do: guard(state, &Socket.handle_control(frame, &1))

  @spec handle_info(term(), state()) :: result()
  def handle_info(message, state), do: guard(state, &Socket.handle_info(message, &1))

  @spec terminate(term(), state()) :: :ok
  def terminate(reason, state) do
    Socket.terminate(reason, state)
  catch
    kind, fault ->
      Logger.error(["a socket failed as it ended: ", Fault.describe(kind, fault, __STACKTRACE__)])
  end

  # What fails is told here: the report of a process that crashed would show what it was sent.
  defp guard(state, callback) do
    callback.(state)
  catch
    kind, fault ->
      Logger.error(["a socket failed: ", Fault.describe(kind, fault, __STACKTRACE__)])
      {:stop, :normal, {@internal_error, ""}, state}
  end
end
