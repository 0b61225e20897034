defmodule FormdbHttpWeb.Auth.Scopes do
  @moduledoc false
  # What somebody may do: a list of ACT:DATABASE with spaces between. The act is read, write or
  # admin, of which each implies those before it; the database is a name, the beginning of names
  # with a star after it, or a star alone, which is all of them and the server itself. Pure.

  alias FormdbHttpWeb.DatabaseName

  @acts [:read, :write, :admin]
  @levels @acts |> Enum.with_index(1) |> Map.new()

  @type act :: :read | :write | :admin
  @type t :: [{act(), :all | {:name, String.t()} | {:prefix, String.t()}}]

  # Of tokens, whose text is not ours.
  @most_bytes 4_096

  @doc "Scopes from the text in a file of ours: at least one, and nothing else."
  @spec parse(String.t()) :: {:ok, t()} | {:error, String.t()}
  def parse(text) do
    with {:ok, scopes} <- items(text, fn item -> {:error, expected(item)} end) do
      if scopes == [], do: {:error, expected(text)}, else: {:ok, scopes}
    end
  end

  @doc """
  Scopes from the claim of a token. Words of other services, such as `openid`, say nothing here; one
  that begins as ours do has to be one.
  """
  @spec parse_claim(String.t()) :: {:ok, t()} | {:error, String.t()}
  def parse_claim(text) do
    items(text, fn item ->
      if String.starts_with?(item, ["read:", "write:", "admin:"]) or item =~ ~r/[^\x21-\x7e]/,
        do: {:error, expected(item)},
        else: :other
    end)
  end

  defp items(text, _otherwise) when byte_size(text) > @most_bytes,
    do: {:error, "the scope has #{byte_size(text)} bytes; at most #{@most_bytes} are taken"}

  defp items(text, otherwise) do
    text
    |> String.split(" ", trim: true)
    |> Enum.reduce_while({:ok, []}, fn item, {:ok, scopes} ->
      with :error <- item(item), {:error, _} = error <- otherwise.(item) do
        {:halt, error}
      else
        {:ok, scope} -> {:cont, {:ok, [scope | scopes]}}
        :other -> {:cont, {:ok, scopes}}
      end
    end)
    |> case do
      {:ok, scopes} -> {:ok, Enum.reverse(scopes)}
      error -> error
    end
  end

  defp item(text) do
    with [act, databases] when act in ["read", "write", "admin"] <-
           String.split(text, ":", parts: 2),
         {:ok, databases} <- databases(databases) do
      {:ok, {String.to_existing_atom(act), databases}}
    else
      _other -> :error
    end
  end

  defp databases("*"), do: {:ok, :all}

  defp databases(text) do
    name = String.replace_suffix(text, "*", "")

    cond do
      not DatabaseName.valid?(name) -> :error
      name == text -> {:ok, {:name, name}}
      true -> {:ok, {:prefix, name}}
    end
  end

  defp expected(found) do
    "the scope is #{FormdbHttpWeb.Problem.show(found)}; expected ACT:DATABASE with spaces between, such as " <>
      "\"read:* write:team-*\": an act is read, write or admin"
  end

  @doc "Scopes as text, as `parse/1` takes it."
  @spec text(t()) :: String.t()
  def text(scopes), do: Enum.map_join(scopes, " ", fn {act, of} -> "#{act}:#{name(of)}" end)

  defp name(:all), do: "*"
  defp name({:name, name}), do: name
  defp name({:prefix, prefix}), do: prefix <> "*"

  @doc "The most that may be done to a database, or to the server and all of them; `nil`: nothing."
  @spec most(t(), String.t() | :all) :: act() | nil
  def most(scopes, what) do
    for({act, of} <- scopes, covers?(of, what), do: act)
    |> Enum.max_by(&level/1, fn -> nil end)
  end

  defp covers?(:all, _what), do: true
  defp covers?(_some, :all), do: false
  defp covers?({:name, name}, what), do: name == what
  defp covers?({:prefix, prefix}, what), do: String.starts_with?(what, prefix)

  @doc "Whether one act is allowed where another one is."
  @spec implies?(act() | nil, act()) :: boolean()
  def implies?(allowed, act), do: level(allowed) >= level(act)

  defp level(nil), do: 0
  defp level(act), do: Map.fetch!(@levels, act)
end
