defmodule Ships.Database do
  @moduledoc "The database that all pages look at. No process: a step of the start, which opens it."

  @name "ships"

  def name, do: @name

  def child_spec(_opts),
    do: %{id: __MODULE__, start: {__MODULE__, :open, []}, restart: :temporary}

  def open do
    {:ok, _info} = FormdbHttp.open(@name)
    :ignore
  end
end
