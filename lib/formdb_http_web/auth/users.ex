defmodule FormdbHttpWeb.Auth.Users do
  @moduledoc false
  # Users and the file of them, with their passwords as Argon2id hashes.

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.Auth.{Entries, Scopes}

  @type entry :: %{
          name: String.t(),
          password: String.t(),
          scopes: Scopes.t(),
          created: String.t() | nil
        }

  # A hash in the file decides what checking it costs: what a mistake could write there is not to
  # take all memory.
  @most_kib 262_144
  @most_passes 16

  # What can be guessed in as many attempts as a server lets through would be no protection.
  @fewest_characters 12

  @doc "Adds a user to the file at `path`. The password is asked for once all else is right."
  @spec add(Path.t(), String.t(), String.t(), (... -> {:ok, String.t()} | {:error, String.t()})) ::
          :ok | {:error, String.t()}
  def add(path, name, scope, password) do
    with :ok <- Entries.check_name(name),
         {:ok, scopes} <- Scopes.parse(scope),
         {:ok, hash} <- hashed(password) do
      entry = %{name: name, password: hash, scopes: scopes, created: Entries.moment()}
      Entries.add(path, __MODULE__, entry)
    end
  end

  @doc "Gives a user another password."
  @spec change_password(Path.t(), String.t(), (... -> {:ok, String.t()} | {:error, String.t()})) ::
          :ok | {:error, String.t()}
  def change_password(path, name, password) do
    with {:ok, entries} <- Entries.read(path, __MODULE__),
         :ok <- check_there(entries, path, name),
         {:ok, hash} <- hashed(password) do
      Entries.change(path, __MODULE__, fn entries ->
        # Meanwhile another command may have removed them.
        with :ok <- check_there(entries, path, name),
             do:
               {:ok,
                Enum.map(entries, &if(&1.name == name, do: %{&1 | password: hash}, else: &1))}
      end)
    end
  end

  defp check_there(entries, path, name) do
    if Enum.any?(entries, &(&1.name == name)),
      do: :ok,
      else: {:error, Entries.none(path, name)}
  end

  defp hashed(ask) do
    with {:ok, password} <- ask.(), :ok <- check_password(password) do
      with {:error, error} <- Serving.hash_password(password), do: {:error, error.detail}
    end
  end

  defp check_password(password) do
    cond do
      not String.valid?(password) ->
        {:error, "the password is no text in UTF-8"}

      String.length(password) < @fewest_characters ->
        {:error,
         "the password has #{String.length(password)} characters; give at least #{@fewest_characters}"}

      byte_size(password) > Serving.most_password_bytes() ->
        {:error, "the password has more than #{Serving.most_password_bytes()} bytes"}

      true ->
        :ok
    end
  end

  @doc "The entries of a file, from its text."
  @spec parse(String.t()) :: {:ok, [entry()]} | {:error, String.t()}
  def parse(text), do: Entries.parse(text, "users", ["name", "password", "scope"], &entry/1)

  defp entry(%{"password" => password, "scope" => scope} = map) do
    with :ok <- check_hash(password), {:ok, scopes} <- Scopes.parse(scope) do
      {:ok, %{name: map["name"], password: password, scopes: scopes, created: map["created"]}}
    end
  end

  defp check_hash(text) do
    with [_all, kib, passes, _lanes] <- Regex.run(hash(), text),
         true <- String.to_integer(kib) in 8..@most_kib,
         true <- String.to_integer(passes) in 1..@most_passes do
      :ok
    else
      _other -> {:error, "its password is no Argon2id hash; mix formdb.users makes one"}
    end
  end

  defp hash do
    ~r/\A\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=([1-4])\$[A-Za-z0-9+\/]{11,86}\$[A-Za-z0-9+\/]{22,86}\z/
  end

  @doc "The text of a file with these entries."
  @spec text([entry()]) :: iodata()
  def text(entries) do
    Entries.text("users", entries, fn entry ->
      [
        name: entry.name,
        password: entry.password,
        scope: Scopes.text(entry.scopes),
        created: entry.created
      ]
    end)
  end
end
