defmodule FormdbHttpWeb.SearchController do
  @moduledoc false
  # Questions about many features. All have the same parameters beside those that say
  # where to look; FormdbHttpWeb.SearchParams reads them.

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttpWeb.{Answer, Params, Paths, SearchParams, WriteOptions}

  @geojson "application/geo+json"
  @world "-180,-90,180,90"

  @doc "All features, or those in a box."
  def index(req, name) do
    with {:ok, params, filters} <- SearchParams.query(req, ["bbox", "predicate"]) do
      area = if box = params["bbox"], do: {:box, box}, else: :everything
      answer(name, area, params, filters, fn -> Paths.features(req, name) end)
    end
  end

  def box(req, name) do
    with {:ok, params, filters} <- SearchParams.query(req, ["bbox", "predicate"]),
         {:ok, box} <- Params.required(params, "bbox", "west,south,east,north in degrees") do
      # The path of all features says the same.
      answer(name, {:box, box}, params, filters, fn -> Paths.features(req, name) end)
    end
  end

  def nearby(req, name) do
    with {:ok, params, filters} <- SearchParams.query(req, ["point", "k", "radius"]),
         {:ok, text} <- Params.required(params, "point", "longitude,latitude in degrees"),
         {:ok, point} <- SearchParams.point(text),
         {:ok, k} <- Params.count(params, "k"),
         {:ok, radius} <- Params.number(params, "radius") do
      more = for {key, value} when value != nil <- [k: k, radius: radius], do: {key, value}
      path = fn -> Paths.features(req, name) <> "/nearby" end
      answer(name, {:near, point}, params, filters, path, more)
    end
  end

  def geometry(req, name) do
    own = ["geometry", "predicate", "antimeridian"]
    geometry(req, name, "geometry", own, %{})
  end

  def within(req, name) do
    own = ["geometry", "bbox", "antimeridian"]
    geometry(req, name, "within", own, %{"predicate" => "within"})
  end

  def intersects(req, name) do
    own = ["geometry", "bbox", "antimeridian"]
    geometry(req, name, "intersects", own, %{"predicate" => "intersects"})
  end

  def contains(req, name) do
    own = ["geometry", "bbox", "antimeridian"]
    geometry(req, name, "contains", own, %{"predicate" => "contains"})
  end

  defp geometry(req, name, word, own, fixed) do
    with {:ok, params, filters, asked} <- SearchParams.query_or_body(req, own),
         {:ok, area} <- area(params, own),
         {:ok, more} <- WriteOptions.antimeridian(params) do
      # A link to the next page repeats the query, whose body is to be sent again.
      path = fn -> Paths.features(req, name) <> "/" <> word end
      answer(name, area, Map.merge(params, fixed), filters, path, more, asked)
    end
  end

  defp area(%{"geometry" => _, "bbox" => _}, _own) do
    refuse(:invalid_parameter, "there are both geometry and bbox; give one of them", "/bbox")
  end

  defp area(%{"geometry" => geometry}, _own), do: {:ok, {:geometry, geometry}}
  defp area(%{"bbox" => box}, _own), do: {:ok, {:box, box}}

  defp area(_params, own) do
    names = Enum.join(own -- ["predicate", "antimeridian"], " or ")

    detail =
      "#{names} is missing; give a GeoJSON geometry as the parameter geometry or in the body"

    refuse(:missing_parameter, detail, "/geometry")
  end

  # `more` are options of this call. `asked` are method, parameters and filters that the
  # link to the next page repeats, when they are not those of a GET.
  defp answer(name, area, params, filters, path, more \\ [], asked \\ nil) do
    with {:ok, count?} <- Params.boolean(params, "count"),
         {:ok, predicate} <- SearchParams.predicate(params),
         {:ok, limit} <- Params.limit(params),
         {:ok, as_of} <- Params.as_of(params) do
      opts = [predicate: predicate, filters: filters, as_of: as_of] ++ more
      transaction = Params.transaction(params, name)

      cond do
        not count? ->
          opts = [limit: limit, cursor: params["cursor"], transaction: transaction] ++ opts
          page(name, area, opts, path, asked || {"GET", params, filters})

        transaction ->
          detail = "features are not counted in a transaction; leave one of the two out"
          refuse(:invalid_parameter, detail, "/transaction")

        true ->
          with {:ok, counted} <- FormdbHttp.count(name, area, opts),
               do: Answer.json(200, numberMatched: counted.count, seq: counted.seq)
      end
    end
  end

  defp page(name, area, opts, path, {method, params, filters}) do
    with {:ok, page} <- FormdbHttp.search(name, area, opts) do
      members = [
        type: "FeatureCollection",
        features: {:json, page.json},
        seq: page.seq,
        numberReturned: page.returned
      ]

      Answer.page(@geojson, members, page.next, path, params, filters, method)
    end
  end

  def heatmap(req, name) do
    with {:ok, params, filters} <-
           Params.query_with_filters(req, ["bbox", "cell", "zoom", "sum", "as_of"]),
         {:ok, cell} <- SearchParams.cell(params),
         {:ok, zoom} <- Params.count(params, "zoom"),
         {:ok, as_of} <- Params.as_of(params),
         box = Map.get(params, "bbox", @world),
         opts = [cell: cell, zoom: zoom, sum: params["sum"], filters: filters, as_of: as_of],
         {:ok, heatmap} <- FormdbHttp.heatmap(name, box, opts),
         do: Answer.json(200, cells: {:json, heatmap.json}, seq: heatmap.seq)
  end
end
