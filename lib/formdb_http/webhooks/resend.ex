defmodule FormdbHttp.Webhooks.Resend do
  @moduledoc false
  # Sends a dead letter again: its events are read from the journal, where they are what they were,
  # and sent once. In a process of its own, which ends with whoever started it.

  alias FormdbHttp.Live
  alias FormdbHttp.Webhooks.{Attempt, Batch, Letters}

  # Until the events are read.
  @reading_ms 30_000

  @doc """
  Starts it. The caller is sent `{Resend, pid, outcome}` unless it dies before, which it does after
  so many milliseconds at the latest. `message` makes of a batch an attempt, which takes `ms` at
  most.
  """
  @spec start_link(String.t(), Letters.letter(), (Batch.t() -> Attempt.t()), pos_integer()) ::
          {pid(), pos_integer()}
  def start_link(database, letter, message, ms) do
    to = self()
    pid = spawn_link(fn -> run(database, letter, message, to) end)
    {pid, @reading_ms + ms}
  end

  defp run(database, letter, message, to) do
    tell = &send(to, {__MODULE__, self(), &1})

    case read(database, letter) do
      {:ok, batch} ->
        batch |> message.() |> Attempt.run(tell)

      {:error, why} ->
        tell.(Attempt.failed(why))
    end
  end

  defp read(_database, %{dwells: [_ | _] = dwells}), do: {:ok, Batch.again(dwells)}

  defp read(database, letter) do
    opts = [filter: letter.filter, since: letter.after, demand: letter.count]

    case Live.subscribe(database, opts) do
      {:ok, sub} ->
        events = gather(sub, letter.count, [])
        Live.unsubscribe(sub)
        events

      {:error, %{detail: why}} ->
        {:error, why}
    end
  end

  defp gather(_sub, 0, [_ | _] = events) do
    {batch, []} = Batch.take(events, length(events), :infinity)
    {:ok, batch}
  end

  defp gather(%{ref: ref} = sub, count, events) do
    receive do
      {:formdb, ^ref, more} when is_list(more) ->
        more = Enum.take(more, count)
        Live.ask(sub, length(more))
        gather(sub, count - length(more), events ++ more)

      # Who stayed inside a fence is no part of it.
      {:formdb, ^ref, {:dwell, dwells}} ->
        Live.ask(sub, length(dwells))
        gather(sub, count, events)

      {:formdb, ^ref, {:closed, _why}} ->
        {:error, "the database is closed"}

      {:formdb, ^ref, _state} ->
        gather(sub, count, events)
    end
  end
end
