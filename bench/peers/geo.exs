# Boxes, nearest, radius and counts in points, asked of this system and of others.
# bench/peers/README.md says what the rows mean.

Code.require_file("../support/bench.exs", __DIR__)
Code.require_file("../support/server.exs", __DIR__)
Code.require_file("support/peers.exs", __DIR__)
Logger.configure(level: :warning)

defmodule Bench.Peers.Geo do
  alias Bench.{Peers, Report}
  alias Bench.Peers.{Data, Ours, Postgres, Tile38}

  @connections 32
  @questions 20_000
  @sample 200

  def run do
    Report.open("peers_geo")

    Peers.with([Ours, Postgres, Tile38], fn peers ->
      count = Bench.scaled(200_000, 20_000)
      uniform = Data.uniform(count)
      load(peers, "uniform", uniform)

      Report.section("#{count} points everywhere, #{@connections} connections",
        checked: "#{@sample} questions of each row, id by id"
      )

      for hits <- [38, 230], do: boxes(peers, hits, Data.side(hits, count))
    end)

    Report.close()
  end

  ## Loading

  defp load(peers, name, features) do
    lines = Data.file("#{name}.ndjson", Stream.map(features, &elem(&1, 3)))
    ours = peers[Ours]

    Peers.alone(ours, fn ->
      path = Ours.database(ours, name)
      Ours.load(ours, path <> "/features", lines, length(features))
    end)

    if postgres = peers[Postgres],
      do: Peers.alone(postgres, fn -> copy(postgres, name, features) end)

    if tile38 = peers[Tile38] do
      documents = Stream.map(features, fn {id, _, _, document} -> {id, document} end)
      Peers.alone(tile38, fn -> Tile38.load(tile38, name, documents) end)
    end
  end

  defp copy(postgres, name, features) do
    rows = Stream.map(features, fn {id, x, y, document} -> "#{id}\t#{x}\t#{y}\t#{document}" end)
    table = Data.file("#{name}.tsv", rows)

    Postgres.sql(postgres, """
    create temp table loading (id text, x float8, y float8, doc text);
    \\copy loading from '#{table}'
    create table #{name} as select id, st_setsrid(st_point(x, y), 4326) as geom,
      st_setsrid(st_point(x, y), 4326)::geography as geog, doc from loading;
    alter table #{name} add primary key (id);
    create index on #{name} using gist (geom);
    create index on #{name} using gist (geog);
    vacuum analyze #{name};
    """)
  end

  ## Rows

  defp boxes(peers, hits, side) do
    boxes = Data.boxes(@questions, side)
    sample = Enum.take(boxes, @sample)
    name = "box of #{hits}"
    ours = peers[Ours]

    path = fn {w, s, e, n} ->
      "/api/v1/databases/uniform/features?bbox=#{w},#{s},#{e},#{n}&limit=10000"
    end

    found = Peers.alone(ours, fn -> Ours.ids(ours, Enum.map(sample, path)) end)

    Peers.row(name, [
      {ours, Ours.ask(ours, name, Stream.map(boxes, path), @connections), []},
      (postgres = peers[Postgres]) && pg_box(postgres, name, side, sample, found),
      (tile38 = peers[Tile38]) && tile38_box(tile38, name, boxes, sample, found)
    ])
  end

  defp pg_box(postgres, name, side, sample, found) do
    answers =
      Peers.alone(postgres, fn ->
        Postgres.rows(postgres, sample, fn {w, s, e, n} ->
          "select id from uniform where geom && st_makeenvelope(#{w}, #{s}, #{e}, #{n}, 4326)"
        end)
      end)

    script = """
    \\set w random(-180000000, #{180_000_000 - ceil(side * 1.0e6)}) / 1000000.0
    \\set s random(-80000000, #{80_000_000 - ceil(side * 1.0e6)}) / 1000000.0
    select doc from uniform where geom && st_makeenvelope(:w, :s, :w + #{side}, :s + #{side}, 4326);
    """

    {postgres, Postgres.ask(postgres, script, @connections),
     note: Peers.same("#{name}, PostGIS", found, answers)}
  end

  defp tile38_box(tile38, name, boxes, sample, found) do
    command = fn {w, s, e, n} -> ["WITHIN", "uniform", "LIMIT", 100_000, "BOUNDS", s, w, n, e] end
    answers = Peers.alone(tile38, fn -> Tile38.ids(tile38, Enum.map(sample, command)) end)

    {tile38, Tile38.ask(tile38, name, Stream.map(boxes, command), @connections),
     note: Peers.same("#{name}, Tile38", found, answers), durability: nil}
  end
end

Bench.Peers.Geo.run()
