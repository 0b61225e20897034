defmodule FormdbHttpWeb.BlockController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttpWeb.{Answer, Body, Conditions, ETag, Params, Paths, WriteOptions}

  # What has this hash will always have it.
  @immutable "max-age=31536000, immutable"

  def show(req, name, block) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, found} <- find(block),
         {:ok, block} <- FormdbHttp.block(name, found) do
      {type, tag, body} =
        if cbor?(req.headers),
          do: {"application/cbor", ETag.strong(block.hash), block.cbor},
          else: {"application/json", ETag.weak(block.hash), block.json}

      headers = %{"etag" => tag, "vary" => "accept"}
      # A sequence is that of another block once the database was removed and made anew.
      headers =
        if is_binary(found), do: Map.put(headers, "cache-control", @immutable), else: headers

      case Conditions.evaluate(req.headers, block.hash) do
        :fresh -> {200, Map.put(headers, "content-type", type), body}
        :not_modified -> {304, headers, ""}
        refused -> refused
      end
    end
  end

  def revert(req, name, block) do
    with {:ok, params} <- Params.query(req, WriteOptions.params()),
         {:ok, block} <- find(block),
         {:ok, opts} <- WriteOptions.read(req, params),
         {:ok, provenance} <- Body.read_provenance(req),
         {:ok, ack} <- FormdbHttp.revert(name, block, opts ++ provenance) do
      members = [
        seq: ack.seq,
        hash: ack.hash,
        time: FormdbHttp.format_timestamp(ack.time),
        reverts: ack.reverts
      ]

      req |> Paths.block(name, ack.seq) |> Answer.created(members) |> Answer.replayed(ack)
    end
  end

  # A hash, or a sequence, which has fewer digits.
  defp find(text) do
    cond do
      text =~ ~r/\A[0-9a-fA-F]{64}\z/ ->
        {:ok, text}

      text =~ ~r/\A[0-9]{1,18}\z/ ->
        {:ok, String.to_integer(text)}

      true ->
        refuse(
          :block_not_found,
          "there is no block #{show(text)}; expected a sequence, or a hash of 64 hexadecimal digits"
        )
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
