defmodule FormdbHttp.WorkMemory do
  @moduledoc false
  # The pool of memory for work under way (FORMDB_WORK_BYTES), which the engine keeps and
  # which the whole server shares: here, for what Elixir holds of it. A reservation is
  # given back when it is released, or when the process that holds it ends, however it ends.

  alias FormdbHttp.{Catalog, Error, Native}

  @opaque t :: reference()

  @doc "Reserves bytes, without waiting: `memory_full` when there are not enough."
  @spec reserve(non_neg_integer()) :: {:ok, t()} | {:error, Error.t()}
  def reserve(bytes) do
    with {:error, error} <- Native.memory_reserve(Catalog.handle(), bytes),
         do: {:error, Error.from_native(error)}
  end

  @doc "Holds exactly so many bytes; after a refusal, those held before or fewer."
  @spec resize(t(), non_neg_integer()) :: :ok | {:error, Error.t()}
  def resize(reservation, bytes) do
    with {:error, error} <- Native.memory_resize(reservation, bytes),
         do: {:error, Error.from_native(error)}
  end

  @spec release(t()) :: :ok
  def release(reservation), do: Native.memory_release(reservation)

  @doc """
  The same bytes, without a copy: they are held for as long as anybody refers to what this
  returns, in whatever process or port. `memory_full` when there are not enough, if it
  `may_fail?`; else they are held beyond the bound.
  """
  @spec count(binary(), boolean()) :: {:ok, binary()} | {:error, Error.t()}
  def count(bytes, may_fail?) do
    with {:error, error} <- Native.memory_count(Catalog.handle(), bytes, may_fail?),
         do: {:error, Error.from_native(error)}
  end

  @doc "Bytes in use, and bytes that there are."
  @spec figures() :: {non_neg_integer(), non_neg_integer()}
  def figures, do: Native.memory_work(Catalog.handle())
end
