defmodule FormdbHttp.Event do
  @moduledoc """
  A block that a subscription is told of.

    * `:seq` - its sequence
    * `:after` - the sequence of the event before it in this subscription; of the first, where
      that begins. Whoever has kept the sequence of the last event sees a gap by it
    * `:matched` - which version of a feature the filter takes: the one `:before` the block,
      the one `:after` it, or `:both`. A feature that leaves a box is `:before`, one that comes
      in is `:after`. What a block adds is `:after`, what it deletes is `:before`. Of a fence it
      is the version that is inside, or `:neither`
    * `:json` - the entry of the journal as JSON text, with `matched`, but without `after`, and
      with what a fence tells (`FormdbHttp.subscribe/2`). A revert also has `effect`, what it
      does. An entry that is longer than `FORMDB_EVENT_BYTES` has `link`, the path of its block
      within the database, and what it is about in place of `body` and `provenance`. The bytes
      are shared by all who are sent the same
  """

  @enforce_keys [:seq, :after, :matched, :json]
  defstruct [:seq, :after, :matched, :json]

  @type t :: %__MODULE__{
          seq: pos_integer(),
          after: non_neg_integer(),
          matched: :before | :after | :both | :neither,
          json: binary()
        }
end
