defmodule FormdbHttpWeb.AskingTest do
  # Who wrote what, and when: filters over the journal, where points come from, what changed,
  # and what is gone. Held against the whole journal, gone through one block after the other.
  use ExUnit.Case

  import FormdbHttp.HTTPClient, except: [write: 2]

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "asking_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    :rand.seed(:exsss, 11)
    {:ok, name: name, db: "/api/v1/databases/#{name}"}
  end

  defp ask(path), do: get(Endpoint.port(), path)
  defp ok(path), do: path |> ask() |> tap(&assert({path, &1.status} == {path, 200})) |> json()
  defp lines(path), do: accept(path, "application/x-ndjson") |> String.split("\n", trim: true)

  defp accept(path, type) do
    %{status: 200, body: body} = get(Endpoint.port(), path, [{"accept", type}])
    body
  end

  defp pick(list), do: Enum.random(list)

  # A history of some features and series; deletions and what undoes them among it.
  defp write(name, count) do
    for n <- 1..count do
      opts = [actor: pick([nil, "ana", "ben"])]
      provenance = %{"source" => "import #{:rand.uniform(3)}", "run" => :rand.uniform(4)}
      series = pick(["tokyo/rain", "tokyo/wind", "osaka/rain"])

      case :rand.uniform(10) do
        k when k <= 3 ->
          feature = %{
            "type" => "Feature",
            "geometry" =>
              pick([nil, %{"type" => "Point", "coordinates" => [:rand.uniform(9), 1]}]),
            "properties" => document(3),
            "provenance" => provenance
          }

          {:ok, _} = FormdbHttp.put_feature(name, feature, [id: "f#{:rand.uniform(4)}"] ++ opts)

        k when k <= 7 ->
          points =
            for _ <- 1..:rand.uniform(8) do
              point = %{series_id: series, timestamp: :rand.uniform(20), value: :rand.uniform(3)}
              if :rand.uniform(2) == 1, do: Map.put(point, :metadata, %{n: n}), else: point
            end

          {:ok, _} =
            FormdbHttp.write_points(name, %{points: points, provenance: provenance}, opts)

        8 ->
          _gone = FormdbHttp.delete_feature(name, "f#{:rand.uniform(4)}", opts)

        9 ->
          from = :rand.uniform(20)
          _none = FormdbHttp.delete_points(name, series, from, from + 5, opts)

        10 ->
          _refused = FormdbHttp.revert(name, :rand.uniform(n), [partial: true] ++ opts)
      end
    end
  end

  # With the names and depths that make a path hard.
  defp document(0), do: pick([1, 1.5, "x", nil, true, [1, %{"a" => 2}], [], %{}])

  defp document(depth) do
    for _ <- 1..3,
        into: %{},
        do: {pick(["a", "b/c", "~d", "limit", ""]), document(pick([0, depth - 1]))}
  end

  defp journal(db), do: Enum.map(lines(db <> "/journal"), &JSON.decode!/1)

  defp about(%{"op" => "revert", "body" => %{"body" => body}}), do: body
  defp about(%{"body" => body}), do: body

  ## The journal

  defp pages(path, begin) do
    page = ok(path)
    link = ask(path).headers["link"]
    rest = if page["next"], do: pages(again(path, begin, page["next"], link), begin), else: []
    page["entries"] ++ rest
  end

  # The link is to the page that `next` says.
  defp again(path, begin, next, link) do
    [_all, href] = Regex.run(~r/^<(.*)>; rel="next"$/, link)
    query = href |> URI.parse() |> Map.fetch!(:query) |> URI.decode_query()
    assert query[begin] == to_string(next)
    assert URI.parse(href).path == URI.parse(path).path
    href
  end

  test "filters find what a look at every block finds, in pages and in lines", context do
    %{name: name, db: db} = context
    write(name, 250)
    all = journal(db)

    txns = all |> Enum.map(& &1["txn"]) |> Enum.uniq()

    conditions = [
      {"feature_id=f1", &(about(&1)["id"] == "f1")},
      {"series_id=tokyo/rain", &(about(&1)["series_id"] == "tokyo/rain")},
      {"series_id=tokyo/*", &String.starts_with?(about(&1)["series_id"] || "", "tokyo/")},
      {"type=put_points", &(&1["op"] == "put_points")},
      {"type=delete_points", &(&1["op"] == "delete_points")},
      {"actor=ana", &(&1["actor"] == "ana")},
      {"actor=nobody", fn _ -> false end},
      {"provenance.source=import+2", &(&1["provenance"]["source"] == "import 2")},
      {"provenance.run=3", &(&1["provenance"]["run"] == 3)},
      {"provenance.source=import%202&provenance.run=1",
       &match?(%{"source" => "import 2", "run" => 1}, &1["provenance"])},
      {"provenance.run=1&provenance.run=2", fn _ -> false end},
      {"transaction=#{List.last(txns)}", &(&1["txn"] == List.last(txns))},
      {"since=40&until=140", &(&1["seq"] in 41..140)}
    ]

    for {one, holds} <- conditions,
        {other, also} <- [{"", fn _ -> true end} | conditions],
        one != other,
        not (one =~ "provenance" and other =~ "provenance"),
        hd(String.split(one, "=")) != hd(String.split(other, "=")) do
      expected = Enum.filter(all, &(holds.(&1) and also.(&1)))
      query = "#{db}/journal?#{one}&#{other}&limit=#{:rand.uniform(60)}"
      assert {query, pages(query, "since")} == {query, expected}
      desc = pages(query <> "&order=desc", "until")
      assert {query, desc} == {query, Enum.reverse(expected)}

      down = lines("#{db}/journal?#{one}&#{other}&order=desc&bodies=false")
      down = Enum.map(down, &JSON.decode!/1)
      assert Enum.map(down, & &1["seq"]) == Enum.map(desc, & &1["seq"])
      refute Enum.any?(down, &is_map_key(&1, "body"))
      assert Enum.all?(down, &(&1["feature_id"] || &1["series_id"]))
    end
  end

  test "what is wrong with a filter is said", %{name: name, db: db} do
    write(name, 5)

    for {query, code, pointer} <- [
          {"transaction=999", "block_not_found", nil},
          {"transaction=x", "invalid_parameter", "/transaction"},
          {"order=up", "invalid_parameter", "/order"},
          {"bodies=no", "invalid_parameter", "/bodies"},
          {"provenance=x", "unknown_parameter", "/provenance"},
          {"feature=x", "unknown_parameter", "/feature"},
          {Enum.map_join(1..65, "&", &"provenance.n#{&1}=1"), "invalid_parameter", "/provenance"}
        ] do
      problem = json(ask("#{db}/journal?#{query}"))
      assert {query, problem["code"], problem["pointer"]} == {query, code, pointer}
    end
  end

  ## Where points come from

  @details ~w(seq hash time actor point_id metadata provenance)

  # Every point that was ever written, with what its block says.
  defp origins(all) do
    for block <- all,
        block["op"] == "put_points",
        {{timestamp, value}, index} <-
          Enum.with_index(Enum.zip(block["body"]["timestamps"], block["body"]["values"])),
        into: %{} do
      metadata = Enum.at(block["body"]["metadata"] || [], index)
      id = "pt_#{block["seq"]}_#{index}"

      point = %{
        "timestamp" => timestamp,
        "value" => value,
        "seq" => block["seq"],
        "hash" => block["hash"],
        "time" => block["time"],
        "actor" => block["actor"],
        "point_id" => id,
        "metadata" => metadata,
        "provenance" => block["provenance"]
      }

      {id, {block["body"]["series_id"], point}}
    end
  end

  defp follow(path, key) do
    page = ok(path)

    case page["links"] do
      [] -> page[key]
      [%{"href" => href}] -> page[key] ++ follow(href, key)
    end
  end

  test "points say which block wrote them, and what it says", %{name: name, db: db} do
    write(name, 200)
    origins = origins(journal(db))
    last = ok(db)["seq"]

    for series <- ["tokyo/rain", "tokyo/wind", "osaka/rain"], at <- [last, div(last, 2)] do
      path = "#{db}/timeseries/#{URI.encode_www_form(series)}?as_of=#{at}"
      plain = follow(path, "data")
      all = follow("#{path}&include=#{Enum.join(@details, ",")}&limit=7", "data")
      assert Enum.map(all, &Map.take(&1, ["timestamp", "value"])) == plain
      assert plain != []

      for point <- all do
        assert {^series, expected} = origins[point["point_id"]]
        assert point == expected and point["seq"] <= at
      end

      # Any part of it, in any order of the query, and the other way round.
      some = Enum.take_random(@details, 3)
      back = follow("#{path}&include=#{Enum.join(some, ",")}&order=desc&limit=3", "data")

      assert back ==
               all |> Enum.reverse() |> Enum.map(&Map.take(&1, ["timestamp", "value" | some]))

      download = Enum.map(lines("#{path}&include=actor,metadata"), &JSON.decode!/1)

      assert download ==
               Enum.map(all, fn point ->
                 point
                 |> Map.take(["timestamp", "value", "actor", "metadata"])
                 |> Map.put("series_id", series)
               end)

      [header | rows] =
        String.split(accept(path <> "&include=actor,seq", "text/csv"), "\n", trim: true)

      assert header == "timestamp,value,seq,actor"

      assert rows ==
               for(p <- all, do: "#{p["timestamp"]},#{p["value"]},#{p["seq"]},#{p["actor"]}")
    end

    several = follow("#{db}/timeseries/tokyo*?include=point_id,hash&limit=11", "series")

    for %{"series_id" => series, "data" => data} <- several, point <- data do
      assert {^series, expected} = origins[point["point_id"]]
      assert point == Map.take(expected, ["timestamp", "value", "point_id", "hash"])
    end

    flat =
      for %{"series_id" => id, "data" => data} <- several,
          point <- data,
          do: {id, point["point_id"]}

    table = accept("#{db}/timeseries/tokyo*?include=point_id", "text/csv")
    ["series_id,timestamp,value,point_id" | rows] = String.split(table, "\n", trim: true)
    assert Enum.map(rows, &{hd(String.split(&1, ",")), List.last(String.split(&1, ","))}) == flat
  end

  test "pages with long provenance end at their bytes, and go on", %{name: name, db: db} do
    provenance = %{note: String.duplicate("x", 100_000)}

    for series <- ["a", "b"] do
      {:ok, _} =
        FormdbHttp.put_columns(name, series, Enum.to_list(1..200), List.duplicate(1, 200),
          provenance: provenance
        )
    end

    path = "#{db}/timeseries/a?include=provenance,point_id"
    assert length(ok(path)["data"]) < 200
    ids = for n <- 0..199, do: "pt_1_#{n}"
    assert Enum.map(follow(path, "data"), & &1["point_id"]) == ids
    back = follow(path <> "&order=desc", "data")
    assert Enum.map(back, & &1["point_id"]) == Enum.reverse(ids)

    all = follow("#{db}/timeseries/*?include=provenance,point_id", "series")

    found =
      for %{"series_id" => id, "data" => data} <- all, point <- data, do: {id, point["point_id"]}

    assert found ==
             for({id, seq} <- [{"a", 1}, {"b", 2}], n <- 0..199, do: {id, "pt_#{seq}_#{n}"})
  end

  test "what a transaction has not committed is from no block", %{name: name, db: db} do
    {:ok, _} = FormdbHttp.put_point(name, "s", 1, 1.5, actor: "ana")
    {:ok, transaction} = FormdbHttp.begin(name)
    operation = {:put_points, %{series_id: "s", timestamp: 2, value: 2.5}}
    {:ok, _} = FormdbHttp.apply(transaction, [operation])
    path = "#{db}/timeseries/s?transaction=#{transaction.id}&include=seq,actor,point_id,hash"
    assert [%{"seq" => 1, "actor" => "ana"}, own] = ok(path)["data"]
    assert %{"value" => 2.5, "seq" => nil, "actor" => nil, "point_id" => nil, "hash" => nil} = own
  end

  test "include is refused where nothing can be told", %{name: name, db: db} do
    {:ok, _} = FormdbHttp.put_point(name, "s", 1, 1.5)

    for {path, type, part} <- [
          {"s?include=value", "application/json", "include takes seq"},
          {"s?include=provenance", "text/csv", "no column for provenance"},
          {"*?include=metadata", "text/csv", "no column for metadata"},
          {"*?include=seq&shape=wide", "text/csv", "shape=wide"}
        ] do
      answer = get(Endpoint.port(), "#{db}/timeseries/#{path}", [{"accept", type}])
      assert %{"status" => 400, "pointer" => "/include", "detail" => detail} = json(answer)
      assert detail =~ part
    end

    assert_raise ArgumentError, fn -> FormdbHttp.range(name, "s", 0, 9, include: [:seq]) end
  end

  ## The blocks of a range

  # The points of a series as of each block, by replaying the journal.
  defp visible(name, series, at) do
    case FormdbHttp.range(name, series, -100, 100,
           as_of: at,
           as: :json,
           include: [:point_id],
           limit: 10_000
         ) do
      {:ok, %{points: json}} ->
        MapSet.new(JSON.decode!(json), &{&1["timestamp"], &1["point_id"], &1["value"]})

      {:error, %{code: :series_not_found}} ->
        MapSet.new()
    end
  end

  defp in_range(points, start, stop) do
    [start, stop] = Enum.map([start, stop], &FormdbHttp.format_timestamp/1)

    MapSet.filter(points, fn {timestamp, _id, _value} ->
      timestamp >= start and timestamp < stop
    end)
  end

  test "the provenance of a range is what changed it, block by block", %{name: name, db: db} do
    write(name, 120)
    all = journal(db)
    last = length(all)

    for series <- ["tokyo/rain", "osaka/rain"] do
      states = for at <- 0..last, do: visible(name, series, at)

      for {start, stop} <- [{-100, 100}, {5, 12}, {50, 60}] do
        expected =
          for {[one, other], block} <- Enum.zip(Enum.chunk_every(states, 2, 1, :discard), all),
              [one, other] = Enum.map([one, other], &in_range(&1, start, stop)),
              one != other do
            changed = MapSet.union(MapSet.difference(one, other), MapSet.difference(other, one))

            {block["seq"], block["hash"], block["actor"], block["provenance"],
             MapSet.size(changed)}
          end

        path =
          "#{db}/timeseries/#{URI.encode_www_form(series)}/provenance?start=#{start}&end=#{stop}&unit=us"

        assert {series, chain(path <> "&limit=7")} == {series, expected}
        short = Enum.filter(expected, &(elem(&1, 0) <= 60))
        assert chain(path <> "&as_of=60") == short
      end
    end

    assert %{"code" => "series_not_found"} = json(ask(db <> "/timeseries/none/provenance"))
  end

  defp chain(path) do
    page = ok(path)

    blocks =
      for block <- page["provenance_chain"],
          do: {block["seq"], block["hash"], block["actor"], block["provenance"], block["points"]}

    if page["next"],
      do: blocks ++ chain(again(path, "since", page["next"], ask(path).headers["link"])),
      else: blocks
  end

  ## What changed

  test "the changes of a feature make one version of another", %{name: name, db: db} do
    write(name, 150)
    last = ok(db)["seq"]

    document = fn id, at ->
      case ask("#{db}/features/#{id}?as_of=#{at}") do
        # Which versions they are is no change.
        %{status: 200} = answer -> Map.delete(json(answer), "formdb")
        %{status: 404} -> nil
      end
    end

    compared =
      for _ <- 1..300 do
        id = "f#{:rand.uniform(4)}"
        [from, to] = for _ <- 1..2, do: :rand.uniform(last)
        [one, other] = for at <- [from, to], do: document.(id, at)
        answer = ask("#{db}/features/#{id}/diff?from=#{from}&to=#{to}")

        if one == nil and other == nil do
          assert answer.status == 404
          0
        else
          diff = json(answer)
          assert apply_changes(one, diff["changes"]) == other
          assert diff["from"] == nil == (one == nil) and diff["to"] == nil == (other == nil)
          assert apply_changes(other, undoing(diff["changes"])) == one
          1
        end
      end

    assert Enum.sum(compared) > 100
  end

  # RFC 6902, for objects.
  defp apply_changes(document, changes), do: Enum.reduce(changes, document, &change/2)

  defp change(%{"op" => "add", "path" => "", "value" => value}, nil),
    do: Map.delete(value, "formdb")

  defp change(%{"op" => "remove", "path" => ""} = change, document) do
    assert document == Map.delete(change["from"], "formdb")
    nil
  end

  defp change(%{"op" => op, "path" => "/" <> path} = change, document) do
    keys =
      for part <- String.split(path, "/"),
          do: part |> String.replace("~1", "/") |> String.replace("~0", "~")

    {parents, [key]} = Enum.split(keys, -1)
    there = get_in(document, parents ++ [Access.key(key)])
    parent = if parents == [], do: document, else: get_in(document, parents)
    assert is_map_key(parent, key) == op in ["remove", "replace"]
    if op != "add", do: assert(there === change["from"])

    parent =
      if op == "remove", do: Map.delete(parent, key), else: Map.put(parent, key, change["value"])

    if parents == [], do: parent, else: put_in(document, parents, parent)
  end

  defp undoing(changes) do
    for change <- Enum.reverse(changes) do
      case change["op"] do
        "add" -> %{"op" => "remove", "path" => change["path"], "from" => change["value"]}
        "remove" -> %{"op" => "add", "path" => change["path"], "value" => change["from"]}
        "replace" -> %{change | "from" => change["value"], "value" => change["from"]}
      end
    end
  end

  test "a geometry changes as a whole, members by themselves", %{name: name, db: db} do
    feature = fn lon, limit ->
      geometry = %{"type" => "Point", "coordinates" => [lon, 2]}

      %{
        "type" => "Feature",
        "geometry" => geometry,
        "properties" => %{"limit" => limit, "a" => 1}
      }
    end

    {:ok, one} = FormdbHttp.put_feature(name, feature.(1, 40), id: "x", actor: "ana")
    {:ok, _two} = FormdbHttp.put_feature(name, feature.(3, 50), id: "x")
    diff = ok("#{db}/features/x/diff?from=1")
    assert %{"seq" => 1, "hash" => hash, "actor" => "ana"} = diff["from"]
    assert hash == one.hash and diff["to"]["seq"] == 2

    assert Enum.sort_by(diff["changes"], & &1["path"]) == [
             %{
               "op" => "replace",
               "path" => "/geometry",
               "from" => %{"type" => "Point", "coordinates" => [1, 2]},
               "value" => %{"type" => "Point", "coordinates" => [3, 2]}
             },
             %{"op" => "replace", "path" => "/properties/limit", "from" => 40, "value" => 50}
           ]

    time = FormdbHttp.format_timestamp(one.time)
    assert ok("#{db}/features/x/diff?from=#{time}&to=1")["changes"] == []

    for {query, pointer} <- [
          {"", "/from"},
          {"?from=9", "/from"},
          {"?from=1&to=9", "/to"},
          {"?from=x", "/from"}
        ] do
      problem = json(ask("#{db}/features/x/diff#{query}"))
      assert {query, problem["status"], problem["pointer"]} == {query, 400, pointer}
    end
  end

  test "the changes of a series are the difference of two ranges", %{name: name, db: db} do
    write(name, 150)
    last = ok(db)["seq"]
    bag = fn points -> points |> Enum.map(fn {t, _id, v} -> {t, v} end) |> Enum.frequencies() end

    for _ <- 1..60 do
      series = pick(["tokyo/rain", "tokyo/wind", "osaka/rain"])
      [from, to] = for _ <- 1..2, do: :rand.uniform(last)
      {start, stop} = pick([{-100, 100}, {4, 11}])

      [one, other] =
        for at <- [from, to], do: name |> visible(series, at) |> in_range(start, stop) |> bag.()

      path =
        "#{db}/timeseries/#{URI.encode_www_form(series)}/diff?from=#{from}&to=#{to}" <>
          "&start=#{start}&end=#{stop}&unit=us&limit=#{pick([1, 5, 1_000])}"

      case ask(path).status do
        404 ->
          assert {one, other} == {%{}, %{}}

        200 ->
          pairs = fn points -> Enum.map(points, &{&1["timestamp"], &1["value"]}) end
          [added, removed] = for key <- ["added", "removed"], do: pairs.(follow(path, key))
          assert added == Enum.sort_by(added, &elem(&1, 0))
          assert Enum.frequencies(added) == less(other, one)
          assert Enum.frequencies(removed) == less(one, other)
      end
    end
  end

  # A bag without the members of another.
  defp less(bag, other) do
    for {item, count} <- bag,
        left = count - Map.get(other, item, 0),
        left > 0,
        into: %{},
        do: {item, left}
  end

  ## What is gone

  test "what is gone says in which block, what came later too", %{name: name, db: db} do
    {:ok, _} = FormdbHttp.put_point(name, "other", 1, 1)
    feature = %{"type" => "Feature", "geometry" => nil, "properties" => %{}}
    {:ok, _} = FormdbHttp.put_feature(name, feature, id: "a")
    {:ok, _} = FormdbHttp.put_point(name, "s", 1, 1)
    {:ok, gone} = FormdbHttp.delete_feature(name, "a", actor: "ana")
    {:ok, deleted} = FormdbHttp.delete_points(name, "s", 0, 10)
    [time, then] = for ack <- [gone, deleted], do: FormdbHttp.format_timestamp(ack.time)

    for path <- ["features/a", "features/a?as_of=4", "features/a?as_of=5"] do
      problem = json(ask("#{db}/#{path}"))
      assert %{"status" => 404, "seq" => 4, "time" => ^time, "detail" => detail} = problem
      assert detail =~ ~s(deleted in block 4 at #{time} by "ana")
    end

    assert %{"seq" => 4} = json(request(Endpoint.port(), "DELETE", db <> "/features/a"))

    for path <- [
          "s",
          "s/latest",
          "s/summary",
          "s/aggregate?aggregation=avg",
          "s?include=seq",
          "s?as_of=5"
        ] do
      problem = json(ask("#{db}/timeseries/#{path}"))
      assert %{"status" => 404, "seq" => 5, "time" => ^then} = problem
      assert problem["detail"] =~ "deleted in block 5 at #{then}"
    end

    for {path, said} <- [
          {"features/a?as_of=1",
           ~s(as of block 1 there was no feature "a"; it first appears in block 2)},
          {"features/a/provenance?as_of=1", "it first appears in block 2"},
          {"timeseries/s?as_of=2",
           ~s(as of block 2 there was no series "s"; it first appears in block 3)},
          {"timeseries/s/latest?as_of=2", "it first appears in block 3"},
          {"timeseries/none?as_of=2", ~s(there was no series "none"; there is none now either)},
          {"features/none", ~s(there is no feature "none")},
          {"timeseries/s?as_of=2020-01-01", "the first block was committed at 20"},
          {"features/a?as_of=2020-01-01", "no past before its import"}
        ] do
      problem = json(ask("#{db}/#{path}"))

      assert problem["status"] == 404 and problem["detail"] =~ said,
             "#{path}: #{problem["detail"]}"

      refute is_map_key(problem, "seq")
    end
  end
end
