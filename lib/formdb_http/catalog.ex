defmodule FormdbHttp.Catalog do
  @moduledoc false
  # Owns the engine's catalog: one data folder, one set of limits. The handle
  # and the configuration lie in :persistent_term, so a read costs no process
  # and no copy; they change only when the application starts.

  use GenServer

  alias FormdbHttp.{Config, DataFolder, Error, Native}

  @key __MODULE__

  def start_link(%Config{} = config),
    do: GenServer.start_link(__MODULE__, config, name: __MODULE__)

  @doc "The engine's handle. Raises when the application is not started."
  def handle, do: elem(:persistent_term.get(@key), 0)

  @doc "The configuration in force."
  def config, do: elem(:persistent_term.get(@key), 1)

  @impl true
  def init(config) do
    DataFolder.new()

    case Native.catalog_open(config.data_dir, Config.engine_limits(config)) do
      {:ok, handle} ->
        :persistent_term.put(@key, {handle, config})
        {:ok, config}

      {:error, error} ->
        {:stop, Error.from_native(error)}
    end
  end
end
