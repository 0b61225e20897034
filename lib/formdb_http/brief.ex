defmodule FormdbHttp.Brief do
  @moduledoc false
  # Work that may be done where nothing may take long: in the process of a connection, say, which
  # notices nothing meanwhile. What is about to wait for a place, or to go on for long, says so
  # before it does anything, and the attempt is over; it is made again where there is time.
  #
  # It is a throw, so what catches all throws on the way lets this one go on (`over/0`).

  @attempt __MODULE__
  @over {__MODULE__, :over}

  @doc "What `work` returns, or `:long` when it would take long: then it has changed nothing."
  @spec attempt((... -> result)) :: {:ok, result} | :long when result: term()
  def attempt(work) do
    Process.put(@attempt, true)
    {:ok, work.()}
  catch
    :throw, @over -> :long
  after
    Process.delete(@attempt)
  end

  @doc "What follows may take long, or must not be done in an attempt."
  @spec over() :: :ok
  def over do
    if Process.get(@attempt), do: throw(@over)
    :ok
  end

  @doc "Whether that is what was thrown."
  defguard is_over(reason) when reason == @over
end
