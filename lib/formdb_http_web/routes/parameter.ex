defmodule FormdbHttpWeb.Routes.Parameter do
  @moduledoc false
  # A parameter of a call: its name on the wire, and its key among those that the action
  # gets. `type` is as FormdbHttpWeb.Types has them. `default` is what the action gets when
  # it is not given; of a parameter that has to be, `required` is an example of what to give.

  alias FormdbHttpWeb.Types

  @enforce_keys [:name, :key, :type, :about]
  defstruct @enforce_keys ++ [:required, :default]

  @type t :: %__MODULE__{
          name: String.t(),
          key: atom(),
          type: Types.t(),
          about: String.t(),
          required: String.t() | nil,
          default: term()
        }
end
