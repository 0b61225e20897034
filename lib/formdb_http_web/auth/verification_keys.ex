defmodule FormdbHttpWeb.Auth.VerificationKeys do
  @moduledoc false
  # The keys by which tokens of others are checked, from the text of a file: PEM, a JSON Web Key or
  # a set of them (RFC 7517), or for HS256 the secret itself. Keys of another kind than the one
  # algorithm takes are left out, and what no key of it may be is refused.

  alias FormdbHttp.JSON

  @type algorithm :: :HS256 | :RS256 | :ES256 | :EdDSA
  @typedoc "A key as the library `jose` has it, and what tokens call it; `nil`: nothing."
  @type key :: {kid :: String.t() | nil, jwk :: tuple()}

  # Of a token without a name for its key all those are tried that have none.
  @most_nameless 8
  @most 256
  @most_kid_bytes 256

  # RFC 7518, 3.2 and 3.3. A modulus beyond the upper bound takes milliseconds a signature.
  @secret_bytes 32
  @modulus_bits 2_048..8_192

  @doc """
  The keys of a file that are of the algorithm: at least one, unless the file is empty, or an empty
  set. Then no token is taken.
  """
  @spec parse(String.t(), algorithm()) :: {:ok, [key()]} | {:error, String.t()}
  def parse(text, algorithm) do
    case read(text, algorithm) do
      :none -> {:ok, []}
      {:ok, keys} -> check_number(keys, algorithm)
      {:error, why} -> {:error, why}
    end
  rescue
    # jose raises over what it cannot read; its reason may hold the key.
    _error -> {:error, "it holds no key that can be read: expected #{expected(algorithm)}"}
  end

  defp read(text, algorithm) do
    cond do
      String.trim(text) == "" -> :none
      text =~ ~r/\A\s*\{/ -> with {:ok, json} <- json(text), do: from_json(json, algorithm)
      text =~ ~r/\A\s*-----BEGIN / or algorithm != :HS256 -> from_pem(text, algorithm)
      true -> from_secret(String.replace(text, ~r/\r?\n\z/, ""))
    end
  end

  defp json(text) do
    with {:error, error} <- JSON.decode(text), do: {:error, "it is no JSON: #{error.detail}"}
  end

  defp from_secret(secret) do
    jwk = :jose_jwk.from_oct(secret)
    with :ok <- check(:jose_jwk.to_map(jwk), :HS256), do: {:ok, [{nil, jwk}]}
  end

  ## PEM

  defp from_pem(_text, :HS256),
    do: {:error, "it is a key in PEM, which HS256 has none of; expected #{expected(:HS256)}"}

  defp from_pem(text, algorithm) do
    case :public_key.pem_decode(text) do
      [] -> {:error, "it holds no key: expected #{expected(algorithm)}"}
      entries -> collect(entries, &from_entry(&1, algorithm))
    end
  end

  defp from_entry({kind, _der, _cipher} = entry, algorithm)
       when kind in [:SubjectPublicKeyInfo, :RSAPublicKey] do
    jwk = :jose_jwk.from_pem(:public_key.pem_encode([entry]))
    usable(nil, jwk, algorithm)
  end

  defp from_entry({kind, _der, _cipher}, _algorithm) do
    {:error,
     "it holds a #{kind}; expected public keys alone (openssl pkey -pubout makes one of a private key)"}
  end

  ## JSON Web Keys

  defp from_json(%{"keys" => []}, _algorithm), do: :none

  defp from_json(%{"keys" => keys}, algorithm) when is_list(keys),
    do: collect(keys, &from_jwk(&1, algorithm))

  defp from_json(jwk, algorithm), do: collect([jwk], &from_jwk(&1, algorithm))

  defp from_jwk(%{"kty" => kty} = map, algorithm) do
    kid = map["kid"]

    cond do
      # Of an algorithm with a public key nobody but the signer has more.
      kty != "oct" and is_map_key(map, "d") ->
        {:error, "it holds a private key; expected public keys alone"}

      map["use"] not in [nil, "sig"] or map["alg"] not in [nil, to_string(algorithm)] ->
        {:ok, []}

      "verify" not in Map.get(map, "key_ops", ["verify"]) ->
        {:ok, []}

      kid != nil and not (is_binary(kid) and byte_size(kid) <= @most_kid_bytes) ->
        {:error, "it holds a key whose kid is no text of at most #{@most_kid_bytes} bytes"}

      true ->
        usable(
          kid,
          :jose_jwk.from_map(Map.drop(map, ["kid", "use", "alg", "key_ops"])),
          algorithm
        )
    end
  end

  defp from_jwk(_other, _algorithm),
    do: {:error, "it holds something that is no JSON Web Key: it has no kty"}

  ## What may be used

  defp usable(kid, jwk, algorithm) do
    case check(:jose_jwk.to_map(jwk), algorithm) do
      :ok -> {:ok, [{kid, jwk}]}
      :other -> {:ok, []}
      error -> error
    end
  end

  defp check({_modules, %{"kty" => "oct", "k" => k}}, :HS256) do
    if byte_size(Base.url_decode64!(k, padding: false)) >= @secret_bytes,
      do: :ok,
      else:
        {:error,
         "the secret has fewer than #{@secret_bytes} bytes (openssl rand -base64 32 makes one)"}
  end

  defp check({_modules, %{"kty" => "RSA", "n" => n, "e" => e}}, :RS256) do
    bits = n |> number() |> Integer.digits(2) |> length()
    e = number(e)

    cond do
      bits not in @modulus_bits ->
        {:error,
         "it holds an RSA key of #{bits} bits; expected #{@modulus_bits.first} to #{@modulus_bits.last}"}

      e < 3 or rem(e, 2) == 0 or e > 0xFFFFFFFF ->
        {:error,
         "it holds an RSA key with the exponent #{e}, by which anybody could sign or nobody check"}

      true ->
        :ok
    end
  end

  defp check({_modules, %{"kty" => "EC", "crv" => "P-256"}}, :ES256), do: :ok
  defp check({_modules, %{"kty" => "OKP", "crv" => "Ed25519"}}, :EdDSA), do: :ok
  defp check(_another, _algorithm), do: :other

  defp number(text), do: text |> Base.url_decode64!(padding: false) |> :binary.decode_unsigned()

  defp collect(items, read) do
    Enum.reduce_while(items, {:ok, []}, fn item, {:ok, keys} ->
      case read.(item) do
        {:ok, more} -> {:cont, {:ok, keys ++ more}}
        error -> {:halt, error}
      end
    end)
  end

  defp check_number([], algorithm),
    do: {:error, "it holds no key for #{algorithm}: expected #{expected(algorithm)}"}

  defp check_number(keys, _algorithm) do
    nameless = Enum.count(keys, &match?({nil, _jwk}, &1))

    cond do
      length(keys) > @most ->
        {:error, "it holds #{length(keys)} keys; at most #{@most} are taken"}

      nameless > @most_nameless ->
        {:error, "#{nameless} of its keys have no kid; at most #{@most_nameless} may"}

      true ->
        {:ok, keys}
    end
  end

  defp expected(:HS256),
    do: "a secret of at least #{@secret_bytes} bytes, or JSON Web Keys of the kind oct"

  defp expected(:RS256), do: "RSA public keys, in PEM or as JSON Web Keys"
  defp expected(:ES256), do: "public keys on the curve P-256, in PEM or as JSON Web Keys"
  defp expected(:EdDSA), do: "Ed25519 public keys, in PEM or as JSON Web Keys"
end
