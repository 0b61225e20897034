defmodule FormdbHttpWeb.Cowboy.Limits do
  @moduledoc false
  # What the head of a request may be: what Cowboy is told, and what messages say.

  @doc "How long a connection may stay without a request."
  # Longer than the 60 s for which load balancers commonly keep theirs, so that it is they
  # who close first.
  def keep_alive_ms, do: 75_000

  @doc "An id of the largest size that a setting allows has room, with every byte encoded."
  def request_line_bytes, do: 16_384

  @doc "How many there may be, and how long name and value of each."
  def header_fields, do: 100
  def header_name_bytes, do: 64

  # Tokens of identity providers go beyond Cowboy's 4 KiB.
  def header_value_bytes, do: 16_384
end
