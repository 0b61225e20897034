defmodule FormdbHttp.Httpc do
  @moduledoc false
  # A request by OTP's HTTP client, for the tasks that ask a server. Its application is started here,
  # and by none that we are a part of. So ours does not depend on it, and the call is one that the
  # compiler does not follow.

  @doc """
  The status and the body of an answer. Without a body there is nothing to send; one is JSON. Options
  are those that `:httpc.request/4` has for HTTP.
  """
  @spec request(:get | :post, String.t(), [{charlist(), charlist()}], binary() | nil, keyword()) ::
          {:ok, {100..599, binary()}} | {:error, term()}
  def request(method, url, headers, body, options) do
    on_code_path(:inets)
    for app <- [:inets, :ssl], do: {:ok, _started} = Application.ensure_all_started(app)
    url = String.to_charlist(url)
    asked = if body, do: {url, headers, ~c"application/json", body}, else: {url, headers}
    options = [autoredirect: false] ++ options

    case Function.capture(:httpc, :request, 4).(method, asked, options, body_format: :binary) do
      {:ok, {{_version, status, _phrase}, _headers, text}} -> {:ok, {status, text}}
      {:error, reason} -> {:error, reason}
    end
  end

  # Mix drops what a project does not depend on, from 1.15 on.
  defp on_code_path(app) do
    if :code.lib_dir(app) == {:error, :bad_name} do
      for folder <- Path.wildcard("#{:code.lib_dir()}/#{app}-*/ebin"),
          do: Code.append_path(folder)
    end
  end
end
