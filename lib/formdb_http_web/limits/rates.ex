defmodule FormdbHttpWeb.Rates do
  @moduledoc false
  # How many requests a second may come from one address and of one principal, as the settings of
  # a host say it.

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Buckets

  defmodule Limit do
    @moduledoc false
    @enforce_keys [:name, :setting, :rate, :burst, :policy, :buckets]
    defstruct @enforce_keys

    @type t :: %__MODULE__{
            name: String.t(),
            setting: String.t(),
            rate: pos_integer(),
            burst: pos_integer(),
            policy: String.t(),
            buckets: Buckets.t()
          }
  end

  @enforce_keys [:address, :principal]
  defstruct @enforce_keys

  @type t :: %__MODULE__{address: Limit.t() | nil, principal: Limit.t() | nil}

  # Without a burst of its own a bucket holds what comes in so many seconds.
  @burst_seconds 10

  @doc "None where what is served is probes alone."
  @spec new(Config.t(), FormdbHttpWeb.Settings.routes()) :: t()
  def new(_config, :probes), do: %__MODULE__{address: nil, principal: nil}

  def new(config, :all) do
    %__MODULE__{
      address: limit("address", "FORMDB_ADDRESS_RATE", config.address_rate, config.address_burst),
      principal:
        limit("principal", "FORMDB_PRINCIPAL_RATE", config.principal_rate, config.principal_burst)
    }
  end

  defp limit(_name, _setting, 0, _burst), do: nil

  defp limit(name, setting, rate, burst) do
    burst = if burst == 0, do: @burst_seconds * rate, else: burst

    %Limit{
      name: name,
      setting: setting,
      rate: rate,
      burst: burst,
      # As draft-ietf-httpapi-ratelimit-headers-10 has it: so many in so many seconds.
      policy: ~s("#{name}";q=#{burst};w=#{div(burst + rate - 1, rate)}),
      buckets: Buckets.new(rate, burst)
    }
  end
end
