# Which areas a point lies in: counties and countries, asked of this system and of others.
# bench/peers/README.md says what the rows mean.

Code.require_file("../support/bench.exs", __DIR__)
Code.require_file("../support/server.exs", __DIR__)
Code.require_file("support/peers.exs", __DIR__)
Logger.configure(level: :warning)

defmodule Bench.Peers.Polygons do
  alias Bench.{Peers, Report}
  alias Bench.Peers.{Borders, Data, Embedded, Inside, Ours, Postgres, Question, Tile38}

  @connections 8
  @questions 20_000
  @checked "200 questions of each row against each other, as the notes say"

  # Two rings of countries go along the whole of a parallel, as the peers take them.
  @upload "/features?antimeridian=as_is"

  # Where points are asked for.
  @areas [
    {"counties", &Borders.counties/0, {-125.0, 25.0, -66.0, 49.5}},
    {"countries", &Borders.countries/0, {-180.0, -60.0, 180.0, 84.0}}
  ]

  def run do
    Report.open("peers_polygons")

    areas =
      for {name, read, box} <- @areas, areas = read.() do
        title = "#{length(areas)} #{name} (#{Borders.positions(areas)} positions)"
        {name, title, Enum.map(areas, &{elem(&1, 0), Borders.document(&1)}), box}
      end

    if areas == [] do
      IO.puts("borders are not installed (bin/setup --peers): nothing is asked")
    else
      over_the_network(areas)
      within(areas)
    end

    Report.close()
  end

  defp over_the_network(areas) do
    Peers.with([Ours, Postgres, Tile38], fn peers ->
      for {name, _, documents, _} <- areas, do: load(peers, name, documents)
      Report.section("point in polygon, count, #{@connections} connections", checked: @checked)
      for {name, title, _, box} <- areas, do: at_point(peers, name, title, box)
    end)
  end

  defp load(peers, name, documents) do
    lines = Data.file("#{name}.ndjson", Stream.map(documents, &elem(&1, 1)))
    ours = peers[Ours]

    Peers.alone(ours, fn ->
      Ours.load(ours, Ours.database(ours, name) <> @upload, lines, length(documents))
    end)

    if postgres = peers[Postgres],
      do: Peers.alone(postgres, fn -> Postgres.load_areas(postgres, name, documents) end)

    if tile38 = peers[Tile38],
      do: Peers.alone(tile38, fn -> Tile38.load(tile38, name, documents) end)
  end

  defp at_point(peers, name, title, {west, south, east, north} = box) do
    select =
      &"select count(*) from #{name} where st_intersects(geom, st_setsrid(st_point(#{&1}), 4326))"

    millionths = &round(&1 * 1_000_000)

    script = """
    \\set x random(#{millionths.(west)}, #{millionths.(east)}) / 1000000.0
    \\set y random(#{millionths.(south)}, #{millionths.(north)}) / 1000000.0
    #{select.(":x, :y")};
    """

    Question.row(peers, title, Data.places(@questions, box), @connections, %{
      answers: :counts,
      ours:
        &"/api/v1/databases/#{name}/features/geometry?count=true&geometry=#{URI.encode_www_form(point(&1))}",
      postgis: {script, fn {x, y} -> select.("#{x}, #{y}") end},
      tile38: &["INTERSECTS", name, "COUNT", "OBJECT", point(&1)],
      allow: %{postgis: 0.001, tile38: 0.001}
    })
  end

  defp point({x, y}), do: ~s({"type":"Point","coordinates":[#{x},#{y}]})

  defp within(areas) do
    inside = Inside.start()

    for {name, _, documents, _} <- areas,
        do: Inside.load(name, Stream.map(documents, &elem(&1, 1)))

    Peers.with(~w(DuckDB GeoPandas), fn peers ->
      for {name, _, documents, _} <- areas, {_, peer} <- peers do
        file = Data.file("#{name}.ndjson", Stream.map(documents, &elem(&1, 1)))
        Embedded.load(peer, name, file, length(documents))
      end

      peers = Map.put(peers, Inside, inside)
      Report.section("point in polygon, count, within the process, one caller", checked: @checked)

      for {name, title, _, box} <- areas do
        places = Data.places(@questions, box)

        Question.within(
          peers,
          "#{title}, within",
          places,
          "at_point",
          name,
          Inside.at_point(name),
          0.001
        )
      end
    end)
  end
end

Bench.Peers.Polygons.run()
