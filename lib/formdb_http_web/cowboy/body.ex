defmodule FormdbHttpWeb.Cowboy.Body do
  @moduledoc false
  # Reads bodies from Cowboy, and knows whether one has come to its end: only then can the
  # connection be used again.

  @behaviour FormdbHttpWeb.BodyReader

  # What was read of the body, in the request's process: nothing, or :begun, :whole, :refused.
  @progress __MODULE__

  # How often one looks whether a chunked body can still be decoded.
  @look_ms 1_000
  # What the connection's process may take beyond the time it was given to answer.
  @slack_ms 5_000
  # Of a body that is decoded as it comes, no more than the head of a chunk waits
  # in the connection's process.
  @undecoded_bytes 1_048_576
  # A body that nobody wants is waited for only if it is all but here.
  @discarded_bytes 65_536
  @discard_ms 100

  @impl true
  def read(req, bytes, wait_ms) do
    Process.put(@progress, :begun)
    wait_ms = if req.body_length == :undefined, do: min(wait_ms, @look_ms), else: wait_ms

    case read_part(req, bytes, wait_ms) do
      {:ok, part, req} ->
        Process.put(@progress, :whole)
        {:ok, part, req}

      {:more, "", req} ->
        if jammed?(req), do: {:error, :malformed}, else: {:more, "", req}

      {:more, part, req} ->
        {:more, part, req}

      :timeout ->
        {:error, :timeout}
    end
  end

  # :timeout when the connection's process did not even say that there is nothing.
  defp read_part(req, bytes, wait_ms) do
    :cowboy_req.read_body(req, %{length: bytes, period: wait_ms, timeout: wait_ms + @slack_ms})
  catch
    :exit, :timeout -> :timeout
  end

  # Cowlib takes a chunk that does not begin with a number for one that is not
  # complete, and would collect what follows without end.
  defp jammed?(%{pid: connection, body_length: :undefined, version: :"HTTP/1.1"}) do
    case Process.info(connection, :binary) do
      {:binary, held} -> held |> Enum.map(&elem(&1, 1)) |> Enum.sum() > @undecoded_bytes
      nil -> false
    end
  end

  defp jammed?(_req), do: false

  @impl true
  def refuse(_req) do
    Process.put(@progress, :refused)
    :ok
  end

  @doc """
  Once the answer is known: drops a body that it did not need. `:left` when that has not
  come to its end by now: then the connection cannot be used again.
  """
  @spec finish(:cowboy_req.req()) :: :ok | :left
  def finish(req) do
    case Process.delete(@progress) do
      :whole -> :ok
      nil -> discard(req)
      _begun_or_refused -> :left
    end
  end

  defp discard(%{has_body: false}), do: :ok
  # Asking for the body would give the leave to send it that this client may wait for; and
  # whether it sends the body, once it has an answer, nobody knows.
  defp discard(%{headers: %{"expect" => _}}), do: :left
  defp discard(%{body_length: n}) when is_integer(n) and n > @discarded_bytes, do: :left
  defp discard(req), do: discard(req, @discarded_bytes, now() + @discard_ms)

  defp discard(req, left, deadline) do
    wait_ms = max(deadline - now(), 0)

    case read_part(req, left, wait_ms) do
      {:ok, _part, _req} ->
        :ok

      {:more, part, req} when byte_size(part) < left and wait_ms > 0 ->
        discard(req, left - byte_size(part), deadline)

      _too_much_or_too_late ->
        :left
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
