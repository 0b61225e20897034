defmodule Bench.Peers.Borders do
  @moduledoc """
  Areas of TopoJSON (its specification is by M. Bostock and C. Metcalf) as GeoJSON: arcs of
  whole numbers, each the difference to the one before, which areas that touch share.
  """

  alias FormdbHttp.JSON

  @folder ".tools/peers/npm/node_modules"

  @doc "The 3,231 counties of the United States, or `nil` without the package us-atlas."
  def counties, do: areas("us-atlas/counties-10m.json", "counties")

  @doc "The countries at 1:10,000,000, or `nil` without the package world-atlas."
  def countries, do: areas("world-atlas/countries-10m.json", "countries")

  @doc "How many positions areas have."
  def positions(areas) do
    for({_id, rings} <- areas, polygon <- rings, ring <- polygon, do: length(ring)) |> Enum.sum()
  end

  @doc "An area as a Feature of GeoJSON."
  def document({id, polygons}) do
    JSON.encode(
      type: "Feature",
      id: id,
      geometry: [type: "MultiPolygon", coordinates: polygons],
      properties: [name: id]
    )
    |> IO.iodata_to_binary()
  end

  # `{id, polygons}`.
  defp areas(path, name) do
    case File.read(Path.join(@folder, path)) do
      {:ok, text} -> text |> JSON.decode!() |> from(name)
      {:error, _} -> nil
    end
  end

  defp from(topology, name) do
    arcs =
      topology["arcs"] |> Enum.map(&positions_of(&1, topology["transform"])) |> List.to_tuple()

    for {geometry, n} <- Enum.with_index(topology["objects"][name]["geometries"]),
        polygons = polygons(geometry, arcs),
        polygons != [],
        do: {"#{name}-#{n}-#{geometry["id"]}", polygons}
  end

  defp positions_of(arc, %{"scale" => [sx, sy], "translate" => [tx, ty]}) do
    {positions, _} =
      Enum.map_reduce(arc, {0, 0}, fn [dx, dy], {x, y} ->
        {x, y} = {x + dx, y + dy}
        {[tx + x * sx, ty + y * sy], {x, y}}
      end)

    positions
  end

  defp polygons(%{"type" => "Polygon", "arcs" => rings}, arcs), do: whole([rings], arcs)
  defp polygons(%{"type" => "MultiPolygon", "arcs" => polygons}, arcs), do: whole(polygons, arcs)
  defp polygons(_, _arcs), do: []

  # Rings that shrank to less than a triangle by the rounding of their publisher are left out.
  defp whole(polygons, arcs) do
    for rings <- polygons,
        [outer | holes] = Enum.map(rings, &ring(&1, arcs)),
        length(outer) >= 4,
        do: [outer | Enum.filter(holes, &(length(&1) >= 4))]
  end

  # A negative number is an arc backwards. The last position of each is the first of the next.
  defp ring(numbers, arcs) do
    numbers
    |> Enum.map(fn
      n when n >= 0 -> elem(arcs, n)
      n -> Enum.reverse(elem(arcs, -n - 1))
    end)
    |> Enum.with_index()
    |> Enum.flat_map(fn {arc, n} -> if n == 0, do: arc, else: tl(arc) end)
  end
end
