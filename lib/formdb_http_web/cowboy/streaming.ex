defmodule FormdbHttpWeb.Cowboy.Streaming do
  @moduledoc false
  # Answers in parts. Cowboy takes every part at once, and would hold all that a client has
  # not read. Here the next one waits until the connection's process has given the one before
  # to the socket, which takes only so much that was not read. A client that reads nothing is
  # cut off by the socket's own time-out for sending.

  @doc """
  Sends the parts, each once there is room for it. Cowboy 2.8 takes a client for gone that
  sends nothing for `idle_timeout`, also while it reads, so there is none until the end.
  """
  @spec send_parts(Enumerable.t(), :cowboy_req.req()) :: :ok
  def send_parts(parts, req) do
    :cowboy_req.cast({__MODULE__, :begin}, req)
    Enum.each(parts, &send_part(&1, req))
    :cowboy_req.cast({__MODULE__, :end}, req)
    :cowboy_req.stream_body("", :fin, req)
  end

  defp send_part(part, req) do
    if IO.iodata_length(part) > 0, do: :cowboy_req.stream_body(part, :nofin, req)
    ref = make_ref()
    :cowboy_req.cast({__MODULE__, {:sent, self(), ref}}, req)

    # When the connection ends, so does this process.
    receive do
      {^ref, :sent} -> :ok
    end
  end

  ## In the connection's process

  @doc "The commands for Cowboy that follow from a message of this module."
  @spec commands(:begin | :end | {:sent, pid(), reference()}, timeout()) :: [tuple()]
  def commands(:begin, _idle_timeout), do: [set_options: %{idle_timeout: :infinity}]
  def commands(:end, idle_timeout), do: [set_options: %{idle_timeout: idle_timeout}]

  # What came before it was sent.
  def commands({:sent, process, ref}, _idle_timeout) do
    send(process, {ref, :sent})
    []
  end
end
