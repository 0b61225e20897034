import Config

# HTTP is served by `mix formdb.server` only, so that scripts and tests embed the
# database without opening a port.
config :formdb_http, serve: false

# Settings of the server: environment variables by name, as text. They are parsed
# and checked by FormdbHttp.Config, wherever they come from.
config :formdb_http, config: %{}

# GET /metrics shows what can run out. The rest are facts about the machine, and figures of
# the allocators that on many cores take long to gather and are many.
config :prometheus,
  vm_system_info_collector_metrics: [
    :atom_count,
    :atom_limit,
    :ets_limit,
    :port_count,
    :port_limit,
    :process_count,
    :process_limit,
    :schedulers_online
  ]

config :logger, level: :info

import_config "#{config_env()}.exs"
