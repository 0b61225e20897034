import Config

# How the environment reaches the application: every FORMDB_* variable, unparsed.
# FormdbHttp.Config.load!/0 turns them into the struct that the supervision tree
# is given, and refuses to start on an unknown name or a bad value.
if config_env() != :test do
  config :formdb_http,
    config: Map.filter(System.get_env(), fn {name, _} -> String.starts_with?(name, "FORMDB_") end)
end
