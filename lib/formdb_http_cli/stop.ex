defmodule FormdbHttpCli.Stop do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttpCli.{Command, Running}

  # What a stop may take beyond FORMDB_DRAIN_TIMEOUT_MS: 5 s are promised.
  @beyond_ms 10_000

  @impl true
  def summary, do: "Stops the running server and waits until it has"

  @impl true
  def help do
    """
    Stops the server that has the data folder (FORMDB_DATA_DIR), as SIGTERM does, and waits until it has
    ended: requests under way are finished and every database is closed, within FORMDB_DRAIN_TIMEOUT_MS
    and 5 s.

        formdb-server stop

    The exit status is 1 when no server has the folder. Under a service manager use its own command
    (systemctl stop formdb).
    """
  end

  @impl true
  def run([]) do
    config = Command.config()

    with {:ok, pid} <- Running.find(config.data_dir),
         :ok <- Running.signal(pid, "TERM") do
      gone? = fn -> Running.find(config.data_dir) != {:ok, pid} end

      if Running.await(config.drain_timeout_ms + @beyond_ms, gone?),
        do: Command.say("process #{pid} has stopped"),
        else: Command.refuse("process #{pid} does not stop; kill -9 #{pid} is safe, too")
    else
      {:error, why} -> Command.refuse(why)
    end
  end

  def run(arguments),
    do: Command.refuse("stop takes no arguments, got: #{Enum.join(arguments, " ")}")
end
