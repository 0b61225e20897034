defmodule FormdbHttpWeb.Cowboy.TlsTransport do
  @moduledoc false
  # TLS 1.2 and 1.3 for Ranch and Cowboy: a TCP listener, on whose connections `ssl` makes the
  # handshake with the certificate that there is at that moment. What comes before it is the
  # connection's own process, which Ranch ends when the handshake takes too long.
  #
  # As with Transport, what a client sends before it has its answer waits (see Pipelining), and
  # one that no longer takes its answer is gone (see HalfClose). There is no half-close here:
  # OTP's `ssl` ends a connection whole.

  @behaviour :ranch_transport

  alias FormdbHttpWeb.Cowboy.{HalfClose, Pipelining}
  alias FormdbHttpWeb.Tls.Certificates

  # Of the process of a connection: that of TLS, and the one beneath it.
  @sockets {__MODULE__, :sockets}

  @impl true
  def name, do: :ssl
  @impl true
  def secure, do: true

  # What Cowboy waits for. Under a name that nobody sends it takes bytes for no next request.
  @impl true
  def messages do
    ok = if HalfClose.answering?(), do: :ssl_pipelined, else: :ssl
    {ok, :ssl_closed, :ssl_error, :ssl_passive}
  end

  # What has not been made TLS yet is TCP.
  @impl true
  defdelegate listen(options), to: :ranch_tcp
  @impl true
  defdelegate accept(socket, timeout), to: :ranch_tcp

  @impl true
  def handshake(socket, timeout), do: handshake(socket, [], timeout)

  @impl true
  def handshake(socket, options, timeout) do
    with {:ok, secure} <- :ssl.handshake(socket, Certificates.options() ++ options, timeout) do
      Process.put(@sockets, {secure, socket})
      {:ok, secure}
    end
  end

  # Ranch's, of handshakes in two steps, which nobody makes here.
  @impl true
  def handshake_continue(socket, timeout), do: handshake_continue(socket, [], timeout)
  @impl true
  defdelegate handshake_continue(socket, options, timeout), to: :ranch_ssl
  @impl true
  defdelegate handshake_cancel(socket), to: :ranch_ssl
  @impl true
  defdelegate connect(host, port, options), to: :ranch_ssl
  @impl true
  defdelegate connect(host, port, options, timeout), to: :ranch_ssl
  @impl true
  defdelegate recv(socket, length, timeout), to: :ranch_ssl
  @impl true
  defdelegate recv_proxy_header(socket, timeout), to: :ranch_ssl
  @impl true
  defdelegate sendfile(socket, file), to: :ranch_ssl
  @impl true
  defdelegate sendfile(socket, file, offset, bytes), to: :ranch_ssl
  @impl true
  defdelegate sendfile(socket, file, offset, bytes, options), to: :ranch_ssl

  # Cowboy does not look at what this returns, and would go on.
  @impl true
  def send(socket, data) do
    with {:error, _reason} = error <- :ssl.send(socket, data) do
      HalfClose.gone({:ssl_closed, socket})
      error
    end
  end

  @impl true
  def setopts(socket, options) when is_port(socket), do: :ranch_tcp.setopts(socket, options)

  def setopts(socket, options) do
    if Keyword.has_key?(options, :active) and Pipelining.holds?(),
      do: Pipelining.postpone(socket, options),
      else: :ranch_ssl.setopts(socket, options)
  end

  for {name, arity} <-
        [controlling_process: 2, peername: 1, sockname: 1, close: 1] ++
          [getopts: 2, getstat: 1, getstat: 2, shutdown: 2] do
    [socket | rest] = arguments = Macro.generate_arguments(arity, __MODULE__)

    @impl true
    def unquote(name)(unquote_splicing(arguments)) when is_port(unquote(socket)),
      do: :ranch_tcp.unquote(name)(unquote_splicing(arguments))

    def unquote(name)(unquote_splicing([socket | rest])),
      do: :ranch_ssl.unquote(name)(unquote_splicing(arguments))
  end

  @impl true
  defdelegate cleanup(options), to: :ranch_tcp

  @doc """
  In the process of a connection: the socket of TLS and the one beneath it; `nil` where there is
  no TLS.
  """
  @spec sockets() :: {:ssl.sslsocket(), :inet.socket()} | nil
  def sockets, do: Process.get(@sockets)
end
