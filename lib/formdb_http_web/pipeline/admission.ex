defmodule FormdbHttpWeb.Admission do
  @moduledoc false
  # On whose behalf this process asks from now on. What takes long waits for a place, and
  # those who wait take turns by askers (FormdbHttp.Admission).

  alias FormdbHttpWeb.Request

  @spec call(Request.t()) :: Request.step()
  def call(req) do
    FormdbHttp.ask_as(req.asker)
    {:cont, req}
  end
end
