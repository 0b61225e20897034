defmodule FormdbHttpWeb.Cowboy.InFlight do
  @moduledoc false
  # How many requests are being answered, and whether the server is draining: two
  # numbers that every request touches, so they lie in atomics and not in a
  # process.

  @count 1
  @draining 2

  @opaque t :: :atomics.atomics_ref()

  @spec new() :: t()
  def new, do: :atomics.new(2, signed: true)

  @spec enter(t()) :: :ok
  def enter(ref), do: :atomics.add(ref, @count, 1)

  @spec leave(t()) :: :ok
  def leave(ref), do: :atomics.sub(ref, @count, 1)

  @spec count(t()) :: integer()
  def count(ref), do: :atomics.get(ref, @count)

  @doc "From now on every answer is the last one of its connection."
  @spec drain(t()) :: :ok
  def drain(ref), do: :atomics.put(ref, @draining, 1)

  @spec draining?(t()) :: boolean()
  def draining?(ref), do: :atomics.get(ref, @draining) == 1
end
