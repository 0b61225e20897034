defmodule FormdbHttpWeb.Body do
  @moduledoc false
  # Reads the body of a request, within its limit.

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3]

  alias FormdbHttp.JSON

  # Read at once from a body of unknown length.
  @part_bytes 1_048_576
  # How long one read waits, and how many in a row may bring nothing.
  @period_ms 1_000
  @quiet_periods 30
  # Of a body that is decoded as it comes, no more than the head of a chunk waits
  # in the connection's process.
  @undecoded_bytes 1_048_576
  # Of a body that nobody wants.
  @discarded_bytes 1_048_576
  @provenance_bytes 65_536
  # A few members with a name or a number each.
  @members_bytes 4_096

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
         {:ok, parts} <- read_parts(req, max, 0, [], 0) do
      # Every request has a process of its own, in which the dispatcher looks.
      Process.put(__MODULE__, :read)
      {:ok, IO.iodata_to_binary(parts)}
    end
  end

  @doc """
  Reads and drops a body that the answer did not need. When it arrives after the
  answer, Cowboy (2.8) may stop listening on the connection, and the next request
  would get no answer. `:left` when it is too large or too slow to be waited for:
  then the connection cannot be used again.
  """
  def discard(%{has_body: false}), do: :ok
  def discard(%{body_length: n}) when is_integer(n) and n > @discarded_bytes, do: :left

  def discard(req) do
    if Process.get(__MODULE__) == :read, do: :ok, else: discard(req, @discarded_bytes)
  end

  defp discard(req, left) do
    case :cowboy_req.read_body(req, %{length: left, period: @period_ms}) do
      {:ok, _part, _req} ->
        :ok

      {:more, part, req} when part != "" and byte_size(part) < left ->
        discard(req, left - byte_size(part))

      {:more, _nothing_or_too_much, _req} ->
        :left
    end
  catch
    :exit, :timeout -> :left
  end

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
  defp provenance(body), do: FormdbHttp.provenance_member(body)

  @doc """
  The members of a small JSON object whose names are all `allowed`; none of an empty
  body. `example` is what to send.
  """
  def read_members(req, allowed, example) do
    with {:ok, body} <- read_optional(req, @members_bytes) do
      case decode(body) do
        {:ok, %{} = members} ->
          check_members(members, allowed)

        {:ok, _other} ->
          refuse(:invalid_json, "found no object; expected one such as #{example}", "")

        :error ->
          refuse(:invalid_json, "found no JSON; expected text such as #{example}", "")
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
        detail = "found the member #{inspect(member)}; #{taken} #{Enum.join(allowed, ", ")}"
        refuse(:invalid_body, detail, "/" <> pointer_part(member))
    end
  end

  @doc "A name as a part of a JSON pointer (RFC 6901, section 3)."
  def pointer_part(name), do: name |> String.replace("~", "~0") |> String.replace("/", "~1")

  defp read_parts(req, max, size, parts, quiet) do
    opts = %{length: part_length(req, max - size), period: @period_ms}

    case :cowboy_req.read_body(req, opts) do
      {_more_or_ok, part, _req} when size + byte_size(part) > max ->
        too_large(req, "more than #{max} bytes", max)

      {:ok, part, _req} ->
        {:ok, [parts, part]}

      {:more, "", req} ->
        if jammed?(req),
          do: refuse(:malformed_request, "the body breaks the chunked transfer coding"),
          else: read_on(req, max, size, parts, quiet + 1)

      {:more, part, req} ->
        read_parts(req, max, size + byte_size(part), [parts, part], 0)
    end
  catch
    # The connection's process did not even say that there is nothing.
    :exit, :timeout -> stopped_arriving()
  end

  defp read_on(_req, _max, _size, _parts, @quiet_periods), do: stopped_arriving()
  defp read_on(req, max, size, parts, quiet), do: read_parts(req, max, size, parts, quiet)

  defp stopped_arriving do
    refuse(:request_timeout, "the body stopped arriving; send it again")
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

  # In one part when the length is known, so that nothing has to be put together.
  # Otherwise no more than shows that the limit is passed.
  defp part_length(%{body_length: length}, _left) when is_integer(length), do: length
  defp part_length(_req, left), do: min(@part_bytes, left + 1)

  defp too_large(req, found, max) do
    limit =
      if max == req.max_body_bytes,
        do: "the limit is #{max} (setting FORMDB_MAX_BODY_BYTES); split it",
        else: "this call takes #{max} at most"

    refuse(:payload_too_large, "the body is #{found}; #{limit}")
  end

  defp check_type(%{"content-type" => type}) do
    if json?(type),
      do: :ok,
      else:
        refuse(
          :unsupported_media_type,
          "the body is #{inspect(type)}; send application/json or application/geo+json"
        )
  end

  defp check_type(_headers), do: :ok

  defp json?("application/json"), do: true
  defp json?("application/geo+json"), do: true

  defp json?(type) do
    [essence | _parameters] = String.split(type, ";", parts: 2)
    essence = essence |> String.trim() |> String.downcase(:ascii)
    essence == "application/json" or String.ends_with?(essence, "+json")
  end

  defp check_encoding(%{"content-encoding" => encoding}) when encoding != "identity" do
    refuse(
      :unsupported_media_type,
      "the body is encoded as #{inspect(encoding)}; send it without Content-Encoding"
    )
  end

  defp check_encoding(_headers), do: :ok
end
