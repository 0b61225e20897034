defmodule FormdbHttp.Webhooks.SideFiles do
  @moduledoc false
  # What of webhooks does not stand in the journal, in the folder `webhooks` of the database: for
  # its owner alone, and synced before it counts.
  #
  #   ID.N.address   the address, as the webhook has it that says `"address": N`
  #   ID.cursor      up to where events were confirmed
  #   ID.state       why it was stopped, and its dead letters
  #
  # Ids have no dot.

  alias FormdbHttp.{JSON, SecretFile}

  @folder "webhooks"

  @doc "The folder of a database's, which is made with the first file."
  @spec folder(Path.t(), String.t()) :: Path.t()
  def folder(data_dir, database), do: Path.join([data_dir, database, @folder])

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

  @doc "Removes all files of a webhook but those that are `kept`."
  @spec remove(Path.t(), String.t(), [String.t()]) :: :ok
  def remove(folder, id, kept \\ []) do
    # Also what a crash left of a file that was being written.
    for name <- names(folder), owner(name) == id, name not in kept do
      File.rm_rf(Path.join(folder, name))
    end

    :ok
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

  ## Addresses

  @spec address_name(String.t(), pos_integer()) :: String.t()
  def address_name(id, number), do: "#{id}.#{number}.address"

  @doc "The text of an address, with the seal of the server that wrote it."
  @spec write_address(Path.t(), String.t(), pos_integer(), {String.t(), String.t()}) ::
          :ok | {:error, String.t()}
  def write_address(folder, id, number, {text, seal}),
    do: write(folder, address_name(id, number), JSON.encode(address: text, seal: seal))

  @spec read_address(Path.t(), String.t(), pos_integer()) :: {String.t(), String.t()} | nil
  def read_address(folder, id, number) do
    case read_json(folder, address_name(id, number)) do
      %{"address" => text, "seal" => seal} when is_binary(text) and is_binary(seal) ->
        {text, seal}

      _none ->
        nil
    end
  end

  ## What became of it

  @spec write_state(Path.t(), String.t(), map()) :: :ok | {:error, String.t()}
  def write_state(folder, id, state), do: write(folder, id <> ".state", JSON.encode(state))

  @doc "What was written last: a map with text keys, empty where there is none."
  @spec read_state(Path.t(), String.t()) :: map()
  def read_state(folder, id) do
    case read_json(folder, id <> ".state") do
      %{} = state -> state
      _none -> %{}
    end
  end

  defp read_json(folder, name) do
    with {:ok, text} <- File.read(Path.join(folder, name)),
         {:ok, value} <- JSON.decode(text),
         do: value
  end
end
