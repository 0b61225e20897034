defmodule FormdbHttpWeb.Auth.Principal do
  @moduledoc false
  # Whoever asks, once that is known.

  alias FormdbHttpWeb.Auth.Scopes

  @enforce_keys [:actor, :scopes]
  defstruct [:actor, :scopes, :expires, :credential, :issuer_keys, :auth_time, :key_id]

  @typedoc """
    * `actor` - what the journal calls them: `key:NAME` of an API key, `user:NAME` of a user, and of
      tokens of others their `sub`
    * `expires` - when the credential does, in seconds since the epoch; `nil`: never
    * `credential` - of keys, users and tokens that were given to them, a fingerprint of what is
      stored: another key of the same name has another one. `nil` of tokens of others; `:host` of
      whom the application knows that we are a part of
    * `issuer_keys` - of tokens of others, a fingerprint of the keys that they were verified with
    * `auth_time` - of tokens of this server, when their first one was given
    * `key_id` - which key it was, for who holds the file of keys: of an API key, and of a token
      that was given for it, the first 12 digits of its SHA-256; of a token of others its `kid`
  """
  @type t :: %__MODULE__{
          actor: String.t(),
          scopes: Scopes.t(),
          expires: integer() | nil,
          credential: String.t() | :host | nil,
          issuer_keys: String.t() | nil,
          auth_time: integer() | nil,
          key_id: String.t() | nil
        }

  # Those that are of this server.
  @own ["key:", "user:"]

  @doc "Whether an actor is named as keys and users of this server are."
  @spec own?(String.t()) :: boolean()
  def own?(actor), do: String.starts_with?(actor, @own)
end
