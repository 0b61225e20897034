defmodule FormdbHttp.CommandNames do
  @moduledoc false
  # What commands are called in texts for people: the code and the engine write the names of the tasks of
  # Mix (`mix formdb.load_dump`). Who has a release has no Mix, and reads the names that they have there
  # (`formdb-server load-dump`): from commands, in answers, and in the log.

  @doc "From now on texts name the commands of a release."
  @spec in_release() :: :ok
  def in_release, do: :persistent_term.put(__MODULE__, :release)

  @doc "From now on they name the tasks of Mix, as they do to begin with."
  @spec in_mix() :: :ok
  def in_mix, do: :persistent_term.put(__MODULE__, :mix)

  @doc "A text with the names that commands have here."
  @spec worded(String.t()) :: String.t()
  def worded(text) do
    case :persistent_term.get(__MODULE__, :mix) do
      :release -> as_release(text)
      :mix -> text
    end
  end

  @doc "A text with the names that commands have in a release."
  @spec as_release(String.t()) :: String.t()
  def as_release(text) do
    if String.contains?(text, "formdb."), do: replaced(text), else: text
  end

  defp replaced(text) do
    Regex.replace(~r/\bmix (help )?formdb\.([a-z_]+)/, text, fn _all, help, task ->
      "formdb-server #{help}#{String.replace(task, "_", "-")}"
    end)
  end
end
