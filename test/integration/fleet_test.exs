defmodule FormdbHttp.FleetTest do
  # examples/fleet as a reader runs it, held against brute force over the journal that it leaves.
  use ExUnit.Case

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.Endpoint

  @script Path.expand("../../examples/fleet/fleet.sh", __DIR__)

  @tag timeout: 120_000
  test "what the fences of examples/fleet say is so" do
    start_supervised!({Endpoint, Config.load!()})
    db = "fleet-#{System.unique_integer([:positive])}"
    on_exit(fn -> FormdbHttp.purge(db) end)

    env = [{"DATABASE", db}, {"STEPS", "8"}, {"PAUSE", "0.1"}, {"DWELL", "1"}]
    opts = [env: env, stderr_to_stdout: true]
    {printed, status} = System.cmd(@script, ["http://127.0.0.1:#{Endpoint.port()}"], opts)
    assert status == 0, printed
    lines = String.split(printed, "\n", trim: true)
    assert hd(lines) == "100 vehicles, 10 zones, 8 steps"

    told =
      for line <- lines,
          [_, vehicle, verb, zone] <-
            [Regex.run(~r/^(vehicle-\d+) (enters|leaves) (zone-\d+) \(/, line)],
          do: {vehicle, verb, zone}

    passages = passages(db)
    assert length(passages) > 30
    assert Enum.sort(told) == Enum.sort(passages)
    assert Enum.any?(lines, &(&1 =~ ~r/^vehicle-\d+ enters zone-3 \(area\)$/))
    assert Enum.any?(lines, &(&1 =~ ~r/^vehicle-\d+ stays in zone-\d+ \(1 s\)$/))
    assert Enum.count(lines, &String.ends_with?(&1, ", the same")) == 10
  end

  # Who goes into a zone and out of it, block by block, in any order.
  defp passages(db) do
    {:ok, %{json: json, next: nil}} = FormdbHttp.journal(db, limit: 10_000)

    {_features, passages} =
      for %{"body" => %{"id" => id, "geometry" => geometry}} <- JSON.decode!(json),
          reduce: {%{}, []} do
        {before, passages} ->
          now = Map.put(before, id, geometry)
          {vehicles, zones} = now |> Map.keys() |> Enum.split_with(&vehicle?/1)

          pairs =
            if vehicle?(id),
              do: for(zone <- zones, do: {id, zone}),
              else: for(v <- vehicles, do: {v, id})

          {now, Enum.flat_map(pairs, &passage(&1, before, now)) ++ passages}
      end

    passages
  end

  defp passage({vehicle, zone}, before, now) do
    case {inside?(before[vehicle], before[zone]), inside?(now[vehicle], now[zone])} do
      {false, true} -> [{vehicle, "enters", zone}]
      {true, false} -> [{vehicle, "leaves", zone}]
      _as_before -> []
    end
  end

  defp vehicle?(id), do: String.starts_with?(id, "vehicle-")

  defp inside?(%{"coordinates" => [x, y]}, %{"coordinates" => [[[w, s], _, [e, n] | _]]}),
    do: x >= w and x <= e and y >= s and y <= n

  defp inside?(_not_there, _zone), do: false
end
