defmodule FormdbHttp.Types do
  @moduledoc """
  What the functions of `FormdbHttp` take and return.

  Times in answers are microseconds since the epoch, UTC. Hashes are in hexadecimal. JSON is
  text, ready to be sent on.
  """

  alias FormdbHttp.{Error, Transaction}

  @typedoc "What can be expected to go wrong is an error to match on, by its `:code`."
  @type result(value) :: {:ok, value} | {:error, Error.t()}

  ## What goes in

  @typedoc "Name of a database: `[a-z0-9][a-z0-9_-]{0,62}`."
  @type database :: String.t()

  @typedoc "JSON text, or a map with string keys that encodes to it."
  @type document :: binary() | map()

  @typedoc "Microseconds since the epoch, ISO 8601 with an offset, or a `DateTime`."
  @type timestamp :: integer() | String.t() | DateTime.t()

  @typedoc "What integers count that stand for times: seconds to nanoseconds."
  @type unit :: :s | :ms | :us | :ns

  @typedoc "What is made of points, such as `:avg`, or as text `p99.9`."
  @type aggregation :: atom() | String.t()

  @typedoc """
  Only points with such a value: a condition, or several that must all hold. `"5"` or
  `"eq:5"`, `"ne:5"`, `"gt:5"`, `"gte:5"`, `"lt:5"`, `"lte:5"`, or `"in:5,6"` with up to 1,000
  numbers.
  """
  @type value_option :: {:value, String.t() | [String.t()] | nil}

  @typedoc """
  The IANA time zone, such as `"Europe/Vienna"`, whose local time texts without an offset are,
  and JSON is written in. Without it such texts are refused, dates are days of UTC, and JSON is
  in UTC.
  """
  @type tz_option :: {:tz, String.t() | nil}

  @typedoc """
  A state of the database: a sequence, or a time (ISO 8601 text or a `DateTime`), which
  means the last sequence that was committed by then.
  """
  @type as_of :: non_neg_integer() | String.t() | DateTime.t()

  @typedoc "A block, by its sequence or its hash."
  @type block_name :: pos_integer() | String.t()

  @typedoc """
  What every write takes:

    * `:actor` - the authenticated subject, recorded in every block; at most 1,024 bytes. By
      default the one of the process (`FormdbHttp.act_as/1`)
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
      (`:idempotency_key_reused`). A key belongs to its actor. Keys are honoured across restarts, for
      FORMDB_IDEMPOTENCY_SECONDS and up to FORMDB_IDEMPOTENCY_KEYS of them.
  """
  @type write_option ::
          {:actor, String.t()}
          | {:timeout, timeout()}
          | {:durability, :sync | :interval | :none}
          | {:idempotency_key, String.t()}

  @typedoc """
    * `:format` - `{:features, framing}`, a GeoJSON Feature or geometry in each record, or
      `{:points, framing}`, a point object in each: the framing is `:lines` (NDJSON) or
      `:sequence` (RFC 8142); or `:csv`, a table of points with a header of
      `series_id,timestamp,value`, of `timestamp` and a column a series, or of
      `timestamp,value` with the option `:series_id`. An empty cell has no value
    * `:missing` of a table - texts that stand for no value besides, such as `["NA", "-999"]`; numbers
      among them are compared as numbers
    * `:provenance` - of all features and points that have none of their own
    * `:shape` of a table - `:long`, `:wide` or `:single`: which of these headers it has;
      without it that is told by the names of its columns
    * `:on_error` - what becomes of faulty records: `:skip` (the default; they are told) or
      `:stop`: the first one ends the upload, and nothing of its batch is written
    * `:antimeridian` of features, `:unit`, `:tz` and `:on_duplicate` of points, as for single
      writes; duplicates cannot be refused
    * `:record_bytes` - how large a record may be; by default FORMDB_MAX_BODY_BYTES
  """
  @type upload_option ::
          {:format, {:features | :points, :lines | :sequence} | :csv}
          | {:on_error, :skip | :stop}
          | {:antimeridian, :refuse | :cut | :as_is}
          | {:unit, :s | :ms | :us | :ns}
          | tz_option()
          | on_duplicate_option()
          | {:series_id, String.t()}
          | {:shape, :single | :long | :wide}
          | {:missing, String.t() | [String.t()]}
          | {:provenance, document()}
          | {:record_bytes, pos_integer()}
          | write_option()

  @typedoc """
  What became of an upload: features or points that were written, features that got a new
  version or points that went for others, points that were ignored, those of both that an
  earlier attempt had written already, cells of a table without a value, the first and the last
  sequence of all and how many blocks they are, with those of an earlier attempt, and the records that
  were left out, with their lines from 1 (of a text sequence their numbers).
  """
  @type uploaded :: %{
          required(:inserted) => non_neg_integer(),
          required(:replaced) => non_neg_integer(),
          required(:ignored) => non_neg_integer(),
          required(:skipped) => non_neg_integer(),
          required(:first_seq) => pos_integer() | nil,
          required(:last_seq) => pos_integer() | nil,
          required(:blocks) => non_neg_integer(),
          required(:rejected) => [fault_in_line()],
          optional(:missing) => non_neg_integer(),
          optional(:warnings) => [fault_in_line()],
          optional(:warning_counts) => warning_counts()
        }

  @typedoc """
  How many warnings there are of each code; `:warnings` has up to 100 of them (FORMDB_FAULTS).
  docs/API.md has the codes. There are none where there is nothing to tell.
  """
  @type warning_counts :: %{atom() => pos_integer()}

  @typedoc "What is wrong with a record of an upload, or is to be told of it."
  @type fault_in_line :: %{
          line: pos_integer(),
          code: atom(),
          detail: String.t(),
          pointer: String.t()
        }

  @typedoc """
  What becomes of a point for whose timestamp its series has points already, stored or earlier
  in the same request: `:keep` both, `:replace` those, `:ignore` the new one, or `:refuse` all
  of the request. Without it what the database says (`FormdbHttp.set_defaults/3`), at first
  `:keep`.
  """
  @type on_duplicate_option :: {:on_duplicate, :keep | :replace | :ignore | :refuse}

  @typedoc "A JSON object that is recorded in the block of a write, as text or a map."
  @type provenance_option :: {:provenance, document()}

  @typedoc """
  What a write of one feature expects of its current version, or it is refused with
  `:precondition_failed`.
  """
  @type expectation ::
          :absent
          | :exists
          | {:hash, String.t()}
          | {:hashes, [String.t()]}
          | {:seq, non_neg_integer()}

  @typedoc "See `t:expectation/0`."
  @type expect_option :: {:expect, expectation()}

  @typedoc """
  What becomes of an edge wider than 180 degrees: it is refused (`:antimeridian_crossing`,
  the default), the geometry is cut at the antimeridian, or the edge goes the long way.
  """
  @type antimeridian_option :: {:antimeridian, :refuse | :cut | :as_is}

  @typedoc """
  How the features of one document are written:

    * `:on_duplicate` - features with the same id are refused with `:duplicate_id` (the
      default), or all written (`:replace`), each as a version, so that the last one stands
    * `:on_error` - faulty features have all refused (the default), with all faults in the
      error's `:errors`, or are left out (`:skip`)
  """
  @type collection_option ::
          antimeridian_option()
          | {:on_duplicate, :refuse | :replace}
          | {:on_error, :refuse | :skip}

  @typedoc "A page of a list: `:cursor` is the `:next` of the page before."
  @type page_option :: {:limit, pos_integer()} | {:cursor, String.t() | nil}

  @typedoc "The state to read: by default the present one."
  @type as_of_option :: {:as_of, as_of() | nil}

  @typedoc "A transaction that is still open, to read what it sees."
  @type transaction_option :: {:transaction, Transaction.t() | nil}

  @typedoc "Points as lists of tuples (the default), or as JSON text."
  @type as_option :: {:as, :points | :json}

  @typedoc "By time, `:asc` is the default."
  @type order_option :: {:order, :asc | :desc}

  @typedoc "West, south, east and north in degrees, or the text `\"w,s,e,n\"`."
  @type box :: {number(), number(), number(), number()} | String.t()

  @typedoc """
  Where a search looks:

    * `:everything` - at all features, also those without geometry
    * `{:box, box}` - in a box; west greater than east crosses the antimeridian
    * `{:geometry, geometry}` - at a GeoJSON geometry of any type, or a Feature with one
    * `{:feature, id}` - at the geometry of a stored feature, as it was at the sequence of
      the search; the feature itself is found as any other is
    * `{:near, {lon, lat}}` - around a position, nearest first
    * `{:near, {:feature, id}}` - around a stored feature, which has to be a Point
  """
  @type area ::
          :everything
          | {:box, box()}
          | {:geometry, document()}
          | {:feature, String.t()}
          | {:near, {number(), number()} | {:feature, String.t()}}

  @typedoc """
  Conditions that must all hold, at most 64: a list or a map of keys and expressions.

  Keys are `prop.NAME` for a property (`prop.NAME.NAME` for a nested one; a dot in a name
  is written `\\.`, and before `<` and `>` goes a backslash too), `time` for when the version
  was committed, and `seq` for its sequence.

  | expression | holds for |
  |---|---|
  | `VALUE`, `eq:VALUE` | what equals the value |
  | `ne:VALUE` | everything else, absent properties among it |
  | `gt:VALUE`, `gte:`, `lt:`, `lte:` | numbers if the value is one, else strings by code points |
  | `in:VALUE,VALUE` | what equals one of up to 1,000 values; spaces around them do not count |
  | `has:VALUE` | lists of which an item equals the value |
  | `contains:TEXT`, `starts:TEXT` | strings that hold the text, or begin with it; case counts |
  | `exists`, `exists:false` | properties that are there, or are not |
  | `since:TIME`, `until:TIME` | timestamps at or after, and before, an ISO 8601 time |

  A value in double quotes equals strings only; what could be meant for something else,
  such as `ge:5` or `gt:5.`, is refused unless it stands in quotes. `time` takes `since` and
  `until`, `seq` takes `eq` and the comparisons.
  """
  @type filters :: [{String.t(), String.t()}] | %{String.t() => String.t()}

  @typedoc """
  What a search and a count take:

    * `:predicate` - how a feature must be related to the box or geometry: it `:intersects`
      it (the default), is `:within` it, or `:contains` it. Boundaries are part of both, but
      what only touches the boundary is neither within nor contains
    * `:filters` - see `t:filters/0`
    * `:k`, `:radius` - around a position: at most so many features, over all pages, and at
      most so many metres away; there must be one of them
  """
  @type search_option ::
          {:predicate, :intersects | :within | :contains}
          | {:filters, filters()}
          | {:k, pos_integer()}
          | {:radius, number()}
          | antimeridian_option()
          | as_of_option()

  @typedoc """
  Of several series, only those of which all of these hold: `attr.NAME` on their attributes, in
  the words of `t:filters/0`; `feature`, with the id of the feature that they belong to; and
  `pattern`, with an id in which a star stands for any characters.
  """
  @type series_option :: {:filters, filters()}

  @typedoc """
  What a subscription is about, see `FormdbHttp.subscribe/2`: words of queries and their values.
  """
  @type live_filter :: %{(String.t() | atom()) => term()} | [{String.t() | atom(), term()}]

  @typedoc """
  After which block a subscription begins: `nil` for the last that is durable, a sequence, that
  with what the journal is known by (the hash of the block, the id of the log, a head that it
  had), or the last one by a time. A head alone is the sequence that is its size.
  """
  @type since ::
          nil
          | non_neg_integer()
          | %{
              optional(:seq) => non_neg_integer(),
              optional(:hash) => String.t(),
              optional(:log) => String.t(),
              optional(:head) => tree_head()
            }
          | DateTime.t()
          | String.t()

  @typedoc "The id of a series, or what the ids of several begin with."
  @type selection :: String.t() | {:prefix, String.t()}

  @typedoc """
  An operation of a transaction, as documents and times are taken elsewhere. Points may
  have any of the shapes of `FormdbHttp.write_points/3`.
  """
  @type operation ::
          {:put_feature, document()}
          | {:put_feature, document(), [collection_option()]}
          | {:delete_feature, String.t()}
          | {:put_points, document()}
          | {:put_points, document(), [on_duplicate_option()]}
          | {:delete_point, String.t(), point_id :: String.t()}
          | {:put_point, String.t(), point_id :: String.t(), correction :: map()}
          | {:delete_points, String.t(), timestamp(), timestamp()}
          | {:revert, selection :: map()}
          | {:revert, selection :: map(), partial: boolean()}
          | {:restore, pos_integer()}

  ## What comes out: databases

  @typedoc "A database on disk; one that `:failed` to open has the `:error`."
  @type listed :: %{
          required(:id) => database(),
          required(:status) => :open | :opening | :closed | :failed,
          optional(:error) => Error.t()
        }

  @typedoc """
  An open database:

    * `:log` - public id of its log: it stays when the folder gets another name, and a
      salvaged copy has another
    * `:seq` - how many blocks readers see, `:durable_seq` how many of them are on disk,
      `:root` the Merkle root over those
    * `:features`, `:series`, `:points` - how many there are; a series counts while it has
      points or attributes. `:versions` - earlier versions of features
    * `:defaults` - what holds for requests that do not say otherwise, `:on_duplicate`
    * `:journal_bytes`, `:segments` - what the journal takes on disk
    * `:index_bytes` - memory that the indexes take, an estimate: `:total`, and what of that are
      `:features` with their newest versions, earlier `:versions`, `:series` without their points,
      `:points`, and `:other`
    * `:queued`, `:groups`, `:transactions` - transactions that wait to be committed, and
      what was committed since it was opened
    * `:cached_bytes`, `:geometry_cache_bytes`, `:query_cache`, `:scrub` - figures of its caches and of reading
      everything stored through
    * `:poisoned`, `:failed` - why it takes no writes, or answers nothing, until it is opened
      again
    * `:clock_offset_ms` - how far the system's clock is ahead of commit times
    * `:created` - whether this call made it; only `FormdbHttp.open/2` says so
  """
  @type info :: %{
          required(:id) => database(),
          required(:status) => :open,
          required(:log) => String.t(),
          required(:seq) => non_neg_integer(),
          required(:durable_seq) => non_neg_integer(),
          required(:root) => String.t(),
          required(:features) => non_neg_integer(),
          required(:series) => non_neg_integer(),
          required(:points) => non_neg_integer(),
          required(:versions) => non_neg_integer(),
          required(:index_bytes) => %{atom() => non_neg_integer()},
          required(:defaults) => %{on_duplicate: String.t()},
          required(:journal_bytes) => non_neg_integer(),
          required(:segments) => non_neg_integer(),
          required(:queued) => non_neg_integer(),
          required(:groups) => non_neg_integer(),
          required(:transactions) => non_neg_integer(),
          required(:cached_bytes) => non_neg_integer(),
          required(:geometry_cache_bytes) => non_neg_integer(),
          required(:query_cache) => %{atom() => non_neg_integer()},
          required(:scrub) => %{atom() => integer() | nil},
          required(:poisoned) => String.t() | nil,
          required(:failed) => String.t() | nil,
          required(:clock_offset_ms) => integer(),
          optional(:created) => boolean()
        }

  ## What comes out: what was written

  @typedoc "A sequence, or `nil` where nothing was written."
  @type written_seq :: pos_integer() | nil

  @typedoc """
  One feature was written. `:created`, whether there was none by this id before, is only
  known where the id was given as an option.
  """
  @type feature_ack :: %{
          required(:feature_id) => String.t(),
          required(:seq) => pos_integer(),
          required(:hash) => String.t(),
          required(:time) => integer(),
          required(:replayed) => boolean(),
          optional(:created) => boolean(),
          optional(:warnings) => [Error.fault()],
          optional(:warning_counts) => warning_counts()
        }

  @typedoc "A feature that was left out: its place in the document, and all its faults."
  @type rejected :: %{
          required(:index) => non_neg_integer(),
          required(:errors) => [Error.fault()],
          optional(:operation) => non_neg_integer()
        }

  @typedoc """
  Features were written: how many were new, and how many replaced one that was there or came
  before in the document. `:rejected` only with `on_error: :skip`.
  """
  @type collection_ack :: %{
          required(:inserted) => non_neg_integer(),
          required(:replaced) => non_neg_integer(),
          required(:first_seq) => written_seq(),
          required(:last_seq) => written_seq(),
          required(:feature_ids) => [String.t()],
          required(:replayed) => boolean(),
          optional(:rejected) => [rejected()],
          optional(:warnings) => [Error.fault()],
          optional(:warning_counts) => warning_counts()
        }

  @typedoc """
  One point was written, in place of so many; or it was ignored, and there is no block.
  """
  @type point_ack :: %{
          required(:point_id) => String.t() | nil,
          required(:seq) => written_seq(),
          required(:hash) => String.t() | nil,
          required(:time) => integer() | nil,
          required(:inserted) => 0 | 1,
          required(:replaced) => non_neg_integer(),
          required(:ignored) => 0 | 1,
          required(:replayed) => boolean(),
          optional(:warnings) => [Error.fault()],
          optional(:warning_counts) => warning_counts()
        }

  @typedoc """
  Points were written: how many of them, how many went for them, stored before or earlier in
  the same request, and how many were ignored.
  """
  @type points_ack :: %{
          required(:inserted) => non_neg_integer(),
          required(:replaced) => non_neg_integer(),
          required(:ignored) => non_neg_integer(),
          required(:first_seq) => written_seq(),
          required(:last_seq) => written_seq(),
          required(:replayed) => boolean(),
          optional(:warnings) => [Error.fault()],
          optional(:warning_counts) => warning_counts()
        }

  @typedoc "The points of a range were replaced by others."
  @type replacement :: %{
          required(:deleted) => non_neg_integer(),
          required(:inserted) => non_neg_integer(),
          required(:replaced) => non_neg_integer(),
          required(:ignored) => non_neg_integer(),
          required(:first_seq) => written_seq(),
          required(:last_seq) => written_seq(),
          required(:hash) => String.t() | nil,
          required(:time) => integer() | nil,
          required(:replayed) => boolean(),
          optional(:warnings) => [Error.fault()],
          optional(:warning_counts) => warning_counts()
        }

  @typedoc "A point was put in place of another; it was ignored where the id is `nil`."
  @type correction :: %{
          required(:point_id) => String.t() | nil,
          required(:inserted) => 0 | 1,
          required(:replaced) => pos_integer(),
          required(:ignored) => 0 | 1,
          required(:first_seq) => pos_integer(),
          required(:last_seq) => pos_integer(),
          required(:hash) => String.t(),
          required(:time) => integer(),
          required(:replayed) => boolean(),
          optional(:warnings) => [Error.fault()],
          optional(:warning_counts) => warning_counts()
        }

  @typedoc "Points were deleted; where there were none nothing was written."
  @type deletion :: %{
          deleted: non_neg_integer(),
          seq: written_seq(),
          hash: String.t() | nil,
          time: integer() | nil,
          replayed: boolean()
        }

  @typedoc "A block was undone by another."
  @type reversal :: %{
          seq: pos_integer(),
          hash: String.t(),
          time: integer(),
          reverts: pos_integer(),
          replayed: boolean()
        }

  @typedoc """
  Blocks were undone by others, from `:first_seq` to `:last_seq`. `:unchanged` is how many that
  were asked for needed nothing; `nil` where an earlier answer is given again.
  """
  @type reversals :: %{
          reverted: pos_integer(),
          unchanged: non_neg_integer() | nil,
          first_seq: pos_integer(),
          last_seq: pos_integer(),
          hash: String.t(),
          time: integer(),
          replayed: boolean()
        }

  @typedoc "What undoing blocks would do as JSON, and how many things stand in its way."
  @type reversal_plan :: %{json: binary(), conflicts: non_neg_integer()}

  @typedoc "A version was written again: of a feature, or of the attributes of a series."
  @type restoration :: %{
          optional(:feature_id) => String.t(),
          optional(:series_id) => String.t(),
          required(:seq) => pos_integer(),
          required(:hash) => String.t(),
          required(:time) => integer(),
          required(:restores) => pos_integer(),
          required(:replayed) => boolean()
        }

  ## What comes out: features

  @typedoc "A feature; a version that a transaction has yet to commit has no `:seq` and `:hash`."
  @type feature :: %{json: binary(), seq: pos_integer() | nil, hash: String.t() | nil}

  @typedoc "An array of features as JSON, how many, and the state that all pages show."
  @type feature_page :: %{
          json: binary(),
          returned: non_neg_integer(),
          seq: non_neg_integer(),
          next: String.t() | nil
        }

  @typedoc "JSON, and the state it shows."
  @type cells :: %{json: binary(), seq: non_neg_integer()}

  ## What comes out: points

  @typedoc "A point of a series, or a bucket of an aggregate: when, and what."
  @type point :: {integer(), float()}

  @typedoc "Points by time, as tuples or JSON."
  @type range :: %{points: [point()] | binary(), seq: non_neg_integer(), next: String.t() | nil}

  @typedoc "What JSON has of points besides timestamp and value."
  @type include_option ::
          {:include,
           [:seq | :hash | :time | :actor | :point_id | :metadata | :provenance]
           | String.t()
           | nil}

  @typedoc "Points of several series by id, as tuples or JSON."
  @type ranges :: %{
          series: [{String.t(), [point()]}] | binary(),
          seq: non_neg_integer(),
          next: String.t() | nil
        }

  @typedoc "What was written of the attributes of a series; `:created` where they were set."
  @type attributes_ack :: %{
          required(:series_id) => String.t(),
          required(:seq) => pos_integer(),
          required(:hash) => String.t(),
          required(:time) => integer(),
          required(:replayed) => boolean(),
          optional(:created) => boolean()
        }

  @typedoc "Series, as maps or JSON; one with attributes alone has no ends."
  @type series_page :: %{
          series:
            [
              %{
                required(:series_id) => String.t(),
                required(:points) => non_neg_integer(),
                required(:first) => integer() | nil,
                required(:last) => integer() | nil,
                optional(:attributes) => binary() | nil
              }
            ]
            | binary(),
          seq: non_neg_integer(),
          next: String.t() | nil
        }

  @typedoc "The last point of a series; metadata and provenance are JSON objects."
  @type latest :: %{
          timestamp: integer(),
          value: float(),
          point_id: String.t(),
          seq: pos_integer(),
          as_of: non_neg_integer(),
          metadata: binary() | nil,
          provenance: binary() | nil
        }

  @typedoc "Buckets, each at its start, of one series or of several by id; or the same as JSON."
  @type buckets :: %{
          data: [bucket()] | [{String.t(), [bucket()]}] | binary(),
          seq: non_neg_integer()
        }

  @typedoc "A bucket: its start, or a group: its number; and its value, or several."
  @type bucket :: {integer(), float() | nil | [float() | nil]}

  @typedoc "Last points by series, as maps with `:series_id` too, or JSON."
  @type latest_page :: %{
          series: [map()] | binary(),
          seq: non_neg_integer(),
          next: String.t() | nil
        }

  @typedoc "Which points figures are made of."
  @type summary_option ::
          {:start, timestamp() | nil} | {:end, timestamp() | nil} | value_option() | tz_option()

  @typedoc """
  A series in figures. `nil` is a sum or deviation beyond the range of doubles, the
  deviation of one point, and everything but the count where there are no points.
  """
  @type summary :: %{
          count: non_neg_integer(),
          first: point() | nil,
          last: point() | nil,
          min: float() | nil,
          max: float() | nil,
          avg: float() | nil,
          sum: float() | nil,
          stddev: float() | nil,
          seq: non_neg_integer()
        }

  @typedoc "Series in figures, as maps with `:series_id` too, or JSON."
  @type summary_page :: %{
          series: [map()] | binary(),
          seq: non_neg_integer(),
          next: String.t() | nil
        }

  ## What comes out: transactions

  @typedoc """
  Operations were added to a transaction: how many it holds now, and the ids of the features
  that this call puts; `:rejected` if some were left out.
  """
  @type applied :: %{
          required(:operations) => non_neg_integer(),
          required(:feature_ids) => [String.t()],
          required(:replayed) => boolean(),
          optional(:rejected) => [rejected()]
        }

  @typedoc "A transaction was committed; the hash is that of its first block."
  @type commit :: %{
          first_seq: written_seq(),
          last_seq: written_seq(),
          hash: String.t() | nil,
          time: integer() | nil,
          replayed: boolean()
        }

  @typedoc """
  A transaction; a committed one has what `t:commit/0` has (without `:replayed`), an aborted
  one a `:reason`, and so has an unsettled one: the disk failed while it was being committed, so
  that nobody knows yet whether it is kept.
  """
  @type status :: %{
          required(:id) => String.t(),
          required(:seq) => non_neg_integer(),
          required(:read_only) => boolean(),
          required(:operations) => non_neg_integer(),
          required(:bytes) => non_neg_integer(),
          required(:expires_in_ms) => non_neg_integer(),
          required(:status) => :open | :committing | :committed | :aborted | :unsettled,
          required(:reason) => String.t() | nil,
          optional(:first_seq) => written_seq(),
          optional(:last_seq) => written_seq(),
          optional(:hash) => String.t() | nil,
          optional(:time) => integer() | nil
        }

  ## What comes out: journal and proofs

  @typedoc "A block: what is stored (`:cbor`), which the hash is over, and the same as JSON."
  @type block :: %{seq: pos_integer(), hash: String.t(), cbor: binary(), json: binary()}

  @typedoc """
  An array of blocks as JSON; `:next` is the `:since` of the next page, with the newest first
  its `:until`.
  """
  @type block_page :: %{json: binary(), returned: non_neg_integer(), next: pos_integer() | nil}

  @typedoc "The sequences that were compared, and points of one and not the other, as JSON."
  @type series_diff :: %{
          added: binary(),
          removed: binary(),
          from: non_neg_integer(),
          to: non_neg_integer(),
          next: String.t() | nil
        }

  @typedoc """
  Blocks by sequence, without their bodies; hashes that name no block of this database;
  whether there are more.
  """
  @type lineage :: %{json: binary(), elsewhere: [String.t()], truncated: boolean()}

  @typedoc "Size and root of the tree over the first blocks."
  @type tree_head :: %{tree_size: non_neg_integer(), root: String.t()}

  @typedoc "RFC 6962, section 2.1.1."
  @type inclusion_proof :: %{
          leaf_index: non_neg_integer(),
          tree_size: pos_integer(),
          leaf_hash: String.t(),
          root: String.t(),
          path: [String.t()]
        }

  @typedoc "RFC 6962, section 2.1.2."
  @type consistency_proof :: %{
          first: pos_integer(),
          second: pos_integer(),
          first_root: String.t(),
          second_root: String.t(),
          path: [String.t()]
        }
end
