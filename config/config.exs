import Config

# HTTP is served by `mix formdb.server` only, so that scripts and tests embed the
# database without opening a port.
config :formdb_http, serve: false

# Settings of the server: environment variables by name, as text. They are parsed
# and checked by FormdbHttp.Config, wherever they come from.
config :formdb_http, config: %{}

config :logger, level: :info

import_config "#{config_env()}.exs"
