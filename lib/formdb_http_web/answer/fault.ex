defmodule FormdbHttpWeb.Fault do
  @moduledoc false
  # A fault of the server, for its log: what failed and where, without the values it failed
  # over. Those are what clients wrote, and a log has other readers than the database.

  # The messages of these name functions and files, and no values.
  @plain [ArithmeticError, FunctionClauseError, SystemLimitError, UndefinedFunctionError]

  @doc "What was caught as `kind`, `reason` and `stacktrace`, as text of several lines."
  @spec describe(:error | :exit | :throw, term(), Exception.stacktrace()) :: iodata()
  def describe(kind, reason, stacktrace) do
    [what(kind, reason, stacktrace), "\n", trace(stacktrace)]
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
