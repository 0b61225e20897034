defmodule FormdbHttpWeb.Downloading do
  @moduledoc false
  # Answers without end: all pages of a question, one after the other, in lines or as a text
  # sequence. All of them show one state. The first page is there before anything is sent, so
  # what is wrong with the question has its status; what goes wrong later ends the
  # connection, so that nobody takes a part for the whole.

  alias FormdbHttp.{Error, Serving, WorkMemory}
  alias FormdbHttpWeb.{Accept, Request}

  @framings %{"application/x-ndjson" => :lines, "application/geo+json-seq" => :sequence}

  # Items of a page, unless fewer are asked for: what is held for a client that reads slowly.
  @page_items 1_000

  # What goes by, and how long a client that waits already is let wait for it.
  @passing [:memory_full, :busy]
  @patience_ms 30_000
  @again_ms 50

  @typedoc "A page: the text of an array, how many elements it has, and what the next is asked by."
  @type page :: %{json: binary(), returned: non_neg_integer(), next: term()}

  @doc "Which of the media types that a call answers with the client prefers, if it is such a one."
  @spec framing(Request.t()) :: {media_type :: String.t(), :lines | :sequence} | nil
  def framing(req) do
    types =
      for %{status: 200, content: content} <- req.call.answers, {type, _} <- content, do: type

    type = Accept.preferred(req.headers, Enum.uniq(types))
    with framing when framing != nil <- @framings[type], do: {type, framing}
  end

  @doc """
  All pages. `ask` takes what the page before says of the next one, `first` for the first,
  and how many items it may have; `limit` is how many there may be in all, `nil` for any.
  """
  @spec answer(
          {String.t(), :lines | :sequence},
          term(),
          pos_integer() | nil,
          (term(), pos_integer() -> {:ok, page()} | {:error, Error.t()})
        ) :: Request.answer() | {:error, Error.t()}
  def answer({type, framing}, first, limit, ask) do
    with {:ok, page} <- ask.(first, size(limit)) do
      pages = Stream.unfold({:page, page, limit}, &next(&1, framing, ask))
      headers = %{"content-type" => type, "vary" => "accept"}
      {200, headers, {:stream, pages}}
    end
  end

  defp size(nil), do: @page_items
  defp size(limit), do: min(limit, @page_items)

  defp next(nil, _framing, _ask), do: nil

  defp next({:page, page, limit}, framing, _ask) do
    left = limit && limit - page.returned
    text = Serving.json_lines(page.json, framing)
    lines = if text == "", do: "", else: patiently(fn -> WorkMemory.count(text, true) end)
    if page.next == nil or left == 0, do: {lines, nil}, else: {lines, {:ask, page.next, left}}
  end

  defp next({:ask, next, left}, framing, ask) do
    page = patiently(fn -> ask.(next, size(left)) end)
    next({:page, page, left}, framing, ask)
  end

  # Others may need the memory just now.
  defp patiently(get, waited_ms \\ 0) do
    case get.() do
      {:ok, got} ->
        got

      {:error, %Error{code: code}} when code in @passing and waited_ms < @patience_ms ->
        Process.sleep(@again_ms)
        patiently(get, waited_ms + @again_ms)

      {:error, error} ->
        throw({:cut_off, error})
    end
  end
end
