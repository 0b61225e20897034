defmodule FormdbHttp.Tokens do
  @moduledoc """
  JSON Web Tokens for tests, made without the library that the server checks them with: right ones,
  and such as no library makes.
  """

  alias FormdbHttp.JSON

  @issuer "https://issuer.example"
  @audience "formdb-test"

  def issuer, do: @issuer
  def audience, do: @audience

  @doc "A pair of keys for an algorithm: `{private, public}` as OTP's crypto has them."
  def keys(:HS256), do: with(secret = :crypto.strong_rand_bytes(48), do: {secret, secret})

  def keys(:RS256) do
    private = :public_key.generate_key({:rsa, 2_048, 65_537})
    {private, {:RSAPublicKey, elem(private, 2), elem(private, 3)}}
  end

  def keys(:ES256) do
    {public, private} = :crypto.generate_key(:ecdh, :secp256r1)
    {private, public}
  end

  def keys(:EdDSA) do
    {public, private} = :crypto.generate_key(:eddsa, :ed25519)
    {private, public}
  end

  @doc "A public key as a JSON Web Key."
  def jwk(algorithm, public, more \\ %{})
  def jwk(:HS256, secret, more), do: Map.merge(%{"kty" => "oct", "k" => base64(secret)}, more)

  def jwk(:RS256, {:RSAPublicKey, n, e}, more) do
    number = &base64(:binary.encode_unsigned(&1))
    Map.merge(%{"kty" => "RSA", "n" => number.(n), "e" => number.(e)}, more)
  end

  def jwk(:ES256, <<4, x::binary-32, y::binary-32>>, more),
    do: Map.merge(%{"kty" => "EC", "crv" => "P-256", "x" => base64(x), "y" => base64(y)}, more)

  def jwk(:EdDSA, public, more),
    do: Map.merge(%{"kty" => "OKP", "crv" => "Ed25519", "x" => base64(public)}, more)

  @doc "A public key as PEM."
  def pem(:RS256, public),
    do: :public_key.pem_encode([:public_key.pem_entry_encode(:SubjectPublicKeyInfo, public)])

  def pem(:ES256, public) do
    key = {{:ECPoint, public}, {:namedCurve, {1, 2, 840, 10_045, 3, 1, 7}}}
    :public_key.pem_encode([:public_key.pem_entry_encode(:SubjectPublicKeyInfo, key)])
  end

  def pem(:EdDSA, public) do
    key = {{:ECPoint, public}, {:namedCurve, {1, 3, 101, 112}}}
    :public_key.pem_encode([:public_key.pem_entry_encode(:SubjectPublicKeyInfo, key)])
  end

  @doc "Claims of a token that is good for a minute, with others in their place; nil takes one away."
  def claims(more \\ %{}) do
    now = System.os_time(:second)

    %{"iss" => @issuer, "aud" => @audience, "sub" => "ana@example", "exp" => now + 60}
    |> Map.merge(%{"scope" => "read:*"})
    |> Map.merge(more)
    |> Map.reject(fn {_name, value} -> value == nil end)
  end

  @doc "A token, signed. Claims and header are maps, or JSON text as it is."
  def sign(algorithm, private, claims \\ claims(), header \\ %{}) do
    header =
      if is_map(header), do: Map.merge(%{"alg" => to_string(algorithm)}, header), else: header

    input = base64(text(header)) <> "." <> base64(text(claims))
    input <> "." <> base64(signature(algorithm, private, input))
  end

  defp text(text) when is_binary(text), do: text
  defp text(map), do: JSON.text(map)

  @doc "The signature of the bytes."
  def signature(:HS256, secret, input), do: :crypto.mac(:hmac, :sha256, secret, input)
  def signature(:RS256, private, input), do: :public_key.sign(input, :sha256, private)

  def signature(:ES256, private, input) do
    der = :crypto.sign(:ecdsa, :sha256, input, [private, :secp256r1])
    {:"ECDSA-Sig-Value", r, s} = :public_key.der_decode(:"ECDSA-Sig-Value", der)
    <<r::256, s::256>>
  end

  def signature(:EdDSA, private, input),
    do: :crypto.sign(:eddsa, :none, input, [private, :ed25519])

  def base64(bytes), do: Base.url_encode64(bytes, padding: false)
end
