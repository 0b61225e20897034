defmodule FormdbHttpWeb.Live.Socket do
  @moduledoc false
  # A socket of the Phoenix Channels protocol, in the shape of Phoenix.Socket.Transport, with the
  # additions of WebSock: several frames at once, and a code with which it is closed. It runs in
  # the process that the host has for the connection.
  #
  # A host sends the frames of one callback before it makes the next one, and waits until the
  # client's end has taken all but a few kilobytes. So what was sent is told to the core by a
  # message to this process itself, which comes after that; and a client that does not read is not
  # sent for. Events that come one by one are told of together: a message and a call for each
  # would be a sixth of what it costs to send it.

  require Logger

  alias FormdbHttp.{Error, Fault}
  alias FormdbHttpWeb.Live.{Bucket, Channel, History, Open, Reader, Reply, Serializer}

  @enforce_keys [:version, :limits, :reader, :joins, :core]
  defstruct @enforce_keys ++
              [
                channels: %{},
                topics: %{},
                asked: %{},
                sent: %{},
                unasked: {0, 0},
                lagging: %{},
                last: %{}
              ]

  @typedoc """
    * `limits` - `channels`, `message_bytes`, `joins_per_second`, and `event_bytes`: how many may
      be under way to the first channel. The second may have half, the third a third, so that
      a hundred have five times as much and not a hundred times
    * `reader` - what the client may read, and until when
    * `joins` - how many joins it may make now
    * `core` - whom it subscribes at
    * `channels` - by their topics; `topics` - by the refs of their subscriptions
    * `asked` - calls under way, by their monitors: at most one a channel
    * `sent` - events that the core has not been told of, by the refs of their subscriptions;
      `unasked` - how many they are together, and how many bytes
    * `lagging` - the refs of those that lag: of them the core is told at once
    * `last` - the blocks up to which clients know that they have all, by the refs of their
      subscriptions
  """
  @type t :: %__MODULE__{}

  @type limits :: %{
          channels: pos_integer(),
          message_bytes: pos_integer(),
          joins_per_second: pos_integer(),
          event_bytes: pos_integer()
        }

  # Events that may be on their way to this process. What it is told by its client comes after
  # them, so they are few enough to be sent within seconds over a slow line.
  @demand 256

  # The core is told when so many events have been sent, or so many bytes: few enough that it
  # goes on meanwhile.
  @unasked div(@demand, 4)
  @unasked_bytes 8_192

  # Frames that go out together, unless they are fewer. One message of the core's may be more.
  @gathered_bytes 65_536

  # So that 64 KiB are what a process may do before it is the turn of others.
  @bytes_per_reduction 16

  # RFC 6455, 7.4.1.
  @invalid_data 1007
  @policy 1008
  @restart 1012

  @type result ::
          {:ok, t()}
          | {:push, [Serializer.frame()], t()}
          | {:stop, :normal, {code :: 1000..4999, String.t()}, t()}

  @doc "None: a socket has no processes but the connection's."
  def child_spec(_opts), do: :ignore

  @doc """
  The socket that a client connects to. Of `connect_info` it needs `limits` and `reader`.
  """
  def connect(%{params: params, connect_info: info}) do
    with {:ok, version} <- Serializer.version(params["vsn"]) do
      %{channels: most, joins_per_second: per_second} = limits = info.limits
      bucket = Bucket.new(max(most, per_second), per_second, now())

      {:ok,
       %__MODULE__{
         version: version,
         limits: limits,
         reader: info.reader,
         joins: bucket,
         core: Map.get(info, :core, FormdbHttp)
       }}
    end
  end

  @doc "In the process of the connection."
  def init(state) do
    await_expiry(state.reader)
    # What changed since the handshake was told to nobody who was not here yet.
    send(self(), {Open, :credentials})
    {:ok, state}
  end

  ## From the client

  @spec handle_in({binary(), opcode: :text | :binary}, t()) :: result()
  def handle_in({payload, opcode: opcode}, state) do
    with {:ok, message} <- Serializer.decode(state.version, opcode, payload) do
      message |> act(Map.get(state.channels, message.topic), state) |> push()
    else
      :error -> stop(@invalid_data, "not a message of the protocol", state)
    end
  end

  @doc "Pings are answered by the host."
  def handle_control(_frame, state), do: {:ok, state}

  # Where a filter takes nothing for long, the client learns so how far it is.
  defp act(%{topic: "phoenix", event: "heartbeat"} = message, nil, state) do
    subs = for {_topic, %{sub: sub}} <- state.channels, do: sub

    after_events(
      :positions,
      for(sub <- subs, do: {sub.ref, state.core.subscription_info(sub).seq})
    )

    {[Reply.ok(state.version, message, %{})], state}
  end

  defp act(%{event: "phx_join"} = message, nil, state), do: join(message, state)

  defp act(%{event: "phx_leave"} = message, nil, state),
    do: {[Reply.ok(state.version, message, %{})], state}

  defp act(message, nil, state) do
    message = %{message | join_ref: nil}
    {[Reply.error(state.version, message, "unmatched topic")], state}
  end

  # A client that joins again has lost the channel it had.
  defp act(%{event: "phx_join"} = message, channel, state) do
    {frames, state} = join(message, remove(channel, state))
    {frames ++ [Channel.closed(channel, :left)], state}
  end

  defp act(message, channel, state) do
    if Channel.stale?(channel, message),
      do: {[], state},
      else: on_channel(message, channel, state)
  end

  ## Joining

  defp join(message, state) do
    case Bucket.take(state.joins, now()) do
      {:ok, joins} ->
        try_join(message, %{state | joins: joins})

      {:empty, joins} ->
        {[Reply.error(state.version, message, "too many joins")], %{state | joins: joins}}
    end
  end

  defp try_join(message, %{limits: %{channels: most}, channels: channels} = state)
       when map_size(channels) >= most,
       do: {[Reply.error(state.version, message, "too many channels joined")], state}

  defp try_join(message, state) do
    case subscribe(message, state) do
      {:ok, db, sub} ->
        channel = Channel.joined(state.version, message, db, sub)
        channels = Map.put(state.channels, message.topic, channel)
        topics = Map.put(state.topics, sub.ref, message.topic)
        last = Map.put(state.last, sub.ref, sub.since)
        reply = Reply.ok(state.version, message, Channel.greeting(sub))
        {[reply], %{state | channels: channels, topics: topics, last: last}}

      {:error, error} ->
        {[Reply.error(state.version, message, error)], state}
    end
  catch
    kind, reason ->
      failed("a join", kind, reason, __STACKTRACE__)
      {[Reply.error(state.version, message, "join crashed")], state}
  end

  defp subscribe(%{topic: topic} = message, state) do
    with db when db != nil <- Channel.database(topic),
         :ok <- Reader.admit(state.reader, db),
         {:ok, params} <- Reply.payload(message, state.limits.message_bytes),
         {:ok, opts} <- Channel.options(params),
         {:ok, sub} <- located(state.core.subscribe(db, credit(state) ++ opts)) do
      {:ok, db, sub}
    else
      nil -> {:error, "unmatched topic"}
      {:error, error} -> {:error, error}
    end
  end

  defp credit(%{limits: %{event_bytes: most}, channels: channels}),
    do: [to: self(), demand: @demand, bytes: max(div(most, map_size(channels) + 1), 1)]

  ## On a channel

  defp on_channel(%{event: "phx_leave"} = message, channel, state) do
    frames = [Reply.ok(state.version, message, %{}), Channel.closed(channel, :left)]
    {frames, remove(channel, state)}
  end

  defp on_channel(message, channel, state) do
    with {:ok, params} <- Reply.payload(message, state.limits.message_bytes),
         {:ok, frames, state} <-
           call(Channel.asked(message.event, params), message, channel, state) do
      {frames, state}
    else
      {:error, error} -> {[Reply.error(state.version, message, error)], state}
    end
  catch
    kind, reason ->
      failed("a call of a channel", kind, reason, __STACKTRACE__)
      {[Channel.closed(channel, :crashed)], remove(channel, state)}
  end

  defp call({:history, query}, message, %{topic: topic} = channel, state) do
    if Enum.any?(state.asked, &match?({_monitor, {_pid, %{topic: ^topic}}}, &1)) do
      detail = "the channel has not answered its get_history before this one"
      {:error, %Error{code: :busy, detail: detail}}
    else
      {pid, monitor} = History.start(channel.db, query, state.reader.asker)
      {:ok, [], put_in(state.asked[monitor], {pid, message})}
    end
  end

  defp call(:info, message, channel, state) do
    # Of them demand is no matter of the client's.
    info = channel.sub |> state.core.subscription_info() |> Map.take([:seq, :delivered, :lagging])
    after_events(:info, {channel.sub.ref, message, info})
    {:ok, [], state}
  end

  defp call({:filter, filter}, message, channel, state) do
    with {:ok, %{seq: seq}} <- located(state.core.update_filter(channel.sub, filter)),
         do: {:ok, [Reply.ok(state.version, message, seq: seq)], state}
  end

  defp call({:error, error}, _message, _channel, _state), do: {:error, error}

  # What is said of a subscription counts events that lie in the mailbox. A client may go on
  # behind the block that it is told, so it is told when it has had those.
  defp after_events(what, value), do: send(self(), {__MODULE__, what, value})

  ## From the server

  @spec handle_info(term(), t()) :: result()
  def handle_info({:formdb, ref, what}, state) do
    {frames, bytes, state} = gather(ref, what, {[], 0, state})
    # Sending is work of the scheduler's that it does not count.
    :erlang.bump_reductions(div(bytes, @bytes_per_reduction) + 1)
    push({List.flatten(frames), state})
  end

  def handle_info({__MODULE__, :sent}, %{sent: sent} = state) do
    for {ref, count} <- sent, %{sub: sub} <- [channel(ref, state)], do: state.core.ask(sub, count)
    {:ok, %{state | sent: %{}, unasked: {0, 0}}}
  end

  # Events that came later may have been sent before.
  def handle_info({__MODULE__, :info, {ref, message, %{seq: seq} = info}}, state) do
    case state.last do
      %{^ref => last} ->
        {:push, [Reply.ok(state.version, message, %{info | seq: max(seq, last)})], state}

      _left ->
        {:ok, state}
    end
  end

  def handle_info({__MODULE__, :positions, positions}, state) do
    news =
      for {ref, seq} <- positions, %{^ref => last} when last < seq <- [state.last], do: {ref, seq}

    frames = for {ref, seq} <- news, do: Channel.state(channel(ref, state), :position, seq)
    push({frames, %{state | last: Enum.into(news, state.last)}})
  end

  def handle_info({:DOWN, monitor, :process, _pid, reason}, state)
      when is_map_key(state.asked, monitor) do
    {{_pid, message}, asked} = Map.pop(state.asked, monitor)
    {answered(reason, message, state), %{state | asked: asked}} |> push()
  end

  def handle_info({__MODULE__, :expired}, %{reader: reader} = state) do
    if Reader.expired?(reader) do
      stop(@policy, "the credential has expired", state)
    else
      await_expiry(reader)
      {:ok, state}
    end
  end

  def handle_info({Open, :credentials}, %{reader: before} = state) do
    case before.again.() do
      {:ok, reader} ->
        if reader.expires_at != before.expires_at, do: await_expiry(reader)
        %{state | reader: reader} |> close_unreadable() |> push()

      :gone ->
        stop(@policy, "the credential was revoked", state)
    end
  end

  def handle_info({Open, :drain}, state),
    do: stop(@restart, "the server stops", state)

  def handle_info(_other, state), do: {:ok, state}

  # As long as it may be read again some day, its clients try to join.
  defp close_unreadable(%{channels: channels, reader: reader} = state) do
    for {_topic, channel} <- channels, reader.may_read.(channel.db) != :ok, reduce: {[], state} do
      {frames, state} ->
        {[Channel.closed(channel, :unauthorized) | frames], remove(channel, state)}
    end
  end

  # The channel may have been left, and joined again, since it was asked.
  defp answered(reason, message, state) do
    channel = state.channels[message.topic]

    cond do
      channel == nil or Channel.stale?(channel, message) -> []
      match?({:shutdown, {:ok, _}}, reason) -> [Reply.ok(state.version, message, page(reason))]
      match?({:shutdown, {:error, _}}, reason) -> [refusal(reason, message, state)]
      true -> [Reply.error(state.version, message, ended())]
    end
  end

  defp ended, do: %Error{code: :internal_error, detail: "the server failed to answer"}

  defp page({:shutdown, {:ok, members}}), do: members

  defp refusal({:shutdown, {:error, error}}, message, state),
    do: Reply.error(state.version, message, error)

  # The frames of all that has come for this socket, as long as it is not much.
  defp gather(ref, what, {frames, bytes, state}) do
    {more, size, state} = told(what, channel(ref, state), state)
    gathered = {[frames | more], bytes + size, state}

    if bytes + size < @gathered_bytes do
      receive do
        {:formdb, ref, what} -> gather(ref, what, gathered)
      after
        0 -> gathered
      end
    else
      gathered
    end
  end

  # The frames of one message, and how many bytes its events have.
  defp told(_sent_before_it_was_left, nil, state), do: {[], 0, state}

  defp told(events, %{sub: %{ref: ref}} = channel, state) when is_list(events) do
    state = %{state | last: %{state.last | ref => List.last(events).seq}}
    size = Enum.reduce(events, 0, &(byte_size(&1.json) + &2))
    {Channel.events(channel, events), size, sent(state, channel, length(events), size)}
  end

  defp told({:closed, why}, channel, state),
    do: {[Channel.closed(channel, why)], 0, forget(channel, state)}

  defp told({:dwell, dwells}, channel, state) do
    size = Enum.reduce(dwells, 0, &(byte_size(&1.json) + &2))
    {Channel.dwells(channel, dwells), size, sent(state, channel, length(dwells), size)}
  end

  defp told({:lagging, seq}, %{sub: %{ref: ref}} = channel, state) do
    # It may lag for what the core has not been told of.
    send(self(), {__MODULE__, :sent})
    state = %{state | lagging: Map.put(state.lagging, ref, true)}
    {[Channel.state(channel, :lagging, seq)], 0, state}
  end

  defp told({:live, seq}, %{sub: %{ref: ref}} = channel, state) do
    state = %{state | lagging: Map.delete(state.lagging, ref)}
    {[Channel.state(channel, :live, seq)], 0, state}
  end

  defp sent(%{unasked: {events, bytes}} = state, %{sub: %{ref: ref}}, count, size) do
    unasked = {events + count, bytes + size}

    # Whoever went beyond has sent the message.
    if is_map_key(state.lagging, ref) or (full?(unasked) and not full?(state.unasked)),
      do: send(self(), {__MODULE__, :sent})

    %{state | sent: Map.update(state.sent, ref, count, &(&1 + count)), unasked: unasked}
  end

  defp full?({events, bytes}), do: events >= @unasked or bytes >= @unasked_bytes

  ## The end

  def terminate(_reason, state) do
    for {_monitor, {pid, _message}} <- state.asked, do: Process.exit(pid, :kill)
    for {_topic, %{sub: sub}} <- state.channels, do: state.core.unsubscribe(sub)
    :ok
  end

  defp remove(channel, state) do
    state.core.unsubscribe(channel.sub)
    forget(channel, state)
  end

  defp forget(%{topic: topic, sub: %{ref: ref}}, state) do
    %{
      state
      | channels: Map.delete(state.channels, topic),
        topics: Map.delete(state.topics, ref),
        last: Map.delete(state.last, ref),
        lagging: Map.delete(state.lagging, ref)
    }
  end

  ## Small things

  defp located({:error, error}), do: {:error, Channel.located(error)}
  defp located(ok), do: ok

  defp channel(ref, %{topics: topics, channels: channels}) do
    with %{^ref => topic} <- topics, do: channels[topic], else: (_unknown -> nil)
  end

  defp push({[], state}), do: {:ok, state}
  defp push({frames, state}), do: {:push, frames, state}

  defp stop(code, reason, state), do: {:stop, :normal, {code, reason}, state}

  defp failed(what, kind, reason, stacktrace),
    do: Logger.error([what, " failed: ", Fault.describe(kind, reason, stacktrace)])

  # A timer takes 49 days at most.
  defp await_expiry(%{expires_at: nil}), do: :ok

  defp await_expiry(reader) do
    Process.send_after(self(), {__MODULE__, :expired}, Reader.left_ms(reader, 0xFFFFFFFF))
    :ok
  end

  defp now, do: System.monotonic_time(:millisecond)
end
