defmodule FormdbHttpWeb.AuthController do
  @moduledoc false
  # Signing in. What is answered here is about the moment, and for one client alone.

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3, show_json: 1]

  alias FormdbHttpWeb.{Answer, Auth, Authentication, Members}
  alias FormdbHttpWeb.Audit.Notes
  alias FormdbHttpWeb.Auth.Scopes

  @example ~s({"username":"ana","password":"..."})

  def token(%{settings: %{auth: auth}}, _params) when auth in [nil, :host], do: no_auth()

  # What is said in the header counts; a body would be a second credential.
  def token(%{headers: %{"authorization" => field}} = req, _params) do
    case Authentication.split(field) do
      {"basic", encoded} -> basic(req, encoded)
      {"bearer", key} -> bearer(req, Auth.bearer(req.settings.auth, key, req.client))
      _other -> needed()
    end
  end

  def token(req, _params) do
    with {:ok, members} <- Members.read(req, ["username", "password"], @example),
         {:ok, name} <- text(members, "username"),
         {:ok, password} <- text(members, "password"),
         do: sign_in(req, name, password)
  end

  defp text(members, name) do
    case members do
      %{^name => text} when is_binary(text) ->
        {:ok, text}

      %{^name => other} ->
        detail = "#{name} is #{kind(other)}; expected text, as in #{@example}"
        refuse(:invalid_body, detail, "/" <> name)

      _missing when members == %{} ->
        needed()

      _missing ->
        refuse(:invalid_body, "#{name} is missing; expected #{@example}", "/" <> name)
    end
  end

  # Whatever it is, it may be a secret.
  defp kind(other) when is_list(other) or is_map(other), do: "an array or an object"
  defp kind(other) when is_number(other), do: "a number"
  defp kind(other), do: show_json(other)

  # RFC 7617.
  defp basic(req, encoded) do
    with {:ok, pair} <- Base.decode64(encoded),
         true <- String.valid?(pair),
         [name, password] <- String.split(pair, ":", parts: 2) do
      sign_in(req, name, password)
    else
      _other ->
        refused({:invalid, "it is no name and password as HTTP Basic has them (RFC 7617)"})
    end
  end

  defp sign_in(%{settings: %{auth: auth}} = req, name, password) do
    case Auth.password(auth, name, password, req.client) do
      {:ok, principal} ->
        Notes.say(principal: principal)
        given(Auth.sign_in(auth, principal), principal)

      {:error, error} ->
        {:error, error}

      refusal ->
        # What is no name of a user may be a password in the wrong place.
        if Auth.user?(name), do: Notes.say(claimed: "user:" <> name)
        refused(refusal)
    end
  end

  defp bearer(%{settings: %{auth: auth}}, {:ok, %{credential: id, auth_time: nil} = principal})
       when id != nil do
    Notes.say(principal: principal)
    given(Auth.sign_in(auth, principal), principal)
  end

  defp bearer(_req, {:ok, principal}) do
    Notes.say(principal: principal)

    refuse(
      :forbidden,
      "a token is given for an API key, or a name and a password; POST /auth/refresh renews a token of this " <>
        "server, and one of another issuer is renewed there"
    )
  end

  defp bearer(_req, refusal), do: refused(refusal)

  def refresh(%{settings: %{auth: auth}}, _params) when auth in [nil, :host], do: no_auth()

  def refresh(%{settings: %{auth: auth}, principal: principal}, _params) do
    case Auth.refresh(auth, principal) do
      {:ok, given} ->
        given(given, principal)

      {:error, :not_ours} ->
        refuse(
          :forbidden,
          "this renews tokens that POST /auth/token gave, and no other credential"
        )

      {:error, :too_late} ->
        refused(
          {:invalid,
           "the sign-in was too long ago (setting FORMDB_SIGN_IN_SECONDS); sign in again"}
        )
    end
  end

  def verify(%{settings: %{auth: auth}}, _params) when auth in [nil, :host], do: no_auth()

  def verify(%{principal: principal}, _params) do
    expires = if principal.expires, do: [exp: principal.expires], else: []

    Answer.unstored(
      Answer.json(
        200,
        [active: true, sub: principal.actor, scope: Scopes.text(principal.scopes)] ++ expires
      )
    )
  end

  # RFC 6749, 5.1.
  defp given({token, seconds}, principal) do
    Answer.unstored(
      Answer.json(200,
        access_token: token,
        token_type: "Bearer",
        expires_in: seconds,
        scope: Scopes.text(principal.scopes)
      )
    )
  end

  defp refused(refusal), do: Answer.unstored(Authentication.refused(refusal))

  defp needed do
    Answer.unstored(
      Authentication.unauthenticated(
        "this takes a name and a password, as in #{@example} or by HTTP Basic, or an API key as Bearer"
      )
    )
  end

  defp no_auth do
    refuse(
      :not_found,
      "this server asks for no credentials, so that there are no tokens either; docs/SECURITY.md says how to " <>
        "set it up"
    )
  end
end
