defmodule FormdbHttp.Webhooks.Cursor do
  @moduledoc false
  # Up to which block the events of a webhook were confirmed, in a file of two places that are
  # written in turn: whatever a crash leaves of one, the other is whole. Writing it is one write
  # and one sync.

  alias FormdbHttp.Webhooks.SideFiles

  @enforce_keys [:file, :turn, :place]
  defstruct @enforce_keys

  @typedoc "`since` counts how often the webhook was told where to begin; `log` is that of the database."
  @type place :: %{seq: non_neg_integer(), since: non_neg_integer(), log: String.t()}
  @type t :: %__MODULE__{file: :file.fd(), turn: non_neg_integer(), place: place()}

  @magic "FWC1"
  @bytes 64

  @doc "The place in the file; `nil` where there is none that is whole."
  @spec read(Path.t(), String.t()) :: place() | nil
  def read(folder, id) do
    with {:ok, bytes} <- File.read(path(folder, id)),
         {_turn, place} <- newest(bytes),
         do: place,
         else: (_none -> nil)
  end

  @doc "Opens the file to go on from a place, which is in it when this returns."
  @spec open(Path.t(), String.t(), place()) :: {:ok, t()} | {:error, String.t()}
  def open(folder, id, place) do
    path = path(folder, id)

    with {:ok, turn} <- prepare(folder, id, path, place),
         {:ok, file} <- :file.open(path, [:read, :write, :raw, :binary]) do
      {:ok, %__MODULE__{file: file, turn: turn, place: place}}
    else
      {:error, why} when is_binary(why) -> {:error, why}
      {:error, reason} -> {:error, "#{path} cannot be opened: #{:file.format_error(reason)}"}
    end
  end

  defp prepare(folder, id, path, place) do
    case File.read(path) do
      {:ok, bytes} when byte_size(bytes) == 2 * @bytes ->
        with {turn, ^place} <- newest(bytes),
             do: {:ok, turn},
             else: (_ -> make(folder, id, place))

      _none ->
        make(folder, id, place)
    end
  end

  defp make(folder, id, place) do
    with :ok <- SideFiles.write(folder, id <> ".cursor", [encode(0, place), encode(1, place)]),
         do: {:ok, 1}
  end

  @doc "Moves on to a block. On disk when this returns."
  @spec move(t(), non_neg_integer()) :: {:ok, t()} | {:error, String.t()}
  def move(%__MODULE__{file: file, turn: turn, place: place} = cursor, seq) do
    turn = turn + 1
    place = %{place | seq: seq}

    with :ok <- :file.pwrite(file, rem(turn, 2) * @bytes, encode(turn, place)),
         :ok <- :file.datasync(file) do
      {:ok, %{cursor | turn: turn, place: place}}
    else
      {:error, reason} -> {:error, "the cursor cannot be written: #{:file.format_error(reason)}"}
    end
  end

  @spec close(t()) :: :ok
  def close(%__MODULE__{file: file}) do
    :file.close(file)
    :ok
  end

  defp path(folder, id), do: Path.join(folder, id <> ".cursor")

  defp encode(turn, %{seq: seq, since: since, log: log}) do
    record =
      <<@magic, turn::64, seq::64, since::32, Base.decode16!(log, case: :mixed)::binary-16>>

    checked = <<record::binary, :erlang.crc32(record)::32>>
    <<checked::binary, 0::size((@bytes - byte_size(checked)) * 8)>>
  end

  defp newest(bytes) do
    for(<<slot::binary-size(@bytes) <- bytes>>, place = decode(slot), do: place)
    |> Enum.max_by(&elem(&1, 0), fn -> nil end)
  end

  defp decode(<<record::binary-40, crc::32, _rest::binary>>) do
    with true <- :erlang.crc32(record) == crc,
         <<@magic, turn::64, seq::64, since::32, log::binary-16>> <- record do
      {turn, %{seq: seq, since: since, log: Base.encode16(log, case: :lower)}}
    else
      _other -> nil
    end
  end
end
