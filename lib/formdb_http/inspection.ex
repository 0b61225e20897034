defmodule FormdbHttp.Inspection do
  @moduledoc false
  # Looking into databases that nobody has open, for the Mix tasks: it needs no
  # application. The engine works on threads of its own and reports to this process.

  alias FormdbHttp.{Engine, Native}

  @doc """
  The folders of the databases in `dir`: itself, if it is one, or else those in it,
  sorted.
  """
  @spec databases(Path.t()) :: [Path.t()]
  def databases(dir) do
    if database?(dir),
      do: [dir],
      else: dir |> Path.join("*") |> Path.wildcard() |> Enum.filter(&database?/1) |> Enum.sort()
  end

  defp database?(dir), do: File.dir?(Path.join(dir, "journal"))

  @doc "Checks everything in a database; `progress` is called with bytes done and in all."
  def verify(dir, progress), do: run(&Native.inspect_verify(dir, &1), progress)

  @doc "Explains a database: sentences, and whether it is sound."
  def diagnose(dir), do: run(&Native.inspect_diagnose(dir, &1), fn _done, _total -> :ok end)

  @doc "Copies what is whole into a new folder."
  def salvage(from, to, progress), do: run(&Native.inspect_salvage(from, to, &1), progress)

  defp run(start, progress) do
    ref = make_ref()
    with :ok <- Engine.native(start.(ref)), do: await(ref, progress)
  end

  defp await(ref, progress) do
    receive do
      {^ref, {:progress, done, total}} ->
        progress.(done, total)
        await(ref, progress)

      {^ref, answer} ->
        Engine.native(answer)
    end
  end

  @doc "A progress function that keeps one line of standard error up to date."
  def progress_line(label) do
    fn done, total ->
      percent = if total > 0, do: div(done * 100, total), else: 100
      IO.write(:stderr, "\r#{label}: #{done} of #{total} bytes, #{percent} %")
    end
  end

  @doc "Ends that line."
  def end_progress, do: IO.write(:stderr, "\n")
end
