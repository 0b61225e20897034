defmodule FormdbHttp do
  @moduledoc """
  FormDB from Elixir: databases of GeoJSON features and time-series points whose
  every change is a block in an append-only, hash-chained journal.

      {:ok, _} = FormdbHttp.open("quakes")

      {:ok, %{feature_id: "a", seq: 1}} =
        FormdbHttp.put_feature("quakes", ~s({"type":"Feature","id":"a",
          "geometry":{"type":"Point","coordinates":[13.4,52.5]},"properties":{}}))

      {:ok, %{json: json}} = FormdbHttp.search("quakes", {:box, {13, 52, 14, 53}})

  Writes return when they are on disk, unless they ask for less. Many callers at once
  share one disk sync, so concurrency is what makes writing fast. Reads run in the
  calling process and see every write that was acknowledged before they began.

  Documents go in as JSON text or as maps, and come out as JSON text, ready to be
  sent on. Timestamps are microseconds since the epoch, UTC; where one is taken,
  ISO 8601 text with an offset and `DateTime` do as well.

  Several writes become one, and reads agree with each other, in a transaction:

      {:ok, txn} = FormdbHttp.begin("quakes")
      {:ok, _} = FormdbHttp.apply(txn, [{:delete_feature, "a"}, {:put_feature, other}])
      {:ok, %{returned: 1}} = FormdbHttp.search("quakes", {:box, world}, transaction: txn)
      {:ok, %{last_seq: 3}} = FormdbHttp.commit(txn)

  Every function returns `{:error, %FormdbHttp.Error{}}` for what can be expected
  to go wrong. `:busy` means that nothing was done and it may be tried again: the write
  queue is full, or too many ask what takes long (`ask_as/1`).
  Misuse, such as an option that a function does not have, raises.
  """

  import Kernel, except: [apply: 2, apply: 3]

  alias FormdbHttp.{Admission, Analytics, Config, Databases, Error, Features, Journal, Native}
  alias FormdbHttp.{Points, Search, Transaction, Transactions}

  @typedoc "Name of a database: `[a-z0-9][a-z0-9_-]{0,62}`."
  @type database :: String.t()

  @typedoc "JSON text, or a map with string keys that encodes to it."
  @type document :: binary() | map()

  @typedoc "Microseconds since the epoch, ISO 8601 with an offset, or a `DateTime`."
  @type timestamp :: integer() | String.t() | DateTime.t()

  @typedoc "What integers count that stand for times: seconds to nanoseconds."
  @type unit :: :s | :ms | :us | :ns

  @typedoc """
  A state of the database: a sequence, or a time (ISO 8601 text or a `DateTime`), which
  means the last sequence that was committed by then.
  """
  @type as_of :: non_neg_integer() | String.t() | DateTime.t()

  @typedoc """
  Options of writes:

    * `:actor` - the authenticated subject, recorded in every block; at most 1,024 bytes
    * `:timeout` - milliseconds to wait for the disk, or `:infinity`; by default
      the setting FORMDB_WRITE_TIMEOUT_MS. After a time-out (`:write_timeout`) the
      write may still land, and its late answer arrives as a stray message.
    * `:durability` - what the answer promises; by default the setting
      FORMDB_DURABILITY:
        * `:sync` - the write is on disk and survives the loss of power
        * `:interval` - the operating system has it: it survives the end of the
          server at once, and the loss of power after FORMDB_SYNC_INTERVAL_MS
        * `:none` - the operating system has it and writes it when it likes. The next
          `:sync` write, and closing, put it on disk
    * `:idempotency_key` - 1 to 255 visible ASCII characters. A second write with the
      same key and the same content writes nothing and is answered as the first was,
      with `replayed: true`; with other content it is refused
      (`:idempotency_key_reused`). Keys are honoured across restarts, for
      FORMDB_IDEMPOTENCY_SECONDS and up to FORMDB_IDEMPOTENCY_KEYS of them.

  All answers to writes have `:replayed`.
  """
  @type write_opts :: [
          actor: String.t(),
          timeout: timeout(),
          durability: :sync | :interval | :none,
          idempotency_key: String.t()
        ]

  @typedoc """
  What a write of one feature expects of its current version, or it is refused with
  `:precondition_failed`. Hashes are in hexadecimal, as they are answered.
  """
  @type expectation ::
          :absent
          | :exists
          | {:hash, String.t()}
          | {:hashes, [String.t()]}
          | {:seq, pos_integer()}

  @typedoc """
  An operation of a transaction, as documents and times are taken elsewhere. Points may
  have any of the shapes of `write_points/3`.
  """
  @type operation ::
          {:put_feature, document()}
          | {:put_feature, document(), keyword()}
          | {:delete_feature, String.t()}
          | {:put_points, document()}
          | {:delete_points, String.t(), timestamp(), timestamp()}

  @typedoc "West, south, east and north in degrees, or the text `\"w,s,e,n\"`."
  @type box :: {number(), number(), number(), number()} | String.t()

  @typedoc """
  Where a search looks:

    * `:everything` - at all features, also those without geometry
    * `{:box, box}` - in a box; west greater than east crosses the antimeridian
    * `{:geometry, geometry}` - at a GeoJSON geometry of any type, or a Feature with one
    * `{:near, {lon, lat}}` - around a position, nearest first, with the options `:k` (at
      most so many features, over all pages) and `:radius` (at most so many metres
      away), of which there must be one
  """
  @type area ::
          :everything
          | {:box, box()}
          | {:geometry, document()}
          | {:near, {number(), number()}}

  @typedoc """
  Conditions that must all hold, at most 64: a list or a map of keys and expressions.

  Keys are `prop.NAME` for a property (`prop.NAME.NAME` for a nested one; a dot in a name
  is written `\\.`, and before `<` and `>` goes a backslash too), `time` for when the version was committed, and `seq` for its sequence.

  | expression | holds for |
  |---|---|
  | `VALUE`, `eq:VALUE` | what equals the value |
  | `ne:VALUE` | everything else, absent properties among it |
  | `gt:VALUE`, `gte:`, `lt:`, `lte:` | numbers if the value is one, else strings by code points |
  | `in:VALUE,VALUE` | what equals one of up to 1,000 values |
  | `exists`, `exists:false` | properties that are there, or are not |
  | `since:TIME`, `until:TIME` | timestamps at or after, and before, an ISO 8601 time |

  A value in double quotes equals strings only; what could be meant for something else,
  such as `ge:5` or `gt:5.`, is refused unless it stands in quotes. `time` takes `since` and `until`, `seq`
  takes `eq` and the comparisons.
  """
  @type filters :: [{String.t(), String.t()}] | %{String.t() => String.t()}

  @type result(value) :: {:ok, value} | {:error, Error.t()}

  ## Starting

  @doc """
  Starts the databases of a data folder, for a supervisor:

      children = [{FormdbHttp, data_dir: "/var/lib/my_app/formdb"}]

  Options are the settings of `FormdbHttp.Config`, or such a struct. One that is not a
  setting, or does not fit, raises `ArgumentError`. Databases that are in the folder are
  opened at once, in the background.

  There is one a VM, and one a data folder. Nothing else is needed for a database without
  HTTP; until this is started no file is touched, and calls raise.
  """
  @spec child_spec(keyword() | Config.t()) :: Supervisor.child_spec()
  def child_spec(options) do
    %{
      id: __MODULE__,
      type: :supervisor,
      start: {FormdbHttp.Supervisor, :start_link, [config!(options)]}
    }
  end

  @doc "Starts what `child_spec/1` describes, linked to the calling process."
  @spec start_link(keyword() | Config.t()) :: Supervisor.on_start()
  def start_link(options), do: options |> config!() |> FormdbHttp.Supervisor.start_link()

  defp config!(%Config{} = config), do: config
  defp config!(options), do: Config.new!(options)

  ## Databases

  @doc "The version of the server."
  @spec version() :: String.t()
  def version, do: :formdb_http |> Application.spec(:vsn) |> to_string()

  @doc """
  Opens the database, or creates it, and describes it as `database/1` does; `:created`
  says whether it was made. Without a name one is generated (`db_...`).

  Option: `create: false`, for which one that is not there is `:database_not_found`.
  """
  @spec open(database() | nil, create: boolean()) :: result(map())
  defdelegate open(name \\ nil, opts \\ []), to: Databases

  @doc """
  Every database on disk, sorted by name: `%{id: name, status: status}` with
  status `:open`, `:opening`, `:closed` or `:failed` (then with `:error`).
  """
  @spec databases() :: result([map()])
  defdelegate databases(), to: Databases, as: :list

  @doc """
  An open database: `:id`, `:log` (public id of its log, 32 hexadecimal digits: it stays
  when the folder gets another name, and a salvaged copy has another), `:seq` (how many
  blocks readers see), `:durable_seq` (how many of them are on disk), `:root` (Merkle root
  over those, hexadecimal), counts of `:features`, `:series` and `:points`,
  `:journal_bytes` on disk, and figures of the committer.
  """
  @spec database(database()) :: result(map())
  defdelegate database(name), to: Databases, as: :info

  @doc """
  Closes the database: what is queued is committed first, open transactions are
  aborted. Its files stay.
  """
  @spec close(database()) :: :ok | {:error, Error.t()}
  defdelegate close(name), to: Databases

  @doc """
  Closes the database and removes its files. There is no way back. The name is free
  again also where files cannot be removed; the log says so then, and the next start
  tries again.
  """
  @spec purge(database()) :: :ok | {:error, Error.t()}
  defdelegate purge(name), to: Databases

  ## Features

  @doc """
  Writes one GeoJSON Feature; a FeatureCollection is refused. An existing id gets a
  new version. A member `provenance` (an object) is recorded as the block's
  provenance.

  A geometry is a feature without properties. An edge wider than 180 degrees is refused
  with `:antimeridian_crossing`, unless the option `:antimeridian` is `:cut`, to have
  the geometry cut at the antimeridian, or `:as_is`, to have the edge go the long way.

  Options besides those of writes: `:id`, the id to write to, which the feature may
  then leave out, `:expect` and `:antimeridian`.

  Returns `%{feature_id: id, seq: seq, hash: hash, time: microseconds}`, and with
  `:id` also `:created`, whether there was no such feature before.
  """
  @spec put_feature(database(), document(), [
          {:id, String.t()} | {:expect, expectation()} | {atom(), term()}
        ]) :: result(map())
  defdelegate put_feature(name, feature, opts \\ []), to: Features

  @doc """
  Changes a part of a feature by a JSON merge patch (RFC 7396): members of the patch
  replace those of the feature, `null` removes one, objects are merged; but a
  `geometry` is one value, which is replaced as a whole, also by `null`. The
  provenance of the new version is that of the patch, if it has one.

  Options and answer as `put_feature/3`, but for `:id` and `:created`. When somebody
  else writes the feature at the same moment, the patch is refused with
  `:precondition_failed`, and can be sent again.
  """
  @spec patch_feature(database(), String.t(), document(), keyword()) :: result(map())
  defdelegate patch_feature(name, id, patch, opts \\ []), to: Features

  @doc """
  Deletes a feature. Its versions stay readable as of earlier sequences, and
  `revert/3` brings it back.

  Options besides those of writes: `:expect`, and `:provenance` (JSON text or a map).
  The answer is that of `put_feature/3` without `:created`.
  """
  @spec delete_feature(database(), String.t(), keyword()) :: result(map())
  defdelegate delete_feature(name, id, opts \\ []), to: Features

  @doc """
  Writes the features of a FeatureCollection as one transaction: all or none.

  Options besides those of writes: `:antimeridian`, as for `put_feature/3`,
  `:on_duplicate` and `:on_error`. Features with the same id are
  refused (`:refuse`, the default) with `:duplicate_id`, or all written (`:replace`),
  each as a version, so that the last one stands. Faulty features have all refused
  (`:refuse`, the default), with all faults in the error's `:errors`, or are left out
  (`:skip`).

  Returns `%{inserted: n, replaced: n, first_seq: seq, last_seq: seq, feature_ids: ids}`:
  how many were new, and how many took the place of a feature that was there, or came
  before in the collection. The sequences are `nil` when nothing was written. With
  `on_error: :skip` there is also `:rejected`, the features that were left out, as
  `%{index: place, errors: faults}`.
  """
  @spec put_features(database(), document(), keyword()) :: result(map())
  defdelegate put_features(name, collection, opts \\ []), to: Features

  @doc """
  A feature: `%{json: text, seq: seq, hash: hash}`; the hash is the RFC 6962 leaf hash
  of its block.

  Options: `:as_of`, to read an earlier version, and `:transaction`, to read what that
  one sees. A version that the transaction has yet to commit has neither `seq` nor
  `hash`.
  """
  @spec get_feature(database(), String.t(), as_of: as_of(), transaction: Transaction.t()) ::
          result(map())
  defdelegate get_feature(name, id, opts \\ []), to: Features

  @doc """
  Features that a search finds, in the order they were written; with `{:near, point}`
  nearest first, each with its geodesic distance in metres as the member `distance`.

  Options: `:filters` (`t:filters/0`), `:predicate`, which says how a feature must lie to a
  box or geometry (`:intersects`, the default, `:within` it or `:contains` it; boundaries
  count as part of both, but what only touches the boundary is neither within nor
  contains), `:limit` (default 1,000), `:cursor`, the `:next` of the page before, and
  `:as_of`. In a `:transaction` only the features that meet a box can be asked for.

  Returns `%{json: array, returned: n, seq: seq, next: cursor | nil}`; all pages show the
  state of the first one.
  """
  @spec search(database(), area(), keyword()) :: result(map())
  defdelegate search(name, area, opts \\ []), to: Search

  @doc """
  How many features `search/3` finds on all of its pages: `%{count: n, seq: seq}`. Options
  are those of the search but for `:limit`, `:cursor` and `:transaction`.
  """
  @spec count(database(), area(), keyword()) :: result(map())
  defdelegate count(name, area, opts \\ []), to: Search

  @doc """
  How many features lie where in a box: `%{json: array, seq: seq}` with the cells that are
  not empty, `{"bbox": [west, south, east, north], "count": n}`, from south to north and
  west to east. A feature counts once, in the cell where the middle of its envelope is.

  Options: the cells, by `:cell` (`{width, height}` in degrees) or `:zoom` (the tiles of web
  maps, 0 to 24); `:sum`, the path of a property to add up as `"sum"`, such as `"mag"`
  (features without a number there do not count); `:filters` and `:as_of`.
  """
  @spec heatmap(database(), box(), keyword()) :: result(map())
  defdelegate heatmap(name, box, opts \\ []), to: Search

  @doc """
  The versions of a feature, oldest first: of each block its `seq`, `hash`, `time`,
  `txn` and `op`, and where recorded its `actor`, `prev` and `provenance`.

  Options: `:since` (only versions behind this sequence) and `:limit` (default
  1,000). Returns `%{json: array, returned: n, next: seq | nil}`; `:next` is the
  `:since` of the next page.
  """
  @spec provenance(database(), String.t(), keyword()) :: result(map())
  defdelegate provenance(name, id, opts \\ []), to: Journal

  @doc """
  The blocks that the versions of a feature were derived from, as their provenance
  says in `derived_from`, those that these were derived from, and so on.

  Options: `:limit` (blocks at most, default 1,000). Returns `%{json: array,
  elsewhere: hashes, truncated: boolean}`: the blocks by sequence, without their
  bodies; hashes that name no block of this database; whether there are more.
  """
  @spec lineage(database(), String.t(), keyword()) :: result(map())
  defdelegate lineage(name, id, opts \\ []), to: Journal

  ## Points

  @doc """
  Writes points, all or none, from JSON text or a map in one of three shapes: one
  point (`series_id`, `timestamp`, `value`, optionally `metadata` and
  `provenance`), `points` with a list of those, or columns (`series_id`,
  `timestamps`, `values`). With `:unit` (`:s`, `:ms`, `:us` or `:ns`) timestamps that are
  integers count that, by default microseconds.

  Returns `{:ok, {:point, %{point_id: id, seq: seq, hash: hash, time: time}}}` or
  `{:ok, {:points, %{inserted: n, first_seq: seq, last_seq: seq}}}`.
  """
  @spec write_points(database(), document(), keyword()) :: result({:point | :points, map()})
  defdelegate write_points(name, document, opts \\ []), to: Points

  @doc "Writes one point of a series. Returns the map of a single point, as `write_points/3`."
  @spec put_point(database(), String.t(), timestamp(), number(), write_opts()) :: result(map())
  defdelegate put_point(name, series, timestamp, value, opts \\ []), to: Points

  @doc """
  Writes points of one series from columns of equal length: lists of microseconds
  and numbers, or binaries of packed little-endian 64-bit integers and floats (the
  fastest way in). They become one block, compressed.

  `:provenance` (JSON text or a map) is recorded in that block. Returns
  `%{inserted: n, first_seq: seq, last_seq: seq}`.
  """
  @spec put_columns(
          database(),
          String.t(),
          [integer()] | binary(),
          [number()] | binary(),
          keyword()
        ) ::
          result(map())
  defdelegate put_columns(name, series, timestamps, values, opts \\ []), to: Points

  @doc """
  Deletes the points of a series in `[start, end)`. They stay readable as of earlier
  sequences, and `revert/3` brings them back.

  `:provenance` (JSON text or a map) is recorded in the block. Returns `%{deleted: n,
  seq: seq, hash: hash, time: time}`; where there was nothing to delete nothing is
  written, `:deleted` is 0 and the others are `nil`.
  """
  @spec delete_points(database(), String.t(), timestamp(), timestamp(), keyword()) ::
          result(map())
  defdelegate delete_points(name, series, start, stop, opts \\ []), to: Points

  @doc """
  Points of a series in `[start, end)`, oldest first.

  Options: `:order` (`:asc`, the default, or `:desc`), `:limit` (default 1,000),
  `:cursor` (the `:next` of the page before), `:as_of`, `:transaction` and `:as`
  (`:points`, the default, for a list of `{microseconds, value}`, or `:json` for the
  text of an array of `{"timestamp", "value"}`).

  Returns `%{points: points, seq: seq, next: cursor | nil}`.
  """
  @spec range(database(), String.t(), timestamp(), timestamp(), keyword()) :: result(map())
  defdelegate range(name, series, start, stop, opts \\ []), to: Points

  @doc """
  The point of a series with the greatest timestamp, now or `:as_of`; of several, the
  one that arrived last.

  Returns `%{timestamp: microseconds, value: value, point_id: id, seq: seq,
  metadata: json | nil, provenance: json | nil}`.
  """
  @spec latest(database(), String.t(), as_of: as_of()) :: result(map())
  defdelegate latest(name, series, opts \\ []), to: Points

  @doc """
  The series of a database by id, in byte order; in pages, which show one state.

  Options: `:prefix`, what ids begin with; `:limit`; `:cursor`, the `next` of the page
  before; `:as_of`; `as: :json`. Returns `%{series: list, seq: seq, next: cursor | nil}`, the
  list of `%{series_id: id, points: n, first: time, last: time}`, times in microseconds, or
  with `as: :json` the text of an array of `{"series_id", "points", "first", "last"}`.
  """
  @spec series(database(), keyword()) :: result(map())
  defdelegate series(name, opts \\ []), to: Points

  @doc """
  As `range/5`, of all series whose ids begin with `prefix`, by id in byte order; of none
  without points in the range. `:limit` counts points of all series together. There is no
  option `:transaction`.

  Returns `%{series: [{id, points}], seq: seq, next: cursor | nil}`, or with `as: :json`
  the text of an array of `{"series_id", "data"}`. The last series of a page may go on in
  the next.
  """
  @spec range_many(database(), String.t(), timestamp(), timestamp(), keyword()) ::
          result(map())
  defdelegate range_many(name, prefix, start, stop, opts \\ []), to: Points

  @doc """
  What the points of a series come to, bucket by bucket. `series` is an id, or
  `{:prefix, text}` for all series whose ids begin with the text.

  `aggregation` is `count`, `sum`, `avg`, `min`, `max`, `first`, `last`, `stddev` (of a
  sample), `median`, `rate` (what a counter grew by, per second; a value below the one
  before it is a counter that began anew), `delta` (last less first), or a percentile such
  as `p95` or `p99.9`; an atom or text. Options:

    * `:start`, `:end` - the range, which holds its start and not its end; by default all
    * `:interval` - how long a bucket is, such as `"30s"`, `"5m"`, `"1h"`, `"1d"`, `"1w"`,
      `"1mo"` or `"1y"`; by default the range is one bucket
    * `:origin` - a time from which buckets are counted
    * `:tz` - the IANA time zone whose calendar those of days and more follow, by default
      `"UTC"`; others are durations
    * `:fill` - what becomes of buckets without a value: `:none` (left out, the default),
      `:null`, `:previous` (also from before the range) or `:linear`
    * `:order` - `:asc` (the default) or `:desc`
    * `:as_of`
    * `:as` - `:points` (the default) or `:json`

  Returns `%{data: data, seq: seq}`; the data is a list of `{microseconds, value | nil}`
  with the begins of the buckets, by prefix a list of `{id, list}`. As JSON it is the text
  of an array of `{"timestamp", "value"}`, by prefix of `{"series_id", "data"}`. More
  buckets than FORMDB_BUCKETS are `:too_large`.
  """
  @spec aggregate(database(), String.t() | {:prefix, String.t()}, atom() | String.t(), keyword()) ::
          result(map())
  defdelegate aggregate(name, series, aggregation, opts \\ []), to: Analytics

  @doc """
  A series in figures, now or `:as_of`: `%{count: n, first: {microseconds, value}, last:
  {microseconds, value}, min: v, max: v, avg: v, sum: v | nil, stddev: v | nil, seq: seq}`.
  `nil` is a sum or deviation beyond the range of doubles, or the deviation of one point.
  """
  @spec summary(database(), String.t(), as_of: as_of()) :: result(map())
  defdelegate summary(name, series, opts \\ []), to: Analytics

  ## Transactions

  @doc """
  Begins a transaction. It sees the database as it is now, and its own writes on top.
  Whoever commits first wins: when somebody else has since written a feature that it
  writes, or to a series that it deletes points of, its commit is refused with
  `:conflict`. Points that are only added conflict with nothing.

  It ends when nothing is asked of it for FORMDB_TRANSACTION_LEASE_SECONDS, and when
  the process that began it dies.

  Options:

    * `:read_only` - it only pins a sequence; default `false`
    * `:as_of` - the sequence or time to see; only with `:read_only`
    * `:actor` - the authenticated subject, recorded in every block; at most 1,024 bytes
    * `:owner` - the process with which it ends, by default the caller; `nil` leaves it
      to its lease
  """
  @spec begin(database(), keyword()) :: result(Transaction.t())
  defdelegate begin(name, opts \\ []), to: Transactions

  @doc """
  Adds operations to a transaction, all or none: a list of them, or the document
  `{"operations": [...]}` of the HTTP API. Nothing is written before the commit.

  Operations are carried out in their order: the same feature may be put by several of
  them. A feature may be given with the options of `put_features/3` that say how it is
  read: `{:put_feature, feature, on_duplicate: :replace}`.

  With the option `:unit`, times that are integers count that instead of microseconds.
  With the option `:idempotency_key`, a second call with the same key and operations
  adds nothing and is answered as the first was, with `replayed: true`, while the
  transaction is open.

  Returns `%{operations: n, feature_ids: ids, replayed: false}`: how many it holds now,
  and the ids of the features that this call puts; with `:rejected` if some were left out.
  """
  @spec apply(Transaction.t(), [operation()] | document(), keyword()) :: result(map())
  defdelegate apply(transaction, operations, opts \\ []), to: Transactions

  @doc """
  Commits a transaction: all of its operations, or none with the reason. Asking again
  gives the same answer again, with `replayed: true`.

  Options are those of writes but for `:actor`, which was given to `begin/2`. Returns
  `%{first_seq: seq, last_seq: seq, hash: hash, time: time}`, the hash that of the
  first block; all are `nil` when nothing was written. After `:busy` and `:memory_full`
  the transaction is still open.
  """
  @spec commit(Transaction.t(), write_opts()) :: result(map())
  defdelegate commit(transaction, opts \\ []), to: Transactions

  @doc "Ends a transaction without writing anything. Doing so twice is no error."
  @spec abort(Transaction.t()) :: :ok | {:error, Error.t()}
  defdelegate abort(transaction), to: Transactions

  @doc """
  Where a transaction stands: its `:id`, `:seq`, `:read_only`, how many `:operations`
  and `:bytes` it holds, `:expires_in_ms`, and `:status`, which is `:open`,
  `:committing`, `:committed` (then with what `commit/2` returned) or `:aborted` (then
  with a `:reason`). Of those that ended the last 1,024 are remembered. Asking does not
  extend its lease.
  """
  @spec transaction(Transaction.t()) :: result(map())
  defdelegate transaction(transaction), to: Transactions

  ## Journal and proofs

  @doc """
  Blocks of the journal, in the order they were written.

  Options: `:since` (only blocks behind this sequence, default 0), `:until` (only up
  to this one), `:type` (`"put_feature"`, `"delete_feature"`, `"put_points"`,
  `"delete_points"` or `"revert"`) and `:limit` (default 1,000). Returns
  `%{json: array, returned: n, next: seq | nil}`; `:next` is the `:since` of the next
  page. A page also ends at `FORMDB_PAGE_BYTES` and at 100,000 blocks looked at, so it
  can be short and still have a next one.
  """
  @spec journal(database(), keyword()) :: result(map())
  defdelegate journal(name, opts \\ []), to: Journal

  @doc """
  What is in the database: `%{json: text}` with the counts of features and their
  geometry types, property names with their types and how often they occur, and the
  series with their counts and ends.
  """
  @spec schema(database()) :: result(map())
  defdelegate schema(name), to: Journal

  @doc """
  One block, by its sequence or its hash (hexadecimal): `%{seq: seq, hash: hash, json: text, cbor: bytes}`. The
  bytes are what is stored and what the hash is over.
  """
  @spec block(database(), pos_integer() | String.t()) :: result(map())
  defdelegate block(name, seq_or_hash), to: Journal

  @doc """
  Undoes a block, named as for `block/2`, by writing the inverse of its operation as a new block; a revert can
  be reverted. Refused with `:cannot_revert` and the reason when a later block depends
  on it.

  Options besides those of writes: `:provenance` (JSON text or a map). Returns
  `%{seq: seq, hash: hash, time: time, reverts: seq}`.
  """
  @spec revert(database(), pos_integer() | String.t(), keyword()) :: result(map())
  defdelegate revert(name, seq_or_hash, opts \\ []), to: Journal

  @doc """
  The last sequence that was committed by a time; 0 if none was. A time up to a second
  ahead is waited for, a later one refused; the answer never changes.
  """
  @spec seq_at(database(), timestamp()) :: result(non_neg_integer())
  defdelegate seq_at(name, time), to: Journal

  @doc """
  Size and root of the RFC 6962 Merkle tree over the first blocks of the journal: by
  default all of them. Hashes are in hexadecimal here and below.

  Returns `%{tree_size: n, root: hash}`.
  """
  @spec tree_head(database(), non_neg_integer() | nil) :: result(map())
  defdelegate tree_head(name, size \\ nil), to: Journal

  @doc """
  The proof (RFC 6962, section 2.1.1) that block `seq` is in the tree of a size, by
  default that of all blocks. Whoever trusts the root and has the block can check it.

  Returns `%{leaf_index: n, tree_size: n, leaf_hash: hash, root: hash, path: hashes}`.
  """
  @spec inclusion_proof(database(), pos_integer(), pos_integer() | nil) :: result(map())
  defdelegate inclusion_proof(name, seq, size \\ nil), to: Journal

  @doc """
  The proof (RFC 6962, section 2.1.2) that the journal was only appended to between
  two sizes, the later one by default that of all blocks.

  Returns `%{first: n, second: n, first_root: hash, second_root: hash, path: hashes}`.
  """
  @spec consistency_proof(database(), pos_integer(), pos_integer() | nil) :: result(map())
  defdelegate consistency_proof(name, first, second \\ nil), to: Journal

  @doc """
  From now on the calling process asks on behalf of `client`, any term; by default every
  process is a client of its own. Heavy work (questions that may take long, and the parsing
  of large documents) is done for so many at once (FORMDB_HEAVY_QUESTIONS,
  FORMDB_LARGE_WRITES). When more is asked for it waits, the clients taking turns, and after
  FORMDB_HEAVY_WAIT_MS is refused as `:busy`.
  """
  @spec ask_as(term()) :: :ok
  defdelegate ask_as(client), to: Admission

  ## Time

  @doc "Microseconds since the epoch as ISO 8601 text, UTC."
  @spec format_timestamp(integer()) :: String.t()
  def format_timestamp(micros) do
    {:ok, text} = Native.timestamp_format(micros)
    text
  end
end
