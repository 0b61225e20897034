defmodule FormdbHttpWeb.Downloading do
  @moduledoc false
  # Answers without end: all pages of a question, one after the other, in lines, as a text
  # sequence or as a table. All of them show one state. The first page is there before anything is sent, so
  # what is wrong with the question has its status; what goes wrong later ends the
  # connection, so that nobody takes a part for the whole.

  alias FormdbHttp.{Error, WorkMemory}
  alias FormdbHttpWeb.{Accept, Request}
  alias FormdbHttpWeb.Routes.Call

  @framings %{
    "application/x-ndjson" => :lines,
    "application/geo+json-seq" => :sequence,
    "text/csv" => :csv
  }

  # Items of a page, unless fewer are asked for: what is held for a client that reads slowly.
  @page_items 1_000

  # What goes by, and how long a client that waits already is let wait for it.
  @passing [:memory_full, :busy]
  @patience_ms 30_000
  @again_ms 50

  @type framing :: {media_type :: String.t(), :lines | :sequence | :csv}

  @typedoc "Text, how many items it has, and what the next page is asked by: `nil` where none is."
  @type page :: %{text: binary(), returned: non_neg_integer(), next: term()}

  @doc "Which of the media types that a call answers with the client prefers, if it is such a one."
  @spec framing(Request.t()) :: framing() | nil
  def framing(req) do
    type = Accept.preferred(req.headers, Call.gives(req.call))
    with framing when framing != nil <- @framings[type], do: {type, framing}
  end

  @doc """
  All pages. `ask` takes what the page before says of the next one, `first` for the first,
  and how many items it may have; `limit` is how many there may be in all, `nil` for any.
  Options: `:head`, of the first page what stands before everything, and `:page_items`.
  """
  @spec answer(
          framing(),
          term(),
          pos_integer() | nil,
          (term(), pos_integer() -> {:ok, page()} | {:error, Error.t()}),
          head: (page() -> binary()),
          page_items: pos_integer()
        ) :: Request.answer() | {:error, Error.t()}
  def answer({type, _framing}, first, limit, ask, opts \\ []) do
    items = Keyword.get(opts, :page_items, @page_items)

    with {:ok, page} <- ask.(first, min(limit || items, items)) do
      pages = Stream.unfold({:page, page, limit}, &next(&1, items, ask))
      head = if head = opts[:head], do: [head.(page)], else: []
      {200, headers(type), {:stream, Stream.concat(head, pages)}}
    end
  end

  @doc "An answer that is there as a whole."
  @spec whole(framing(), iodata()) :: Request.answer()
  def whole({type, _framing}, text), do: {200, headers(type), text}

  defp headers(type), do: %{"content-type" => type, "vary" => "accept"}

  defp next(nil, _items, _ask), do: nil

  # A page may have some more items than it should: all rows of one time.
  defp next({:page, %{returned: returned} = page, limit}, items, ask) when returned > limit do
    text = first_lines(page.text, limit)
    next({:page, %{page | text: text, returned: limit}, limit}, items, ask)
  end

  defp next({:page, %{text: text} = page, limit}, _items, _ask) do
    left = limit && limit - page.returned
    text = if text == "", do: "", else: patiently(fn -> WorkMemory.count(text, true) end)
    if page.next == nil or left == 0, do: {text, nil}, else: {text, {:ask, page.next, left}}
  end

  defp next({:ask, next, left}, items, ask) do
    page = patiently(fn -> ask.(next, min(left || items, items)) end)
    next({:page, page, left}, items, ask)
  end

  defp first_lines(text, count) do
    {last, 1} = text |> :binary.matches("\n") |> Enum.at(count - 1)
    binary_part(text, 0, last + 1)
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
