defmodule FormdbHttpWeb.Cowboy.WebSocket do
  @moduledoc false
  # Cowboy's host of a socket: a module in the shape of Phoenix.Socket.Transport. From the handshake
  # on the connection's process is the socket's, and Cowboy sends what a callback gives before it
  # makes the next one. Sending takes as long as the client leaves more than a few kilobytes
  # unread, and ends the connection after FORMDB_SEND_TIMEOUT_MS.

  @behaviour :cowboy_websocket

  alias FormdbHttpWeb.Cowboy.Silence
  alias FormdbHttpWeb.Settings

  # As Bandit, on which Phoenix stands by now: clients come again after any code but 1000.
  @silent 1002
  @look {__MODULE__, :silence}

  @doc "Answers the request with the handshake, and goes over to the socket."
  @spec upgrade(:cowboy_req.req(), map(), map(), module(), term()) :: :ok
  def upgrade(req, %{settings: %Settings{} = settings} = env, headers, module, state) do
    opts = %{
      compress: false,
      idle_timeout: :infinity,
      max_frame_size: settings.socket_message_bytes,
      # Nothing of the request, whose query may hold a token.
      req_filter: fn _req -> %{} end
    }

    req = :cowboy_req.set_resp_headers(headers, req)
    state = {module, state, settings.socket_idle_ms}
    {:ok, _req, _env} = :cowboy_websocket.upgrade(req, env, __MODULE__, state, opts)
    :ok
  end

  @impl true
  def init(req, state), do: {:cowboy_websocket, req, state}

  @impl true
  def websocket_init({module, state, idle_ms}) do
    # That of a connection is for requests (see Connection).
    {:min_heap_size, words} = :erlang.system_info(:min_heap_size)
    Process.flag(:min_heap_size, words)
    result({module, state, Silence.begin(idle_ms, @look)}, &module.init/1)
  end

  # Clients say little but that they are there, after which a socket takes a third of the
  # memory if it hibernates.
  @impl true
  def websocket_handle(frame, {module, state, silence}) do
    {frames, next} = result({module, state, Silence.heard(silence)}, &handle(frame, module, &1))
    {frames, next, :hibernate}
  end

  defp handle({opcode, payload}, module, state) when opcode in [:text, :binary],
    do: module.handle_in({payload, opcode: opcode}, state)

  defp handle({opcode, payload}, module, state),
    do: module.handle_control({payload, opcode: opcode}, state)

  defp handle(opcode, module, state), do: module.handle_control({"", opcode: opcode}, state)

  @impl true
  def websocket_info(@look, {module, state, silence}) do
    case Silence.look(silence, @look) do
      :too_long -> {[{:close, @silent, "the client said nothing"}], {module, state, silence}}
      silence -> {[], {module, state, silence}, :hibernate}
    end
  end

  def websocket_info(message, {module, _state, _silence} = all),
    do: result(all, &module.handle_info(message, &1))

  defp result({module, state, silence}, callback) do
    case callback.(state) do
      {:ok, state} ->
        {[], {module, state, silence}}

      {:push, frames, state} ->
        {frames, {module, state, silence}}

      {:stop, :normal, {code, reason}, state} ->
        {[{:close, code, reason}], {module, state, silence}}
    end
  end

  @impl true
  def terminate(reason, _req, {module, state, _silence}), do: module.terminate(reason, state)
end
