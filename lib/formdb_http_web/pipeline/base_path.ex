defmodule FormdbHttpWeb.BasePath do
  @moduledoc false
  # The path under which the server is found from outside: the proxy's (X-Forwarded-Prefix),
  # or else the one that is set (FORMDB_BASE_PATH). Links begin with it; the path of a
  # request may. Where we are a part of an application, the path that it has us at follows.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttp.Config.Web
  alias FormdbHttpWeb.{Forwarded, Request}

  @doc "Sets what links begin with."
  @spec call(Request.t()) :: Request.step()
  def call(%{headers: %{"x-forwarded-prefix" => text}} = req) do
    case text |> Forwarded.first() |> Web.base_path() do
      {:ok, path} ->
        {:cont, %{req | base_path: path <> req.mount}}

      :error ->
        refuse(
          :malformed_request,
          "X-Forwarded-Prefix is #{show(text)}; expected a path such as /formdb, " <>
            "percent-encoded as in a URL"
        )
    end
  end

  def call(req), do: {:cont, %{req | base_path: req.settings.base_path <> req.mount}}

  @doc """
  The path of a request without the one that is set: a proxy may leave the path under which
  it serves us, or take it away.
  """
  @spec within(String.t(), String.t()) :: String.t()
  def within(path, ""), do: path

  def within(path, base) do
    cond do
      path == base -> "/"
      String.starts_with?(path, base <> "/") -> String.replace_prefix(path, base, "")
      true -> path
    end
  end
end
