defmodule Mix.Tasks.Formdb.Server do
  @shortdoc "Starts the server"
  @moduledoc """
  Starts the application with its HTTP server and stays until it is stopped.

      mix formdb.server
      iex -S mix formdb.server

  It takes no arguments: settings come from environment variables, which
  `FormdbHttp.Config` lists. SIGTERM stops it in order: requests under way are
  finished and every database is closed.
  """

  use Mix.Task

  alias FormdbHttp.Config

  @impl true
  def run([]) do
    Mix.Task.run("app.config")

    # Checked here as well as by the application, whose failure to start would bury
    # the message in a report about supervisors.
    case Config.load(Application.get_env(:formdb_http, :config, %{})) do
      {:ok, _config} -> :ok
      {:error, message} -> Mix.raise("The configuration is wrong:\n" <> message)
    end

    Application.put_env(:formdb_http, :serve, true, persistent: true)
    Mix.Tasks.Run.run(if iex?(), do: [], else: ["--no-halt"])
  end

  def run(arguments) do
    Mix.raise(
      "mix formdb.server takes no arguments, got: #{Enum.join(arguments, " ")}. " <>
        "Set FORMDB_HOST, FORMDB_PORT and FORMDB_DATA_DIR instead"
    )
  end

  defp iex?, do: Code.ensure_loaded?(IEx) and IEx.started?()
end
