defmodule FormdbHttp.Backup do
  @moduledoc false
  # Backups. FormdbHttp documents the functions for a server; those on folders that nobody has
  # open need no application, and are what the Mix tasks call, too. The engine works on threads
  # of its own, and gives up when the process ends that waits for it.

  alias FormdbHttp.Backup.Jobs
  alias FormdbHttp.{Catalog, Engine, Error, Input, JSON, Native, Types}

  # Of a database beside its journal. Webhooks have theirs there.
  @folders ["webhooks"]

  @type progress :: Types.Backup.progress()

  ## Of a server

  @spec create_backup(Types.database(), keyword()) :: Types.result(Types.Backup.t())
  def create_backup(database, opts) do
    opts = Input.options!(opts, [:name, :wait_ms])
    name = opts[:name] || default_name()

    with :ok <- check_name(name),
         :ok <- Engine.check_open(database),
         {:ok, folder} <- folder(),
         do: Jobs.run(database, name, Path.join([folder, database, name]), opts[:wait_ms])
  end

  @spec backups(Types.database()) :: Types.result([Types.Backup.t()])
  def backups(database) do
    with :ok <- Engine.check_open(database),
         {:ok, folder} <- folder(),
         {:ok, listed} <- list(Path.join(folder, database)) do
      {:ok, Enum.sort_by(listed ++ Jobs.of(database), &{&1[:time] || "~", &1.name})}
    end
  end

  @doc "The folder of backups in force, or the error that none is set, or that it is gone."
  @spec folder() :: Types.result(Path.t())
  def folder do
    case Catalog.config().backup_dir do
      nil ->
        {:error,
         %Error{
           code: :backups_not_configured,
           detail:
             "this server has no folder for backups: set FORMDB_BACKUP_DIR to one, best on another disk, and start it again"
         }}

      folder ->
        with :ok <- check_folder(folder), do: {:ok, folder}
    end
  end

  # It is not made where it is missing: it may be one of a disk that is not mounted.
  defp check_folder(folder) do
    case File.stat(folder) do
      {:ok, %{type: :directory}} ->
        :ok

      {:ok, _file} ->
        {:error, gone("FORMDB_BACKUP_DIR: #{folder} is no folder any more")}

      {:error, :enoent} ->
        {:error, gone(missing(folder))}

      {:error, reason} ->
        {:error, gone("FORMDB_BACKUP_DIR: #{folder}: #{:file.format_error(reason)}")}
    end
  end

  defp gone(detail), do: %Error{code: :io_error, detail: detail}

  @doc "That the folder of backups is not there, in words."
  @spec missing(Path.t()) :: String.t()
  def missing(folder),
    do: "FORMDB_BACKUP_DIR: #{folder} is not there; make it, or mount its disk"

  @doc "A name by the time, for a backup that is given none: no two are begun in the same microsecond."
  @spec default_name() :: String.t()
  def default_name do
    now = DateTime.utc_now()
    {micros, _digits} = now.microsecond
    # All six digits, so that names are in the order of the time.
    Calendar.strftime(%{now | microsecond: {micros, 6}}, "%Y-%m-%dt%H-%M-%S-%fz")
  end

  @doc "Checks the name of a backup, which is that of a folder, too."
  @spec check_name(term()) :: :ok | {:error, Error.t()}
  def check_name(name) do
    if is_binary(name) and name =~ ~r/\A[a-z0-9][a-z0-9_-]{0,62}\z/ do
      :ok
    else
      shown = if is_binary(name), do: inspect(name, binaries: :as_strings), else: "that"

      detail =
        "#{shown} cannot be the name of a backup; expected 1 to 63 of a-z, 0-9, - and _, the first a letter or digit"

      {:error, %Error{code: :invalid_name, detail: detail, pointer: "/name"}}
    end
  end

  @doc """
  Takes a backup of an open database into the folder `to`, in this process; `progress` is called
  with bytes done and in all.
  """
  @spec take(Types.database(), Path.t(), progress()) :: Types.result(Types.Backup.report())
  def take(database, to, progress) do
    options = options(database, Catalog.config().backup_bytes_per_second)
    Engine.work(&Native.backup_open(Catalog.handle(), to, options, &1), progress)
  end

  ## Of folders

  @doc "The same of a database in a folder that nobody has open: all of it is read and checked."
  @spec take_closed(Path.t(), Path.t(), progress()) :: Types.result(Types.Backup.report())
  def take_closed(from, to, progress) do
    options = options(Path.basename(from), 0)
    Engine.work(&Native.backup_closed(from, to, options, &1), progress)
  end

  defp options(database, bytes_per_second),
    do: %{database: database, folders: @folders, bytes_per_second: bytes_per_second}

  @doc "The backups in a folder, by name: what each says of itself, or `:error`."
  @spec list(Path.t()) :: Types.result([Types.Backup.t()])
  def list(folder) do
    with {:ok, listed} <- Engine.native(Native.backup_list(folder)) do
      {:ok,
       for {name, manifest} <- listed do
         case Engine.native(manifest) do
           {:ok, manifest} -> Map.merge(manifest, %{name: name, state: :whole})
           {:error, error} -> %{name: name, state: :damaged, error: error}
         end
       end}
    end
  end

  @doc "Checks every byte of a backup."
  @spec verify(Path.t(), progress()) :: Types.result(Types.Backup.manifest())
  def verify(dir, progress),
    do: (&Native.backup_verify(dir, &1)) |> Engine.work(progress) |> explained(dir)

  @doc """
  Makes a database in the folder `to`, which is not there yet, of a backup: up to the block
  `until`, or the whole transaction before it, or all of it.
  """
  @spec restore(Path.t(), Path.t(), non_neg_integer() | nil, progress()) ::
          Types.result(Types.Backup.restored())
  def restore(from, to, until, progress) do
    (&Native.backup_restore(from, to, until, &1))
    |> Engine.work(progress)
    |> explained(from)
  end

  # What there is in the place of a backup.
  defp explained({:error, %Error{code: :backup_not_found} = error}, dir) do
    case instead(dir) do
      nil -> {:error, error}
      detail -> {:error, %{error | detail: detail}}
    end
  end

  defp explained(result, _dir), do: result

  defp instead(dir) do
    names = with {:ok, names} <- File.ls(dir), do: names, else: ({:error, _reason} -> [])

    cond do
      part?(names) ->
        "#{dir} has no MANIFEST.json, which a whole backup has: it was not copied to its end, or has lost it"

      backup = newest(dir, names) ->
        "#{dir} is no backup but a folder of backups; name one of them, such as #{backup}"

      true ->
        nil
    end
  end

  defp part?(names), do: Enum.any?(~w(MANIFEST.sha256 files), &(&1 in names))

  # One that says of itself that it is a backup; in the folder of those of all databases, of any of these.
  defp newest(dir, names) do
    paths = names |> Enum.sort(:desc) |> Enum.map(&Path.join(dir, &1))

    Enum.find(paths, &manifest?/1) ||
      paths
      |> Enum.flat_map(&Path.wildcard(Path.join(&1, "*")))
      |> Enum.sort(:desc)
      |> Enum.find(&manifest?/1)
  end

  defp manifest?(dir), do: File.regular?(Path.join(dir, "MANIFEST.json"))

  ## Dumps

  @doc "Writes an open database as lines of JSON into the file `to`."
  @spec dump(Types.database(), Path.t(), progress()) :: Types.result(Types.Backup.dump())
  def dump(database, to, progress),
    do: Engine.work(&Native.dump_open(Catalog.handle(), database, to, &1), progress)

  @doc "The same of a database in a folder that nobody has open, or of a backup."
  @spec dump_closed(Path.t(), Path.t(), progress()) :: Types.result(Types.Backup.dump())
  def dump_closed(dir, to, progress) do
    {from, name} =
      with {:ok, text} <- File.read(Path.join(dir, "MANIFEST.json")),
           {:ok, %{"database" => name}} when is_binary(name) <- JSON.decode(text),
           do: {Path.join(dir, "files"), name},
           else: (_none -> {dir, dir |> Path.expand() |> Path.basename()})

    with {:error, error} <- Engine.work(&Native.dump_closed(from, name, to, &1), progress) do
      # One that has no journal may be a folder of backups, or a part of one.
      if from == dir and not File.dir?(Path.join(dir, "journal")) and instead(dir),
        do: {:error, %{error | detail: instead(dir)}},
        else: {:error, error}
    end
  end

  @doc "Makes a database in the folder `to` of a dump; progress is told in blocks."
  @spec load_dump(Path.t(), Path.t(), progress()) :: Types.result(Types.Backup.loaded())
  def load_dump(from, to, progress), do: Engine.work(&Native.dump_load(from, to, &1), progress)
end
