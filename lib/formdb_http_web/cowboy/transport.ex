defmodule FormdbHttpWeb.Cowboy.Transport do
  @moduledoc false
  # TCP for Ranch and Cowboy, as ranch_tcp has it, but that a client which closes its side
  # after its request still gets the answer (see HalfClose), that one which no longer takes it
  # is gone, and that what it sends before it has its answer waits (see Pipelining).

  @behaviour :ranch_transport

  alias FormdbHttpWeb.Cowboy.{HalfClose, Pipelining}

  own = [messages: 0, send: 2, setopts: 2, shutdown: 2, module_info: 0, module_info: 1]

  for {name, arity} <- :ranch_tcp.module_info(:exports) -- own do
    arguments = Macro.generate_arguments(arity, __MODULE__)

    # Which TCP has not.
    if name in [:handshake_cancel, :handshake_continue] do
      terms = List.duplicate(quote(do: term()), arity)
      @spec unquote(name)(unquote_splicing(terms)) :: no_return()
    end

    def unquote(name)(unquote_splicing(arguments)),
      do: :ranch_tcp.unquote(name)(unquote_splicing(arguments))
  end

  # Cowboy asks in the connection's process, before it waits for the next message. Under a
  # name that nobody sends, it takes neither the close for the end of the connection nor
  # bytes for the next request.
  def messages do
    {ok, closed, error, passive} = :ranch_tcp.messages()
    closed = if HalfClose.awaited?(), do: :tcp_half_closed, else: closed
    ok = if HalfClose.answering?(), do: :tcp_pipelined, else: ok
    {ok, closed, error, passive}
  end

  # Cowboy does not look at what this returns, and would go on.
  def send(socket, data) do
    with {:error, _reason} = error <- :ranch_tcp.send(socket, data) do
      HalfClose.gone({:tcp_closed, socket})
      error
    end
  end

  def setopts(socket, options) do
    if Keyword.has_key?(options, :active) and Pipelining.holds?(),
      do: Pipelining.postpone(socket, options),
      else: :ranch_tcp.setopts(socket, options)
  end

  # Cowboy waits for a second thereafter that the client closes its side, too. Where it has
  # done so there is nothing to be waited for, and nobody would tell it a second time.
  def shutdown(socket, how) do
    with :ok <- :ranch_tcp.shutdown(socket, how) do
      if HalfClose.closed?() or closed_by_client?(socket), do: {:error, :closed}, else: :ok
    end
  end

  # A socket that tells what comes by messages cannot be asked. Bytes that it has are no
  # longer wanted.
  defp closed_by_client?(socket) do
    :ok == :ranch_tcp.setopts(socket, active: false) and
      match?({:error, reason} when reason != :timeout, :ranch_tcp.recv(socket, 0, 0))
  end
end
