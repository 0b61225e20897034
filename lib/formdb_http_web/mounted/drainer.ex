defmodule FormdbHttpWeb.Mounted.Drainer do
  @moduledoc false
  # Has the clients of sockets and streams come again when the endpoint of the application stops:
  # all of a large number at once would come back so. FormdbHttpWeb.Socket has the options.

  use GenServer

  alias FormdbHttpWeb.Live.Open

  @defaults %{batch: 100, interval: 100, shutdown: 30_000}

  @doc "A child of the endpoint, which it stops before what listens."
  @spec child_spec(keyword()) :: Supervisor.child_spec()
  def child_spec(opts) do
    opts = options(opts)

    %{
      id: {__MODULE__, System.unique_integer()},
      start: {GenServer, :start_link, [__MODULE__, opts]},
      shutdown: opts.shutdown
    }
  end

  defp options(opts) do
    unless Keyword.keyword?(opts) and
             Enum.all?(opts, fn {key, value} ->
               is_map_key(@defaults, key) and is_integer(value) and value > 0
             end) do
      raise ArgumentError,
            "drainer: of FormdbHttpWeb.Socket is #{inspect(opts)}; expected some of " <>
              "[batch: 100, interval: 100, shutdown: 30_000], or false"
    end

    Map.merge(@defaults, Map.new(opts))
  end

  @impl true
  def init(opts) do
    # Or terminate/2 would not be called.
    Process.flag(:trap_exit, true)
    {:ok, opts}
  end

  @impl true
  def terminate(_reason, opts), do: drain(opts)

  # The supervisor ends it when it takes too long.
  defp drain(opts) do
    if (Open.count(:socket) || 0) + (Open.count(:stream) || 0) > 0 do
      Open.drain(opts.batch)
      Process.sleep(opts.interval)
      drain(opts)
    end
  end
end
