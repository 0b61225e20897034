defmodule FormdbHttpWeb.JournalController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.Live.{LongPoll, Reader}
  alias FormdbHttpWeb.{Answer, Downloading, JournalPage}

  def index(req, params) do
    with {:ok, params} <- JournalPage.resolve(params) do
      case {Downloading.framing(req), params} do
        {nil, %{wait: 0}} -> page(req, params)
        {nil, _params} -> wait(req, params)
        {framing, %{wait: 0}} -> download(framing, params)
        {_framing, _params} -> no_wait("a page; ask for application/json")
      end
    end
  end

  # Up to what is durable now: it goes on growing. From which end the next page goes on
  # depends on the order.
  defp download({_type, form} = framing, %{db: db} = params) do
    with {:ok, %{durable_seq: durable}} <- FormdbHttp.database(db) do
      {since, until} = {params.since || 0, min(params.until || durable, durable)}

      {first, range} =
        if params.order == :desc,
          do: {until, &[since: since, until: &1]},
          else: {since, &[since: &1, until: until]}

      opts = JournalPage.filters(params)

      Downloading.answer(framing, first, params.limit, fn next, limit ->
        with {:ok, page} <- FormdbHttp.journal(db, [limit: limit] ++ range.(next) ++ opts),
             do: {:ok, Map.put(page, :text, Serving.json_lines(page.json, form))}
      end)
    end
  end

  defp page(req, params) do
    with {:ok, page} <- JournalPage.read(params), do: answer(page, req, params)
  end

  defp answer(page, req, params) do
    begin = if params.order == :desc, do: "until", else: "since"

    200
    |> Answer.json(JournalPage.members(page))
    |> Answer.linked(req, :journal, params, page.next && {begin, page.next})
  end

  ## Waiting for what comes

  # Where a page has something, or says where to go on, it is an answer.
  defp wait(req, %{db: db} = params) do
    look = fn since ->
      with {:ok, page} <- JournalPage.read(%{params | since: since}),
           do: {:ok, page.returned > 0 or page.next != nil, page}
    end

    with {:ok, wait_ms} <- wait_ms(req, params),
         :ok <- reached(params),
         {:ok, page} <-
           LongPoll.wait(db, about(params), params.since || 0, look, {wait_ms, Reader.new(req)}),
         do: answer(page, req, params)
  end

  defp wait_ms(req, %{order: :asc, until: nil} = params), do: JournalPage.wait_ms(req, params)
  defp wait_ms(_req, _params), do: no_wait("what comes; leave until and order=desc out")

  # What is beyond the end never comes to who was told of it by another journal.
  defp reached(%{since: nil}), do: :ok

  defp reached(%{db: db, since: since}) do
    with {:ok, %{seq: last}} when since > last <- FormdbHttp.database(db) do
      detail =
        "since is #{since}; the journal has reached block #{last}: give a sequence up to that"

      refuse(:invalid_parameter, detail, "/since")
    else
      {:ok, _reached} -> :ok
      {:error, error} -> {:error, error}
    end
  end

  defp no_wait(instead), do: refuse(:invalid_parameter, "wait is for " <> instead, "/wait")

  # What the entries are about, as a filter of a subscription. It may mean more: a type that goes
  # with neither is a filter that is refused, and finds nothing in the journal.
  defp about(%{type: type, feature_id: nil, series_id: nil}), do: %{"type" => type}
  defp about(%{feature_id: id, series_id: nil}), do: %{"ids" => [id]}
  defp about(%{series_id: series}), do: %{"series_id" => series}
end
