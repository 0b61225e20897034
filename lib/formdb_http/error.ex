defmodule FormdbHttp.Error do
  @moduledoc """
  Why a call was refused or failed.

    * `:code` - a stable atom to match on, such as `:feature_not_found`,
      `:invalid_geometry` or `:busy`
    * `:detail` - a sentence: what was found, what was expected
    * `:pointer` - JSON pointer (RFC 6901) to the offending part of the input,
      `nil` where there is none
    * `:deleted` - of a feature or series that is gone, the block that deleted it: its `:seq`
      and `:time` in microseconds; `nil` otherwise
    * `:errors` - all that is wrong with a document, each with code, detail and pointer;
      the first is the error itself. Empty where only one thing can be wrong. Of what stands
      in the way of undoing also `:seq`, the block that was to be undone, and `:by`, the block
      in its way; each is left out where there is none

  It is an exception too, so that it can be raised.
  """

  @type fault :: %{
          required(:code) => atom(),
          required(:detail) => String.t(),
          required(:pointer) => String.t(),
          optional(:seq) => pos_integer(),
          optional(:by) => pos_integer(),
          optional(:transaction) => pos_integer()
        }
  @type t :: %__MODULE__{
          code: atom(),
          detail: String.t(),
          pointer: String.t() | nil,
          deleted: %{seq: pos_integer(), time: integer()} | nil,
          errors: [fault()]
        }

  defexception [:code, :detail, :pointer, :deleted, errors: []]

  alias FormdbHttp.CommandNames

  @impl true
  def message(%__MODULE__{code: code, detail: detail, pointer: pointer}) do
    where = if pointer in [nil, ""], do: "", else: " (at #{pointer})"
    "#{code}: #{detail}#{where}"
  end

  @doc false
  # From the tuple of the NIF.
  def from_native({code, detail, pointer}) do
    detail = CommandNames.worded(detail) <> user(code, detail)
    %__MODULE__{code: code, detail: detail, pointer: pointer}
  end

  def from_native({code, detail, pointer, faults}) do
    %__MODULE__{code: code, detail: detail, pointer: pointer, errors: faults(faults)}
  end

  # Where the system refuses a file, whose is not what is asked: who asks for it says why.
  defp user(:io_error, detail) do
    with true <- String.contains?(detail, "Permission denied"),
         {:ok, status} <- File.read("/proc/self/status"),
         [_line, effective] <- Regex.run(~r/^Uid:\s+\d+\s+(\d+)/m, status) do
      " (this process is of user #{effective}: give them what belongs to another, such as what a command " <>
        "that root ran has made)"
    else
      _unknown -> ""
    end
  end

  defp user(_code, _detail), do: ""

  @doc false
  def faults(faults) do
    for fault <- faults do
      case fault do
        {code, detail, pointer} ->
          %{code: code, detail: detail, pointer: pointer}

        {code, detail, pointer, seq, by, transaction} ->
          blocks = [seq: seq, by: by, transaction: transaction]
          known = for {name, block} when block != nil <- blocks, into: %{}, do: {name, block}
          Map.merge(%{code: code, detail: detail, pointer: pointer}, known)
      end
    end
  end
end
