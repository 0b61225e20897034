defmodule FormdbHttp.Types.Backup do
  @moduledoc """
  What the functions for backups and dumps of `FormdbHttp` give.
  """

  alias FormdbHttp.{Error, Types}

  @typedoc "Called with what is done and with all there is: bytes, or blocks of a dump that is loaded."
  @type progress :: (non_neg_integer(), non_neg_integer() -> term())

  @typedoc "What a backup says of itself; `:time` is text."
  @type manifest :: %{
          database: Types.database(),
          log: String.t(),
          seq: non_neg_integer(),
          root: String.t(),
          time: String.t(),
          files: non_neg_integer(),
          bytes: non_neg_integer()
        }

  @typedoc """
  A backup, or one that there will be, or that failed:

    * `:whole` - one that is there. Of one that was taken just now `:copied_bytes`, `:linked_bytes`,
      `:microseconds`, the name of the `:previous` one and the files of it that are damaged
      (`:previous_damaged`) are known, too
    * `:running` - with bytes `:done` and in `:total`, which is `nil` at first
    * `:damaged`, `:failed` - with the `:error`
  """
  @type t :: %{
          required(:name) => String.t(),
          required(:state) => :whole | :running | :damaged | :failed,
          optional(:database) => Types.database(),
          optional(:log) => String.t(),
          optional(:seq) => non_neg_integer(),
          optional(:root) => String.t(),
          optional(:time) => String.t(),
          optional(:files) => non_neg_integer(),
          optional(:bytes) => non_neg_integer(),
          optional(:copied_bytes) => non_neg_integer(),
          optional(:linked_bytes) => non_neg_integer(),
          optional(:previous) => String.t() | nil,
          optional(:previous_damaged) => [String.t()],
          optional(:microseconds) => non_neg_integer(),
          optional(:done) => non_neg_integer(),
          optional(:total) => non_neg_integer() | nil,
          optional(:error) => Error.t()
        }

  @typedoc "What taking a backup came to; `:time` is microseconds since the epoch."
  @type report :: %{
          log: String.t(),
          seq: non_neg_integer(),
          root: String.t(),
          time: integer(),
          files: non_neg_integer(),
          bytes: non_neg_integer(),
          copied_bytes: non_neg_integer(),
          linked_bytes: non_neg_integer(),
          previous: String.t() | nil,
          previous_damaged: [String.t()],
          microseconds: non_neg_integer()
        }

  @typedoc "A database that was made of a backup."
  @type restored :: %{
          log: String.t(),
          seq: non_neg_integer(),
          root: String.t(),
          bytes: non_neg_integer(),
          microseconds: non_neg_integer(),
          backup: manifest()
        }

  @typedoc "The first line of a dump."
  @type dump :: %{
          database: Types.database(),
          log: String.t(),
          seq: non_neg_integer(),
          root: String.t()
        }

  @typedoc "A database that was made of a dump."
  @type loaded :: %{
          log: String.t(),
          seq: non_neg_integer(),
          root: String.t(),
          transactions: non_neg_integer(),
          dump: dump()
        }
end
