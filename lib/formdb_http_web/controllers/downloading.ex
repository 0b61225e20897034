defmodule FormdbHttpWeb.Downloading do
  @moduledoc false
  # Answers without end: all pages of a question, one after the other, in lines, as a text
  # sequence or as a table. All of them show one state. The first page is there before anything is sent, so
  # what is wrong with the question has its status; what goes wrong later ends the
  # connection, so that nobody takes a part for the whole.

  alias FormdbHttp.{Error, Serving, WorkMemory}
  alias FormdbHttpWeb.{Accept, Request}

  @framings %{
    "application/x-ndjson" => :lines,
    "application/geo+json-seq" => :sequence,
    "text/csv" => :csv
  }

  # A page is held until the client has read it, so its text is about as long as the pieces
  # that are sent: how many items that is, the page before says, unless it has none. The first
  # has a few.
  @page_bytes 262_144
  @first_items 16
  @unknown_items 1_000
  @page_items 10_000

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
    type = Accept.preferred(req.headers, req.call.gives)
    with framing when framing != nil <- @framings[type], do: {type, framing}
  end

  @doc """
  All pages. `ask` takes what the page before says of the next one, `first` for the first,
  and how many items it may have; `limit` is how many there may be in all, `nil` for any.
  Options: `:head`, of the first page what stands before everything, and `:page_bytes`, about
  how long a page is.
  """
  @spec answer(
          framing(),
          term(),
          pos_integer() | nil,
          (term(), pos_integer() -> {:ok, page()} | {:error, Error.t()}),
          head: (page() -> binary()),
          page_bytes: pos_integer()
        ) :: Request.answer() | {:error, Error.t()}
  def answer({type, _framing}, first, limit, ask, opts \\ []) do
    Serving.at_length()
    bytes = Keyword.get(opts, :page_bytes, @page_bytes)

    with {:ok, page} <- ask.(first, min(limit || @first_items, @first_items)) do
      pages = Stream.unfold({:page, page, limit}, &next(&1, bytes, ask))
      head = if head = opts[:head], do: [head.(page)], else: []
      {200, headers(type), {:stream, Stream.concat(head, pages)}}
    end
  end

  @doc "An answer that is there as a whole."
  @spec whole(framing(), iodata()) :: Request.answer()
  def whole({type, _framing}, text), do: {200, headers(type), text}

  defp headers(type), do: %{"content-type" => type, "vary" => "accept"}

  defp next(nil, _bytes, _ask), do: nil

  # A page may have some more items than it should: all rows of one time.
  defp next({:page, %{returned: returned} = page, limit}, bytes, ask) when returned > limit do
    text = first_lines(page.text, limit)
    next({:page, %{page | text: text, returned: limit}, limit}, bytes, ask)
  end

  defp next({:page, %{text: text} = page, limit}, bytes, _ask) do
    left = limit && limit - page.returned
    more = if page.next != nil and left != 0, do: {:ask, page.next, left, items(page, bytes)}
    text = if text == "", do: "", else: patiently(fn -> WorkMemory.count(text, true) end)
    {text, more}
  end

  defp next({:ask, next, left, items}, bytes, ask) do
    page = patiently(fn -> ask.(next, min(left || items, items)) end)
    next({:page, page, left}, bytes, ask)
  end

  # How many the next page may have.
  defp items(%{text: ""}, _bytes), do: @unknown_items

  defp items(%{text: text, returned: returned}, bytes),
    do: (bytes * returned) |> div(byte_size(text)) |> max(1) |> min(@page_items)

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
