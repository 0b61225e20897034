defmodule FormdbHttp.Httpc do
  @moduledoc false
  # A request by OTP's HTTP client, for the commands that ask a server. Its application is started here,
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
    # An address of IPv6, or a name that has no other.
    :ok = Function.capture(:httpc, :set_options, 1).(ipfamily: :inet6fb4)
    # It names an address of IPv6 without its brackets.
    %URI{host: host, port: port} = URI.parse(url)
    host = if host && host =~ ":", do: "[#{host}]", else: host
    headers = [{~c"host", String.to_charlist("#{host}:#{port}")} | headers]
    url = String.to_charlist(url)
    asked = if body, do: {url, headers, ~c"application/json", body}, else: {url, headers}
    options = [autoredirect: false] ++ options

    case Function.capture(:httpc, :request, 4).(method, asked, options, body_format: :binary) do
      {:ok, {{_version, status, _phrase}, _headers, text}} -> {:ok, {status, text}}
      {:error, reason} -> {:error, reason}
    end
  end

  @doc "What a request failed of, in words."
  @spec worded(term()) :: String.t()
  def worded({:failed_connect, tried}) do
    # The last of the addresses that were tried.
    case for {_family, _options, reason} <- tried, do: reason do
      [] -> "no connection"
      reasons -> reasons |> List.last() |> connection()
    end
  end

  def worded(:timeout), do: "it does not answer"
  def worded({:tls_alert, alert}), do: connection({:tls_alert, alert})
  def worded({:could_not_parse_as_http, _bytes}), do: "it speaks another protocol"

  def worded(reason) when reason in [:socket_closed_remotely, :closed],
    do:
      "it closed the connection without an answer, as one does that is asked by http:// and speaks https://"

  def worded(other), do: inspect(other)

  defp connection(:nxdomain), do: "its name is not known"
  defp connection(:timeout), do: "it does not answer"

  defp connection({:tls_alert, {alert, text}}) do
    cond do
      to_string(text) =~ "hostname_check_failed" ->
        "its certificate is for another name"

      to_string(text) =~ "another_certificate" ->
        "its certificate is another one than that in FORMDB_TLS_CERTIFICATE_FILE"

      alert == :certificate_expired ->
        "its certificate has ended"

      alert in [:unknown_ca, :bad_certificate] ->
        "its certificate is of no authority that is trusted here: FORMDB_CA_FILE is a file of others, in PEM"

      true ->
        "no agreement on TLS: #{alert |> to_string() |> String.replace("_", " ")}"
    end
  end

  defp connection(reason) when is_atom(reason), do: to_string(:inet.format_error(reason))
  defp connection(other), do: inspect(other)

  # Mix drops what a project does not depend on, from 1.15 on.
  defp on_code_path(app) do
    if :code.lib_dir(app) == {:error, :bad_name} do
      for folder <- Path.wildcard("#{:code.lib_dir()}/#{app}-*/ebin"),
          do: Code.append_path(folder)
    end
  end
end
