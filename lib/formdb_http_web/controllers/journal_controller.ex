defmodule FormdbHttpWeb.JournalController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Params}

  def index(req, name) do
    with {:ok, params} <- Params.query(req, ["since", "until", "type", "limit"]),
         {:ok, since} <- Params.count(params, "since"),
         {:ok, until} <- Params.count(params, "until"),
         {:ok, limit} <- Params.count(params, "limit"),
         opts = [since: since, until: until, type: params["type"], limit: limit],
         {:ok, page} <- FormdbHttp.journal(name, opts) do
      Answer.json(200, entries: {:json, page.json}, next: page.next)
    end
  end
end
