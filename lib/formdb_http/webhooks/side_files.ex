defmodule FormdbHttp.Webhooks.SideFiles do
  @moduledoc false
  # What of webhooks does not stand in the journal, in the folder `webhooks` of the database: for
  # its owner alone, and synced before it counts.
  #
  #   ID.NONCE.N.address   the address, as the webhook has it that says `"address": N`
  #   ID.NONCE.N.cursor    up to where events were confirmed since it says `"since": N`
  #   ID.NONCE.state       why it was stopped, and its dead letters
  #
  # Ids have no dot. The nonce is that of the registration: another one of the same id has files
  # of its own, whatever is left of the first.
  #
  # Files are read in the process that asks, and only such that end: the server of files that all
  # share would wait for a pipe with everybody.

  alias FormdbHttp.{JSON, SecretFile}
  alias FormdbHttp.Webhooks.Registration

  @folder "webhooks"

  @doc "The folder of a database's, which is made with the first file."
  @spec folder(Path.t(), String.t()) :: Path.t()
  def folder(data_dir, database), do: Path.join([data_dir, database, @folder])

  @doc "The name of a file of a webhook."
  @spec name(Registration.t(), :address | :cursor | :state) :: String.t()
  def name(%{id: id, nonce: nonce, numbers: numbers}, kind) do
    case kind do
      :address -> "#{id}.#{nonce}.#{numbers.address}.address"
      :cursor -> "#{id}.#{nonce}.#{numbers.since}.cursor"
      :state -> "#{id}.#{nonce}.state"
    end
  end

  @doc "Writes a file, as a whole or not at all."
  @spec write(Path.t(), String.t(), iodata()) :: :ok | {:error, String.t()}
  def write(folder, name, content) do
    with :ok <- make(folder), do: SecretFile.write(Path.join(folder, name), content)
  end

  defp make(folder) do
    case File.mkdir(folder) do
      :ok -> File.chmod(folder, 0o700)
      {:error, :eexist} -> :ok
      {:error, reason} -> {:error, "#{folder} cannot be made: #{:file.format_error(reason)}"}
    end
  end

  @doc "What is in a file; `:none` where there is none, and why where it cannot be read."
  @spec read(Path.t(), String.t()) :: {:ok, binary()} | :none | {:error, String.t()}
  def read(folder, name) do
    path = String.to_charlist(Path.join(folder, name))

    with {:ok, info} <- :file.read_link_info(path, [:raw]),
         %{type: :regular, size: size} <- File.Stat.from_record(info),
         {:ok, file} <- :file.open(path, [:read, :raw, :binary]) do
      read = :file.read(file, size + 1)
      :file.close(file)

      case read do
        {:ok, bytes} -> {:ok, bytes}
        :eof -> {:ok, ""}
        {:error, reason} -> unreadable(name, reason)
      end
    else
      {:error, :enoent} -> :none
      {:error, reason} -> unreadable(name, reason)
      %File.Stat{} -> {:error, "#{name} is no regular file"}
    end
  end

  defp unreadable(name, reason),
    do: {:error, "#{name} cannot be read: #{:file.format_error(reason)}"}

  @doc "Removes all files of a webhook but those that are `kept`. Why that failed, if it did."
  @spec remove(Path.t(), String.t(), [String.t()]) :: :ok | {:error, String.t()}
  def remove(folder, id, kept \\ []) do
    # Also what a crash left of a file that was being written.
    failed =
      for name <- names(folder),
          owner(name) == id,
          name not in kept,
          {:error, reason, _file} <- [File.rm_rf(Path.join(folder, name))],
          do: "#{name} cannot be removed: #{:file.format_error(reason)}"

    if failed == [], do: :ok, else: {:error, Enum.join(failed, ", ")}
  end

  @doc "The webhooks of which there are files."
  @spec owners(Path.t()) :: [String.t()]
  def owners(folder), do: folder |> names() |> Enum.map(&owner/1) |> Enum.uniq()

  defp names(folder) do
    case File.ls(folder) do
      {:ok, names} -> names
      {:error, _none} -> []
    end
  end

  defp owner(name), do: name |> String.split(".", parts: 2) |> hd()

  @doc "Writes a map as JSON."
  @spec write_json(Path.t(), String.t(), map()) :: :ok | {:error, String.t()}
  def write_json(folder, name, map), do: write(folder, name, JSON.encode(map))

  @doc "What `write_json/3` wrote last, with text keys."
  @spec read_json(Path.t(), String.t()) :: {:ok, map()} | :none | {:error, String.t()}
  def read_json(folder, name) do
    with {:ok, text} <- read(folder, name) do
      case JSON.decode(text) do
        {:ok, %{} = map} -> {:ok, map}
        _other -> {:error, "#{name} is damaged"}
      end
    end
  end
end
