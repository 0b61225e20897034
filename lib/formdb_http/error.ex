defmodule FormdbHttp.Error do
  @moduledoc """
  Why a call was refused or failed.

    * `:code` - a stable atom to match on, such as `:feature_not_found`,
      `:invalid_geometry` or `:busy`
    * `:detail` - a sentence: what was found, what was expected
    * `:pointer` - JSON pointer (RFC 6901) to the offending part of the input,
      `nil` where there is none

  It is an exception too, so that it can be raised.
  """

  @type t :: %__MODULE__{code: atom(), detail: String.t(), pointer: String.t() | nil}

  defexception [:code, :detail, :pointer]

  @impl true
  def message(%__MODULE__{code: code, detail: detail, pointer: pointer}) do
    where = if pointer in [nil, ""], do: "", else: " (at #{pointer})"
    "#{code}: #{detail}#{where}"
  end

  @doc false
  # From the triple of the NIF.
  def from_native({code, detail, pointer}) do
    %__MODULE__{code: code, detail: detail, pointer: pointer}
  end
end
