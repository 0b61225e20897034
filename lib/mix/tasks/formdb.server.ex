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

  require Logger

  alias FormdbHttp.{Config, Log, Shutdown}

  @flush_ms 500

  @impl true
  def run([]) do
    Mix.Task.run("app.config")

    # Checked here as well as by the application, whose failure to start would bury
    # the message in a report about supervisors.
    config =
      case Config.from_application() do
        {:ok, config} -> config
        {:error, message} -> Mix.raise("The configuration is wrong:\n" <> message)
      end

    # A shell keeps the terminal, and its own end.
    unless iex?() do
      Log.install(config)
      Shutdown.install(config.drain_timeout_ms)
    end

    # In another application's project nothing starts by itself.
    unless Application.get_env(:formdb_http, :config),
      do: Application.put_env(:formdb_http, :config, :environment, persistent: true)

    Application.put_env(:formdb_http, :serve, true, persistent: true)

    # Not as a permanent application: if that cannot start, the VM ends with a dump
    # of itself and buries the reason.
    case Application.ensure_all_started(:formdb_http) do
      {:ok, _started} ->
        unless iex?(), do: stay(config)

      {:error, {_application, reason}} ->
        Log.flush(@flush_ms)
        Mix.raise("The server did not start: " <> why(reason))
    end
  end

  def run(arguments) do
    Mix.raise(
      "mix formdb.server takes no arguments, got: #{Enum.join(arguments, " ")}. " <>
        "Set FORMDB_HOST, FORMDB_PORT and FORMDB_DATA_DIR instead"
    )
  end

  # Should the application ever fail, the VM ends with it, and whoever watches the
  # process can start it again.
  defp stay(config) do
    ref = Process.monitor(FormdbHttp.Supervisor)

    receive do
      {:DOWN, ^ref, :process, _pid, reason} when reason not in [:normal, :shutdown] ->
        Logger.error("the server ends, since its processes failed too often: #{why(reason)}")
        Shutdown.stop(config.drain_timeout_ms, 1)
    end

    Process.sleep(:infinity)
  end

  # The sentence of what did not start, out of the supervisors it is nested in.
  defp why({{:shutdown, {:failed_to_start_child, _child, reason}}, _start}), do: why(reason)
  defp why({:shutdown, reason}), do: why(reason)
  defp why(%{__exception__: true} = error), do: Exception.message(error)
  defp why(sentence) when is_binary(sentence), do: sentence
  defp why(reason), do: inspect(reason)

  defp iex?, do: Code.ensure_loaded?(IEx) and IEx.started?()
end
