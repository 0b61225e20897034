defmodule Bench.Peers.Tile38 do
  @moduledoc """
  Tile38, from `tile38-server` on the PATH or the program that `TILE38` names, asked by
  `resp_load`. It appends to a file that it syncs each second.
  """

  alias Bench.Peers.{Clients, Program, Resp}

  def name, do: "Tile38"

  def start(folder) do
    case System.get_env("TILE38") || System.find_executable("tile38-server") do
      nil ->
        {:skip, "there is no tile38-server on the PATH, and TILE38 names none"}

      path ->
        port = Program.free_port()
        command = [path, "-h", "127.0.0.1", "-p", "#{port}", "-d", Path.join(folder, "data")]
        program = Program.start(folder, command, fn -> Program.listens?(port) end)
        {:ok, %{program: program, port: port, version: version(port)}}
    end
  end

  defp version(port) do
    [pairs] = Resp.call(port, [["SERVER"]])

    pairs
    |> Enum.chunk_every(2)
    |> Enum.find_value("unknown", fn [k, v] -> k == "version" && v end)
  end

  @doc "Commands a second, asked in turn."
  def ask(tile38, name, commands, connections) do
    file = Resp.file("tile38-#{name}", commands)
    fn -> Clients.resp(tile38.port, file, connections) end
  end

  @doc "Stores documents `{id, document}` and returns the microseconds."
  def load(tile38, key, documents) do
    file =
      Resp.file(
        "tile38-load",
        Stream.map(documents, fn {id, document} -> ["SET", key, id, "OBJECT", document] end)
      )

    {_, micros} = Clients.resp_all(tile38.port, file)
    File.rm!(file)
    micros
  end

  @doc "The ids in the answers to commands."
  def ids(tile38, commands) do
    for [_cursor, found] <- Resp.call(tile38.port, commands), do: Enum.map(found, &hd/1)
  end

  @doc "The counts that answer commands."
  def counts(tile38, commands), do: Resp.call(tile38.port, commands)
end
