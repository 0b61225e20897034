defmodule FormdbHttp.Transaction do
  @moduledoc """
  A transaction that was begun with `FormdbHttp.begin/2`: what it is called, and the
  sequence that it sees. Where it stands is in the engine; `FormdbHttp.transaction/1`
  asks.
  """

  alias FormdbHttp.{Actor, Error, Types}

  @type t :: %__MODULE__{
          database: Types.database(),
          id: String.t(),
          seq: non_neg_integer() | nil,
          read_only: boolean() | nil,
          actor: String.t() | nil
        }

  @enforce_keys [:database, :id]
  defstruct [:database, :id, :seq, :read_only, :actor]

  @doc false
  # The id of the transaction that a read of database `name` is to happen in.
  @spec of(keyword(), Types.database()) :: Types.result(String.t() | nil)
  def of(opts, name) do
    case {opts[:transaction], opts[:as_of]} do
      {nil, _as_of} ->
        {:ok, nil}

      {%__MODULE__{database: ^name, id: id}, nil} ->
        with :ok <- Actor.check_transaction(name, id), do: {:ok, id}

      {%__MODULE__{database: ^name}, _as_of} ->
        detail = "a transaction sees the sequence that it began at; leave as_of out"
        {:error, %Error{code: :invalid_parameter, detail: detail, pointer: "/as_of"}}

      {%__MODULE__{database: other}, _as_of} ->
        raise ArgumentError, "the transaction is one of #{inspect(other)}, not #{inspect(name)}"
    end
  end
end
