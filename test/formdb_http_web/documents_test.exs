defmodule FormdbHttpWeb.DocumentsTest do
  # Features with the words of GeoJSON and of our own API at every level, of every JSON
  # type, through every way in: what is accepted comes back as it was sent, now and after
  # another opening. The engine has the same with more documents and questions.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.Endpoint

  @words ~w(type id geometry properties bbox coordinates geometries features crs provenance
            derived_from feature_id series_id timestamp timestamps value values metadata points
            seq hash time op body prev actor txn key block operations distance links n ts codec)
  @kinds ~w(Point MultiPoint LineString Polygon GeometryCollection)
  @meant ~w(type id geometry properties bbox provenance)
  @world "bbox=-180,-90,180,90&limit=1000"

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "documents_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, base: "/api/v1/databases/#{name}"}
  end

  test "what is accepted is read by every reader, for ever", context do
    %{name: name} = context
    seed = String.to_integer(System.get_env("FORMDB_SEED") || "1")
    count = if System.get_env("FORMDB_SOAK"), do: 50_000, else: 1_500
    :rand.seed(:exsss, {seed, 2, 3})

    {model, accepted} =
      Enum.reduce(1..count, {%{}, 0}, fn n, {model, accepted} ->
        {model, more} = step(context, model)
        if rem(n, 250) == 0, do: compare(context, model, seed)
        {model, accepted + more}
      end)

    share = div(accepted * 100, count)
    IO.puts(:stderr, "documents: #{count} sent over HTTP, #{share} % accepted")
    assert share >= 50

    for _ <- 1..2 do
      :ok = FormdbHttp.close(name)
      {:ok, %{created: false}} = FormdbHttp.open(name)
      compare(context, model, seed)
    end
  end

  ## Ways in

  defp step(context, model) do
    id = "f#{below(12)}"

    case below(8) do
      kind when kind < 3 -> create(context, model, feature(id))
      3 -> put(context, model, id, Map.delete(feature(id), "id"))
      4 -> patch(context, model, id, patch())
      5 -> transaction(context, model, feature(id))
      6 -> series(context, model)
      7 -> delete_and_undo(context, model, id)
    end
  end

  defp create(context, model, feature) do
    send_json(context, "POST", "/features", feature)
    |> accepted(201, model, feature)
  end

  defp put(context, model, id, feature) do
    answer = send_json(context, "PUT", "/features/#{id}", feature)
    accepted(answer, answer.status, model, Map.put(feature, "id", id))
  end

  defp patch(context, model, id, patch) do
    case model do
      %{^id => before} ->
        send_json(context, "PATCH", "/features/#{id}", patch)
        |> accepted(200, model, patched(before, patch))

      _none ->
        {model, 1}
    end
  end

  defp transaction(context, model, feature) do
    %{"transaction_id" => txn} = json(send_json(context, "POST", "/transactions", %{}))
    operations = %{"operations" => [%{"op" => "put_feature", "feature" => feature, "id" => 1}]}
    answer = send_json(context, "POST", "/transactions/#{txn}/operations", operations)
    commit = send_json(context, "POST", "/transactions/#{txn}/commit", nil)
    assert commit.status == 200
    accepted(answer, 200, model, feature)
  end

  defp series(context, model) do
    metadata = object(2)
    series = "s#{System.unique_integer([:positive])}"
    point = %{"series_id" => series, "timestamp" => 1, "value" => 1, "metadata" => metadata}
    assert send_json(context, "POST", "/timeseries", point).status == 201
    latest = get(context.port, "#{context.base}/timeseries/#{series}/latest")
    assert same?(json(latest)["metadata"], metadata)
    {model, 1}
  end

  # The feature comes back with all that it had.
  defp delete_and_undo(context, model, id) do
    answer = request(context.port, "DELETE", "#{context.base}/features/#{id}")

    if is_map_key(model, id) do
      path = "/blocks/#{json(answer)["seq"]}/revert"
      assert send_json(context, "POST", path, nil).status == 201
      assert send_json(context, "POST", path, nil).status == 409
    else
      assert answer.status == 404
    end

    {model, 1}
  end

  defp accepted(%{status: status}, status, model, feature) when status in [200, 201],
    do: {Map.put(model, feature["id"], as_kept(feature)), 1}

  defp accepted(%{status: 400} = answer, _status, model, _feature) do
    assert %{"code" => code, "detail" => detail} = json(answer)
    assert code =~ ~r/\A(invalid_.*|unsupported_crs)\z/ and detail != ""
    {model, 0}
  end

  # Members that are null and would mean something otherwise are absent.
  defp as_kept(feature) do
    kept = feature |> without(["bbox", "crs", "provenance"]) |> Map.put_new("properties", nil)
    Map.update!(kept, "geometry", &geometry_as_kept/1)
  end

  defp geometry_as_kept(%{"type" => "GeometryCollection", "geometries" => parts} = geometry),
    do:
      without(%{geometry | "geometries" => Enum.map(parts, &geometry_as_kept/1)}, ["bbox", "crs"])

  defp geometry_as_kept(nil), do: nil
  defp geometry_as_kept(geometry), do: without(geometry, ["bbox", "crs"])

  defp without(members, names),
    do: Map.reject(members, fn {name, value} -> name in names and value == nil end)

  defp send_json(%{port: port, base: base}, method, path, body) do
    body = if body, do: JSON.text(body), else: ""

    request(port, method, base <> path,
      headers: [{"content-type", "application/json"}],
      body: body
    )
  end

  ## Answers

  defp compare(%{port: port, base: base}, model, seed) do
    placed = for {id, feature} <- model, positions(feature["geometry"]) != [], do: id
    placed = Enum.sort(placed)
    page = json(get(port, "#{base}/features?#{@world}"))
    assert Enum.sort(for f <- page["features"], do: f["id"]) == placed, "seed #{seed}"

    assert json(get(port, "#{base}/features?bbox=-180,-90,180,90&count=true"))["numberMatched"] ==
             length(placed)

    within = json(get(port, "#{base}/features/within?bbox=-60,-60,60,60&limit=1000"))
    assert Enum.sort(for f <- within["features"], do: f["id"]) == placed
    near = json(get(port, "#{base}/features/nearby?point=1,1&radius=20037508&limit=1000"))
    assert Enum.sort(for f <- near["features"], do: f["id"]) == placed
    cells = json(get(port, "#{base}/features/heatmap?bbox=-180,-90,180,90&cell=10"))["cells"]
    assert Enum.sum(for cell <- cells, do: cell["count"]) == length(placed)

    for feature <- page["features"] do
      assert shows?(feature, model[feature["id"]]), "seed #{seed}: #{inspect(feature)}"
    end

    for {id, feature} <- model do
      found = json(get(port, "#{base}/features/#{id}"))
      assert shows?(found, feature), "seed #{seed}: #{inspect(found)} is not #{inspect(feature)}"
    end
  end

  # What has provenance also names its version.
  defp shows?(answer, feature) do
    {version, answer} = Map.pop(answer, "formdb")
    is_map_key(feature, "provenance") == is_map(version) and same?(answer, feature)
  end

  # Numbers by their value.
  defp same?(a, b) when is_map(a) and is_map(b) do
    Enum.sort(Map.keys(a)) == Enum.sort(Map.keys(b)) and
      Enum.all?(a, fn {name, value} -> same?(value, b[name]) end)
  end

  defp same?(a, b) when is_list(a) and is_list(b),
    do: length(a) == length(b) and Enum.all?(Enum.zip(a, b), fn {a, b} -> same?(a, b) end)

  defp same?(a, b), do: a == b

  defp positions(nil), do: []

  defp positions(%{"type" => "GeometryCollection", "geometries" => parts}),
    do: Enum.flat_map(parts, &positions/1)

  defp positions(%{"coordinates" => coordinates}), do: List.flatten(coordinates)

  # RFC 7396, but that a geometry is one value.
  defp patched(before, patch) do
    merged = before |> Map.delete("provenance") |> merge(Map.delete(patch, "geometry"))
    merged = Map.put_new(merged, "id", before["id"])

    if is_map_key(patch, "geometry"),
      do: Map.put(merged, "geometry", patch["geometry"]),
      else: merged
  end

  defp merge(target, patch) when is_map(patch) do
    target = if is_map(target), do: target, else: %{}

    Enum.reduce(patch, target, fn
      {name, nil}, target -> Map.delete(target, name)
      {name, value}, target -> Map.put(target, name, merge(target[name], value))
    end)
  end

  defp merge(_target, patch), do: patch

  ## Documents

  defp below(n), do: :rand.uniform(n) - 1
  defp one_of(list), do: Enum.random(list)

  defp value(0),
    do: one_of([nil, true, false, 0, 5, -1.5, 1.0e300, 18_446_744_073_709_551_615, "Point", ""])

  defp value(depth) do
    case below(6) do
      0 -> geometry(1)
      1 -> [[50, 50], [60, 60]]
      2 -> for _ <- 1..3, do: value(depth - 1)
      3 -> object(depth)
      _scalar -> value(0)
    end
  end

  defp object(depth),
    do: for(_ <- 1..below(4)//1, into: %{}, do: {one_of(@words), value(depth - 1)})

  defp foreign(meant), do: 2 |> object() |> Map.drop(meant)

  defp geometry(depth) do
    kind = one_of(if depth > 0, do: @kinds, else: @kinds -- ["GeometryCollection"])
    [x, y] = [below(90) - 45, below(90) - 45]

    {meant, parts} =
      case kind do
        "Point" -> {"coordinates", [x, y + 0.5]}
        "MultiPoint" -> {"coordinates", for(n <- 1..below(3)//1, do: [x + n, y])}
        "LineString" -> {"coordinates", [[x, y], [x + 1, y], [x + 1.5, y + 1]]}
        "Polygon" -> {"coordinates", [[[x, y], [x + 2, y], [x + 1, y + 2], [x, y]]]}
        _collection -> {"geometries", for(_ <- 1..below(3)//1, do: geometry(depth - 1))}
      end

    other = if meant == "coordinates", do: "geometries", else: "coordinates"
    own = %{"type" => kind, meant => parts}
    own = if below(3) == 0, do: Map.put(own, other, value(2)), else: own

    own =
      if below(60) == 0, do: Map.put(own, one_of(["type", "bbox", meant]), value(1)), else: own

    Map.merge(foreign(["type", "bbox", meant]), own)
  end

  defp patch do
    members = foreign(@meant)

    members =
      if below(2) == 0,
        do: Map.put(members, "geometry", one_of([nil, geometry(2)])),
        else: members

    members =
      if below(2) == 0,
        do: Map.put(members, "properties", one_of([nil, object(2)])),
        else: members

    source = Map.delete(object(2), "derived_from")
    members = if below(3) == 0, do: Map.put(members, "provenance", source), else: members
    if below(40) == 0, do: Map.put(members, one_of(@meant -- ["id"]), value(0)), else: members
  end

  defp feature(id) do
    patch()
    |> Map.put_new("type", "Feature")
    |> Map.put("id", id)
    |> Map.put_new("geometry", geometry(2))
  end
end
