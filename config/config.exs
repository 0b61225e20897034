import Config

# In this project the databases start with the application, with the settings of the
# environment (FORMDB_*), which FormdbHttp.Config reads. Where it is a dependency nothing
# starts by itself: this file is not read there.
config :formdb_http, config: :environment

# HTTP is served by `mix formdb.server` only, so that scripts and tests embed the
# database without opening a port.
config :formdb_http, serve: false

config :logger, level: :info

import_config "#{config_env()}.exs"
