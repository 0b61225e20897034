defmodule FormdbHttpWeb.Live.EventsPage do
  @moduledoc false
  # The next events of a filter, for a request that asks for so many: what there is after a
  # sequence, or what comes within the time that it waits. It holds nothing but its process.

  alias FormdbHttp.{Error, JSON}
  alias FormdbHttpWeb.Live.{Entry, Open, Reader}

  # How long the journal is looked through for one that does not wait as long.
  @looking_ms 10_000

  # Of those who stay inside a fence so many are held at most.
  @dwells 10_000

  @type page :: %{
          json: iodata(),
          dwells: iodata(),
          returned: non_neg_integer(),
          next: non_neg_integer()
        }

  @doc """
  Up to `limit` events after `since`, as a page of the journal. `next` is the block up to which
  all is decided, whether there is an event or not; `dwells` are those who were due by the time
  of that block, and not by that of `since`.
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
        told = await(sub, {[], []}, state, {until, limit, reader})
        seq = FormdbHttp.subscription_info(sub).seq
        # All up to there has been sent by now.
        sub |> sent(told) |> page(db, seq)
      after
        FormdbHttp.unsubscribe(sub)
        Open.leave()
      end
    end
  end

  defp await(%{ref: ref} = sub, {events, _dwells} = told, state, {until, limit, reader} = bounds) do
    if length(events) >= limit or (state == :live and events != []) do
      told
    else
      receive do
        {:formdb, ^ref, [_ | _] = more} -> await(sub, add(told, more), state, bounds)
        {:formdb, ^ref, {:dwell, more}} -> await(sub, stayed(sub, told, more), state, bounds)
        {:formdb, ^ref, {:live, _seq}} -> await(sub, told, :live, bounds)
        {:formdb, ^ref, {:lagging, _seq}} -> told
        {:formdb, ^ref, {:closed, _why}} -> told
        {Open, :drain} -> told
        {Open, :credentials} -> renewed(sub, told, state, {until, limit, reader})
      after
        max(Map.fetch!(until, state) - now(), 0) -> told
      end
    end
  end

  defp renewed(sub, told, state, {_until, _limit, reader} = bounds) do
    case Reader.renewed(reader, sub.database) do
      :gone -> told
      {:ok, _reader} -> await(sub, told, state, bounds)
    end
  end

  defp add({events, dwells}, more), do: {events ++ more, dwells}

  # They are no entries, and leave room for those.
  defp stayed(sub, {events, dwells}, more) do
    if length(dwells) < @dwells, do: FormdbHttp.ask(sub, length(more))
    {events, dwells ++ more}
  end

  defp sent(%{ref: ref} = sub, told) do
    receive do
      {:formdb, ^ref, [_ | _] = more} -> sent(sub, add(told, more))
      {:formdb, ^ref, {:dwell, more}} -> sent(sub, stayed(sub, told, more))
      {:formdb, ^ref, _state} -> sent(sub, told)
    after
      0 -> told
    end
  end

  defp page({events, dwells}, db, seq) do
    next = Enum.reduce(events, seq, &max(&1.seq, &2))

    with {:ok, due} <- due(dwells, db, next) do
      {:ok,
       %{
         json: list(Enum.map(events, &Entry.json/1)),
         dwells: list(Enum.map(due, & &1.json)),
         returned: length(events),
         next: next
       }}
    end
  end

  defp list(items), do: [?[, Enum.intersperse(items, ?,), ?]]

  # Whoever is due later comes with a later page.
  defp due([], _db, _seq), do: {:ok, []}
  defp due(_dwells, _db, 0), do: {:ok, []}

  defp due(dwells, db, seq) do
    with {:ok, %{json: json}} <- FormdbHttp.journal(db, since: seq - 1, limit: 1, bodies: false) do
      [%{"time" => time}] = JSON.decode!(json)
      # Times are written alike.
      {:ok, Enum.filter(dwells, &(JSON.decode!(&1.json)["due"] <= time))}
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
