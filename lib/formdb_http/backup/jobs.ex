defmodule FormdbHttp.Backup.Jobs do
  @moduledoc false
  # The backups that are being taken: one of a database at a time, each in a process of its own,
  # which goes on when whoever asked for it does not wait any longer. How far they are, and why
  # the last one of a database failed, is in a table.

  use GenServer

  require Logger

  alias FormdbHttp.{Backup, Catalog, Config, Error, Types}

  @table __MODULE__
  @patience_ms 5_000

  @spec start_link(Config.t()) :: GenServer.on_start()
  def start_link(%Config{} = config),
    do: GenServer.start_link(__MODULE__, config, name: __MODULE__)

  @doc """
  Takes a backup, and waits for it for so many milliseconds, without a number to its end: what
  became of it, or how far it is.
  """
  @spec run(Types.database(), String.t(), Path.t(), non_neg_integer() | nil) ::
          Types.result(Types.Backup.t())
  def run(database, name, to, wait_ms) do
    with {:ok, pid} <- GenServer.call(__MODULE__, {:start, database, name, to}, :infinity) do
      monitor = Process.monitor(pid)
      send(pid, :watched)

      receive do
        {:DOWN, ^monitor, :process, ^pid, {:shutdown, {:taken, result}}} -> result
        {:DOWN, ^monitor, :process, ^pid, _reason} -> {:error, failed()}
      after
        wait_ms || :infinity ->
          Process.demonitor(monitor, [:flush])

          case of(database) do
            [%{name: ^name, state: :running} = job] -> {:ok, job}
            _over -> ended(database, name, to)
          end
      end
    end
  end

  # It was over before anybody looked.
  defp ended(database, name, to) do
    with {:ok, listed} <- Backup.list(Path.dirname(to)) do
      case {Enum.find(listed, &(&1.name == name)), of(database)} do
        {%{state: :whole} = backup, _jobs} -> {:ok, backup}
        {_none, [%{name: ^name, error: error}]} -> {:error, error}
        _unknown -> {:error, failed()}
      end
    end
  end

  defp failed, do: %Error{code: :internal_error, detail: "the backup failed; the log says why"}

  @doc "What is being taken of a database, or why the last one failed."
  @spec of(Types.database()) :: [Types.Backup.t()]
  def of(database) do
    case :ets.lookup(@table, database) do
      [{_database, job}] -> [job]
      [] -> []
    end
  end

  @impl true
  def init(config) do
    Process.flag(:trap_exit, true)
    :ets.new(@table, [:named_table, :public])

    case check(config.backup_dir) do
      :ok -> {:ok, %{}}
      {:error, why} -> {:stop, {:shutdown, why}}
    end
  end

  # A sentence for whoever started it. A folder that is missing is not made: it may be one of a
  # disk that is not mounted.
  defp check(nil), do: :ok

  defp check(folder) do
    probe = Path.join(folder, ".new-#{System.pid()}-#{System.unique_integer([:positive])}")

    with true <- File.dir?(folder) || :missing,
         :ok <- File.mkdir(probe),
         :ok <- File.rmdir(probe) do
      :ok
    else
      :missing ->
        {:error, Backup.missing(folder) <> ", and start again"}

      {:error, reason} ->
        {:error,
         "FORMDB_BACKUP_DIR: #{folder} cannot be written: #{:file.format_error(reason)}; let " <>
           "the user that the server runs as write there"}
    end
  end

  @impl true
  def handle_call({:start, database, name, to}, _from, jobs) do
    case of(database) do
      [%{state: :running, name: other}] ->
        detail = "backup #{other} of this database is being taken; wait for it"
        {:reply, {:error, %Error{code: :backup_running, detail: detail}}, jobs}

      _none ->
        job = %{name: name, database: database, state: :running, done: 0, total: nil}
        :ets.insert(@table, {database, job})
        {:ok, pid} = Task.start_link(__MODULE__, :await, [job, to])
        {:reply, {:ok, pid}, Map.put(jobs, pid, job)}
    end
  end

  @doc false
  # Until whoever asked hears of its end, unless they have ended themselves.
  @spec await(Types.Backup.t(), Path.t()) :: no_return()
  def await(job, to) do
    receive do
      :watched -> work(job, to)
    after
      @patience_ms -> work(job, to)
    end
  end

  defp work(%{database: database, name: name} = job, to) do
    progress = fn done, total ->
      :ets.insert(@table, {database, %{job | done: done, total: total}})
    end

    result =
      case Backup.take(database, to, progress) do
        {:ok, report} ->
          time = FormdbHttp.format_timestamp(report.time)
          :ets.delete(@table, database)
          Logger.info("took backup #{name} of database #{database}: #{said(report)}")
          warn(report, database)
          {:ok, Map.merge(report, %{name: name, database: database, state: :whole, time: time})}

        {:error, error} ->
          error = in_database(error, database, to)
          :ets.insert(@table, {database, failed(job, error)})

          Logger.error(
            "backup #{name} of database #{database} failed: #{Exception.message(error)}"
          )

          {:error, located(error)}
      end

    exit({:shutdown, {:taken, result}})
  end

  defp warn(%{previous_damaged: []}, _database), do: :ok

  defp warn(report, database) do
    Logger.warning(
      "backup #{report.previous} of database #{database} is damaged (#{Enum.join(report.previous_damaged, ", ")}), " <>
        "and earlier ones may have the same files: the new one has them from the database. " <>
        "`mix formdb.verify_backup` says which are whole"
    )
  end

  defp failed(job, error),
    do: job |> Map.take([:name, :database]) |> Map.merge(%{state: :failed, error: error})

  defp said(report) do
    "up to block #{report.seq}, #{report.copied_bytes} bytes copied and #{report.linked_bytes} linked, " <>
      "#{div(report.microseconds, 1_000)} ms"
  end

  # Damage is found in what was copied, which is gone by now: it is the database's, and there it is
  # to be looked at.
  defp in_database(%Error{code: :journal_corrupt} = error, database, to) do
    copy = ~r"#{to |> Path.dirname() |> Regex.escape()}/\.new-[^/]+/files"
    folder = Path.join(Catalog.config().data_dir, database)
    %{error | detail: Regex.replace(copy, error.detail, fn _copy -> folder end)}
  end

  defp in_database(error, _database, _to), do: error

  # The engine names folders, who asked a name.
  defp located(%Error{pointer: "/to"}) do
    detail = "there is a backup of that name already; give another"
    %Error{code: :backup_exists, detail: detail, pointer: "/name"}
  end

  defp located(error), do: error

  @impl true
  def handle_info({:EXIT, pid, reason}, jobs) do
    {job, jobs} = Map.pop(jobs, pid)

    case {job, reason} do
      {nil, _reason} -> :ok
      {_job, {:shutdown, {:taken, _result}}} -> :ok
      {job, _crash} -> :ets.insert(@table, {job.database, failed(job, failed())})
    end

    {:noreply, jobs}
  end

  def handle_info(_other, jobs), do: {:noreply, jobs}

  @impl true
  # The engine gives up what it has begun once the process ends that waits for it.
  def terminate(_reason, jobs) do
    for {_pid, %{name: name, database: database}} <- jobs do
      Logger.warning(
        "backup #{name} of database #{database} was cut off by the stop: there is none of that name, " <>
          "and what was copied is removed with the next one"
      )
    end
  end
end
