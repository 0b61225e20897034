defmodule FormdbHttpWeb.Tls.Options do
  @moduledoc false
  # What a handshake offers, besides the certificate: TLS 1.2 and 1.3, with suites that are
  # encrypted and authenticated at once, by keys of which nothing is left (RFC 9325, 4.2).

  @ciphers [:aes_256_gcm, :aes_128_gcm, :chacha20_poly1305]
  # Any: TLS 1.3, which has no others.
  @exchanges [:ecdhe_ecdsa, :ecdhe_rsa, :any]

  @spec all() :: keyword()
  def all do
    suites =
      for version <- [:"tlsv1.3", :"tlsv1.2"],
          suite <- :ssl.cipher_suites(:exclusive, version),
          suite.cipher in @ciphers and suite.key_exchange in @exchanges,
          do: suite

    [
      versions: [:"tlsv1.3", :"tlsv1.2"],
      ciphers: suites,
      honor_cipher_order: true,
      # That a client asks for new keys again and again is work for nothing.
      client_renegotiation: false,
      # Who offers none of these is taken, too.
      alpn_preferred_protocols: ["http/1.1"],
      # Processes of connections on which nothing comes give back what they do not need.
      hibernate_after: 5_000,
      # Handshakes that fail are the matter of whoever connects.
      log_level: :error
    ]
  end
end
