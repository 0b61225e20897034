defmodule FormdbHttp.Backup.Command do
  @moduledoc false
  # Taking a backup from outside of the server: of the folder where nobody has it open, and by the
  # server's own door where it has. Either way it is the same folder in the end.

  alias FormdbHttp.{Backup, Config, Error, Httpc, JSON, Types}

  @pause_ms 500
  # Of what the server says of a backup.
  @known ~w(name database log seq root time files bytes copied_bytes linked_bytes previous previous_damaged)a

  @doc """
  Takes the backup `name` of a database of the configuration. `server` is the URL and the credential
  by which the server is asked; `progress` is called with bytes done and in all.
  """
  @spec take(
          Config.t(),
          Types.database(),
          String.t(),
          {String.t(), String.t() | nil},
          Backup.progress()
        ) :: Types.result(map())
  def take(%Config{backup_dir: nil}, _database, _name, _server, _progress) do
    detail = "set FORMDB_BACKUP_DIR to the folder of backups, best on another disk"
    {:error, %Error{code: :backups_not_configured, detail: detail}}
  end

  def take(config, database, name, server, progress) do
    from = Path.join(config.data_dir, database)
    to = Path.join([config.backup_dir, database, name])

    with :ok <- Backup.check_name(name),
         {:error, %Error{code: :database_locked}} <- Backup.take_closed(from, to, progress),
         do: ask(server, database, name, progress)
  end

  # What the server answers is told in its own words.
  defp ask({url, token}, database, name, progress) do
    path = "/api/v1/databases/#{database}/backups"
    url = String.trim_trailing(url, "/") <> path

    with {:ok, backup} <- request(:post, url, token, JSON.text(%{name: name})),
         do: await(backup, url, token, progress)
  end

  defp await(%{"state" => "whole"} = backup, _url, _token, _progress),
    do: {:ok, for(key <- @known, into: %{}, do: {key, backup[Atom.to_string(key)]})}

  defp await(%{"state" => "running", "name" => name} = backup, url, token, progress) do
    if total = backup["total"], do: progress.(backup["done"], total)
    Process.sleep(@pause_ms)

    with {:ok, %{"backups" => listed}} <- request(:get, url, token, nil) do
      case Enum.find(listed, &(&1["name"] == name)) do
        nil -> {:error, unavailable("it does not know the backup any more")}
        found -> await(found, url, token, progress)
      end
    end
  end

  defp await(failed, _url, _token, _progress),
    do: {:error, unavailable(failed["reason"] || "the backup failed")}

  defp request(method, url, token, body) do
    headers = if token, do: [{~c"authorization", ~c"Bearer #{token}"}], else: []

    case Httpc.request(method, url, headers, body, [connect_timeout: 5_000] ++ tls(url)) do
      {:ok, {401, _text}} when token == nil ->
        {:error,
         unavailable(
           "it wants a key: set FORMDB_TOKEN to an API key or token with the scope admin"
         )}

      {:ok, {status, text}} ->
        answered(status, text)

      {:error, reason} ->
        {:error, unreachable(url, reason)}
    end
  end

  defp unreachable(url, reason) do
    detail =
      "a server has the database open, and none can be asked at #{address(url)} (#{why(reason)}): set FORMDB_URL to " <>
        "its address, or FORMDB_PORT to its port on this machine"

    %Error{code: :backup_refused, detail: detail}
  end

  defp address(url), do: url |> URI.parse() |> Map.merge(%{path: nil, query: nil}) |> to_string()

  # What OTP's client says of a connection that it could not make.
  defp why({:failed_connect, tried}) do
    reason =
      Enum.find_value(tried, fn
        {_family, _options, reason} -> reason
        _address -> nil
      end)

    case reason do
      :econnrefused -> "nothing listens there"
      :nxdomain -> "its name is not known"
      reason when is_atom(reason) and reason != nil -> to_string(:inet.format_error(reason))
      other -> inspect(other)
    end
  end

  defp why(:timeout), do: "it does not answer"
  defp why(other), do: inspect(other)

  defp tls("https:" <> _rest) do
    match = [match_fun: :public_key.pkix_verify_hostname_match_fun(:https)]

    [
      ssl: [
        verify: :verify_peer,
        cacerts: :public_key.cacerts_get(),
        depth: 5,
        customize_hostname_check: match
      ]
    ]
  end

  defp tls(_plain), do: []

  defp answered(status, text) do
    case JSON.decode(text) do
      {:ok, %{} = answer} when status in 200..299 -> {:ok, answer}
      {:ok, %{"detail" => detail}} -> {:error, unavailable(detail)}
      _other -> {:error, unavailable("it answered #{status}")}
    end
  end

  defp unavailable(why) do
    %Error{code: :backup_refused, detail: "the server that has the database open says: #{why}"}
  end
end
