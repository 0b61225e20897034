defmodule FormdbHttpWeb.SearchController do
  @moduledoc false
  # Questions about many features. All have the same parameters besides those that say
  # where to look.

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.{Answer, Downloading, Params, SearchBody}

  @geojson "application/geo+json"
  @question [:predicate, :filters, :as_of, :k, :radius, :antimeridian]

  @doc "All features, or those in a box."
  def index(req, %{bbox: nil} = params), do: answer(req, :everything, params)
  def index(req, params), do: box(req, params)

  # The path of all features says the same: further pages are there.
  def box(req, %{bbox: box} = params), do: answer(req, {:box, box}, params, :features)

  def nearby(req, params) do
    with {:ok, center} <- only_one(params, [:point, :feature], "longitude,latitude in degrees"),
         do: answer(req, {:near, center}, params)
  end

  def geometry(req, params) do
    with {:ok, params} <- SearchBody.read(req, params),
         {:ok, area} <- area(params),
         do: answer(req, area, params)
  end

  def within(req, params), do: geometry(req, Map.put(params, :predicate, :within))
  def intersects(req, params), do: geometry(req, Map.put(params, :predicate, :intersects))
  def contains(req, params), do: geometry(req, Map.put(params, :predicate, :contains))

  defp area(params) do
    expected = "a GeoJSON geometry as the parameter geometry or in the body"

    with {:ok, area} <- only_one(params, [:geometry, :feature, :bbox], expected) do
      case area do
        {:feature, _id} -> {:ok, area}
        text when params.geometry != nil -> {:ok, {:geometry, text}}
        box -> {:ok, {:box, box}}
      end
    end
  end

  # The one that is given of the parameters by `keys` that the call has. `expected` is what
  # the first of them would be.
  defp only_one(params, keys, expected) do
    keys = Enum.filter(keys, &is_map_key(params, &1))

    case Enum.filter(keys, &(params[&1] != nil)) do
      [:feature] ->
        {:ok, {:feature, params.feature}}

      [key] ->
        {:ok, params[key]}

      [] ->
        [first | _] = keys
        detail = "#{Enum.join(keys, " or ")} is missing; give #{expected}"
        refuse(:missing_parameter, detail, "/#{first}")

      given ->
        detail = "there are both #{Enum.join(given, " and ")}; give one of them"
        refuse(:invalid_parameter, detail, "/#{List.last(given)}")
    end
  end

  defp answer(req, area, params), do: answer(req, area, params, req.resource.name)

  defp answer(_req, area, %{count: true} = params, _resource) do
    with :ok <- check_count(params),
         {:ok, counted} <- FormdbHttp.count(params.db, area, Params.options(params, @question)),
         do: Answer.json(200, numberMatched: counted.count, seq: counted.seq)
  end

  # `resource` is where further pages are.
  defp answer(req, area, params, resource) do
    case Downloading.framing(req) do
      nil -> page(req, area, params, resource)
      framing -> download(framing, area, params)
    end
  end

  defp download({_type, form} = framing, area, params) do
    opts = Params.options(params, [:transaction | @question])

    Downloading.answer(framing, params[:cursor], params[:limit], fn cursor, limit ->
      opts = [cursor: cursor, limit: limit, keep: false] ++ opts

      with {:ok, page} <- FormdbHttp.search(params.db, area, opts),
           do: {:ok, Map.put(page, :text, Serving.json_lines(page.json, form))}
    end)
  end

  defp page(req, area, params, resource) do
    opts = Params.options(params, [:limit, :cursor, :transaction | @question])

    with {:ok, page} <- FormdbHttp.search(params.db, area, opts) do
      members = [
        type: "FeatureCollection",
        features: {:json, page.json},
        seq: page.seq,
        numberReturned: page.returned
      ]

      Answer.page(req, resource, params, @geojson, members, page.next)
    end
  end

  # What a count would pass over in silence.
  defp check_count(%{transaction: %{}}) do
    detail = "features are not counted in a transaction; leave one of the two out"
    refuse(:invalid_parameter, detail, "/transaction")
  end

  defp check_count(%{cursor: cursor}) when cursor != nil do
    detail = "with count=true there are no pages that a cursor could go on with; leave one out"
    refuse(:invalid_parameter, detail, "/cursor")
  end

  defp check_count(_params), do: :ok

  def heatmap(_req, %{db: db, bbox: box} = params) do
    opts = Params.options(params, [:cell, :zoom, :sum, :filters, :as_of])

    with {:ok, heatmap} <- FormdbHttp.heatmap(db, box, opts),
         do: Answer.json(200, cells: {:json, heatmap.json}, seq: heatmap.seq)
  end
end
