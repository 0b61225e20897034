defmodule FormdbHttp.Webhooks.Delivery do
  @moduledoc false
  # Delivers one webhook: a place in the journal that moves on when the receiver has confirmed what
  # came until then. What is to be sent comes from a subscription, as to everybody who follows; each
  # attempt is made in a process of its own, so this one never waits.
  #
  # While a receiver fails there is nothing here but that place, and how many events the delivery
  # has that it refused: after the pause it is read from the journal again, and is the same.
  #
  # It is restarted, by FormdbHttp.Webhooks.Keeper, where the webhook is changed.

  use GenServer

  require Logger

  alias FormdbHttp.{Fault, Live, Telemetry}
  alias FormdbHttp.Webhooks.{Attempt, Backoff, Batch, Cursor, Letters, Progress, Registration}
  alias FormdbHttp.Webhooks.{Resend, Signature, SideFiles}

  # How many blocks may have to be looked through again after a restart where nothing is to be
  # delivered.
  @idle_blocks 10_000

  # Of who stayed inside a fence so many are known to have been told of since the last event.
  @known 10_000

  # After which it is tried again where the fault is on this side, and after which it is looked
  # again whether an attempt has ended.
  @again_ms 1_000
  @ending_ms 20

  @typedoc """
    * `place` - where it begins (`t:Cursor.place/0`)
    * `warning` - what was wrong with that
    * `address` - `nil`: it is not known
    * `obstacle` - the state it is in, and why, where it may not be delivered from here
    * `key` - of this server; both as functions, so that no log shows them
  """
  @type setup :: %{
          database: String.t(),
          webhook: Registration.t(),
          address: (... -> FormdbHttp.Webhooks.Address.t()) | nil,
          place: Cursor.place(),
          warning: String.t() | nil,
          obstacle: {:paused | :no_address, String.t()} | nil,
          key: (... -> binary()),
          folder: Path.t(),
          config: FormdbHttp.Config.t()
        }

  defstruct [:setup, :log, :cursor, :letters, :stopped] ++
              [sub: nil, received: 0, buffer: [], expected: nil, batch: nil, attempt: nil] ++
              [failed: 0, failing_since: nil, refused: false, unsaved: nil, problem: nil] ++
              [last: nil, next: nil, resending: nil, told: MapSet.new()] ++
              [deliveries: 0, events: 0, failures: 0]

  @spec start_link(setup()) :: GenServer.on_start()
  def start_link(setup), do: GenServer.start_link(__MODULE__, setup)

  @doc "The dead letters, oldest first."
  @spec letters(pid()) :: [Letters.letter()]
  def letters(pid), do: GenServer.call(pid, :letters, :infinity)

  @doc """
  Sends dead letters again, one after the other, or forgets them (`:forget`); `:all`, or those of
  these ids. How many those are.
  """
  @spec settle(pid(), :resend | :forget, :all | [String.t()]) ::
          {:ok, non_neg_integer()} | {:error, {:unknown, String.t()} | String.t()}
  def settle(pid, how, which), do: GenServer.call(pid, {how, which}, :infinity)

  @impl true
  def init(setup) do
    Process.flag(:trap_exit, true)
    state = %__MODULE__{setup: setup, log: setup.place.log, letters: %Letters{}}
    Fault.guarded(name(state), fn -> {:ok, state |> load() |> tell(), {:continue, :begin}} end)
  end

  defp load(%{setup: %{folder: folder, webhook: webhook}} = state) do
    with {:ok, known} <- SideFiles.read_json(folder, SideFiles.name(webhook, :state)),
         {:ok, letters} <- Letters.load(known) do
      %{state | letters: letters, stopped: known["stopped"]}
    else
      :none -> state
      :damaged -> lost(state, "#{SideFiles.name(webhook, :state)} is damaged")
      {:error, why} -> lost(state, why)
    end
  end

  defp lost(state, why) do
    warning = "#{why}; the dead letters that were in it are lost"
    Logger.warning("#{name(state)}: #{warning}")
    put_in(state.setup.warning, warning)
  end

  @impl true
  def handle_continue(:begin, state),
    do: Fault.guarded(name(state), fn -> {:noreply, state |> freed() |> begin()} end)

  ## Beginning

  defp begin(state) do
    if mode(state) == :delivering, do: follow(state), else: tell(state)
  end

  defp mode(%{setup: %{config: %{webhooks: false}}}), do: :off
  defp mode(%{setup: %{obstacle: {mode, _why}}}), do: mode
  defp mode(%{setup: %{webhook: %{active: false}}}), do: :paused
  defp mode(%{stopped: stopped}) when stopped != nil, do: :stopped
  defp mode(_state), do: :delivering

  defp follow(%{setup: setup} = state) do
    most = 2 * setup.config.webhook_batch_events

    with {:ok, state} <- saved(state),
         {:ok, sub} <-
           Live.subscribe(setup.database,
             filter: setup.webhook.filter,
             since: state.cursor.place.seq,
             demand: max(most, state.expected || 0)
           ) do
      tell(%{state | sub: sub, received: 0, next: nil, problem: nil})
    else
      {:error, %{detail: why}} -> unable(state, why)
      {:error, why} -> unable(state, why)
    end
  end

  # The cursor is on disk where it is thought to be.
  defp saved(%{cursor: nil, setup: setup} = state) do
    name = SideFiles.name(setup.webhook, :cursor)

    with {:ok, cursor} <- Cursor.open(setup.folder, name, setup.place),
         do: saved(%{state | cursor: cursor})
  end

  defp saved(%{unsaved: nil} = state), do: {:ok, state}

  defp saved(%{unsaved: seq} = state) do
    with {:ok, cursor} <- Cursor.move(state.cursor, seq),
         do: {:ok, %{state | cursor: cursor, unsaved: nil}}
  end

  # The fault is on this side: no attempt is made until it is over.
  defp unable(state, why) do
    if state.problem == nil, do: Logger.error("#{name(state)} cannot be delivered: #{why}")
    state |> let_go() |> Map.put(:problem, why) |> again_in(@again_ms)
  end

  defp let_go(%{sub: nil} = state), do: %{state | buffer: []}

  defp let_go(%{sub: sub} = state) do
    Live.unsubscribe(sub)
    %{state | sub: nil, buffer: []}
  end

  defp again_in(state, ms) do
    Process.send_after(self(), :again, ms)
    tell(%{state | next: System.os_time(:millisecond) + ms})
  end

  ## What happens

  @impl true
  def handle_call(asked, _from, state),
    do: Fault.guarded(name(state), fn -> answer(asked, state) end)

  @impl true
  def handle_info(message, state), do: Fault.guarded(name(state), fn -> hear(message, state) end)

  defp answer(:letters, state), do: {:reply, Letters.list(state.letters), state}

  defp answer({how, which}, state) do
    with {:ok, letters, count} <- Letters.settle(state.letters, how, which),
         state = %{state | letters: letters},
         :ok <- if(how == :forget, do: save(state), else: :ok) do
      {:reply, {:ok, count}, state |> go_on() |> resend() |> tell()}
    else
      {:error, why} -> {:reply, {:error, why}, state}
    end
  end

  defp hear({:formdb, ref, events}, %{sub: %{ref: ref}} = state) when is_list(events) do
    # All of a delivery that is made again comes, however large it is.
    if state.expected != nil, do: Live.ask(state.sub, length(events))
    {:noreply, state |> gather(events, length(events)) |> pump()}
  end

  # They come again where the subscription was begun again, and have no sequence to tell.
  defp hear({:formdb, ref, {:dwell, dwells}}, %{sub: %{ref: ref}} = state) do
    {known, new} = Enum.split_with(dwells, &MapSet.member?(state.told, digest(&1.json)))
    if known != [], do: Live.ask(state.sub, length(known))
    {:noreply, state |> gather(new, length(dwells)) |> pump()}
  end

  defp hear({:formdb, ref, {:live, seq}}, %{sub: %{ref: ref}} = state),
    do: {:noreply, passed(state, seq)}

  # It ends with its database, or is tried again as long as that is open.
  defp hear({:formdb, ref, {:closed, _why}}, %{sub: %{ref: ref}} = state),
    do: {:noreply, unable(%{state | sub: nil}, "the database is closed")}

  defp hear({Attempt, pid, outcome}, %{attempt: {pid, _timer}, batch: batch} = state)
       when batch != nil,
       do: {:noreply, state |> Map.put(:batch, nil) |> heard(batch, outcome) |> tell()}

  defp hear({:late, pid}, %{attempt: {pid, _timer}} = state) do
    Process.exit(pid, :kill)
    {:noreply, state}
  end

  defp hear({:EXIT, pid, reason}, %{attempt: {pid, timer}} = state) do
    Process.cancel_timer(timer)
    state = %{state | attempt: nil}

    case state do
      %{batch: nil} ->
        {:noreply, pump(state)}

      # It said nothing before it ended.
      %{batch: batch} ->
        if reason not in [:killed, :normal], do: Logger.error("#{name(state)}: an attempt failed")
        outcome = Attempt.failed("no answer in time")
        {:noreply, %{state | batch: nil} |> heard(batch, outcome) |> pump() |> tell()}
    end
  end

  defp hear({Resend, pid, outcome}, %{resending: {pid, id, timer}} = state) do
    Process.cancel_timer(timer)
    {:noreply, state |> Map.put(:resending, nil) |> resent(id, outcome) |> resend() |> tell()}
  end

  defp hear({:late, pid}, %{resending: {pid, _id, _timer}} = state) do
    Process.exit(pid, :kill)
    {:noreply, state}
  end

  defp hear({:EXIT, pid, _reason}, %{resending: {pid, id, timer}} = state) do
    Process.cancel_timer(timer)
    outcome = Attempt.failed("no answer in time")
    {:noreply, state |> Map.put(:resending, nil) |> resent(id, outcome) |> resend() |> tell()}
  end

  # What is under way may be confirmed yet, and is not to be sent again then.
  defp hear(:again, %{sub: nil, attempt: nil} = state), do: {:noreply, begin(state)}

  defp hear(:again, %{sub: nil} = state) do
    Process.send_after(self(), :again, @ending_ms)
    {:noreply, state}
  end

  defp hear(_other, state), do: {:noreply, state}

  defp gather(state, items, received),
    do: %{state | buffer: state.buffer ++ items, received: state.received + received}

  # Where there is nothing to deliver the cursor moves now and then, too.
  defp passed(%{buffer: [], batch: nil, expected: nil, cursor: %{place: %{seq: at}}} = state, seq)
       when seq > at + @idle_blocks,
       do: state |> confirmed(seq) |> tell()

  defp passed(state, _seq), do: state

  ## Delivering

  # Sends the next delivery, if there is one and none is under way.
  defp pump(%{attempt: nil, batch: nil, sub: sub, buffer: [_ | _]} = state) when sub != nil do
    %{webhook_batch_events: count, webhook_batch_bytes: bytes} = state.setup.config

    case {state.expected, Batch.beginning(state.buffer)} do
      # The rest of what is sent again is not here yet.
      {expected, {here, true}} when here in 1..(expected - 1)//1 ->
        state

      {expected, {here, _more?}} when expected != nil and here > 0 ->
        send_next(state, expected, :infinity)

      _other ->
        send_next(state, count, bytes)
    end
  end

  defp pump(state), do: tell(state)

  defp send_next(state, count, bytes) do
    {batch, rest} = Batch.take(state.buffer, count, bytes)
    attempt(%{state | buffer: rest}, batch)
  end

  defp attempt(state, batch) do
    {pid, ms} = state |> message(batch, batch_name(state, batch)) |> Attempt.start_link()
    timer = Process.send_after(self(), {:late, pid}, ms)
    tell(%{state | batch: batch, attempt: {pid, timer}})
  end

  defp batch_name(%{setup: %{webhook: webhook}}, batch), do: Batch.name(batch, webhook.version)

  defp message(%{setup: setup, log: log}, batch, name) do
    %{database: database, webhook: webhook, config: config} = setup
    now = System.os_time(:second)

    %Attempt{
      address: setup.address.(),
      id: "msg_#{binary_part(log, 0, 8)}_#{webhook.id}_#{name}",
      body: Batch.body(batch, database, log, webhook.id),
      secrets:
        for(
          nonce <- Registration.secrets(webhook, now, config.webhook_rotation_seconds),
          do: Signature.secret(setup.key.(), log, webhook.id, nonce)
        ),
      limits: Attempt.limits(config)
    }
  end

  defp heard(state, batch, %{error: nil} = outcome) do
    emit(state, batch, :confirmed)
    if state.sub, do: Live.ask(state.sub, batch.count)

    %{
      state
      | deliveries: state.deliveries + 1,
        events: state.events + batch.count,
        refused: false,
        last: last(outcome)
    }
    |> settled(batch)
  end

  defp heard(state, batch, outcome) do
    emit(state, batch, :failed)
    now = System.monotonic_time(:millisecond)

    state = %{
      let_go(state)
      | failures: state.failures + 1,
        failed: state.failed + 1,
        refused: true,
        failing_since: state.failing_since || now,
        expected: if(batch.kind == :events, do: batch.count, else: state.expected),
        last: last(outcome)
    }

    patience = 1_000 * state.setup.config.webhook_give_up_seconds

    cond do
      outcome.gone -> stop(state, "the receiver answered 410: it is gone")
      now - state.failing_since >= patience -> give_up(state, batch, outcome)
      true -> again_in(state, pause(state, outcome))
    end
  end

  defp pause(%{setup: %{config: config}} = state, outcome) do
    Backoff.delay(
      state.failed,
      config.webhook_retry_ms,
      config.webhook_retry_longest_ms,
      outcome.retry_after,
      :rand.uniform()
    )
  end

  # What is behind it counts from the beginning again.
  defp settled(state, %{kind: :events, last: last}) do
    state = %{state | failed: 0, failing_since: nil, expected: nil, told: MapSet.new()}
    confirmed(state, last)
  end

  defp settled(state, %{kind: :dwells, items: items}) do
    told = Enum.reduce(items, state.told, &MapSet.put(&2, digest(&1)))
    told = if MapSet.size(told) > @known, do: MapSet.new(), else: told
    # Events that were refused before it are refused still.
    if state.expected == nil,
      do: %{state | told: told, failed: 0, failing_since: nil},
      else: %{state | told: told}
  end

  defp digest(text), do: :crypto.hash(:md5, text)

  defp confirmed(state, seq) do
    case Cursor.move(state.cursor, seq) do
      {:ok, cursor} -> %{state | cursor: cursor}
      {:error, why} -> unable(%{state | unsaved: seq}, why)
    end
  end

  # Until now it counted as to be delivered: it is a dead letter first, and then passed over.
  defp give_up(state, batch, outcome) do
    most = state.setup.config.webhook_dead_letters
    name = batch_name(state, batch)
    letter = Letters.new(batch, name, state.setup.webhook.filter, state.failed, outcome)

    if Letters.count(state.letters) >= most do
      why =
        "there are #{most} dead letters (FORMDB_WEBHOOK_DEAD_LETTERS); send them again or forget them, and " <>
          "it goes on"

      stop(state, why, %{"letters" => true})
    else
      Logger.warning("#{name(state)}: a delivery became a dead letter: #{outcome.error}")
      state = %{state | letters: Letters.add(state.letters, letter)}

      case save(state) do
        :ok ->
          state |> Map.put(:expected, nil) |> settled(batch) |> again_in(0)

        {:error, why} ->
          unable(%{state | letters: Letters.forget(state.letters, letter.id)}, why)
      end
    end
  end

  defp stop(state, reason, more \\ %{}) do
    Logger.warning("#{name(state)} is stopped: #{reason}")
    stopped = %{"reason" => reason, "time" => System.os_time(:microsecond)}
    state = %{state | stopped: Map.merge(stopped, more)}

    case save(state) do
      :ok -> tell(state)
      {:error, why} -> unable(%{state | stopped: nil}, why)
    end
  end

  defp save(%{setup: setup} = state) do
    SideFiles.write_json(setup.folder, SideFiles.name(setup.webhook, :state), %{
      "stopped" => state.stopped,
      "dead_letters" => Letters.stored(state.letters)
    })
  end

  ## Dead letters

  # Where there were too many of them there may be room again.
  defp freed(%{stopped: %{"letters" => true}, setup: %{config: config}} = state) do
    if Letters.count(state.letters) < config.webhook_dead_letters do
      state = %{state | stopped: nil, failed: 0, failing_since: nil}

      with {:error, why} <- save(state),
           do: Logger.error("#{name(state)}: that it goes on cannot be written: #{why}")

      state
    else
      state
    end
  end

  defp freed(state), do: state

  defp go_on(%{stopped: stopped} = state) do
    freed = freed(state)
    if stopped != nil and freed.stopped == nil, do: again_in(freed, 0), else: freed
  end

  defp resend(%{resending: nil, setup: %{address: address, config: %{webhooks: true}}} = state)
       when address != nil do
    case Letters.next(state.letters) do
      nil ->
        state

      letter ->
        ms = Attempt.longest_ms(Attempt.limits(state.setup.config))

        {pid, ms} =
          Resend.start_link(state.setup.database, letter, &message(state, &1, letter.id), ms)

        timer = Process.send_after(self(), {:late, pid}, ms)
        %{state | resending: {pid, letter.id, timer}}
    end
  end

  defp resend(state), do: state

  defp resent(state, id, outcome) do
    letters =
      if outcome.error == nil,
        do: Letters.forget(state.letters, id),
        else: Letters.failed(state.letters, id, outcome)

    state = %{state | letters: letters, last: last(outcome)}

    # It is sent again then, perhaps twice.
    with {:error, why} <- save(state),
         do: Logger.error("#{name(state)}: dead letters cannot be written: #{why}")

    go_on(state)
  end

  ## How it gets on

  defp last(outcome),
    do: %{time: System.os_time(:microsecond), status: outcome.status, error: outcome.error}

  defp tell(%{setup: %{database: database, webhook: webhook}} = state) do
    Progress.put(database, webhook.id, %{
      state: shown(state),
      reason: reason(state),
      cursor: state.unsaved || (state.cursor && state.cursor.place.seq) || state.setup.place.seq,
      idle: idle(state),
      last: state.last,
      next: state.next,
      dead_letters: Letters.count(state.letters),
      deliveries: state.deliveries,
      events: state.events,
      failures: state.failures
    })

    state
  end

  defp idle(%{sub: sub, buffer: [], batch: nil, received: received}) when sub != nil,
    do: {sub, received}

  defp idle(_state), do: nil

  defp shown(state) do
    case mode(state) do
      :delivering when state.problem != nil -> :failed
      :delivering when state.refused -> :retrying
      mode -> mode
    end
  end

  defp reason(%{setup: %{obstacle: {_mode, why}}}), do: why
  defp reason(%{stopped: %{"reason" => reason}}), do: reason
  defp reason(%{problem: nil, setup: %{warning: warning}}), do: warning
  defp reason(%{problem: problem}), do: problem

  defp emit(%{setup: %{database: database, webhook: webhook}}, batch, result) do
    metadata = %{database: database, webhook: webhook.id, result: result}
    Telemetry.execute([:formdb, :webhook, :attempt], %{events: batch.count}, metadata)
  end

  # Without the address, which may be a secret.
  defp name(%{setup: %{database: database, webhook: webhook}}),
    do: "webhook #{webhook.id} of database #{database}"

  # A callback since Elixir 1.17.
  if {:format_status, 1} in GenServer.behaviour_info(:callbacks), do: @impl(true)
  def format_status(status), do: Fault.status(status)

  @impl true
  def terminate(_reason, state), do: Fault.guarded(name(state), fn -> finish(state) end)

  defp finish(state) do
    if state.sub, do: Live.unsubscribe(state.sub)
    if state.cursor, do: Cursor.close(state.cursor)
  end
end
