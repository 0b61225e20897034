defmodule FormdbHttpWeb.MetricsController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Metrics, Params}

  def show(req) do
    with {:ok, _none} <- Params.query(req, []) do
      Answer.unstored({200, %{"content-type" => Metrics.content_type()}, Metrics.text()})
    end
  end
end
