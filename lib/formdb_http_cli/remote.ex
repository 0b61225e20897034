defmodule FormdbHttpCli.Remote do
  @moduledoc false
  # Asks the running server for a shell. `bin/formdb-server` then starts the shell's VM, with what is
  # printed here: the folder that is its HOME, and the server's node.

  @behaviour FormdbHttpCli.Command

  alias FormdbHttpCli.{Command, RemoteShell, Running}

  @sigalrm 14
  @patience_ms 10_000

  @impl true
  def summary, do: "Opens an Elixir shell in the running server"

  @impl true
  def help do
    """
    Opens an Elixir shell (IEx) in the server that has the data folder (FORMDB_DATA_DIR), for whoever may
    signal it: its user, and root. What is typed there runs in the server, with all that it may do.

        formdb-server remote

    Ctrl-\\ leaves the shell; the server goes on. It listens for the shell on a free port of 127.0.0.1, with
    a cookie that is made anew each time, until the last shell has ended.
    """
  end

  @impl true
  def run([]) do
    data_dir = Command.config().data_dir

    with {:ok, pid} <- Running.find(data_dir),
         :ok <- check(pid),
         :ok <- Running.signal(pid, "ALRM"),
         {:ok, node} <- await(data_dir, pid) do
      IO.puts([RemoteShell.folder(data_dir), "\n", node])
    else
      {:error, why} -> Command.refuse(why)
    end
  end

  def run(arguments),
    do: Command.refuse("remote takes no arguments, got: #{Enum.join(arguments, " ")}")

  # Another one, such as an application that has FormDB inside, would be ended by the signal.
  defp check(pid) do
    if Running.handles?(pid, @sigalrm),
      do: :ok,
      else:
        {:error,
         "process #{pid}, which has the data folder, is no server that `formdb-server start` started"}
  end

  defp await(data_dir, pid) do
    if Running.await(@patience_ms, fn -> RemoteShell.node_name(data_dir, pid) != nil end),
      do: {:ok, RemoteShell.node_name(data_dir, pid)},
      else: {:error, "process #{pid} opens no shell; its log says why"}
  end
end
