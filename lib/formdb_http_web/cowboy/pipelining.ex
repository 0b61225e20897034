defmodule FormdbHttpWeb.Cowboy.Pipelining do
  @moduledoc false
  # A client may send requests before it has the answers to those before them. They are
  # carried out one after the other, as it sent them (RFC 9112, 9.3.2, allows to do them at
  # once only where all are safe): a write must not overtake one that its client sent
  # before.
  #
  # Cowboy before 2.18 begins with each request that it has read. So while requests are under way that
  # have come whole, what comes next on the connection is held back, here, and delivered when
  # they are answered: Transport tells Cowboy another name for the message that brings
  # bytes, and Cowboy then finds one that it does not know (see HalfClose). Nor is the
  # socket asked for more than it was asked for already. So a client makes no more
  # processes, and takes no more memory, than a few packets hold.
  #
  # Of what came in one packet all is read at once. There each request's process waits for
  # the end of the one before it, as a middleware that is the first, so that it holds
  # nothing meanwhile; when the connection ends all of them end. From 2.18 on Cowboy itself
  # begins with the next when the one before is answered; what comes later is held back there, too,
  # since it would put together all that a client sends.

  @behaviour :cowboy_middleware

  alias FormdbHttpWeb.Cowboy.TlsTransport

  @key __MODULE__

  # Who is not asked for more cannot say that it goes. How often, in milliseconds, the
  # system is asked for the state of its connection then: a byte (RFC 9293, 3.3.2, as Linux
  # numbers them), the first of tcp_info. Elsewhere it is found out late.
  @look_ms 500
  @tcp_state {:raw, 6, 11, 1}
  @established 1

  ## In the process of the connection

  @doc """
  The options for a request which comes after that of the process `before` (nil: of none),
  and commands for Cowboy: a connection is not idle for as long as the others took.
  """
  def turn(opts, nil), do: {opts, []}

  def turn(%{idle_timeout: idle_ms} = opts, before),
    do: {put_in(opts.env[:before], before), [set_options: %{idle_timeout: idle_ms}]}

  @typedoc "What says that bytes came: of TCP or TLS, the socket, and the bytes."
  @type message :: {:tcp | :ssl, socket :: term(), binary()}

  @doc "Holds back bytes that came while a request is under way."
  @spec hold(message()) :: :ok
  def hold(message) do
    {held, postponed} = Process.get(@key, {[], nil})
    Process.put(@key, {[message | held], postponed})
    :ok
  end

  @doc "Whether something is held back."
  def holds?, do: Process.get(@key) != nil

  @doc "Sets options of the socket once what is held back is delivered."
  def postpone(socket, options) do
    {held, earlier} = Process.get(@key)
    Process.put(@key, {held, {socket, options}})
    if earlier == nil, do: look_later()
    :ok
  end

  defp look_later, do: Process.send_after(self(), :tcp_look, @look_ms)

  @doc "Looks whether a client that is not asked for more has closed the connection."
  def look do
    with {[{tag, socket, _data} | _], {_socket, _options}} <- Process.get(@key) do
      case :inet.getopts(beneath(tag, socket), [@tcp_state]) do
        {:ok, [{:raw, _, _, <<state>>}]} when state != @established ->
          send(self(), {closed(tag), socket})

        # The process of TLS has read the end, and closed it.
        {:error, _closed} ->
          send(self(), {closed(tag), socket})

        {:ok, _open_or_unknown} ->
          look_later()
      end
    end

    :ok
  end

  defp beneath(:tcp, socket), do: socket
  defp beneath(:ssl, _socket), do: elem(TlsTransport.sockets(), 1)

  defp closed(:tcp), do: :tcp_closed
  defp closed(:ssl), do: :ssl_closed

  @doc "What was held back comes now, before what the socket brings next."
  def deliver do
    with {[{tag, socket, _data} | _] = held, postponed} <- Process.delete(@key) do
      # What Cowboy has not looked at yet came later.
      later = waiting(tag, closed(tag), socket)
      Enum.each(Enum.reverse(held, later), &send(self(), &1))
      with {socket, options} <- postponed, do: set(tag, socket, options)
    end

    :ok
  end

  defp set(:tcp, socket, options), do: :ranch_tcp.setopts(socket, options)
  defp set(:ssl, socket, options), do: :ranch_ssl.setopts(socket, options)

  defp waiting(tag, closed, socket) do
    receive do
      {^tag, ^socket, _data} = message -> [message | waiting(tag, closed, socket)]
      {^closed, ^socket} = message -> [message | waiting(tag, closed, socket)]
    after
      0 -> []
    end
  end

  ## In the process of a request

  @impl true
  def execute(req, %{before: before} = env) do
    monitor = Process.monitor(before)

    receive do
      {:DOWN, ^monitor, :process, ^before, _reason} -> {:ok, req, env}
    end
  end

  def execute(req, env), do: {:ok, req, env}
end
