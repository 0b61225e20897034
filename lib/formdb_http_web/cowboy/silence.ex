defmodule FormdbHttpWeb.Cowboy.Silence do
  @moduledoc false
  # How long a client of a WebSocket says nothing. Cowboy's own time-out closes with 1000, as if all
  # were said, after which phoenix.js before 1.8 does not come again: a page whose timers were
  # held up for a minute would follow nothing any more. All functions are for the connection's process.

  alias FormdbHttpWeb.Cowboy.Streaming

  @enforce_keys [:most_ms, :heard, :received]
  defstruct @enforce_keys

  @opaque t :: %__MODULE__{
            most_ms: pos_integer(),
            heard: integer(),
            received: non_neg_integer()
          }

  @doc "From now on. This process is sent `message` when it is to look."
  @spec begin(pos_integer(), term()) :: t()
  def begin(most_ms, message),
    do: look_again(%__MODULE__{most_ms: most_ms, heard: now(), received: 0}, most_ms, message)

  @doc "A whole message has come."
  @spec heard(t()) :: t()
  def heard(silence), do: %{silence | heard: now()}

  @doc "Whether it has been too long. One that sends a long message slowly is not silent."
  @spec look(t(), term()) :: :too_long | t()
  def look(%{most_ms: most_ms, heard: heard, received: before} = silence, message) do
    left = heard + most_ms - now()

    cond do
      left > 0 -> look_again(silence, left, message)
      received() != before -> look_again(silence, most_ms, message)
      true -> :too_long
    end
  end

  defp look_again(silence, ms, message) do
    Process.send_after(self(), message, ms)
    %{silence | received: received()}
  end

  # Bytes.
  defp received do
    {_closed, socket} = Streaming.connection()
    with {:ok, [recv_oct: bytes]} <- :inet.getstat(socket, [:recv_oct]), do: bytes
  end

  defp now, do: System.monotonic_time(:millisecond)
end
