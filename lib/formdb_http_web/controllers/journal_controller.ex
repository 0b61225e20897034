defmodule FormdbHttpWeb.JournalController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttpWeb.{Answer, Params}

  def index(_req, %{since: since, until: until})
      when is_integer(since) and is_integer(until) and since > until do
    detail = "until is #{until}, before since, which is #{since}; exchange them"
    refuse(:invalid_parameter, detail, "/until")
  end

  def index(_req, %{db: db} = params) do
    opts = Params.options(params, [:since, :until, :type, :limit])

    with {:ok, page} <- FormdbHttp.journal(db, opts),
         do: Answer.json(200, entries: {:json, page.json}, next: page.next)
  end
end
