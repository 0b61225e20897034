defmodule FormdbHttp.QuestionsTest do
  # A question ends with the process that asked it.
  use ExUnit.Case

  setup do
    name = "questions_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.create_database(name)
    on_exit(fn -> FormdbHttp.purge_database(name) end)
    {:ok, db: name}
  end

  # Lines side by side: of two such sheaves every pair has to be looked at, and no two
  # meet, which takes seconds.
  defp sheaf(shift) do
    lines =
      for n <- 0..7_999 do
        x = (n + shift) / 8_000
        [[x, 0], [x + 20, 20]]
      end

    %{"type" => "MultiLineString", "coordinates" => lines}
  end

  test "its thread is free soon after the process was killed", %{db: db} do
    feature = %{"type" => "Feature", "geometry" => sheaf(0.0), "properties" => %{}}
    {:ok, _} = FormdbHttp.put_feature(db, feature)
    area = {:geometry, sheaf(0.5)}

    # As many as there are threads, so that nothing else could be read.
    askers =
      for _ <- 1..:erlang.system_info(:dirty_io_schedulers) do
        spawn(fn -> FormdbHttp.search(db, area) end)
      end

    Process.sleep(500)
    assert Enum.any?(askers, &Process.alive?/1)
    for asker <- askers, do: Process.exit(asker, :kill)
    {micros, {:ok, _block}} = :timer.tc(fn -> FormdbHttp.block(db, 1) end)
    assert micros < 3_000_000
  end
end
