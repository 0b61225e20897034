defmodule FormdbHttpWeb.Body do
  @moduledoc false
  # Reads the body of a request, within its limits: bytes, time, and the memory that the
  # server has for work under way.
  #
  # Memory is reserved as the body comes, a part ahead, so that a client holds what it has
  # sent and no more than a part of what it has announced. That the announced length
  # would fit is looked at first, before anything is read.
  #
  # What comes packed (Content-Encoding) is unpacked piece by piece, and everything here but
  # the time is about what it was before it was packed.

  import FormdbHttpWeb.Problem, only: [refuse: 2]

  alias FormdbHttp.{ContentCoding, Error, Serving, WorkMemory}
  alias FormdbHttpWeb.{BodyType, Request}

  # The memory of the body, in the process that answers the request.
  @memory __MODULE__
  @received {__MODULE__, :received}
  # The most that is asked for at once, and what a host may hold before it is asked.
  @part_bytes 1_048_576
  @unasked_bytes 65_536
  # The most that is unpacked at once for a body that is read as a whole.
  @piece_bytes 262_144

  @typedoc "A body that is read in parts."
  @opaque parts :: {Request.t(), map()}

  @doc """
  The body, if it is what the call takes (or says nothing of what it is) and not
  larger than `max` bytes. One whose length is announced is refused before it is
  read; a chunked one as soon as it passes the limit.
  """
  @spec read(Request.t()) :: {:ok, binary()} | {:error, Error.t()}
  def read(req), do: read(req, req.settings.max_body_bytes)

  @spec read(Request.t(), pos_integer()) :: {:ok, binary()} | {:error, Error.t()}
  def read(%{body_length: length} = req, max) when is_integer(length) and length > max do
    too_large(req, "#{length} bytes", max)
  end

  def read(req, max) do
    with :ok <- BodyType.check(req.headers, req.call.takes),
         :ok <- check_database(req),
         {:ok, state} <- begin(req),
         {:ok, memory} <- reserve(req),
         Process.put(@memory, memory),
         {:ok, body} <- read_parts(req, "", Map.merge(state, %{max: max, memory: memory})),
         do: as_json(BodyType.essence(req.headers), body, memory, req.settings.max_body_bytes)
  end

  # Calls look into JSON only.
  defp as_json("application/cbor", body, memory, max) when body != "" do
    with {:ok, json} <- Serving.cbor_to_json(body, max),
         :ok <- WorkMemory.resize(memory, byte_size(json)),
         do: {:ok, json}
  end

  defp as_json(_json, body, _memory, _max), do: {:ok, body}

  @doc """
  A body of any length, to be read in parts. That it is of a type that the call takes is
  looked at, and that there is the database.
  """
  @spec open(Request.t()) :: {:ok, parts()} | {:error, Error.t()}
  def open(req) do
    with :ok <- BodyType.check(req.headers, req.call.takes),
         :ok <- check_database(req),
         {:ok, state} <- begin(req),
         do: {:ok, {req, Map.put(state, :left, nil)}}
  end

  # `bytes` are those that came, as they came.
  defp begin(req) do
    with {:ok, coding} <- BodyType.coding(req.headers), {:ok, unpacker} <- unpacker(coding) do
      {:ok, %{unpacker: unpacker, bytes: 0, waited: 0, silent: 0}}
    end
  end

  defp unpacker(:identity), do: {:ok, nil}
  defp unpacker(coding), do: ContentCoding.unpacker(coding)

  # The most of a body that is written as it comes that is asked for at once.
  @stream_bytes 262_144

  # How long a part is waited for, so that there is something to do meanwhile.
  @part_ms 1_000

  @doc """
  The next part, which may be empty after a second of silence; `:done` with the last one. What
  the caller does between is no delay of the client's.
  """
  @spec next(parts()) :: {:more | :done, binary(), parts()} | {:error, Error.t()}
  def next({req, %{left: nil} = state}) do
    with {:ok, wait_ms} <- time_left(req, state),
         {more_or_ok, part, req, state} <-
           read_part(req, state, @stream_bytes, min(wait_ms, @part_ms)),
         do: next_piece(req, part, more_or_ok == :ok, state)
  end

  # Of a part that came before, and may have been the last one.
  def next({req, %{left: last?} = state}), do: next_piece(req, "", last?, state)

  defp next_piece(req, part, last?, %{unpacker: nil} = state),
    do: {if(last?, do: :done, else: :more), part, {req, state}}

  defp next_piece(req, part, last?, state) do
    case ContentCoding.unpack(state.unpacker, part, last?, @stream_bytes) do
      {:full, piece} -> {:more, piece, {req, %{state | left: last?}}}
      {:hungry, piece} -> {:more, piece, {req, %{state | left: nil}}}
      {:done, piece} -> {:done, piece, {req, %{state | left: nil}}}
      {:error, _error} = error -> error
    end
  end

  @doc "Bytes of the body that came, as they came; asked once, when the answer is there."
  @spec received() :: non_neg_integer()
  def received, do: Process.delete(@received) || 0

  @doc "Gives back the memory of the body, once the answer is there."
  @spec release() :: :ok
  def release do
    memory = Process.delete(@memory)
    if memory, do: WorkMemory.release(memory), else: :ok
  end

  # A client that waits for leave to send its body is told before.
  defp check_database(%{database: nil}), do: :ok
  defp check_database(%{database: name}), do: Serving.check_open(name)

  # The connection may hold the beginning already.
  defp reserve(%{body_length: length} = req) when is_integer(length) do
    with {:ok, memory} <- WorkMemory.reserve(length),
         :ok <- if(short?(req), do: :ok, else: WorkMemory.resize(memory, @unasked_bytes)),
         do: {:ok, memory},
         else: (error -> refused(req, error))
  end

  defp reserve(req) do
    with {:error, _} = error <- WorkMemory.reserve(@unasked_bytes), do: refused(req, error)
  end

  # The host is told not to wait for what nobody reads.
  defp refused(%{body: {reader, state}}, error) do
    reader.refuse(state)
    error
  end

  defp read_parts(req, body, state) do
    length = part_length(req, state.max - byte_size(body))

    with :ok <- hold(req, state, byte_size(body) + length),
         {:ok, wait_ms} <- time_left(req, state),
         {more_or_ok, part, req, state} <- read_part(req, state, length, wait_ms),
         {:ok, body} <- append(req, body, part, more_or_ok == :ok, state) do
      if more_or_ok == :ok, do: {:ok, body}, else: read_parts(req, body, state)
    end
  end

  # Room for all of a short body was taken at the beginning.
  defp hold(req, state, bytes) do
    if state.unpacker == nil and short?(req),
      do: :ok,
      else: WorkMemory.resize(state.memory, bytes)
  end

  defp short?(%{body_length: length}), do: is_integer(length) and length <= @unasked_bytes

  defp append(req, body, part, _last?, %{unpacker: nil, max: max}) do
    if byte_size(body) + byte_size(part) > max,
      do: too_large(req, "more than #{max} bytes", max),
      else: {:ok, join(body, part)}
  end

  defp append(req, body, part, last?, %{unpacker: unpacker, max: max} = state) do
    # No more than shows that the limit is passed.
    most = min(@piece_bytes, max + 1 - byte_size(body))

    with :ok <- WorkMemory.resize(state.memory, byte_size(body) + byte_size(part) + most) do
      case ContentCoding.unpack(unpacker, part, last?, most) do
        {:error, _error} = error ->
          error

        {_end, piece} when byte_size(body) + byte_size(piece) > max ->
          too_large(req, "more than #{max} bytes once it is unpacked", max)

        {:full, piece} ->
          append(req, join(body, piece), "", last?, state)

        {_hungry_or_done, piece} ->
          {:ok, join(body, piece)}
      end
    end
  end

  defp read_part(%{body: {reader, from}} = req, state, length, wait_ms) do
    asked = now()
    read = reader.read(from, length, wait_ms)
    took = now() - asked

    case read do
      {more_or_ok, part, from} when more_or_ok in [:more, :ok] ->
        silent = if part == "", do: state.silent + took, else: 0
        bytes = state.bytes + byte_size(part)
        Process.put(@received, bytes)
        state = %{state | bytes: bytes, waited: state.waited + took, silent: silent}
        {more_or_ok, part, %{req | body: {reader, from}}, state}

      {:error, :malformed} ->
        refuse(:malformed_request, "the body breaks the chunked transfer coding")

      {:error, :timeout} ->
        stopped_arriving(req)

      {:error, :consumed} ->
        refuse(
          :body_consumed,
          "the application that FormDB is a part of has read the body before FormDB was asked: it puts " <>
            "`plug FormdbHttpWeb.Plug, at: ...` before Plug.Parsers, or gives Plug.Parsers `body_reader: " <>
            "{FormdbHttpWeb.Plug, :read_body, [...]}`, as the documentation of FormdbHttpWeb.Plug has it"
        )
    end
  end

  # What is appended to grows in place, so no second copy of a body is made.
  defp join("", part), do: part
  defp join(body, part), do: body <> part

  # How long the next part may take: a body may be silent for body_timeout_ms, and be waited
  # for as long in all, and longer only by what it has brought at body_min_rate.
  defp time_left(%{settings: settings} = req, state) do
    earned = div(state.bytes * 1_000, settings.body_min_rate)
    silence = settings.body_timeout_ms - state.silent
    total = settings.body_timeout_ms + earned - state.waited

    cond do
      silence <= 0 -> stopped_arriving(req)
      total <= 0 -> too_slow(settings, state.bytes, state.waited)
      true -> {:ok, min(silence, total)}
    end
  end

  defp now, do: System.monotonic_time(:millisecond)

  defp stopped_arriving(req) do
    refuse(
      :request_timeout,
      "the body stopped arriving for #{req.settings.body_timeout_ms} ms (setting " <>
        "FORMDB_BODY_TIMEOUT_MS); send it again"
    )
  end

  defp too_slow(settings, size, elapsed) do
    refuse(
      :request_timeout,
      "#{size} bytes of the body came in #{elapsed} ms; it may take " <>
        "#{settings.body_timeout_ms} ms (setting FORMDB_BODY_TIMEOUT_MS), and beyond that has " <>
        "to bring #{settings.body_min_rate} bytes a second (setting FORMDB_BODY_MIN_RATE)"
    )
  end

  # No more than shows that the limit is passed.
  defp part_length(%{body_length: length}, left) when is_integer(length),
    do: min(length, part_length(:unknown, left))

  defp part_length(_unknown, left), do: min(@part_bytes, left + 1)

  defp too_large(req, found, max) do
    limit =
      if max == req.settings.max_body_bytes,
        do: "the limit is #{max} (setting FORMDB_MAX_BODY_BYTES); split it",
        else: "this call takes #{max} at most"

    refused(req, refuse(:payload_too_large, "the body is #{found}; #{limit}"))
  end
end
