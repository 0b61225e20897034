for file <- ~w(asking tell), do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Database do
  @moduledoc """
  One database at one size: what it costs as a whole (loading, memory, disk, closing, opening), and
  what is asked of it.
  """

  alias Bench.Growth.{Asking, Tell}
  alias Bench.Measure

  # By so many bytes the memory of a VM varies by itself.
  @noise 32 * 1_048_576

  @doc """
  The points of all curves, as objects with the members of `Bench.Curve` and one point each, and
  how many questions had wrong answers.

  What is measured has

    * `:group`, of what costs as a whole, `:of`, what the sizes count, `:size`, and `:things`, by how many
      memory and bytes are divided
    * `:load`, called with the name of an empty database; returns the microseconds of each call
    * `:whole?`, of the figures of the database, whether all is there
    * `:questions`, of the name
  """
  def measure(made) do
    empty = resident()

    {points, wrong} =
      Bench.with_database(fn name ->
        whole = whole(made, name, empty)
        {asked, wrong} = ask(made, made.questions.(name))
        {whole ++ asked ++ closed(made, name, empty), wrong}
      end)

    {points, wrong}
  end

  @doc "Below so many bytes nothing is said of the memory that is left."
  def noise, do: @noise

  ## As a whole

  defp whole(made, name, empty) do
    calls = made.load.(name)
    collect()
    full = info(name)
    Measure.check!(made.whole?.(full), "everything is there")
    loaded = resident()
    {close, :ok} = Measure.time(fn -> FormdbHttp.close(name) end)
    disk = disk(name)
    open = open(name, full)
    :ok = FormdbHttp.close(name)
    File.rm_rf!(Path.join(folder(name), "snapshots"))
    replay = open(name, full)
    each = &(&1 / made.things)

    [
      point(made, "loading, each", :constant, "us", each.(Enum.sum(calls))),
      point(made, "loading, the longest call", :constant, "us", Enum.max(calls)),
      point(made, "memory, each", :constant, "bytes", each.(loaded - empty)),
      point(made, "disk, each", :constant, "bytes", each.(disk)),
      point(made, "closing", :linear, "us", close),
      point(made, "opening", :linear, "us", open),
      point(made, "opening without a snapshot", :linear, "us", replay)
    ]
  end

  defp closed(made, name, empty) do
    :ok = FormdbHttp.close(name)
    collect()
    after_closing = max(settled(resident()) - empty, @noise)
    {:ok, _} = FormdbHttp.open(name)
    [point(made, "memory after closing", :constant, "bytes", after_closing)]
  end

  # Of a large database it goes back to the system in the background.
  defp settled(before) do
    Process.sleep(2_000)
    now = resident()
    if now < before - @noise / 8, do: settled(now), else: now
  end

  defp open(name, full) do
    {micros, {:ok, again}} = Measure.time(fn -> FormdbHttp.open(name) end)
    same = &{&1.root, &1.seq, &1.points, &1.features, &1.series}
    Measure.check!(same.(again) == same.(full), "the same database")
    micros
  end

  def collect, do: Enum.each(Process.list(), &:erlang.garbage_collect/1)

  defp info(name) do
    {:ok, info} = FormdbHttp.database(name)
    info
  end

  # Resident memory of the whole process, in bytes.
  def resident do
    [_, kib] = Regex.run(~r/^VmRSS:\s+(\d+) kB/m, File.read!("/proc/self/status"))
    String.to_integer(kib) * 1_024
  end

  defp folder(name), do: Path.join(FormdbHttp.Catalog.config().data_dir, name)

  defp disk(name) do
    for path <- Path.wildcard(Path.join(folder(name), "**"), match_dot: true), reduce: 0 do
      bytes -> bytes + File.stat!(path).size
    end
  end

  ## Questions

  def ask(made, questions) do
    Enum.reduce(questions, {[], 0}, fn question, {points, wrong} ->
      case Asking.ask(question) do
        {:wrong, why} ->
          IO.puts("   WRONG #{question.group}, #{question.name}: #{why}")
          {points, wrong + 1}

        measured ->
          made = %{made | group: question.group}
          point = point(made, question.name, question.should, "us", measured)
          {[point | points], wrong}
      end
    end)
    |> then(fn {points, wrong} -> {Enum.reverse(points), wrong} end)
  end

  def point(made, name, should, unit, value) when is_number(value),
    do: point(made, name, should, unit, %{"value" => value})

  def point(made, name, should, unit, measured) do
    tail =
      for key <- ["p99", "max"],
          measured[key],
          do: "  #{key} #{Tell.text(measured[key], unit)}"

    over = if measured["over"], do: "given up after ", else: ""
    value = over <> Tell.text(measured["value"], unit)
    IO.puts("   #{String.pad_trailing(name, 44)} #{String.pad_leading(value, 12)}#{tail}")

    %{
      "group" => made.group,
      "of" => made.of,
      "name" => name,
      "should" => Atom.to_string(should),
      "unit" => unit,
      "point" => Map.put(measured, "size", made.size)
    }
  end
end
