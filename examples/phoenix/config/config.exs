import Config

config :ships, ShipsWeb.Endpoint,
  adapter: Bandit.PhoenixAdapter,
  url: [host: "localhost"],
  http: [ip: {127, 0, 0, 1}, port: 4001],
  server: true,
  # One of your own in an application that others reach: mix phx.gen.secret
  secret_key_base: String.duplicate("of the example. ", 4),
  live_view: [signing_salt: "of the example"],
  pubsub_server: Ships.PubSub,
  render_errors: [formats: [html: ShipsWeb.ErrorHTML], layout: false]

# Options of FormdbHttp, as in docs/OPERATIONS.md without FORMDB_ and in lower case.
config :ships, FormdbHttp, data_dir: "data"

config :phoenix, :json_library, Jason

if config_env() == :test do
  config :logger, level: :warning
  config :ships, ShipsWeb.Endpoint, http: [ip: {127, 0, 0, 1}, port: 0]
  config :ships, FormdbHttp, data_dir: Path.join(System.tmp_dir!(), "ships-test-#{System.pid()}")
end
