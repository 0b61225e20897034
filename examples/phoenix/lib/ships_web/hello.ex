defmodule ShipsWeb.Hello do
  @moduledoc "What Phoenix itself takes for a request."
  use Phoenix.Controller, formats: []

  def hello(conn, _params), do: text(conn, "hello")
end
