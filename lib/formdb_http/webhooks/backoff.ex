defmodule FormdbHttp.Webhooks.Backoff do
  @moduledoc false
  # How long to wait after an attempt that failed. Pure.

  @doc """
  Milliseconds after the `failed`th failure in a row, with `chance` from 0 to 1: `first`, doubled
  with each, of which half is left to chance, but at least what the receiver asked for, and never
  more than `longest`.
  """
  @spec delay(pos_integer(), pos_integer(), pos_integer(), non_neg_integer() | nil, float()) ::
          non_neg_integer()
  def delay(failed, first, longest, retry_after, chance) do
    full = min(first * Integer.pow(2, min(failed - 1, 40)), longest)
    own = div(full, 2) + trunc(chance * div(full + 1, 2))
    min(max(own, 1_000 * (retry_after || 0)), longest)
  end
end
