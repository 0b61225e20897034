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
    check_keys()

    if Application.get_env(:formdb_http, :config) do
      config = Config.load!()
      serve? = Application.get_env(:formdb_http, :serve, false)
      FormdbHttp.Supervisor.start_link(config, if(serve?, do: [FormdbHttpWeb.Endpoint], else: []))
    else
      Supervisor.start_link([], strategy: :one_for_one)
    end
  end

  # A setting that is not where it is looked for would be ignored.
  defp check_keys do
    case Keyword.keys(Application.get_all_env(:formdb_http)) -- @keys do
      [] ->
        :ok

      [key | _others] ->
        raise ArgumentError,
              "the application :formdb_http has no key #{inspect(key)}; settings are options: " <>
                "config :formdb_http, config: [data_dir: path]"
    end
  end
end
