defmodule FormdbHttpWeb.Live.Entry do
  @moduledoc false
  # An event of a subscription as JSON: the entry of the journal, whose bytes all subscribers
  # share, with the sequence of the event before it in this subscription, which stands first.

  alias FormdbHttp.Event

  @spec json(Event.t()) :: iodata()
  def json(%Event{after: seq, json: <<"{", members::binary>>}),
    do: [~s({"after":), Integer.to_string(seq), ?,, members]
end
