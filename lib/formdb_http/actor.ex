defmodule FormdbHttp.Actor do
  @moduledoc false
  # In whose name a process works. It is said once, by `act_as/1`, and holds for all that the
  # process does from then on, so that no way to write can forget it: what it writes is that
  # actor's, idempotency keys are theirs, and transactions of others are not there.

  alias FormdbHttp.{Engine, Native, Types}

  @actor {__MODULE__, :actor}

  @doc "From now on the calling process works in the name of `actor`; `nil`: of nobody."
  @spec act_as(String.t() | nil) :: :ok
  def act_as(actor) when is_binary(actor) or is_nil(actor) do
    Process.put(@actor, actor)
    :ok
  end

  @doc "Who writes: the actor that the options name, or else the one of the process."
  @spec of(keyword()) :: String.t() | nil
  def of(opts), do: opts[:actor] || Process.get(@actor)

  @doc "Refuses a transaction of another actor, as one that is not there."
  @spec check_transaction(Types.database(), String.t()) :: :ok | Types.result(term())
  def check_transaction(name, id) do
    case Process.get(@actor) do
      nil ->
        :ok

      actor ->
        with {:ok, nil} <-
               Engine.call(name, &Native.transaction_check_actor(&1, name, id, actor)),
             do: :ok
    end
  end
end
