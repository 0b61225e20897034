defmodule FormdbHttpWeb.Routes.Auth do
  @moduledoc false
  # Tokens: signing in, and for how long.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.AuthController

  @no_auth "Where the server has no credentials at all, 404."

  def resources do
    [
      new(:auth_token, "/auth/token", [
        call("POST", {AuthController, :token}, nil, "Signs in: gives a token.",
          more:
            "Either name and password of a user, in the body or by HTTP Basic, or an API key as Bearer. The token " <>
              "is good for FORMDB_TOKEN_SECONDS (900) and may be renewed. " <> @no_auth,
          body: optional(json(:sign_in)),
          answers: [ok(json(:token))],
          errors: [401, 404]
        )
      ]),
      new(:auth_refresh, "/auth/refresh", [
        call(
          "POST",
          {AuthController, :refresh},
          nil,
          "Gives a new token for one that is still good.",
          access: :principal,
          more:
            "Up to FORMDB_SIGN_IN_SECONDS (12 hours) after the sign-in, and as long as the user or the key is " <>
              "there. " <> @no_auth,
          answers: [ok(json(:token))],
          errors: [404]
        )
      ]),
      new(:auth_verify, "/auth/verify", [
        call("POST", {AuthController, :verify}, nil, "Who asks, and what they may do.",
          access: :principal,
          more: @no_auth,
          answers: [ok(json(:verified))],
          errors: [404]
        )
      ])
    ]
  end
end
