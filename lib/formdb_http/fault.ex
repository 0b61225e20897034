defmodule FormdbHttp.Fault do
  @moduledoc false
  # A fault of the server, for its log: what failed and where, without the values it failed
  # over. Those are what clients wrote, and a log has other readers than the database.

  require Logger

  # The messages of these name functions and files, and no values.
  @plain [ArithmeticError, FunctionClauseError, SystemLimitError, UndefinedFunctionError]

  @doc "What was caught as `kind`, `reason` and `stacktrace`, as text of several lines."
  @spec describe(:error | :exit | :throw, term(), Exception.stacktrace()) :: iodata()
  def describe(kind, reason, stacktrace) do
    [what(kind, reason, stacktrace), "\n", trace(stacktrace)]
  end

  @doc """
  What `work` returns. Where it fails the log is told, and the process ends without telling more:
  that would be told with arguments of functions.
  """
  @spec guarded(iodata(), (... -> result)) :: result when result: term()
  def guarded(who, work) do
    work.()
  catch
    kind, reason ->
      Logger.error([who, " failed: ", describe(kind, reason, __STACKTRACE__)])
      exit(:failed)
  end

  @doc "Why a process ended, as `{:EXIT, pid, reason}` has it, on one line."
  @spec ended(term()) :: iodata()
  def ended({reason, [{_, _, _, _} = where | _]}),
    do: [what(:error, reason, [where]), " in ", mfa(where)]

  def ended(reason), do: what(:exit, reason, [])

  defp mfa({module, function, arguments, _location}) when is_list(arguments),
    do: Exception.format_mfa(module, function, length(arguments))

  defp mfa({module, function, arity, _location}),
    do: Exception.format_mfa(module, function, arity)

  @doc """
  What the log and who asks are told of a `GenServer` that holds what nobody is to see, for its
  `format_status/1`: neither its state nor what it was sent, and why it failed without values.
  """
  @spec status(map()) :: map()
  def status(status) do
    for {key, value} <- status, into: %{} do
      case key do
        :reason -> {:reason, {:failed, IO.iodata_to_binary(ended(value))}}
        key when key in [:state, :message] -> {key, :not_shown}
        :log -> {:log, []}
        key -> {key, value}
      end
    end
  end

  defp what(:error, reason, stacktrace) do
    case Exception.normalize(:error, reason, stacktrace) do
      %module{} = exception when module in @plain ->
        ["** (", inspect(module), ") ", Exception.message(exception)]

      %module{} ->
        ["** (", inspect(module), ")"]
    end
  end

  defp what(kind, reason, _stacktrace), do: ["** (", to_string(kind), ") ", tag(reason)]

  # By convention the first element says what kind of reason it is.
  defp tag(reason) when is_atom(reason), do: inspect(reason)
  defp tag(reason) when is_tuple(reason) and tuple_size(reason) > 0, do: tag(elem(reason, 0))
  defp tag(_reason), do: "with a reason that is not shown"

  # A function may come with its arguments.
  defp trace(stacktrace) do
    stacktrace
    |> Enum.map(fn
      {module, function, arguments, location} when is_list(arguments) ->
        {module, function, length(arguments), location}

      {function, arguments, location} when is_list(arguments) ->
        {function, length(arguments), location}

      entry ->
        entry
    end)
    |> Exception.format_stacktrace()
  end
end
