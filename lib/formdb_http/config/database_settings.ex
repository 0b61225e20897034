defmodule FormdbHttp.Config.DatabaseSettings do
  @moduledoc false
  # The rows of the table of settings that are about databases, and those
  # that the engine enforces. FormdbHttp.Config.Settings says what a row has.

  @kib 1024
  @mib 1024 * @kib
  @gib 1024 * @mib

  @doc "The rows, in the order of the reference."
  @spec all() :: [FormdbHttp.Config.Settings.row()]
  def all do
    [
      %{
        field: :data_dir,
        type: :path,
        default: "./data",
        doc: "Folder that holds one folder per database; relative to where the server starts"
      },
      %{
        field: :backup_dir,
        type: :path,
        default: nil,
        doc:
          "Folder that `POST .../backups` and `mix formdb.backup` put backups in, one folder per database; it " <>
            "is there already, outside of the data folder, and best on another disk. Not set: no backups over HTTP"
      },
      %{
        field: :backup_bytes_per_second,
        type: :bytes,
        default: 64 * @mib,
        range: 0..(16 * @gib),
        doc:
          "How much of an open database a backup of it reads in a second, so that writers notice little; 0: as " <>
            "much as it can"
      },
      %{
        field: :write_timeout_ms,
        type: :milliseconds,
        default: 30_000,
        range: 1..3_600_000,
        doc:
          "How long a writer waits for its commit before it is told that the outcome is unknown"
      },
      %{
        field: :default_page_items,
        type: :integer,
        default: 1_000,
        range: 1..268_435_456,
        doc: "Features or points in a page when the request names no limit"
      },
      %{
        field: :page_items,
        type: :integer,
        default: 100_000,
        range: 1..268_435_456,
        engine: true,
        doc: "Most features or points in a page, and series in a table that has them side by side"
      },
      %{
        field: :page_bytes,
        type: :bytes,
        default: 16 * @mib,
        range: @kib..@gib,
        engine: true,
        doc: "Bytes at which a page ends, too; a single item that is larger is given alone"
      },
      %{
        field: :buckets,
        type: :integer,
        default: 100_000,
        range: 1..16_777_216,
        engine: true,
        doc: "Most buckets in the answer to one aggregate, each series counting as one more"
      },
      %{
        field: :query_timeout_ms,
        type: :milliseconds,
        default: 30_000,
        range: 1..86_400_000,
        engine: true,
        doc: "How long one question may take: a search, a count, an aggregate, a page of any list"
      },
      %{
        field: :heavy_questions,
        type: :integer,
        default: 0,
        range: 0..1_022,
        doc:
          "Questions that take long worked on at once; 0: one a core, from 4 up to three fewer " <>
            "than the VM has dirty I/O threads, which is the most that is taken"
      },
      %{
        field: :question_tries,
        type: :integer,
        default: 0,
        range: 0..1_022,
        doc:
          "Questions that find these places taken and are tried at once for 20 ms, since they may be " <>
            "short; 0: as many as threads are left for, up to 4"
      },
      %{
        field: :large_writes,
        type: :integer,
        default: 0,
        range: 0..1_024,
        doc:
          "Bodies above 1 MiB parsed at once; 0: one fewer than the VM has dirty CPU threads, " <>
            "at least 1"
      },
      %{
        field: :heavy_waiting,
        type: :integer,
        default: 64,
        range: 0..100_000,
        doc:
          "Questions that may wait for one of these places, as many for a try, and as many writes"
      },
      %{
        field: :heavy_wait_ms,
        type: :milliseconds,
        default: 5_000,
        range: 1..3_600_000,
        doc: "How long they wait before they are refused as busy"
      },
      %{
        field: :scrub_bytes_per_second,
        type: :bytes,
        default: 8 * @mib,
        range: 0..@gib,
        doc:
          "How much of what is stored is read through and checked in a second, of all databases together; 0: nothing"
      },
      %{
        field: :scrub_interval_hours,
        type: :integer,
        default: 24,
        range: 1..8_784,
        doc: "Hours from the end of one pass through a database to the beginning of the next"
      },
      %{
        field: :queue_transactions,
        type: :integer,
        default: 65_536,
        range: 1..16_777_216,
        engine: true,
        doc:
          "Transactions of one database that may wait to be committed, and commits that were sent again and wait for the first"
      },
      %{
        field: :queue_bytes,
        type: :bytes,
        default: 256 * @mib,
        range: (64 * @kib)..(64 * @gib),
        engine: true,
        doc: "Encoded bytes of one database that may wait to be committed"
      },
      %{
        field: :transaction_bytes,
        type: :bytes,
        default: 256 * @mib,
        range: @kib..@gib,
        engine: true,
        doc: "Largest transaction, encoded"
      },
      %{
        field: :group_bytes,
        type: :bytes,
        default: 16 * @mib,
        range: @kib..@gib,
        engine: true,
        doc: "Bytes gathered into one commit group before it is synced to disk"
      },
      %{
        field: :group_ms,
        type: :milliseconds,
        default: 10,
        range: 1..10_000,
        engine: true,
        doc: "Work, estimated, gathered into one commit group; what comes next waits for that"
      },
      %{
        field: :segment_bytes,
        type: :bytes,
        default: 256 * @mib,
        range: (4 * @kib)..@gib,
        engine: true,
        doc: "Size at which a journal segment is closed and the next begun"
      },
      %{
        field: :snapshot_bytes,
        type: :bytes,
        default: 256 * @mib,
        range: 0..(1024 * @gib),
        engine: true,
        doc:
          "Journal written until the indexes are stored again for a quick opening, " <>
            "or the size of the last snapshot, if larger; 0: only when the database is closed"
      },
      %{
        field: :snapshot_replay_ms,
        type: :milliseconds,
        default: 2_000,
        range: 0..3_600_000,
        engine: true,
        doc:
          "How long replaying the journal after the last snapshot may come to take until the indexes " <>
            "are stored again: once nobody writes, or, beyond twice the time that storing them takes, " <>
            "beside writes; 0: however long"
      },
      %{
        field: :closing_snapshot_ms,
        type: :milliseconds,
        default: 2_000,
        range: 0..3_600_000,
        engine: true,
        doc: "How long the snapshot on closing may take; a longer one is given up"
      },
      %{
        field: :recovery,
        type: :choice,
        choices: [:cut_torn_tail, :refuse_torn_tail],
        default: :cut_torn_tail,
        engine: true,
        doc: "What opening does with a torn tail: cut it with a report, or refuse to open"
      },
      %{
        field: :body_cache_bytes,
        type: :bytes,
        default: 256 * @mib,
        range: 0..(1024 * @gib),
        engine: true,
        doc: "Memory of one database for finished feature documents"
      },
      %{
        field: :geometry_cache_bytes,
        type: :bytes,
        default: 128 * @mib,
        range: 0..(1024 * @gib),
        engine: true,
        doc:
          "Memory of one database for geometries kept ready to be compared, those of stored areas " <>
            "among them: some 18 bytes a position and 0.5 KiB each; one may take a quarter of it"
      },
      %{
        field: :query_cache_entries,
        type: :integer,
        default: 100_000,
        range: 0..268_435_456,
        engine: true,
        doc: "Answers to queries that one database keeps in memory; 0 keeps none"
      },
      %{
        field: :query_cache_bytes,
        type: :bytes,
        default: 64 * @mib,
        range: 0..(1024 * @gib),
        engine: true,
        doc:
          "Memory of one database for answers to queries, each at most an eighth of it; " <>
            "0 keeps none"
      },
      %{
        field: :query_cache_ttl_ms,
        type: :milliseconds,
        default: 0,
        range: 0..1_099_511_627_776,
        engine: true,
        doc:
          "Age at which a kept answer is worked out again although nothing has changed; 0: never"
      },
      %{
        field: :positions,
        type: :integer,
        default: 1_000_000,
        range: 1..268_435_456,
        engine: true,
        doc: "Most positions in one geometry"
      },
      %{
        field: :faults,
        type: :integer,
        default: 100,
        range: 1..100_000,
        engine: true,
        doc: "Faults of the features of one request that are reported; all are counted"
      },
      %{
        field: :id_bytes,
        type: :integer,
        default: 256,
        range: 1..4096,
        engine: true,
        doc: "Longest feature or series id, in bytes"
      },
      %{
        field: :durability,
        type: :choice,
        choices: [:sync, :interval, :none],
        default: :sync,
        doc: "What the answer to a write promises unless the write says so itself"
      },
      %{
        field: :sync_interval_ms,
        type: :milliseconds,
        default: 200,
        range: 1..3_600_000,
        engine: true,
        doc: "How long a write with durability `interval` may wait to be synced to disk"
      },
      %{
        field: :clock_jump_seconds,
        type: :seconds,
        default: 300,
        range: 0..86_400,
        engine: true,
        doc: "How far the system's clock may jump ahead and be believed at once; 0: any far"
      },
      %{
        field: :clock_settle_seconds,
        type: :seconds,
        default: 600,
        range: 0..86_400,
        engine: true,
        doc: "How long it has to stand by a greater jump until that is believed"
      },
      %{
        field: :idempotency_seconds,
        type: :seconds,
        default: 86_400,
        range: 0..31_622_400,
        engine: true,
        doc: "How long an idempotency key is honoured"
      },
      %{
        field: :idempotency_keys,
        type: :integer,
        default: 100_000,
        range: 0..10_000_000,
        engine: true,
        doc: "Idempotency keys that one database remembers; the oldest are forgotten first"
      },
      %{
        field: :rejected_lines,
        type: :integer,
        default: 10_000,
        range: 0..1_048_576,
        engine: true,
        doc: "Faulty lines that are left out of one upload before it is ended"
      },
      %{
        field: :revert_blocks,
        type: :integer,
        default: 100_000,
        range: 1..16_777_216,
        engine: true,
        doc: "Most blocks that one request undoes"
      },
      %{
        field: :work_bytes,
        type: :bytes,
        default: @gib,
        range: @mib..(1024 * @gib),
        engine: true,
        doc: "Memory of the whole server for bodies, answers, queues and open transactions"
      },
      %{
        field: :index_bytes,
        type: :bytes,
        default: 0,
        range: 0..(16_384 * @gib),
        engine: true,
        doc:
          "Memory of the whole server for the indexes of its databases; " <>
            "0: three quarters of what the process may use, control groups included; where the system " <>
            "says neither, of 1 GiB, and the log says so"
      },
      %{
        field: :min_free_bytes,
        type: :bytes,
        default: 256 * @mib,
        range: 0..(16_384 * @gib),
        engine: true,
        doc: "Free space on the disk of the data folder below which writes are refused; 0: never"
      },
      %{
        field: :databases,
        type: :integer,
        default: 1_000,
        range: 1..1_048_576,
        engine: true,
        doc: "Most databases in the data folder, open or not"
      },
      %{
        field: :open_files,
        type: :integer,
        default: 0,
        range: 0..1_048_576,
        engine: true,
        doc:
          "Sealed journal segments of all databases kept open; 0: a quarter of the files that " <>
            "the process may open (`ulimit -n`)"
      },
      %{
        field: :open_transactions,
        type: :integer,
        default: 1_000,
        range: 0..1_048_576,
        engine: true,
        doc: "Transactions of one database that may be open at once"
      },
      %{
        field: :transaction_lease_seconds,
        type: :seconds,
        default: 30,
        range: 1..86_400,
        engine: true,
        doc: "How long an open transaction may go without a call before it is aborted"
      },
      %{
        field: :subscriptions,
        type: :integer,
        default: 100_000,
        range: 0..16_777_216,
        engine: true,
        doc: "Subscriptions of one database"
      },
      %{
        field: :event_bytes,
        type: :bytes,
        default: @mib,
        range: @kib..@gib,
        engine: true,
        doc: "Size of an event beyond which a link stands in place of what was written"
      },
      %{
        field: :subscription_bytes,
        type: :bytes,
        default: 16 * @mib,
        range: @kib..(64 * @gib),
        engine: true,
        doc: "Bytes of events that a subscriber is sent before it asks for more"
      },
      %{
        field: :filter_bytes,
        type: :bytes,
        default: 256 * @mib,
        range: (64 * @kib)..(1024 * @gib),
        engine: true,
        doc: "Memory of the whole server for the filters of subscriptions"
      },
      %{
        field: :catch_up_threads,
        type: :integer,
        default: 2,
        range: 1..64,
        engine: true,
        doc:
          "Threads that read the journal for subscribers that have fallen behind, " <>
            "of all databases together"
      }
    ]
  end
end
