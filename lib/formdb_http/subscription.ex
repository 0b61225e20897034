defmodule FormdbHttp.Subscription do
  @moduledoc """
  A subscription, as `FormdbHttp.subscribe/2` makes it.

    * `:ref` - what its messages have as their second element
    * `:database` - whose blocks it is about
    * `:since` - the block after which it begins
    * `:log` - the id of the log that this is a block of
    * `:consistency` - the proof that the journal up to now only added to what the subscriber knew,
      as `FormdbHttp.consistency_proof/3` gives it: from the `:head` that `:since` named, or, with
      `proof: true`, from the blocks up to the one after which it begins. `nil` without either
    * `:pid` - the process that is sent the messages
  """

  @enforce_keys [:ref, :database, :since, :log, :consistency, :pid, :handle]
  defstruct [:ref, :database, :since, :log, :consistency, :pid, :handle]

  @type t :: %__MODULE__{
          ref: reference(),
          database: FormdbHttp.Types.database(),
          since: non_neg_integer(),
          log: String.t(),
          consistency: FormdbHttp.Types.consistency_proof() | nil,
          pid: pid(),
          handle: reference()
        }
end
