import Config

# In this project the databases start with the application, with the settings of the
# environment (FORMDB_*), which FormdbHttp.Config reads. Where it is a dependency nothing
# starts by itself: this file is not read there.
config :formdb_http, config: :environment

# HTTP is served by `mix formdb.server` only, so that scripts and tests embed the
# database without opening a port.
config :formdb_http, serve: false

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
