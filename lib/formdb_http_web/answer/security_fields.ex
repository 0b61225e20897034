defmodule FormdbHttpWeb.SecurityFields do
  @moduledoc false
  # Header fields by which a browser is told to make no more of an answer than it is: to believe
  # its type, to run and load nothing that stands in it, and to show it in no frame. Pages of ours
  # have a policy of their own (FormdbHttpWeb.Static).

  @fields %{
    "content-security-policy" => "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options" => "nosniff"
  }

  @doc "Those of an answer beside its own, which count more."
  @spec put(%{String.t() => iodata()}) :: %{String.t() => iodata()}
  def put(headers), do: Map.merge(@fields, headers)

  @doc """
  That browsers ask by TLS alone from now on (RFC 6797), for so many seconds; `nil`: nothing is
  said. For answers that went by TLS: in the clear anybody could say it.
  """
  @spec transport(%{String.t() => iodata()}, String.t() | nil) :: %{String.t() => iodata()}
  def transport(headers, nil), do: headers
  def transport(headers, value), do: Map.put(headers, "strict-transport-security", value)
end
