defmodule FormdbHttp.Webhooks.Known do
  @moduledoc false
  # What is known of a webhook beside the journal: its address, and up to where it was delivered;
  # and where that is not known, why.

  require Logger

  alias FormdbHttp.Webhooks.{Address, Cursor, Registration, SideFiles, Signature}

  @typedoc """
  Where it is looked for: the database and its log, the log that it was restored from, if it was,
  with the last block that it has of it, the folder of its files, and the key of the server, as a
  function, `nil` without one.
  """
  @type where :: %{
          optional(atom()) => term(),
          database: String.t(),
          log: String.t(),
          former: former() | nil,
          folder: Path.t(),
          key: (... -> binary()) | nil
        }

  @type former :: %{log: String.t(), seq: non_neg_integer()}

  @doc "What a database was restored from, by the folder of the files of its webhooks."
  @spec former(Path.t()) :: former() | nil
  def former(folder) do
    case SideFiles.read_json(Path.dirname(folder), "RESTORED.json") do
      {:ok, %{"log" => log, "tree_size" => seq}} when is_binary(log) and is_integer(seq) ->
        %{log: log, seq: seq}

      _none ->
        nil
    end
  end

  @doc """
  The address, if this server wrote it; of a database that had another name then, and may be a
  copy of it, with that name.
  """
  @spec address(where(), Registration.t()) ::
          {:ok, Address.t()} | {:copy, Address.t(), String.t()} | {:unknown, String.t()}
  def address(%{key: nil}, _webhook),
    do: {:unknown, "the server's key cannot be read; the log of the server says why"}

  def address(where, webhook) do
    with {:ok, %{"address" => text, "database" => database, "seal" => seal}}
         when is_binary(text) and is_binary(database) <-
           SideFiles.read_json(where.folder, SideFiles.name(webhook, :address)),
         log when log != nil <- sealed_as(where, database, webhook, {text, seal}),
         {:ok, address} <- Address.parse(text, true) do
      # What was restored is another database, whatever it is called.
      if database == where.database and log == where.log,
        do: {:ok, address},
        else: {:copy, address, database}
    else
      :none -> {:unknown, "there is no file of its address here; #{again()}"}
      {:error, why} when is_binary(why) -> {:unknown, "#{why}; #{again()}"}
      _other -> {:unknown, "this server did not write the file of its address; #{again()}"}
    end
  end

  defp again, do: "give the address again with PATCH"

  # The log under which it was sealed: that of the database, or the one that it was restored from.
  defp sealed_as(where, database, webhook, {text, seal}) do
    logs = [where.log | List.wrap(where.former && where.former.log)]
    Enum.find(logs, &(seal == seal(%{where | log: &1}, database, webhook, text)))
  end

  defp seal(where, database, %{id: id, nonce: nonce, numbers: numbers}, text) do
    Signature.seal(where.key.(), where.log, database, {id, nonce, numbers.address}, text)
  end

  @doc "Up to where it was delivered."
  @spec place(where(), Registration.t()) :: {:ok, Cursor.place()} | {:unknown, String.t()}
  def place(%{log: log, former: former, folder: folder}, webhook) do
    %{numbers: %{since: since}} = webhook
    name = SideFiles.name(webhook, :cursor)
    {restored, last} = if former, do: {former.log, former.seq}, else: {nil, 0}

    case Cursor.read(folder, name) do
      {:ok, %{log: ^log, since: ^since} = place} ->
        {:ok, place}

      # The side files may be a moment later than the journal beside them, or much, where the
      # database was restored to an earlier block.
      {:ok, %{log: ^restored, since: ^since} = place} ->
        {:ok, %{place | log: log, seq: min(place.seq, last)}}

      {:ok, _other} ->
        {:unknown, "#{name} is of another webhook"}

      :none ->
        {:unknown, "#{name} is missing"}

      {:error, why} ->
        {:unknown, why}
    end
  end

  @doc "Where it began."
  @spec beginning(where(), Registration.t()) :: Cursor.place()
  def beginning(%{log: log}, %{since: seq, numbers: %{since: since}}),
    do: %{seq: seq, since: since, log: log}

  @doc "Writes its address."
  @spec write_address(where(), Registration.t(), Address.t()) :: :ok | {:error, String.t()}
  def write_address(where, webhook, %Address{text: text}) do
    SideFiles.write_json(where.folder, SideFiles.name(webhook, :address), %{
      address: text,
      database: where.database,
      seal: seal(where, where.database, webhook, text)
    })
  end

  @doc "Writes that it begins."
  @spec write_beginning(where(), Registration.t()) :: :ok | {:error, String.t()}
  def write_beginning(where, webhook) do
    name = SideFiles.name(webhook, :cursor)

    with {:ok, cursor} <- Cursor.open(where.folder, name, beginning(where, webhook)),
         do: Cursor.close(cursor)
  end

  @doc "Removes the files of an id that are not those of this webhook; all of them without one."
  @spec tidy(where(), String.t(), Registration.t() | nil) :: :ok
  def tidy(where, id, webhook) do
    kept =
      if webhook,
        do: for(kind <- [:address, :cursor, :state], do: SideFiles.name(webhook, kind)),
        else: []

    with {:error, why} <- SideFiles.remove(where.folder, id, kept) do
      Logger.warning(
        "files of webhook #{id} of database #{where.database}, which may hold an address, are still there: #{why}"
      )
    end

    :ok
  end
end
