defmodule FormdbHttp.Disk do
  @moduledoc false
  # How much room the disk of the data folder has. The engine looks at it once a second and
  # refuses writes while there is too little; here that is put into words, once each time that
  # it changes.

  require Logger

  alias FormdbHttp.{Catalog, Native, Telemetry}

  @typedoc "Bytes; `nil` where the system does not say."
  @type t :: %{
          free_bytes: non_neg_integer() | nil,
          size_bytes: non_neg_integer() | nil,
          min_free_bytes: non_neg_integer()
        }

  @doc "What is known of it, from memory."
  @spec space() :: t()
  def space do
    {free, size, least} = Native.catalog_disk(Catalog.handle())
    %{free_bytes: free, size_bytes: size, min_free_bytes: least}
  end

  @doc "Whether writes are refused."
  @spec low?(t()) :: boolean()
  def low?(%{free_bytes: nil}), do: false
  def low?(%{free_bytes: free, min_free_bytes: least}), do: free < least

  @doc "Says so if that is not as it was before; returns how it is."
  @spec watch(boolean()) :: boolean()
  def watch(was_low?) do
    space = space()
    low? = low?(space)
    if low? != was_low?, do: tell(low?, space)
    low?
  end

  defp tell(true, space) do
    Logger.error(refusal(space))
    Telemetry.execute([:formdb, :disk, :low], measurements(space), %{})
  end

  defp tell(false, space) do
    Logger.info("the disk has #{space.free_bytes} bytes free: writes are taken again")
    Telemetry.execute([:formdb, :disk, :enough], measurements(space), %{})
  end

  defp measurements(space), do: Map.take(space, [:free_bytes, :min_free_bytes])

  @doc "That writes are refused, and what to do, in words."
  @spec refusal(t()) :: String.t()
  def refusal(%{free_bytes: free, min_free_bytes: least}) do
    "the disk of the data folder has #{free} bytes free, and below #{least} (setting " <>
      "FORMDB_MIN_FREE_BYTES) writes are refused; reads go on. Make room, or lower the setting"
  end
end
