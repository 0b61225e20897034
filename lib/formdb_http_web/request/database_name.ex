defmodule FormdbHttpWeb.DatabaseName do
  @moduledoc false
  # What may be the name of a database, as the engine has it (types/id.rs): for what speaks of
  # databases that need not be there. Pure.

  @pattern "[a-z0-9][a-z0-9_-]{0,62}"
  @whole Regex.compile!("\\A#{@pattern}\\z")

  @doc "A regular expression without anchors, of Elixir and of JSON Schema."
  @spec pattern() :: String.t()
  def pattern, do: @pattern

  @doc "Whether a text may be one."
  @spec valid?(String.t()) :: boolean()
  def valid?(text), do: text =~ @whole
end
