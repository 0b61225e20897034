defmodule FormdbHttpWeb.Authentication do
  @moduledoc false
  # Who asks, by the header field Authorization and nothing else: what a browser sends by itself,
  # such as cookies, is no credential here, so that no page can borrow one.

  alias FormdbHttp.Error
  alias FormdbHttpWeb.{Answer, Auth, Problem, Request}

  @realm "Bearer realm=\"FormDB\""

  @doc """
  Sets who asks, where that matters. But for calls that anybody may make, who does not bring a
  credential that is valid is refused.
  """
  @spec call(Request.t()) :: Request.step()
  def call(%{settings: %{auth: nil}} = req), do: {:cont, req}
  # There is nothing to be done, or nobody is asked.
  def call(%{call: nil} = req), do: {:cont, req}
  def call(%{call: %{access: :open}} = req), do: {:cont, req}

  # The application has said who it is.
  def call(%{settings: %{auth: :host}, principal: nil, call: %{access: access}} = req) do
    if access == :anybody,
      do: {:cont, req},
      else:
        {:halt,
         unauthenticated("this call is for those whom the application knows: sign in there")}
  end

  def call(%{settings: %{auth: :host}, principal: principal} = req),
    do: {:cont, %{req | asker: principal.actor}}

  def call(%{settings: %{auth: auth}, call: %{access: access}} = req) do
    case principal(auth, req) do
      {:ok, principal} -> {:cont, %{req | principal: principal, asker: principal.actor}}
      _nobody when access == :anybody -> {:cont, req}
      :none -> {:halt, unauthenticated(needed())}
      {:other, scheme} -> {:halt, unauthenticated("found #{scheme}; " <> needed())}
      refusal -> {:halt, refused(refusal)}
    end
  end

  defp needed do
    "this call needs an API key or a token: Authorization: Bearer KEY; POST /auth/token gives a token " <>
      "for a name and a password"
  end

  defp principal(auth, %{headers: %{"authorization" => field}, client: client}) do
    case split(field) do
      {"bearer", credential} ->
        # RFC 6750, 2.1.
        if credential =~ ~r/\A[A-Za-z0-9._~+\/-]+=*\z/,
          do: Auth.bearer(auth, credential, client),
          else: {:invalid, "it is no Bearer credential (RFC 6750, 2.1)"}

      {scheme, _rest} ->
        {:other, Problem.show(scheme)}
    end
  end

  defp principal(_auth, _req), do: :none

  @doc "The scheme of a credential, in lower case, and what follows it."
  @spec split(String.t()) :: {String.t(), String.t()}
  def split(field) do
    case String.split(field, " ", parts: 2) do
      [scheme, rest] -> {String.downcase(scheme, :ascii), String.trim(rest, " ")}
      [scheme] -> {String.downcase(scheme, :ascii), ""}
    end
  end

  @doc "The answer to who brings no credential."
  @spec unauthenticated(String.t()) :: Request.answer()
  def unauthenticated(detail), do: challenge(:unauthenticated, detail, "")

  @doc "The answer to who brings one that is none."
  @spec refused(Auth.refusal()) :: Request.answer()
  def refused({:invalid, why}), do: challenge(:invalid_token, why, ~s(, error="invalid_token"))

  def refused({:wait, seconds}) do
    detail =
      "too many credentials from this address were not valid (setting FORMDB_FAILED_SIGN_INS); " <>
        "try again in #{seconds} s. API keys and tokens that were used before are taken meanwhile"

    %Error{code: :too_many_attempts, detail: detail}
    |> Problem.answer()
    |> Answer.header("retry-after", Integer.to_string(seconds))
  end

  # RFC 9110, 11.6.1, and RFC 6750, 3.
  defp challenge(code, detail, more) do
    %Error{code: code, detail: detail}
    |> Problem.answer()
    |> Answer.header("www-authenticate", @realm <> more)
  end

  @doc "The answer to who may not do that."
  @spec forbidden(String.t(), String.t()) :: Request.answer()
  def forbidden(detail, scope),
    do: challenge(:forbidden, detail, ~s(, error="insufficient_scope", scope="#{scope}"))
end
