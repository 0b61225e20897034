defmodule FormdbHttpWeb.OpenAPI.Schemas.Auth do
  @moduledoc false
  # Signing in and tokens.

  import FormdbHttpWeb.OpenAPI.Schema

  def schemas do
    [
      sign_in:
        closed([username: text(), password: text(format: "password")], [],
          examples: [[username: "ana", password: "correct horse battery"]]
        ),
      token:
        object(
          access_token: text(description: "A JSON Web Token, to be sent as Bearer."),
          token_type: constant("Bearer"),
          expires_in: count(1, description: "Seconds for which it is good."),
          scope: ref(:scope)
        ),
      verified:
        object(
          [
            active: boolean(description: "True: what is not valid is answered 401."),
            sub: text(description: "What the journal calls them, as `actor`."),
            scope: ref(:scope)
          ],
          exp:
            count(0, description: "When it expires, in seconds since the epoch; absent: never.")
        ),
      scope:
        text(
          description:
            "What may be done: `ACT:DATABASE` with spaces between. An act is `read`, `write` or `admin`, each of " <>
              "which implies those before it; a database is a name, the beginning of names with a star after " <>
              "it, or a star alone.",
          examples: ["read:* write:team-*"]
        )
    ]
  end
end
