defmodule FormdbHttp.ContentCodingTest do
  # Against the inflate of Erlang, bytes that the zstd command made, and each other.
  use ExUnit.Case, async: true

  alias FormdbHttp.{ContentCoding, Error}

  @feature ~s({"type":"Feature","id":"z","geometry":null,"properties":{}})
  # By `zstd -19`.
  @by_zstd Base.decode64!(
             "KLUv/QRorQEAskMMEbDrIG+l4LmRxDzsAys6Y6EC77m0Oll9QpqMpayTZro36MPo5rQgRl/XhgOnn9jaBQCU1CV4"
           )

  # All that comes out, in pieces of `most`, of what goes in cut into parts of `size`.
  defp unpack(coding, packed, size \\ 1_000_000, most \\ 1_000_000) do
    {:ok, unpacker} = ContentCoding.unpacker(coding)
    feed(unpacker, cut(packed, size), most, [])
  end

  defp feed(unpacker, [part | parts], most, pieces) do
    case ContentCoding.unpack(unpacker, part, parts == [], most) do
      {:full, piece} ->
        assert byte_size(piece) <= most
        parts = if parts == [], do: [""], else: ["" | parts]
        feed(unpacker, parts, most, [pieces, piece])

      {:hungry, piece} ->
        assert byte_size(piece) <= most
        feed(unpacker, parts, most, [pieces, piece])

      {:done, piece} ->
        assert parts == []
        {:ok, IO.iodata_to_binary([pieces, piece])}

      {:error, %Error{} = error} ->
        {:error, error}
    end
  end

  defp cut(bytes, size) when byte_size(bytes) <= size, do: [bytes]

  defp cut(bytes, size) do
    {part, rest} = :erlang.split_binary(bytes, size)
    [part | cut(rest, size)]
  end

  # Bytes with something in them to pack.
  defp some(n) do
    :rand.seed(:exsss, n)
    length = Enum.random([0, 1, 100, 16_384, 16_385, 70_000, 400_000])
    words = for _ <- 1..20, do: :crypto.strong_rand_bytes(:rand.uniform(30))
    text = for _ <- 1..div(length + 15, 15)//1, do: Enum.random(words)
    text |> IO.iodata_to_binary() |> then(&binary_part(&1, 0, min(byte_size(&1), length)))
  end

  test "whatever is packed, whole or in parts, is unpacked, whole or in parts" do
    for n <- 1..40, coding <- [:gzip, :zstd] do
      bytes = some(n)
      packed = ContentCoding.compress(coding, bytes)
      if coding == :gzip, do: assert(:zlib.gunzip(packed) == bytes)
      {:ok, packer} = ContentCoding.packer(coding)
      parts = for part <- cut(bytes, 9_999), do: ContentCoding.pack(packer, part, false)
      in_parts = IO.iodata_to_binary([parts, ContentCoding.pack(packer, "", true)])
      if coding == :gzip, do: assert(:zlib.gunzip(in_parts) == bytes)

      for made <- [packed, in_parts],
          size <- [1 + rem(n, 7), 5_000],
          most <- [7_001, 1_000_000],
          byte_size(made) < 20_000 or size > 100 do
        assert {:ok, bytes} == unpack(coding, made, size, most)
      end
    end
  end

  test "what others packed is unpacked, several times over too" do
    gzip = :zlib.gzip(@feature)
    assert unpack(:gzip, gzip) == {:ok, @feature}
    assert unpack(:gzip, gzip <> gzip, 1) == {:ok, @feature <> @feature}
    assert unpack(:zstd, @by_zstd) == {:ok, @feature}
    assert unpack(:zstd, @by_zstd <> @by_zstd, 1) == {:ok, @feature <> @feature}
    # RFC 8878, 3.1.2: a frame to be skipped.
    skipped = <<0x184D2A50::little-32, 3::little-32, "abc">>
    assert unpack(:zstd, skipped <> @by_zstd, 1) == {:ok, @feature}
  end

  test "each part can be unpacked when it is there" do
    for coding <- [:gzip, :zstd] do
      {:ok, packer} = ContentCoding.packer(coding)
      {:ok, unpacker} = ContentCoding.unpacker(coding)

      for line <- ["one\n", "two\n", String.duplicate("three", 9_000)] do
        part = ContentCoding.pack(packer, line, false)
        assert ContentCoding.unpack(unpacker, part, false, 1_000_000) == {:hungry, line}
      end
    end
  end

  test "a body that is silent for long is waited for" do
    {:ok, unpacker} = ContentCoding.unpacker(:zstd)
    for _ <- 1..50, do: assert({:hungry, ""} = ContentCoding.unpack(unpacker, "", false, 9))
    <<half::binary-size(20), rest::binary>> = @by_zstd
    assert {:hungry, _} = ContentCoding.unpack(unpacker, half, false, 1_000)
    for _ <- 1..50, do: assert({:hungry, ""} = ContentCoding.unpack(unpacker, "", false, 9))
    assert {:done, _} = ContentCoding.unpack(unpacker, rest, true, 1_000)
  end

  test "what is cut, damaged, followed by something or none at all is refused" do
    for {coding, packed} <- [gzip: :zlib.gzip(@feature), zstd: @by_zstd] do
      for n <- 0..(byte_size(packed) - 1) do
        assert {:error, error} = unpack(coding, binary_part(packed, 0, n), 7)
        assert error.code == :invalid_content_coding
        assert error.detail =~ "a part is missing at its end; #{n} bytes"
      end

      for bad <- [packed <> "garbage, which is none", "{\"no\":\"coding\"}", "\n" <> packed] do
        assert {:error, %{code: :invalid_content_coding, detail: detail}} = unpack(coding, bad)
        assert detail =~ "#{coding} data is damaged"
      end
    end

    # The checksum.
    gzip = :zlib.gzip(@feature)
    size = byte_size(gzip) - 8
    {head, <<sum, rest::binary>>} = :erlang.split_binary(gzip, size)
    assert {:error, _} = unpack(:gzip, <<head::binary, Bitwise.bxor(sum, 1), rest::binary>>)
  end

  test "whatever comes is unpacked or refused" do
    packed = for coding <- [:gzip, :zstd], n <- 1..8, do: {coding, pack(coding, some(n))}

    for n <- 1..1_500, {coding, bytes} <- [Enum.random(packed)] do
      at = :rand.uniform(byte_size(bytes)) - 1
      {before, rest} = :erlang.split_binary(bytes, at)
      cut = :rand.uniform(3) - 1
      rest = binary_part(rest, min(cut, byte_size(rest)), max(byte_size(rest) - cut, 0))
      hurt = before <> :crypto.strong_rand_bytes(rem(n, 3)) <> rest

      case unpack(coding, hurt, 1 + :rand.uniform(9_000), 100_000) do
        {:ok, _bytes} -> :ok
        {:error, error} -> assert error.code == :invalid_content_coding
      end
    end
  end

  defp pack(coding, bytes), do: ContentCoding.compress(coding, bytes)

  test "a window beyond 8 MiB is refused" do
    # RFC 8878, 3.1.1.1.2: 16 MiB, of a frame of no known length.
    frame = <<0xFD2FB528::little-32, 0, 14 * 8, 1::24-little>>
    assert {:error, %{detail: detail}} = unpack(:zstd, frame)
    assert detail =~ "too much memory"
    frame = <<0xFD2FB528::little-32, 0, 13 * 8, 1::24-little>>
    assert unpack(:zstd, frame) == {:ok, ""}
  end

  # Only later releases of Erlang have it.
  if Code.ensure_loaded?(:zstd) do
    test "zstd as Erlang has it" do
      for n <- 1..40 do
        bytes = some(n)
        packed = ContentCoding.compress(:zstd, bytes)
        assert IO.iodata_to_binary(apply(:zstd, :decompress, [packed])) == bytes
        packed = IO.iodata_to_binary(apply(:zstd, :compress, [bytes]))
        assert unpack(:zstd, packed, 5_000) == {:ok, bytes}
      end
    end
  end
end
