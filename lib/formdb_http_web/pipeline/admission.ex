defmodule FormdbHttpWeb.Admission do
  @moduledoc false
  # On whose behalf this process asks from now on. What takes long waits for a place, and
  # those who wait take turns by askers (FormdbHttp.Admission). What is written, and the
  # transactions and idempotency keys that there are, are the principal's (FormdbHttp.Actor):
  # a process may have served somebody else before.

  alias FormdbHttpWeb.Request

  @spec call(Request.t()) :: Request.step()
  def call(req) do
    FormdbHttp.ask_as(req.asker)
    FormdbHttp.act_as(req.principal && req.principal.actor)
    {:cont, req}
  end
end
