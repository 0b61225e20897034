defmodule FormdbHttpWeb.Routes.Features do
  @moduledoc false
  # Features: one, and searches for many.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Parameters
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.{FeatureController, SearchController}
  alias FormdbHttpWeb.Routes.Databases

  @features Databases.path() <> "/features"
  @feature @features <> "/{id}"
  @world "-180,-90,180,90"

  # Writes are waited for.
  @write [504]
  # What is read of one feature.
  @read [504]
  # Searches stop at limits.
  @search [413, 504]

  def resources, do: searches() ++ features()

  @doc "Words that stand in the place of an id: none of them is the id of a feature."
  @spec reserved() :: [String.t()]
  def reserved, do: for(%{segments: segments} <- searches(), do: List.last(segments))

  defp searches do
    [
      new(:features_in_box, @features <> "/bbox", [
        call("GET", {SearchController, :box}, :read, "Features in a box.",
          brief: true,
          query: [bbox("Where to look.", required: box_form()), predicate() | search()],
          answers: found(),
          errors: @search
        )
      ]),
      new(:features_nearby, @features <> "/nearby", [
        call(
          "GET",
          {SearchController, :nearby},
          :read,
          "Features around a position, nearest first.",
          brief: true,
          more:
            "Each feature has its `distance` in metres. `k`, `radius` or both are required: the `k` nearest, " <>
              "or all within `radius`.",
          query: [
            point(),
            feature("The id of a feature that is a Point, in the place of a position."),
            k(),
            radius() | search()
          ],
          answers: found(),
          errors: @search
        )
      ]),
      by_geometry(:features_by_geometry, "/geometry", :geometry, "Features at a geometry.", [
        geometry(),
        stored(),
        predicate()
      ]),
      by_geometry(:features_within, "/within", :within, "Features within a geometry or box.", [
        geometry(),
        stored(),
        bbox("Where to look, in the place of a geometry.")
      ]),
      by_geometry(:features_intersecting, "/intersects", :intersects, "Features that meet one.", [
        geometry(),
        stored(),
        bbox("Where to look, in the place of a geometry.")
      ]),
      by_geometry(:features_containing, "/contains", :contains, "Features that contain one.", [
        geometry(),
        stored(),
        bbox("What they contain, in the place of a geometry.")
      ]),
      new(:features_heatmap, @features <> "/heatmap", [
        call("GET", {SearchController, :heatmap}, :read, "How many features are in each cell.",
          brief: true,
          more:
            "`cell` or `zoom` is required. Cells without features are left out. A feature counts in the cell " <>
              "of the middle of its bounding box.",
          query: [
            bbox("Where to look.", default: @world),
            cell(),
            zoom(),
            sum(),
            as_of() | filters()
          ],
          answers: [ok(json(:heatmap))],
          errors: @search
        )
      ])
    ]
  end

  defp by_geometry(name, path, action, about, own) do
    query = own ++ [antimeridian() | search()]
    # Its schema has these parameters.
    body = if action == :geometry, do: :search_at_geometry, else: :search_in_area

    new(name, @features <> path, [
      call("GET", {SearchController, action}, :read, about,
        brief: true,
        query: query,
        answers: found(),
        errors: @search
      ),
      call("POST", {SearchController, action}, :read, about <> " The body has the parameters.",
        brief: true,
        query: query,
        body: optional(json(body) ++ geojson(body)),
        answers: found(),
        errors: @search
      )
    ])
  end

  defp features do
    [
      new(:features, @features, [
        call("GET", {SearchController, :index}, :read, "All features, or those in a box.",
          brief: true,
          query: [bbox("Where to look."), predicate() | search()],
          answers: found(),
          errors: @search
        ),
        call("POST", {FeatureController, :create}, :write, "Writes a feature, or many at once.",
          brief: true,
          more:
            "A Feature, a geometry or a FeatureCollection is written as a whole, or not at all. Lines and " <>
              "sequences are written as they come, in batches of 5,000 records or 4 MiB; the answer is lines " <>
              "of progress. Positions are longitude, latitude.",
          query: [on_duplicate(), on_error(), antimeridian(), durability(), provenance_of_all()],
          headers: [idempotency_key()],
          body:
            required(
              geojson(:features_input) ++
                json(:features_input) ++ lines(:feature_lines) ++ sequence(:feature_sequence)
            ),
          answers: [created(json(:features_written), location: false), ok(lines(:uploaded))],
          errors: @write
        )
      ]),
      new(:feature, @feature, [
        call("GET", {FeatureController, :show}, :read, "A feature.",
          brief: true,
          query: [as_of(), transaction()],
          headers: [if_match(), if_none_match()],
          answers: [ok(geojson(:feature), etag: false, formdb_seq: false), not_modified()],
          errors: @read
        ),
        call("PUT", {FeatureController, :put}, :write, "Writes a feature.",
          brief: true,
          query: [antimeridian(), durability()],
          headers: [idempotency_key(), if_match(), if_none_match()],
          body: required(geojson(:feature_input) ++ json(:feature_input)),
          answers: [
            created(json(:feature_written), location: true, etag: true),
            ok(json(:feature_written), etag: true)
          ],
          errors: @write
        ),
        call("PATCH", {FeatureController, :patch}, :write, "Changes a part of a feature.",
          brief: true,
          more:
            "The provenance of the new version is that of the patch; without one the version has none. That of " <>
              "the version before stays with that version.",
          query: [antimeridian(), durability()],
          headers: [idempotency_key(), if_match(), if_none_match()],
          body: required(merge_patch(:feature_patch) ++ json(:feature_patch)),
          answers: [ok(json(:feature_written), etag: true)],
          errors: @write
        ),
        call("DELETE", {FeatureController, :delete}, :write, "Deletes a feature.",
          brief: true,
          query: [durability()],
          headers: [idempotency_key(), if_match(), if_none_match()],
          body: optional(json(:reason)),
          answers: [ok(json(:feature_written))],
          errors: @write
        )
      ]),
      new(:provenance, @feature <> "/provenance", [
        call("GET", {FeatureController, :provenance}, :read, "The versions of a feature.",
          query: [since_version(), limit(), as_of()],
          answers: [ok(json(:provenance_chain))],
          errors: @read
        )
      ]),
      new(:feature_diff, @feature <> "/diff", [
        call("GET", {FeatureController, :diff}, :read, "What changed in a feature.",
          query: [from(), to()],
          answers: [ok(json(:feature_diff))],
          errors: @read
        )
      ]),
      new(:lineage, @feature <> "/lineage", [
        call("GET", {FeatureController, :lineage}, :read, "What a feature is derived from.",
          query: [limit(), as_of()],
          answers: [ok(json(:lineage))],
          errors: @read
        )
      ])
    ]
  end

  defp found do
    content =
      geojson(:feature_page) ++
        json(:feature_count) ++ lines(:feature) ++ sequence(:feature_sequence)

    [ok(content, link: false)]
  end

  defp point,
    do:
      parameter(
        "point",
        :point,
        "The position: longitude, then latitude, in degrees. It or `feature` is required."
      )

  defp stored,
    do: feature("The id of a feature, whose geometry it is, in the place of a geometry.")

  defp k,
    do:
      parameter(
        "k",
        :count,
        "At most so many features, over all pages. It, `radius` or both are required."
      )

  defp radius,
    do: parameter("radius", :number, "At most so many metres away. It, `k` or both are required.")

  defp cell,
    do:
      parameter(
        "cell",
        :cell,
        "Width and height of a cell in degrees, or one number for both. It or `zoom` is required."
      )

  defp zoom,
    do:
      parameter(
        "zoom",
        :count,
        "Cells are the tiles of web maps at this level, 0 to 24. It or `cell` is required."
      )

  defp sum do
    about = "A property whose numbers are added up in each cell."
    parameter("sum", {:engine, "the path of a property"}, about)
  end

  defp on_duplicate do
    about =
      "Whether features of one request with the same id are refused, which is the default, or " <>
        "all written. Of lines and sequences they are all written."

    parameter("on_duplicate", {:enum, [:refuse, :replace]}, about)
  end

  defp on_error do
    about =
      "Whether faulty features have all refused, which is the default, or are left out. Of lines " <>
        "and sequences they are left out by default, or stop it."

    parameter("on_error", {:enum, [:refuse, :skip, :stop]}, about)
  end
end
