defmodule FormdbHttpWeb.KeptAnswersTest do
  # Which requests are answered from the cache of a database, and from when on they are
  # not. The engine's own tests have the races.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "kept_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    for n <- 1..3, do: feature(name, n)
    {:ok, _} = FormdbHttp.put_point(name, "s", 1_000_000, 1)
    {:ok, _} = FormdbHttp.put_point(name, "t", 1_000_000, 1)
    {:ok, port: Endpoint.port(), name: name, path: "/api/v1/databases/#{name}"}
  end

  defp feature(name, n) do
    text =
      ~s({"type":"Feature","id":"f#{n}","geometry":{"type":"Point","coordinates":[#{n},0]},) <>
        ~s("properties":{"n":#{n}}})

    {:ok, _} = FormdbHttp.put_feature(name, text)
  end

  @geometry ~s({"type":"Polygon","coordinates":[[[0,-1],[5,-1],[5,1],[0,1],[0,-1]]]})

  @about_features [
    "/features",
    "/features?limit=2",
    "/features?bbox=0,-1,5,1",
    "/features?bbox=0,-1,5,1&predicate=within",
    "/features?bbox=0,-1,5,1&prop.n=gte:2",
    "/features?bbox=0,-1,5,1&count=true",
    "/features/bbox?bbox=0,-1,4,1",
    "/features/nearby?point=0,0&k=2",
    "/features/intersects?geometry=#{URI.encode_www_form(@geometry)}",
    "/features/heatmap?cell=1,1",
    "/features/heatmap?cell=1,1&sum=n"
  ]
  @about_series [
    "/timeseries/s/aggregate?aggregation=sum",
    "/timeseries/s/aggregate?aggregation=avg&interval=1h&tz=Europe/Berlin",
    "/timeseries/s/aggregate?aggregation=sum&interval=1s&start=0&end=9&unit=s&fill=null"
  ]
  @about_all_series ["/timeseries/*/aggregate?aggregation=sum"]

  # Whether it was answered from the cache, and the answer.
  defp ask(context, query) do
    before = figures(context)
    response = get(context.port, context.path <> query)
    assert {response.status, response.body} == {200, response.body}
    now = figures(context)
    counted = {now["hits"] - before["hits"], now["misses"] - before["misses"]}
    assert counted in [{1, 0}, {0, 1}], "#{query} counts as #{inspect(counted)}"
    answer = json(response)
    assert answer["seq"] == json(get(context.port, context.path))["seq"]
    {counted == {1, 0}, Map.delete(answer, "seq")}
  end

  defp figures(context), do: json(get(context.port, context.path))["query_cache"]

  defp kept(context, queries), do: for(query <- queries, do: elem(ask(context, query), 0))

  test "the same question has the same answer, from the cache", context do
    for query <- @about_features ++ @about_series ++ @about_all_series do
      assert {false, answer} = ask(context, query)
      assert {true, ^answer} = ask(context, query)
    end

    assert %{"entries" => 15, "bytes" => bytes} = figures(context)
    assert bytes > 1_000
  end

  test "a write forgets what it touched and nothing else", context do
    queries = [@about_features, @about_series, @about_all_series]
    for list <- queries, do: kept(context, list)

    feature(context.name, 4)
    assert [features, series, all] = Enum.map(queries, &kept(context, &1))
    assert {Enum.any?(features), Enum.all?(series), Enum.all?(all)} == {false, true, true}

    {:ok, _} = FormdbHttp.put_point(context.name, "t", 1_000_000, 1)
    assert [features, series, all] = Enum.map(queries, &kept(context, &1))
    assert {Enum.all?(features), Enum.all?(series), Enum.any?(all)} == {true, true, false}

    {:ok, _} = FormdbHttp.delete_points(context.name, "s", 0, 2_000_000)
    response = get(context.port, context.path <> hd(@about_series))
    assert {response.status, json(response)["code"]} == {404, "series_not_found"}
  end

  test "an answer shows what was written before it was asked for", context do
    for n <- 4..60 do
      feature(context.name, n)
      answer = json(get(context.port, context.path <> "/features?bbox=0,-1,90,1&count=true"))
      assert answer["numberMatched"] == n
    end
  end

  test "a refusal is not kept", context do
    for _ <- 1..2 do
      assert get(context.port, context.path <> "/features?bbox=0,0,0").status == 400
      assert get(context.port, context.path <> "/features?limit=0").status == 400
      path = "/timeseries/none/aggregate?aggregation=sum"
      assert get(context.port, context.path <> path).status == 404
    end

    assert %{"entries" => 0, "hits" => 0, "misses" => 0} = figures(context)
  end

  test "a long question is answered, and not kept", context do
    values = Enum.map_join(1..700, ",", &(&1 + 10_000))
    body = ~s({"geometry":#{@geometry},"filters":{"prop.n":"in:2,#{values}"}})
    path = context.path <> "/features/intersects"

    for _ <- 1..2 do
      response = post(context.port, path, body)
      assert {response.status, json(response)["numberReturned"]} == {200, 1}
    end

    assert %{"entries" => 0} = figures(context)
  end
end
