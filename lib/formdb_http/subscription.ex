defmodule FormdbHttp.Subscription do
  @moduledoc """
  A subscription, as `FormdbHttp.subscribe/2` makes it.

    * `:ref` - what its messages have as their second element
    * `:database` - whose blocks it is about
    * `:since` - the block after which it begins
    * `:log` - the id of the log that this is a block of
    * `:pid` - the process that is sent the messages
  """

  @enforce_keys [:ref, :database, :since, :log, :pid, :handle]
  defstruct [:ref, :database, :since, :log, :pid, :handle]

  @type t :: %__MODULE__{
          ref: reference(),
          database: FormdbHttp.Types.database(),
          since: non_neg_integer(),
          log: String.t(),
          pid: pid(),
          handle: reference()
        }
end
