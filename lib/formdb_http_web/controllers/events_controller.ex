defmodule FormdbHttpWeb.EventsController do
  @moduledoc false
  # What a filter takes of the journal, page by page, for requests that wait.

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttpWeb.{Answer, JournalPage}
  alias FormdbHttpWeb.Live.{EventsPage, FilterWords, Reader}

  # More would be too much for one answer, with events of FORMDB_EVENT_BYTES.
  @most 1_000

  def index(req, %{db: db} = params) do
    with {:ok, params} <- JournalPage.in_sequence(params, :since),
         :ok <- JournalPage.same_log(params),
         {:ok, wait_ms} <- JournalPage.wait_ms(req, params),
         filter = FilterWords.filter(params),
         {:ok, limit} <- limit(params),
         {:ok, page} <-
           EventsPage.read(db, filter, params.since || 0, limit, {wait_ms, Reader.new(req)}) do
      200
      |> Answer.json(members(page, params))
      |> Answer.linked(req, :journal_events, params, {"since", page.next})
    end
  end

  defp members(page, %{dwell: nil}), do: JournalPage.members(page)
  defp members(page, _params), do: JournalPage.members(page) ++ [dwells: {:json, page.dwells}]

  defp limit(%{limit: 0}),
    do: refuse(:invalid_parameter, "limit is 0; give 1 to #{@most}", "/limit")

  defp limit(%{limit: limit}), do: {:ok, min(limit, @most)}
end
