defmodule FormdbHttpWeb.Monitoring.Alerts do
  @moduledoc false
  # Alert rules for Prometheus, and tests of them for promtool, as YAML. `mix formdb.monitoring`
  # writes both to deploy/monitoring; a test holds the metrics and labels that they name against
  # those that the server has. Pure.

  # Each with how long it has to hold, and with series of which it fires and of which it does
  # not: {series, values} as promtool takes them, looked at after 30 minutes.
  @alerts [
    %{
      name: "FormdbDown",
      severity: "critical",
      expr: "absent(formdb_build_info)",
      for: "2m",
      summary: "No FormDB server is scraped",
      help: "The server does not run, or cannot be reached.",
      fires: [],
      quiet: [{"formdb_build_info", "1x30"}]
    },
    %{
      name: "FormdbReadOnly",
      severity: "critical",
      expr: "formdb_database_poisoned == 1",
      for: "0m",
      summary: "{{ $labels.database }} takes no writes since one failed",
      help: "Mend what failed, then close the database and open it again.",
      fires: [{~s(formdb_database_poisoned{database="a"}), "0x20 1x10"}],
      quiet: [{~s(formdb_database_poisoned{database="a"}), "0x30"}]
    },
    %{
      name: "FormdbDatabaseFailed",
      severity: "critical",
      expr: ~s(formdb_database_failed == 1 or formdb_databases{status="failed"} > 0),
      for: "0m",
      summary: "A database cannot be used",
      help: "It failed while it was open, or cannot be opened; /health/ready has the reason.",
      fires: [{~s(formdb_databases{status="failed"}), "0x20 1x10"}],
      quiet: [
        {~s(formdb_databases{status="failed"}), "0x30"},
        {~s(formdb_database_failed{database="a"}), "0x30"}
      ]
    },
    %{
      name: "FormdbOpeningTakesLong",
      severity: "warning",
      expr: ~s(formdb_databases{status="opening"} > 0),
      for: "15m",
      summary: "A journal is still being read",
      help: "Requests to its database are refused until it is open.",
      fires: [{~s(formdb_databases{status="opening"}), "1x30"}],
      quiet: [{~s(formdb_databases{status="opening"}), "0x20 1x10"}]
    },
    %{
      name: "FormdbDamaged",
      severity: "critical",
      expr: "formdb_database_damaged > 0",
      for: "0m",
      summary: "What {{ $labels.database }} has stored is damaged",
      help: "The log names files and bytes. Keep a copy, and restore a backup or salvage it.",
      fires: [{~s(formdb_database_damaged{database="a"}), "0x20 1x10"}],
      quiet: [{~s(formdb_database_damaged{database="a"}), "0x30"}]
    },
    %{
      name: "FormdbDiskLow",
      severity: "critical",
      expr: "formdb_disk_free_bytes < on (job, instance) formdb_disk_min_free_bytes",
      for: "0m",
      summary: "Writes are refused: the disk has {{ $value | humanize1024 }}B free",
      help: "Make room on the disk of the data folder, or lower FORMDB_MIN_FREE_BYTES.",
      fires: [{"formdb_disk_free_bytes", "100x30"}, {"formdb_disk_min_free_bytes", "200x30"}],
      quiet: [{"formdb_disk_free_bytes", "200x30"}, {"formdb_disk_min_free_bytes", "200x30"}]
    },
    %{
      name: "FormdbDiskFills",
      severity: "warning",
      expr:
        "predict_linear(formdb_disk_free_bytes[1h], 24 * 3600) < on (job, instance) formdb_disk_min_free_bytes",
      for: "15m",
      summary: "The disk will be full within a day",
      help: "Below FORMDB_MIN_FREE_BYTES writes are refused.",
      fires: [
        {"formdb_disk_free_bytes", "2000000-1000x30"},
        {"formdb_disk_min_free_bytes", "1000000x30"}
      ],
      quiet: [
        {"formdb_disk_free_bytes", "2000000-100x30"},
        {"formdb_disk_min_free_bytes", "1000000x30"}
      ]
    },
    %{
      name: "FormdbCommitStalls",
      severity: "critical",
      expr: "formdb_database_oldest_transaction_age_seconds > 10",
      for: "1m",
      summary: "A write to {{ $labels.database }} waits for {{ $value | humanizeDuration }}",
      help: "The disk does not answer, or more is written than it takes.",
      fires: [{~s(formdb_database_oldest_transaction_age_seconds{database="a"}), "11+60x30"}],
      quiet: [
        {~s(formdb_database_oldest_transaction_age_seconds{database="a"}), "0 20 0 20x0 0x27"}
      ]
    },
    %{
      name: "FormdbQueueFills",
      severity: "warning",
      expr:
        "formdb_database_queued_transactions > on (job, instance) group_left () 0.5 * formdb_queue_limit_transactions\n" <>
          "  or formdb_database_queued_bytes > on (job, instance) group_left () 0.5 * formdb_queue_limit_bytes",
      for: "1m",
      summary: "The disk does not keep up with the writes to {{ $labels.database }}",
      help: "When the queue is full, writes are answered 503 busy.",
      fires: [
        {~s(formdb_database_queued_bytes{database="a"}), "60x30"},
        {"formdb_queue_limit_bytes", "100x30"}
      ],
      quiet: [
        {~s(formdb_database_queued_bytes{database="a"}), "40x30"},
        {"formdb_queue_limit_bytes", "100x30"},
        {~s(formdb_database_queued_transactions{database="a"}), "40x30"},
        {"formdb_queue_limit_transactions", "100x30"}
      ]
    },
    %{
      name: "FormdbSlowSync",
      severity: "warning",
      expr:
        "histogram_quantile(0.99, sum by (job, instance, database, le) (rate(formdb_database_fsync_duration_seconds_bucket[5m]))) > 0.5",
      for: "10m",
      summary:
        "One sync in a hundred of {{ $labels.database }} takes {{ $value | humanizeDuration }}",
      help: "Every durable write waits for one.",
      fires: [
        {~s(formdb_database_fsync_duration_seconds_bucket{database="a",le="0.5"}), "0+10x30"},
        {~s(formdb_database_fsync_duration_seconds_bucket{database="a",le="1"}), "0+20x30"},
        {~s(formdb_database_fsync_duration_seconds_bucket{database="a",le="+Inf"}), "0+20x30"}
      ],
      quiet: [
        {~s(formdb_database_fsync_duration_seconds_bucket{database="a",le="0.25"}), "0+20x30"},
        {~s(formdb_database_fsync_duration_seconds_bucket{database="a",le="0.5"}), "0+20x30"},
        {~s(formdb_database_fsync_duration_seconds_bucket{database="a",le="+Inf"}), "0+20x30"}
      ]
    },
    %{
      name: "FormdbIndexMemory",
      severity: "warning",
      expr: "formdb_index_bytes > on (job, instance) 0.9 * formdb_index_limit_bytes",
      for: "5m",
      summary: "Nine tenths of the memory for indexes are taken",
      help:
        "When all is, writes that add are refused: raise FORMDB_INDEX_BYTES, or close or purge a database.",
      fires: [{"formdb_index_bytes", "95x30"}, {"formdb_index_limit_bytes", "100x30"}],
      quiet: [{"formdb_index_bytes", "85x30"}, {"formdb_index_limit_bytes", "100x30"}]
    },
    %{
      name: "FormdbWorkMemory",
      severity: "warning",
      expr: "formdb_work_bytes > on (job, instance) 0.9 * formdb_work_limit_bytes",
      for: "5m",
      summary: "Nine tenths of the memory for work under way are taken",
      help: "When all is, requests are answered 503 memory_full: raise FORMDB_WORK_BYTES.",
      fires: [{"formdb_work_bytes", "95x30"}, {"formdb_work_limit_bytes", "100x30"}],
      quiet: [{"formdb_work_bytes", "85x30"}, {"formdb_work_limit_bytes", "100x30"}]
    },
    %{
      name: "FormdbErrors",
      severity: "warning",
      expr:
        ~s(sum by (job, instance\) (rate(formdb_http_requests_total{status="5xx"}[5m]\)\)\n) <>
          "  > 0.01 * sum by (job, instance) (rate(formdb_http_requests_total[5m]))",
      for: "5m",
      summary: "More than one request in a hundred is answered 5xx",
      help: "The log and the panels of the dashboard say which.",
      fires: [
        {~s(formdb_http_requests_total{status="2xx"}), "0+95x30"},
        {~s(formdb_http_requests_total{status="5xx"}), "0+5x30"}
      ],
      quiet: [
        {~s(formdb_http_requests_total{status="2xx"}), "0+1000x30"},
        {~s(formdb_http_requests_total{status="5xx"}), "0+1x30"}
      ]
    },
    %{
      name: "FormdbBusy",
      severity: "warning",
      expr: "rate(formdb_heavy_refused_total[5m]) > 0",
      for: "10m",
      summary: "Questions, large writes or sign-ins are refused as busy ({{ $labels.kind }})",
      help: "More is asked at once than there are places for.",
      fires: [{~s(formdb_heavy_refused_total{kind="question"}), "0+1x30"}],
      quiet: [{~s(formdb_heavy_refused_total{kind="question"}), "7x30"}]
    },
    %{
      name: "FormdbCredentialsRefused",
      severity: "warning",
      expr:
        "sum by (instance) (rate(formdb_audit_events_total{outcome=~\"invalid_token|too_many_attempts\"}[10m])) > 0.5",
      for: "10m",
      summary: "Credentials that are not valid come again and again",
      help:
        "Somebody guesses, or a program has an old key: the lines of the log with the event audit say from where.",
      fires: [{~s(formdb_audit_events_total{outcome="invalid_token"}), "0+60x60"}],
      quiet: [{~s(formdb_audit_events_total{outcome="invalid_token"}), "0+10x60"}]
    },
    %{
      name: "FormdbConnectionsRefused",
      severity: "warning",
      expr: "rate(formdb_http_connections_refused_total[5m]) > 0",
      for: "5m",
      summary: "Connections are refused",
      help:
        "As many are open as FORMDB_MAX_CONNECTIONS allows, or from one address FORMDB_ADDRESS_CONNECTIONS.",
      fires: [{"formdb_http_connections_refused_total", "0+1x30"}],
      quiet: [{"formdb_http_connections_refused_total", "3x30"}]
    },
    %{
      name: "FormdbCertificateEnds",
      severity: "warning",
      expr: "formdb_tls_certificate_expiry_timestamp_seconds - time() < 14 * 86400",
      for: "10m",
      summary: "The certificate of TLS ends within 14 days",
      help: "Renew it; the server reads the files again when they change.",
      fires: [{"formdb_tls_certificate_expiry_timestamp_seconds", "1000000x30"}],
      quiet: [{"formdb_tls_certificate_expiry_timestamp_seconds", "2000000x30"}]
    },
    %{
      name: "FormdbOpenFiles",
      severity: "warning",
      expr:
        "process_open_fds{} > on (job, instance) 0.8 * process_max_fds and on (job, instance) formdb_build_info",
      for: "5m",
      summary: "Four fifths of the files that the process may open are open",
      help: "Raise its limit (ulimit -n).",
      fires: [
        {"process_open_fds", "900x30"},
        {"process_max_fds", "1000x30"},
        {"formdb_build_info", "1x30"}
      ],
      quiet: [
        {"process_open_fds", "700x30"},
        {"process_max_fds", "1000x30"},
        {"formdb_build_info", "1x30"}
      ]
    },
    %{
      name: "FormdbClock",
      severity: "warning",
      expr: "abs(formdb_database_clock_offset_seconds) > 1",
      for: "1m",
      summary: "The times of commits to {{ $labels.database }} do not follow the system's clock",
      help: "It jumped ahead, or is behind the last commit: correct it.",
      fires: [{~s(formdb_database_clock_offset_seconds{database="a"}), "-5x30"}],
      quiet: [{~s(formdb_database_clock_offset_seconds{database="a"}), "0.5x30"}]
    },
    %{
      name: "FormdbSnapshotsFail",
      severity: "warning",
      expr: "increase(formdb_database_snapshot_failures_total[1h]) > 0",
      for: "0m",
      summary: "The indexes of {{ $labels.database }} could not be stored",
      help: "No data is lost; the next opening reads more of the journal.",
      fires: [{~s(formdb_database_snapshot_failures_total{database="a"}), "0x20 1x10"}],
      quiet: [{~s(formdb_database_snapshot_failures_total{database="a"}), "1x30"}]
    },
    %{
      name: "FormdbWebhookFails",
      expr: "formdb_webhook_delivering == 0 and formdb_webhook_lag_blocks > 0",
      for: "15m",
      severity: "warning",
      summary:
        "Webhook {{ $labels.webhook }} of database {{ $labels.database }} is not delivered",
      help:
        "Its receiver fails, or it was paused or stopped: GET /api/v1/databases/{{ $labels.database }}/webhooks/" <>
          "{{ $labels.webhook }} says which. What happens in the database is delivered later.",
      fires: [
        {~s(formdb_webhook_delivering{database="a",webhook="w"}), "0x60"},
        {~s(formdb_webhook_lag_blocks{database="a",webhook="w"}), "5x60"}
      ],
      quiet: [
        {~s(formdb_webhook_delivering{database="a",webhook="w"}), "1x60"},
        {~s(formdb_webhook_lag_blocks{database="a",webhook="w"}), "5x60"}
      ]
    },
    %{
      name: "FormdbLogDropped",
      severity: "warning",
      expr: "increase(formdb_log_lines_dropped_total[10m]) > 0",
      for: "0m",
      summary: "Lines of the log were dropped",
      help: "Nobody reads standard output fast enough.",
      fires: [{"formdb_log_lines_dropped_total", "0x20 5x10"}],
      quiet: [{"formdb_log_lines_dropped_total", "5x30"}]
    }
  ]

  @head "# Written by mix formdb.monitoring. Do not edit: change lib/formdb_http_web/monitoring.\n"

  @doc "What the rules look at, an expression each, by name."
  @spec expressions() :: [{String.t(), String.t()}]
  def expressions, do: for(alert <- @alerts, do: {alert.name, alert.expr})

  @doc "The rules."
  @spec rules() :: iodata()
  def rules do
    [@head, "groups:\n  - name: formdb\n    rules:\n", Enum.map(@alerts, &rule/1)]
  end

  defp rule(alert) do
    [
      "      - alert: #{alert.name}\n",
      "        expr: |-\n",
      for(line <- String.split(alert.expr, "\n"), do: "          #{line}\n"),
      "        for: #{alert.for}\n",
      "        labels:\n          severity: #{alert.severity}\n",
      "        annotations:\n",
      "          summary: #{quoted(alert.summary)}\n",
      "          description: #{quoted(alert.help)}\n"
    ]
  end

  @doc "Their tests."
  @spec tests() :: iodata()
  def tests do
    [
      @head,
      "rule_files:\n  - alerts.yml\nevaluation_interval: 1m\ntests:\n",
      for(alert <- @alerts, do: [test(alert, alert.fires, true), test(alert, alert.quiet, false)])
    ]
  end

  # promtool wants all labels and annotations of an alert that fires, which depend on values;
  # so what is asked is how many there are.
  defp test(alert, series, fires?) do
    count = if fires?, do: [~s(          - labels: '{}'\n            value: 1\n)], else: []

    [
      "  - name: #{alert.name} #{if fires?, do: "fires", else: "is quiet"}\n",
      "    interval: 1m\n",
      if(series == [], do: "    input_series: []\n", else: "    input_series:\n"),
      for {name, values} <- series do
        ["      - series: #{quoted(name)}\n", "        values: #{quoted(values)}\n"]
      end,
      "    promql_expr_test:\n",
      ~s(      - expr: #{quoted(~s|count(ALERTS{alertname="#{alert.name}",alertstate="firing"}\)|)}\n),
      "        eval_time: 30m\n",
      if(count == [], do: "        exp_samples: []\n", else: "        exp_samples:\n"),
      count
    ]
  end

  # As YAML takes it from JSON.
  defp quoted(text), do: FormdbHttp.JSON.text(text)
end
