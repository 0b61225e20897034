defmodule FormdbHttpWeb.Cowboy.Transport do
  @moduledoc false
  # TCP for Ranch and Cowboy, as ranch_tcp has it, but that a client which closes its side
  # after its request still gets the answer (see HalfClose).

  @behaviour :ranch_transport

  alias FormdbHttpWeb.Cowboy.HalfClose

  own = [messages: 0, shutdown: 2, module_info: 0, module_info: 1]

  for {name, arity} <- :ranch_tcp.module_info(:exports) -- own do
    arguments = Macro.generate_arguments(arity, __MODULE__)

    def unquote(name)(unquote_splicing(arguments)),
      do: :ranch_tcp.unquote(name)(unquote_splicing(arguments))
  end

  # Cowboy asks in the connection's process, before it waits for the next message. Under a
  # name that nobody sends, it does not take the close for the end of the connection.
  def messages do
    {ok, closed, error, passive} = :ranch_tcp.messages()
    {ok, if(HalfClose.awaited?(), do: :tcp_half_closed, else: closed), error, passive}
  end

  # A client whose side is closed sends nothing more, so that nothing is to be waited for.
  def shutdown(socket, how) do
    result = :ranch_tcp.shutdown(socket, how)
    if HalfClose.closed?(), do: {:error, :closed}, else: result
  end
end
