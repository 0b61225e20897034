defmodule FormdbHttpCli.Server do
  @moduledoc false
  # Starting the server and staying, for `mix formdb.server` and a release's `start`. Whatever
  # keeps it from listening is a sentence: what is wrong, where, and what to do about it.

  require Logger

  alias FormdbHttp.{Config, Log, Shutdown}
  alias FormdbHttp.Native.Library

  @flush_ms 500

  @doc """
  Starts the databases and the HTTP server: the configuration that they have, or why they did not
  start.

  With `alone: true` the VM only serves: the log takes over standard output, and SIGTERM stops the
  application in order. Without, both are a shell's.
  """
  @spec start(alone: boolean()) :: {:ok, Config.t()} | {:error, String.t()}
  def start(alone: alone?) do
    with :ok <- Library.check(), {:ok, config} <- configuration() do
      if alone?, do: take_over(config)

      case start_application() do
        :ok ->
          {:ok, config}

        {:error, _sentence} = error ->
          if alone?, do: Log.flush(@flush_ms)
          error
      end
    end
  end

  defp take_over(config) do
    # First, since it brings a handler of its own.
    {:ok, _started} = Application.ensure_all_started(:logger)
    Log.install(config)
    Shutdown.install(config.drain_timeout_ms)
  end

  defp configuration do
    case Config.from_application() do
      {:ok, config} -> {:ok, config}
      {:error, message} -> {:error, "The configuration is wrong:\n" <> message}
    end
  end

  defp start_application do
    # In another application's project nothing starts by itself.
    unless Application.get_env(:formdb_http, :config),
      do: Application.put_env(:formdb_http, :config, :environment, persistent: true)

    Application.put_env(:formdb_http, :serve, true, persistent: true)

    # Not as a permanent application: if that cannot start, the VM ends with a dump
    # of itself and buries the reason.
    case Application.ensure_all_started(:formdb_http) do
      {:ok, _started} ->
        :ok

      {:error, {:formdb_http, reason}} ->
        {:error, "The server did not start: " <> why(reason)}

      {:error, {library, {~c"no such file or directory", _file}}} ->
        {:error,
         "The server did not start: there is no library #{library}. Run bin/setup, which fetches it, " <>
           "and mix compile"}

      {:error, {library, reason}} ->
        {:error, "The server did not start, since #{library} did not: " <> why(reason)}
    end
  end

  @doc """
  Stays until the VM is stopped. Should the application ever fail, the VM ends with it, and whoever
  watches the process can start it again.
  """
  @spec stay(Config.t()) :: no_return()
  def stay(config) do
    ref = Process.monitor(FormdbHttp.Supervisor)

    receive do
      {:DOWN, ^ref, :process, _pid, reason} when reason not in [:normal, :shutdown] ->
        Logger.error("the server ends, since its processes failed too often: #{why(reason)}")
        Shutdown.stop(config.drain_timeout_ms, 1)

      {:DOWN, ^ref, :process, _pid, _stopped} ->
        Process.sleep(:infinity)
    end
  end

  @doc "Why an application did not start, or ended: the sentence, out of the supervisors it is nested in."
  @spec why(term()) :: String.t()
  def why({reason, {_application, :start, [_type, _arguments]}}), do: why(reason)
  def why({:shutdown, reason}), do: why(reason)
  def why({:failed_to_start_child, _child, reason}), do: why(reason)
  def why(%{__exception__: true} = error), do: Exception.message(error)
  def why(sentence) when is_binary(sentence), do: sentence
  # Of faults of the server: where in the code they are.
  def why({reason, [{_, _, _, _} | _] = stack}), do: Exception.format(:error, reason, stack)
  def why(reason), do: inspect(reason)
end
