defmodule FormdbHttp.Log do
  @moduledoc false
  # The server's log on standard output, which nobody ever waits for.
  #
  # OTP's and Elixir's own handlers write through the process that owns the terminal, and
  # let those who log wait once it falls behind. When nobody reads the output (a full
  # pipe, a terminal stopped with Ctrl-S), that is for good, and the VM then does not even
  # end, since it flushes what it has written. Here a line is formatted by who logs it and
  # sent to a writer, unless more than FORMDB_LOG_BUFFER_BYTES wait already: then it is
  # dropped and counted. The writer writes only what the output takes without waiting.
  #
  # It takes the place of the other handlers for standard output in the VM that serves
  # (`mix formdb.server`); an application that embeds the database keeps its own.

  alias FormdbHttp.{CommandNames, Config, Native}
  alias FormdbHttp.Log.{JSONFormat, Writer}

  @handler :formdb_log
  # Of one line, in characters, and of the terms in it.
  @line_chars 8_192
  @depth 30

  @waiting 1
  @dropped 2

  @format %{
    template: [:time, " [", :level, "] ", {:request_id, [:request_id, " "], []}, :msg, "\n"],
    time_offset: ~c"Z",
    single_line: false,
    chars_limit: @line_chars,
    depth: @depth
  }

  @doc """
  Takes over standard output from the handlers that could block. The configuration says in which
  form lines are, from which level on, and how many bytes of them may wait.
  """
  @spec install(Config.t()) :: :ok
  def install(%Config{} = settings) do
    counters = counters()
    formatter = formatter(settings.log_format)
    {:ok, writer} = Writer.start(counters, fn level, text -> line(level, text, formatter) end)
    config = %{writer: writer, counters: counters, bytes: settings.log_buffer_bytes}
    :ok = :logger.set_primary_config(:level, settings.log_level)

    _ = :logger.remove_handler(@handler)

    :ok =
      :logger.add_handler(@handler, __MODULE__, %{
        config: config,
        formatter: formatter,
        # As Elixir's own: no reports of supervisors, which start and stop children often.
        filters: [
          remote_gl: {&:logger_filters.remote_gl/2, :stop},
          ended: {&__MODULE__.drop_ended/2, nil},
          sasl: {&:logger_filters.domain/2, {:stop, :sub, [:otp, :sasl]}}
        ]
      })

    for %{id: id, module: module} <- :logger.get_handler_config(),
        # OTP's, which Elixir uses from 1.15 on, and Elixir's before that.
        module in [:logger_std_h, Logger.Handler],
        do: :logger.remove_handler(id)

    :ok
  end

  # People read a terminal, and programs the rest.
  defp formatter(:auto),
    do: formatter(if(Native.stdout_is_terminal(), do: :text, else: :json))

  defp formatter(:text), do: {:logger_formatter, @format}
  defp formatter(:json), do: {JSONFormat, @format}

  # Of the log's own.
  defp line(level, text, {formatter, format}) do
    meta = %{time: System.system_time(:microsecond)}
    event = %{level: level, msg: {:string, text}, meta: meta}
    event |> formatter.format(format) |> :unicode.characters_to_binary()
  end

  @doc "Waits until everything is written that will be taken, for `milliseconds` at most."
  @spec flush(non_neg_integer()) :: :ok
  def flush(milliseconds) do
    case :logger.get_handler_config(@handler) do
      {:ok, %{config: %{writer: writer}}} -> Writer.flush(writer, milliseconds)
      _none -> :ok
    end
  end

  @doc "Lines that were dropped since the start."
  @spec dropped() :: non_neg_integer()
  def dropped, do: :counters.get(counters(), @dropped)

  # They outlive the handler, so that the count never goes back.
  defp counters do
    with nil <- :persistent_term.get(__MODULE__, nil) do
      counters = :counters.new(2, [:atomics])
      :persistent_term.put(__MODULE__, counters)
      counters
    end
  end

  ## Callbacks of a handler of :logger, in the process that logs

  # A line each; only faults have more, such as where in the code they happened.
  @faults [:error, :critical, :alert, :emergency]

  @doc false
  def log(event, %{config: config, formatter: {formatter, format}}) do
    format = %{format | single_line: event.level not in @faults}

    line =
      event |> named(formatter) |> formatter.format(format) |> :unicode.characters_to_binary()

    line = if is_binary(line), do: CommandNames.worded(line), else: line
    %{writer: writer, counters: counters, bytes: most} = config

    if is_binary(line) and :counters.get(counters, @waiting) + byte_size(line) <= most do
      :counters.add(counters, @waiting, byte_size(line))
      send(writer, {:line, line})
    else
      :counters.add(counters, @dropped, 1)
    end

    :ok
  end

  # OTP's formatter takes no other text than this for text.
  defp named(%{meta: %{request_id: id} = meta} = event, :logger_formatter) when is_binary(id),
    do: %{event | meta: %{meta | request_id: String.to_charlist(id)}}

  defp named(event, _formatter), do: event

  # OTP says of each application that it ended, also of those that were only stopped, or
  # never got to start: whoever stops or starts them says what there is to say.
  @doc false
  def drop_ended(%{msg: {:report, %{label: {:application_controller, :exit}}}}, _), do: :stop
  # Elixir may have put it into words before.
  def drop_ended(%{meta: %{mfa: {:application_controller, :info_exited, _arity}}}, _), do: :stop
  # With all of its options; whoever starts it is told the reason, too.
  def drop_ended(%{msg: {~c"Failed to start Ranch listener" ++ _rest, _args}}, _), do: :stop
  def drop_ended(_event, _), do: :ignore

  @doc false
  def written(counters, bytes), do: :counters.sub(counters, @waiting, bytes)

  @doc false
  def drop(counters), do: :counters.add(counters, @dropped, 1)

  @doc false
  def dropped(counters), do: :counters.get(counters, @dropped)
end
