defmodule FormdbHttpWeb.Live.Opening do
  @moduledoc false
  # A stream of server-sent events whose database is not open yet, or not again: it waits. A browser
  # asks again after a connection that ended, and never after an answer other than 200 (HTML
  # Standard, 9.2.3).

  alias FormdbHttp.{Error, Serving, Subscription}
  alias FormdbHttpWeb.Live.{EventStream, Open, Reader}

  # Whether it is open is known without a file.
  @look_ms 100

  @typedoc """
    * `wait_ms` - after how long the stream ends, so that the client asks again
    * the others as of `FormdbHttpWeb.Live.EventStream`
  """
  @type opts :: %{wait_ms: pos_integer(), heartbeat_ms: pos_integer(), reader: Reader.t()}

  @doc "Whether an error of a database is one that passes when it is opened."
  @spec passes?(Error.t(), String.t()) :: boolean()
  def passes?(%Error{code: code}, _db) when code in [:database_opening, :database_closed],
    do: true

  def passes?(%Error{code: :database_not_found}, db), do: Serving.database?(db)
  def passes?(_error, _db), do: false

  @doc """
  The parts of a stream that begins, by `subscribe`, once the database is open. What is wrong
  with it then, the client is told by the answer when it asks again.
  """
  @spec parts(String.t(), (... -> {:ok, Subscription.t()} | {:error, Error.t()}), opts()) ::
          Enumerable.t()
  def parts(db, subscribe, opts) do
    begin = fn ->
      Open.enter(:stream)
      # What changed before is told to nobody who was not here yet.
      send(self(), {Open, :credentials})
      {opts.reader, now() + opts.wait_ms, now() + opts.heartbeat_ms}
    end

    look = &look(&1, db, subscribe, opts)

    [EventStream.waiting(reason(Serving.check_open(db)))]
    |> Stream.concat(Stream.resource(begin, look, fn _state -> Open.leave() end))
    |> Stream.flat_map(fn
      {sub, reader} ->
        parts = EventStream.parts(sub, %{opts | reader: reader})
        Stream.concat([EventStream.begun(sub.since)], parts)

      text ->
        [text]
    end)
  end

  defp reason({:error, %Error{code: :database_opening}}), do: "database_opening"
  defp reason(_closed), do: "database_closed"

  defp look(:ended, _db, _subscribe, _opts), do: {:halt, :ended}

  defp look({reader, until, heartbeat} = state, db, subscribe, opts) do
    with :ok <- Serving.check_open(db), {:ok, sub} <- subscribe.() do
      # The stream enters itself.
      Open.leave()
      {[{sub, reader}], :ended}
    else
      {:error, error} ->
        cond do
          not passes?(error, db) ->
            ended(error.code)

          now() >= until ->
            {[], :ended}

          now() >= heartbeat ->
            {[EventStream.heartbeat()], {reader, until, now() + opts.heartbeat_ms}}

          true ->
            wait(state, db)
        end
    end
  end

  defp wait({reader, until, heartbeat} = state, db) do
    receive do
      {Open, :drain} ->
        ended("server_stops")

      {Open, :credentials} ->
        case Reader.renewed(reader, db) do
          {:ok, reader} -> {[], {reader, until, heartbeat}}
          :gone -> ended("unauthorized")
        end
    after
      Reader.left_ms(reader, @look_ms) ->
        if Reader.expired?(reader), do: ended("token_expired"), else: {[], state}
    end
  end

  defp ended(reason), do: {[EventStream.ended(to_string(reason))], :ended}

  defp now, do: System.monotonic_time(:millisecond)
end
