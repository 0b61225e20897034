defmodule Bench.Peers.Resp do
  @moduledoc "The protocol of Redis (RESP 2): commands as bytes, and single calls."

  @doc "A command as it is sent."
  def encode(words) do
    words = Enum.map(words, &to_string/1)
    ["*#{length(words)}\r\n" | Enum.map(words, &["$#{byte_size(&1)}\r\n", &1, "\r\n"])]
  end

  @doc "Commands as a file for `Bench.Peers.Clients`."
  def file(name, commands) do
    path = Path.join(System.tmp_dir!(), name)

    commands
    |> Stream.map(&encode/1)
    |> Stream.into(File.stream!(path, delayed_write: true))
    |> Stream.run()

    path
  end

  @doc "The answers to commands, one after the other."
  def call(port, commands) do
    {:ok, socket} =
      :gen_tcp.connect({127, 0, 0, 1}, port, [
        :binary,
        active: false,
        packet: :line,
        buffer: 65_536
      ])

    try do
      for command <- commands do
        :ok = :gen_tcp.send(socket, encode(command))
        reply(socket)
      end
    after
      :gen_tcp.close(socket)
    end
  end

  defp reply(socket) do
    {:ok, line} = :gen_tcp.recv(socket, 0, 60_000)
    {kind, rest} = String.split_at(String.trim_trailing(line), 1)

    case kind do
      "+" -> rest
      "-" -> raise "refused: #{rest}"
      ":" -> String.to_integer(rest)
      "$" -> bulk(socket, String.to_integer(rest))
      "*" -> for _ <- 1..String.to_integer(rest)//1, do: reply(socket)
    end
  end

  defp bulk(_socket, -1), do: nil

  defp bulk(socket, size) do
    :ok = :inet.setopts(socket, packet: :raw)
    {:ok, bytes} = :gen_tcp.recv(socket, size + 2, 60_000)
    :ok = :inet.setopts(socket, packet: :line)
    binary_part(bytes, 0, size)
  end
end
