defmodule FormdbHttpWeb.Socket do
  @moduledoc """
  The WebSocket of FormDB in an endpoint of Phoenix: topics `journal:NAME`, as docs/API.md has
  them, for the official `phoenix` client and every other one.

      # in lib/my_app_web/endpoint.ex
      socket "/formdb", FormdbHttpWeb.Socket,
        websocket: [connect_info: [:peer_data], principal: &MyAppWeb.Access.formdb_socket/1]

      // in JavaScript
      let socket = new Socket("/formdb", {params: {token: "..."}})

  It has the callbacks of `Phoenix.Socket.Transport`, and of `WebSock`. Who connects is told by
  the function `:principal`, as `FormdbHttpWeb.Plug` has it, but of the map that Phoenix gives to
  `c:Phoenix.Socket.Transport.connect/1`: with `params`, and with what `connect_info` asks for,
  such as the session. Without it by FormDB's own credentials, in the parameter `token` or as
  `auth_token`, and where there are none, everybody on this machine, whose address `:peer_data`
  has.

  Origins, time-outs and the size of frames are the endpoint's. Of a drained endpoint the clients
  are told to come again (close code 1012), 100 at a time: `drainer: [batch: 100, interval: 100,
  shutdown: 30_000]` (milliseconds), or `drainer: false`.
  """

  require Logger

  alias FormdbHttp.Fault
  alias FormdbHttpWeb.{Handler, Mounted, Request}
  alias FormdbHttpWeb.Live.Open
  alias FormdbHttpWeb.Live.Socket
  alias FormdbHttpWeb.Mounted.{Drainer, NoBody, Principals}

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
    {settings, audience} = Mounted.settings(source)
    req = request(info, settings)
    req = if source == :own, do: req, else: %{req | principal: Principals.ask(source, info)}

    answer =
      if Mounted.open_to?(audience, req.peer),
        do: Handler.call(req),
        else: Handler.refuse(req, Mounted.closed())

    case answer do
      {101, _headers, {:socket, __MODULE__, state}} -> {:ok, state}
      _refused -> :error
    end
  end

  # There is long polling of the journal itself.
  def connect(_other_transport), do: :error

  defp request(%{params: params, connect_info: info}, settings) do
    headers =
      ((info[:x_headers] || []) ++ (info[:trace_context_headers] || []))
      |> Mounted.headers()
      |> Map.merge(@handshake)
      |> authorized(info)

    %Request{
      method: "GET",
      path: "/socket/websocket",
      query: params |> Map.take(["vsn", "token"]) |> URI.encode_query(),
      headers: headers,
      peer: with(%{address: address} <- info[:peer_data], do: address, else: (_ -> @unknown)),
      asker: self(),
      body: {NoBody, nil},
      body_length: 0,
      settings: settings,
      secure: match?(%{scheme: "https"}, info[:uri])
    }
  end

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
