defmodule FormdbHttp.Webhooks.Exchange do
  @moduledoc false
  # One POST to a receiver, over a connection of its own: HTTP/1.1 by hand, since the clients
  # there are read answers of any length. OTP parses the answer. Nothing here waits beyond the
  # deadline, and nothing is read beyond some kilobytes.

  alias FormdbHttp.Webhooks.Address

  # Of an answer only its head matters.
  @head_bytes 16_384
  # Answers that only say that another one comes.
  @interim 8
  # What is read of the rest, so that the receiver can send it.
  @rest_bytes 65_536
  @rest_ms 1_000

  @type limits :: %{connect_ms: pos_integer(), deadline: integer(), ca_file: Path.t() | nil}
  @type connection :: {:gen_tcp | :ssl, term()}

  @doc """
  Sends a request to the first of the IP addresses that takes a connection. With the status and
  the fields of the answer comes the connection, to be given to `finish/3`.
  """
  @spec post(
          Address.t(),
          [:inet.ip_address(), ...],
          [{String.t(), String.t()}],
          iodata(),
          limits()
        ) ::
          {:ok, 200..599, %{String.t() => String.t()}, connection(), binary()}
          | {:error, String.t()}
  def post(address, ips, fields, body, limits) do
    with {:ok, connection} <- connect(address, ips, limits) do
      with :ok <- send_all(connection, request(address, fields, body)),
           {:ok, status, fields, rest} <- answer(connection, "", limits.deadline, @interim) do
        {:ok, status, fields, connection, rest}
      else
        {:error, why} ->
          abandon(connection)
          {:error, why}
      end
    end
  end

  @doc "Reads the rest of an answer, if it is short and comes soon, and closes the connection."
  @spec finish(connection(), %{String.t() => String.t()}, binary()) :: :ok
  def finish(connection, fields, rest) do
    left =
      case Integer.parse(fields["content-length"] || "") do
        {length, ""} -> min(length, @rest_bytes) - byte_size(rest)
        _unknown -> @rest_bytes - byte_size(rest)
      end

    drain(connection, left, now() + @rest_ms)
    close(connection)
  end

  defp drain(connection, left, deadline) do
    if left > 0 do
      case receive_some(connection, deadline) do
        {:ok, bytes} -> drain(connection, left - byte_size(bytes), deadline)
        {:error, _why} -> :ok
      end
    end
  end

  ## Connecting

  defp connect(address, [ip | others], limits) do
    # Until then; the next one has as much.
    until = min(now() + limits.connect_ms, limits.deadline)

    case open(address, ip, until, limits) do
      {:ok, connection} -> {:ok, connection}
      {:error, why} -> if others == [], do: {:error, why}, else: connect(address, others, limits)
    end
  end

  defp open(address, ip, until, limits) do
    options =
      [:binary, active: false, packet: :raw, nodelay: true, send_timeout: left(limits.deadline)] ++
        [send_timeout_close: true] ++ if(tuple_size(ip) == 8, do: [:inet6], else: [])

    case :gen_tcp.connect(ip, address.port, options, left(until)) do
      {:ok, socket} -> secured(address, socket, until, limits)
      {:error, :timeout} -> {:error, "no connection within #{limits.connect_ms} ms"}
      {:error, reason} -> {:error, "no connection: #{:inet.format_error(reason)}"}
    end
  end

  defp secured(%{scheme: :http}, socket, _until, _limits), do: {:ok, {:gen_tcp, socket}}

  defp secured(address, socket, until, limits) do
    case :ssl.connect(socket, tls(address, limits.ca_file), left(until)) do
      {:ok, secured} ->
        {:ok, {:ssl, secured}}

      {:error, reason} ->
        :gen_tcp.close(socket)
        {:error, "TLS failed: #{tls_reason(reason)}"}
    end
  catch
    # Where the system has no certificates that it trusts, or the file none.
    kind, _reason when kind in [:error, :exit] ->
      :gen_tcp.close(socket)
      {:error, "TLS failed: the certificates that receivers have to come from cannot be read"}
  end

  defp tls(address, ca_file) do
    trusted = if ca_file, do: [cacertfile: ca_file], else: [cacerts: :public_key.cacerts_get()]

    # Of an IP address the name to check is the one that the connection has.
    name =
      if Address.ip(address.host),
        do: [],
        else: [
          server_name_indication: String.to_charlist(String.trim_trailing(address.host, "."))
        ]

    matching = :public_key.pkix_verify_hostname_match_fun(:https)

    [
      verify: :verify_peer,
      versions: [:"tlsv1.3", :"tlsv1.2"],
      customize_hostname_check: [match_fun: matching],
      reuse_sessions: false,
      log_level: :none
    ] ++ trusted ++ name
  end

  defp tls_reason({:tls_alert, {alert, _text}}), do: "#{alert}"
  defp tls_reason(:timeout), do: "no handshake in time"
  defp tls_reason(:closed), do: "the connection was closed"
  defp tls_reason({:options, _}), do: "the file of certificates cannot be read"
  defp tls_reason(_other), do: "no handshake"

  ## The request

  defp request(address, fields, body) do
    fields =
      [{"host", Address.authority(address)} | fields] ++
        [{"content-length", Integer.to_string(IO.iodata_length(body))}, {"connection", "close"}]

    head = for {name, value} <- fields, do: [name, ": ", value, "\r\n"]
    ["POST ", address.target, " HTTP/1.1\r\n", head, "\r\n", body]
  end

  # One who does not read keeps it until the timeout of the socket.
  defp send_all({module, socket}, bytes) do
    case module.send(socket, bytes) do
      :ok -> :ok
      {:error, :timeout} -> {:error, "the receiver did not take the request in time"}
      # It may have answered all the same.
      {:error, _closed} -> :ok
    end
  end

  ## The answer

  defp answer(connection, bytes, deadline, interim) do
    with {:ok, head, rest} <- head(connection, bytes, deadline),
         {:ok, status, fields} <- parse(head) do
      cond do
        status >= 200 -> {:ok, status, fields, rest}
        interim > 0 -> answer(connection, rest, deadline, interim - 1)
        true -> {:error, "the receiver sent nothing but interim answers"}
      end
    end
  end

  defp head(connection, bytes, deadline) do
    case :binary.split(bytes, "\r\n\r\n") do
      [head, rest] when byte_size(head) <= @head_bytes ->
        {:ok, head <> "\r\n\r\n", rest}

      _more when byte_size(bytes) > @head_bytes ->
        {:error, "the head of the answer is longer than #{@head_bytes} bytes"}

      _more ->
        case receive_some(connection, deadline) do
          {:ok, more} -> head(connection, bytes <> more, deadline)
          {:error, why} -> {:error, why}
        end
    end
  end

  defp parse(head) do
    case :erlang.decode_packet(:http_bin, head, []) do
      {:ok, {:http_response, {1, _minor}, status, _phrase}, fields} when status in 100..599 ->
        fields(fields, status, %{})

      _other ->
        {:error, "what was received is no answer of HTTP/1.1"}
    end
  end

  defp fields(bytes, status, fields) do
    case :erlang.decode_packet(:httph_bin, bytes, []) do
      {:ok, {:http_header, _, name, _, value}, rest} ->
        name = name |> to_string() |> String.downcase()
        fields(rest, status, Map.put(fields, name, value))

      {:ok, :http_eoh, _rest} ->
        {:ok, status, fields}

      _other ->
        {:error, "the answer has a header field that is none"}
    end
  end

  defp receive_some({module, socket}, deadline) do
    case module.recv(socket, 0, left(deadline)) do
      {:ok, bytes} -> {:ok, bytes}
      {:error, :timeout} -> {:error, "no answer in time"}
      {:error, :closed} -> {:error, "the receiver closed the connection without an answer"}
      {:error, {:tls_alert, _}} -> {:error, "the receiver ended TLS without an answer"}
      {:error, _reason} -> {:error, "the connection broke before an answer came"}
    end
  end

  defp close({module, socket}), do: module.close(socket)

  # What was not taken is not waited for.
  defp abandon({:gen_tcp, socket}) do
    :inet.setopts(socket, linger: {true, 0})
    :gen_tcp.close(socket)
  end

  defp abandon({:ssl, socket}), do: :ssl.close(socket)

  defp left(deadline), do: max(deadline - now(), 0)
  defp now, do: System.monotonic_time(:millisecond)
end
