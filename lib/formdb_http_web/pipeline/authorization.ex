defmodule FormdbHttpWeb.Authorization do
  @moduledoc false
  # Whether whoever asks may do what is asked. Of a database on which they have no scope they do
  # not learn whether it is there: that is decided by its name alone.

  alias FormdbHttp.Error
  alias FormdbHttpWeb.{Authentication, Params, Problem, Request}
  alias FormdbHttpWeb.Audit.Notes
  alias FormdbHttpWeb.Auth.{Principal, Scopes}

  @spec call(Request.t()) :: Request.step()
  def call(%{settings: %{auth: nil}} = req), do: {:cont, req}
  def call(%{call: nil} = req), do: {:cont, req}

  def call(%{call: %{access: access, scope: act}} = req) do
    case access do
      :server -> answer(check(req, act, :all), req)
      :database -> database(req, act)
      _open_or_decided_later -> {:cont, req}
    end
  end

  # What is no name at all is refused where parameters are read.
  defp database(%{parts: [raw | _]} = req, act) do
    case Params.segment(raw) do
      {:ok, name} -> answer(check_known(req, act, name), req)
      {:error, _error} -> {:cont, req}
    end
  end

  defp answer(:ok, req), do: {:cont, req}
  defp answer(refusal, _req), do: {:halt, refusal}

  defp check_known(req, act, name) do
    if visible?(req, name) do
      check(req, act, name)
    else
      Notes.say(hidden: true)
      Problem.answer(no_database(name))
    end
  end

  @doc "The error of a database that is not there, and of one of which nothing may be known."
  @spec no_database(String.t()) :: Error.t()
  def no_database(name) do
    detail = "there is no open database #{inspect(name, binaries: :as_strings)}"
    %Error{code: :database_not_found, detail: detail}
  end

  @doc """
  `:ok`, or the answer to who may not do that to the database of that name, or to the server.
  """
  @spec check(Request.t(), Scopes.act(), String.t() | :all) :: :ok | Request.answer()
  def check(req, act, what) do
    if may?(req, act, what) do
      :ok
    else
      needed = "#{act}:#{if what == :all, do: "*", else: what}"
      has = Scopes.text(req.principal.scopes)
      has = if has == "", do: "no scope", else: Problem.show(has)
      detail = "this takes the scope #{Problem.show(needed)}; the credential has #{has}"
      Authentication.forbidden(detail, if(scope?(needed), do: needed, else: Atom.to_string(act)))
    end
  end

  # What may stand in a header field.
  defp scope?(text), do: text =~ ~r/\A[a-z0-9_:*-]+\z/

  @doc "Whether whoever asks may do that to the database of that name, or to the server."
  @spec may?(Request.t(), Scopes.act(), String.t() | :all) :: boolean()
  def may?(%{settings: %{auth: nil}}, _act, _what), do: true
  def may?(%{principal: nil}, _act, _what), do: false

  def may?(%{principal: principal}, act, what), do: allowed?(principal, act, what)

  defp allowed?(principal, act, what),
    do: principal.scopes |> Scopes.most(what) |> Scopes.implies?(act)

  @doc "Whether they may read the database of that name."
  @spec may_read?(Principal.t(), String.t()) :: boolean()
  def may_read?(principal, name), do: allowed?(principal, :read, name)

  @doc "Whether whoever asks may know of the database of that name."
  @spec visible?(Request.t(), String.t()) :: boolean()
  def visible?(req, name), do: may?(req, :read, name)
end
