defmodule FormdbHttpWeb.EveryCallTest do
  @moduledoc """
  What holds of every call, by the table of routes: conditions in the header are kept or
  refused by name, cursors belong to their question, parameters are what they should be, and
  answers are what the document of the API says.
  """
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, Contract, JSON}
  alias FormdbHttpWeb.{Conditions, Endpoint, Routes}

  setup do
    start_supervised!({Endpoint, Config.load!()})
    socket = connect(Endpoint.port())
    [db, other] = for _ <- 1..2, do: fill("every_#{System.unique_integer([:positive])}")
    {:ok, socket: socket, db: db, other: other}
  end

  # A database with a few of everything, and one block after the other.
  defp fill(name) do
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)

    for n <- 0..5 do
      geometry = %{"type" => "Point", "coordinates" => [n, n]}
      feature = %{"type" => "Feature", "geometry" => geometry, "properties" => %{"n" => n}}
      {:ok, _} = FormdbHttp.put_feature(name, feature, id: "f#{n}")
    end

    for series <- ["s1", "s2", "t"],
        n <- 0..5,
        do: {:ok, _} = FormdbHttp.put_point(name, series, n, n / 1)

    {:ok, _} = FormdbHttp.set_attributes(name, "s1", %{unit: "m"})
    "/api/v1/databases/" <> name
  end

  # Over a connection that is kept.
  defp ask(socket, method, path, opts \\ []) do
    write(socket, format(method, path, opts))
    Contract.check(method, path, read(socket, method))
  end

  defp detail(response), do: json(response)["detail"]

  ## Conditions

  # A path of each resource, with names of what is there.
  defp path(template, db, txn) do
    template
    |> String.replace("/api/v1/databases/{db}", db)
    |> String.replace("{id}", "f1")
    |> String.replace("{series}", "s1")
    |> String.replace("{prefix}", "s")
    |> String.replace("{point_id}", "pt_7_0")
    |> String.replace("{block}", "2")
    |> String.replace("{txn}", txn)
  end

  defp begin(socket, db) do
    %{status: 201} = response = ask(socket, "POST", db <> "/transactions")
    json(response)["transaction_id"]
  end

  @date "Sat, 29 Oct 1994 19:43:31 GMT"
  # None of these lets a request through that looks at it.
  @conditions [
    {"if-match", "If-Match", ~s("nope")},
    {"if-none-match", "If-None-Match", "*"},
    {"if-modified-since", "If-Modified-Since", @date},
    {"if-unmodified-since", "If-Unmodified-Since", @date}
  ]

  test "every condition of every call is kept, or refused by its name", context do
    %{socket: socket, db: db} = context
    txn = begin(socket, db)
    seq = json(ask(socket, "GET", db))["seq"]
    assert Enum.sort(Conditions.headers()) == Enum.sort(for {name, _, _} <- @conditions, do: name)

    kept =
      for %{template: template, calls: calls} <- Routes.all(),
          {method, _call} <- calls,
          method <- if(method == "GET", do: ["GET", "HEAD"], else: [method]),
          {name, shown, value} <- @conditions do
        path = path(template, db, txn)
        response = ask(socket, method, path, headers: [{name, value}], body: body(method))
        call = "#{method} #{template} with #{shown}"

        case response.status do
          status when status in [304, 412] ->
            {method, template, name}

          400 when method == "HEAD" ->
            nil

          400 ->
            assert json(response)["code"] == "invalid_parameter", call
            assert detail(response) =~ shown, "#{call}: #{detail(response)}"
            nil

          status ->
            flunk("#{call}: #{status} #{response.body}")
        end
      end

    kept = Enum.reject(kept, &is_nil/1)
    feature = "/api/v1/databases/{db}/features/{id}"
    block = "/api/v1/databases/{db}/blocks/{block}"
    attributes = "/api/v1/databases/{db}/timeseries/{series}/attributes"

    expected =
      for {template, methods} <- [
            {feature, ["GET", "HEAD", "PUT", "PATCH", "DELETE"]},
            {block, ["GET", "HEAD"]},
            {attributes, ["GET", "HEAD", "PUT", "DELETE"]},
            {"/openapi.json", ["GET", "HEAD"]},
            {"/docs", ["GET", "HEAD"]},
            {"/docs/docs.js", ["GET", "HEAD"]},
            {"/docs/style.css", ["GET", "HEAD"]},
            {"/live", ["GET", "HEAD"]},
            {"/live/live.js", ["GET", "HEAD"]},
            {"/live/world.svg", ["GET", "HEAD"]}
          ],
          method <- methods,
          name <- ["if-match", "if-none-match"],
          do: {method, template, name}

    assert Enum.sort(kept) == Enum.sort(expected)
    assert json(ask(socket, "GET", db))["seq"] == seq, "and nothing was written"
  end

  defp body(method) when method in ["PUT", "PATCH"],
    do: ~s({"type":"Feature","geometry":null,"properties":{}})

  defp body(_method), do: nil

  test "a version is compared as RFC 9110 says", %{socket: socket, db: db} do
    for path <- [db <> "/features/f1", db <> "/blocks/2"] do
      %{headers: %{"etag" => tag}} = ask(socket, "GET", path)
      tag = String.replace_prefix(tag, "W/", "")

      for {headers, status} <- [
            {[{"if-match", tag}], 200},
            {[{"if-match", ~s("nope", #{tag})}], 200},
            # A comma may be a part of a tag.
            {[{"if-match", ~s("a,b",#{tag})}], 200},
            {[{"if-match", ~s("a,b)}], 400},
            {[{"if-match", ~s("a" "b")}], 400},
            {[{"if-none-match", ~s(W/"a,b", "", #{tag})}], 304},
            {[{"if-match", "*"}], 200},
            {[{"if-match", ~s("nope")}], 412},
            {[{"if-match", "W/" <> tag}], 412},
            {[{"if-match", "nope"}], 400},
            {[{"if-none-match", tag}], 304},
            {[{"if-none-match", "W/" <> tag}], 304},
            {[{"if-none-match", ~s("nope")}], 200},
            {[{"if-match", tag}, {"if-none-match", tag}], 304},
            {[{"if-match", ~s("nope")}, {"if-none-match", tag}], 412},
            # The date is superseded by the tag beside it.
            {[{"if-none-match", ~s("nope")}, {"if-modified-since", @date}], 200},
            {[{"if-match", tag}, {"if-unmodified-since", @date}], 200},
            {[{"if-match", tag}, {"if-modified-since", @date}], 400},
            # The whole is sent in any case.
            {[{"range", "bytes=0-1"}, {"if-range", ~s("nope")}], 200}
          ] do
        response = ask(socket, "GET", path, headers: headers)
        assert {headers, response.status} == {headers, status}
      end

      # Of what is not there, that is said.
      assert ask(socket, "GET", path <> "9999", headers: [{"if-match", "*"}]).status == 404
    end
  end

  test "a tag that a proxy has made weak is told apart, and what to do", context do
    %{socket: socket, db: db} = context
    path = db <> "/features/f1"
    %{headers: %{"etag" => tag}} = ask(socket, "GET", path)
    weak = [{"if-match", "W/" <> tag}]

    for method <- ["GET", "PUT", "PATCH", "DELETE"] do
      response = ask(socket, method, path, headers: weak, body: body(method))
      assert {method, response.status} == {method, 412}
      detail = detail(response)
      assert detail =~ "weak" and detail =~ "without W/" and detail =~ "Accept-Encoding: identity"
    end

    both = [{"if-match", "W/#{tag}, #{tag}"}]
    assert ask(socket, "PUT", path, headers: both, body: body("PUT")).status == 200
  end

  ## Cursors

  # Questions that have more than one page of two.
  defp questions(txn) do
    square =
      JSON.text(%{"type" => "Polygon", "coordinates" => [[[0, 0], [9, 0], [9, 9], [0, 0]]]})

    box = "bbox=-1,-1,10,10"
    txn = "transaction=" <> txn

    [
      "/features?",
      "/features?#{box}",
      "/features?bbox=-1,-1,10,11",
      "/features?#{box}&predicate=within",
      "/features?prop.n=gte:1",
      "/features?prop.n=gte:0",
      "/features?#{box}&#{txn}",
      "/features/nearby?point=0,0&k=5",
      "/features/nearby?point=0,0&k=6",
      "/features/nearby?point=0,1&k=5",
      "/features/nearby?point=0,0&radius=9000000",
      "/features/intersects?geometry=#{URI.encode_www_form(square)}",
      "/timeseries?",
      "/timeseries?prefix=s",
      "/timeseries/s1?",
      "/timeseries/s1?order=desc",
      "/timeseries/s1?start=1970-01-01",
      "/timeseries/s1?end=2026-01-01",
      "/timeseries/s1?#{txn}",
      "/timeseries/s1?order=desc&#{txn}",
      "/timeseries/s2?",
      "/timeseries/*?",
      "/timeseries/s*?",
      "/timeseries/s*?order=desc"
    ]
  end

  # Two series begin with an s.
  defp limit("/timeseries?prefix=s"), do: "&limit=1"
  defp limit(_question), do: "&limit=2"

  defp first_page(socket, db, question) do
    %{status: 200} = response = ask(socket, "GET", db <> question <> limit(question))
    page = json(response)
    [%{"href" => href}] = page["links"]
    %{"cursor" => cursor} = href |> URI.parse() |> Map.get(:query) |> URI.decode_query()
    {page, cursor}
  end

  defp items(page), do: page["features"] || page["data"] || page["series"]

  test "every cursor belongs to its question, database and transaction", context do
    %{socket: socket, db: db, other: other} = context

    asked =
      for database <- [db, other],
          question <- questions(begin(socket, database)),
          do: {database, question, first_page(socket, database, question)}

    pairs =
      for {from, question, {page, cursor}} <- asked, {to, other_question, _} <- asked do
        path = to <> other_question <> limit(other_question) <> "&cursor=" <> cursor
        response = ask(socket, "GET", path)

        if {from, question} == {to, other_question} do
          assert response.status == 200, "#{question}: #{response.body}"
          next = json(response)
          assert next["seq"] == page["seq"]
          assert items(next) != [] and items(next) != items(page)
        else
          assert {response.status, json(response)["code"]} == {400, "invalid_cursor"},
                 "the cursor of #{question} for #{other_question}: #{response.body}"

          assert json(response)["pointer"] == "/cursor"
        end
      end

    assert length(pairs) > 2_000
  end

  test "no cursor that was changed is taken", %{socket: socket, db: db} do
    for question <- questions(begin(socket, db)) do
      {_page, cursor} = first_page(socket, db, question)
      size = byte_size(cursor)

      changed =
        for at <- 0..(size - 1), other <- ["A", "Q", "9", "_"] do
          binary_part(cursor, 0, at) <> other <> binary_part(cursor, at + 1, size - at - 1)
        end

      parts = for at <- 0..(size - 1)//7, do: binary_part(cursor, 0, at)
      texts = ["", "x", "f1", "s1", "0", "null", cursor <> "A", cursor <> "=", "%20" <> cursor]

      for text <- changed ++ parts ++ texts, text != cursor do
        response = ask(socket, "GET", db <> question <> limit(question) <> "&cursor=" <> text)
        assert {question, text, response.status} == {question, text, 400}
        assert json(response)["code"] == "invalid_cursor"
      end
    end
  end

  test "an older cursor goes on with its state, and with no other", context do
    %{socket: socket, db: db} = context
    "/api/v1/databases/" <> name = db
    txn = begin(socket, db)

    before =
      for question <- questions(txn),
          do: {question, all(socket, db <> question), first_page(socket, db, question)}

    {:ok, _} = FormdbHttp.delete_points(name, "s2", 0, 100, [])
    for series <- ["s0", "s11", "s1"], do: FormdbHttp.put_point(name, series, 2, 99.0)

    for id <- ["f1", "new"] do
      geometry = %{"type" => "Point", "coordinates" => [3, 3]}
      feature = %{"type" => "Feature", "geometry" => geometry, "properties" => %{"n" => 7}}
      {:ok, _} = FormdbHttp.put_feature(name, feature, id: id)
    end

    for {question, whole, {page, cursor}} <- before do
      rest = all(socket, db <> question <> "&cursor=" <> cursor)

      assert {question, Enum.map(items(page) ++ rest, &key/1)} ==
               {question, Enum.map(whole, &key/1)}

      unless question =~ "transaction=" do
        path = db <> question <> limit(question) <> "&cursor=" <> cursor
        seq = page["seq"]
        assert ask(socket, "GET", "#{path}&as_of=#{seq}").status == 200

        for as_of <- [seq - 1, seq + 1, "2026-01-01"] do
          response = ask(socket, "GET", "#{path}&as_of=#{as_of}")
          assert {question, as_of, response.status} == {question, as_of, 400}
          assert json(response)["code"] == "invalid_cursor"
        end
      end
    end
  end

  # Pages of one, or of the points of one series after the other; none is empty.
  defp all(socket, path) do
    response = ask(socket, "GET", path <> "&limit=2")
    assert response.status == 200, response.body
    page = json(response)
    assert items(page) != []

    case page["links"] do
      [] ->
        items(page)

      [%{"href" => href}] ->
        %{"cursor" => cursor} = href |> URI.parse() |> Map.get(:query) |> URI.decode_query()
        path = String.replace(path, ~r/&cursor=[^&]*/, "")
        items(page) ++ all(socket, path <> "&cursor=" <> cursor)
    end
  end

  # Of the points of many series, where pages cut them counts for nothing here.
  defp key(%{"series_id" => id, "data" => _}), do: id
  defp key(item), do: item

  ## Parameters

  @world "-180,-90,180,90"

  # Values that no parameter of a kind takes.
  @wrong %{
    count: ["x", "1.5", "-1", "1e3", "", "99999999999999999999", "5 m"],
    limit: ["x", "0", "-1", "1e3", "", "99999999999999999999"],
    time: [
      "yesterday",
      "2026-13-01",
      "2026-01-01T00:00:00",
      "",
      "5d",
      "99999-01-01",
      "2026",
      "20260131"
    ],
    unit: ["min", "", "S", "1"],
    as_of: ["x", "-1", "", "999999", "1.5", "2026-01-01T00:00:00"],
    boolean: ["yes", "1", "", "TRUE"],
    order: ["up", "", "ASC", "1"],
    box: ["1,2,3", "a,b,c,d", "", "1,2,3,4,5", "0,0,1km,1", "0,91,1,92"],
    cursor: ["x", "", "1"],
    predicate: ["touches", "", "WITHIN"],
    point: ["1", "a,b", "", "1,2,3", "1km,2", "200,0"],
    k: ["0", "x", "-1", "", "1.5"],
    radius: ["x", "-1", "", "5km"],
    geometry: ["x", "", "{}", "[1,2]", "null"],
    cell: ["x", "", "1m", "0", "1,2,3", "-1"],
    zoom: ["x", "", "-1", "99"],
    aggregation: ["mean", "", "p101", "AVG", "p"],
    interval: ["5x", "5", "-5m", "0s", "m", "", "5 m"],
    group: ["year", "", "MONTH"],
    tz: ["Mars/Base", "", "UTC+1"],
    pattern: [""],
    fill: ["zero", "", "NULL"],
    shape: ["tall", "", "LONG"],
    type: ["put", "", "PUT_FEATURE"],
    durability: ["strong", "", "SYNC"],
    on_duplicate: ["skip", ""],
    on_error: ["replace", ""],
    antimeridian: ["no", "", "CUT"],
    purge: ["yes", "", "1"],
    seq: ["x", "0", "-1", "", "999999", "1.5"],
    size: ["x", "-1", "", "999999", "1.5"]
  }

  # The kind of each parameter, and a value that is one. `nil`: there is none of its own.
  @parameters %{
    "limit" => {:limit, "3"},
    "cursor" => {:cursor, nil},
    "as_of" => {:as_of, "20"},
    "transaction" => {:transaction, nil},
    "count" => {:boolean, "true"},
    "unit" => {:unit, "ms"},
    "start" => {:time, "1970-01-01"},
    "end" => {:time, "2026-01-01"},
    "origin" => {:time, "1970-01-01"},
    "order" => {:order, "asc"},
    "durability" => {:durability, "sync"},
    "antimeridian" => {:antimeridian, "cut"},
    "on_duplicate" => {:on_duplicate, "refuse"},
    "on_error" => {:on_error, "skip"},
    "bbox" => {:box, @world},
    "predicate" => {:predicate, "within"},
    "point" => {:point, "0,0"},
    "feature" => {:text, "f1"},
    "pattern" => {:pattern, "s*"},
    "k" => {:k, "2"},
    "radius" => {:radius, "9.5"},
    "geometry" => {:geometry, ~s({"type":"Point","coordinates":[1,1]})},
    "cell" => {:cell, "10"},
    "zoom" => {:zoom, "3"},
    "sum" => {:text, "n"},
    "since" => {:count, "0"},
    "until" => {:count, "9"},
    "prefix" => {:text, "s"},
    "missing" => {:text, "NA"},
    "series_id" => {:text, "s"},
    "aggregation" => {:aggregation, "max"},
    "interval" => {:interval, "5m"},
    "window" => {:interval, nil},
    "group_by" => {:group, "month"},
    "expected" => {:interval, nil},
    "tz" => {:tz, "Europe/Berlin"},
    "fill" => {:fill, "null"},
    "shape" => {:shape, "long"},
    "type" => {:type, "put_feature"},
    "tree_size" => {:size, "3"},
    "seq" => {:seq, "1"},
    "first" => {:seq, "1"},
    "second" => {:size, "3"},
    "purge" => {:purge, "true"},
    "all" => {:all, "true"},
    "partial" => {:boolean, "true"},
    "dry_run" => {:boolean, "true"},
    "from" => {:as_of, "20"},
    "to" => {:as_of, "20"},
    "include" => {:include, "seq"},
    "feature_id" => {:text, "f1"},
    "actor" => {:text, "ana"},
    "bodies" => {:boolean, "false"},
    "wait" => {:count, "0"},
    "ids" => {:text, "f1"},
    "fence" => {:text, "enter"},
    "dwell" => {:text, "5"},
    "above" => {:text, "5"},
    "below" => {:text, "5"},
    "outside" => {:text, "5,6"},
    "hysteresis" => {:text, "0"},
    "for" => {:text, "0"},
    "log" => {:text, "x"},
    "hash" => {:text, "x"},
    "root" => {:text, "x"},
    "proof" => {:boolean, "true"},
    "token" => {:text, "x"}
  }

  # What a call takes in the place of something else, and so not beside it.
  @needed %{
    features_in_box: ["bbox"],
    features_nearby: ["point", "k"],
    features_by_geometry: ["geometry"],
    features_within: ["geometry"],
    features_containing: ["geometry"],
    features_intersecting: ["bbox"],
    features_heatmap: ["zoom"],
    aggregate: ["aggregation"],
    aggregate_by_prefix: ["aggregation"],
    feature_diff: ["from"],
    series_diff: ["from"],
    inclusion: ["seq"],
    consistency: ["first"]
  }
  @instead %{
    features_nearby: ["feature"],
    features_by_geometry: ["feature"],
    features_within: ["bbox", "feature"],
    features_containing: ["bbox", "feature"],
    features_intersecting: ["geometry", "feature"],
    features_heatmap: ["cell"]
  }

  # Every call of a database: its path, what it cannot do without, and its parameters with
  # their kinds and a value. Of searches by POST the body is asked for first.
  defp calls(db, txn) do
    for %{name: name, template: template, calls: calls} <- Routes.all(),
        template =~ "{db}",
        {method, call} <- calls,
        not (method == "POST" and call.scope == :read) do
      needed = for key <- Map.get(@needed, name, []), do: given(key)

      parameters =
        for %{name: key, type: type} <- call.query,
            not match?({:filter, _}, type),
            key not in Map.get(@instead, name, []),
            do: {String.to_atom(key), parameter(key, type)}

      {method, path(template, db, txn), needed, parameters}
    end
  end

  # In the journal it is the sequence of a block.
  defp parameter("transaction", :count), do: {:count, "1"}
  defp parameter("include", {:enum, [:attributes]}), do: {:include, "attributes"}
  defp parameter(key, _type), do: Map.fetch!(@parameters, key)

  defp given(key), do: {String.to_atom(key), elem(Map.fetch!(@parameters, key), 1)}

  defp query(params), do: "?" <> URI.encode_query(params)

  defp the_other_heatmap(db),
    do: {"GET", db <> "/features/heatmap", [], [cell: @parameters["cell"]]}

  test "every parameter that is given in the place of another is one of the table's" do
    for {resource, keys} <- @instead, key <- keys do
      %{calls: %{"GET" => call}} = Enum.find(Routes.all(), &(&1.name == resource))
      assert key in Enum.map(call.query, & &1.name)
    end
  end

  test "a parameter of the wrong type or unit, or an empty one, is refused by name", context do
    %{socket: socket, db: db} = context
    txn = begin(socket, db)

    asked =
      for {method, path, needed, params} <- [the_other_heatmap(db) | calls(db, txn)],
          {name, {kind, _value}} <- params,
          value <- Map.get(@wrong, kind, []) do
        query = needed |> Keyword.put(name, value) |> query()
        response = ask(socket, method, path <> query, body: body(method))
        pointer = if response.status == 400, do: json(response)["pointer"]
        if pointer != "/#{name}", do: "#{method} #{path}#{query}: #{response.body}"
      end

    assert length(asked) > 400
    assert Enum.reject(asked, &is_nil/1) == []
    # One that there is not is no transaction.
    for path <- ["/features?bbox=0,0,1,1&", "/features/f1?", "/timeseries/s1?"],
        value <- ["nope", ""] do
      response = ask(socket, "GET", "#{db}#{path}transaction=#{value}")
      assert {path, response.status} == {path, 404}
      assert json(response)["code"] == "transaction_not_found"
    end
  end

  test "a parameter that is given twice, or that there is not, is refused in one way", context do
    %{socket: socket, db: db} = context
    txn = begin(socket, db)
    seq = json(ask(socket, "GET", db))["seq"]

    for {method, path, needed, params} <- calls(db, txn) do
      ask = fn params -> ask(socket, method, path <> query(params), body: body(method)) end

      for {name, {_kind, value}} <- params do
        twice = [{name, value || "x"}, {name, value || "x"}]
        response = ask.(Keyword.delete(needed, name) ++ twice)
        call = "#{method} #{path} with #{name} twice"
        assert {call, response.status} == {call, 400}
        assert json(response)["code"] == "invalid_parameter", call
        assert detail(response) == "#{name} is given twice"
        assert json(response)["pointer"] == "/#{name}"

        # A letter too many, and capitals.
        for slip <- ["#{name}#{String.last("#{name}")}", String.upcase("#{name}")] do
          response = ask.([{slip, value || "x"} | needed])
          assert {slip, response.status} == {slip, 400}
          assert json(response)["code"] == "unknown_parameter", "#{method} #{path}: #{slip}"
          assert detail(response) =~ "did you mean #{name}? ", detail(response)
          assert json(response)["pointer"] == "/#{slip}"
        end
      end

      response = ask.([{"qqqq", "1"} | needed])
      assert {method, path, response.status} == {method, path, 400}
      assert json(response)["code"] == "unknown_parameter"
      refute detail(response) =~ "did you mean"
      for {name, _} <- params, do: assert(detail(response) =~ "#{name}")
    end

    for path <- ["/health", "/health/live", "/health/ready", "/health/detailed", "/metrics"] do
      assert {path, ask(socket, "GET", path <> "?x=1").status} == {path, 400}
    end

    for {method, path} <- [
          {"GET", "/api/v1/version"},
          {"GET", "/api/v1/databases"},
          {"POST", "/api/v1/databases"}
        ],
        do: assert({path, ask(socket, method, path <> "?x=1").status} == {path, 400})

    assert json(ask(socket, "GET", db))["seq"] == seq, "and nothing was written"
  end
end
