defmodule FormdbHttp.Application do
  @moduledoc false
  # What starts with the application: in the VM of another application nothing, since that
  # starts `FormdbHttp` where it wants it; in a VM of our own, where the key `:config` is set,
  # the databases, and with `:serve` the HTTP server.

  use Application

  alias FormdbHttp.Config

  @keys [:config, :serve, :native_library]

  @impl true
  def start(_type, _args) do
    with :ok <- check_keys() do
      if Application.get_env(:formdb_http, :config),
        do: start_configured(),
        else: Supervisor.start_link([], strategy: :one_for_one)
    end
  end

  # What is wrong is returned as a sentence, and not raised: whoever starts the application is
  # shown it as it is.
  defp start_configured do
    case Config.from_application() do
      {:ok, config} ->
        serve? = Application.get_env(:formdb_http, :serve, false)
        last = if serve?, do: [FormdbHttpWeb.Endpoint], else: []
        FormdbHttp.Supervisor.start_link(config, last)

      {:error, message} ->
        {:error, "the configuration is wrong:\n" <> message}
    end
  end

  # A setting that is not where it is looked for would be ignored.
  defp check_keys do
    case Keyword.keys(Application.get_all_env(:formdb_http)) -- @keys do
      [] ->
        :ok

      [key | _others] ->
        {:error,
         "the application :formdb_http has no key #{inspect(key)}; settings are options: " <>
           "config :formdb_http, config: [data_dir: path]"}
    end
  end
end
