defmodule FormdbHttpCli.Health do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttpCli.Command

  @timeout_ms 5_000

  @impl true
  def summary, do: "Asks the running server whether it is well"

  @impl true
  def help do
    """
    Asks the server at FORMDB_HOST and FORMDB_PORT (or FORMDB_PROBE_HOST and FORMDB_PROBE_PORT, where those
    are set) whether every database takes reads and writes, and prints its answer.

        formdb-server health [--live]

    With --live it asks only whether the server answers: for those who would restart it. The exit status
    is 0 when all is well, else 1.
    """
  end

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: [live: :boolean]) do
      {options, [], []} -> ask(if(options[:live], do: "live", else: "ready"))
      _other -> Command.refuse("usage: formdb-server health [--live]")
    end
  end

  defp ask(probe) do
    {address, port, tls?} = where(Command.config())

    case exchange(address, port, tls?, probe) do
      {:ok, 200, body} ->
        Command.say(body)

      {:ok, _status, body} ->
        Command.say(body)
        :failed

      {:error, why} ->
        Command.refuse("no answer from #{:inet.ntoa(address)} port #{port}: #{why}")
    end
  end

  defp where(%{probe_port: nil} = config),
    do: {reached(config.host), config.port, config.tls_certificate_file != nil}

  defp where(config), do: {reached(config.probe_host), config.probe_port, false}

  # A server that listens everywhere is reached on loopback.
  defp reached({0, 0, 0, 0}), do: {127, 0, 0, 1}
  defp reached({0, 0, 0, 0, 0, 0, 0, 0}), do: {0, 0, 0, 0, 0, 0, 0, 1}
  defp reached(address), do: address

  defp exchange(address, port, tls?, probe) do
    request = "GET /health/#{probe} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    transport = if tls?, do: :ssl, else: :gen_tcp

    with {:ok, socket} <- connect(transport, address, port),
         :ok <- transport.send(socket, request) do
      socket |> read(transport, "") |> parse()
    else
      {:error, reason} -> {:error, worded(reason)}
    end
  end

  defp connect(:gen_tcp, address, port),
    do: :gen_tcp.connect(address, port, [:binary, active: false], @timeout_ms)

  # It is this machine's own server, whose certificate is for another name than this address.
  defp connect(:ssl, address, port) do
    {:ok, _} = Application.ensure_all_started(:ssl)
    :ssl.connect(address, port, [:binary, active: false, verify: :verify_none], @timeout_ms)
  end

  defp read(socket, transport, got) do
    case transport.recv(socket, 0, @timeout_ms) do
      {:ok, more} -> read(socket, transport, got <> more)
      {:error, :closed} -> got
      {:error, reason} -> {:error, worded(reason)}
    end
  end

  defp parse({:error, why}), do: {:error, why}

  defp parse(answer) do
    with [head, body] <- String.split(answer, "\r\n\r\n", parts: 2),
         [_line, status] <- Regex.run(~r"\AHTTP/1\.1 (\d{3}) ", head) do
      {:ok, String.to_integer(status), body}
    else
      _other -> {:error, "it speaks another protocol"}
    end
  end

  defp worded(reason) when is_atom(reason), do: reason |> :inet.format_error() |> to_string()
  defp worded(reason), do: inspect(reason)
end
