defmodule FormdbHttpWeb.JournalController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Params}

  def index(_req, %{db: db} = params) do
    opts = Params.options(params, [:since, :until, :type, :limit])

    with {:ok, page} <- FormdbHttp.journal(db, opts),
         do: Answer.json(200, entries: {:json, page.json}, next: page.next)
  end
end
