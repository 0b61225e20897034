defmodule FormdbHttpWeb.Tls.Certificate do
  @moduledoc false
  # Certificates and private keys as files of PEM (RFC 7468) have them. What is wrong is a
  # sentence. Pure.

  @enforce_keys [:chain, :key, :begins, :ends]
  defstruct @enforce_keys

  @typedoc """
    * `chain` - the server's certificate and those between it and a root, as DER
    * `key` - its public key, as `:public_key.verify/4` takes it
    * `begins`, `ends` - when it is good
  """
  @type t :: %__MODULE__{
          chain: [binary(), ...],
          key: term(),
          begins: DateTime.t(),
          ends: DateTime.t()
        }

  @typedoc "As `ssl` takes it (type and DER), and as `:public_key.sign/3` does."
  @type private :: %{der: {atom(), binary()}, key: tuple()}

  @doc "The certificates of a file, the server's own first."
  @spec parse(String.t()) :: {:ok, t()} | {:error, String.t()}
  def parse(text) do
    with {:ok, entries} <- entries(text),
         [own | _] = chain <- for({:Certificate, der, :not_encrypted} <- entries, do: der) do
      decode(own, chain)
    else
      [] -> {:error, "it has no certificate in PEM (BEGIN CERTIFICATE)"}
      error -> error
    end
  end

  defp decode(own, chain) do
    # Records of public_key, whose file of them is not everywhere where OTP is.
    body = own |> :public_key.pkix_decode_cert(:otp) |> elem(1)
    {:Validity, begins, ends} = elem(body, 5)
    {:OTPSubjectPublicKeyInfo, _algorithm, _key} = info = elem(body, 7)

    {:ok, %__MODULE__{chain: chain, key: public(info), begins: time(begins), ends: time(ends)}}
  rescue
    _no_certificate -> {:error, "its first certificate cannot be read"}
  end

  defp public({:OTPSubjectPublicKeyInfo, {:PublicKeyAlgorithm, id, parameters}, key}) do
    case key do
      # Of Ed25519 and Ed448 the algorithm says all.
      {:ECPoint, _point} when parameters in [:asn1_NOVALUE, :NULL] -> {key, {:namedCurve, id}}
      {:ECPoint, _point} -> {key, parameters}
      _rsa -> key
    end
  end

  # Years of two digits are 1950 to 2049 (RFC 5280, 4.1.2.5.1).
  defp time({:utcTime, [a, b | rest]}) do
    century = if [a, b] >= ~c"50", do: ~c"19", else: ~c"20"
    time({:generalTime, century ++ [a, b | rest]})
  end

  defp time({:generalTime, text}) do
    <<y::binary-4, m::binary-2, d::binary-2, h::binary-2, min::binary-2, s::binary-2, "Z">> =
      to_string(text)

    {:ok, time, 0} = DateTime.from_iso8601("#{y}-#{m}-#{d}T#{h}:#{min}:#{s}Z")
    time
  end

  @keys [:PrivateKeyInfo, :RSAPrivateKey, :ECPrivateKey]

  @doc "The private key of a file."
  @spec parse_key(String.t()) :: {:ok, private()} | {:error, String.t()}
  def parse_key(text) do
    with {:ok, entries} <- entries(text) do
      cond do
        Enum.any?(entries, fn {_type, _der, cipher} -> cipher != :not_encrypted end) ->
          {:error,
           "its key is encrypted; write it without a password (openssl pkey -in FILE -out NEW), " <>
             "for the server's user alone"}

        entry = List.keyfind(Enum.filter(entries, &(elem(&1, 0) in @keys)), :not_encrypted, 2) ->
          decode_key(entry)

        true ->
          {:error, "it has no private key in PEM (BEGIN PRIVATE KEY)"}
      end
    end
  end

  defp decode_key({type, der, _cipher} = entry) do
    {:ok, %{der: {type, der}, key: :public_key.pem_entry_decode(entry)}}
  rescue
    _no_key -> {:error, "its private key cannot be read"}
  end

  defp entries(text) do
    {:ok, :public_key.pem_decode(text)}
  rescue
    _no_pem -> {:error, "it is not PEM"}
  end

  @doc "Whether the key is the certificate's: what the one signs the other verifies."
  @spec belongs?(t(), private()) :: boolean()
  def belongs?(%__MODULE__{key: public}, %{key: private}) do
    text = "formdb"
    digest = digest(private)
    :public_key.verify(text, digest, :public_key.sign(text, digest, private), public)
  rescue
    # One of another kind.
    _error -> false
  end

  @edwards [{1, 3, 101, 112}, {1, 3, 101, 113}]

  defp digest(key) do
    edwards? =
      elem(key, 0) == :ECPrivateKey and
        match?({:namedCurve, curve} when curve in @edwards, elem(key, 3))

    if edwards?, do: :none, else: :sha256
  end
end
