defmodule FormdbHttp do
  @moduledoc """
  FormDB from Elixir: databases of GeoJSON features and time-series points whose
  every change is a block in an append-only, hash-chained journal.

      {:ok, _} = FormdbHttp.create_database("quakes")

      {:ok, %{feature_id: "a", seq: 1}} =
        FormdbHttp.put_feature("quakes", ~s({"type":"Feature","id":"a",
          "geometry":{"type":"Point","coordinates":[13.4,52.5]},"properties":{}}))

      {:ok, %{json: json}} = FormdbHttp.query_box("quakes", {13, 52, 14, 53})

  Writes return when they are on disk. Many callers at once share one disk sync,
  so concurrency is what makes writing fast. Reads run in the calling process and
  see every write that was acknowledged before they began.

  Documents go in as JSON text or as maps, and come out as JSON text, ready to be
  sent on. Timestamps are microseconds since the epoch, UTC; where one is taken,
  ISO 8601 text with an offset and `DateTime` do as well.

  Every function returns `{:error, %FormdbHttp.Error{}}` for what can be expected
  to go wrong. `:busy` means that the write queue is full and nothing was written.
  """

  alias FormdbHttp.{Catalog, Database, Databases, Error, Native}

  @typedoc "Name of a database: `[a-z0-9][a-z0-9_-]{0,62}`."
  @type database :: String.t()

  @typedoc "JSON text, or a map with string keys that encodes to it."
  @type document :: binary() | map()

  @typedoc "Microseconds since the epoch, ISO 8601 with an offset, or a `DateTime`."
  @type timestamp :: integer() | String.t() | DateTime.t()

  @typedoc """
  Options of writes:

    * `:actor` - the authenticated subject, recorded in every block
    * `:timeout` - milliseconds to wait for the disk, or `:infinity`; by default
      the setting FORMDB_WRITE_TIMEOUT_MS. After a time-out (`:write_timeout`) the
      write may still land, and its late answer arrives as a stray message.
  """
  @type write_opts :: [actor: String.t(), timeout: timeout()]

  @type result(value) :: {:ok, value} | {:error, Error.t()}

  # Parsing runs on a normal scheduler up to this many bytes (about 0.2 ms).
  @dirty_bytes 16_384
  # 16 bytes a point, encoded about as fast as memory is copied.
  @dirty_column_bytes 65_536
  # Points in one answer built on a normal scheduler (about 0.1 ms).
  @dirty_points 1_000

  ## Databases

  @doc "The version of the server."
  @spec version() :: String.t()
  def version, do: :formdb_http |> Application.spec(:vsn) |> to_string()

  @doc """
  Creates the database, or opens it when it exists. Without a name one is
  generated (`db_...`). `:created` says which it was.
  """
  @spec create_database(database() | nil) :: result(map())
  def create_database(name \\ nil) do
    name = name || Native.database_generate_name()

    with {:ok, _} <- native(Native.database_check_name(name)),
         {started, pid} = Databases.start(name),
         {:ok, report} <- await_open(name, pid),
         {:ok, info} <- database(name) do
      {:ok, Map.put(info, :created, report.created and started == :started)}
    end
  end

  @doc """
  Every database on disk, sorted by name: `%{id: name, status: status}` with
  status `:open`, `:opening`, `:closed` or `:failed` (then with `:error`).
  """
  @spec databases() :: result([map()])
  def databases do
    with {:ok, names} <- native(Native.database_list(Catalog.handle())) do
      statuses = Database.statuses()
      {:ok, Enum.map(names, &describe(&1, Map.get(statuses, &1, :closed)))}
    end
  end

  defp describe(name, {:failed, error}), do: %{id: name, status: :failed, error: error}
  defp describe(name, status), do: %{id: name, status: status}

  @doc """
  An open database: `:id`, `:seq` (how many blocks readers see), `:root` (Merkle
  root over them, hexadecimal), counts of `:features`, `:series` and `:points`,
  `:journal_bytes` on disk, and figures of the committer.
  """
  @spec database(database()) :: result(map())
  def database(name) do
    with {:ok, info} <- engine(name, &Native.database_info(&1, name)) do
      {:ok, info |> Map.put(:id, name) |> Map.put(:status, :open)}
    end
  end

  @doc "Closes the database: what is queued is committed first. Its files stay."
  @spec close_database(database()) :: :ok | {:error, Error.t()}
  def close_database(name) do
    with {:error, :not_found} <- Databases.stop(name), do: {:error, not_found(name)}
  end

  @doc "Closes the database and removes its files. There is no way back."
  @spec purge_database(database()) :: :ok | {:error, Error.t()}
  def purge_database(name) do
    with {:ok, _} <- native(Native.database_check_name(name)), do: Databases.purge(name)
  end

  ## Features

  @doc """
  Writes one GeoJSON Feature; a FeatureCollection is refused. An existing id gets a new version. A member
  `provenance` (an object) is recorded as the block's provenance.

  Returns `%{feature_id: id, seq: seq, hash: hash, time: microseconds}`.
  """
  @spec put_feature(database(), document(), write_opts()) :: result(map())
  def put_feature(name, feature, opts \\ []) do
    with {:ok, {:feature, ack}} <- write_document(name, feature, true, opts), do: {:ok, ack}
  end

  @doc """
  Writes the features of a FeatureCollection as one transaction: all or none.

  Returns `%{inserted: n, first_seq: seq, last_seq: seq, feature_ids: ids}`; the
  sequences are `nil` when the collection is empty.
  """
  @spec put_features(database(), document(), write_opts()) :: result(map())
  def put_features(name, collection, opts \\ []) do
    with {:ok, written} <- write_features(name, collection, opts) do
      case written do
        {:collection, ack} ->
          {:ok, ack}

        {:feature, ack} ->
          {:ok,
           %{inserted: 1, first_seq: ack.seq, last_seq: ack.seq, feature_ids: [ack.feature_id]}}
      end
    end
  end

  @doc """
  Writes a Feature or a FeatureCollection, whichever it is: `{:ok, {:feature, ack}}`
  or `{:ok, {:collection, ack}}` with the maps of `put_feature/3` and
  `put_features/3`.
  """
  @spec write_features(database(), document(), write_opts()) ::
          result({:feature | :collection, map()})
  def write_features(name, document, opts \\ []), do: write_document(name, document, false, opts)

  defp write_document(name, document, one?, opts) do
    text = to_json(document)
    ref = make_ref()

    queued =
      engine(name, fn catalog ->
        if byte_size(text) > @dirty_bytes,
          do: Native.put_features_dirty(catalog, name, {text, one?}, opts[:actor], ref),
          else: Native.put_features(catalog, name, {text, one?}, opts[:actor], ref)
      end)

    with {:ok, {collection?, ids}} <- queued,
         {:ok, ack} <- await(ref, ids != [], opts) do
      {:ok, feature_ack(collection?, ids, ack)}
    end
  end

  defp feature_ack(false, [id], {seq, seq, time, hash}) do
    {:feature, %{feature_id: id, seq: seq, hash: hash, time: time}}
  end

  defp feature_ack(true, ids, {first_seq, last_seq, _time, _hash}) do
    {:collection,
     %{inserted: length(ids), first_seq: first_seq, last_seq: last_seq, feature_ids: ids}}
  end

  @doc """
  The current version of a feature: `%{json: text, seq: seq, hash: hash}`; the hash
  is the RFC 6962 leaf hash of its block.
  """
  @spec get_feature(database(), String.t()) :: result(map())
  def get_feature(name, id) do
    found =
      engine(name, fn catalog ->
        with :not_in_memory <- Native.feature_in_memory(catalog, name, id),
             do: Native.feature(catalog, name, id)
      end)

    with {:ok, {seq, hash, json}} <- found, do: {:ok, %{seq: seq, hash: hash, json: json}}
  end

  @doc """
  Features whose geometry meets the box, boundary included, in the order they were
  written. The box is `{west, south, east, north}` in degrees or the text
  `"w,s,e,n"`; west greater than east crosses the antimeridian.

  Options: `:limit` (default 1,000) and `:cursor`, the `:next` of the page before.
  All pages show the state of the first one.

  Returns `%{json: array, returned: n, seq: seq, next: cursor | nil}`.
  """
  @spec query_box(database(), {number(), number(), number(), number()} | String.t(), keyword()) ::
          result(map())
  def query_box(name, box, opts \\ []) do
    limit = opts[:limit] || default_limit()
    query = %{bbox: box_text(box), limit: limit, cursor: opts[:cursor]}

    page =
      engine(name, fn catalog ->
        with :not_in_memory <- Native.features_in_box_in_memory(catalog, name, query),
             do: Native.features_in_box(catalog, name, query)
      end)

    case page do
      {:ok, {json, returned, seq, next}} ->
        {:ok, %{json: json, returned: returned, seq: seq, next: next}}

      {:error, %Error{code: :invalid_bbox} = error} ->
        {:error, %{error | pointer: "/bbox"}}

      {:error, error} ->
        {:error, error}
    end
  end

  defp box_text(text) when is_binary(text), do: text
  defp box_text({w, s, e, n}), do: Enum.map_join([w, s, e, n], ",", &to_string/1)

  @doc """
  The versions of a feature, oldest first: of each block its `seq`, `hash`, `time`,
  `txn` and `op`, and where recorded its `actor`, `prev` and `provenance`.

  Options: `:since` (only versions behind this sequence) and `:limit` (default
  1,000). Returns `%{json: array, returned: n, next: seq | nil}`; `:next` is the
  `:since` of the next page.
  """
  @spec provenance(database(), String.t(), keyword()) :: result(map())
  def provenance(name, id, opts \\ []) do
    since = opts[:since] || 0
    limit = opts[:limit] || default_limit()

    with {:ok, {json, returned, next}} <-
           engine(name, &Native.provenance(&1, name, id, since, limit)),
         do: {:ok, %{json: json, returned: returned, next: next}}
  end

  ## Points

  @doc """
  Writes points, all or none, from JSON text or a map in one of three shapes: one
  point (`series_id`, `timestamp`, `value`, optionally `metadata` and
  `provenance`), `points` with a list of those, or columns (`series_id`,
  `timestamps`, `values`).

  Returns `{:ok, {:point, %{point_id: id, seq: seq, hash: hash, time: time}}}` or
  `{:ok, {:points, %{inserted: n, first_seq: seq, last_seq: seq}}}`.
  """
  @spec write_points(database(), document(), write_opts()) :: result({:point | :points, map()})
  def write_points(name, document, opts \\ []) do
    text = to_json(document)
    ref = make_ref()

    queued =
      engine(name, fn catalog ->
        if byte_size(text) > @dirty_bytes,
          do: Native.put_points_dirty(catalog, name, text, opts[:actor], ref),
          else: Native.put_points(catalog, name, text, opts[:actor], ref)
      end)

    await_points(queued, ref, opts)
  end

  @doc "Writes one point of a series. Returns the map of a single point, as `write_points/3`."
  @spec put_point(database(), String.t(), timestamp(), number(), write_opts()) :: result(map())
  def put_point(name, series, timestamp, value, opts \\ []) do
    with {:ok, micros} <- micros(timestamp),
         point = %{"series_id" => series, "timestamp" => micros, "value" => value},
         {:ok, {:point, ack}} <- write_points(name, point, opts),
         do: {:ok, ack}
  end

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
  def put_columns(name, series, timestamps, values, opts \\ []) do
    columns = {series, pack(timestamps), pack_floats(values), provenance(opts[:provenance])}
    ref = make_ref()

    queued =
      engine(name, fn catalog ->
        if byte_size(elem(columns, 1)) > @dirty_column_bytes,
          do: Native.put_columns_dirty(catalog, name, columns, opts[:actor], ref),
          else: Native.put_columns(catalog, name, columns, opts[:actor], ref)
      end)

    with {:ok, {:points, ack}} <- await_points(queued, ref, opts), do: {:ok, ack}
  end

  defp pack(packed) when is_binary(packed), do: packed
  defp pack(list), do: for(n <- list, into: <<>>, do: <<n::little-signed-64>>)

  defp pack_floats(packed) when is_binary(packed), do: packed
  defp pack_floats(list), do: for(n <- list, into: <<>>, do: <<n::little-float-64>>)

  defp provenance(nil), do: nil
  defp provenance(document), do: to_json(document)

  defp await_points(queued, ref, opts) do
    with {:ok, {single?, count}} <- queued,
         {:ok, {first_seq, last_seq, time, hash}} <- await(ref, count > 0, opts) do
      if single? do
        id = point_id(first_seq, 0)
        {:ok, {:point, %{point_id: id, seq: first_seq, hash: hash, time: time}}}
      else
        {:ok, {:points, %{inserted: count, first_seq: first_seq, last_seq: last_seq}}}
      end
    end
  end

  @doc """
  Points of a series in `[start, end)`, oldest first.

  Options: `:order` (`:asc`, the default, or `:desc`), `:limit` (default 1,000),
  `:cursor` (the `:next` of the page before) and `:as` (`:points`, the default, for
  a list of `{microseconds, value}`, or `:json` for the text of an array of
  `{"timestamp", "value"}`).

  Returns `%{points: points, seq: seq, next: cursor | nil}`.
  """
  @spec range(database(), String.t(), timestamp(), timestamp(), keyword()) :: result(map())
  def range(name, series, from, to, opts \\ []) do
    with {:ok, start} <- micros(from, "/start"),
         {:ok, stop} <- micros(to, "/end") do
      range = %{
        series: series,
        start: start,
        end: stop,
        order: Keyword.get(opts, :order, :asc),
        limit: opts[:limit] || default_limit(),
        cursor: opts[:cursor]
      }

      page = engine(name, &native_range(&1, name, range, Keyword.get(opts, :as, :points)))

      with {:ok, {points, seq, next}} <- page,
           do: {:ok, %{points: points, seq: seq, next: next}}
    end
  end

  defp native_range(catalog, name, %{limit: limit} = range, :json) when limit > @dirty_points,
    do: Native.range_json_dirty(catalog, name, range)

  defp native_range(catalog, name, range, :json), do: Native.range_json(catalog, name, range)

  defp native_range(catalog, name, %{limit: limit} = range, :points) when limit > @dirty_points,
    do: Native.range_points_dirty(catalog, name, range)

  defp native_range(catalog, name, range, :points), do: Native.range_points(catalog, name, range)

  @doc """
  The point of a series with the greatest timestamp; of several, the one that
  arrived last.

  Returns `%{timestamp: microseconds, value: value, point_id: id, seq: seq,
  metadata: json | nil, provenance: json | nil}`.
  """
  @spec latest(database(), String.t()) :: result(map())
  def latest(name, series) do
    with {:ok, latest} <- engine(name, &Native.latest(&1, name, series)) do
      {index, latest} = Map.pop!(latest, :index)
      {:ok, Map.put(latest, :point_id, point_id(latest.seq, index))}
    end
  end

  @doc """
  The series of a database by id, in byte order.

  Options: `:limit` (default 1,000) and `:after`, the last id of the page before.
  Returns a list of `%{series_id: id, points: n, first: time, last: time}`, the
  times in microseconds.
  """
  @spec series(database(), keyword()) :: result([map()])
  def series(name, opts \\ []) do
    limit = opts[:limit] || default_limit()
    list = engine(name, &Native.series_list(&1, name, opts[:after], limit))

    with {:ok, rows} <- list do
      {:ok,
       for {id, points, first, last} <- rows do
         %{series_id: id, points: points, first: first, last: last}
       end}
    end
  end

  # A block and a place in it: unique, and enough to find the point again.
  defp point_id(seq, index), do: "pt_#{seq}_#{index}"

  ## Journal and proofs

  @doc """
  Blocks of the journal, in the order they were written.

  Options: `:since` (only blocks behind this sequence, default 0), `:until` (only up
  to this one), `:type` (`"put_feature"` or `"put_points"`) and `:limit` (default
  1,000). Returns `%{json: array, returned: n, next: seq | nil}`; `:next` is the
  `:since` of the next page. A page also ends at 4 MiB and at 100,000 blocks looked
  at, so it can be short and still have a next one.
  """
  @spec journal(database(), keyword()) :: result(map())
  def journal(name, opts \\ []) do
    query = %{
      since: opts[:since] || 0,
      until: opts[:until],
      op: opts[:type],
      limit: opts[:limit] || default_limit()
    }

    with {:ok, {json, returned, next}} <- engine(name, &Native.entries(&1, name, query)),
         do: {:ok, %{json: json, returned: returned, next: next}}
  end

  @doc """
  Size and root of the RFC 6962 Merkle tree over the first blocks of the journal: by
  default all of them. Hashes are in hexadecimal here and below.

  Returns `%{tree_size: n, root: hash}`.
  """
  @spec tree_head(database(), non_neg_integer() | nil) :: result(map())
  def tree_head(name, size \\ nil), do: engine(name, &Native.tree_head(&1, name, size))

  @doc """
  The proof (RFC 6962, section 2.1.1) that block `seq` is in the tree of a size, by
  default that of all blocks. Whoever trusts the root and has the block can check it.

  Returns `%{leaf_index: n, tree_size: n, leaf_hash: hash, root: hash, path: hashes}`.
  """
  @spec inclusion_proof(database(), pos_integer(), pos_integer() | nil) :: result(map())
  def inclusion_proof(name, seq, size \\ nil),
    do: engine(name, &Native.inclusion_proof(&1, name, seq, size))

  @doc """
  The proof (RFC 6962, section 2.1.2) that the journal was only appended to between
  two sizes, the later one by default that of all blocks.

  Returns `%{first: n, second: n, first_root: hash, second_root: hash, path: hashes}`.
  """
  @spec consistency_proof(database(), pos_integer(), pos_integer() | nil) :: result(map())
  def consistency_proof(name, first, second \\ nil),
    do: engine(name, &Native.consistency_proof(&1, name, first, second))

  @doc "Items in a page when no `:limit` is given: the setting FORMDB_DEFAULT_PAGE_ITEMS."
  @spec default_limit() :: pos_integer()
  def default_limit, do: Catalog.config().default_page_items

  ## Time

  @doc "Microseconds since the epoch as ISO 8601 text, UTC."
  @spec format_timestamp(integer()) :: String.t()
  def format_timestamp(micros) do
    {:ok, text} = Native.timestamp_format(micros)
    text
  end

  @doc """
  Microseconds since the epoch from text: ISO 8601 with an offset, a date (its
  midnight, UTC) or an integer of microseconds.
  """
  @spec parse_timestamp(String.t()) :: result(integer())
  def parse_timestamp(text), do: micros(text)

  defp micros(timestamp, pointer \\ "/timestamp")
  defp micros(micros, _pointer) when is_integer(micros), do: {:ok, micros}
  defp micros(%DateTime{} = time, _pointer), do: {:ok, DateTime.to_unix(time, :microsecond)}

  defp micros(text, pointer) when is_binary(text) do
    with {:error, error} <- native(Native.timestamp_parse(text)),
         do: {:error, %{error | pointer: pointer}}
  end

  ## Between Elixir and the engine

  defp to_json(text) when is_binary(text), do: text
  defp to_json(map) when is_map(map), do: map |> nulls() |> :jsx.encode()

  # jsx writes nil as the text "nil".
  defp nulls(nil), do: :null
  defp nulls(%_{} = struct), do: raise(ArgumentError, "no JSON for #{inspect(struct)}")
  defp nulls(map) when is_map(map), do: Map.new(map, fn {key, value} -> {key, nulls(value)} end)
  defp nulls(list) when is_list(list), do: Enum.map(list, &nulls/1)
  defp nulls(other), do: other

  defp await(_ref, false, _opts), do: {:ok, {nil, nil, nil, nil}}

  defp await(ref, true, opts) do
    timeout = Keyword.get_lazy(opts, :timeout, fn -> Catalog.config().write_timeout_ms end)

    receive do
      {^ref, answer} -> native(answer)
    after
      timeout ->
        detail = "not on disk after #{timeout} ms; the write may still land"
        {:error, %Error{code: :write_timeout, detail: detail}}
    end
  end

  defp await_open(name, pid) do
    Database.await_open(pid)
  catch
    # Somebody closed it meanwhile.
    :exit, _reason -> {:error, not_found(name)}
  end

  defp native({:error, error}), do: {:error, Error.from_native(error)}
  defp native(ok), do: ok

  # Calls the engine with the catalog. Only when it does not have the database
  # open is it worth looking why.
  defp engine(name, call) do
    case call.(Catalog.handle()) do
      {:error, {:database_not_found, _, _} = error} -> {:error, not_open(name, error)}
      {:error, error} -> {:error, Error.from_native(error)}
      ok -> ok
    end
  end

  defp not_open(name, error) do
    case Database.status(name) do
      :opening ->
        detail = "database #{name} is reading its journal; try again shortly"
        %Error{code: :database_opening, detail: detail}

      {:failed, %Error{detail: detail}} ->
        %Error{
          code: :database_unavailable,
          detail: "database #{name} cannot be opened: #{detail}"
        }

      _other ->
        not_open_on_disk(name, error)
    end
  end

  defp not_open_on_disk(name, error) do
    case Native.database_list(Catalog.handle()) do
      {:ok, names} ->
        if name in names do
          detail = "database #{name} is closed; creating it again opens it"
          %Error{code: :database_not_found, detail: detail}
        else
          Error.from_native(error)
        end

      {:error, _} ->
        Error.from_native(error)
    end
  end

  defp not_found(name) do
    %Error{code: :database_not_found, detail: "there is no open database #{inspect(name)}"}
  end
end
