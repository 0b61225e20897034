defmodule FormdbHttp.Webhooks.Batch do
  @moduledoc false
  # What is delivered together: consecutive events of one subscription, or consecutive tellings of
  # who stayed inside a fence, which have no place in the journal. Pure.

  alias FormdbHttp.{Dwell, Event, JSON}

  @enforce_keys [:kind, :items, :count]
  defstruct @enforce_keys ++ [:first, :last, :after]

  @typedoc """
  The `items` are in order, as JSON text. Of events `first` and `last` are the sequences, and
  `after` is where the first one says that it begins.
  """
  @type t :: %__MODULE__{
          kind: :events | :dwells,
          items: [iodata(), ...],
          count: pos_integer(),
          first: pos_integer() | nil,
          last: pos_integer() | nil,
          after: non_neg_integer() | nil
        }
  @type item :: Event.t() | Dwell.t()

  @doc """
  The longest beginning of one kind within so many items and bytes, one at least, and the rest.
  """
  @spec take([item(), ...], pos_integer(), pos_integer() | :infinity) :: {t(), [item()]}
  def take([%kind{json: json} = first | rest], count, bytes) do
    {taken, left} = split(rest, kind, count - 1, less(bytes, json), [])
    {of([first | taken]), left}
  end

  defp split([%kind{json: json} = item | rest], kind, count, bytes, taken)
       when count > 0 and byte_size(json) <= bytes,
       do: split(rest, kind, count - 1, less(bytes, json), [item | taken])

  defp split(rest, _kind, _count, _bytes, taken), do: {Enum.reverse(taken), rest}

  defp less(:infinity, _json), do: :infinity
  defp less(bytes, json), do: bytes - byte_size(json)

  defp of([%Event{seq: first, after: place} | _] = events) do
    %__MODULE__{
      kind: :events,
      items: Enum.map(events, &event/1),
      count: length(events),
      first: first,
      last: List.last(events).seq,
      after: place
    }
  end

  defp of([%Dwell{} | _] = dwells), do: again(Enum.map(dwells, & &1.json))

  @doc "Of texts that a batch of dwells had."
  @spec again([String.t(), ...]) :: t()
  def again(texts), do: %__MODULE__{kind: :dwells, items: texts, count: length(texts)}

  # As in every other place where events are sent: the one before it stands first.
  defp event(%Event{after: seq, json: <<"{", members::binary>>}),
    do: [~s({"after":), Integer.to_string(seq), ?,, members]

  @doc """
  How many events stand at the beginning, and whether more of them may come before something
  else does.
  """
  @spec beginning([item()]) :: {non_neg_integer(), more? :: boolean()}
  def beginning(items) do
    {events, rest} = Enum.split_while(items, &is_struct(&1, Event))
    {length(events), rest == []}
  end

  @doc """
  A name for these within their webhook: the same whenever they are sent, and another one where
  another filter chose them, or they were asked for again (`t:Registration.t/0`, `version`).
  """
  @spec name(t(), pos_integer()) :: String.t()
  def name(%__MODULE__{kind: :events, first: first, last: last}, version),
    do: "#{version}_#{first}-#{last}"

  def name(%__MODULE__{kind: :dwells, items: items}, version) do
    digest = :crypto.hash(:sha256, items)
    "#{version}_dwell-" <> (digest |> binary_part(0, 8) |> Base.encode16(case: :lower))
  end

  @doc "The body of a delivery."
  @spec body(t(), String.t(), String.t(), String.t()) :: iodata()
  def body(%__MODULE__{kind: kind, items: items}, database, log, id) do
    type = if kind == :events, do: "journal_events", else: "dwell_events"
    items = {:json, ["[", Enum.intersperse(items, ","), "]"]}
    JSON.encode(type: type, database: database, log: log, webhook_id: id, events: items)
  end
end
