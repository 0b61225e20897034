defmodule FormdbHttpWeb.VersionController do
  @moduledoc false

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.Answer

  def show(_req, _params) do
    Answer.json(
      200,
      version: FormdbHttp.version(),
      api: "v1",
      elixir: System.version(),
      otp: System.otp_release(),
      tzdata: Serving.time_zone_data()
    )
  end
end
