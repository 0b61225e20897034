defmodule FormdbHttp.LiveLossTest do
  @moduledoc """
  Nothing is lost, repeated or out of order on the way from the journal to those who follow
  it, whatever happens in between: see `FormdbHttp.LiveWorld`.

  Short, unless `FORMDB_LIVE_DELIVERIES` says how many deliveries there are to be and
  `FORMDB_LIVE_KILLS` how many kills at least (`make live`).
  """

  use ExUnit.Case

  import FormdbHttp.Waiting

  alias FormdbHttp.LiveWorld

  @deliveries "FORMDB_LIVE_DELIVERIES" |> System.get_env("20000") |> String.to_integer()
  @kills "FORMDB_LIVE_KILLS" |> System.get_env("2") |> String.to_integer()

  setup do
    folder = Path.join(System.tmp_dir!(), "formdb-live-#{System.pid()}")
    File.rm_rf!(folder)
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    {:ok, folder: folder}
  end

  @tag timeout: :infinity
  test "each follower is told what brute force finds in the journal", %{folder: folder} do
    kills = live(folder, 0)
    assert {0, "RIGHT: " <> figures} = folder |> LiveWorld.start("finish") |> LiveWorld.await()
    IO.puts("\nlive: #{kills} kills, #{figures}")
    [deliveries | _] = Regex.run(~r/\d+/, figures)
    assert String.to_integer(deliveries) >= @deliveries

    # What is missing, comes twice, or is in another order or text is noticed.
    file = folder |> LiveWorld.files() |> Enum.max_by(&File.stat!(&1).size)
    kept = File.read!(file)
    lines = String.split(kept, "\n", trim: true)
    {events, others} = Enum.split_with(lines, &String.starts_with?(&1, "E "))

    for altered <- [tl(events), [hd(events) | events], swapped(events), other_text(events)] do
      File.write!(file, Enum.map(others ++ altered, &[&1, "\n"]))
      assert {2, "WRONG: " <> _} = folder |> LiveWorld.start("compare") |> LiveWorld.await()
    end
  end

  defp swapped([one, other | rest]), do: [other, one | rest]
  # Of all: what nobody else was told is held against nobody's.
  defp other_text(events), do: Enum.map(events, &(&1 <> "1"))

  defp live(folder, kills) do
    before = told(folder)
    world = LiveWorld.start(folder, "run")
    # On a machine with much to do it takes long to start: a kill before it tells anybody
    # anything would say nothing.
    wait_until(fn -> told(folder) > before end, 60_000)
    Process.sleep(1_000 + :rand.uniform(2_000))
    assert {137, ""} = LiveWorld.kill(world)

    if kills + 1 < @kills or told(folder) < @deliveries,
      do: live(folder, kills + 1),
      else: kills + 1
  end

  defp told(folder) do
    Enum.sum(for file <- LiveWorld.files(folder), do: file |> File.read!() |> count())
  end

  defp count(text), do: text |> :binary.matches("\nE ") |> length()
end
