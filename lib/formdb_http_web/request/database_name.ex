defmodule FormdbHttpWeb.DatabaseName do
  @moduledoc false
  # What may be the name of a database, as the engine has it (types/id.rs): for what speaks of
  # databases that need not be there. Pure.

  @doc "A regular expression without anchors, of Elixir and of JSON Schema."
  @spec pattern() :: String.t()
  def pattern, do: whole() |> Regex.source() |> String.replace(["\\A", "\\z"], "")

  @doc "Whether a text may be one."
  @spec valid?(String.t()) :: boolean()
  def valid?(text), do: text =~ whole()

  defp whole, do: ~r/\A[a-z0-9][a-z0-9_-]{0,62}\z/
end
