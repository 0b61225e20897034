defmodule FormdbHttpWeb.Problem do
  @moduledoc false
  # Errors as answers: RFC 9457, application/problem+json. @problems is the one
  # place that says which code has which status.

  require Logger

  alias FormdbHttp.Error
  alias FormdbHttp.JSON
  alias FormdbHttpWeb.Audit.Notes
  alias FormdbHttpWeb.{Places, Request, RequestId}

  @problems %{
    # The request is wrong: sending it again as it is will not help.
    invalid_json: {400, "The body is not the JSON that the call takes"},
    invalid_cbor: {400, "The body is not the CBOR that the call takes"},
    invalid_feature: {400, "Not a GeoJSON Feature or FeatureCollection"},
    invalid_geometry: {400, "The geometry breaks RFC 7946"},
    invalid_position: {400, "The position is not longitude, latitude and altitude"},
    antimeridian_crossing: {400, "An edge is wider than 180 degrees"},
    unsupported_crs: {400, "The coordinates are not in WGS 84"},
    invalid_address: {400, "Not usable as the address of a webhook"},
    invalid_id: {400, "Not usable as an id"},
    duplicate_id: {400, "Two features of the request have the same id"},
    invalid_name: {400, "Not usable as a name"},
    invalid_bbox: {400, "The box is not west,south,east,north in degrees"},
    invalid_timestamp: {400, "Not a timestamp"},
    invalid_time_range: {400, "Not a time range"},
    invalid_value: {400, "The value is not a finite number"},
    invalid_point: {400, "Not a point or a list of points"},
    invalid_document: {400, "Provenance or metadata is not what is taken"},
    invalid_cursor: {400, "Not a cursor of this query"},
    invalid_parameter: {400, "The value of a parameter is not what the call takes"},
    invalid_body: {400, "The body is not what the call takes"},
    invalid_path: {400, "The path is not percent-encoded UTF-8"},
    invalid_query: {400, "The query string is not percent-encoded UTF-8"},
    missing_parameter: {400, "A parameter is missing"},
    unknown_parameter: {400, "The call has no such parameter"},
    invalid_content_coding: {400, "The body is not in the coding that Content-Encoding names"},
    malformed_request: {400, "Not an HTTP request"},
    unauthenticated: {401, "The call needs a credential"},
    invalid_token: {401, "The credential is not valid"},
    forbidden: {403, "The credential does not allow this"},
    vsn_not_supported: {403, "The server does not speak this version of the protocol"},
    origin_not_allowed: {403, "Pages of other web sites may not do this"},
    not_found: {404, "There is nothing at this path"},
    database_not_found: {404, "No such database"},
    feature_not_found: {404, "No such feature"},
    attributes_not_found: {404, "The series has no attributes"},
    series_not_found: {404, "No such series"},
    point_not_found: {404, "No such point"},
    block_not_found: {404, "No such block"},
    backup_not_found: {404, "No such backup"},
    webhook_not_found: {404, "No such webhook"},
    dead_letter_not_found: {404, "No such dead letter"},
    transaction_not_found: {404, "No such transaction, or none that is open"},
    method_not_allowed: {405, "The path does not take this method"},
    not_acceptable: {406, "There is no form of the answer that the client takes"},
    request_timeout: {408, "The request did not arrive in time"},
    conflict: {409, "Somebody else wrote first"},
    log_diverged: {409, "The journal is not the one that the client knows"},
    point_exists: {409, "The series has a point at that time"},
    backup_exists: {409, "There is a backup of that name"},
    backup_running: {409, "A backup of the database is being taken"},
    backups_not_configured: {409, "The server has no folder for backups"},
    webhook_exists: {409, "There is a webhook of that id"},
    about_webhook: {409, "Webhooks are not undone"},
    cannot_revert: {409, "What was to be undone cannot be"},
    done_again: {409, "A block does again what was undone"},
    later_write: {409, "A later version stands"},
    nothing_to_undo: {409, "There is nothing to undo"},
    partial_transaction: {409, "Only a part of a transaction was to be undone"},
    points_deleted: {409, "Points that a block wrote were deleted"},
    too_many_points: {409, "More points than one block brings back"},
    read_only_transaction: {409, "The transaction takes no writes"},
    transaction_committing: {409, "The transaction is being committed"},
    precondition_failed: {412, "The feature is not what the request expects"},
    payload_too_large: {413, "The body is too large"},
    too_large: {413, "More than a limit allows"},
    uri_too_long: {414, "The path and query are too long"},
    unsupported_media_type: {415, "The body is in a format that is not taken"},
    unsupported_content_coding: {415, "The body is in a coding that is not taken"},
    host_not_allowed: {421, "The server is not called by this name"},
    idempotency_key_reused: {422, "The idempotency key belongs to another request"},
    too_many_requests: {429, "More requests than a limit allows"},
    too_many_attempts: {429, "Too many credentials were not valid"},
    headers_too_large: {431, "The request's header fields are too large"},
    # The server failed.
    body_consumed: {500, "The body was read by somebody else"},
    internal_error: {500, "Internal error"},
    io_error: {500, "A file operation failed"},
    journal_corrupt: {500, "The journal is damaged"},
    journal_torn_tail: {500, "The journal has a torn tail"},
    journal_lost: {500, "Files of the database are gone or were changed"},
    unsupported_format: {500, "The files were written by a newer version"},
    not_implemented: {501, "The server does not speak this"},
    version_not_supported: {505, "The server speaks HTTP/1.1"},
    # The request is fine, the moment is not.
    busy: {503, "The server has too much to do"},
    cancelled: {503, "The request was given up"},
    too_many_connections: {503, "No more connections are served"},
    memory_full: {503, "The memory that a limit allows is used up"},
    database_opening: {503, "The database is being opened"},
    database_closed: {503, "The database is closing"},
    database_unavailable: {503, "The database cannot be opened"},
    database_read_only: {503, "The database takes no writes"},
    database_failed: {503, "The database has to be opened again"},
    webhooks_unavailable: {503, "Webhooks cannot be delivered"},
    database_locked: {503, "Another process has the database open"},
    write_timeout: {504, "The write was not confirmed in time"},
    query_timeout: {504, "The query took too long"},
    disk_full: {507, "The disk has too little room"}
  }

  # What passes by itself in a moment.
  @retry [:busy, :too_many_connections, :memory_full, :database_opening, :database_closed]

  # What may have happened just now. That a database takes no writes, or does not open,
  # was in the log when it came to that.
  @news [:io_error, :journal_corrupt, :journal_lost, :journal_torn_tail, :unsupported_format]

  @doc "The status of a code. One that nobody has given a status is a failure of the server."
  @spec status(atom()) :: 400..599
  def status(code) do
    {status, _title} = lookup(code)
    status
  end

  @doc "All codes with their statuses, by name."
  @spec codes() :: [{atom(), 400..599}]
  def codes, do: Enum.sort(for {code, {status, _title}} <- @problems, do: {code, status})

  @doc """
  The answer that tells the client about an error, with the id of the request that it is an
  answer to: that of this process, unless another is given.
  """
  @spec answer(Error.t(), String.t() | nil) :: Request.answer()
  def answer(
        %Error{code: code, detail: detail, pointer: pointer, errors: errors} = error,
        id \\ RequestId.current()
      ) do
    {status, title} = lookup(code)
    # Here, so that no refusal is overlooked, whoever makes it.
    Notes.say(code: code)

    members = [
      type: "urn:formdb:problem:#{code}",
      title: title,
      status: status,
      code: code,
      detail: Places.hide(detail)
    ]

    members = if pointer, do: members ++ [pointer: pointer], else: members
    members = if id, do: members ++ [instance: RequestId.urn(id)], else: members
    members = members ++ deleted(error.deleted)
    members = if errors == [], do: members, else: members ++ [errors: Enum.map(errors, &fault/1)]
    {status, headers(code), JSON.encode(members)}
  end

  defp deleted(nil), do: []
  defp deleted(%{seq: seq, time: time}), do: [seq: seq, time: FormdbHttp.format_timestamp(time)]

  @doc "One of several faults, as it is told."
  @spec fault(%{
          required(:code) => atom(),
          required(:detail) => String.t(),
          required(:pointer) => String.t() | nil,
          optional(atom()) => term()
        }) :: keyword()
  def fault(%{code: code, detail: detail, pointer: pointer} = fault) do
    blocks =
      for name <- [:seq, :by, :transaction], is_map_key(fault, name), do: {name, fault[name]}

    [code: code, detail: detail, pointer: pointer] ++ blocks
  end

  @doc """
  A feature that was left out: its place, and its faults as a problem has them. Of what is
  beyond FORMDB_FAULTS only the place is told.
  """
  @spec rejected(map()) :: keyword()
  def rejected(%{errors: errors} = rejected) do
    first = errors |> Enum.take(1) |> Enum.flat_map(&fault/1)

    place =
      for name <- [:operation, :index], is_map_key(rejected, name), do: {name, rejected[name]}

    place ++ first ++ [errors: Enum.map(errors, &fault/1)]
  end

  @doc "The members `warnings` and `warning_counts` of an answer to a write that has some."
  @spec warnings(map()) :: keyword()
  def warnings(%{warnings: warnings, warning_counts: counts}),
    do: [warnings: Enum.map(warnings, &warning/1), warning_counts: counts]

  def warnings(_without), do: []

  # That of an upload has a line.
  defp warning(%{line: line} = warning), do: [line: line] ++ fault(warning)
  defp warning(warning), do: fault(warning)

  @doc "A refusal that comes from this layer and not from the database."
  @spec refuse(atom(), String.t(), String.t() | nil) :: {:error, Error.t()}
  def refuse(code, detail, pointer \\ nil) do
    {:error, %Error{code: code, detail: detail, pointer: pointer}}
  end

  @doc "A name as a part of a JSON pointer (RFC 6901, section 3)."
  @spec pointer_part(String.t()) :: String.t()
  def pointer_part(name), do: name |> String.replace("~", "~0") |> String.replace("/", "~1")

  # Of a longer value a message shows the beginning.
  @shown_characters 80

  @doc """
  A value as the client sent it, in double quotes, for a message: with escapes where it is
  no printable text, and shortened.
  """
  @spec show(binary()) :: String.t()
  def show(text) do
    # A character has four bytes at most.
    start = binary_part(text, 0, min(byte_size(text), 4 * @shown_characters))
    shown = start |> String.slice(0, @shown_characters) |> inspect(binaries: :as_strings)
    if shown_whole?(text), do: shown, else: "#{shown}... (#{byte_size(text)} bytes)"
  end

  @doc "As `show/1`, of a value that was JSON."
  @spec show_json(term()) :: String.t()
  def show_json(text) when is_binary(text), do: show(text)

  def show_json(value) do
    text = JSON.text(value)

    if shown_whole?(text),
      do: text,
      else: "#{String.slice(text, 0, @shown_characters)}... (#{byte_size(text)} bytes)"
  end

  defp shown_whole?(text),
    do: byte_size(text) <= 4 * @shown_characters and String.length(text) <= @shown_characters

  @doc "Tells the log what the client is told without the folders, where that is news."
  @spec log(Error.t()) :: :ok
  def log(%Error{code: code, detail: detail}) when code in @news do
    if Places.hide(detail) != detail,
      do: Logger.error("a request was answered #{code}: #{detail}"),
      else: :ok
  end

  def log(_error), do: :ok

  defp lookup(code), do: Map.get(@problems, code, {500, "Internal error"})

  defp headers(code) when code in @retry do
    %{"content-type" => "application/problem+json", "retry-after" => "1"}
  end

  # Not of other problems with this status (RFC 9110, 12.5.3).
  defp headers(:unsupported_content_coding) do
    %{"content-type" => "application/problem+json", "accept-encoding" => "gzip, zstd"}
  end

  # Asked for in another form it is another answer.
  defp headers(:not_acceptable),
    do: %{"content-type" => "application/problem+json", "vary" => "accept"}

  defp headers(_code), do: %{"content-type" => "application/problem+json"}
end
