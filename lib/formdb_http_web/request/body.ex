defmodule FormdbHttpWeb.Body do
  @moduledoc false
  # Reads the body of a request, within its limits: bytes, time, and the memory that the
  # server has for work under way.
  #
  # Memory is reserved as the body comes, a part ahead, so that a client holds what it has
  # sent and no more than a part of what it has announced. That the announced length
  # would fit is looked at first, before anything is read.

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3, show: 1, show_json: 1]

  alias FormdbHttp.WorkMemory

  alias FormdbHttp.JSON
  alias FormdbHttpWeb.Params

  # What of the body was read, in the request's process: nil while nobody has asked,
  # :refused, or {:left | :read, memory}.
  @state __MODULE__
  # The most that is asked for at once, and what a connection may hold before it is asked.
  @part_bytes 1_048_576
  @unasked_bytes 65_536
  # How often one looks whether a chunked body can still be decoded.
  @look_ms 1_000
  # What the connection's process may take beyond the time it was given to answer.
  @slack_ms 5_000
  # Of a body that is decoded as it comes, no more than the head of a chunk waits
  # in the connection's process.
  @undecoded_bytes 1_048_576
  # A body that nobody wants is waited for only if it is all but here.
  @discarded_bytes @unasked_bytes
  @discard_ms 100
  @provenance_bytes 65_536
  # A few members with a name or a number each.
  @members_bytes 4_096
  @plain_types ["application/json", "application/geo+json"]
  # ASCII is UTF-8 as well.
  @charsets ["utf-8", "utf8", "us-ascii", "ascii"]

  @doc """
  The body, if it is JSON of any kind (or says nothing of what it is) and not
  larger than `max` bytes. One whose length is announced is refused before it is
  read; a chunked one as soon as it passes the limit.
  """
  def read(%{body_length: length} = req, max) when is_integer(length) and length > max do
    too_large(req, "#{length} bytes", max)
  end

  def read(req, max) do
    with :ok <- check_type(req.headers),
         :ok <- check_encoding(req.headers),
         :ok <- check_whole(req.headers),
         :ok <- check_database(req),
         {:ok, memory} <- reserve(req) do
      started = now()
      state = %{max: max, memory: memory, started: started, heard: started}
      # Every request has a process of its own, in which the dispatcher looks.
      Process.put(@state, {:left, memory})

      with {:ok, body} <- read_parts(req, "", state) do
        Process.put(@state, {:read, memory})
        {:ok, body}
      end
    end
  end

  @doc """
  What is done when the answer is known: gives back the memory of the body, and drops one
  that the answer did not need. `:left` when that has not come to its end by now: then the
  connection cannot be used again.
  """
  def finish(req) do
    case Process.delete(@state) do
      {progress, memory} ->
        WorkMemory.release(memory)
        if progress == :read, do: :ok, else: :left

      :refused ->
        :left

      nil ->
        discard(req)
    end
  end

  defp discard(%{has_body: false}), do: :ok
  # Asking for the body would give the leave to send it that this client may wait for; and
  # whether it sends the body, once it has an answer, nobody knows.
  defp discard(%{headers: %{"expect" => _}}), do: :left
  defp discard(%{body_length: n}) when is_integer(n) and n > @discarded_bytes, do: :left
  defp discard(req), do: discard(req, @discarded_bytes, now() + @discard_ms)

  defp discard(req, left, deadline) do
    period = max(deadline - now(), 0)

    case :cowboy_req.read_body(req, %{length: left, period: period, timeout: period + @slack_ms}) do
      {:ok, _part, _req} ->
        :ok

      {:more, part, req} when byte_size(part) < left and period > 0 ->
        discard(req, left - byte_size(part), deadline)

      {:more, _too_much_or_too_late, _req} ->
        :left
    end
  catch
    :exit, :timeout -> :left
  end

  defp now, do: System.monotonic_time(:millisecond)

  @doc """
  The provenance in a body that may be empty and else is `{"provenance": {...}}`, as
  options of a write.
  """
  def read_provenance(req) do
    with {:ok, body} <- read_optional(req, @provenance_bytes),
         {:ok, text} <- provenance(body),
         do: {:ok, if(text, do: [provenance: text], else: [])}
  end

  # Of a body that is not there the type does not matter: some clients always send one.
  defp read_optional(%{body_length: 0}, _max), do: {:ok, ""}
  defp read_optional(req, max), do: read(req, min(max, req.max_body_bytes))

  defp provenance(""), do: {:ok, nil}
  defp provenance(body), do: FormdbHttp.Serving.provenance_member(body)

  @doc """
  The members of a small JSON object whose names are all `allowed`; none of an empty
  body. `example` is what to send.
  """
  def read_members(req, allowed, example) do
    with {:ok, body} <- read_optional(req, @members_bytes) do
      case decode(body) do
        {:ok, %{} = members} ->
          check_members(members, allowed)

        {:ok, other} ->
          detail = "the body is #{show_json(other)}; expected an object such as #{example}"
          refuse(:invalid_json, detail, "")

        :error ->
          detail =
            "the body is #{show(body)}, which is no JSON; expected an object such as #{example}"

          refuse(:invalid_json, detail, "")
      end
    end
  end

  @doc "JSON text as a term: `{:ok, term}` or `:error`. No text is an empty object."
  def decode(""), do: {:ok, %{}}

  def decode(body) do
    with {:error, _error} <- JSON.decode(body), do: :error
  end

  defp check_members(members, allowed) do
    case Map.keys(members) -- allowed do
      [] ->
        {:ok, members}

      [member | _] ->
        taken = if match?([_], allowed), do: "the only one taken is", else: "those taken are"
        meant = Params.meant(member, allowed)

        detail = "found the member #{show(member)}; #{meant}#{taken} #{Enum.join(allowed, ", ")}"

        refuse(:invalid_body, detail, "/" <> pointer_part(member))
    end
  end

  @doc "A name as a part of a JSON pointer (RFC 6901, section 3)."
  def pointer_part(name), do: name |> String.replace("~", "~0") |> String.replace("/", "~1")

  # The connection may hold the beginning already.
  defp reserve(%{body_length: length}) when is_integer(length) do
    with {:ok, memory} <- WorkMemory.reserve(length),
         :ok <- WorkMemory.resize(memory, min(length, @unasked_bytes)),
         do: {:ok, memory},
         else: (error -> refused(error))
  end

  defp reserve(_req) do
    with {:error, _} = error <- WorkMemory.reserve(@unasked_bytes), do: refused(error)
  end

  # Of a body that nothing was read of, the dispatcher is told not to wait for it.
  defp refused(error) do
    Process.put(@state, :refused)
    error
  end

  defp read_parts(req, body, state) do
    length = part_length(req, state.max - byte_size(body))

    with :ok <- WorkMemory.resize(state.memory, byte_size(body) + length),
         {:ok, period} <- time_left(req, body, state) do
      opts = %{length: length, period: period, timeout: period + @slack_ms}

      case :cowboy_req.read_body(req, opts) do
        {_more_or_ok, part, _req} when byte_size(body) + byte_size(part) > state.max ->
          too_large(req, "more than #{state.max} bytes", state.max)

        {:ok, part, _req} ->
          {:ok, join(body, part)}

        {:more, "", req} ->
          if jammed?(req),
            do: refuse(:malformed_request, "the body breaks the chunked transfer coding"),
            else: read_parts(req, body, state)

        {:more, part, req} ->
          read_parts(req, join(body, part), %{state | heard: now()})
      end
    end
  catch
    # The connection's process did not even say that there is nothing.
    :exit, :timeout -> stopped_arriving(req)
  end

  # What is appended to grows in place, so no second copy of a body is made.
  defp join("", part), do: part
  defp join(body, part), do: body <> part

  # How long the next part may take: a body may be silent for body_timeout_ms, and take as
  # long in all, and longer only by what it has brought at body_min_rate.
  defp time_left(req, body, state) do
    now = now()
    earned = div(byte_size(body) * 1_000, req.body_min_rate)
    silence = state.heard + req.body_timeout_ms - now
    total = state.started + req.body_timeout_ms + earned - now

    cond do
      silence <= 0 -> stopped_arriving(req)
      total <= 0 -> too_slow(req, byte_size(body), now - state.started)
      # Whether its coding is broken has to be looked at now and then.
      req.body_length == :undefined -> {:ok, Enum.min([silence, total, @look_ms])}
      true -> {:ok, min(silence, total)}
    end
  end

  defp stopped_arriving(req) do
    refuse(
      :request_timeout,
      "the body stopped arriving for #{req.body_timeout_ms} ms (setting " <>
        "FORMDB_BODY_TIMEOUT_MS); send it again"
    )
  end

  defp too_slow(req, size, elapsed) do
    refuse(
      :request_timeout,
      "#{size} bytes of the body came in #{elapsed} ms; it may take #{req.body_timeout_ms} ms " <>
        "(setting FORMDB_BODY_TIMEOUT_MS), and beyond that has to bring " <>
        "#{req.body_min_rate} bytes a second (setting FORMDB_BODY_MIN_RATE)"
    )
  end

  # Cowlib takes a chunk that does not begin with a number for one that is not
  # complete, and would collect what follows without end.
  defp jammed?(%{pid: connection, body_length: :undefined, version: :"HTTP/1.1"}) do
    case Process.info(connection, :binary) do
      {:binary, held} -> held |> Enum.map(&elem(&1, 1)) |> Enum.sum() > @undecoded_bytes
      nil -> false
    end
  end

  defp jammed?(_req), do: false

  # No more than shows that the limit is passed.
  defp part_length(%{body_length: length}, left) when is_integer(length),
    do: length |> min(left) |> min(@part_bytes)

  defp part_length(_req, left), do: min(@part_bytes, left + 1)

  defp too_large(req, found, max) do
    limit =
      if max == req.max_body_bytes,
        do: "the limit is #{max} (setting FORMDB_MAX_BODY_BYTES); split it",
        else: "this call takes #{max} at most"

    if Process.get(@state) == nil, do: Process.put(@state, :refused)
    refuse(:payload_too_large, "the body is #{found}; #{limit}")
  end

  # A client that waits for leave to send its body is told before.
  defp check_database(%{database: name}), do: FormdbHttp.Serving.check_open(name)
  defp check_database(_req), do: :ok

  defp check_type(%{"content-type" => type}) when type not in @plain_types do
    [essence | parameters] = type |> String.downcase(:ascii) |> String.split(";")
    essence = String.trim(essence)
    charsets = for parameter <- parameters, charset = charset(parameter), do: charset

    cond do
      essence != "application/json" and not String.ends_with?(essence, "+json") ->
        detail =
          "Content-Type is #{show(type)}; expected application/json or application/geo+json"

        refuse(:unsupported_media_type, detail)

      Enum.any?(charsets, &(&1 not in @charsets)) ->
        detail = "Content-Type is #{show(type)}; expected a body in UTF-8 (RFC 8259, 8.1)"
        refuse(:unsupported_media_type, detail)

      true ->
        :ok
    end
  end

  defp check_type(_headers), do: :ok

  defp charset(parameter) do
    case String.split(parameter, "=", parts: 2) do
      [name, value] ->
        String.trim(name) == "charset" and value |> String.trim() |> String.trim("\"")

      _no_value ->
        false
    end
  end

  defp check_encoding(%{"content-encoding" => encoding}) when encoding != "identity" do
    detail = "Content-Encoding is #{show(encoding)}; expected a body without it"
    refuse(:unsupported_media_type, detail)
  end

  defp check_encoding(_headers), do: :ok

  # RFC 9110, 14.5: a part of what is to be written must not be taken for the whole.
  defp check_whole(%{"content-range" => range}) do
    detail =
      "Content-Range is #{show(range)}; expected a whole body without it: a part of a feature is " <>
        "changed by PATCH"

    refuse(:malformed_request, detail)
  end

  defp check_whole(_headers), do: :ok
end
