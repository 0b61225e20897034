defmodule FormdbHttpCli.Keys do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.JSON
  alias FormdbHttpCli.Command
  alias FormdbHttpWeb.Auth.{ApiKeys, Entries, Scopes}

  @usage ~s(usage: mix formdb.keys create NAME --scope "read:* write:team-*" [--expires 90d], ) <>
           "mix formdb.keys list, or mix formdb.keys revoke NAME; the file is the setting " <>
           "FORMDB_API_KEYS_FILE, or --file PATH"

  @impl true
  def summary, do: "Makes, lists and revokes API keys"

  @impl true
  def help do
    """
    Makes, lists and revokes API keys, in the file that the setting FORMDB_API_KEYS_FILE names, or
    `--file`.

        mix formdb.keys create NAME --scope "read:* write:team-*" [--expires 90d]
        mix formdb.keys list
        mix formdb.keys revoke NAME

    `create` prints the key, this once: the file holds its SHA-256 alone. NAME is what the journal calls
    whoever uses it, as `key:NAME`. The scope is ACT:DATABASE with spaces between; an act is `read`,
    `write` or `admin`, of which each implies those before it; a database is a name, the beginning of names
    with a star after it, or a star alone. `--expires` is a number of hours (`12h`) or days (`90d`), or a
    time (`2027-01-31T00:00:00Z`). `list` prints a JSON object a line.

    A server that runs with this file knows of the change within two seconds. It need not run.
    """
  end

  @impl true
  def run(arguments) do
    strict = [file: :string, scope: :string, expires: :string]

    case OptionParser.parse(arguments, strict: strict) do
      {options, ["create", name], []} -> create(file(options), name, scoped(options))
      {options, ["list"], []} -> list(file(options))
      {options, ["revoke", name], []} -> revoke(file(options), name)
      _other -> Command.refuse(@usage)
    end
  end

  defp file(options) do
    options[:file] || System.get_env("FORMDB_API_KEYS_FILE") ||
      Command.refuse("which file? " <> @usage)
  end

  defp scoped(options) do
    if options[:scope],
      do: options,
      else:
        Command.refuse(~s(what may it do? Say --scope, such as "read:* write:team-*". ) <> @usage)
  end

  defp create(file, name, options) do
    with {:ok, key} <- ApiKeys.create(file, name, options[:scope], options[:expires]) do
      Command.say(key)
    else
      {:error, why} -> Command.refuse(why)
    end
  end

  defp list(file) do
    case Entries.read(file, ApiKeys) do
      {:ok, entries} -> Enum.each(entries, &Command.say(line(&1)))
      {:error, why} -> Command.refuse(why)
    end
  end

  defp line(entry) do
    expires = if entry.expires, do: [expires: DateTime.to_iso8601(entry.expires)], else: []
    members = [name: entry.name, scope: Scopes.text(entry.scopes), created: entry.created]
    JSON.text(members ++ expires)
  end

  defp revoke(file, name) do
    with {:error, why} <- Entries.remove(file, ApiKeys, name), do: Command.refuse(why)
    Command.say("#{name} is revoked")
  end
end
