defmodule FormdbHttp.Backup.Command do
  @moduledoc false
  # Taking a backup from outside of the server: of the folder where nobody has it open, and by the
  # server's own door where it has. Either way it is the same folder in the end.

  alias FormdbHttp.{Backup, Config, Error, Httpc, JSON, OwnServer, Types}

  @pause_ms 500
  # Of what the server says of a backup.
  @known ~w(name database log seq root time files bytes copied_bytes linked_bytes previous previous_damaged)a

  @typedoc "The URL; an API key or a token; the file of authorities of certificates."
  @type server :: %{url: String.t() | nil, token: String.t() | nil, ca_file: Path.t() | nil}

  @doc """
  Takes the backup `name` of a database of the configuration. `server` is how the server is asked, where one
  has the database; `progress` is called with bytes done and in all.
  """
  @spec take(
          Config.t(),
          Types.database(),
          String.t(),
          server(),
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
         do: ask(config, server, database, name, progress)
  end

  # What the server answers is told in its own words.
  defp ask(config, server, database, name, progress) do
    with {:ok, url, tls} <- where(config, server) do
      url = String.trim_trailing(url, "/") <> "/api/v1/databases/#{database}/backups"
      asked = {url, server.token, tls}

      with {:ok, backup} <- request(:post, asked, JSON.text(%{name: name})),
           do: await(backup, asked, progress)
    end
  end

  # A token goes to the server with the certificate of the settings alone, or to the one that was named.
  defp where(config, %{url: nil}), do: with_tls(OwnServer.url(config), OwnServer.verified(config))

  defp where(_config, %{url: "https:" <> _rest = url, ca_file: file}),
    do: with_tls(url, OwnServer.trusting(file))

  defp where(_config, %{url: "http:" <> _rest = url}), do: {:ok, url, []}

  defp where(_config, %{url: url}) do
    detail =
      "FORMDB_URL is #{inspect(url)}; expected an address such as https://db.example/formdb"

    {:error, %Error{code: :backup_refused, detail: detail}}
  end

  defp with_tls(url, {:ok, tls}), do: {:ok, url, tls}
  defp with_tls(url, {:error, why}), do: {:error, unreachable(url, why)}

  defp await(%{"state" => "whole"} = backup, _asked, _progress),
    do: {:ok, for(key <- @known, into: %{}, do: {key, backup[Atom.to_string(key)]})}

  defp await(%{"state" => "running", "name" => name} = backup, asked, progress) do
    if total = backup["total"], do: progress.(backup["done"], total)
    Process.sleep(@pause_ms)

    with {:ok, %{"backups" => listed}} <- request(:get, asked, nil) do
      case Enum.find(listed, &(&1["name"] == name)) do
        nil -> {:error, unavailable("it does not know the backup any more")}
        found -> await(found, asked, progress)
      end
    end
  end

  defp await(failed, _asked, _progress),
    do: {:error, unavailable(failed["reason"] || "the backup failed")}

  defp request(method, {url, token, tls}, body) do
    headers = if token, do: [{~c"authorization", ~c"Bearer #{token}"}], else: []

    case Httpc.request(method, url, headers, body, connect_timeout: 5_000, ssl: tls) do
      {:ok, {401, _text}} when token == nil ->
        {:error,
         unavailable(
           "it wants a key: set FORMDB_TOKEN to an API key or token with the scope admin"
         )}

      {:ok, {status, text}} ->
        answered(status, text)

      {:error, reason} ->
        {:error, unreachable(url, Httpc.worded(reason))}
    end
  end

  defp unreachable(url, why) do
    detail =
      "a server has the database open, and none can be asked at #{address(url)} (#{why}): set FORMDB_URL to " <>
        "its address, or give this command the settings of the server"

    %Error{code: :backup_refused, detail: detail}
  end

  defp address(url), do: url |> URI.parse() |> Map.merge(%{path: nil, query: nil}) |> to_string()

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
