defmodule FormdbHttp.ContentCoding do
  @moduledoc false
  # Content codings (RFC 9110, 8.4.1), which are libraries of the binding: bytes to gzip or
  # zstd and back, whole or in parts.

  alias FormdbHttp.{Catalog, Error, Native}

  @type coding :: :gzip | :zstd
  @opaque packer :: reference()
  @opaque unpacker :: {coding(), reference()}

  # Packed or unpacked on the scheduler of the caller, in some 0.1 ms.
  @small_bytes 16_384

  @doc "The bytes in that coding, at its cheapest level."
  @spec compress(coding(), binary()) :: binary()
  def compress(coding, bytes) when byte_size(bytes) <= @small_bytes,
    do: ok(Native.content_compress(coding, bytes))

  def compress(coding, bytes), do: ok(Native.content_compress_dirty(coding, bytes))

  @doc """
  For what comes in parts. Its own memory, up to 1.5 MiB, is counted: `memory_full` when there
  is not enough.
  """
  @spec packer(coding()) :: {:ok, packer()} | {:error, Error.t()}
  def packer(coding), do: native(Native.content_packer(Catalog.handle(), coding))

  @doc """
  What the next part became, or the `last?` one: together with those before it can be unpacked
  up to its end.
  """
  @spec pack(packer(), binary(), boolean()) :: binary()
  def pack(packer, part, last?), do: ok(Native.content_pack(packer, part, last?))

  @doc """
  For what comes in parts and is to be unpacked. Its own memory, of zstd up to 8 MiB and a
  half, is counted as it grows.
  """
  @spec unpacker(coding()) :: {:ok, unpacker()} | {:error, Error.t()}
  def unpacker(coding) do
    with {:ok, unpacker} <- native(Native.content_unpacker(Catalog.handle(), coding)),
         do: {:ok, {coding, unpacker}}
  end

  @doc """
  Takes the next part, which may be the `last?`, and gives no more than `most` bytes of what
  was packed: `:full` when there may be more of them without another part, `:hungry` when
  there are none, `:done` when that was everything. Errors: `invalid_content_coding`,
  `memory_full`.
  """
  @spec unpack(unpacker(), binary(), boolean(), pos_integer()) ::
          {:full | :hungry | :done, binary()} | {:error, Error.t()}
  def unpack({coding, unpacker}, part, last?, most) do
    with :long <- short(unpacker, part, last?, most),
         {:error, error} <- Native.content_unpack_dirty(unpacker, part, last?, most) do
      failed(coding, error)
    else
      {:error, error} -> failed(coding, error)
      piece -> piece
    end
  end

  # Without a part there was more than a piece in the one before.
  defp short(unpacker, part, last?, most) when part != "" and byte_size(part) <= @small_bytes,
    do: Native.content_unpack(unpacker, part, last?, most)

  defp short(_unpacker, _part, _last?, _most), do: :long

  defp failed(coding, error) do
    case Error.from_native(error) do
      %Error{code: :invalid_content_coding, detail: detail} = error ->
        {:error, %{error | detail: "the #{coding} data is damaged: #{detail}"}}

      error ->
        {:error, error}
    end
  end

  defp ok({:ok, bytes}), do: bytes

  defp native({:error, error}), do: {:error, Error.from_native(error)}
  defp native(ok), do: ok
end
