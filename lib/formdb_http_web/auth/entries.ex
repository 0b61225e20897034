defmodule FormdbHttpWeb.Auth.Entries do
  @moduledoc false
  # Files with a list of entries that have names: JSON, an entry a line. They are changed by the
  # commands, one at a time, and read by the server.

  alias FormdbHttp.{JSON, Serving}
  alias FormdbHttp.SecretFile
  alias FormdbHttpWeb.Problem

  @most 100_000
  # For a command that changes the file at the same time.
  @patience_ms 10_000
  @look_again_ms 20

  @type entry :: %{required(:name) => String.t(), optional(atom()) => term()}

  @doc "Refuses what is no name, with a sentence. Names are such that they can be told in one line."
  @spec check_name(term()) :: :ok | {:error, String.t()}
  def check_name(name) do
    if is_binary(name) and name =~ ~r/\A[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}\z/,
      do: :ok,
      else:
        {:error,
         "the name is #{Problem.show_json(name)}; expected 1 to 128 letters, digits and . _ @ + -, of " <>
           "which the first is a letter or a digit"}
  end

  @doc """
  The entries under the name `list`: each an object whose members `texts` are text, which `read`
  takes apart. The empty text has none.
  """
  @spec parse(
          String.t(),
          String.t(),
          [String.t()],
          (map() -> {:ok, entry()} | {:error, String.t()})
        ) ::
          {:ok, [entry()]} | {:error, String.t()}
  def parse(text, list, texts, read) do
    with {:ok, items} <- items(text, list),
         {:ok, entries} <- entries(items, texts, read),
         do: check_names(entries)
  end

  defp items(text, list) do
    if String.trim(text) == "" do
      {:ok, []}
    else
      case JSON.decode(text) do
        {:ok, %{^list => items}} when is_list(items) and length(items) <= @most ->
          {:ok, items}

        {:ok, %{^list => items}} when is_list(items) ->
          {:error, "it has more than #{@most} entries"}

        {:ok, _other} ->
          {:error, ~s(it is not an object with a list "#{list}")}

        {:error, error} ->
          {:error, "it is no JSON: #{error.detail}"}
      end
    end
  end

  defp entries(items, texts, read) do
    items
    |> Enum.with_index(1)
    |> Enum.reduce_while({:ok, []}, fn {item, place}, {:ok, entries} ->
      with :ok <- check_texts(item, texts),
           :ok <- check_name(item["name"]),
           {:ok, entry} <- read.(item) do
        {:cont, {:ok, [entry | entries]}}
      else
        {:error, why} -> {:halt, {:error, "entry #{place}: #{why}"}}
      end
    end)
  end

  defp check_texts(%{} = item, texts) do
    case Enum.find(texts, &(not is_binary(item[&1]))) do
      nil -> :ok
      name -> {:error, "its #{name} is missing, or no text"}
    end
  end

  defp check_texts(_other, _texts), do: {:error, "it is no object"}

  # In their order.
  defp check_names(entries) do
    names = Enum.map(entries, & &1.name)

    case names -- Enum.uniq(names) do
      [] -> {:ok, Enum.reverse(entries)}
      [name | _] -> {:error, "there are two of the name #{name}"}
    end
  end

  @doc "The text of a file; `members` has those of an entry."
  @spec text(String.t(), [entry()], (entry() -> keyword())) :: iodata()
  def text(list, [], _members), do: [~s({"), list, ~s(":[]}\n)]

  def text(list, entries, members) do
    lines = entries |> Enum.map(&JSON.encode(members.(&1))) |> Enum.intersperse(",\n")
    [~s({"), list, ~s(":[\n), lines, "\n]}\n"]
  end

  @doc "The entries of the file at `path`, which need not be there."
  @spec read(Path.t(), module()) :: {:ok, [entry()]} | {:error, String.t()}
  def read(path, module) do
    case File.read(path) do
      {:ok, text} -> with {:error, why} <- module.parse(text), do: {:error, "#{path}: #{why}"}
      {:error, :enoent} -> {:ok, []}
      {:error, reason} -> {:error, "#{path} cannot be read: #{:file.format_error(reason)}"}
    end
  end

  @doc """
  Makes of the entries of the file at `path` what `change` does, which may refuse. Of those that do
  this at the same time, in whatever process, each sees what the one before has written.
  """
  @spec change(Path.t(), module(), ([entry()] -> {:ok, [entry()]} | {:error, String.t()})) ::
          :ok | {:error, String.t()}
  def change(path, module, change) do
    with {:ok, lock} <- lock(path <> ".lock", now() + @patience_ms) do
      try do
        with {:ok, entries} <- read(path, module),
             {:ok, entries} <- change.(entries),
             do: SecretFile.write(path, module.text(entries), &warn/1)
      after
        Serving.unlock_file(lock)
      end
    end
  end

  # Standard output may hold the key alone.
  defp warn(sentence), do: IO.puts(:stderr, sentence)

  @doc "Takes the entry of that name out of the file."
  @spec remove(Path.t(), module(), String.t()) :: :ok | {:error, String.t()}
  def remove(path, module, name) do
    change(path, module, fn entries ->
      case Enum.split_with(entries, &(&1.name == name)) do
        {[], _entries} -> {:error, none(path, name)}
        {[_entry], others} -> {:ok, others}
      end
    end)
  end

  @doc "The sentence that there is none of that name."
  @spec none(Path.t(), String.t()) :: String.t()
  def none(path, name), do: "there is no #{Problem.show(name)} in #{path}"

  @doc "Adds an entry, unless there is one of its name."
  @spec add(Path.t(), module(), entry()) :: :ok | {:error, String.t()}
  def add(path, module, entry) do
    change(path, module, fn entries ->
      if Enum.any?(entries, &(&1.name == entry.name)),
        do: {:error, "there is a #{entry.name} in #{path} already"},
        else: {:ok, entries ++ [entry]}
    end)
  end

  @doc "This moment, as files have it."
  @spec moment() :: String.t()
  def moment, do: DateTime.utc_now() |> DateTime.truncate(:second) |> DateTime.to_iso8601()

  defp lock(path, deadline) do
    case Serving.lock_file(path) do
      {:ok, nil} ->
        if now() > deadline do
          {:error, "another command has been changing the file for long: #{path} is locked"}
        else
          Process.sleep(@look_again_ms)
          lock(path, deadline)
        end

      {:ok, lock} ->
        {:ok, lock}

      {:error, error} ->
        {:error, error.detail}
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
