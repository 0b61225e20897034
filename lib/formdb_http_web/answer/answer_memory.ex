defmodule FormdbHttpWeb.AnswerMemory do
  @moduledoc false
  # Memory of answers that are on their way (FORMDB_WORK_BYTES). While one is made, the
  # engine counts it; from then on its bytes are counted until the last one who refers to
  # them lets go: the request's process, the connection's, or the driver of the socket, in
  # whose queue lies what a slow client has not read.

  alias FormdbHttp.WorkMemory
  alias FormdbHttpWeb.{Problem, Request}

  # Parts up to this size are not counted; an answer has three of them at most.
  @counted_bytes 4_096

  # What was sent stays in memory until the connection's process collects its garbage,
  # which after an answer that is small may be never.
  @collected_bytes 65_536

  @doc """
  The answer, counted. One for which there is no memory is refused, but only if the
  request was `safe?` (RFC 9110, 9.2.1): what was written is told in any case.
  """
  @spec count(Request.answer(), boolean()) :: Request.answer()
  def count({status, headers, body} = answer, safe?) do
    if IO.iodata_length(body) > @counted_bytes do
      with {:ok, body} <- parts(:erlang.iolist_to_iovec(body), safe?, []),
           do: {status, headers, body}
    else
      answer
    end
  end

  defp parts([], _safe?, counted), do: {:ok, Enum.reverse(counted)}

  defp parts([part | rest], safe?, counted) when byte_size(part) <= @counted_bytes,
    do: parts(rest, safe?, [part | counted])

  defp parts([part | rest], safe?, counted) do
    case WorkMemory.count(part, safe?) do
      {:ok, part} -> parts(rest, safe?, [part | counted])
      {:error, error} -> Problem.answer(error)
    end
  end

  @doc "An answer of that size was sent, or will never be: in the connection's process."
  @spec sent(non_neg_integer()) :: :ok
  def sent(size) do
    if size > @collected_bytes, do: :erlang.garbage_collect()
    :ok
  end
end
