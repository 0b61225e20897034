defmodule FormdbHttpWeb.Live.EventStream do
  @moduledoc false
  # A subscription as server-sent events (HTML Standard, 9.2): a stream of parts, in the process
  # of the request. A part is made when the client has taken the one before, so one that does not
  # read is not sent for. Where nothing is new, a comment says that the connection lives.

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
  @type opts :: %{heartbeat_ms: pos_integer(), reader: Reader.t()}

  @doc "The parts of a subscription of this process, until it ends."
  @spec parts(FormdbHttp.Subscription.t(), opts()) :: Enumerable.t()
  def parts(sub, opts) do
    begin = fn ->
      Open.enter(:stream)
      # What changed before is told to nobody who was not here yet.
      send(self(), {Open, :credentials})
      {0, opts.reader}
    end

    # Where it begins, so that a browser that loses the connection before the first event knows.
    first = IO.iodata_to_binary([@retry, "id: ", Integer.to_string(sub.since), "\n\n"])

    [first] |> Stream.concat(Stream.resource(begin, &next(&1, sub, opts), &finish(&1, sub)))
  end

  defp finish(_state, sub) do
    FormdbHttp.unsubscribe(sub)
    Open.leave()
  end

  defp next(:closed, _sub, _opts), do: {:halt, :closed}

  # What was sent before is taken by now.
  defp next({sent, reader}, sub, opts) do
    if sent > 0, do: FormdbHttp.ask(sub, sent)

    if Reader.expired?(reader),
      do: {[ended("token_expired")], :closed},
      else: await(reader, sub, opts)
  end

  defp await(reader, %{ref: ref} = sub, opts) do
    receive do
      {:formdb, ^ref, what} ->
        gather(what, ref, reader, [], 0, 0)

      {Open, :credentials} ->
        case Reader.renewed(reader, sub.database) do
          {:ok, reader} -> {[], {0, reader}}
          :gone -> {[ended("unauthorized")], :closed}
        end

      {Open, :drain} ->
        {[ended("server_stops")], :closed}
    after
      Reader.left_ms(reader, opts.heartbeat_ms) ->
        # The end of the credential is the next step's.
        {if(Reader.expired?(reader), do: [], else: [@heartbeat]), {0, reader}}
    end
  end

  defp gather({:closed, why}, _ref, _reader, parts, _bytes, _sent),
    do: {[text([parts, ended("database_#{why}")])], :closed}

  defp gather(what, ref, reader, parts, bytes, sent) do
    {part, size, count} = told(what)
    {parts, bytes, sent} = {[parts, part], bytes + size, sent + count}

    if bytes < @gathered_bytes do
      receive do
        {:formdb, ^ref, what} -> gather(what, ref, reader, parts, bytes, sent)
      after
        0 -> {[text(parts)], {sent, reader}}
      end
    else
      {[text(parts)], {sent, reader}}
    end
  end

  # In one piece, for one chunk.
  defp text(parts), do: IO.iodata_to_binary(parts)

  defp told(events) when is_list(events) do
    size = Enum.reduce(events, 0, &(byte_size(&1.json) + &2))
    {Enum.map(events, &event("journal_event", &1.seq, Entry.json(&1))), size, length(events)}
  end

  # Of no block: a client that comes again says the last block it had.
  defp told({:dwell, dwells}) do
    size = Enum.reduce(dwells, 0, &(byte_size(&1.json) + &2))
    {Enum.map(dwells, &event("dwell_event", nil, &1.json)), size, length(dwells)}
  end

  # Up to there nothing is left that the client would want.
  defp told({:live, seq}), do: {event("live", seq, JSON.encode(seq: seq)), 0, 0}
  defp told({:lagging, seq}), do: {event("lagging", nil, JSON.encode(seq: seq)), 0, 0}

  @doc "An event. Its data is one line; a client that comes again says the last `id` it had."
  @spec event(String.t(), non_neg_integer() | nil, iodata()) :: iodata()
  def event(name, nil, data), do: ["event: ", name, "\ndata: ", data, "\n\n"]

  def event(name, id, data),
    do: ["id: ", Integer.to_string(id), ?\n | event(name, nil, data)]

  defp ended(reason), do: event("closed", nil, JSON.encode(reason: reason))
end
