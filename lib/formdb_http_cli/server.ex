defmodule FormdbHttpCli.Server do
  @moduledoc false
  # Starting the server and staying, for `mix formdb.server` and a release's `start`. Whatever
  # keeps it from listening is a sentence.

  require Logger

  alias FormdbHttp.{Config, Log, Shutdown}

  @flush_ms 500

  @doc """
  Starts it. With `alone: true` the VM only serves: its log and its end are ours. Without, they are a
  shell's.
  """
  @spec start(alone: boolean()) :: {:ok, Config.t()} | {:error, String.t()}
  def start(alone: alone?) do
    # Checked here as well as by the application, whose failure to start would bury
    # the message in a report about supervisors.
    case Config.from_application() do
      {:ok, config} ->
        if alone?, do: take_over(config)
        start_application(config)

      {:error, message} ->
        {:error, "The configuration is wrong:\n" <> message}
    end
  end

  defp take_over(config) do
    # First, since it brings a handler of its own.
    {:ok, _started} = Application.ensure_all_started(:logger)
    Log.install(config)
    Shutdown.install(config.drain_timeout_ms)
  end

  defp start_application(config) do
    # In another application's project nothing starts by itself.
    unless Application.get_env(:formdb_http, :config),
      do: Application.put_env(:formdb_http, :config, :environment, persistent: true)

    Application.put_env(:formdb_http, :serve, true, persistent: true)

    # Not as a permanent application: if that cannot start, the VM ends with a dump
    # of itself and buries the reason.
    case Application.ensure_all_started(:formdb_http) do
      {:ok, _started} ->
        {:ok, config}

      {:error, {_application, reason}} ->
        Log.flush(@flush_ms)
        {:error, "The server did not start: " <> why(reason)}
    end
  end

  @doc """
  Stays. Should the application ever fail, the VM ends with it, and whoever watches the
  process can start it again.
  """
  @spec stay(Config.t()) :: no_return()
  def stay(config) do
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
end
