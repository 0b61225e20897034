defmodule FormdbHttpWeb.Auth.ApiKeys do
  @moduledoc false
  # API keys and the file of them. A key is 32 random bytes, so that its SHA-256 is as good as any
  # slow hash: nobody can try them all. The file has no key in it.

  alias FormdbHttpWeb.Auth.{Entries, Scopes}

  @prefix "formdb_"
  @bytes 32
  # In characters, without padding.
  @length 43

  @type entry :: %{
          name: String.t(),
          sha256: binary(),
          scopes: Scopes.t(),
          created: String.t() | nil,
          expires: DateTime.t() | nil
        }

  @doc "A new key."
  @spec new() :: String.t()
  def new, do: @prefix <> Base.url_encode64(:crypto.strong_rand_bytes(@bytes), padding: false)

  @doc """
  Makes a key, enters it into the file at `path`, and gives it: there is no other way to have it.
  `expires` is `12h`, `90d` or a time to come.
  """
  @spec create(Path.t(), String.t(), String.t(), String.t() | nil) ::
          {:ok, String.t()} | {:error, String.t()}
  def create(path, name, scope, expires) do
    key = new()

    with :ok <- Entries.check_name(name),
         {:ok, scopes} <- Scopes.parse(scope),
         {:ok, expires} <- until(expires),
         entry = %{
           name: name,
           sha256: hash(key),
           scopes: scopes,
           created: Entries.moment(),
           expires: expires
         },
         :ok <- Entries.add(path, __MODULE__, entry),
         do: {:ok, key}
  end

  @seconds %{"h" => 3_600, "d" => 86_400}

  defp until(nil), do: {:ok, nil}

  defp until(text) do
    case Regex.run(~r/\A([0-9]{1,5})([hd])\z/, text, capture: :all_but_first) do
      [number, unit] ->
        now = DateTime.truncate(DateTime.utc_now(), :second)
        {:ok, DateTime.add(now, String.to_integer(number) * @seconds[unit])}

      nil ->
        with {:error, _why} <- expires(text),
             do: {:error, "--expires is #{text}; expected 12h, 90d or 2027-01-31T00:00:00Z"}
    end
    |> to_come(text)
  end

  # A key that nobody could use is a slip.
  defp to_come({:ok, time}, text) do
    if DateTime.compare(time, DateTime.utc_now()) == :gt,
      do: {:ok, time},
      else:
        {:error, "--expires is #{text}, which is past; expected a time to come, or 12h or 90d"}
  end

  defp to_come(error, _text), do: error

  @doc "Whether a credential is a key, of whatever server."
  @spec key?(String.t()) :: boolean()
  def key?(@prefix <> rest), do: byte_size(rest) == @length
  def key?(_other), do: false

  @doc "What is stored of a key."
  @spec hash(String.t()) :: binary()
  def hash(key), do: :crypto.hash(:sha256, key)

  @doc "The entries of a file, from its text."
  @spec parse(String.t()) :: {:ok, [entry()]} | {:error, String.t()}
  def parse(text) do
    with {:ok, entries} <- Entries.parse(text, "keys", ["name", "sha256", "scope"], &entry/1),
         do: check_hashes(entries)
  end

  # Who has it would be one of two, and revoking one would not revoke it.
  defp check_hashes(entries) do
    case entries -- Enum.uniq_by(entries, & &1.sha256) do
      [] -> {:ok, entries}
      [%{name: name} | _] -> {:error, "the key of #{name} is in it under another name, too"}
    end
  end

  defp entry(%{"sha256" => sha256, "scope" => scope} = map) do
    with {:ok, hash} <- hash_of(sha256),
         {:ok, scopes} <- Scopes.parse(scope),
         {:ok, expires} <- expires(map["expires"]) do
      {:ok,
       %{
         name: map["name"],
         sha256: hash,
         scopes: scopes,
         created: map["created"],
         expires: expires
       }}
    end
  end

  defp hash_of(text) do
    with {:ok, <<_::256>> = hash} <- Base.decode16(text, case: :mixed),
         do: {:ok, hash},
         else: (_other -> {:error, "its sha256 is not 64 hexadecimal digits"})
  end

  defp expires(nil), do: {:ok, nil}

  defp expires(text) when is_binary(text) do
    with {:ok, time, _offset} <- DateTime.from_iso8601(text),
         do: {:ok, time},
         else: (_other -> {:error, "its expires is not a time such as 2026-12-31T00:00:00Z"})
  end

  defp expires(_other), do: expires("")

  @doc "The text of a file with these entries."
  @spec text([entry()]) :: iodata()
  def text(entries) do
    Entries.text("keys", entries, fn entry ->
      [
        name: entry.name,
        sha256: Base.encode16(entry.sha256, case: :lower),
        scope: Scopes.text(entry.scopes),
        created: entry.created
      ] ++ if(entry.expires, do: [expires: DateTime.to_iso8601(entry.expires)], else: [])
    end)
  end
end
