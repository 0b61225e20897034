defmodule FormdbHttpWeb.Monitoring.Dashboard do
  @moduledoc false
  # A dashboard for Grafana, as JSON. `mix formdb.monitoring` writes it to deploy/monitoring; a
  # test holds the metrics and labels that it names against those that the server has. Pure.

  @instance ~s(instance=~"$instance")
  @database ~s(instance=~"$instance", database=~"$database")

  # Rows of panels: title, unit of Grafana's, and what is drawn, each with its legend.
  defp rows do
    [
      {"Requests",
       [
         {"Requests by status", "reqps",
          [
            {"sum by (status) (rate(formdb_http_requests_total{#{@instance}}[$__rate_interval]))",
             "{{status}}"}
          ]},
         {"Time to answer, 99th percentile", "s",
          [
            {quantile(0.99, "formdb_http_request_duration_seconds", @instance, "route"),
             "{{route}}"}
          ]},
         {"Time to answer, median", "s",
          [
            {quantile(0.5, "formdb_http_request_duration_seconds", @instance, "route"),
             "{{route}}"}
          ]},
         {"Bytes in and out", "Bps",
          [
            {"sum(rate(formdb_http_request_size_bytes_sum{#{@instance}}[$__rate_interval]))",
             "in"},
            {"sum(rate(formdb_http_response_size_bytes_sum{#{@instance}}[$__rate_interval]))",
             "out"}
          ]},
         {"Connections and requests under way", "short",
          [
            {"formdb_http_connections{#{@instance}}", "connections"},
            {"formdb_http_requests_in_flight{#{@instance}}", "requests"}
          ]},
         {"Who waits for a place", "short",
          [
            {"formdb_heavy_running{#{@instance}}", "running: {{kind}}"},
            {"formdb_heavy_waiting{#{@instance}}", "waiting: {{kind}}"}
          ]},
         {"Refused, or done by who administers", "ops",
          [
            {"rate(formdb_audit_events_total{#{@instance}}[$__rate_interval])", "{{outcome}}"}
          ]}
       ]},
      {"Writes",
       [
         {"Transactions committed", "ops",
          [
            {"rate(formdb_database_transactions_total{#{@database}}[$__rate_interval])",
             "{{database}}"}
          ]},
         {"Time to commit, 99th percentile", "s",
          [
            {quantile(0.99, "formdb_database_commit_duration_seconds", @database, "database"),
             "{{database}}"}
          ]},
         {"Time to sync, 99th percentile", "s",
          [
            {quantile(0.99, "formdb_database_fsync_duration_seconds", @database, "database"),
             "{{database}}"}
          ]},
         {"Transactions in a group", "short",
          [
            {"rate(formdb_database_commit_group_transactions_sum{#{@database}}[$__rate_interval])" <>
               " / rate(formdb_database_commit_group_transactions_count{#{@database}}[$__rate_interval])",
             "{{database}}"}
          ]},
         {"Waiting to be committed", "short",
          [{"formdb_database_queued_transactions{#{@database}}", "{{database}}"}]},
         {"Oldest transaction without an answer", "s",
          [{"formdb_database_oldest_transaction_age_seconds{#{@database}}", "{{database}}"}]}
       ]},
      {"Memory and disk",
       [
         {"Indexes", "bytes",
          [
            {"formdb_database_index_bytes{#{@database}}", "{{database}}"},
            {"formdb_index_limit_bytes{#{@instance}}", "limit"}
          ]},
         {"Indexes by what takes them", "bytes",
          [
            {"sum by (part) (formdb_database_index_part_bytes{#{@database}})", "{{part}}"}
          ]},
         {"Work under way", "bytes",
          [
            {"formdb_work_bytes{#{@instance}}", "taken"},
            {"formdb_work_limit_bytes{#{@instance}}", "limit"}
          ]},
         {"Caches", "bytes",
          [
            {"formdb_database_document_cache_bytes{#{@database}}", "documents: {{database}}"},
            {"formdb_database_geometry_cache_bytes{#{@database}}", "geometries: {{database}}"},
            {"formdb_database_query_cache_bytes{#{@database}}", "answers: {{database}}"}
          ]},
         {"Process and VM", "bytes",
          [
            {"process_resident_memory_bytes{#{@instance}}", "process"},
            {"sum(erlang_vm_memory_bytes{#{@instance}})", "VM"}
          ]},
         {"Disk", "bytes",
          [
            {"formdb_disk_free_bytes{#{@instance}}", "free"},
            {"formdb_disk_min_free_bytes{#{@instance}}", "writes are refused below"}
          ]},
         {"Journal", "bytes", [{"formdb_database_journal_bytes{#{@database}}", "{{database}}"}]}
       ]},
      {"State",
       [
         {"Databases", "short", [{"formdb_databases{#{@instance}}", "{{status}}"}]},
         {"Read-only, failed, damaged", "short",
          [
            {"formdb_database_poisoned{#{@database}}", "read-only: {{database}}"},
            {"formdb_database_failed{#{@database}}", "failed: {{database}}"},
            {"formdb_database_damaged{#{@database}}", "damaged: {{database}}"}
          ]},
         {"Answers from the cache", "percentunit",
          [
            {"rate(formdb_database_query_cache_hits_total{#{@database}}[$__rate_interval])" <>
               " / (rate(formdb_database_query_cache_hits_total{#{@database}}[$__rate_interval])" <>
               " + rate(formdb_database_query_cache_misses_total{#{@database}}[$__rate_interval]))",
             "{{database}}"}
          ]},
         {"CPU", "short",
          [{"rate(process_cpu_seconds_total{#{@instance}}[$__rate_interval])", "cores"}]},
         {"Open files", "short",
          [
            {"process_open_fds{#{@instance}}", "open"},
            {"process_max_fds{#{@instance}}", "limit"}
          ]},
         {"Time since the last snapshot", "s",
          [{"time() - formdb_database_snapshot_timestamp_seconds{#{@database}}", "{{database}}"}]}
       ]}
    ]
  end

  defp quantile(part, metric, labels, by) do
    "histogram_quantile(#{part}, sum by (#{by}, le) (rate(#{metric}_bucket{#{labels}}[$__rate_interval])))"
  end

  @doc "What its panels draw, an expression each, by title."
  @spec expressions() :: [{String.t(), String.t()}]
  def expressions do
    for {_row, panels} <- rows(), {title, _unit, targets} <- panels, {expr, _legend} <- targets do
      {title, expr}
    end
  end

  @width 8
  @height 8
  # Grafana's grid has 24 columns.
  @columns 3

  @doc "The dashboard."
  @spec json() :: iodata()
  def json do
    {panels, _at} =
      Enum.flat_map_reduce(rows(), {0, 1}, fn {title, panels}, {y, id} ->
        row = [
          id: id,
          type: "row",
          title: title,
          collapsed: false,
          gridPos: grid(0, y, 24, 1),
          panels: []
        ]

        drawn =
          for {panel, n} <- Enum.with_index(panels),
              do: panel(panel, id + 1 + n, rem(n, @columns), y + 1 + div(n, @columns) * @height)

        height = ceil(length(panels) / @columns) * @height
        {[row | drawn], {y + 1 + height, id + 1 + length(panels)}}
      end)

    [
      title: "FormDB",
      uid: "formdb",
      tags: ["formdb"],
      schemaVersion: 38,
      editable: true,
      refresh: "30s",
      time: [from: "now-1h", to: "now"],
      templating: [list: variables()],
      annotations: [list: []],
      panels: panels
    ]
    |> FormdbHttp.JSON.text()
    |> pretty()
  end

  defp variables do
    [
      [name: "source", label: "Source", type: "datasource", query: "prometheus"],
      variable("instance", "Instance", "label_values(formdb_build_info, instance)"),
      variable(
        "database",
        "Database",
        ~s|label_values(formdb_database_seq{instance=~"$instance"}, database)|
      )
    ]
  end

  defp variable(name, label, query) do
    [
      name: name,
      label: label,
      type: "query",
      datasource: source(),
      query: [query: query, refId: name],
      refresh: 2,
      includeAll: true,
      multi: true,
      current: [text: "All", value: "$__all"]
    ]
  end

  defp panel({title, unit, targets}, id, column, y) do
    [
      id: id,
      type: "timeseries",
      title: title,
      datasource: source(),
      gridPos: grid(column * @width, y, @width, @height),
      fieldConfig: [defaults: [unit: unit, min: 0], overrides: []],
      targets:
        for {{expr, legend}, n} <- Enum.with_index(targets) do
          [refId: <<?A + n>>, datasource: source(), expr: expr, legendFormat: legend]
        end
    ]
  end

  defp grid(x, y, width, height), do: [x: x, y: y, w: width, h: height]
  defp source, do: [type: "prometheus", uid: "${source}"]

  # A member or item a line, so that what changes can be seen.
  defp pretty(text, depth \\ 0, done \\ [])
  defp pretty("", _depth, done), do: [Enum.reverse(done), ?\n]

  defp pretty(<<?", _::binary>> = text, depth, done) do
    [string] = Regex.run(~r/\A"(?:[^"\\]|\\.)*"/s, text)
    rest = binary_part(text, byte_size(string), byte_size(text) - byte_size(string))
    pretty(rest, depth, [string | done])
  end

  defp pretty(<<open, close, rest::binary>>, depth, done) when [open, close] in [~c"[]", ~c"{}"],
    do: pretty(rest, depth, [[open, close] | done])

  defp pretty(<<open, rest::binary>>, depth, done) when open in ~c"[{",
    do: pretty(rest, depth + 1, [[open, line(depth + 1)] | done])

  defp pretty(<<close, rest::binary>>, depth, done) when close in ~c"]}",
    do: pretty(rest, depth - 1, [[line(depth - 1), close] | done])

  defp pretty(<<?,, rest::binary>>, depth, done),
    do: pretty(rest, depth, [[?,, line(depth)] | done])

  defp pretty(<<?:, rest::binary>>, depth, done), do: pretty(rest, depth, [": " | done])
  defp pretty(<<other, rest::binary>>, depth, done), do: pretty(rest, depth, [other | done])

  defp line(depth), do: [?\n, List.duplicate("  ", depth)]
end
