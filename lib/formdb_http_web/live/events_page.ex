defmodule FormdbHttpWeb.Live.EventsPage do
  @moduledoc false
  # The next events of a filter, for a request that asks for so many: what there is after a
  # sequence, or what comes within the time that it waits. It holds nothing but its process.

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Live.{Entry, Open, Reader}

  # How long the journal is looked through for one that does not wait as long.
  @looking_ms 10_000

  @type page :: %{json: iodata(), returned: non_neg_integer(), next: non_neg_integer()}

  @doc """
  Up to `limit` events after `since`, as a page of the journal. `next` is the block up to which
  all is decided, whether there is an event or not.
  """
  @spec read(String.t(), map(), non_neg_integer(), pos_integer(), {non_neg_integer(), Reader.t()}) ::
          {:ok, page()} | {:error, Error.t()}
  def read(db, filter, since, limit, {wait_ms, reader}) do
    with {:ok, %{durable_seq: durable}} <- FormdbHttp.database(db),
         opts = [to: self(), filter: filter, since: since, demand: limit],
         {:ok, sub} <- FormdbHttp.subscribe(db, opts) do
      Open.enter(:wait)
      # What changed before is told to nobody who was not here yet.
      send(self(), {Open, :credentials})

      try do
        wait_ms = Reader.left_ms(reader, wait_ms)
        until = %{live: now() + wait_ms, behind: now() + max(wait_ms, @looking_ms)}
        state = if since < durable, do: :behind, else: :live
        events = await(sub, [], state, {until, limit, reader})
        seq = FormdbHttp.subscription_info(sub).seq
        # All up to there has been sent by now.
        {:ok, page(events ++ sent(sub, []), seq)}
      after
        FormdbHttp.unsubscribe(sub)
        Open.leave()
      end
    end
  end

  defp await(%{ref: ref} = sub, events, state, {until, limit, reader} = bounds) do
    if length(events) >= limit or (state == :live and events != []) do
      events
    else
      receive do
        {:formdb, ^ref, [_ | _] = more} -> await(sub, events ++ more, state, bounds)
        {:formdb, ^ref, {:live, _seq}} -> await(sub, events, :live, bounds)
        {:formdb, ^ref, {:lagging, _seq}} -> events
        {:formdb, ^ref, {:closed, _why}} -> events
        {Open, :drain} -> events
        {Open, :credentials} -> renewed(sub, events, state, {until, limit, reader})
      after
        max(Map.fetch!(until, state) - now(), 0) -> events
      end
    end
  end

  defp renewed(sub, events, state, {_until, _limit, reader} = bounds) do
    case Reader.renewed(reader, sub.database) do
      :gone -> events
      {:ok, _reader} -> await(sub, events, state, bounds)
    end
  end

  defp sent(%{ref: ref} = sub, events) do
    receive do
      {:formdb, ^ref, [_ | _] = more} -> sent(sub, events ++ more)
      {:formdb, ^ref, _state} -> sent(sub, events)
    after
      0 -> events
    end
  end

  defp page(events, seq) do
    last = List.last(events)

    %{
      json: [?[, events |> Enum.map(&Entry.json/1) |> Enum.intersperse(?,), ?]],
      returned: length(events),
      next: if(last, do: max(last.seq, seq), else: seq)
    }
  end

  defp now, do: System.monotonic_time(:millisecond)
end
