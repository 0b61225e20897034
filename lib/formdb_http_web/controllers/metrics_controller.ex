defmodule FormdbHttpWeb.MetricsController do
  @moduledoc false

  alias FormdbHttpWeb.{Metrics, Params}

  def show(req) do
    with {:ok, _none} <- Params.query(req, []),
         do: {200, %{"content-type" => Metrics.content_type()}, Metrics.text()}
  end
end
