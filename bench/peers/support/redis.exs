defmodule Bench.Peers.Redis do
  @moduledoc """
  Redis, asked by `resp_load`. It appends each write to a file; when that is synced is set for each
  row. Its GEO commands know points alone, as cells of some 0.6 m, on a sphere.
  """

  alias Bench.Peers.{Clients, Program, Resp}

  def name, do: "Redis"

  def start(folder) do
    case System.find_executable("redis-server") do
      nil ->
        {:skip, "Redis is not installed (bin/setup --peers)"}

      path ->
        File.mkdir_p!(folder)
        port = Program.free_port()
        command = [path | ~w(--port #{port} --bind 127.0.0.1 --dir #{folder} --save) ++ [""]]
        command = command ++ ~w(--appendonly yes --appendfsync everysec --daemonize no)
        program = Program.start(folder, command, fn -> Program.listens?(port) end)
        {:ok, %{program: program, port: port, version: version(port)}}
    end
  end

  defp version(port) do
    [text] = Resp.call(port, [["INFO", "server"]])
    [_, version] = Regex.run(~r/redis_version:(\S+)/, text)
    version
  end

  @doc "Says when writes are synced: `always` or `everysec`."
  def synced(redis, policy),
    do: ["OK"] = Resp.call(redis.port, [["CONFIG", "SET", "appendfsync", policy]])

  @doc "Commands a second, asked in turn."
  def ask(redis, name, commands, connections) do
    file = Resp.file("redis-#{name}", commands)
    fn -> Clients.resp(redis.port, file, connections) end
  end

  @doc "Sends each command once, and returns the microseconds."
  def send_all(redis, commands) do
    file = Resp.file("redis-load", commands)
    {_, micros} = Clients.resp_all(redis.port, file)
    File.rm!(file)
    micros
  end

  @doc "The members that answer commands that only ask for those."
  def ids(redis, commands), do: Resp.call(redis.port, commands)
end
