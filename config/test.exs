import Config

# Port 0 takes a free one. The data folder is this run's own; test_helper.exs
# removes it. A developer's FORMDB_* variables do not reach the tests. The write queue
# is one that a burst of a few thousand writers fills, and who waits for long need not do so for 5 s.
config :formdb_http,
  config: %{
    "FORMDB_PORT" => "0",
    "FORMDB_DATA_DIR" => Path.join(System.tmp_dir!(), "formdb-test-#{System.pid()}"),
    "FORMDB_QUEUE_TRANSACTIONS" => "512",
    "FORMDB_HEAVY_WAIT_MS" => "1000",
    # Tests of it do it themselves; the figures of others stay as they are.
    "FORMDB_SCRUB_BYTES_PER_SECOND" => "0",
    # Likewise; tests refuse much.
    "FORMDB_AUDIT_LOG" => "false",
    # Receivers of tests are on this machine, and fail in many ways.
    "FORMDB_WEBHOOK_PRIVATE" => "true",
    "FORMDB_WEBHOOK_ATTEMPT_MS" => "2000",
    "FORMDB_WEBHOOK_RETRY_MS" => "20",
    "FORMDB_WEBHOOK_RETRY_LONGEST_MS" => "100"
  }

config :logger, level: :warning
