defmodule FormdbHttpWeb.Audit.Notes do
  @moduledoc false
  # What is found out about a request while it is answered, and is to be told of it afterwards:
  # in the process that answers it, as the id of the request is.

  alias FormdbHttpWeb.Auth.Principal

  @notes __MODULE__

  @typedoc """
    * `code` - of the error that it was answered with
    * `hidden` - it was about a database that is not shown
    * `act` - what it does, where the call alone does not say it
    * `database` - which one, where the path does not say it
    * `principal` - who has signed in by it
    * `claimed` - who somebody said to be who is not known to be that
  """
  @type t :: %{
          optional(:code) => atom(),
          optional(:hidden) => true,
          optional(:act) => atom(),
          optional(:database) => String.t() | nil,
          optional(:principal) => Principal.t(),
          optional(:claimed) => String.t() | nil
        }

  @doc "Nothing is known of the next request."
  @spec begin() :: :ok
  def begin do
    Process.delete(@notes)
    :ok
  end

  @doc "Of the next request this was found out in another process."
  @spec resume(t()) :: :ok
  def resume(notes) do
    Process.put(@notes, notes)
    :ok
  end

  @doc "Adds something."
  @spec say(keyword()) :: :ok
  def say(notes) do
    Process.put(@notes, Enum.into(notes, Process.get(@notes, %{})))
    :ok
  end

  @doc "All of it."
  @spec said() :: t()
  def said, do: Process.get(@notes, %{})
end
