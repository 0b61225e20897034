defmodule FormdbHttpWeb.Auth.Jose do
  @moduledoc false
  # What the library `jose` is lent where it finds no better: a reader of JSON, which it has none
  # of its own, and Ed25519 by OTP's crypto. Versions before 1.11.3 know it in plain Erlang only,
  # at 4.6 ms a signature, so that anybody could keep all cores busy with tokens that are none.

  alias FormdbHttp.JSON

  @slow [:jose_jwa_curve25519, :jose_curve25519_unsupported]
  @none [:jose_json_unsupported]

  @doc "Once, before tokens are looked at. What a host has set for itself stays."
  @spec prepare() :: :ok
  def prepare do
    if :jose.json_module() in @none, do: :jose.json_module(__MODULE__)
    if :jose.curve25519_module() in @slow, do: :jose.curve25519_module(__MODULE__)
    :ok
  end

  ## As jose's modules of JSON

  def encode(term), do: JSON.text(term)
  def decode(text), do: JSON.decode!(text)

  ## As jose's modules of Curve25519: secret keys are seed and public key

  def eddsa_keypair, do: eddsa_keypair(:crypto.strong_rand_bytes(32))

  def eddsa_keypair(seed) do
    {public, ^seed} = :crypto.generate_key(:eddsa, :ed25519, seed)
    {public, seed <> public}
  end

  def eddsa_secret_to_public(<<seed::binary-32, _public::binary>>),
    do: elem(eddsa_keypair(seed), 0)

  def ed25519_sign(message, <<seed::binary-32, _public::binary>>),
    do: :crypto.sign(:eddsa, :none, message, [seed, :ed25519])

  def ed25519_verify(signature, message, <<public::binary-32>>)
      when byte_size(signature) == 64,
      do: :crypto.verify(:eddsa, :none, message, signature, [public, :ed25519])

  def ed25519_verify(_signature, _message, _public), do: false

  # What tokens have no use for.
  defdelegate ed25519ph_sign(message, secret), to: :jose_jwa_curve25519
  defdelegate ed25519ph_verify(signature, message, public), to: :jose_jwa_curve25519
  defdelegate x25519_keypair, to: :jose_jwa_curve25519
  defdelegate x25519_keypair(seed), to: :jose_jwa_curve25519
  defdelegate x25519_secret_to_public(secret), to: :jose_jwa_curve25519
  defdelegate x25519_shared_secret(secret, public), to: :jose_jwa_curve25519
end
