defmodule FormdbHttpWeb.Live.EventStream do
  @moduledoc false
  # A subscription as server-sent events (HTML Standard, 9.2): a stream of parts, in the process
  # of the request. A part is made when the client has taken the one before, so one that does not
  # read is not sent for. Where nothing is new, a comment says that the connection lives, or an id
  # without an event how far the journal was looked through: a filter may take nothing for long.

  alias FormdbHttp.JSON
  alias FormdbHttpWeb.Live.{Entry, Open, Reader}

  # Events that go out together, unless they are fewer.
  @gathered_bytes 262_144
  # After how many milliseconds a browser asks again.
  @retry "retry: 1000\n"
  @heartbeat ":\n\n"

  @typedoc """
    * `heartbeat_ms` - after how long without news the comment is sent
    * `reader` - who reads
  """
  @type opts :: %{
          optional(:wait_ms) => pos_integer(),
          heartbeat_ms: pos_integer(),
          reader: Reader.t()
        }

  @doc "The parts of a subscription of this process, until it ends."
  @spec parts(FormdbHttp.Subscription.t(), opts()) :: Enumerable.t()
  def parts(sub, opts) do
    begin = fn ->
      Open.enter(:stream)
      # What changed before is told to nobody who was not here yet.
      send(self(), {Open, :credentials})
      {0, opts.reader, sub.since}
    end

    # Where it begins, so that a browser that loses the connection before the first event knows.
    first = text([@retry | id(sub.since)])

    [first | grown(sub)]
    |> Stream.concat(Stream.resource(begin, &next(&1, sub, opts), &finish(&1, sub)))
  end

  # That the journal of today only added to what the client knew, where it asked for that.
  defp grown(%{consistency: nil}), do: []
  defp grown(%{consistency: proof}), do: [text(event("consistency", nil, JSON.encode(proof)))]

  defp finish(_state, sub) do
    FormdbHttp.unsubscribe(sub)
    Open.leave()
  end

  defp next(:closed, _sub, _opts), do: {:halt, :closed}

  # What was sent before is taken by now.
  defp next({sent, reader, id}, sub, opts) do
    if sent > 0, do: FormdbHttp.ask(sub, sent)

    if Reader.expired?(reader),
      do: {[ended("token_expired")], :closed},
      else: await({reader, id}, sub, opts)
  end

  # With who reads, and the last id that was sent.
  defp await({reader, id} = state, %{ref: ref} = sub, opts) do
    receive do
      {:formdb, ^ref, what} ->
        gather(what, ref, state, [], 0, 0)

      {Open, :credentials} ->
        case Reader.renewed(reader, sub.database) do
          {:ok, reader} -> {[], {0, reader, id}}
          :gone -> {[ended("unauthorized")], :closed}
        end

      {Open, :drain} ->
        {[ended("server_stops")], :closed}
    after
      Reader.left_ms(reader, opts.heartbeat_ms) ->
        # The end of the credential is the next step's.
        if Reader.expired?(reader), do: {[], {0, reader, id}}, else: quiet(state, sub)
    end
  end

  # What was found in the blocks up to there was sent to this process before it is asked for.
  defp quiet({reader, id} = state, %{ref: ref} = sub) do
    %{seq: seq} = FormdbHttp.subscription_info(sub)

    receive do
      {:formdb, ^ref, what} -> gather(what, ref, state, [], 0, 0)
    after
      0 -> {[if(seq > id, do: text(id(seq)), else: @heartbeat)], {0, reader, max(seq, id)}}
    end
  end

  defp gather({:closed, why}, _ref, _state, parts, _bytes, _sent),
    do: {[text([parts, ended("database_#{why}")])], :closed}

  defp gather(what, ref, {reader, id}, parts, bytes, sent) do
    {part, size, count, id} = told(what, id)
    {parts, bytes, sent} = {[parts, part], bytes + size, sent + count}

    if bytes < @gathered_bytes do
      receive do
        {:formdb, ^ref, what} -> gather(what, ref, {reader, id}, parts, bytes, sent)
      after
        0 -> {[text(parts)], {sent, reader, id}}
      end
    else
      {[text(parts)], {sent, reader, id}}
    end
  end

  # In one piece, for one chunk.
  defp text(parts), do: IO.iodata_to_binary(parts)

  # Of a message: its text, roughly its size, how many events it has, and the last id by now.
  defp told(events, _id) when is_list(events) do
    size = Enum.reduce(events, 0, &(byte_size(&1.json) + &2))
    text = Enum.map(events, &event("journal_event", &1.seq, Entry.json(&1)))
    {text, size, length(events), List.last(events).seq}
  end

  # Of no block: a client that comes again says the last block it had.
  defp told({:dwell, dwells}, id) do
    size = Enum.reduce(dwells, 0, &(byte_size(&1.json) + &2))
    {Enum.map(dwells, &event("dwell_event", nil, &1.json)), size, length(dwells), id}
  end

  # Up to there nothing is left that the client would want.
  defp told({:live, seq}, _id), do: {event("live", seq, JSON.encode(seq: seq)), 0, 0, seq}
  defp told({:lagging, seq}, id), do: {event("lagging", nil, JSON.encode(seq: seq)), 0, 0, id}

  @doc "An event. Its data is one line; a client that comes again says the last `id` it had."
  @spec event(String.t(), non_neg_integer() | nil, iodata()) :: iodata()
  def event(name, nil, data), do: ["event: ", name, "\ndata: ", data, "\n\n"]

  def event(name, id, data), do: ["id: ", Integer.to_string(id), ?\n | event(name, nil, data)]

  # Without an event: browsers keep it, and tell the page nothing.
  defp id(seq), do: ["id: ", Integer.to_string(seq), "\n\n"]

  @doc "The last event of a stream that the server ends."
  @spec ended(String.t()) :: iodata()
  def ended(reason), do: event("closed", nil, JSON.encode(reason: reason))

  @doc "What a stream begins with that waits for its database, and why it does."
  @spec waiting(String.t()) :: binary()
  def waiting(reason), do: text([@retry, event("waiting", nil, JSON.encode(reason: reason))])

  @doc "That it waits no more, and begins after this block."
  @spec begun(non_neg_integer()) :: binary()
  def begun(seq), do: text(event("begun", seq, JSON.encode(seq: seq)))

  @doc "Says that the connection lives."
  @spec heartbeat() :: binary()
  def heartbeat, do: @heartbeat
end
