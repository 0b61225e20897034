defmodule FormdbHttp do
  @moduledoc """
  FormDB from Elixir: databases of GeoJSON features and time-series points whose
  every change is a block in an append-only, hash-chained journal.

      iex> {:ok, %{created: true}} = FormdbHttp.open("places")
      iex> berlin = %{
      ...>   "type" => "Feature", "id" => "berlin", "properties" => %{"people" => 3_700_000},
      ...>   "geometry" => %{"type" => "Point", "coordinates" => [13.4, 52.5]}
      ...> }
      iex> {:ok, %{feature_id: "berlin", seq: 1}} = FormdbHttp.put_feature("places", berlin)
      iex> {:ok, page} = FormdbHttp.search("places", {:box, {13, 52, 14, 53}})
      iex> {page.returned, page.seq}
      {1, 1}
      iex> FormdbHttp.purge("places")
      :ok

  Databases live in one data folder, which `child_spec/1` says how to start with.

  Writes return when they are on disk, unless they ask for less
  (`t:FormdbHttp.Types.write_option/0`). Many callers at once share one disk sync, so
  concurrency is what makes writing fast. Reads run in the calling process and see every
  write that was acknowledged before they began.

  Documents go in as JSON text or as maps, and come out as JSON text, ready to be
  sent on. Timestamps are microseconds since the epoch, UTC; where one is taken,
  ISO 8601 text with an offset and `DateTime` do as well. `FormdbHttp.Types` has the shapes
  of all options and answers.

  Several writes become one, and reads agree with each other, in a transaction:

      iex> {:ok, _} = FormdbHttp.open("places")
      iex> {:ok, txn} = FormdbHttp.begin("places")
      iex> {:ok, %{operations: 1}} =
      ...>   FormdbHttp.apply(txn, [{:put_points, %{"series_id" => "t", "timestamp" => 0, "value" => 1}}])
      iex> {:ok, %{points: [{0, 1.0}]}} = FormdbHttp.range("places", "t", 0, 1, transaction: txn)
      iex> {:ok, %{last_seq: 1}} = FormdbHttp.commit(txn)
      iex> FormdbHttp.purge("places")
      :ok

  Every function returns `{:error, %FormdbHttp.Error{}}` for what can be expected
  to go wrong. `:busy` means that nothing was done and it may be tried again: the write
  queue is full, or too many ask what takes long (`ask_as/1`).
  Misuse, such as an option that a function does not have, raises.

  Examples below take an open, empty database `"quakes"`.
  """

  import Kernel, except: [apply: 2, apply: 3]

  alias FormdbHttp.{
    Actor,
    Admission,
    Analytics,
    Attributes,
    Backup,
    Config,
    Databases,
    Features,
    Journal,
    Live,
    Native
  }

  alias FormdbHttp.{
    Points,
    Search,
    Subscription,
    Transaction,
    Transactions,
    Types,
    Upload,
    Webhooks
  }

  @typedoc "See `FormdbHttp.Types`."
  @type result(value) :: Types.result(value)

  @typedoc "See `FormdbHttp.Types`."
  @type database :: Types.database()

  ## Starting

  @doc """
  Starts the databases of a data folder, for a supervisor:

      children = [{FormdbHttp, data_dir: "/var/lib/my_app/formdb"}]

  Options are the settings of `FormdbHttp.Config`, or such a struct. One that is not a
  setting, or does not fit, raises `ArgumentError`. Databases that are in the folder are
  opened at once, in the background.

  There is one a VM, and one a data folder. Nothing else is needed for databases without
  HTTP. Until this is started no file is touched, and calls raise.
  """
  @spec child_spec(Config.options() | Config.t()) :: Supervisor.child_spec()
  def child_spec(options) do
    %{
      id: __MODULE__,
      type: :supervisor,
      start: {FormdbHttp.Supervisor, :start_link, [Config.new!(options)]}
    }
  end

  @doc "Starts what `child_spec/1` describes, linked to the calling process."
  @spec start_link(Config.options() | Config.t()) :: Supervisor.on_start()
  def start_link(options), do: options |> Config.new!() |> FormdbHttp.Supervisor.start_link()

  @doc "The version of the server."
  @spec version() :: String.t()
  def version, do: :formdb_http |> Application.spec(:vsn) |> to_string()

  ## Databases

  @doc """
  Opens the database, or creates it, and describes it as `database/1` does; `:created`
  says whether it was made. Without a name one is generated (`db_...`). An open one whose folder
  was moved or replaced is `:journal_lost` until it is closed.

  Option: `create: false`, for which one that is not there is `:database_not_found`.
  """
  @spec open(database() | nil, create: boolean()) :: result(Types.info())
  defdelegate open(name \\ nil, opts \\ []), to: Databases

  @doc "Every database on disk, sorted by name."
  @spec databases() :: result([Types.listed()])
  defdelegate databases(), to: Databases, as: :list

  @doc """
  An open database in figures. It reads memory only.

      iex> {:ok, %{seq: 0, features: 0, log: log}} = FormdbHttp.database("quakes")
      iex> byte_size(log)
      32
  """
  @spec database(database()) :: result(Types.info())
  defdelegate database(name), to: Databases, as: :info

  @doc """
  Sets what holds for requests to the database that do not say otherwise: an object of
  `on_duplicate` (see `t:FormdbHttp.Types.on_duplicate_option/0`) and `provenance`. It is a
  block as others are, and can be reverted. `:defaults` is what it sets.

      iex> {:ok, %{seq: 1}} = FormdbHttp.set_defaults("quakes", %{"on_duplicate" => "replace"})
      iex> {:ok, %{defaults: %{on_duplicate: "replace"}}} = FormdbHttp.database("quakes")
  """
  @spec set_defaults(database(), Types.document(), [Types.write_option()]) ::
          result(%{
            seq: pos_integer(),
            hash: String.t(),
            time: integer(),
            replayed: boolean(),
            defaults: %{on_duplicate: String.t()}
          })
  defdelegate set_defaults(name, document, opts \\ []), to: Databases

  @doc """
  What is in the database, as JSON: the counts of features and their geometry types,
  property names with their types and how often they occur, and the series with their counts
  and ends. `:as_of` an earlier state the blocks of all features of then are read.
  """
  @spec schema(database(), [Types.as_of_option()]) :: result(%{json: binary()})
  defdelegate schema(name, opts \\ []), to: Databases

  @doc """
  Closes the database: what is queued is committed first, open transactions are
  aborted. Its files stay.
  """
  @spec close(database()) :: :ok | {:error, FormdbHttp.Error.t()}
  defdelegate close(name), to: Databases

  @doc """
  Closes the database and removes its files. There is no way back. The name is free
  again even where files cannot be removed; then the log says so, and the next start
  tries again.
  """
  @spec purge(database()) :: :ok | {:error, FormdbHttp.Error.t()}
  defdelegate purge(name), to: Databases

  ## Features

  @doc """
  Writes one GeoJSON Feature; a FeatureCollection is refused. An existing id gets a
  new version. A member `provenance` (an object) is recorded as the block's
  provenance. A geometry is a feature without properties.

  Option: `:id`, the id to write to, which the feature may then leave out.

      iex> feature = ~s({"type":"Feature","properties":{},"geometry":null})
      iex> {:ok, %{created: true}} = FormdbHttp.put_feature("quakes", feature, id: "a")
      iex> {:error, error} = FormdbHttp.put_feature("quakes", feature, id: "a", expect: :absent)
      iex> error.code
      :precondition_failed
  """
  @spec put_feature(database(), Types.document(), [
          {:id, String.t()}
          | Types.expect_option()
          | Types.antimeridian_option()
          | Types.write_option()
        ]) :: result(Types.feature_ack())
  defdelegate put_feature(name, feature, opts \\ []), to: Features

  @doc """
  Changes a part of a feature by a JSON merge patch (RFC 7396): members of the patch
  replace those of the feature, `null` removes one, objects are merged; but a
  `geometry` is one value, which is replaced as a whole, also by `null`. The
  provenance of the new version is that of the patch, if it has one.

  When somebody else writes the feature at the same moment, the patch is refused with
  `:precondition_failed`, and can be sent again.
  """
  @spec patch_feature(database(), String.t(), Types.document(), [
          Types.expect_option() | Types.antimeridian_option() | Types.write_option()
        ]) :: result(Types.feature_ack())
  defdelegate patch_feature(name, id, patch, opts \\ []), to: Features

  @doc """
  Deletes a feature. Its versions stay readable as of earlier sequences, and
  `revert/3` brings it back.
  """
  @spec delete_feature(database(), String.t(), [
          Types.expect_option() | Types.provenance_option() | Types.write_option()
        ]) :: result(Types.feature_ack())
  defdelegate delete_feature(name, id, opts \\ []), to: Features

  @doc """
  Writes the features of a FeatureCollection as one transaction: all or none, unless
  `on_error: :skip` leaves faulty ones out.

      iex> collection = ~s({"type":"FeatureCollection","features":[
      ...>   {"type":"Feature","id":"a","properties":{},"geometry":null},
      ...>   {"type":"Feature","id":"b","properties":{},"geometry":{"type":"Point"}}]})
      iex> {:ok, ack} = FormdbHttp.put_features("quakes", collection, on_error: :skip)
      iex> {ack.inserted, ack.feature_ids, Enum.map(ack.rejected, & &1.index)}
      {1, ["a"], [1]}
  """
  @spec put_features(database(), Types.document(), [
          Types.collection_option() | Types.expect_option() | Types.write_option()
        ]) :: result(Types.collection_ack())
  defdelegate put_features(name, collection, opts \\ []), to: Features

  @doc """
  A feature, now, `:as_of` an earlier state, or as a `:transaction` sees it. The hash is the
  RFC 6962 leaf hash of its block.

      iex> {:ok, _} = FormdbHttp.put_feature("quakes", ~s({"type":"Point","coordinates":[1,2]}), id: "a")
      iex> {:ok, _} = FormdbHttp.delete_feature("quakes", "a")
      iex> {:error, %{code: :feature_not_found}} = FormdbHttp.get_feature("quakes", "a")
      iex> {:ok, %{json: json, seq: 1}} = FormdbHttp.get_feature("quakes", "a", as_of: 1)
      iex> json
      ~s({"id":"a","type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":null})
  """
  @spec get_feature(database(), String.t(), [Types.as_of_option() | Types.transaction_option()]) ::
          result(Types.feature())
  defdelegate get_feature(name, id, opts \\ []), to: Features

  @doc """
  Features that a search finds, in the order they were written; around a position nearest
  first, each with its geodesic distance in metres as the member `distance`. All pages show
  the state of the first one.

  In a `:transaction` only the features that meet a box can be asked for. With `keep: false`
  neither the answer nor the documents read for it stay in memory: for one who goes through all
  pages of a large result.

      iex> point = ~s({"type":"Feature","id":"a","properties":{"mag":5},
      ...>   "geometry":{"type":"Point","coordinates":[-175.4,-20.5]}})
      iex> {:ok, _} = FormdbHttp.put_feature("quakes", point)
      iex> {:ok, %{returned: 1}} = FormdbHttp.search("quakes", {:box, {175, -25, -170, -10}})
      iex> {:ok, %{returned: 1}} = FormdbHttp.search("quakes", {:near, {180, -20}}, radius: 500_000)
      iex> {:ok, page} = FormdbHttp.search("quakes", :everything, filters: [{"prop.mag", "gt:5"}])
      iex> {page.json, page.next}
      {"[]", nil}
  """
  @spec search(database(), Types.area(), [
          Types.search_option()
          | Types.page_option()
          | Types.transaction_option()
          | {:keep, boolean()}
        ]) :: result(Types.feature_page())
  defdelegate search(name, area, opts \\ []), to: Search

  @doc """
  How many features `search/3` finds on all of its pages.

      iex> FormdbHttp.count("quakes", :everything)
      {:ok, %{count: 0, seq: 0}}
  """
  @spec count(database(), Types.area(), [Types.search_option()]) ::
          result(%{count: non_neg_integer(), seq: non_neg_integer()})
  defdelegate count(name, area, opts \\ []), to: Search

  @doc """
  How many features there are in each part of a box: the cells that are not empty,
  `{"bbox": [west, south, east, north], "count": n}`, from south to north and
  west to east. A feature counts once, in the cell of the middle of its bounding box.
  However fine the cells are, only those with features in them count toward
  `FORMDB_PAGE_ITEMS`. O(features in the box).

  Options: the cells, by `:cell` (`{width, height}` in degrees) or `:zoom` (the tiles of web
  maps, 0 to 24); `:sum`, the path of a property to add up as `"sum"`, such as `"mag"`
  (features without a number there do not count).
  """
  @spec heatmap(database(), Types.box(), [
          {:cell, {number(), number()}}
          | {:zoom, non_neg_integer()}
          | {:sum, String.t()}
          | {:filters, Types.filters()}
          | Types.as_of_option()
        ]) :: result(Types.cells())
  defdelegate heatmap(name, box, opts \\ []), to: Search

  @doc """
  The versions of a feature, oldest first: of each block its `seq`, `hash`, `time`,
  `txn` and `op`, and where recorded its `actor`, `prev` and `provenance`.

  Options: `:since` (only versions after this sequence), `:limit`, and `:as_of`.
  """
  @spec provenance(database(), String.t(), [
          {:since, non_neg_integer()} | {:limit, pos_integer()} | Types.as_of_option()
        ]) :: result(Types.block_page())
  defdelegate provenance(name, id, opts \\ []), to: Journal

  @doc """
  The blocks that the versions of a feature were derived from, as their provenance
  says in `derived_from`, those that these were derived from, and so on.

  Options: `:limit`, blocks at most, and `:as_of`, of the versions there were then.
  """
  @spec lineage(database(), String.t(), [{:limit, pos_integer()} | Types.as_of_option()]) ::
          result(Types.lineage())
  defdelegate lineage(name, id, opts \\ []), to: Journal

  ## Points

  @doc """
  Writes points, all or none, in one of three shapes: one point (`series_id`, `timestamp`,
  `value`, optionally `metadata` and `provenance`), `points` with a list of those, or columns
  (`series_id`, `timestamps`, `values`). With `:unit` timestamps that are integers count
  that, by default microseconds; with `:tz` those without an offset are local time. One point is answered as `:point`, others as `:points`.
  `:on_duplicate` says what becomes of points whose timestamps their series has.

      iex> points = [%{"series_id" => "t", "timestamp" => "2026-01-01T00:00:00Z", "value" => 3}]
      iex> {:ok, {:points, ack}} = FormdbHttp.write_points("quakes", %{"points" => points})
      iex> {ack.inserted, ack.last_seq}
      {1, 1}
  """
  @spec write_points(database(), Types.document(), [
          {:unit, Types.unit()}
          | Types.tz_option()
          | Types.on_duplicate_option()
          | Types.write_option()
        ]) ::
          result({:point, Types.point_ack()} | {:points, Types.points_ack()})
  defdelegate write_points(name, document, opts \\ []), to: Points

  @doc "Writes one point of a series."
  @spec put_point(database(), String.t(), Types.timestamp(), number(), [
          Types.on_duplicate_option() | Types.write_option()
        ]) :: result(Types.point_ack())
  defdelegate put_point(name, series, timestamp, value, opts \\ []), to: Points

  @doc """
  Writes points of one series from columns of equal length: lists of microseconds
  and numbers, or binaries of packed little-endian 64-bit integers and floats (the
  fastest way in). They become one block, compressed.
  """
  @spec put_columns(database(), String.t(), [integer()] | binary(), [number()] | binary(), [
          Types.provenance_option() | Types.on_duplicate_option() | Types.write_option()
        ]) :: result(Types.points_ack())
  defdelegate put_columns(name, series, timestamps, values, opts \\ []), to: Points

  @doc """
  Deletes the points of a series in `[start, end)`. They stay readable as of earlier
  sequences, and `revert/3` brings them back.
  """
  @spec delete_points(database(), String.t(), Types.timestamp(), Types.timestamp(), [
          Types.tz_option() | Types.provenance_option() | Types.write_option()
        ]) :: result(Types.deletion())
  defdelegate delete_points(name, series, start, stop, opts \\ []), to: Points

  @doc """
  Puts points in place of all that a series has in `[start, end)`, as one transaction: a list
  or columns as `write_points/3` takes, in which the series may be left out. They lie in the
  range; there may be none.

      iex> {:ok, _} = FormdbHttp.put_columns("quakes", "t", [0, 1, 9], [1, 2, 3])
      iex> better = %{"timestamps" => [1], "values" => [1.5]}
      iex> {:ok, ack} = FormdbHttp.replace_points("quakes", "t", 0, 5, better)
      iex> {ack.deleted, ack.inserted}
      {2, 1}
  """
  @spec replace_points(
          database(),
          String.t(),
          Types.timestamp(),
          Types.timestamp(),
          Types.document(),
          [
            {:unit, Types.unit()}
            | Types.tz_option()
            | Types.on_duplicate_option()
            | Types.write_option()
          ]
        ) :: result(Types.replacement())
  defdelegate replace_points(name, series, start, stop, document, opts \\ []), to: Points

  @doc """
  Deletes one point by its id, which `latest/3` and the answers to writes have. One that is
  not there is `:point_not_found`.
  """
  @spec delete_point(database(), String.t(), String.t(), [
          Types.provenance_option() | Types.write_option()
        ]) :: result(Types.deletion())
  defdelegate delete_point(name, series, point_id, opts \\ []), to: Points

  @doc """
  Puts a point in place of one, as one transaction: an object of `value` and, as of points,
  `timestamp` (else that of the other), `metadata` and `provenance`.

      iex> {:ok, %{point_id: id}} = FormdbHttp.put_point("quakes", "t", 0, 1)
      iex> {:ok, %{replaced: 1}} = FormdbHttp.correct_point("quakes", "t", id, %{"value" => 2})
      iex> {:ok, %{points: [{0, 2.0}]}} = FormdbHttp.range("quakes", "t", 0, 1)
  """
  @spec correct_point(database(), String.t(), String.t(), Types.document(), [
          {:unit, Types.unit()}
          | Types.tz_option()
          | Types.on_duplicate_option()
          | Types.write_option()
        ]) :: result(Types.correction())
  defdelegate correct_point(name, series, point_id, document, opts \\ []), to: Points

  @doc """
  Points of a series in `[start, end)`; with `as: :json` as the text of an array of
  `{"timestamp", "value"}`. With `:value` only those whose values fulfil a condition, such as
  `"gt:100"`, or all conditions of a list: `t:FormdbHttp.Types.value_option/0`.

      iex> {:ok, _} = FormdbHttp.put_columns("quakes", "t", [1, 2, 3], [0.5, 0.7, 0.6])
      iex> {:ok, range} = FormdbHttp.range("quakes", "t", 1, 3, order: :desc)
      iex> range.points
      [{2, 0.7}, {1, 0.5}]
      iex> {:ok, range} = FormdbHttp.range("quakes", "t", 0, 9, value: ["gt:0.5", "lt:0.7"])
      iex> range.points
      [{3, 0.6}]

  With `:include`, a list of `:seq`, `:hash`, `:time`, `:actor`, `:point_id`, `:metadata` and
  `:provenance`, JSON has that beside each point: of the block that wrote it, the id that its
  writer was given, and what was written with it; null where there is none. All but `:seq` and
  `:point_id` read each of those blocks once.

      iex> {:ok, _} = FormdbHttp.put_point("quakes", "u", 0, 1.5, actor: "ana")
      iex> {:ok, range} = FormdbHttp.range("quakes", "u", 0, 1, as: :json, include: [:seq, :actor])
      iex> FormdbHttp.JSON.decode!(range.points)
      [%{"timestamp" => "1970-01-01T00:00:00.000000Z", "value" => 1.5, "seq" => 1, "actor" => "ana"}]
  """
  @spec range(database(), String.t(), Types.timestamp(), Types.timestamp(), [
          Types.order_option()
          | Types.value_option()
          | Types.page_option()
          | Types.as_option()
          | Types.as_of_option()
          | Types.transaction_option()
          | Types.include_option()
          | Types.tz_option()
        ]) :: result(Types.range())
  defdelegate range(name, series, start, stop, opts \\ []), to: Points

  @doc """
  As `range/5`, of all series whose ids begin with `prefix`, by id in byte order, without
  those that have no points in the range. `:limit` counts points of all series together.
  With `as: :json` the text of an array of `{"series_id", "data"}`. The last series of a page
  may go on in the next.
  """
  @spec range_many(database(), String.t(), Types.timestamp(), Types.timestamp(), [
          Types.series_option()
          | Types.order_option()
          | Types.value_option()
          | Types.page_option()
          | Types.as_option()
          | Types.as_of_option()
          | Types.include_option()
          | Types.tz_option()
        ]) :: result(Types.ranges())
  defdelegate range_many(name, prefix, start, stop, opts \\ []), to: Points

  @doc """
  The blocks that wrote, deleted or brought back points of a series in `[start, end)`, oldest
  first: what `provenance/3` has of versions, and how many `points` of the range that were.
  Options: `:since` (only blocks after this sequence), `:limit`, `:as_of` and `:tz`.

      iex> {:ok, _} = FormdbHttp.put_columns("quakes", "t", [1, 2, 3], [0.5, 0.7, 0.6])
      iex> {:ok, _} = FormdbHttp.delete_points("quakes", "t", 2, 9)
      iex> {:ok, page} = FormdbHttp.series_provenance("quakes", "t", 0, 3)
      iex> for block <- FormdbHttp.JSON.decode!(page.json), do: {block["op"], block["points"]}
      [{"put_points", 2}, {"delete_points", 1}]
  """
  @spec series_provenance(database(), String.t(), Types.timestamp(), Types.timestamp(), [
          {:since, non_neg_integer() | nil}
          | {:limit, pos_integer() | nil}
          | Types.as_of_option()
          | Types.tz_option()
        ]) :: result(Types.block_page())
  defdelegate series_provenance(name, series, start, stop, opts \\ []), to: Journal

  @doc """
  The point of a series with the greatest timestamp; of several, the one that arrived last.
  """
  @spec latest(database(), String.t(), [Types.as_of_option()]) :: result(Types.latest())
  defdelegate latest(name, series, opts \\ []), to: Points

  @doc """
  The last point of each series whose id begins with `prefix`, by id in byte order, as maps of
  `latest/3` with `:series_id`, or with `as: :json` as the text of an array; in pages, which
  show one state.
  """
  @spec latest_many(database(), String.t(), [
          Types.series_option()
          | Types.page_option()
          | Types.as_option()
          | Types.as_of_option()
          | Types.tz_option()
        ]) :: result(Types.latest_page())
  defdelegate latest_many(name, prefix, opts \\ []), to: Points

  @doc """
  The series of a database by id, in byte order, those that have points or attributes; in
  pages, which show one state. The ends of a series without points are `nil`.

  Options: `:prefix`, what ids begin with; `:filters`, see
  `t:FormdbHttp.Types.series_option/0`; `include: :attributes`, then each has `:attributes`, as
  JSON, or `nil`. With `as: :json` the text of an array of
  `{"series_id", "points", "first", "last", "attributes"?}`.
  """
  @spec series(database(), [
          {:prefix, String.t()}
          | Types.series_option()
          | {:include, :attributes}
          | Types.page_option()
          | Types.as_option()
          | Types.as_of_option()
          | Types.tz_option()
        ]) :: result(Types.series_page())
  defdelegate series(name, opts \\ []), to: Points

  ## Attributes of series

  @doc """
  Sets the attributes of a series, a map or JSON of at most 64 KiB, whatever they were. Members
  may be any; `feature` is the id of the feature that the series belongs to, which need not be
  there, and `provenance` is that of this version. The series need have no points.

  Options as of `put_feature/3`, but for `:id` and `:antimeridian`. The answer has `:created`:
  whether there were none.

      iex> {:ok, %{created: true}} = FormdbHttp.set_attributes("quakes", "rain", %{unit: "mm"})
      iex> {:ok, %{json: json}} = FormdbHttp.get_attributes("quakes", "rain")
      iex> json
      ~s({"unit":"mm"})
      iex> {:ok, %{series: [row]}} = FormdbHttp.series("quakes", filters: [{"attr.unit", "mm"}])
      iex> {row.series_id, row.points}
      {"rain", 0}
  """
  @spec set_attributes(database(), String.t(), Types.document(), [
          Types.expect_option() | Types.write_option()
        ]) :: result(Types.attributes_ack())
  defdelegate set_attributes(name, series, attributes, opts \\ []), to: Attributes

  @doc """
  The attributes of a series: `:json`, and the `:seq` and `:hash` of the block that set them,
  whose provenance `attributes_provenance/3` has. `{:error, %{code: :attributes_not_found}}` where
  there are none.
  """
  @spec get_attributes(database(), String.t(), [Types.as_of_option()]) ::
          result(%{seq: pos_integer(), hash: String.t(), json: String.t()})
  defdelegate get_attributes(name, series, opts \\ []), to: Attributes

  @doc "Deletes the attributes of a series; its points stay. Options as of `delete_feature/3`."
  @spec delete_attributes(database(), String.t(), [
          Types.expect_option() | Types.provenance_option() | Types.write_option()
        ]) :: result(Types.attributes_ack())
  defdelegate delete_attributes(name, series, opts \\ []), to: Attributes

  @doc "The versions of the attributes of a series, oldest first: as `provenance/3` has them."
  @spec attributes_provenance(database(), String.t(), [
          {:since, non_neg_integer()} | {:limit, pos_integer()} | Types.as_of_option()
        ]) :: result(Types.block_page())
  defdelegate attributes_provenance(name, series, opts \\ []), to: Attributes

  @doc """
  Aggregates the points of a series, or of several, bucket by bucket.

  `aggregation` is `count`, `sum`, `avg`, `min`, `max`, `first`, `last`, `stddev` (of a
  sample), `median`, `rate` (what a counter grew by, per second; a value below the one
  before it is a counter that was reset), `delta` (last less first), `coverage` (see
  `:expected`), or a percentile such as `p95` or `p99.9`; an atom or text, or a list of up to
  16. Options:

    * `:start`, `:end` - the range, which holds its start and not its end; by default all
    * `:value` - only points whose values fulfil a condition, such as `"gt:100"`, or all
      conditions of a list
    * `:interval` - how long a bucket is, such as `"30s"`, `"5m"`, `"1h"`, `"1d"`, `"1w"`,
      `"1mo"` or `"1y"`; by default the range is one bucket
    * `:window` - with `:interval`, the length of the window that ends where a bucket does:
      then a bucket has what the points of that come to, also of those before `:start`
    * `:group_by` - instead of an interval, `:hour_of_day` (0 to 23), `:day_of_week` (1, a
      Monday, to 7) or `:month` (1 to 12), as the clock of `:tz` shows it
    * `:expected` - for `coverage`, the time from one expected value to the next, such as
      `"1h"`: the number of such slots with a point by that of all, from 0 to 1
    * `:origin` - a time from which buckets are counted
    * `:tz` - the IANA time zone whose calendar buckets of days and more follow (others are
      durations), whose local time texts without an offset are, and in which JSON is written;
      by default `"UTC"`, and such texts are refused
    * `:filters` - by prefix, only series of which these hold
    * `:fill` - what becomes of buckets without a value: `:none` (left out, the default),
      `:null`, `:previous` (also from before the range) or `:linear`

  With `as: :json` the text of an array of `{"timestamp", "value"}`, by prefix of
  `{"series_id", "data"}`. Of several aggregations each bucket has a list of values, as JSON a
  member for each. More values than FORMDB_BUCKETS are `:too_large`.

      iex> {:ok, _} = FormdbHttp.put_columns("quakes", "t/a", [0, 30_000_000, 60_000_000], [1, 2, 4])
      iex> {:ok, %{data: data}} = FormdbHttp.aggregate("quakes", "t/a", :sum, interval: "1m")
      iex> data
      [{0, 3.0}, {60_000_000, 4.0}]
      iex> {:ok, %{data: data}} = FormdbHttp.aggregate("quakes", {:prefix, "t/"}, :max)
      iex> data
      [{"t/a", [{0, 4.0}]}]
      iex> {:ok, %{data: data}} = FormdbHttp.aggregate("quakes", "t/a", [:min, :max], interval: "1m")
      iex> data
      [{0, [1.0, 2.0]}, {60_000_000, [4.0, 4.0]}]
  """
  @spec aggregate(database(), Types.selection(), Types.aggregation() | [Types.aggregation()], [
          {:start, Types.timestamp() | nil}
          | {:end, Types.timestamp() | nil}
          | Types.value_option()
          | {:interval, String.t() | nil}
          | {:window, String.t() | nil}
          | {:group_by, :hour_of_day | :day_of_week | :month | String.t() | nil}
          | {:expected, String.t() | nil}
          | {:origin, Types.timestamp() | nil}
          | Types.tz_option()
          | {:fill, :none | :null | :previous | :linear | String.t() | nil}
          | Types.series_option()
          | Types.order_option()
          | Types.as_option()
          | Types.as_of_option()
        ]) :: result(Types.buckets())
  defdelegate aggregate(name, series, aggregation, opts \\ []), to: Analytics

  @doc """
  Count, ends, extremes, mean, sum and deviation of a series, or with `:start`, `:end` and
  `:value` of the points of a range and with such values.
  """
  @spec summary(database(), String.t(), [Types.summary_option() | Types.as_of_option()]) ::
          result(Types.summary())
  defdelegate summary(name, series, opts \\ []), to: Analytics

  @doc """
  As `summary/3`, of each series whose id begins with `prefix`, by id in byte order, also where
  there are no such points: maps with `:series_id`, or with `as: :json` the text of an array. In
  pages, which show one state.
  """
  @spec summary_many(database(), String.t(), [
          Types.summary_option()
          | Types.series_option()
          | Types.page_option()
          | Types.as_option()
          | Types.as_of_option()
        ]) :: result(Types.summary_page())
  defdelegate summary_many(name, prefix, opts \\ []), to: Analytics

  ## Uploads

  @doc """
  Writes features or points that may be more than memory holds, from an enumerable of parts
  of a text, such as `File.stream!/3` gives: in batches, in bounded memory. `FormdbHttp.Upload`
  is for those who have the parts one after the other, and says more.

      iex> {:ok, _} = FormdbHttp.open("quakes")
      iex> table = ["timestamp,a,b\\n2026-01-", "01T00:00Z,1,\\n2026-01-01T01:00Z,2,3\\n"]
      iex> {:ok, %{inserted: 3, rejected: []}} = FormdbHttp.upload("quakes", table, format: :csv)

  An error comes with what was written before it. With an idempotency key the same can be sent
  again, and goes on where that ended.
  """
  @spec upload(database(), Enumerable.t(), [Types.upload_option()]) ::
          {:ok, Types.uploaded()} | {:error, FormdbHttp.Error.t(), Types.uploaded()}
  defdelegate upload(name, parts, opts), to: Upload, as: :all

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
  @spec begin(database(), [
          {:read_only, boolean()}
          | {:actor, String.t() | nil}
          | {:owner, pid() | nil}
          | Types.as_of_option()
        ]) :: result(Transaction.t())
  defdelegate begin(name, opts \\ []), to: Transactions

  @doc """
  Adds operations to a transaction, all or none: a list of them, or the document
  `{"operations": [...]}` of the HTTP API. Nothing is written before the commit.
  Operations are carried out in their order: the same feature may be put by several of
  them. What is undone by `{:revert, selection}`, as by `revert_many/3`, is what was there when
  the transaction began; so that comes first.

  With the option `:unit`, times that are integers count that instead of microseconds; with
  `:tz`, those without an offset are local time.
  With the option `:idempotency_key`, a second call with the same key and operations
  adds nothing and is answered as the first was, with `replayed: true`, while the
  transaction is open.
  """
  @spec apply(Transaction.t(), [Types.operation()] | Types.document(), [
          {:unit, Types.unit()} | Types.tz_option() | {:idempotency_key, String.t() | nil}
        ]) :: result(Types.applied())
  defdelegate apply(transaction, operations, opts \\ []), to: Transactions

  @doc """
  Commits a transaction: all of its operations, or none with the reason. Asking again
  gives the same answer again, with `replayed: true`, and waits for it while the first commit is
  under way. After `:busy`, `:memory_full` and `:disk_full` the transaction is still open.

  Options are those of writes but for `:actor`, which was given to `begin/2`.
  """
  @spec commit(Transaction.t(), [Types.write_option()]) :: result(Types.commit())
  defdelegate commit(transaction, opts \\ []), to: Transactions

  @doc """
  Ends a transaction without writing anything. Doing so twice is no error. One that is being
  committed is not ended: `:transaction_committing`.
  """
  @spec abort(Transaction.t()) :: :ok | {:error, FormdbHttp.Error.t()}
  defdelegate abort(transaction), to: Transactions

  @doc """
  The state of a transaction. Of those that ended the last 1,024 are remembered. Asking does
  not extend its lease.
  """
  @spec transaction(Transaction.t()) :: result(Types.status())
  defdelegate transaction(transaction), to: Transactions

  ## Journal and proofs

  @doc """
  Blocks of the journal, in the order they were written.

  Options:

    * `:since` - only blocks after this sequence, default 0; one that the journal has not reached
      is `:invalid_parameter`
    * `:until` - only up to this one
    * `:type` - only `"put_feature"`, `"delete_feature"`, `"put_points"`, `"delete_points"`,
      `"set_defaults"` or `"revert"`
    * `:feature_id` - only those about this feature
    * `:series_id` - only those about this series, or with a star at its end (`"tokyo/*"`)
      about all whose ids begin so
    * `:actor` - only those of this writer
    * `:provenance` - only those whose provenance has these members: a map, or a list of pairs
      in which a name may come several times. A text also stands for the number, `true`,
      `false` or `null` that is written so, and for a list that has it
    * `:transaction` - only those of the transaction that the block of this sequence belongs to
    * `:order` - `:asc` (the default), or `:desc`, the newest first: then `:next` of the page is
      the `:until` of the next one
    * `:bodies` - with `false` entries have what they are about (`feature_id`; `series_id` and
      `points`, or `start` and `end`; `reverts` and `effect`) in the place of the body
    * `:limit`

  All that is given has to hold. A page also ends at `FORMDB_PAGE_BYTES`, and after 100,000
  blocks or 256 MiB were looked at, so it can be short, or empty, and still have a next one.
  The blocks of a feature or series are found by an index, and so are those of a type that is
  rare; any other filter looks at every block.

      iex> {:ok, _} = FormdbHttp.put_point("quakes", "t/a", 0, 1.5, actor: "ana")
      iex> {:ok, _} = FormdbHttp.put_point("quakes", "u", 0, 2.5, actor: "ana")
      iex> {:ok, page} = FormdbHttp.journal("quakes", series_id: "t/*", actor: "ana", bodies: false)
      iex> {page.returned, page.next}
      {1, nil}
  """
  @spec journal(database(), [
          {:since, non_neg_integer() | nil}
          | {:until, non_neg_integer() | nil}
          | {:type, String.t() | nil}
          | {:feature_id, String.t() | nil}
          | {:series_id, String.t() | nil}
          | {:actor, String.t() | nil}
          | {:provenance, %{(String.t() | atom()) => term()} | [{String.t(), term()}] | nil}
          | {:transaction, non_neg_integer() | nil}
          | {:bodies, boolean()}
          | Types.order_option()
          | {:limit, pos_integer() | nil}
        ]) :: result(Types.block_page())
  defdelegate journal(name, opts \\ []), to: Journal

  @doc """
  What changed in a feature from one sequence or time to another, by default the newest, as JSON:
  `from` and `to`, the versions there were (as `provenance/3` has them, null where there was
  none), and `changes`. Those are operations of a JSON Patch (RFC 6902) that makes the later
  document of the earlier one, each with what was there before as `from`. Objects are compared
  member by member; a geometry or a list changes as a whole.

      iex> feature = &~s({"type":"Feature","id":"a","geometry":null,"properties":{"limit":\#{&1}}})
      iex> {:ok, _} = FormdbHttp.put_feature("quakes", feature.(40))
      iex> {:ok, _} = FormdbHttp.put_feature("quakes", feature.(50))
      iex> {:ok, diff} = FormdbHttp.feature_diff("quakes", "a", 1)
      iex> FormdbHttp.JSON.decode!(diff)["changes"]
      [%{"op" => "replace", "path" => "/properties/limit", "from" => 40, "value" => 50}]
  """
  @spec feature_diff(
          database(),
          String.t(),
          non_neg_integer() | Types.timestamp(),
          non_neg_integer() | Types.timestamp() | nil
        ) :: result(binary())
  defdelegate feature_diff(name, id, from, to \\ nil), to: Journal

  @doc """
  The points that a series has as of one sequence or time, `to` (`nil`: now), and not as of
  another, `from`, and those that it had then and has no more: JSON arrays of `{"timestamp",
  "value"}`, by time. A point that was deleted and written again with its value is in neither.

  Options: `:start`, `:end`, `:limit`, `:cursor` and `:tz`. A page has all changes of a time, and
  may be empty and still have a next one.

      iex> {:ok, _} = FormdbHttp.put_columns("quakes", "t", [1, 2], [0.5, 0.7])
      iex> {:ok, _} = FormdbHttp.delete_points("quakes", "t", 2, 3)
      iex> {:ok, diff} = FormdbHttp.series_diff("quakes", "t", 1, 2)
      iex> {diff.added, FormdbHttp.JSON.decode!(diff.removed), diff.next}
      {"[]", [%{"timestamp" => "1970-01-01T00:00:00.000002Z", "value" => 0.7}], nil}
  """
  @spec series_diff(
          database(),
          String.t(),
          non_neg_integer() | Types.timestamp(),
          non_neg_integer() | Types.timestamp() | nil,
          [
            {:start, Types.timestamp() | nil}
            | {:end, Types.timestamp() | nil}
            | Types.page_option()
            | Types.tz_option()
          ]
        ) :: result(Types.series_diff())
  defdelegate series_diff(name, series, from, to, opts \\ []), to: Journal

  @doc "One block, by its sequence or its hash."
  @spec block(database(), Types.block_name()) :: result(Types.block())
  defdelegate block(name, seq_or_hash), to: Journal

  @doc """
  Undoes a block by writing the inverse of its operation as a new block; a revert can
  be reverted. Refused with `:cannot_revert` and the reason when a later block depends
  on it, and when it is only a part of its transaction, unless `:partial` is true.

      iex> {:ok, _} = FormdbHttp.put_point("quakes", "t", 0, 1.5)
      iex> {:ok, %{seq: 2, reverts: 1}} = FormdbHttp.revert("quakes", 1)
      iex> {:error, error} = FormdbHttp.latest("quakes", "t")
      iex> error.code
      :series_not_found
      iex> {:ok, %{seq: 3}} = FormdbHttp.revert("quakes", 2)
      iex> {:ok, %{value: value}} = FormdbHttp.latest("quakes", "t")
      iex> value
      1.5
  """
  @spec revert(database(), Types.block_name(), [
          {:partial, boolean()} | Types.provenance_option() | Types.write_option()
        ]) :: result(Types.reversal())
  defdelegate revert(name, seq_or_hash, opts \\ []), to: Journal

  @doc """
  Undoes several blocks as one transaction. The document says which, as the body of `POST
  /api/v1/databases/:db/reverts` does: a transaction, a list or a range of sequences, or a
  filter. What they wrote is then what it was before the first of them. Refused with
  `:cannot_revert` and all that stands in the way (`errors`).

  With `:partial` true a transaction may be undone in part.

      iex> {:ok, _} = FormdbHttp.put_point("quakes", "t", 0, 1.5)
      iex> {:ok, _} = FormdbHttp.put_point("quakes", "t", 1, 2.5)
      iex> {:ok, undone} = FormdbHttp.revert_many("quakes", %{first_seq: 1, last_seq: 2})
      iex> {undone.reverted, undone.first_seq, undone.last_seq}
      {2, 3, 4}
  """
  @spec revert_many(database(), Types.document(), [{:partial, boolean()} | Types.write_option()]) ::
          result(Types.reversals())
  defdelegate revert_many(name, selection, opts \\ []), to: Journal

  @doc """
  What `revert_many/3` would do, and what stands in its way, as JSON: the answer of the HTTP
  API to `dry_run=true`. Writes nothing.
  """
  @spec plan_revert(database(), Types.document(), partial: boolean()) ::
          result(Types.reversal_plan())
  defdelegate plan_revert(name, selection, opts \\ []), to: Journal

  @doc """
  Makes the version of a feature that a block wrote its newest one, whatever came since. It is
  a put like any other, with the `:provenance` that is given or else the one it had;
  `derived_from` names the block in either.

      iex> {:ok, _} = FormdbHttp.put_feature("quakes", ~s({"type":"Feature","id":"a","geometry":null,"properties":{"n":1}}))
      iex> {:ok, _} = FormdbHttp.delete_feature("quakes", "a")
      iex> {:ok, %{feature_id: "a", seq: 3, restores: 1}} = FormdbHttp.restore("quakes", 1)
  """
  @spec restore(database(), Types.block_name(), [
          Types.provenance_option() | Types.write_option()
        ]) :: result(Types.restoration())
  defdelegate restore(name, seq_or_hash, opts \\ []), to: Journal

  @doc """
  The last sequence that was committed by a time; 0 if none was. A time up to a second
  ahead is waited for, a later one refused; the answer never changes.
  """
  @spec seq_at(database(), Types.timestamp()) :: result(non_neg_integer())
  defdelegate seq_at(name, time), to: Journal

  @doc """
  Size and root of the RFC 6962 Merkle tree over the first blocks of the journal: by
  default all of them.

      iex> {:ok, %{tree_size: 0, root: root}} = FormdbHttp.tree_head("quakes")
      iex> root == Base.encode16(:crypto.hash(:sha256, ""), case: :lower)
      true
  """
  @spec tree_head(database(), non_neg_integer() | nil) :: result(Types.tree_head())
  defdelegate tree_head(name, size \\ nil), to: Journal

  @doc """
  The proof that block `seq` is in the tree of a size, by default that of all blocks.
  Whoever trusts the root and has the block can check it.
  """
  @spec inclusion_proof(database(), pos_integer(), pos_integer() | nil) ::
          result(Types.inclusion_proof())
  defdelegate inclusion_proof(name, seq, size \\ nil), to: Journal

  @doc """
  The proof that the journal was only appended to between two sizes, the later one by
  default that of all blocks.
  """
  @spec consistency_proof(database(), pos_integer(), pos_integer() | nil) ::
          result(Types.consistency_proof())
  defdelegate consistency_proof(name, first, second \\ nil), to: Journal

  ## Following

  @doc """
  Follows a database: sends every block that a filter takes to a process, in the order of the
  journal, each once.

      iex> {:ok, %{ref: ref} = subscription} =
      ...>   FormdbHttp.subscribe("quakes", filter: %{"bbox" => "13,52,14,53", "prop.mag" => "gte:5"})
      iex> feature = ~s({"type":"Feature","properties":{"mag":5.5},"geometry":{"type":"Point","coordinates":[13.4,52.5]}})
      iex> {:ok, %{seq: 1}} = FormdbHttp.put_feature("quakes", feature, id: "a")
      iex> receive do
      ...>   {:formdb, ^ref, [event]} -> {event.seq, event.after, event.matched}
      ...> end
      {1, 0, :after}
      iex> FormdbHttp.ask(subscription, 1)
      iex> FormdbHttp.unsubscribe(subscription)
      :ok

  The process gets messages `{:formdb, ref, what}`, where `what` is one of

    * a list of `t:FormdbHttp.Event.t/0`: the next events
    * `{:dwell, dwells}`, a list of `t:FormdbHttp.Dwell.t/0`: who has stayed inside a fence
    * `{:lagging, seq}`: it has been sent all it asked for, and more has come. It has seen
      everything up to `seq`; the rest comes from the journal once it asks for more
    * `{:live, seq}`: it has seen everything there is, up to `seq`, after it was behind: since
      it lagged, or began in the past. From here on events come as they happen
    * `{:closed, why}`: nothing more comes. `why` is `:closed`, `:purged`, or `:failed` where the
      database takes no writes any more, or cannot be read

  Options:

    * `:filter` - what to hear of, a map or keyword list in the words of queries. All blocks
      without it
      * `bbox`, `geometry`, `ids` (a list, or a text with commas) and `prop.NAME`
        (`t:FormdbHttp.Types.filters/0`) are about features. All that are given have to hold, for
        the version before the block or the one after it. `predicate` and `antimeridian` as
        in `search/3`
      * `series_id` is about series: an id, one that ends in `*` for all that begin so, or
        a list of both
      * `fence` is what is told of an area that features go into and out of: one or
        several of `enter`, `exit`, `inside`, `outside` and `cross`, see below
      * `above`, `below` (numbers) or `outside` (two) is a level that the values of series pass, with
        `hysteresis` and `for`, see below
      * `dwell` is how many seconds, up to thirty days, what enters the area has to stay to be
        told of
      * `type` is what blocks do: `"put_feature"`, `"delete_points"`, ... A revert is the put or
        delete that it does, and a `"revert"`

      A filter that is about features alone leaves out blocks about series, and the other way
      round
    * `:since` - where to begin: after this block, or after what was committed by a time (text
      or `DateTime`). Without it with what becomes durable from now on. To go on after the last
      event of an earlier subscription give its sequence, or `%{seq: seq, hash: hash, log: log}`,
      which is refused with `:log_diverged` where that is not the block of this log. Who has
      kept a head, such as the size and root in the proof of an event, adds
      `head: %{tree_size: size, root: root}`: where the journal does not begin with that, it is
      refused in the same way, and else `:consistency` of the subscription is the proof that
      it does. Keys may be texts
    * `:bytes` - how many bytes of events may be under way to one that does not ask again, if that is
      to be less than `FORMDB_SUBSCRIPTION_BYTES`
    * `:demand` - how many events may be sent before the process asks for more, 1,000 without it.
      `ask/2` adds to them
    * `:to` - the process that is sent the messages; without it, the calling one
    * `:proof` - with `true` the JSON of an event has `proof`: the proof that its block is in the
      tree, as `inclusion_proof/3` gives it, with the size and root of that. A subscription that
      begins after a block then has `:consistency`, too, from the blocks up to that one

  ## Fences

  The area of a fence is `bbox`, `geometry`, or `feature`: the id of a stored feature, whose
  geometry is the area as of each moment. A version of a feature is inside if it has a position
  in common with the area. One that is deleted, not yet written, without a geometry, or without
  the properties that the filter asks for is outside. `ids` are features to look at.

    * `enter` - the version before was outside, this one is inside
    * `exit` - the other way round
    * `inside`, `outside` - each version that is there
    * `cross` - two positions outside, and the straight line between them, the shorter way
      round, meets the area

  The event has `fence`, a list of those that hold and were asked for. What enters or exits has
  a `reason`: `created`, `moved`, `changed` (its properties), `deleted`, or `area` where that has
  changed. Such an event is that of the block that changed the area. It has `features`, up to 1,000 of
  those that entered or exited (`feature_id`, `seq` of the version, `fence`), those with the oldest
  versions, and `more`, whether there are others.

  With `dwell` who entered and is inside still after so many seconds is told of, by
  `{:dwell, dwells}`. It counts as an event that was sent. The seconds are those of
  the times of blocks: it comes before the first block that was committed when it was due, or
  once the clock has passed that and no such block can come any more. It has no sequence:
  after a resume it may come again. One who was inside where the subscription begins, and is
  due after that, is told of, too. `fence` may be left out.

  A fence keeps no state: what it tells is worked out from the journal, block by block, and so is
  the same from any `:since` on.

      iex> harbour = ~s({"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[0,0],[2,0],[2,2],[0,2],[0,0]]]}})
      iex> {:ok, _} = FormdbHttp.put_feature("quakes", harbour, id: "harbour")
      iex> {:ok, %{ref: ref}} = FormdbHttp.subscribe("quakes", filter: %{"fence" => "enter,exit", "feature" => "harbour"})
      iex> for x <- [3, 1] do
      ...>   ship = ~s({"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[\#{x},1]}})
      ...>   {:ok, _} = FormdbHttp.put_feature("quakes", ship, id: "ship")
      ...> end
      iex> receive do
      ...>   {:formdb, ^ref, [event]} ->
      ...>     {event.seq, event.matched, event.json =~ ~s("fence":["enter"],"reason":"moved")}
      ...> end
      {3, :after, true}

  ## Levels of series

  With `above`, `below` or `outside` blocks are sent by which one of the series of `series_id` goes
  beyond a level, or comes back. A value above or below the number, or outside the two, is beyond it.
  With `hysteresis` one is back only when it is so far on the other side, and neither in between.
  A series is beyond the level at a time if the last of its points up to then that is one of
  both is so. With `for` it counts only from the first point on at which that is so for so many
  seconds, by the times of points.

  Each time at which a block has points is compared with the time of the point before that,
  both as of this block. The event has

    * `fence` - what is told: `above`, `below` or `outside`, and `back`
    * `points` - up to 1,000 of those by which it goes beyond or comes back: `timestamp` and
      `value`, `fence`, `previous`, the point before, and of one beyond the level `since`, the time
      of the first point of that. `late: true` stands where there was a later point before the block.
      Of equal times the last point counts
    * `more` - whether there are others
    * `stands` - what it is at its last point after the block
    * `reason` - where that has changed, and by none of the block's points: `deleted`, or `changed`
      where the block has points of times before the last

  Nothing is kept: it is worked out from the journal, and so the same from any `:since` on.

      iex> {:ok, %{ref: ref}} = FormdbHttp.subscribe("quakes", filter: %{"series_id" => "t/*", "above" => 30, "hysteresis" => 2})
      iex> for {time, value} <- [{1, 29}, {2, 31}, {3, 29}, {4, 28}], do: {:ok, _} = FormdbHttp.put_point("quakes", "t/a", time, value)
      iex> event = fn -> receive do {:formdb, ^ref, [event]} -> {event.seq, event.json =~ ~s("fence":["above"])} end end
      iex> [event.(), event.()]
      [{2, true}, {4, false}]

  ## Cost

  Only what is durable is sent. A process that dies is forgotten. One that does not ask
  holds nothing but its place; and no more than `FORMDB_SUBSCRIPTION_BYTES` of events are sent
  to one before it asks again, whatever its demand. `:busy` beyond `FORMDB_SUBSCRIPTIONS`
  subscriptions to a database.

  Matching and encoding are done once for all subscriptions, on threads of the engine. What a
  block costs depends on how many want it, and not on how many there are; fences elsewhere
  cost nothing.
  """
  @spec subscribe(database(), [
          {:filter, Types.live_filter()}
          | {:since, Types.since()}
          | {:bytes, pos_integer()}
          | {:demand, non_neg_integer()}
          | {:to, pid()}
          | {:proof, boolean()}
        ]) :: result(Subscription.t())
  defdelegate subscribe(name, opts \\ []), to: Live

  @doc """
  Lets so many events more be sent. The usual way is to ask for as many as a message had, once
  they are handled. It never waits.
  """
  @spec ask(Subscription.t(), pos_integer()) :: :ok
  defdelegate ask(subscription, count), to: Live

  @doc """
  Gives a subscription another filter, without a gap: the old one decides on blocks up to
  `:seq`, the new one on all after it. Events up to `:seq` may still come after this returns.
  `:database_closed` when it has ended.
  """
  @spec update_filter(Subscription.t(), Types.live_filter()) ::
          result(%{seq: non_neg_integer()})
  defdelegate update_filter(subscription, filter), to: Live

  @doc """
  Ends a subscription. When this returns no message of it is sent any more, and what the
  calling process has not taken out of its mailbox is gone.
  """
  @spec unsubscribe(Subscription.t()) :: :ok
  defdelegate unsubscribe(subscription), to: Live

  @doc """
  How a subscription is getting on: the block up to which it has been told everything
  (`:seq`), events that were sent and may be sent yet (`:delivered`, `:demand`), and whether
  it is `:lagging`.
  """
  @spec subscription_info(Subscription.t()) :: %{
          seq: non_neg_integer(),
          delivered: non_neg_integer(),
          demand: non_neg_integer(),
          lagging: boolean()
        }
  defdelegate subscription_info(subscription), to: Live, as: :info

  ## Webhooks

  @doc """
  The webhooks of a database, in the order in which they were set last.

  Each has what it was registered with, and how it gets on:

    * `:id`, `:address` (`nil` where this server does not know it), `:receiver` (scheme and host of
      it), `:filter`, `:since`, `:active`
    * `:seq`, `:hash`, `:time`, `:actor` - of the block that set it last
    * `:state` - `:delivering`, `:retrying` after an attempt that failed, `:paused`, `:stopped` with a
      `:reason`, `:no_address`, `:off` (`FORMDB_WEBHOOKS`), or `:failed` where the fault is on this
      side
    * `:cursor`, `:lag` - up to which block events were confirmed or given up, and how many durable
      blocks it has still to be told of, or to look at
    * `:last`, `:next` - the last attempt (`:time` in microseconds, `:status`, `:error`), and when the
      next one is made, milliseconds since 1970
    * `:dead_letters`, `:deliveries`, `:events`, `:failures` - how many; the last three since the
      database was opened

  Options: `:as_of`, a sequence or a time. Then it is told what the journal has of them.
  """
  @spec webhooks(database(), [Types.as_of_option()]) :: result([Types.Webhook.t()])
  defdelegate webhooks(name, opts \\ []), to: Webhooks

  @doc "One webhook, as `webhooks/2` has it; `:webhook_not_found`."
  @spec webhook(database(), String.t()) :: result(Types.Webhook.t())
  defdelegate webhook(name, id), to: Webhooks

  @doc """
  Registers a webhook: events are sent to its address by POST, in the order of the journal, each
  at least once, until it is deleted, over restarts. The registration is a block of the journal,
  which holds scheme and host of the address and not the rest.

      iex> {:ok, webhook} = FormdbHttp.create_webhook("quakes", %{
      ...>   address: "https://example.org/hook", filter: %{"prop.mag" => "gte:5"}})
      iex> {webhook.receiver, webhook.state, String.slice(webhook.secret, 0, 6)}
      {"https://example.org", :delivering, "whsec_"}

  A webhook has

    * `:address` - a URL with `https`; with `http` only where `FORMDB_WEBHOOK_PRIVATE` is set
    * `:filter`, `:since` - as in `subscribe/2`
    * `:active` - `false`: it is paused at first
    * `:id` - without it one is made up; `:webhook_exists` where there is one of that id

  The answer has, besides what `webhooks/2` has, the `:secret` by which deliveries are signed. It is
  not shown again. Options as of other writes, but no idempotency key.
  """
  @spec create_webhook(database(), Types.Webhook.registration(), [Types.write_option()]) ::
          result(Types.Webhook.t())
  defdelegate create_webhook(name, webhook, opts \\ []), to: Webhooks

  @doc """
  Changes what is given of a webhook, in the words of `create_webhook/3`: with `active: false` it is
  paused, with `active: true` it goes on, also where it was stopped; `since` has it begin from there
  again. With `rotate_secret: true` it gets another secret, which the answer has; for
  `FORMDB_WEBHOOK_ROTATION_SECONDS` deliveries are signed with both.

  A delivery that is under way is made again.
  """
  @spec update_webhook(database(), String.t(), Types.Webhook.change(), [Types.write_option()]) ::
          result(Types.Webhook.t())
  defdelegate update_webhook(name, id, changes, opts \\ []), to: Webhooks

  @doc "Deletes a webhook, and its dead letters. The journal still says that it was there."
  @spec delete_webhook(database(), String.t(), [Types.write_option()]) ::
          result(%{seq: pos_integer(), hash: String.t(), time: integer()})
  defdelegate delete_webhook(name, id, opts \\ []), to: Webhooks

  @doc """
  Deliveries of a webhook that were given up, oldest first: `:id`, `:first_seq` and `:last_seq` of
  its events, their `:count`, how many `:attempts` were made, `:time`, `:status` and `:error` of the last
  one, and whether it is `:queued` to be sent again.
  """
  @spec dead_letters(database(), String.t()) :: result([Types.Webhook.dead_letter()])
  defdelegate dead_letters(name, id), to: Webhooks

  @doc """
  Sends dead letters again (`:resend`), each once, or forgets them (`:forget`): those of these ids, or
  `:all`. Returns how many. What they hold is read from the journal.
  """
  @spec settle_dead_letters(database(), String.t(), :resend | :forget, :all | [String.t()]) ::
          result(non_neg_integer())
  defdelegate settle_dead_letters(name, id, how, which), to: Webhooks

  ## Backups and dumps

  @doc """
  Takes a backup of what is durable of an open database now, while others read and write: a
  folder `NAME` below the folder of the database in the setting `:backup_dir`, or an error and
  nothing.

  Segments of the journal that the newest backup there has are not copied again, and where they lie
  on the same disk as the database nothing is copied but the last one: they get a second name (a
  hard link). It reads no more than `:backup_bytes_per_second`. One of a database is taken at a time:
  `:backup_running`.

  Options:

    * `:name` - by default the time, such as `2026-01-31t03-00-00-103211z`; `:backup_exists`
    * `:wait_ms` - for how long to wait; by default until it is done. One that is not done goes
      on, and is in `backups/1`

  The answer has `:name`, `:database`, `:state` (`:whole`, or `:running` with bytes `:done` and in
  `:total`), `:time` as text, `:log`, `:seq` and `:root` of its last block, `:files` and `:bytes`, of
  which `:copied_bytes` were written and `:linked_bytes` not, the name of the `:previous` one, and
  the files of that which are damaged (`:previous_damaged`): those were taken from the database again.

  Without `:backup_dir` it is refused (`:backups_not_configured`).
  """
  @spec create_backup(database(), name: String.t(), wait_ms: non_neg_integer()) ::
          result(Types.Backup.t())
  defdelegate create_backup(name, opts \\ []), to: Backup

  @doc """
  The backups of a database, oldest first, as `create_backup/2` has them; `:state` is `:damaged` where the
  manifest is missing or cannot be read and `:failed` for the last one where that failed, both with the `:error`.
  Manifests are read, and nothing else of the files.
  """
  @spec backups(database()) :: result([Types.Backup.t()])
  defdelegate backups(name), to: Backup

  @doc """
  Checks every byte of the backup in a folder: the SHA-256 of each file, and all that the journal
  says of itself, up to the Merkle root. Returns what it holds, as `create_backup/2` does; the first
  thing that does not hold is an error, `:journal_corrupt` with the file. Needs nothing started.
  `progress` is called with bytes done and in all.
  """
  @spec verify_backup(Path.t(), Types.Backup.progress()) :: result(Types.Backup.manifest())
  def verify_backup(dir, progress \\ fn _done, _total -> :ok end),
    do: Backup.verify(dir, progress)

  @doc """
  Makes a database in the folder `to`, which may not be there yet, of the backup in `from`. In a
  data folder it can be opened then (`open/1`). It has the same blocks and the same Merkle root, and a
  log of its own: who follows the original is told so (`:log_diverged`), and its webhooks are
  paused. Needs nothing started.

  Options:

    * `:until` - the last block; where it lies within a transaction, the transaction before ends the
      database. By default all blocks
    * `:progress` - a function that is called with bytes done and in all

  The answer has `:log`, `:seq`, `:root`, `:bytes`, and the `:backup`.
  """
  @spec restore_backup(Path.t(), Path.t(),
          until: non_neg_integer(),
          progress: Types.Backup.progress()
        ) :: result(Types.Backup.restored())
  def restore_backup(from, to, opts \\ []) do
    opts = FormdbHttp.Input.options!(opts, [:until, :progress])
    progress = opts[:progress] || fn _done, _total -> :ok end
    Backup.restore(from, to, opts[:until], progress)
  end

  @doc """
  Writes what is durable of an open database as lines of JSON into the new file `to`: a first line that
  says what it is, and one for each block, from which `load_dump/3` makes the same block again.
  Others read and write meanwhile. `progress` is called with bytes of the journal, done and in all.

  Returns `:database`, `:log`, `:seq` and `:root`, which the first line has, too.
  """
  @spec dump(database(), Path.t(), Types.Backup.progress()) :: result(Types.Backup.dump())
  def dump(name, to, progress \\ fn _done, _total -> :ok end), do: Backup.dump(name, to, progress)

  @doc """
  Makes a database in the folder `to`, which may not be there yet, of a dump: the same blocks,
  times, actors and transactions, and the same Merkle root, or an error and nothing. It has a log of
  its own. Needs nothing started. `progress` is called with blocks, done and in all.

  Returns `:log`, `:seq`, `:root`, `:transactions` and what the `:dump` says of itself.
  """
  @spec load_dump(Path.t(), Path.t(), Types.Backup.progress()) :: result(Types.Backup.loaded())
  def load_dump(from, to, progress \\ fn _done, _total -> :ok end),
    do: Backup.load_dump(from, to, progress)

  ## Clients and times

  @doc """
  From now on the calling process asks on behalf of `client`, any term; by default every
  process is a client of its own. Heavy work (questions that may take long, and the parsing
  of large documents) is done for so many at once (FORMDB_HEAVY_QUESTIONS,
  FORMDB_LARGE_WRITES). When more is asked for it waits, the clients taking turns, and after
  FORMDB_HEAVY_WAIT_MS is refused as `:busy`.
  """
  @spec ask_as(term()) :: :ok
  defdelegate ask_as(client), to: Admission

  @doc """
  From now on the calling process works in the name of `actor`, `nil` being nobody: that is the
  actor of all it writes, unless the write names another one, and of these actors' transactions
  and idempotency keys it knows none but theirs: a transaction that somebody else began is not
  there.
  """
  @spec act_as(String.t() | nil) :: :ok
  defdelegate act_as(actor), to: Actor

  @doc """
  Microseconds since the epoch as ISO 8601 text, in UTC or in local time of a zone.

      iex> FormdbHttp.format_timestamp(1_700_000_000_123_000)
      "2023-11-14T22:13:20.123000Z"
      iex> FormdbHttp.format_timestamp(1_700_000_000_123_000, "Europe/Vienna")
      "2023-11-14T23:13:20.123000+01:00"
  """
  @spec format_timestamp(integer(), String.t() | nil) :: String.t()
  defdelegate format_timestamp(micros, tz \\ nil), to: Native, as: :timestamp_format
end
