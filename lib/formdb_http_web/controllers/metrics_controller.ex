defmodule FormdbHttpWeb.MetricsController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Metrics}

  def show(_req, _params),
    do: Answer.unstored({200, %{"content-type" => Metrics.content_type()}, Metrics.text()})
end
