defmodule FormdbHttpWeb.BlockController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Conditions, ETag, Members, Params, Paths}

  # What has this hash will always have it.
  @immutable "max-age=31536000, immutable"

  def show(req, %{db: db, block: asked}) do
    with {:ok, block} <- FormdbHttp.block(db, asked) do
      {type, tag, body} =
        if cbor?(req.headers),
          do: {"application/cbor", ETag.strong(block.hash), block.cbor},
          else: {"application/json", ETag.weak(block.hash), block.json}

      headers = %{"etag" => tag, "vary" => "accept"}
      # A sequence is that of another block once the database was removed and made anew.
      headers =
        if is_binary(asked), do: Map.put(headers, "cache-control", @immutable), else: headers

      case Conditions.evaluate(req.headers, block.hash) do
        :fresh -> {200, Map.put(headers, "content-type", type), body}
        :not_modified -> {304, headers, ""}
        refused -> refused
      end
    end
  end

  def revert(req, %{db: db, block: block} = params) do
    with {:ok, provenance} <- Members.provenance(req),
         opts = Params.options(params, [:durability, :idempotency_key]) ++ provenance,
         {:ok, ack} <- FormdbHttp.revert(db, block, opts) do
      members = [
        seq: ack.seq,
        hash: ack.hash,
        time: FormdbHttp.format_timestamp(ack.time),
        reverts: ack.reverts
      ]

      req
      |> Paths.to(:block, %{params | block: ack.seq})
      |> Answer.created(members)
      |> Answer.replayed(ack)
    end
  end

  # JSON unless the client would rather have the other (RFC 9110, 12.5.1).
  defp cbor?(%{"accept" => accept}) do
    ranges = accept |> String.downcase(:ascii) |> String.split(",") |> Enum.map(&media_range/1)
    cbor = quality(ranges, ["application/cbor", "application/*", "*/*"])
    json = quality(ranges, ["application/json", "application/*", "*/*"])
    cbor > json
  end

  defp cbor?(_headers), do: false

  defp media_range(text) do
    [type | parameters] = text |> String.split(";") |> Enum.map(&String.trim/1)

    quality =
      Enum.find_value(parameters, 1.0, fn
        "q=" <> number -> parse_quality(number)
        _other -> nil
      end)

    {type, quality}
  end

  defp parse_quality(number) do
    case Float.parse(number) do
      {quality, ""} -> quality
      _not_a_number -> 0.0
    end
  end

  # That of the first of these, which is the most specific.
  defp quality(ranges, types) do
    Enum.find_value(types, 0.0, fn type ->
      with {_type, quality} <- List.keyfind(ranges, type, 0), do: quality
    end)
  end
end
