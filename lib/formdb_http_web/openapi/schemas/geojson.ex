defmodule FormdbHttpWeb.OpenAPI.Schemas.GeoJSON do
  @moduledoc false
  # RFC 7946. What a schema cannot say is in the descriptions.

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.Routes.Features

  # In a character class.
  @controls "\\x00-\\x1f\\x7f-\\x9f"

  @simple [
    point: {"Point", :position},
    multi_point: {"MultiPoint", :positions},
    line_string: {"LineString", :line},
    multi_line_string: {"MultiLineString", :lines},
    polygon: {"Polygon", :rings},
    multi_polygon: {"MultiPolygon", :polygons}
  ]

  def schemas do
    words = [".", ".." | Features.reserved()]

    [
      geometry:
        [oneOf: for({name, _} <- @simple, do: ref(name)) ++ [ref(:geometry_collection)]] ++
          [
            description:
              "A GeoJSON geometry (RFC 7946) in WGS 84; members that GeoJSON gives no meaning are kept. " <>
                "Rings are closed. An edge wider than 180 degrees is refused unless the parameter " <>
                "`antimeridian` says what is meant.",
            examples: [[type: "Point", coordinates: [142.37, 38.32, 29.0]]]
          ]
    ] ++
      for({name, {type, coordinates}} <- @simple, do: {name, simple(type, coordinates)}) ++
      [
        geometry_collection:
          object(
            [type: constant("GeometryCollection"), geometries: list(ref(:geometry))],
            [bbox: nullable(ref(:bbox))],
            description: "Up to 8 deep."
          ),
        position: [
          type: "array",
          prefixItems: [
            longitude(),
            latitude()
          ],
          items: number(),
          minItems: 2,
          description:
            "Longitude, latitude and, if known, the height in metres; degrees in WGS 84.",
          examples: [[142.37, 38.32, 29.0]]
        ],
        bbox:
          any_of([box([longitude(), latitude()]), box([longitude(), latitude(), number()])],
            description:
              "West, south, east, north, or the same with heights: a box that meets the geometry.",
            examples: [[140, 35, 145, 40]]
          ),
        feature_id:
          any_of([ref(:id), number()],
            description: "Text or a number; `7`, `7.0` and `\"7\"` are one id.",
            examples: ["us7000abcd"]
          ),
        new_id:
          any_of([text(allOf: [ref(:id)], not: [enum: words]), number()],
            description: "The id of a feature that is written.",
            examples: ["us7000abcd"]
          ),
        id:
          text(
            pattern: "^[^#{@controls}]+$",
            maxLength: 4096,
            description:
              "The id of a feature: 1 to 256 bytes (FORMDB_ID_BYTES) without control characters. Neither `.` " <>
                "nor `..`, and none of the words that are queries (`bbox`, `nearby`, `geometry`, `within`, " <>
                "`contains`, `intersects`, `heatmap`).",
            examples: ["us7000abcd"]
          ),
        series_id:
          text(
            pattern: "^[^#{@controls}]*[^#{@controls}*]$",
            maxLength: 4096,
            description:
              "The id of a series: 1 to 256 bytes (FORMDB_ID_BYTES) without control characters. Neither `.` " <>
                "nor `..`, and none that ends in a star.",
            examples: ["tokyo/temperature"]
          ),
        feature_input:
          any_of([ref(:written_feature), ref(:geometry)],
            description: "A Feature, or a geometry alone: that of a feature without properties."
          ),
        features_input:
          any_of([ref(:written_feature), ref(:written_collection), ref(:geometry)],
            description:
              "A Feature, a geometry alone, or a FeatureCollection, which is written all or nothing.",
            examples: [
              [
                type: "Feature",
                id: "us7000abcd",
                geometry: [type: "Point", coordinates: [142.37, 38.32, 29.0]],
                properties: [mag: 9.1, place: "Honshu"],
                provenance: [source: "usgs"]
              ]
            ]
          ),
        version_of_answer:
          closed(
            [
              log: text(description: "The public id of the database's log."),
              seq: ref(:block_seq)
            ],
            [],
            description:
              "The version of a feature to which the answer added `provenance` or `distance`. Written " <>
                "back, it has the server take off what the answer added.",
            examples: [[log: "5f0c2a1be3d94c7fa1f0e8b2c6d7e9a4", seq: 1]]
          ),
        written_feature:
          object(
            [type: constant("Feature"), geometry: nullable(ref(:geometry))],
            [
              id: nullable(ref(:new_id)),
              properties: nullable(ref(:json_object)),
              provenance: nullable(ref(:provenance)),
              formdb: ref(:version_of_answer),
              bbox: nullable(ref(:bbox))
            ],
            description:
              "A Feature to be written. Without an id the server makes one up (`feat_...`). Members that " <>
                "GeoJSON gives no meaning are kept.",
            examples: [
              [
                type: "Feature",
                geometry: [type: "Point", coordinates: [142.1, 38.0]],
                properties: [mag: 5.5]
              ]
            ]
          ),
        written_collection:
          object(
            [type: constant("FeatureCollection"), features: list(ref(:written_feature))],
            provenance: nullable(ref(:provenance))
          ),
        feature:
          object(
            [
              id: ref(:feature_id),
              type: constant("Feature"),
              geometry: nullable(ref(:geometry)),
              properties: nullable(ref(:json_object))
            ],
            [
              provenance: ref(:provenance),
              bbox: ref(:bbox),
              formdb: ref(:version_of_answer),
              distance: [
                description:
                  "Metres away, in answers to questions of nearness. Else, as all that GeoJSON gives no " <>
                    "meaning, what it was written as."
              ]
            ],
            examples: [
              [
                id: "us7000abcd",
                type: "Feature",
                geometry: [type: "Point", coordinates: [142.37, 38.32, 29.0]],
                properties: [mag: 9.1, place: "Honshu"],
                provenance: [source: "usgs"]
              ]
            ]
          )
      ]
  end

  defp longitude, do: number(minimum: -180, maximum: 180)
  defp latitude, do: number(minimum: -90, maximum: 90)

  defp box(corner) do
    sides = corner ++ corner
    count = length(sides)
    list(number(), prefixItems: sides, minItems: count, maxItems: count)
  end

  defp simple(type, coordinates) do
    object([type: constant(type), coordinates: coordinates(coordinates)],
      bbox: nullable(ref(:bbox))
    )
  end

  defp coordinates(:position), do: ref(:position)
  defp coordinates(:positions), do: list(ref(:position))
  defp coordinates(:line), do: list(ref(:position), minItems: 2)
  defp coordinates(:lines), do: list(coordinates(:line))

  defp coordinates(:rings) do
    ring = list(ref(:position), minItems: 4)
    list(ring, description: "The outer ring, and those of its holes.")
  end

  defp coordinates(:polygons), do: list(coordinates(:rings))
end
