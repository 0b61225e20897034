defmodule FormdbHttpWeb.AcceptTest do
  # Which form of an answer a client gets: by the words of RFC 9110, 12.5.1, and over HTTP.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{CBOR, Config}
  alias FormdbHttpWeb.{Accept, Endpoint}

  @json "application/json"
  @geojson "application/geo+json"
  @cbor "application/cbor"
  @lines "application/x-ndjson"
  @csv "text/csv"

  # Thousandths.
  @weights %{
    "" => 1000,
    ";q=1" => 1000,
    "; Q=1.000" => 1000,
    ";q=1." => 1000,
    " ;\tq=0.5" => 500,
    ";q=0.25" => 250,
    ";q=0.001" => 1,
    ";q=0" => 0,
    ";q=0." => 0,
    ";q=0.000" => 0,
    ";v=b;q=0.7;ext=1" => 700,
    ~s(;v="a, */*;q=0";q=0.3) => 300,
    ~s(;v="\\"";q=0.4) => 400
  }

  @invalid [";q=-1", ";q=2", ";q=1.1", ";q=1.001", ";q=abc", ";q=", ";q", ";q=0.12345"] ++
             [";q=.5", ";q = 0.5", ";q=+0.5", ";q=1e0", ";q=\"1\"", ";q=00", ";q=0.5.5", ";q=0x1"]

  @ranges [@json, @geojson, @cbor, @lines, @csv, "application/*", "text/*", "*/*"] ++
            ["Application/JSON", "image/png", "*/json", "json", "*", "/", ""]

  defp some(list), do: Enum.random(list)

  defp element do
    weight = if :rand.uniform(4) == 1, do: some(@invalid), else: some(Map.keys(@weights))
    {some(@ranges), weight}
  end

  # Slow and plain: of the elements that count, those of the most specific kind that a type is
  # in say how much it is liked.
  defp liked(elements, type) do
    [main, _sub] = String.split(type, "/")
    other = %{@json => @geojson, @geojson => @json}[type]

    Enum.find_value([type, other, main <> "/*", "*/*"], 0, fn range ->
      weights =
        for {named, text} <- elements,
            String.downcase(named) == range,
            weight = @weights[text],
            do: weight

      if weights != [], do: Enum.max(weights)
    end)
  end

  defp says_something?({range, weight}) do
    case String.split(range, "/") do
      [main, sub] -> main != "" and sub != "" and is_map_key(@weights, weight)
      _none -> false
    end
  end

  defp expected(elements, [first | _] = types) do
    if Enum.any?(elements, &says_something?/1) do
      {most, place} =
        types
        |> Enum.with_index()
        |> Enum.map(fn {type, place} -> {liked(elements, type), -place} end)
        |> Enum.max()

      if most > 0, do: Enum.at(types, -place)
    else
      first
    end
  end

  test "what is chosen is what the words of the RFC say" do
    :rand.seed(:exsss, {9110, 12, 5})

    for _ <- 1..20_000 do
      elements = for _ <- 1..:rand.uniform(5), do: element()

      field =
        Enum.map_join(elements, some([",", ", ", " ,\t"]), fn {range, weight} ->
          range <> weight
        end)

      types = Enum.take_random([@json, @geojson, @cbor, @lines, @csv], :rand.uniform(5))
      headers = %{"accept" => field}
      expected = expected(elements, types)
      assert {field, types, Accept.choose(headers, types)} == {field, types, expected}
      assert Accept.preferred(headers, types) == (expected || hd(types))
    end
  end

  test "a weight that is none says nothing of a coding either" do
    for weight <- @invalid -- [";q=\"1\""] do
      assert {weight, Accept.codings(%{"accept-encoding" => "gzip" <> weight})} ==
               {weight, [:identity]}

      both = %{"accept-encoding" => "zstd#{weight}, gzip;q=0.5"}
      assert {weight, Accept.codings(both)} == {weight, [:gzip, :identity]}
    end
  end

  test "a long field is read in no time" do
    for field <- [
          String.duplicate("\"", 16_000),
          "a/b;x=\"" <> String.duplicate("\\\"", 8_000),
          String.duplicate("a/b;q=0.5,", 1_600),
          "a/b" <> String.duplicate(";", 16_000)
        ] do
      {micros, _} = :timer.tc(fn -> Accept.choose(%{"accept" => field}, [@json, @cbor]) end)
      assert micros < 100_000
    end
  end

  describe "over HTTP" do
    setup do
      start_supervised!({Endpoint, Config.load!()})
      name = "accept_#{System.unique_integer([:positive])}"
      {:ok, _} = FormdbHttp.open(name)
      on_exit(fn -> FormdbHttp.purge(name) end)

      {:ok, _} =
        FormdbHttp.put_feature(
          name,
          ~s({"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}})
        )

      {:ok, _} = FormdbHttp.put_point(name, "s", 0, 1.5)
      %{port: Endpoint.port(), db: "/api/v1/databases/#{name}"}
    end

    defp given(port, path, accept) do
      found = get(port, path, [{"accept", accept}])
      if found.status == 200, do: found.headers["content-type"], else: found.status
    end

    test "a call gives the form that is liked best, and says so when there is none",
         %{port: port, db: db} do
      for {path, accept, type} <- [
            {"/tree", "application/json;q=-1", @json},
            {"/tree", "application/json;q=-1, application/cbor", @cbor},
            {"/tree", "application/json;q=2, application/cbor;q=0.1", @cbor},
            {"/tree", "", @json},
            {"/tree", "application/geo+json", @json},
            {"/tree", "text/html", 406},
            {"/tree", "application/json;q=0", 406},
            {"/tree", "application/json;q=0, */*;q=0.1", @cbor},
            {"/features", "application/json, application/cbor;q=0.1", @geojson},
            {"/features/a", "application/json, application/cbor;q=0.1", @geojson},
            {"/features/a", "application/json;q=0.1, application/cbor", @cbor},
            {"/features", "application/geo+json;q=0, */*", @cbor},
            {"/features", "application/geo+json;q=0, application/x-ndjson;q=0.2", @lines},
            {"/features", "application/geo+json;q=0", 406},
            {"/features", "text/csv", 406},
            {"/features?count=true", "application/geo+json", @json},
            {"/features?count=true", "application/x-ndjson, application/cbor;q=0.5", @cbor},
            {"/features/nearby?point=1,2&k=1", "image/png", 406},
            {"/features/heatmap?cell=1", @geojson, @json},
            {"/timeseries/s", "text/*", @csv},
            {"/timeseries/s/latest", "text/csv", 406},
            {"/blocks/1", "application/json;q=0.5, application/cbor", @cbor},
            {"/blocks/1", "text/plain", 406}
          ],
          do: assert({path, accept, given(port, db <> path, accept)} == {path, accept, type})

      for {accept, type} <- [
            {"text/html;q=0.5, application/cbor", @cbor},
            {"text/html, application/cbor;q=0.5", "text/html; charset=utf-8"},
            {"image/png", 406}
          ],
          do: assert({accept, given(port, "/", accept)} == {accept, type})
    end

    test "the refusal names the forms there are", %{port: port, db: db} do
      refused = get(port, db <> "/timeseries/s", [{"accept", "image/png"}])
      assert refused.headers["vary"] == "accept"
      assert %{"code" => "not_acceptable", "detail" => detail} = json(refused)
      assert detail =~ "image/png" and detail =~ @json and detail =~ @lines and detail =~ @csv
      head = request(port, "HEAD", db <> "/timeseries/s", headers: [{"accept", "image/png"}])
      assert head.status == 406
    end

    test "a write, a probe and what has one form are answered all the same", context do
      %{port: port, db: db} = context
      headers = [{"accept", "image/png"}, {"content-type", @json}]
      body = ~s({"series_id":"s","timestamp":1,"value":2})
      written = request(port, "POST", db <> "/timeseries", headers: headers, body: body)
      assert {written.status, written.headers["content-type"]} == {201, @json}

      for path <- ["/health", "/health/ready", "/metrics", "/docs", "/openapi.json"],
          do: assert({path, get(port, path, headers).status} == {path, 200})

      packed =
        request(port, "POST", db <> "/timeseries", headers: [{"accept", @cbor}], body: body)

      assert %{"seq" => 4} = CBOR.decode!(packed.body)
    end
  end

  test "a method that no path takes is told from one that this path does not take" do
    start_supervised!({Endpoint, Config.load!()})
    port = Endpoint.port()

    # TRACE and CONNECT are refused before the path is read.
    for path <- ["/health", "/nothing"], method <- ["TRACE", "CONNECT", "BREW", "get"] do
      refused = request(port, method, path)
      assert {method, path, refused.status} == {method, path, 501}
      assert %{"code" => "not_implemented", "detail" => detail} = json(refused)
      assert detail =~ "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    end

    for method <- ["QUERY", "PROPFIND"],
        do: assert({method, request(port, method, "/nothing").status} == {method, 404})

    for method <- ["POST", "PUT", "PATCH", "DELETE", "QUERY", "PROPFIND"] do
      refused = request(port, method, "/health")

      assert {method, refused.status, refused.headers["allow"]} ==
               {method, 405, "GET, HEAD, OPTIONS"}
    end
  end
end
