defmodule FormdbHttpWeb.Auth.Issuer do
  @moduledoc false
  # The tokens that this server gives: JSON Web Tokens by a key derived from its own secret. They
  # are told by their `iss` and checked apart from those of others, by another key. What they allow
  # is not in them: it is what the user or the API key they were given to may do now.

  alias FormdbHttp.JSON
  alias FormdbHttpWeb.Auth.{Principal, Scopes, Token}

  @issuer "formdb"
  @algorithm :HS256
  @label "tokens"

  @doc "The `iss` of our tokens, which nobody else's may have."
  @spec issuer() :: String.t()
  def issuer, do: @issuer

  @doc "The label by which their key is derived."
  @spec label() :: String.t()
  def label, do: @label

  @doc """
  A token for somebody who signed in at `auth_time`, for so many seconds from `now`, or less: it
  ends no later than its sign-in counts (`until`), and than the credential. With it the seconds.
  """
  @spec issue(Principal.t(), binary(), integer(), keyword()) :: {String.t(), pos_integer()}
  def issue(principal, key, now, opts) do
    expires = Enum.min([now + opts[:seconds], opts[:until]] ++ List.wrap(principal.expires))

    claims = [
      iss: @issuer,
      aud: @issuer,
      sub: principal.actor,
      iat: now,
      exp: expires,
      auth_time: opts[:auth_time],
      credential: principal.credential,
      scope: Scopes.text(principal.scopes)
    ]

    {_modules, signed} =
      :jose_jws.sign(jwk(key), JSON.text(claims), %{"alg" => "HS256", "typ" => "JWT"})

    {_modules, token} = :jose_jws.compact(signed)
    {token, expires - now}
  end

  @doc """
  Checks a token of ours. `known` says of an actor who they are now, `nil` if nobody.
  """
  @spec verify(Token.t(), binary(), integer(), (String.t() -> Principal.t() | nil)) ::
          {:ok, Principal.t()} | {:expired, integer()} | {:error, String.t()}
  def verify(token, key, now, known) do
    jwk = jwk(key)

    rules = %{
      algorithm: @algorithm,
      keys: fn kid -> if kid, do: [], else: [jwk] end,
      issuer: @issuer,
      audience: @issuer,
      # There is one clock.
      leeway: 0
    }

    with {:ok, actor, claims} <- Token.verify(token, rules, now) do
      case {known.(actor), claims} do
        {%{credential: same} = principal,
         %{"credential" => same, "auth_time" => since, "exp" => exp}}
        when is_integer(since) ->
          {:ok, %{principal | expires: earlier(principal.expires, exp), auth_time: since}}

        _other ->
          {:error, "whom it was given to is gone, or has another key or password now"}
      end
    end
  end

  defp earlier(nil, expires), do: expires
  defp earlier(one, other), do: min(one, other)

  defp jwk(key), do: :jose_jwk.from_oct(key)
end
