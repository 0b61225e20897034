defmodule FormdbHttpWeb.Router do
  @moduledoc false
  # From method and path to a function of a controller. Everything here is a plain
  # function from a request to an answer; FormdbHttpWeb.Cowboy.Dispatcher sends it.
  #
  # A controller's function takes the request and the parts of the path that
  # vary, and returns {status, headers, body} or {:error, %FormdbHttp.Error{}}.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttpWeb.{Conditions, Params, Problem}

  alias FormdbHttpWeb.{
    AggregateController,
    BlockController,
    DatabaseController,
    FeatureController,
    HealthController,
    JournalController,
    MetricsController,
    ProofController,
    SearchController,
    TimeseriesController,
    TransactionController,
    VersionController
  }

  @typedoc "A resource and the parts of the path that vary."
  @type found ::
          {{template :: String.t(), methods :: [{String.t(), fun()}]}, parts :: [String.t()]}
          | nil

  # Resources: the path as a template, and what takes each method.
  @db "/api/v1/databases/{db}"
  @health {"/health", [{"GET", &HealthController.show/1}]}
  @live {"/health/live", [{"GET", &HealthController.live/1}]}
  @ready {"/health/ready", [{"GET", &HealthController.ready/1}]}
  @detailed {"/health/detailed", [{"GET", &HealthController.detailed/1}]}
  @metrics {"/metrics", [{"GET", &MetricsController.show/1}]}
  @version {"/api/v1/version", [{"GET", &VersionController.show/1}]}
  @databases {"/api/v1/databases",
              [{"GET", &DatabaseController.index/1}, {"POST", &DatabaseController.create/1}]}
  @database {@db, [{"GET", &DatabaseController.show/2}, {"DELETE", &DatabaseController.delete/2}]}
  @schema {@db <> "/schema", [{"GET", &DatabaseController.schema/2}]}
  @features {@db <> "/features",
             [{"GET", &SearchController.index/2}, {"POST", &FeatureController.create/2}]}
  @features_in_box {@db <> "/features/bbox", [{"GET", &SearchController.box/2}]}
  @features_nearby {@db <> "/features/nearby", [{"GET", &SearchController.nearby/2}]}
  @features_by_geometry {@db <> "/features/geometry",
                         [
                           {"GET", &SearchController.geometry/2},
                           {"POST", &SearchController.geometry/2}
                         ]}
  @features_within {@db <> "/features/within",
                    [{"GET", &SearchController.within/2}, {"POST", &SearchController.within/2}]}
  @features_intersecting {@db <> "/features/intersects",
                          [
                            {"GET", &SearchController.intersects/2},
                            {"POST", &SearchController.intersects/2}
                          ]}
  @features_containing {@db <> "/features/contains",
                        [
                          {"GET", &SearchController.contains/2},
                          {"POST", &SearchController.contains/2}
                        ]}
  @features_heatmap {@db <> "/features/heatmap", [{"GET", &SearchController.heatmap/2}]}
  @feature {@db <> "/features/{id}",
            [
              {"GET", &FeatureController.show/3},
              {"PUT", &FeatureController.put/3},
              {"PATCH", &FeatureController.patch/3},
              {"DELETE", &FeatureController.delete/3}
            ]}
  @provenance {@db <> "/features/{id}/provenance", [{"GET", &FeatureController.provenance/3}]}
  @lineage {@db <> "/features/{id}/lineage", [{"GET", &FeatureController.lineage/3}]}
  @timeseries {@db <> "/timeseries",
               [
                 {"GET", &TimeseriesController.index/2},
                 {"POST", &TimeseriesController.create/2}
               ]}
  @series {@db <> "/timeseries/{series}",
           [
             {"GET", &TimeseriesController.show/3},
             {"DELETE", &TimeseriesController.delete/3}
           ]}
  @series_by_prefix {@db <> "/timeseries/{prefix}*", [{"GET", &TimeseriesController.show_many/3}]}
  @series_aggregate {@db <> "/timeseries/{series}/aggregate",
                     [{"GET", &AggregateController.show/3}]}
  @series_aggregate_by_prefix {@db <> "/timeseries/{prefix}*/aggregate",
                               [{"GET", &AggregateController.show_many/3}]}
  @series_summary {@db <> "/timeseries/{series}/summary",
                   [{"GET", &AggregateController.summary/3}]}
  @journal {@db <> "/journal", [{"GET", &JournalController.index/2}]}
  @block {@db <> "/blocks/{block}", [{"GET", &BlockController.show/3}]}
  @block_revert {@db <> "/blocks/{block}/revert", [{"POST", &BlockController.revert/3}]}
  @transactions {@db <> "/transactions", [{"POST", &TransactionController.create/2}]}
  @transaction {@db <> "/transactions/{txn}", [{"GET", &TransactionController.show/3}]}
  @transaction_operations {@db <> "/transactions/{txn}/operations",
                           [{"POST", &TransactionController.operations/3}]}
  @transaction_commit {@db <> "/transactions/{txn}/commit",
                       [{"POST", &TransactionController.commit/3}]}
  @transaction_abort {@db <> "/transactions/{txn}/abort",
                      [{"POST", &TransactionController.abort/3}]}
  @tree {@db <> "/tree", [{"GET", &ProofController.tree/2}]}
  @inclusion {@db <> "/proofs/inclusion", [{"GET", &ProofController.inclusion/2}]}
  @consistency {@db <> "/proofs/consistency", [{"GET", &ProofController.consistency/2}]}
  @series_latest {@db <> "/timeseries/{series}/latest", [{"GET", &TimeseriesController.latest/3}]}

  # What stands beside features in the place of an id. The engine takes none of these words
  # as the id of a feature that is written.
  @feature_queries %{
    "bbox" => @features_in_box,
    "nearby" => @features_nearby,
    "geometry" => @features_by_geometry,
    "within" => @features_within,
    "intersects" => @features_intersecting,
    "contains" => @features_containing,
    "heatmap" => @features_heatmap
  }

  @doc "Words that are queries and no features in a path."
  @spec feature_queries() :: [String.t()]
  def feature_queries, do: Map.keys(@feature_queries)

  # Parts of the path are matched before they are decoded: a slash inside an id
  # is %2F and no separator, an id "bbox" can be written %62box, and one that ends in
  # a star with %2A.
  defp resource(["", "api", "v1", "databases", db, "features", id]) do
    case @feature_queries do
      %{^id => query} -> {query, [db]}
      _an_id -> {@feature, [db, id]}
    end
  end

  defp resource(["", "api", "v1", "databases", db, "timeseries", id]),
    do: one_or_many(db, id, @series, @series_by_prefix)

  defp resource(["", "api", "v1", "databases", db, "timeseries", id, "aggregate"]),
    do: one_or_many(db, id, @series_aggregate, @series_aggregate_by_prefix)

  defp resource(["", "api", "v1", "databases", db, "timeseries", id, "summary"]),
    do: {@series_summary, [db, id]}

  defp resource(["", "api", "v1", "databases", db, "features"]), do: {@features, [db]}
  defp resource(["", "api", "v1", "databases", db, "timeseries"]), do: {@timeseries, [db]}

  defp resource(["", "api", "v1", "databases", db, "features", id, "provenance"]),
    do: {@provenance, [db, id]}

  defp resource(["", "api", "v1", "databases", db, "features", id, "lineage"]),
    do: {@lineage, [db, id]}

  defp resource(["", "api", "v1", "databases", db, "timeseries", id, "latest"]),
    do: {@series_latest, [db, id]}

  defp resource(["", "api", "v1", "databases", db, "schema"]), do: {@schema, [db]}
  defp resource(["", "api", "v1", "databases", db, "journal"]), do: {@journal, [db]}

  defp resource(["", "api", "v1", "databases", db, "blocks", block]), do: {@block, [db, block]}

  defp resource(["", "api", "v1", "databases", db, "blocks", block, "revert"]),
    do: {@block_revert, [db, block]}

  defp resource(["", "api", "v1", "databases", db, "transactions"]), do: {@transactions, [db]}

  defp resource(["", "api", "v1", "databases", db, "transactions", id]),
    do: {@transaction, [db, id]}

  defp resource(["", "api", "v1", "databases", db, "transactions", id, "operations"]),
    do: {@transaction_operations, [db, id]}

  defp resource(["", "api", "v1", "databases", db, "transactions", id, "commit"]),
    do: {@transaction_commit, [db, id]}

  defp resource(["", "api", "v1", "databases", db, "transactions", id, "abort"]),
    do: {@transaction_abort, [db, id]}

  defp resource(["", "api", "v1", "databases", db, "tree"]), do: {@tree, [db]}

  defp resource(["", "api", "v1", "databases", db, "proofs", "inclusion"]),
    do: {@inclusion, [db]}

  defp resource(["", "api", "v1", "databases", db, "proofs", "consistency"]),
    do: {@consistency, [db]}

  defp resource(["", "api", "v1", "databases", db]), do: {@database, [db]}
  defp resource(["", "api", "v1", "databases"]), do: {@databases, []}
  defp resource(["", "api", "v1", "version"]), do: {@version, []}
  defp resource(["", "health"]), do: {@health, []}
  defp resource(["", "health", "live"]), do: {@live, []}
  defp resource(["", "health", "ready"]), do: {@ready, []}
  defp resource(["", "health", "detailed"]), do: {@detailed, []}
  defp resource(["", "metrics"]), do: {@metrics, []}
  defp resource(_path), do: nil

  defp one_or_many(db, id, one, many) do
    if String.ends_with?(id, "*"),
      do: {many, [db, binary_part(id, 0, byte_size(id) - 1)]},
      else: {one, [db, id]}
  end

  @doc """
  What is at a path; `nil` where there is nothing. The listener for probes has those and
  the metrics, and nothing else.
  """
  @spec find(String.t(), :all | :probes) :: found()
  def find(path, routes \\ :all)
  def find(path, :all), do: path |> parts() |> resource()

  def find(path, :probes) do
    case parts(path) do
      ["", first | _] = parts when first in ["health", "metrics"] -> resource(parts)
      _other -> nil
    end
  end

  # :trim makes a slash at the end of the path count for nothing.
  defp parts(path), do: :binary.split(path, "/", [:global, :trim])

  @doc "All there is: templates of paths, and what takes each method."
  @spec resources() :: [{template :: String.t(), methods :: [{String.t(), fun()}]}]
  def resources do
    [
      @health,
      @live,
      @ready,
      @detailed,
      @metrics,
      @version,
      @databases,
      @database,
      @schema,
      @features,
      @features_in_box,
      @features_nearby,
      @features_by_geometry,
      @features_within,
      @features_intersecting,
      @features_containing,
      @features_heatmap,
      @feature,
      @provenance,
      @lineage,
      @timeseries,
      @series,
      @series_by_prefix,
      @series_aggregate,
      @series_aggregate_by_prefix,
      @series_summary,
      @journal,
      @block,
      @block_revert,
      @transactions,
      @transaction,
      @transaction_operations,
      @transaction_commit,
      @transaction_abort,
      @tree,
      @inclusion,
      @consistency,
      @series_latest
    ]
  end

  @doc """
  The path of a resource with names in the place of what varies, or `unmatched`: of these
  there are only so many, whatever clients ask for.
  """
  @spec template(found()) :: String.t()
  def template({{template, _methods}, _parts}), do: template
  def template(nil), do: "unmatched"

  # What is asked for by POST, since the question may be too long for a path.
  @question_paths for {path, _methods} <- [
                        @features_by_geometry,
                        @features_within,
                        @features_intersecting,
                        @features_containing
                      ],
                      do: path

  @doc "Whether a request asks only, so that its answer is no loss (RFC 9110, 9.2.1)."
  @spec safe?(found(), :cowboy_req.req()) :: boolean()
  def safe?(_found, %{method: method}) when method in ["GET", "HEAD", "OPTIONS"], do: true
  def safe?({{template, _methods}, _parts}, %{method: "POST"}), do: template in @question_paths
  def safe?(_found, _req), do: false

  @doc "The answer of what `find/1` found to a request."
  @spec call(found(), :cowboy_req.req()) :: Problem.answer()
  def call({{template, methods}, parts}, %{method: method} = req),
    do: call_method(method, {template, methods}, parts, req)

  def call(nil, %{method: method, path: path}), do: no_resource(method, path)

  defp call_method("HEAD", resource, parts, req), do: call_method("GET", resource, parts, req)

  defp call_method(method, {template, methods}, parts, req) do
    case List.keyfind(methods, method, 0) do
      {_method, action} ->
        with(
          :ok <- Conditions.check(method, template, req.headers),
          do: call_action(req, action, parts)
        )
        |> answer()

      nil when method == "OPTIONS" ->
        {204, %{"allow" => allow(methods)}, ""}

      nil ->
        method_not_allowed(method, methods)
    end
  end

  defp call_action(req, action, []), do: action.(req)

  defp call_action(req, action, [part]) do
    with {:ok, part} <- Params.segment(part), do: req |> of_database(part) |> action.(part)
  end

  defp call_action(req, action, [part, other]) do
    with {:ok, part} <- Params.segment(part),
         {:ok, other} <- Params.segment(other),
         do: req |> of_database(part) |> action.(part, other)
  end

  # Before a body is read it is looked whether it is of any use (see Body).
  defp of_database(req, name), do: Map.put(req, :database, name)

  defp answer({:error, error}) do
    Problem.log(error)
    Problem.answer(error)
  end

  defp answer(answer), do: answer

  # What the server as a whole takes (RFC 9110, 9.3.7).
  defp no_resource("OPTIONS", "*") do
    {204, %{"allow" => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}, ""}
  end

  defp no_resource(_method, path) do
    answer(refuse(:not_found, "there is nothing at #{show(path)}; docs/API.md lists the paths"))
  end

  defp method_not_allowed(method, methods) do
    allow = allow(methods)
    refusal = refuse(:method_not_allowed, "found #{show(method)}; this path takes #{allow}")
    {status, headers, body} = answer(refusal)
    {status, Map.put(headers, "allow", allow), body}
  end

  defp allow(methods) do
    names = Enum.map(methods, &elem(&1, 0))
    head = if "GET" in names, do: ["HEAD"], else: []
    Enum.join(names ++ head ++ ["OPTIONS"], ", ")
  end
end
