defmodule FormdbHttp.Webhooks.Signature do
  @moduledoc false
  # Signatures of deliveries, as Standard Webhooks has them (standardwebhooks.com): HMAC-SHA256
  # over the id of the message, its time and its body. The secret is not stored: it is derived
  # from the key of this server, the log, the webhook's id, and a nonce that the journal has of each
  # secret: one that was withdrawn comes again with no registration and no restored backup. Pure.

  alias FormdbHttp.ServerKey

  @label "webhooks"
  @address_label "webhook addresses"

  @doc "The secret of a webhook: 32 bytes."
  @spec secret(binary(), String.t(), String.t(), String.t()) :: binary()
  def secret(server_key, log, id, nonce),
    do: hmac(ServerKey.derive(server_key, @label), [log, ?/, id, ?/, nonce])

  @doc "A secret as receivers take it."
  @spec shown(binary()) :: String.t()
  def shown(secret), do: "whsec_" <> Base.encode64(secret)

  @doc "The field `webhook-signature`: one for each secret."
  @spec sign([binary(), ...], String.t(), integer(), iodata()) :: String.t()
  def sign(secrets, id, time, body) do
    signed = [id, ?., Integer.to_string(time), ?., body]
    Enum.map_join(secrets, " ", fn secret -> "v1," <> Base.encode64(hmac(secret, signed)) end)
  end

  @doc """
  What tells that this server wrote an address for this webhook (its id, the nonce of its
  registration, and which of its addresses it is) in the database of this name: in a copy on
  another server it does not.
  """
  @spec seal(binary(), String.t(), String.t(), tuple(), String.t()) :: String.t()
  def seal(server_key, log, database, {id, nonce, number}, address) do
    parts = [log, ?/, database, ?/, id, ?/, nonce, ?/, Integer.to_string(number), ?/, address]
    server_key |> ServerKey.derive(@address_label) |> hmac(parts) |> Base.encode16(case: :lower)
  end

  defp hmac(key, data), do: :crypto.mac(:hmac, :sha256, key, data)
end
