defmodule FormdbHttp.Metrics do
  @moduledoc """
  The figures of the databases as a collector of the `prometheus` library. They are read
  when somebody asks for them; nothing runs in between.

  `GET /metrics` has them. An application that embeds the database adds them to its own:

      :prometheus_registry.register_collector(FormdbHttp.Metrics)

  docs/OPERATIONS.md lists what there is.
  """

  @behaviour :prometheus_collector

  import :prometheus_model_helpers, only: [create_mf: 4]

  alias FormdbHttp.{Admission, Catalog, Native, Webhooks}

  @statuses [:open, :opening, :failed, :closed]

  # Of every open database: name, type, where the figures of FormdbHttp.database/1 and those of
  # the engine have it, meaning.
  @figures [
    {:formdb_database_seq, :gauge, [:seq], "Sequence of the last block that readers see."},
    {:formdb_database_durable_seq, :gauge, [:durable_seq],
     "Sequence of the last block that is on disk."},
    {:formdb_database_features, :gauge, [:features], "Features there are now."},
    {:formdb_database_versions, :gauge, [:versions], "Earlier versions of features."},
    {:formdb_database_series, :gauge, [:series], "Time series that have points or attributes."},
    {:formdb_database_points, :gauge, [:points], "Points there are now."},
    {:formdb_database_journal_bytes, :gauge, [:journal_bytes], "Size of the journal on disk."},
    {:formdb_database_journal_segments, :gauge, [:segments], "Files of the journal."},
    {:formdb_database_queued_transactions, :gauge, [:queued],
     "Transactions that wait to be committed."},
    {:formdb_database_queued_bytes, :gauge, [:queued_bytes], "Size of these, encoded."},
    {:formdb_database_oldest_transaction_age_seconds, :gauge, [:oldest_ns],
     "How long the oldest transaction waits that is not answered yet, else 0."},
    {:formdb_database_open_transactions, :gauge, [:open_transactions],
     "Transactions that clients have begun and not ended."},
    {:formdb_database_commit_duration_seconds, :histogram, [:commits],
     "Time from the submission of a transaction to its answer."},
    {:formdb_database_fsync_duration_seconds, :histogram, [:syncs],
     "Time that a sync of the journal to disk took."},
    {:formdb_database_commit_group_transactions, :histogram, [:group_sizes],
     "Transactions that were committed in one group."},
    {:formdb_database_transactions_total, :counter, [:transactions],
     "Transactions committed since the database was opened."},
    {:formdb_database_commit_groups_total, :counter, [:groups],
     "Groups of transactions written since the database was opened."},
    {:formdb_database_index_bytes, :gauge, [:index_bytes, :total],
     "Memory that its indexes take, roughly."},
    {:formdb_database_opening_duration_seconds, :gauge, [:opening_ns],
     "Time that opening it took, with reading and checking its journal."},
    {:formdb_database_snapshots_total, :counter, [:snapshots],
     "Times that its indexes were stored for a quick opening."},
    {:formdb_database_snapshot_failures_total, :counter, [:snapshot_failures],
     "Times that this failed."},
    {:formdb_database_snapshot_timestamp_seconds, :gauge, [:snapshot_at_ns],
     "When that was done last, as seconds since 1970."},
    {:formdb_database_snapshot_duration_seconds, :gauge, [:snapshot_ns], "Time that it took."},
    {:formdb_database_snapshot_bytes, :gauge, [:snapshot_bytes], "Size of what was stored."},
    {:formdb_database_document_cache_bytes, :gauge, [:cached_bytes],
     "Memory of finished feature documents."},
    {:formdb_database_geometry_cache_bytes, :gauge, [:geometry_cache_bytes],
     "Memory of geometries that are kept ready to be compared."},
    {:formdb_database_poisoned, :gauge, [:poisoned],
     "1 when a write failed and the database takes no more of them, else 0."},
    {:formdb_database_scrub_bytes_total, :counter, [:scrub, :bytes],
     "Bytes of stored blocks that were read through and checked."},
    {:formdb_database_scrub_passes_total, :counter, [:scrub, :passes],
     "Times that everything stored was read through and checked."},
    {:formdb_database_damaged, :gauge, [:scrub, :damaged],
     "Places in the journal at which reading it through found damage."},
    {:formdb_database_clock_offset_seconds, :gauge, [:clock_offset_ms],
     "How far the system's clock is ahead of commit time after a jump, or behind it; else 0."},
    {:formdb_database_failed, :gauge, [:failed],
     "1 when the database can neither be read nor written until it is opened again, else 0."},
    {:formdb_database_query_cache_entries, :gauge, [:query_cache, :entries],
     "Answers to queries kept now."},
    {:formdb_database_query_cache_bytes, :gauge, [:query_cache, :bytes],
     "Memory of answers to queries."},
    {:formdb_database_query_cache_hits_total, :counter, [:query_cache, :hits],
     "Queries answered from the cache."},
    {:formdb_database_query_cache_misses_total, :counter, [:query_cache, :misses],
     "Queries whose answer was worked out."},
    {:formdb_database_query_cache_evictions_total, :counter, [:query_cache, :evictions],
     "Answers that made room for others."},
    {:formdb_database_query_cache_expirations_total, :counter, [:query_cache, :expirations],
     "Answers found expired."},
    {:formdb_database_query_cache_invalidations_total, :counter, [:query_cache, :invalidations],
     "Answers found out of date, since a write had touched what they came from."}
  ]

  # What the memory of indexes is shown by.
  @index_parts [:features, :versions, :series, :points, :other]

  # Of the work that is bounded by how much of it is done at once.
  @admission [
    {:formdb_heavy_bound, :gauge, :bound, "Places for what takes long."},
    {:formdb_heavy_running, :gauge, :taken, "Places that are taken."},
    {:formdb_heavy_waiting, :gauge, :waiting, "Who waits for a place now."},
    {:formdb_heavy_waited_total, :counter, :waited, "Who had to wait for a place."},
    {:formdb_heavy_refused_total, :counter, :refused,
     "Who got no place in time and was answered that the server is busy."}
  ]

  # Of every webhook: name, type, where its progress has it, meaning.
  @webhooks [
    {:formdb_webhook_lag_blocks, :gauge, :lag,
     "Durable blocks that it has still to be told of, or to look at."},
    {:formdb_webhook_delivering, :gauge, :delivering,
     "1 when it is delivered, or there is nothing to deliver; 0 when attempts fail, or none is made."},
    {:formdb_webhook_dead_letters, :gauge, :dead_letters, "Deliveries that were given up."},
    {:formdb_webhook_deliveries_total, :counter, :deliveries,
     "Deliveries that were confirmed since the database was opened."},
    {:formdb_webhook_events_total, :counter, :events, "Events of these."},
    {:formdb_webhook_failures_total, :counter, :failures,
     "Attempts that failed since the database was opened."}
  ]

  @impl true
  def deregister_cleanup(_registry), do: :ok

  @impl true
  def collect_mf(_registry, callback) do
    callback.(create_mf(:formdb_build_info, "What is running; always 1.", :gauge, [build()]))

    callback.(
      create_mf(
        :formdb_log_lines_dropped_total,
        "Lines of the log that were dropped, since nobody read it.",
        :counter,
        [{[], FormdbHttp.Log.dropped()}]
      )
    )

    if Catalog.started?(), do: collect_databases(callback)
    :ok
  end

  defp collect_databases(callback) do
    {used, limit} = FormdbHttp.WorkMemory.figures()
    callback.(gauge(:formdb_work_bytes, "Memory that work under way has reserved.", used))
    callback.(gauge(:formdb_work_limit_bytes, "Memory that it may reserve in all.", limit))

    {used, limit} = Native.memory_indexes(Catalog.handle())
    callback.(gauge(:formdb_index_bytes, "Memory that indexes take, roughly.", used))
    callback.(gauge(:formdb_index_limit_bytes, "Memory that they may take in all.", limit))

    limits = Catalog.config()

    callback.(
      gauge(
        :formdb_queue_limit_transactions,
        "Transactions of one database that may wait to be committed.",
        limits.queue_transactions
      )
    )

    callback.(
      gauge(
        :formdb_queue_limit_bytes,
        "Size of the transactions of one database that may wait to be committed.",
        limits.queue_bytes
      )
    )

    disk(Native.catalog_disk(Catalog.handle()), callback)
    databases = FormdbHttp.Databases.known()
    callback.(statuses(databases))
    open = open(databases)
    for figure <- @figures, do: callback.(family(figure, open))
    callback.(index_parts(open))
    for figure <- @admission, do: callback.(admission(figure))
    webhooks(callback)
  end

  # With ids and nothing else of them: addresses may be secrets.
  defp webhooks(callback) do
    rows =
      for {{database, id}, row} <- Webhooks.Progress.all(),
          lag = Webhooks.lag(database, row) do
        delivering = if row.state == :delivering, do: 1, else: 0
        {[database: database, webhook: id], Map.merge(row, %{lag: lag, delivering: delivering})}
      end

    for {name, type, key, help} <- @webhooks do
      samples = for {labels, row} <- rows, do: {labels, Map.fetch!(row, key)}
      callback.(create_mf(name, help, type, samples))
    end
  end

  # Where the system does not say how much there is, there is nothing to show.
  defp disk({free, total, least}, callback) do
    for {name, help, value} <- [
          {:formdb_disk_free_bytes, "Free space on the disk of the data folder.", free},
          {:formdb_disk_size_bytes, "Size of that disk.", total},
          {:formdb_disk_min_free_bytes, "Free space below which writes are refused.", least}
        ],
        value != nil,
        do: callback.(gauge(name, help, value))
  end

  defp gauge(name, help, value), do: create_mf(name, help, :gauge, [{[], value}])

  defp build do
    labels = [
      version: FormdbHttp.version(),
      elixir: System.version(),
      otp: System.otp_release()
    ]

    {labels, 1}
  end

  defp statuses(databases) do
    counts = Enum.frequencies_by(databases, & &1.status)
    samples = for status <- @statuses, do: {[status: status], Map.get(counts, status, 0)}
    create_mf(:formdb_databases, "Databases on disk by their status.", :gauge, samples)
  end

  defp admission({name, type, figure, help}) do
    samples =
      for kind <- Admission.doors(),
          do: {[kind: kind], Map.fetch!(Admission.figures(kind), figure)}

    create_mf(name, help, type, samples)
  end

  # One that was closed since it was listed is left out.
  defp open(databases) do
    for %{id: name, status: :open} <- databases,
        {:ok, info} <- [FormdbHttp.database(name)],
        {:ok, figures} <- [Native.database_figures(Catalog.handle(), name)],
        do: {[database: name], Map.merge(info, figures)}
  end

  defp index_parts(open) do
    samples =
      for {labels, %{index_bytes: bytes}} <- open,
          part <- @index_parts,
          do: {labels ++ [part: part], Map.fetch!(bytes, part)}

    create_mf(
      :formdb_database_index_part_bytes,
      "Memory that its indexes take, roughly, by what takes it.",
      :gauge,
      samples
    )
  end

  defp family({name, type, path, help}, open) do
    samples =
      for {labels, figures} <- open,
          sample <- sample(type, labels, get_in(figures, path), List.last(path)),
          do: sample

    create_mf(name, help, type, samples)
  end

  # Of the last snapshot, where none was taken.
  @of_snapshots [:snapshot_at_ns, :snapshot_ns, :snapshot_bytes]

  defp sample(_type, _labels, nil, key) when key in @of_snapshots, do: []

  defp sample(:histogram, labels, {buckets, beyond, sum}, key) do
    {buckets, count} =
      Enum.map_reduce(buckets, 0, fn {bound, values}, count ->
        {{bound(bound, key), count + values}, count + values}
      end)

    count = count + beyond
    sum = if key == :group_sizes, do: sum, else: seconds(sum)
    [{labels, buckets ++ [infinity: count], count, sum}]
  end

  defp sample(_type, labels, value, key), do: [{labels, number(value, key)}]

  defp bound(number, :group_sizes), do: number
  # As all versions of the library write it.
  defp bound(nanos, _durations) when rem(nanos, 1_000_000_000) == 0,
    do: div(nanos, 1_000_000_000)

  defp bound(nanos, _durations), do: seconds(nanos)

  # The cause, of a poisoned or failed database.
  defp number(nil, _key), do: 0
  defp number(cause, _key) when is_binary(cause), do: 1
  # Metrics count in seconds.
  defp number(ms, :clock_offset_ms), do: ms / 1_000

  defp number(nanos, key) when key in [:oldest_ns, :opening_ns, :snapshot_at_ns, :snapshot_ns],
    do: seconds(nanos)

  defp number(number, _key), do: number

  defp seconds(nanos), do: nanos / 1_000_000_000
end
