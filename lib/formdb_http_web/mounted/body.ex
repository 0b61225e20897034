defmodule FormdbHttpWeb.Mounted.Body do
  @moduledoc false
  # Reads bodies by Plug.Conn.read_body/2. What is read changes the conn, and the answer has to be
  # sent on the one of then: so that lies in the dictionary of the process, for as long as the
  # request is answered.
  #
  # Servers fill a part before they give it out. So that those who send little at a time are not
  # kept waiting for long, parts are smaller for them.

  @behaviour FormdbHttpWeb.BodyReader

  @conn __MODULE__
  # How large the last part was that was asked for; `nil` before the first one.
  @part {__MODULE__, :part}

  @first_bytes 65_536
  @least_bytes 4_096
  @discarded_bytes 65_536
  @discard_ms 100
  @slow_ms 250
  @quick_ms 25

  @doc "From now on this is the conn."
  @spec begin(term()) :: :ok
  def begin(conn) do
    Process.put(@conn, conn)
    :ok
  end

  @doc "The conn as it is by now."
  @spec conn() :: term()
  def conn, do: Process.get(@conn)

  @doc "The request has been answered."
  @spec forget() :: :ok
  def forget do
    Process.delete(@conn)
    Process.delete(@part)
    :ok
  end

  @doc "How long the body says it is."
  @spec announced(map()) :: non_neg_integer() | :unknown
  def announced(%{"content-length" => text}) do
    case Integer.parse(text) do
      {length, ""} when length >= 0 -> length
      # The host's server has let it through.
      _other -> :unknown
    end
  end

  def announced(%{"transfer-encoding" => _coding}), do: :unknown
  # HTTP/2 has bodies that say nothing of their length.
  def announced(%{"content-type" => _type}), do: :unknown
  def announced(_headers), do: 0

  @doc "Whether a client waits for leave to send its body (RFC 9110, 10.1.1)."
  @spec awaited?(map()) :: boolean()
  def awaited?(%{"expect" => expect}), do: String.downcase(expect, :ascii) == "100-continue"
  def awaited?(_headers), do: false

  @doc "Whether anything of the body was asked for."
  @spec asked?() :: boolean()
  def asked?, do: Process.get(@part) != nil

  @doc """
  Takes a body that nobody wants, if it is small. A server of HTTP/2 resets the stream of an answer
  that goes out before the body has come, and some clients lose the answer by that.
  """
  @spec discard(non_neg_integer() | :unknown) :: :ok
  def discard(length) when length in 1..@discarded_bytes do
    read_part(length: length, read_length: length, read_timeout: @discard_ms)
    :ok
  end

  def discard(_large_or_unknown), do: :ok

  @doc "The reader of this request, for `FormdbHttpWeb.Request`."
  @spec new(term(), map(), FormdbHttpWeb.Settings.t()) :: {module(), term()}
  def new(conn, headers, settings) do
    state = %{
      parsed: parsed(conn.body_params),
      announced: announced(headers),
      came: 0,
      timeout_ms: settings.body_timeout_ms
    }

    {__MODULE__, state}
  end

  # A parser that did not know the type says the same as one that found an empty object.
  defp parsed(%{__struct__: Plug.Conn.Unfetched}), do: :no
  defp parsed(params) when params == %{}, do: :perhaps
  defp parsed(_params), do: :yes

  @impl true
  def read(%{parsed: :yes}, _bytes, _wait_ms), do: {:error, :consumed}

  # Some servers end the request when a part does not come in time, so it is given all the time
  # that there is, and how long it took is looked at after it.
  def read(state, bytes, _wait_ms) do
    asked = Process.get(@part)
    length = min(bytes, asked || @first_bytes)
    began = System.monotonic_time(:millisecond)
    read = read_part(length: length, read_length: length, read_timeout: state.timeout_ms)
    took = System.monotonic_time(:millisecond) - began
    Process.put(@part, next_length(asked || @first_bytes, took, bytes))

    with {more_or_ok, part} when is_binary(part) <- read do
      state = %{state | came: state.came + byte_size(part)}

      if more_or_ok == :ok and eaten?(state),
        do: {:error, :consumed},
        else: {more_or_ok, part, state}
    end
  end

  # A client that goes away is an error of the server's, so a body that is whole and shorter than it
  # was announced has lost its beginning to somebody here.
  defp eaten?(%{announced: announced, came: came}) when is_integer(announced),
    do: came < announced

  defp eaten?(%{parsed: parsed, came: came}), do: parsed == :perhaps and came == 0

  defp read_part(opts) do
    case Plug.Conn.read_body(conn(), opts) do
      {:error, :timeout} ->
        {:error, :timeout}

      {:error, _broken} ->
        {:error, :malformed}

      {more_or_ok, part, conn} ->
        begin(conn)
        {more_or_ok, part}
    end
  rescue
    # So do servers that raise what they would answer.
    fault ->
      case fault do
        %{plug_status: status} when status in [408, :request_timeout] -> {:error, :timeout}
        %{plug_status: status} when status in [400, :bad_request] -> {:error, :malformed}
        _other -> reraise fault, __STACKTRACE__
      end
  end

  defp next_length(length, took, _most) when took > @slow_ms,
    do: max(div(length, 2), @least_bytes)

  defp next_length(length, took, most) when took < @quick_ms,
    do: min(2 * length, max(most, length))

  defp next_length(length, _took, _most), do: length

  @impl true
  # The host's server sees by itself what was not read.
  def refuse(_state), do: :ok
end
