defmodule FormdbHttpCli.ServiceManager do
  @moduledoc false
  # Tells a service manager that the server is ready, by the protocol of sd_notify(3): datagrams with
  # lines of NAME=VALUE to the socket that it names.
  #
  # The server listens before its databases are open. Ready is when none is being opened any more: one
  # that could not be opened keeps nobody waiting, since a restart would not help it. Until then the
  # manager is asked for patience, and shown how far it is.

  alias FormdbHttp.Serving

  @look_ms 50
  # How often patience is asked for, and how much.
  @extend_ms 5_000
  @patience_us 60_000_000

  @doc "Tells it in a process of its own, if there is a socket."
  @spec tell(String.t() | nil) :: :ok
  def tell(socket) when socket in [nil, ""], do: :ok

  def tell(socket) do
    spawn(fn -> wait(address(socket), nil) end)
    :ok
  end

  # A name that begins with @ is no file's.
  defp address("@" <> name), do: {:local, <<0, name::binary>>}
  defp address(path), do: {:local, path}

  defp wait(address, asked) do
    databases = Serving.known_databases()

    case Enum.count(databases, &(&1.status == :opening)) do
      0 ->
        failed = Enum.count(databases, &(&1.status == :failed))
        send_to(address, "READY=1\nSTATUS=#{ready(length(databases), failed)}\n")

      opening ->
        now = System.monotonic_time(:millisecond)

        asked =
          if asked == nil or now - asked >= @extend_ms,
            do: ask(address, opening, now),
            else: asked

        Process.sleep(@look_ms)
        wait(address, asked)
    end
  end

  defp ready(count, 0), do: "#{count} databases"
  defp ready(count, failed), do: "#{count} databases, of which #{failed} could not be opened"

  defp ask(address, opening, now) do
    send_to(
      address,
      "EXTEND_TIMEOUT_USEC=#{@patience_us}\nSTATUS=opening databases: #{opening} left\n"
    )

    now
  end

  # A manager that does not listen is no reason not to serve.
  defp send_to(address, text) do
    with {:ok, socket} <- :gen_udp.open(0, [:local, :binary]) do
      :gen_udp.send(socket, address, 0, text)
      :gen_udp.close(socket)
    end
  end
end
