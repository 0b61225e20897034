defmodule FormdbHttpWeb.Settings do
  @moduledoc false
  # What the answers of one host depend on, worked out once.

  alias FormdbHttp.Config
  alias FormdbHttpWeb.{Auth, CrossOrigin, Rates}

  @keys [:max_body_bytes, :body_timeout_ms, :body_min_rate, :base_path, :trusted_proxies] ++
          [:compression, :socket_channels, :socket_message_bytes, :socket_joins_per_second] ++
          [:socket_idle_ms, :heartbeat_ms, :longest_wait_ms]
  @enforce_keys @keys ++ [:cross_origin, :auth, :rates, :hsts, :routes]
  defstruct @enforce_keys

  @type t :: %__MODULE__{
          max_body_bytes: pos_integer(),
          body_timeout_ms: pos_integer(),
          body_min_rate: pos_integer(),
          base_path: String.t(),
          trusted_proxies: [Config.Web.network()],
          compression: boolean(),
          socket_channels: pos_integer(),
          socket_message_bytes: pos_integer(),
          socket_joins_per_second: pos_integer(),
          socket_idle_ms: pos_integer(),
          heartbeat_ms: pos_integer(),
          longest_wait_ms: pos_integer(),
          cross_origin: CrossOrigin.t(),
          auth: auth(),
          rates: Rates.t(),
          hsts: String.t() | nil,
          routes: routes()
        }

  @typedoc """
  `auth` is what credentials are checked by; `:host` where the application that we are a part of
  says who asks, and `nil` where nobody is asked.
  """
  @type auth :: Auth.t() | :host | nil

  @typedoc "What is served: all there is, or only what probes ask for."
  @type routes :: :all | :probes

  @doc "Those of a host that listens at `address`."
  @spec new(Config.t(), :inet.ip_address(), routes()) :: t()
  def new(config, address, routes) do
    own = [
      cross_origin: CrossOrigin.new(config, address),
      auth: Auth.settings(config),
      rates: Rates.new(config, routes),
      hsts: hsts(config.hsts_seconds),
      routes: routes
    ]

    struct!(__MODULE__, config |> Map.take(@keys) |> Map.merge(Map.new(own)))
  end

  defp hsts(0), do: nil
  defp hsts(seconds), do: "max-age=#{seconds}"
end
