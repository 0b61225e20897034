defmodule FormdbHttpWeb.Live.Bucket do
  @moduledoc false
  # How often something may be done: so many times at once, and from then on so many times a
  # second. Pure.

  @enforce_keys [:most, :per_second, :left, :at]
  defstruct @enforce_keys

  @type t :: %__MODULE__{
          most: pos_integer(),
          per_second: pos_integer(),
          left: float(),
          at: integer()
        }

  @doc "A full one. Times are milliseconds."
  @spec new(pos_integer(), pos_integer(), integer()) :: t()
  def new(most, per_second, now),
    do: %__MODULE__{most: most, per_second: per_second, left: most * 1.0, at: now}

  @doc "Takes one out, if there is one."
  @spec take(t(), integer()) :: {:ok | :empty, t()}
  def take(%{most: most, left: left, per_second: per_second, at: at} = bucket, now) do
    left = min(most * 1.0, left + (now - at) * per_second / 1_000)
    if left >= 1, do: {:ok, %{bucket | left: left - 1, at: now}}, else: {:empty, bucket}
  end
end
