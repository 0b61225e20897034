defmodule FormdbHttp.Webhooks.Batch do
  @moduledoc false
  # Events that are delivered together: consecutive ones of one subscription. Pure.

  alias FormdbHttp.{Event, JSON}

  @enforce_keys [:first, :last, :after, :count, :events]
  defstruct @enforce_keys

  @typedoc "`after` is where the first event says that it begins; `events` are in order."
  @type t :: %__MODULE__{
          first: pos_integer(),
          last: pos_integer(),
          after: non_neg_integer(),
          count: pos_integer(),
          events: [Event.t(), ...]
        }

  @doc """
  The longest beginning of the events within so many events and bytes, one at least, and the rest.
  With `:all` all of them.
  """
  @spec take([Event.t(), ...], :all | {pos_integer(), pos_integer()}) :: {t(), [Event.t()]}
  def take([first | rest], within) do
    {taken, left} =
      case within do
        :all -> {rest, []}
        {count, bytes} -> split(rest, count - 1, bytes - byte_size(first.json), [])
      end

    events = [first | taken]
    last = List.last(events).seq

    {%__MODULE__{
       first: first.seq,
       last: last,
       after: first.after,
       count: length(events),
       events: events
     }, left}
  end

  defp split([event | rest], count, bytes, taken)
       when count > 0 and byte_size(event.json) <= bytes,
       do: split(rest, count - 1, bytes - byte_size(event.json), [event | taken])

  defp split(rest, _count, _bytes, taken), do: {Enum.reverse(taken), rest}

  @doc "The id of the message: the same whenever these events are sent."
  @spec message_id(String.t(), String.t(), t()) :: String.t()
  def message_id(log, id, batch),
    do: "msg_#{binary_part(log, 0, 8)}_#{id}_#{batch.first}_#{batch.last}"

  @doc "The body of a delivery."
  @spec body(String.t(), String.t(), String.t(), t()) :: iodata()
  def body(database, log, id, batch) do
    about =
      JSON.encode(
        type: "journal_events",
        database: database,
        log: log,
        webhook_id: id,
        events: {:json, ["[", Enum.map_intersperse(batch.events, ",", &event/1), "]"]}
      )

    about
  end

  # As in every other place where events are sent: the one before it stands first.
  defp event(%Event{after: seq, json: <<"{", members::binary>>}),
    do: [~s({"after":), Integer.to_string(seq), ?, | members]
end
