defmodule FormdbHttp.DataFolder do
  @moduledoc false
  # The names of the databases on disk: read from the folder, and remembered, so that
  # probes and metrics need no file. What others put there or take away while the server
  # runs is known once somebody lists the folder.

  alias FormdbHttp.{Catalog, Database, Error, Native, Types}

  @doc "The memory, of the process that calls this."
  @spec new() :: :ets.table()
  def new, do: :ets.new(__MODULE__, [:named_table, :public, read_concurrency: true])

  @doc "The names in the folder, sorted: `{:ok, names}`, or the engine's error."
  @spec list() :: {:ok, [Types.database()]} | {:error, tuple()}
  def list do
    with {:ok, names} <- Native.database_list(Catalog.handle()) do
      :ets.insert(__MODULE__, for(name <- names, do: {name}))
      for name <- remembered() -- names, Database.status(name) == nil, do: forget(name)
      {:ok, names}
    end
  end

  @doc "The names as far as they are known, sorted. No file is touched."
  @spec names() :: [Types.database()]
  def names do
    (remembered() ++ Map.keys(Database.statuses())) |> Enum.uniq() |> Enum.sort()
  end

  defp remembered, do: for({name} <- :ets.tab2list(__MODULE__), do: name)

  @doc "Whether a database by this name is known to be there."
  @spec member?(Types.database()) :: boolean()
  def member?(name), do: :ets.member(__MODULE__, name) or Database.status(name) != nil

  @doc "The folder is not the one that was opened any more, and why."
  @spec lost(Error.t()) :: true
  def lost(error), do: :ets.insert(__MODULE__, {:lost, error})

  @doc "It is, or is again."
  @spec found() :: true
  def found, do: :ets.delete(__MODULE__, :lost)

  @doc "Why the folder is gone, or `nil`: as of a moment ago, from memory."
  @spec why_lost() :: Error.t() | nil
  def why_lost do
    with [{:lost, error}] <- :ets.lookup(__MODULE__, :lost), do: error, else: (_ -> nil)
  end

  @doc "A database was made."
  @spec add(Types.database()) :: true
  def add(name), do: :ets.insert(__MODULE__, {name})

  @doc "A database was removed."
  @spec forget(Types.database()) :: true
  def forget(name), do: :ets.delete(__MODULE__, name)
end
