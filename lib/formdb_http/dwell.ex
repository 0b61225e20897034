defmodule FormdbHttp.Dwell do
  @moduledoc """
  What a process that has a fence with `dwell` is sent of one who stayed inside
  (`FormdbHttp.subscribe/2`).

    * `:feature_id` - the feature
    * `:entered` - the sequence of the block by which it entered
    * `:json` - all of it as JSON text: `fence`, which names the filter, `feature_id`, `entered`,
      `since`, when it entered, `due`, when it had stayed long enough, and `dwell`, the seconds
      of that. The bytes are shared by all who are sent the same

  It is of no block, and has no place in the order by which one resumes: after a resume it may
  come again. `fence`, `feature_id` and `entered` together tell whether it has come before.
  """

  @enforce_keys [:feature_id, :entered, :json]
  defstruct [:feature_id, :entered, :json]

  @type t :: %__MODULE__{
          feature_id: String.t(),
          entered: pos_integer(),
          json: binary()
        }
end
