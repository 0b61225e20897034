defmodule FormdbHttp.RawExchange do
  @moduledoc """
  What a server makes of bytes, for tests that send what no client would: all answers that come on
  the connection, and whether it was ended.
  """

  import FormdbHttp.HTTPClient, only: [connect: 1]

  @type heard :: %{
          statuses: [100..599],
          codes: [String.t()],
          text: binary(),
          closed?: boolean()
        }

  @doc """
  Sends the bytes, and listens until the server ends the connection or, once there are `answers`
  of them, is silent. Parts of a list are sent one after the other, with a pause between.
  """
  @spec exchange(:inet.port_number(), binary() | [iodata()], pos_integer()) :: heard()
  def exchange(port, parts, answers \\ 1) do
    socket = connect(port)
    :ok = :inet.setopts(socket, nodelay: true)

    for part <- List.wrap(parts) do
      # A server that has seen enough may have gone.
      _ = :gen_tcp.send(socket, part)
      if is_list(parts), do: Process.sleep(20)
    end

    {text, closed?} = listen(socket, "", answers)
    :gen_tcp.close(socket)

    %{
      statuses: for([_, status] <- Regex.scan(head(), text), do: String.to_integer(status)),
      codes: for([_, code] <- Regex.scan(~r/"code":"([a-z_]+)"/, text), do: code),
      text: text,
      closed?: closed?
    }
  end

  # Behind the body of the answer before it there is no new line.
  defp head, do: ~r/HTTP\/1\.1 ([0-9]{3}) /

  defp listen(socket, text, answers) do
    patience = if length(Regex.scan(head(), text)) < answers, do: 10_000, else: 300

    case :gen_tcp.recv(socket, 0, patience) do
      {:ok, more} -> listen(socket, text <> more, answers)
      {:error, :timeout} -> {text, false}
      {:error, _closed} -> {text, true}
    end
  end
end
