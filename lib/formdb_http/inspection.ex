defmodule FormdbHttp.Inspection do
  @moduledoc false
  # Looking into databases that nobody has open, for the Mix tasks: it needs no
  # application. The engine works on threads of its own and reports to this process.

  alias FormdbHttp.{Config, Disk, Engine, Native}

  @typedoc "Called with bytes done and in all."
  @type progress :: (non_neg_integer(), non_neg_integer() -> term())

  # What the line of progress says, in the process that has one.
  @shown {__MODULE__, :shown}

  @doc """
  The folders of the databases in `dir`: itself, if it is one, or else those in it,
  sorted. A folder with the name of a database or with anything that only a database has
  is one, also where its journal is lost: that is for the engine to say.
  """
  @spec databases(Path.t()) :: [Path.t()]
  def databases(dir) do
    within = dir |> Path.join("*") |> Path.wildcard() |> Enum.filter(&named?/1) |> Enum.sort()

    cond do
      has?(dir, ~w(journal snapshots IDENTITY)) -> [dir]
      Enum.any?(within, &has?(&1, ~w(journal snapshots IDENTITY LOCK))) -> within
      true -> []
    end
  end

  # What a database's folder has, and no other: but for LOCK, which a data folder has, too. One
  # that may not be read could have anything: the engine says that it may not.
  defp has?(dir, names) do
    case File.ls(dir) do
      {:ok, there} -> Enum.any?(names, &(&1 in there))
      {:error, reason} -> reason == :eacces
    end
  end

  defp named?(dir) do
    File.dir?(dir) and match?({:ok, _}, Native.database_check_name(Path.basename(dir)))
  end

  @doc "Checks everything in a database; `progress` is called with bytes done and in all."
  @spec verify(Path.t(), progress()) :: FormdbHttp.result(map())
  def verify(dir, progress), do: Engine.work(&Native.inspect_verify(dir, &1), progress)

  @doc "Explains a database: sentences, and whether it is sound."
  @spec diagnose(Path.t()) :: FormdbHttp.result(map())
  def diagnose(dir),
    do: Engine.work(&Native.inspect_diagnose(dir, &1), fn _done, _total -> :ok end)

  @doc """
  That a server refuses writes there, since the disk has too little room, and what to do, in
  words; `nil` when it has enough, or nobody knows. The bound is that of the environment, where
  that has one.
  """
  @spec disk_low(Path.t()) :: String.t() | nil
  def disk_low(dir) do
    config = with {:ok, config} <- Config.load(), do: config, else: (_wrong -> %Config{})

    with {free, size} <- Native.disk_space(dir) do
      space = %{free_bytes: free, size_bytes: size, min_free_bytes: config.min_free_bytes}
      if Disk.low?(space), do: Disk.refusal(space)
    end
  end

  @doc """
  Copies what is whole into a new folder; with `beyond?` also what can be read after the
  damage, as new blocks.
  """
  @spec salvage(Path.t(), Path.t(), boolean(), progress()) :: FormdbHttp.result(map())
  def salvage(from, to, beyond?, progress),
    do: Engine.work(&Native.inspect_salvage(from, to, beyond?, &1), progress)

  @doc """
  A progress function that keeps one line of the terminal up to date, by standard error: `end_progress/0`
  ends it. Where that is no terminal, as in a job of cron, it says nothing.
  """
  @spec progress_line(String.t()) :: progress()
  def progress_line(label) do
    case :io.columns(:standard_error) do
      {:ok, _columns} -> &show(label, &1, &2)
      {:error, _no_terminal} -> fn _done, _total -> :ok end
    end
  end

  # In percent: a command may read everything more than once. The engine reports to this process.
  defp show(label, done, total) do
    permille = if total > 0, do: div(done * 1000, total), else: 1000

    if Process.put(@shown, permille) != permille,
      do: IO.write(:stderr, "\r#{label}: #{div(permille, 10)}.#{rem(permille, 10)} %")

    :ok
  end

  @doc "Ends that line, if there is one."
  @spec end_progress() :: :ok
  def end_progress, do: if(Process.delete(@shown), do: IO.write(:stderr, "\n"), else: :ok)
end
