defmodule FormdbHttpWeb.WatchedFile do
  @moduledoc false
  # A file that is read again when it has changed. What cannot be read, or understood, changes
  # nothing: what was read before stays in force, and the log says so once.

  require Logger

  alias FormdbHttp.SecretFile

  # A list of 100,000 keys has some 20 MB.
  @most_bytes 33_554_432
  # Times of files may have whole seconds: one that is written twice within one looks the same, so
  # that young files are read each time.
  @young_seconds 3

  @enforce_keys [:setting, :path, :parse, :secret?]
  defstruct @enforce_keys ++ [:seen, :digest, :problem, emptied: false]

  @type t :: %__MODULE__{
          setting: String.t(),
          path: Path.t(),
          parse: (String.t() -> {:ok, term()} | {:error, String.t()}),
          secret?: boolean(),
          seen: tuple() | nil,
          digest: binary() | nil,
          problem: String.t() | nil,
          emptied: boolean()
        }

  @doc "Reads it for the first time; what is wrong is a sentence. Of a secret it is looked at who may read it."
  @spec open(
          String.t(),
          Path.t(),
          (String.t() -> {:ok, term()} | {:error, String.t()}),
          secret? :: boolean()
        ) :: {:ok, term(), t()} | {:error, String.t()}
  def open(setting, path, parse, secret? \\ true) do
    file = %__MODULE__{setting: setting, path: path, parse: parse, secret?: secret?}

    case look(file) do
      {:changed, content, file} -> {:ok, content, file}
      {:problem, why, _file} -> {:error, "#{setting} is #{path}: #{why}"}
    end
  end

  @doc "Reads it again if it has changed."
  @spec poll(t()) :: {:changed, term(), t()} | {:same, t()}
  def poll(%{problem: problem} = file) do
    case look(file) do
      {:changed, content, file} ->
        Logger.info("#{file.setting}: #{file.path} was read again")
        {:changed, content, file}

      {:same, file} ->
        {:same, file}

      {:problem, ^problem, file} ->
        {:same, file}

      {:problem, why, file} ->
        Logger.error(
          "#{file.setting} is #{file.path}: #{why}. What was read before stays in force"
        )

        {:same, %{file | problem: why}}
    end
  end

  defp look(file) do
    with {:ok, stat} <- File.stat(file.path, time: :posix),
         seen = {stat.inode, stat.size, stat.mtime},
         false <- seen == file.seen and not young?(stat),
         :ok <- check_size(stat),
         {:ok, text} <- File.read(file.path) do
      read(%{file | seen: seen}, stat, text)
    else
      true ->
        {:same, file}

      {:error, reason} when is_atom(reason) ->
        problem(file, "it cannot be read: #{:file.format_error(reason)}")

      {:error, why} ->
        problem(file, why)
    end
  end

  defp young?(stat), do: System.os_time(:second) - stat.mtime < @young_seconds

  defp check_size(%{size: size}) when size > @most_bytes,
    do: {:error, "it has #{size} bytes; at most #{@most_bytes} are taken"}

  defp check_size(_stat), do: :ok

  defp read(file, stat, text) do
    digest = :crypto.hash(:sha256, text)

    cond do
      digest == file.digest ->
        {:same, %{file | emptied: false}}

      # Whoever writes it in place empties it first, and nobody is to be locked out for that
      # moment: it has to be found empty twice.
      file.digest != nil and not file.emptied and String.trim(text) == "" ->
        {:same, %{file | emptied: true, seen: nil}}

      not String.valid?(text) ->
        problem(%{file | digest: digest}, "it is no text in UTF-8")

      true ->
        with {:ok, content} <- file.parse.(text) do
          if can = file.secret? && SecretFile.exposed(stat),
            do:
              Logger.warning("#{file.setting}: all users of this machine can #{can} #{file.path}")

          {:changed, content, %{file | digest: digest, problem: nil, emptied: false}}
        else
          {:error, why} -> problem(%{file | digest: digest}, why)
        end
    end
  end

  # What is put back as it was read before is no change.
  defp problem(file, why), do: {:problem, why, file}
end
