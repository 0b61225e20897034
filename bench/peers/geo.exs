# Boxes, nearest, radius and counts in points, asked of this system and of others.
# bench/peers/README.md says what the rows mean.

Code.require_file("../support/bench.exs", __DIR__)
Code.require_file("../support/server.exs", __DIR__)
Code.require_file("support/peers.exs", __DIR__)
Logger.configure(level: :warning)

defmodule Bench.Peers.Geo do
  alias Bench.{Peers, Report}
  alias Bench.Peers.{Data, Embedded, Inside, Ours, Postgres, Question, Redis, Tile38}

  @connections 32
  @questions 20_000
  # Of pgbench.
  @place "st_setsrid(st_point(:x, :y), 4326)::geography"
  # Boxes of PostGIS's index are of floats of 32 bits, some 1 m at 180 degrees: so many of what
  # a box finds lie nearer to its sides than that.
  @of_32_bits 0.0003
  @checked "200 questions of each row against each other, id by id, as the notes say"

  def run do
    Report.open("peers_geo")
    count = Bench.scaled(200_000, 20_000)
    uniform = Data.uniform(count)

    Peers.with([Ours, Postgres, Tile38, Redis], fn peers ->
      load(peers, "uniform", uniform)
      load(peers, "clustered", Data.clustered(count))
      places = Data.clustered_places(@questions)

      if postgres = peers[Postgres],
        do: Peers.alone(postgres, fn -> load_places(postgres, places) end)

      asked = "#{count} points, #{@connections} connections"
      Report.section("#{asked}: documents", checked: @checked)
      for hits <- [38, 230], do: box(peers, hits, count)
      nearest(peers, "nearest ten", "uniform", Data.places(@questions), 2.5 * reach(10, count))
      nearest(peers, "nearest ten, clustered", "clustered", places, 300_000)
      radius(peers, reach(38, count))
      Report.section("#{asked}: counts", checked: @checked)
      count(peers, 5_000, count)
    end)

    within(uniform, count)
    Report.close()
  end

  # In metres, where so many of so many are expected on the equator.
  defp reach(hits, count), do: Data.side(hits, count) / :math.sqrt(:math.pi()) * 111_320

  ## Over the network

  defp load(peers, name, features) do
    lines = Data.file("#{name}.ndjson", Stream.map(features, &elem(&1, 3)))
    ours = peers[Ours]

    Peers.alone(ours, fn ->
      Ours.load(ours, Ours.database(ours, name) <> "/features", lines, length(features))
    end)

    if postgres = peers[Postgres],
      do: Peers.alone(postgres, fn -> Postgres.load_points(postgres, name, features) end)

    if tile38 = peers[Tile38] do
      documents = Stream.map(features, fn {id, _, _, document} -> {id, document} end)
      Peers.alone(tile38, fn -> Tile38.load(tile38, name, documents) end)
    end

    if redis = peers[Redis] do
      commands = Stream.map(features, fn {id, x, y, _} -> ["GEOADD", name, x, y, id] end)
      Peers.alone(redis, fn -> Redis.send_all(redis, commands) end)
    end
  end

  defp box(peers, hits, count) do
    side = Data.side(hits, count)

    Question.row(peers, "box of #{hits}", Data.boxes(@questions, side), @connections, %{
      answers: :ids,
      ours: &"/api/v1/databases/uniform/features?bbox=#{numbers(&1)}&limit=10000",
      postgis:
        {pg_box("doc", side),
         &"select id from uniform where geom && st_makeenvelope(#{numbers(&1)}, 4326)"},
      tile38: fn {w, s, e, n} -> ["WITHIN", "uniform", "LIMIT", 100_000, "BOUNDS", s, w, n, e] end,
      allow: %{postgis: @of_32_bits}
    })
  end

  defp count(peers, hits, count) do
    side = Data.side(hits, count)

    Question.row(
      peers,
      "count of a box of #{hits}",
      Data.boxes(@questions, side),
      @connections,
      %{
        answers: :counts,
        ours: &"/api/v1/databases/uniform/features?bbox=#{numbers(&1)}&count=true",
        postgis:
          {pg_box("count(*)", side),
           &"select count(*) from uniform where geom && st_makeenvelope(#{numbers(&1)}, 4326)"},
        tile38: fn {w, s, e, n} -> ["WITHIN", "uniform", "COUNT", "BOUNDS", s, w, n, e] end,
        allow: %{postgis: @of_32_bits}
      }
    )
  end

  defp pg_box(select, side) do
    """
    \\set w random(-180000000, #{180_000_000 - ceil(side * 1.0e6)}) / 1000000.0
    \\set s random(-80000000, #{80_000_000 - ceil(side * 1.0e6)}) / 1000000.0
    select #{select} from uniform where geom && st_makeenvelope(:w, :s, :w + #{side}, :s + #{side}, 4326);
    """
  end

  defp nearest(peers, name, table, places, metres) do
    select = fn what, place ->
      "select #{what} from #{table} order by geog <-> #{place} limit 10"
    end

    script =
      if table == "uniform",
        do: place_script() <> select.("doc", @place) <> ";\n",
        else:
          "\\set n random(1, #{length(places)})\n" <>
            select.("doc", "(select place from places where n = :n)") <> ";\n"

    Question.row(peers, name, places, @connections, %{
      answers: :ids,
      ours: &"/api/v1/databases/#{table}/features/nearby?k=10&point=#{numbers(&1)}",
      postgis: {
        script,
        &select.("id", "st_setsrid(st_point(#{numbers(&1)}), 4326)::geography")
      },
      tile38: fn {x, y} -> ["NEARBY", table, "LIMIT", 10, "POINT", y, x] end,
      redis: fn {x, y} ->
        [
          "GEOSEARCH",
          table,
          "FROMLONLAT",
          x,
          y,
          "BYRADIUS",
          round(metres),
          "m",
          "COUNT",
          10,
          "ASC"
        ]
      end,
      # They order by the distance on a sphere.
      allow: %{postgis: 0.02, tile38: 0.02, redis: 0.02}
    })
  end

  defp radius(peers, metres) do
    select = fn what, place ->
      "select #{what} from uniform where st_dwithin(geog, #{place}, #{metres}) " <>
        "order by st_distance(geog, #{place})"
    end

    Question.row(
      peers,
      "radius of 38 and more, nearest first",
      Data.places(@questions),
      @connections,
      %{
        answers: :ids,
        ours:
          &"/api/v1/databases/uniform/features/nearby?limit=10000&radius=#{metres}&point=#{numbers(&1)}",
        postgis: {
          place_script() <> select.("doc", @place) <> ";\n",
          &select.("id", "st_setsrid(st_point(#{numbers(&1)}), 4326)::geography")
        },
        tile38: fn {x, y} -> ["NEARBY", "uniform", "LIMIT", 100_000, "POINT", y, x, metres] end,
        redis: fn {x, y} ->
          ["GEOSEARCH", "uniform", "FROMLONLAT", x, y, "BYRADIUS", metres, "m", "ASC"]
        end,
        allow: %{postgis: 0.001, tile38: 0.02, redis: 0.02}
      }
    )
  end

  # A place as `Data.places` draws one.
  defp place_script do
    """
    \\set x random(-180000000, 180000000) / 1000000.0
    \\set y random(-80000000, 80000000) / 1000000.0
    """
  end

  # One of the places by number, which is looked up by the same statement.
  defp load_places(postgres, places) do
    rows = places |> Enum.with_index(1) |> Stream.map(fn {{x, y}, n} -> "#{n}\t#{x}\t#{y}" end)

    Postgres.sql(postgres, """
    create temp table loading (n int, x float8, y float8);
    \\copy loading from '#{Data.file("places.tsv", rows)}'
    create table places as select n, st_setsrid(st_point(x, y), 4326)::geography as place from loading;
    alter table places add primary key (n);
    vacuum analyze places;
    """)
  end

  defp numbers(tuple), do: tuple |> Tuple.to_list() |> Enum.join(",")

  ## Within one process

  defp within(features, count) do
    inside = Inside.start()
    Inside.load("uniform", Stream.map(features, &elem(&1, 3)))

    Peers.with(~w(SQLite DuckDB GeoPandas), fn peers ->
      file = Data.file("uniform.ndjson", Stream.map(features, &elem(&1, 3)))
      for {_, peer} <- peers, do: Embedded.load(peer, "uniform", file, count)
      peers = Map.put(peers, Inside, inside)
      Report.section("#{count} points, within the process, one caller", checked: @checked)

      for hits <- [38, 230] do
        boxes = Data.boxes(@questions, Data.side(hits, count))

        Question.within(
          peers,
          "box of #{hits}, within",
          boxes,
          "box",
          "uniform",
          Inside.box("uniform")
        )
      end

      boxes = Data.boxes(@questions, Data.side(5_000, count))

      Question.within(
        peers,
        "count of a box of 5000, within",
        boxes,
        "count",
        "uniform",
        Inside.count("uniform")
      )
    end)
  end
end

Bench.Peers.Geo.run()
