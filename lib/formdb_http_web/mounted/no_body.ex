defmodule FormdbHttpWeb.Mounted.NoBody do
  @moduledoc false
  # The body of a request that has none.

  @behaviour FormdbHttpWeb.BodyReader

  @impl true
  def read(state, _bytes, _wait_ms), do: {:ok, "", state}

  @impl true
  def refuse(_state), do: :ok
end
