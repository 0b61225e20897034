defmodule FormdbHttpCli.Start do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttpCli.{Command, RemoteShell, Server, ServiceManager}

  @impl true
  def summary, do: "Starts the server and stays in the foreground"

  @impl true
  def help do
    """
    Starts the server and stays in the foreground.

        formdb-server start

    It takes no arguments: settings come from environment variables (docs/OPERATIONS.md). The log, on
    standard output, says where it listens. What keeps it from listening is told in a sentence, with exit
    status 1. SIGTERM and Ctrl-C stop it in order: requests under way are finished and every database is
    closed, within FORMDB_DRAIN_TIMEOUT_MS and 5 s.

    A service manager that names a socket in NOTIFY_SOCKET (systemd, Type=notify) is told when no database
    is being opened any more.
    """
  end

  @impl true
  def run([]) do
    case Server.start(alone: true) do
      {:ok, config} ->
        RemoteShell.install(config.data_dir)
        ServiceManager.tell(System.get_env("NOTIFY_SOCKET"))
        Server.stay(config)

      {:error, sentence} ->
        Command.refuse(sentence)
    end
  end

  def run(arguments) do
    Command.refuse(
      "start takes no arguments, got: #{Enum.join(arguments, " ")}. " <>
        "Set FORMDB_HOST, FORMDB_PORT and FORMDB_DATA_DIR instead"
    )
  end
end
