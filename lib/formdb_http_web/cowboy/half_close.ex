defmodule FormdbHttpWeb.Cowboy.HalfClose do
  @moduledoc false
  # A client may close its side of the connection once its request is sent, and still wait
  # for the answer (RFC 9112, 9.6, TCP's half-close); one that has gone away looks the
  # same. Cowboy takes both for gone. Here the requests under way, if they have come whole,
  # go on for FORMDB_HALF_CLOSE_MS and are answered; then they are ended, so that nobody
  # works for a client that has gone. Once bytes of an answer cannot be sent it is known to
  # have gone, and they are ended at once.
  #
  # How: while such requests are under way, Transport tells Cowboy another name for the
  # message that says "closed". Cowboy then finds a message that it does not know, and
  # logs it, through warning/2 of this module. All of it happens in the process of the
  # connection, whose dictionary holds the state: the requests under way, each with its
  # process, the latest first; whether that still comes; how long they may go on; and, once
  # the client's side is closed, the message that says so and the time at which that ends.
  #
  # With TLS a connection ends whole, and nothing is put off.

  alias FormdbHttpWeb.Cowboy.{Pipelining, StreamHandler}

  @key __MODULE__
  @fresh %{open: [], coming: false, grace: 0, closed: nil, ends: nil}

  defp state, do: Process.get(@key, @fresh)
  defp put(state), do: Process.put(@key, state)

  @doc """
  A request begins, which `process` answers, with a body that comes (or none); it may go
  on for `grace` ms.
  """
  def begin(id, process, coming?, grace) do
    state = state()
    put(%{state | open: [{id, process} | state.open], coming: coming?, grace: grace})
  end

  @doc "Its body is here."
  def arrived, do: put(%{state() | coming: false})

  @doc """
  It is over. Then a close that was put off is told again; if another request of the
  client's has come meanwhile, it is put off again.
  """
  def done(id) do
    state = state()
    open = List.keydelete(state.open, id, 0)
    put(%{state | open: open})

    if open == [] do
      Pipelining.deliver()
      if state.closed, do: send(self(), state.closed)
    end
  end

  @doc "The process of the latest request under way, or nil."
  def latest do
    with [{_id, process} | _] <- state().open, do: process, else: (_none -> nil)
  end

  @doc "Whether requests are under way, and have come whole."
  def answering? do
    state = state()
    state.open != [] and not state.coming
  end

  @doc "Whether a close is to be put off now."
  def awaited? do
    state = state()
    answering?() and (state.ends == nil or now() < state.ends)
  end

  @doc "Whether the client's side is closed."
  def closed?, do: state().closed != nil

  @doc "Nothing more is sent: the close is told, by the message that says it, and not put off."
  @spec gone({:tcp_closed | :ssl_closed, term()}) :: term()
  def gone(message) do
    put(%{state() | closed: message, ends: now()})
    send(self(), message)
  end

  defp now, do: System.monotonic_time(:millisecond)

  ## Where Cowboy logs

  @doc false
  def warning(_format, [{:tcp_closed, _socket} = message]) do
    state =
      with %{closed: nil, grace: grace} = state <- state() do
        put(%{state | closed: message, ends: now() + grace})
        state()
      end

    # Again at the end, and once more if Cowboy had begun to wait before: then it still
    # knew the message by the other name.
    Process.send_after(self(), message, max(state.ends - now(), 0))
    :ok
  end

  def warning(_format, [{tag, _socket, _data} = message]) when tag in [:tcp, :ssl],
    do: Pipelining.hold(message)

  def warning(_format, [:tcp_look]), do: Pipelining.look()

  # A timer that ran out while its body was read.
  def warning(_format, [{StreamHandler, :no_body_yet}, _stream]), do: :ok

  def warning(format, arguments), do: log(:warning, format, arguments)

  for level <- [:emergency, :alert, :critical, :error, :notice, :info, :debug] do
    @doc false
    def unquote(level)(format, arguments), do: log(unquote(level), format, arguments)
  end

  defp log(level, format, arguments), do: :logger.log(level, format, arguments)
end
