defmodule FormdbHttpWeb.VersionController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Params}

  def show(req) do
    with {:ok, _none} <- Params.query(req, []) do
      Answer.json(
        200,
        version: FormdbHttp.version(),
        api: "v1",
        elixir: System.version(),
        otp: System.otp_release()
      )
    end
  end
end
