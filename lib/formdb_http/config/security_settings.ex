defmodule FormdbHttp.Config.SecuritySettings do
  @moduledoc false
  # The rows of the table of settings that are about who asks. FormdbHttp.Config.Settings says
  # what a row has.

  @doc "The rows, in the order of the reference."
  @spec all() :: [FormdbHttp.Config.Settings.row()]
  def all do
    [
      %{
        field: :api_keys_file,
        type: :file,
        default: nil,
        doc:
          "File of API keys, which `mix formdb.keys` writes. With it, or one of the next two, every call needs a credential"
      },
      %{
        field: :users_file,
        type: :file,
        default: nil,
        doc: "File of users, which `mix formdb.users` writes"
      },
      %{
        field: :jwt_keys_file,
        type: :file,
        default: nil,
        doc:
          "File of the keys by which tokens of another issuer (JWT) are checked: PEM, JSON Web Keys, or the secret of HS256"
      },
      %{
        field: :jwt_algorithm,
        type: :choice,
        choices: [:HS256, :RS256, :ES256, :EdDSA],
        default: nil,
        doc: "The one algorithm of these tokens, whatever they say themselves"
      },
      %{
        field: :jwt_issuer,
        type: :text,
        default: nil,
        doc: "Who these tokens have to be from (`iss`)"
      },
      %{
        field: :jwt_audience,
        type: :text,
        default: nil,
        doc: "Whom these tokens have to be for (`aud`): a name of this server"
      },
      %{
        field: :jwt_leeway_seconds,
        type: :seconds,
        default: 30,
        range: 0..300,
        doc: "By how much the clock of their issuer may differ"
      },
      %{
        field: :server_key_file,
        type: :file,
        default: nil,
        doc:
          "File of this server's secret, by which it signs tokens of its own; made where there is none. Not set: `server.key` in the data folder"
      },
      %{
        field: :token_seconds,
        type: :seconds,
        default: 900,
        range: 1..86_400,
        doc: "How long a token of `POST /auth/token` is good"
      },
      %{
        field: :sign_in_seconds,
        type: :seconds,
        default: 43_200,
        range: 1..2_592_000,
        doc: "How long after a sign-in its tokens are renewed (`POST /auth/refresh`)"
      },
      %{
        field: :failed_sign_ins,
        type: :integer,
        default: 10,
        range: 1..1_000_000,
        doc:
          "Wrong passwords a minute from one address, and as many other credentials that are not valid"
      },
      %{
        field: :tls_certificate_file,
        type: :file,
        default: nil,
        doc:
          "File of the server's certificate and those of its issuers, in PEM. With it FORMDB_PORT speaks TLS; it is read again when it changes"
      },
      %{
        field: :tls_key_file,
        type: :file,
        default: nil,
        doc:
          "File of the certificate's private key, in PEM without a password; it may be the same file"
      },
      %{
        field: :address_rate,
        type: :integer,
        default: 0,
        range: 0..1_000_000,
        doc:
          "Requests a second from one address, of IPv6 from one network of 64 bits; 0: any number"
      },
      %{
        field: :address_burst,
        type: :integer,
        default: 0,
        range: 0..10_000_000,
        doc: "Requests from one address that may come at once; 0: ten times FORMDB_ADDRESS_RATE"
      },
      %{
        field: :address_connections,
        type: :integer,
        default: 0,
        range: 0..1_000_000,
        doc:
          "Connections from one address at the same time, but from FORMDB_TRUSTED_PROXIES; 0: any number"
      },
      %{
        field: :principal_rate,
        type: :integer,
        default: 0,
        range: 0..1_000_000,
        doc: "Requests a second by one API key, user or subject of tokens; 0: any number"
      },
      %{
        field: :principal_burst,
        type: :integer,
        default: 0,
        range: 0..10_000_000,
        doc: "Requests of one that may come at once; 0: ten times FORMDB_PRINCIPAL_RATE"
      },
      %{
        field: :hsts_seconds,
        type: :seconds,
        default: 31_536_000,
        range: 0..63_072_000,
        doc:
          "How long browsers that asked by TLS ask by nothing else (Strict-Transport-Security); 0: it is not said"
      },
      %{
        field: :sign_ins,
        type: :integer,
        default: 0,
        range: 0..1_024,
        doc:
          "Passwords checked at once, each with 19 MiB and a core; 0: half as many as there are cores"
      },
      %{
        field: :token_cache,
        type: :integer,
        default: 10_000,
        range: 0..10_000_000,
        doc:
          "Tokens that were verified and are remembered, so that they need not be verified again"
      }
    ]
  end
end
