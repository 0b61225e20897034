defmodule FormdbHttp.ProcessFigures do
  @moduledoc false
  # What the operating system says of this process: open files, memory, CPU time. It is asked
  # now and then and remembered, so that whoever looks at metrics waits for no file.

  alias FormdbHttp.Native

  @keys [:open_files, :max_files, :resident_bytes, :cpu_seconds, :started]

  @doc "The memory, of the process that calls this."
  @spec new() :: :ets.table()
  def new, do: :ets.new(__MODULE__, [:named_table, :protected, read_concurrency: true])

  @doc "Asks the system."
  @spec refresh() :: true
  def refresh do
    figures = @keys |> Enum.zip(Tuple.to_list(Native.process_figures())) |> Map.new()
    :ets.insert(__MODULE__, {:figures, figures})
  end

  @doc "What it said last; `nil` in the place of what it does not say, and nothing before."
  @spec known() :: %{optional(atom()) => number() | nil}
  def known do
    with :undefined <- :ets.whereis(__MODULE__) do
      %{}
    else
      table -> :ets.lookup_element(table, :figures, 2)
    end
  end
end
