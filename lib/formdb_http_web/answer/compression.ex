defmodule FormdbHttpWeb.Compression do
  @moduledoc false
  # Answers in the coding that the client would rather have (RFC 9110, 8.4 and 12.5.3), where
  # they shrink by it. What can be packed says that it varies, whether it was or not.

  alias FormdbHttp.{ContentCoding, WorkMemory}
  alias FormdbHttpWeb.{Accept, AnswerMemory, ETag, Request, Router}

  # Up to this size an answer is in one packet or two, and packed only for a client that takes
  # no other.
  @plain_bytes 1_024

  @types ~w(application/json application/geo+json application/problem+json application/cbor
    application/x-ndjson image/svg+xml text/)

  @doc "The answer, packed or as it is. That it is counted is so for both."
  @spec call(Request.answer(), Request.t()) :: Request.answer()
  def call(answer, %{settings: %{compression: false}}), do: answer

  def call({304, headers, body}, req), do: {304, headers |> vary() |> asked(req), body}

  def call({_status, %{"content-type" => type}, body} = answer, req) do
    if worth?(body, req) and String.starts_with?(type, @types),
      do: choose(answer, Accept.codings(req.headers), req),
      else: answer
  end

  def call(answer, _req), do: answer

  # Lines of progress are few.
  defp worth?({:stream, _parts}, req), do: Router.safe?(req)

  defp worth?(body, req),
    do: IO.iodata_length(body) > @plain_bytes or not Accept.plain?(req.headers)

  defp choose({status, headers, body}, [coding | _], req) when coding != :identity do
    case pack(body, coding, req) do
      {:ok, packed} ->
        headers =
          headers |> vary() |> tag(coding, req) |> Map.put("content-encoding", name(coding))

        {status, headers, packed}

      # It goes without, too.
      {:error, _memory_full} ->
        {status, vary(headers), body}
    end
  end

  defp choose({status, headers, body}, _codings, _req), do: {status, vary(headers), body}

  defp vary(headers),
    do: Map.update(headers, "vary", "accept-encoding", &[&1, ", accept-encoding"])

  ## Tags

  # Other bytes have another tag (RFC 9110, 8.8.3.3). That in the answer to a write is about
  # what was written.
  defp tag(headers, coding, %{method: method}) when method in ["GET", "HEAD"],
    do: ETag.suffixed(headers, "-" <> name(coding))

  defp tag(headers, _coding, _req), do: headers

  # Whether it was packed depends on its size, which nobody looked at; but the client says
  # which of both it has.
  defp asked(%{"etag" => _} = headers, %{headers: %{"if-none-match" => field} = asked} = req) do
    with [coding | _] when coding != :identity <- Accept.codings(asked),
         %{"etag" => packed} = tagged <- tag(headers, coding, req),
         true <- String.contains?(field, IO.iodata_to_binary(packed)) do
      tagged
    else
      _plain -> headers
    end
  end

  defp asked(headers, _req), do: headers

  defp name(:gzip), do: "gzip"
  defp name(:zstd), do: "zstd"

  ## Bodies

  # HEAD wants none of its parts.
  defp pack({:stream, parts}, _coding, %{method: "HEAD"}), do: {:ok, {:stream, parts}}

  # Each can be unpacked when it is there.
  defp pack({:stream, parts}, coding, _req) do
    with {:ok, packer} <- ContentCoding.packer(coding) do
      part = fn part, packer -> {pack_part(packer, IO.iodata_to_binary(part)), packer} end
      last = fn packer -> {[ContentCoding.pack(packer, "", true)], packer} end
      {:ok, {:stream, Stream.transform(parts, fn -> packer end, part, last, fn _ -> :ok end)}}
    end
  end

  defp pack(body, coding, _req) do
    packed = ContentCoding.compress(coding, IO.iodata_to_binary(body))
    {_status, _headers, counted} = AnswerMemory.count({200, %{}, packed}, false)
    {:ok, counted}
  end

  defp pack_part(_packer, ""), do: []

  # It takes the place of what was counted already.
  defp pack_part(packer, part) do
    {:ok, counted} = packer |> ContentCoding.pack(part, false) |> WorkMemory.count(false)
    [counted]
  end
end
