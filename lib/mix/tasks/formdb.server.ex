defmodule Mix.Tasks.Formdb.Server do
  @shortdoc "Starts the server"
  @moduledoc """
  Starts the application with its HTTP server and stays until it is stopped.

      mix formdb.server
      iex -S mix formdb.server

  It takes no arguments: settings come from environment variables, which
  `FormdbHttp.Config` lists. SIGTERM stops it in order: requests under way are
  finished and every database is closed, within `FORMDB_DRAIN_TIMEOUT_MS` and 5 s.
  The log goes to standard output, and never keeps the server waiting.
  """

  use Mix.Task

  alias FormdbHttpCli.Server

  @impl true
  def run([]) do
    Mix.Task.run("app.config")
    shell? = Code.ensure_loaded?(IEx) and IEx.started?()

    # A shell keeps the terminal, and its own end.
    case Server.start(alone: not shell?) do
      {:ok, config} -> unless shell?, do: Server.stay(config)
      {:error, sentence} -> Mix.raise(sentence)
    end
  end

  def run(arguments) do
    Mix.raise(
      "mix formdb.server takes no arguments, got: #{Enum.join(arguments, " ")}. " <>
        "Set FORMDB_HOST, FORMDB_PORT and FORMDB_DATA_DIR instead"
    )
  end
end
