defmodule FormdbHttpWeb.Cowboy.Streaming do
  @moduledoc false
  # Answers in parts, and large ones piece by piece. Cowboy takes every part at once, and would
  # hold all that a client has not read. Here the next piece waits until the connection's
  # process has given the one before to the socket, which takes only so much that was not read.
  #
  # The socket's own time-out for sending cuts off a client that reads nothing. It counts from
  # piece to piece, so that one that reads slowly gets all of it.

  require Logger

  alias FormdbHttp.{Error, Fault}
  alias FormdbHttpWeb.AnswerMemory
  alias FormdbHttpWeb.Cowboy.{HalfClose, TlsTransport}

  @piece_bytes 262_144

  @doc """
  Sends the parts, each once there is room for it. Cowboy 2.8 takes a client for gone that
  sends nothing for `idle_timeout`, also while it reads, so there is none until the end.
  """
  @spec send_parts(Enumerable.t(), :cowboy_req.req()) :: :ok
  def send_parts(parts, req) do
    :cowboy_req.cast({__MODULE__, :begin}, req)
    Enum.each(parts, &send_part(&1, req))
    :cowboy_req.cast({__MODULE__, :end}, req)
    :cowboy_req.stream_body("", :fin, req)
  catch
    kind, reason ->
      why =
        case reason do
          {:cut_off, %Error{code: code, detail: detail}} -> [to_string(code), ": ", detail]
          fault -> Fault.describe(kind, fault, __STACKTRACE__)
        end

      Logger.error(["an answer was cut off: ", why])
      # Cowboy would end it as one that is whole. With the connection this process ends.
      :cowboy_req.cast({__MODULE__, {:cut_off, req.version}}, req)
      Process.sleep(:infinity)
  end

  # TCP_USER_TIMEOUT (RFC 5482, 3.2, as Linux numbers it), in milliseconds.
  @absence {:raw, 6, 18, <<60_000::32-native>>}

  @doc """
  Has the connection end when nothing of what was sent is acknowledged for a minute. Who only
  reads says nothing else, and a client whose network is gone would be sent to for a quarter of
  an hour. Where the system has no such option it is so.
  """
  @spec notice_absence(:cowboy_req.req()) :: :ok
  def notice_absence(req), do: :cowboy_req.cast({__MODULE__, :notice_absence}, req)

  @doc "Whether a body of that size is sent piece by piece."
  @spec large?(non_neg_integer()) :: boolean()
  def large?(size), do: size > @piece_bytes

  # The request's process refers to what it sent until its garbage is collected.
  defp send_part(part, req) do
    size = Enum.reduce(:erlang.iolist_to_iovec(part), 0, &(&2 + send_pieces(&1, req)))
    AnswerMemory.sent(size)
  end

  defp send_pieces(<<piece::binary-size(@piece_bytes), rest::binary>>, req) when rest != "",
    do: send_piece(piece, req) + send_pieces(rest, req)

  defp send_pieces(piece, req), do: send_piece(piece, req)

  defp send_piece("", _req), do: 0

  defp send_piece(piece, req) do
    :cowboy_req.stream_body(piece, :nofin, req)
    ref = make_ref()
    size = byte_size(piece)
    :cowboy_req.cast({__MODULE__, {:sent, self(), ref, size}}, req)

    # When the connection ends, so does this process.
    receive do
      {^ref, :sent} -> size
    end
  end

  ## In the connection's process

  @doc "The commands for Cowboy that follow from a message of this module."
  @spec commands(
          :begin
          | :notice_absence
          | :end
          | {:sent, pid(), reference(), pos_integer()}
          | {:cut_off, :cowboy.http_version()},
          timeout()
        ) :: [tuple()]
  def commands(:begin, _idle_timeout), do: [set_options: %{idle_timeout: :infinity}]

  def commands(:notice_absence, _idle_timeout) do
    {_closed, socket} = connection()
    :inet.setopts(socket, [@absence])
    []
  end

  # The last piece may be small, and show bytes of a whole page.
  def commands(:end, idle_timeout) do
    :erlang.garbage_collect()
    [set_options: %{idle_timeout: idle_timeout}]
  end

  # What came before it was sent.
  def commands({:sent, process, ref, size}, _idle_timeout) do
    AnswerMemory.sent(size)
    send(process, {ref, :sent})
    []
  end

  # Where the end of an answer is that of the connection (RFC 9112, 6.3), a reset says that it
  # is not whole.
  def commands({:cut_off, version}, _idle_timeout) do
    {closed, socket} = connection()

    if version == :"HTTP/1.0" do
      :inet.setopts(socket, linger: {true, 0})
      :gen_tcp.close(socket)
    end

    HalfClose.gone(closed)
    []
  end

  @doc "The tag of the message that says that it is closed, with its socket, and the socket of TCP."
  @spec connection() :: {{atom(), term()}, port()}
  def connection do
    with nil <- TlsTransport.sockets() do
      {:links, links} = Process.info(self(), :links)
      socket = Enum.find(links, &is_port/1)
      {{:tcp_closed, socket}, socket}
    else
      {secure, beneath} -> {{:ssl_closed, secure}, beneath}
    end
  end
end
