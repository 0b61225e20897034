defmodule FormdbHttpWeb.Live.LongPoll do
  @moduledoc false
  # A request that waits until there is something to answer it with. It subscribes before it looks,
  # so that nothing comes in between unseen, and holds nothing but its process while it waits.

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Live.{Open, Reader}

  # What only another look at the journal decides is not looked for after every commit.
  @pause_ms 100

  @typedoc "What is there after a sequence, and whether that is an answer."
  @type look ::
          (since :: non_neg_integer() ->
             {:ok, boolean(), page :: map()} | {:error, Error.t()})

  @doc """
  The first answer that `look` finds, or the last look after `wait_ms`, or once the reader may not
  read any more. `filter` passes whatever `look` could find, and may pass more.
  """
  @spec wait(String.t(), map(), non_neg_integer(), look(), {pos_integer(), Reader.t()}) ::
          {:ok, map()} | {:error, Error.t()}
  def wait(db, filter, since, look, {wait_ms, reader}) do
    until = {now() + Reader.left_ms(reader, wait_ms), reader}

    with {:ok, sub} <- FormdbHttp.subscribe(db, to: self(), filter: filter, demand: 1) do
      Open.enter(:wait)

      try do
        with {:ok, false, page} <- look.(since) do
          # What changed before is told to nobody who was not here yet.
          send(self(), {Open, :credentials})
          await(page, since, sub, look, until)
        else
          answer -> found(answer)
        end
      after
        FormdbHttp.unsubscribe(sub)
        Open.leave()
      end
    end
  end

  defp await(page, since, sub, look, until) do
    case news(sub, until) do
      {:ok, seq} ->
        # What came before it was looked at, or is not meant.
        with {:ok, false, page} <- look.(max(since, seq - 1)) do
          Process.sleep(@pause_ms)
          FormdbHttp.ask(sub, 1)
          await(page, since, sub, look, until)
        else
          answer -> found(answer)
        end

      :none ->
        {:ok, page}

      # Who looks is told why.
      :closed ->
        found(look.(since))
    end
  end

  defp found({:ok, _found?, page}), do: {:ok, page}
  defp found({:error, error}), do: {:error, error}

  defp news(%{ref: ref} = sub, {deadline, reader} = until) do
    receive do
      {Open, :credentials} ->
        if Reader.renewed(reader, sub.database) == :gone, do: :none, else: news(sub, until)

      {Open, :drain} ->
        :none

      {:formdb, ^ref, [event | _]} ->
        {:ok, event.seq}

      {:formdb, ^ref, {:closed, _why}} ->
        :closed

      # Whether it lags or not, it has its event in time.
      {:formdb, ^ref, {_state, _seq}} ->
        news(sub, until)
    after
      max(deadline - now(), 0) -> :none
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
