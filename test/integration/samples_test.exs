defmodule FormdbHttp.SamplesTest do
  @moduledoc """
  Real data through HTTP, and every answer compared with a plain scan of the files
  in priv/samples, done here.

  The dates of the weather files are local and carry no offset. They are loaded as
  if they were UTC: a day is its midnight, an hour its full hour. That keeps every
  day 24 hours long and the order of the rows, which local time would not.
  """

  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.JSON
  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  @samples Path.expand("../../priv/samples", __DIR__)
  @name "samples"
  @database "/api/v1/databases/#{@name}"
  @everything "100000"
  @boxes 240
  @ranges 240

  setup_all do
    quakes = @samples |> Path.join("earthquakes.geojson") |> File.read!()

    {:ok,
     quakes_text: quakes,
     quakes: JSON.decode!(quakes)["features"],
     series: Map.merge(daily(), hourly())}
  end

  setup %{quakes_text: quakes, series: series} do
    # The test's own seed, which ExUnit prints.
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    start_supervised!({Endpoint, Config.load!()})
    port = Endpoint.port()
    on_exit(fn -> FormdbHttp.purge(@name) end)
    assert post(port, "/api/v1/databases", %{name: @name}).status == 201
    loaded = post(port, @database <> "/features", quakes, "application/geo+json")
    assert loaded.status == 201

    for {id, rows} <- series do
      columns = %{
        series_id: id,
        timestamps: for({_micros, {timestamp, _value}} <- rows, do: timestamp),
        values: for({_micros, {_timestamp, value}} <- rows, do: value)
      }

      response = post(port, @database <> "/timeseries", columns)
      assert response.status == 201
      assert json(response)["inserted"] == length(rows)
    end

    {:ok, port: port, loaded: json(loaded)}
  end

  # Series of {microseconds, {timestamp, value}}: the timestamp is text, as it is sent
  # and as it should come back.
  defp daily do
    for {name, column} <- [precipitation: 1, temp_max: 2, temp_min: 3, wind: 4], into: %{} do
      {"seattle.#{name}", rows("seattle-weather.csv", column, &(&1 <> "T00:00:00.000000Z"))}
    end
  end

  defp hourly do
    for {name, column} <- [pressure: 1, temperature: 2, wind: 3], into: %{} do
      {"seattle.normal.#{name}",
       rows("seattle-weather-hourly-normals.csv", column, &(&1 <> ".000000Z"))}
    end
  end

  defp rows(file, column, timestamp) do
    [_header | lines] =
      @samples |> Path.join(file) |> File.read!() |> String.split("\n", trim: true)

    for line <- lines do
      fields = line |> String.trim() |> String.split(",")
      {value, ""} = fields |> Enum.at(column) |> Float.parse()
      timestamp = timestamp.(hd(fields))
      {micros(timestamp), {timestamp, value}}
    end
  end

  ## Earthquakes

  test "the catalogue is loaded whole and comes back as it is", context do
    %{port: port, quakes: quakes, loaded: loaded} = context
    ids = Enum.map(quakes, & &1["id"])
    assert length(Enum.uniq(ids)) == 1707

    assert loaded == %{
             "inserted" => 1707,
             "replaced" => 0,
             "first_seq" => 1,
             "last_seq" => 1707,
             "feature_ids" => ids
           }

    # In the order of the file, every member of every feature.
    assert box(port, {-180, -90, 180, 90}) == quakes

    for quake <- Enum.take_random(quakes, 50) do
      response = get(port, "#{@database}/features/#{quake["id"]}")
      assert response.status == 200
      assert json(response) == quake
    end
  end

  test "#{@boxes} boxes find what a scan finds", %{port: port, quakes: quakes} do
    hits =
      for number <- 1..@boxes do
        box = random_box(rem(number, 8), quakes)
        expected = Enum.filter(quakes, &inside?(&1, box))
        found = box(port, box)

        assert found == expected,
               "box #{inspect(box)}: missing #{inspect(ids(expected) -- ids(found))}, " <>
                 "too many #{inspect(ids(found) -- ids(expected))}, or other content"

        length(expected)
      end

    # The boxes are worth asking about.
    assert Enum.count(hits, &(&1 == 0)) < div(@boxes, 2)
    assert Enum.count(hits, &(&1 > 20)) > div(@boxes, 8)
  end

  test "pages of any size make up the whole answer", %{port: port, quakes: quakes} do
    for number <- 1..40 do
      box = random_box(rem(number, 8), quakes)
      limit = :rand.uniform(200)
      pages = pages(port, "#{@database}/features/bbox?bbox=#{text(box)}&limit=#{limit}")
      assert Enum.flat_map(pages, & &1["features"]) == Enum.filter(quakes, &inside?(&1, box))
      assert full_but_last?(Enum.map(pages, & &1["numberReturned"]), limit)
      for page <- pages, do: assert(length(page["features"]) == page["numberReturned"])
    end
  end

  # West, south, east, north.
  defp random_box(0, _quakes), do: {-180, -90, 180, 90}

  # Anywhere, of any size.
  defp random_box(1, _quakes) do
    [south, north] = Enum.sort([latitude(), latitude()])
    [west, east] = Enum.sort([longitude(), longitude()])
    {west, south, east, north}
  end

  # Across the antimeridian, often a thin strip, since few quakes are near it.
  defp random_box(2, _quakes) do
    [south, north] = Enum.sort([latitude(), latitude()])
    {180 - :rand.uniform() * 30, south, -180 + :rand.uniform() * 90, north}
  end

  # Across it the long way round: all but a strip.
  defp random_box(3, _quakes) do
    [east, west] = Enum.sort([longitude(), longitude()])
    {west, -90, east, 90}
  end

  # Just the place of a quake.
  defp random_box(4, quakes) do
    {x, y} = place(Enum.random(quakes))
    {x, y, x, y}
  end

  # Every edge is a quake's coordinate.
  defp random_box(5, quakes) do
    {{x1, y1}, {x2, y2}} = {place(Enum.random(quakes)), place(Enum.random(quakes))}
    {min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)}
  end

  # A line: as wide as nothing, from edge to edge.
  defp random_box(6, quakes) do
    {x, y} = place(Enum.random(quakes))
    Enum.random([{x, -90, x, 90}, {-180, y, 180, y}, {x, y, 180, y}, {x, -90, x, y}])
  end

  # A small one around a quake, its edge through the quake or a hair beside it.
  defp random_box(7, quakes) do
    {x, y} = place(Enum.random(quakes))
    size = :rand.uniform()
    Enum.random([{x, y, x + size, y + size}, {x - size, y - size, x + 1.0e-9, y + 1.0e-9}])
  end

  defp longitude, do: :rand.uniform() * 360 - 180
  defp latitude, do: :rand.uniform() * 180 - 90

  defp place(%{"geometry" => %{"coordinates" => [x, y, _depth]}}), do: {x, y}

  defp inside?(quake, {west, south, east, north}) do
    {x, y} = place(quake)
    between? = if west <= east, do: x >= west and x <= east, else: x >= west or x <= east
    between? and y >= south and y <= north
  end

  defp box(port, box) do
    path = "#{@database}/features?bbox=#{text(box)}&limit=#{@everything}"
    [page] = pages(port, path)
    assert page["type"] == "FeatureCollection"
    assert page["numberReturned"] == length(page["features"])
    page["features"]
  end

  # The shortest text that reads back as the same float.
  defp text({west, south, east, north}), do: Enum.join([west, south, east, north], ",")

  defp ids(features), do: Enum.map(features, & &1["id"])

  ## Weather

  test "the series are loaded whole", %{port: port, series: series} do
    for {id, rows} <- series do
      assert whole(port, series_path(id) <> "?limit=" <> @everything) ==
               Enum.map(rows, &elem(&1, 1))

      {_micros, {timestamp, value}} = Enum.max_by(rows, &elem(&1, 0))
      latest = json(get(port, series_path(id) <> "/latest"))
      assert %{"series_id" => ^id, "timestamp" => ^timestamp, "value" => ^value} = latest
    end

    assert length(series["seattle.temp_max"]) == 1461
    assert length(series["seattle.normal.temperature"]) == 8759
    database = json(get(port, @database))
    assert database["series"] == 7
    assert database["points"] == 4 * 1461 + 3 * 8759
    # A block a feature and a block a column.
    assert database["seq"] == 1707 + 7
  end

  test "#{@ranges} time ranges hold what a scan finds", %{port: port, series: series} do
    lengths =
      for number <- 1..@ranges do
        {id, rows} = Enum.random(series)
        {start, stop} = random_range(rem(number, 5), rows)
        order = Enum.random(["asc", "desc"])
        path = range_path(id, start, stop, order, @everything)
        expected = scan(rows, start, stop, order)
        found = whole(port, path)
        assert found == expected, "#{path}: #{length(found)} points, not #{length(expected)}"
        length(expected)
      end

    assert Enum.count(lengths, &(&1 == 0)) < div(@ranges, 2)
    assert Enum.count(lengths, &(&1 > 100)) > div(@ranges, 8)
  end

  test "pages of any size make up the whole range", %{port: port, series: series} do
    for number <- 1..40 do
      {id, rows} = Enum.random(series)
      {start, stop} = random_range(rem(number, 5), rows)
      order = Enum.random(["asc", "desc"])
      # Small ones, but not thousands of requests.
      limit = 150 + :rand.uniform(400)
      pages = pages(port, range_path(id, start, stop, order, limit))
      assert Enum.flat_map(pages, &points/1) == scan(rows, start, stop, order)
      assert full_but_last?(Enum.map(pages, &length(&1["data"])), limit)
    end

    # One point a page.
    rows = series["seattle.temp_min"]
    {start, stop} = {micros("2012-02-25T00:00:00Z"), micros("2012-03-05T00:00:00Z")}

    for order <- ["asc", "desc"] do
      pages = pages(port, range_path("seattle.temp_min", start, stop, order, 1))
      assert length(pages) == 9
      assert Enum.flat_map(pages, &points/1) == scan(rows, start, stop, order)
    end
  end

  # From one row's time to another's: the first is in it, the last is not.
  defp random_range(0, rows), do: sorted(moment(rows), moment(rows))

  # One microsecond to either side of that.
  defp random_range(1, rows) do
    sorted(moment(rows) + Enum.random(-1..1), moment(rows) + Enum.random(-1..1))
  end

  # Any two moments, also before and after all rows.
  defp random_range(2, rows) do
    {{first, _}, {last, _}} = {hd(rows), List.last(rows)}
    margin = div(last - first, 10)
    between = (first - margin)..(last + margin)
    sorted(Enum.random(between), Enum.random(between))
  end

  # Just one row, or the microsecond before it.
  defp random_range(3, rows) do
    moment = moment(rows)
    Enum.random([{moment, moment + 1}, {moment - 1, moment}])
  end

  # No time at all, or all of it.
  defp random_range(4, rows) do
    moment = moment(rows)
    Enum.random([{moment, moment}, {0, micros("2030-01-01T00:00:00Z")}])
  end

  defp sorted(a, b), do: {min(a, b), max(a, b)}

  defp moment(rows), do: rows |> Enum.random() |> elem(0)

  defp micros(text) do
    {:ok, time, 0} = DateTime.from_iso8601(text)
    DateTime.to_unix(time, :microsecond)
  end

  defp scan(rows, start, stop, order) do
    rows = for {micros, row} <- rows, micros >= start and micros < stop, do: row
    if order == "asc", do: rows, else: Enum.reverse(rows)
  end

  defp series_path(id), do: "#{@database}/timeseries/#{id}"

  # Bounds in either of the forms that are taken.
  defp range_path(id, start, stop, order, limit) do
    query =
      URI.encode_query(start: written(start), end: written(stop), order: order, limit: limit)

    "#{series_path(id)}?#{query}"
  end

  defp written(micros) do
    iso = micros |> DateTime.from_unix!(:microsecond) |> DateTime.to_iso8601()
    # Few digits are not taken for microseconds.
    if micros < 100_000_000, do: iso, else: Enum.random([micros, iso])
  end

  defp whole(port, path) do
    [page] = pages(port, path)
    points(page)
  end

  defp points(page), do: Enum.map(page["data"], &{&1["timestamp"], &1["value"]})

  ## Pages

  # One page after the other, by their links.
  defp pages(port, path) do
    socket = connect(port)
    pages = follow(socket, path)
    :gen_tcp.close(socket)
    pages
  end

  defp follow(socket, path) do
    write(socket, format("GET", path))
    response = read(socket)
    assert response.status == 200, "#{path}: #{response.body}"
    page = json(response)

    case page["links"] do
      [] -> [page]
      [%{"rel" => "next", "href" => next}] -> [page | follow(socket, next)]
    end
  end

  # No page is larger than asked for, and none but the last one smaller.
  defp full_but_last?(sizes, limit) do
    {last, others} = List.pop_at(sizes, -1)
    last <= limit and Enum.all?(others, &(&1 == limit))
  end
end
