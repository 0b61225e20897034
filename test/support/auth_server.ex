defmodule FormdbHttp.AuthServer do
  @moduledoc """
  A server with credentials for tests: keys of files in a folder of its own, and requests that bring
  one.
  """

  import FormdbHttp.HTTPClient, only: [request: 4]

  alias FormdbHttp.{Config, JSON, Tokens}
  alias FormdbHttpWeb.Auth.ApiKeys

  @doc "A folder for files of credentials, which goes with the test."
  def folder do
    folder = Path.join(System.tmp_dir!(), "formdb-auth-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    ExUnit.Callbacks.on_exit(fn -> File.rm_rf!(folder) end)
    folder
  end

  @doc "The configuration of the tests with these settings besides."
  def config(settings) do
    names = for {field, value} <- settings, into: %{}, do: {field, value}
    struct!(Config.load!(), names)
  end

  @doc "An API key in the file at `path`."
  def key(path, name, scope, expires \\ nil) do
    {:ok, key} = ApiKeys.create(path, name, scope, expires)
    key
  end

  @doc "Settings for tokens of an issuer whose keys are in the file at `path`."
  def jwt(algorithm, path, more \\ []) do
    [
      jwt_keys_file: path,
      jwt_algorithm: algorithm,
      jwt_issuer: Tokens.issuer(),
      jwt_audience: Tokens.audience(),
      jwt_leeway_seconds: 0
    ] ++ more
  end

  @doc "Writes text, or a JSON document, that its owner alone can read."
  def write(path, text) when is_binary(text) do
    File.write!(path, text)
    File.chmod!(path, 0o600)
  end

  def write(path, term), do: write(path, JSON.text(term))

  @doc "A request with a credential; nil: none."
  def ask(port, method, path, credential, opts \\ []) do
    headers = Keyword.get(opts, :headers, [])

    headers =
      if credential, do: [{"authorization", authorization(credential)} | headers], else: headers

    headers = if opts[:json], do: [{"content-type", "application/json"} | headers], else: headers
    body = if opts[:json], do: JSON.text(opts[:json]), else: opts[:body]
    request(port, method, path, headers: headers, body: body)
  end

  defp authorization({:raw, field}), do: field

  defp authorization({:basic, name, password}),
    do: "Basic " <> Base.encode64("#{name}:#{password}")

  defp authorization(credential), do: "Bearer " <> credential

  @doc "What a problem says, but for the request that it was answered to."
  def said(%{body: body}), do: body |> JSON.decode!() |> Map.delete("instance") |> JSON.text()

  @doc "Waits until `fun` is true, for some seconds."
  def until(fun, left \\ 200) do
    cond do
      fun.() -> :ok
      left == 0 -> ExUnit.Assertions.flunk("it never came to that")
      true -> Process.sleep(25) && until(fun, left - 1)
    end
  end
end
