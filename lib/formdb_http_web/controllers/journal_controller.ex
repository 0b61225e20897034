defmodule FormdbHttpWeb.JournalController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttpWeb.{Answer, Downloading, Params}

  def index(_req, %{since: since, until: until})
      when is_integer(since) and is_integer(until) and since > until do
    detail = "until is #{until}, before since, which is #{since}; exchange them"
    refuse(:invalid_parameter, detail, "/until")
  end

  def index(req, params) do
    case Downloading.framing(req) do
      nil -> page(params)
      framing -> download(framing, params)
    end
  end

  # Up to what is durable now: it goes on growing.
  defp download(framing, %{db: db} = params) do
    with {:ok, %{durable_seq: durable}} <- FormdbHttp.database(db) do
      opts = [until: min(params[:until] || durable, durable)] ++ Params.options(params, [:type])

      Downloading.answer(framing, params[:since] || 0, params[:limit], fn since, limit ->
        FormdbHttp.journal(db, [since: since, limit: limit] ++ opts)
      end)
    end
  end

  defp page(%{db: db} = params) do
    opts = Params.options(params, [:since, :until, :type, :limit])

    with {:ok, page} <- FormdbHttp.journal(db, opts),
         do: Answer.json(200, entries: {:json, page.json}, next: page.next)
  end
end
