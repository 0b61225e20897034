defmodule FormdbHttpCli.Users do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.JSON
  alias FormdbHttpCli.Command
  alias FormdbHttpWeb.Auth.{Entries, Scopes, Users}

  @usage ~s(usage: mix formdb.users add NAME --scope "read:* write:team-*", mix formdb.users password NAME, ) <>
           "mix formdb.users list, or mix formdb.users remove NAME; the file is the setting " <>
           "FORMDB_USERS_FILE, or --file PATH"

  @impl true
  def summary, do: "Adds, lists and removes users"

  @impl true
  def help do
    """
    Adds, lists and removes users, in the file that the setting FORMDB_USERS_FILE names, or `--file`.

        mix formdb.users add NAME --scope "read:* write:team-*"
        mix formdb.users password NAME
        mix formdb.users list
        mix formdb.users remove NAME

    `add` and `password` ask for the password, of at least 12 characters, and do not show it; with
    `--password-stdin` they read it from standard input, as one line. The file holds its Argon2id hash.
    NAME is what the journal calls the user, as `user:NAME`. `mix help formdb.keys` says what a scope is;
    `mix formdb.users add` of a user who is there already is refused.

    A server that runs with this file knows of the change within two seconds. Who was removed, or has a
    new password, has to sign in again.
    """
  end

  @impl true
  def run(arguments) do
    strict = [file: :string, scope: :string, password_stdin: :boolean]

    case OptionParser.parse(arguments, strict: strict) do
      {options, ["add", name], []} ->
        scope = options[:scope] || ""

        told(
          Users.add(file(options), name, scope, fn -> password(options) end),
          "#{name} is added"
        )

      {options, ["password", name], []} ->
        changed = Users.change_password(file(options), name, fn -> password(options) end)
        told(changed, "#{name} has another password")

      {options, ["list"], []} ->
        list(file(options))

      {options, ["remove", name], []} ->
        told(Entries.remove(file(options), Users, name), "#{name} is removed")

      _other ->
        Command.refuse(@usage)
    end
  end

  defp file(options) do
    options[:file] || System.get_env("FORMDB_USERS_FILE") ||
      Command.refuse("which file? " <> @usage)
  end

  defp told(:ok, sentence), do: Command.say(sentence)
  defp told({:error, why}, _sentence), do: Command.refuse(why)

  defp list(file) do
    case Entries.read(file, Users) do
      {:ok, entries} ->
        Enum.each(entries, fn entry ->
          members = [name: entry.name, scope: Scopes.text(entry.scopes), created: entry.created]
          Command.say(JSON.text(members))
        end)

      {:error, why} ->
        Command.refuse(why)
    end
  end

  defp password(options) do
    if options[:password_stdin] do
      {:ok, line("")}
    else
      password = unseen("Password: ")
      if unseen("Once more: ") == password, do: {:ok, password}, else: {:error, "these differ"}
    end
  end

  # The terminal shows what is typed unless it is told not to; where there is none, nobody sees it.
  # Commands that the VM runs have none of their own, so that it is named.
  defp unseen(prompt) do
    terminal("-echo")
    line(prompt)
  after
    terminal("echo")
    IO.puts(:stderr, "")
  end

  defp terminal(mode) do
    System.cmd("sh", ["-c", ~s(exec stty "$1" <"$2"), "sh", mode, standard_input()],
      stderr_to_stdout: true
    )
  end

  defp standard_input do
    with {:error, _no_linux} <- File.read_link("/proc/#{System.pid()}/fd/0") do
      {name, 0} = System.cmd("ps", ["-o", "tty=", "-p", System.pid()])
      {:ok, "/dev/" <> String.trim(name)}
    end
    |> elem(1)
  end

  defp line(prompt) do
    IO.write(:stderr, prompt)

    case IO.gets("") do
      text when is_binary(text) -> String.replace(text, ~r/\r?\n\z/, "")
      _end_or_error -> Command.refuse("there is no password: standard input has ended")
    end
  end
end
