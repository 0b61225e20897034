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

  @doc "The place in the file of this name; `:none` without a file."
  @spec read(Path.t(), String.t()) :: {:ok, place()} | :none | {:error, String.t()}
  def read(folder, name) do
    with {:ok, bytes} <- SideFiles.read(folder, name) do
      case newest(bytes) do
        {_turn, place} -> {:ok, place}
        nil when bytes == "" -> {:error, "#{name} is empty"}
        nil -> {:error, "#{name} is damaged"}
      end
    end
  end

  @doc "Opens the file to go on from a place, which is in it when this returns."
  @spec open(Path.t(), String.t(), place()) :: {:ok, t()} | {:error, String.t()}
  def open(folder, name, place) do
    path = Path.join(folder, name)

    with {:ok, turn} <- prepare(folder, name, place),
         {:ok, file} <- :file.open(path, [:read, :write, :raw, :binary]) do
      {:ok, %__MODULE__{file: file, turn: turn, place: place}}
    else
      {:error, why} when is_binary(why) -> {:error, why}
      {:error, reason} -> {:error, "#{path} cannot be opened: #{:file.format_error(reason)}"}
    end
  end

  defp prepare(folder, name, place) do
    case SideFiles.read(folder, name) do
      {:ok, bytes} when byte_size(bytes) == 2 * @bytes ->
        with {turn, ^place} <- newest(bytes),
             do: {:ok, turn},
             else: (_ -> make(folder, name, place))

      _none ->
        make(folder, name, place)
    end
  end

  defp make(folder, name, place) do
    with :ok <- SideFiles.write(folder, name, [encode(0, place), encode(1, place)]),
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
