defmodule FormdbHttpWeb.JournalTest do
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "journal_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, journal: "/api/v1/databases/#{name}/journal"}
  end

  defp feature(id, n), do: %{type: "Feature", id: id, geometry: nil, properties: %{n: n}}

  test "gives every block with what was written", context do
    %{port: port, name: name, journal: journal} = context
    assert json(get(port, journal)) == %{"entries" => [], "next" => nil}

    first = Map.put(feature("a", 1), :provenance, %{source: "field notes"})
    {:ok, one} = FormdbHttp.put_feature(name, first, actor: "ops")
    {:ok, two} = FormdbHttp.put_feature(name, feature("a", 2))

    points = %{
      points: [
        %{series_id: "s", timestamp: 1_000_000, value: 1.5, metadata: %{unit: "K"}},
        %{series_id: "s", timestamp: 0, value: 2}
      ]
    }

    {:ok, {:points, three}} = FormdbHttp.write_points(name, points)

    assert %{"entries" => [a, b, c], "next" => nil} = json(get(port, journal))

    assert %{"seq" => 1, "txn" => 1, "op" => "put_feature", "actor" => "ops"} = a
    assert a["hash"] == one.hash
    assert a["time"] == FormdbHttp.format_timestamp(one.time)
    assert a["provenance"] == %{"source" => "field notes"}
    assert a["body"]["properties"] == %{"n" => 1}
    refute Map.has_key?(a, "prev")

    assert %{"seq" => 2, "prev" => 1, "body" => %{"properties" => %{"n" => 2}}} = b
    assert b["hash"] == two.hash
    refute Map.has_key?(b, "actor") or Map.has_key?(b, "provenance")

    assert c["seq"] == three.first_seq

    assert c["body"] == %{
             "series_id" => "s",
             "timestamps" => ["1970-01-01T00:00:01.000000Z", "1970-01-01T00:00:00.000000Z"],
             "values" => [1.5, 2.0],
             "metadata" => [%{"unit" => "K"}, nil]
           }
  end

  test "the versions of a feature, oldest first", %{port: port, name: name} do
    acks =
      for n <- 1..5 do
        {:ok, _other} = FormdbHttp.put_feature(name, feature("b", n))
        version = Map.put(feature("a", n), :provenance, %{quality: n})
        {:ok, ack} = FormdbHttp.put_feature(name, version, actor: "ops")
        ack
      end

    path = "/api/v1/databases/#{name}/features/a/provenance"

    assert %{"feature_id" => "a", "provenance_chain" => chain, "next" => nil} =
             json(get(port, path))

    assert Enum.map(chain, &{&1["seq"], &1["hash"]}) == Enum.map(acks, &{&1.seq, &1.hash})
    assert Enum.map(chain, & &1["prev"]) == [nil | acks |> Enum.map(& &1.seq) |> Enum.drop(-1)]
    assert Enum.map(chain, & &1["provenance"]["quality"]) == [1, 2, 3, 4, 5]
    assert Enum.all?(chain, &(&1["actor"] == "ops" and &1["op"] == "put_feature"))
    refute Enum.any?(chain, &Map.has_key?(&1, "body"))

    first = json(get(port, path <> "?limit=2"))
    assert [%{"seq" => 2}, %{"seq" => 4}] = first["provenance_chain"]
    rest = json(get(port, path <> "?since=#{first["next"]}&limit=3"))
    assert [%{"seq" => 6}, %{"seq" => 8}, %{"seq" => 10}] = rest["provenance_chain"]
    assert rest["next"] == nil

    response = get(port, "/api/v1/databases/#{name}/features/nobody/provenance")
    assert {404, "feature_not_found"} = {response.status, json(response)["code"]}
  end

  test "pages, ranges and types", %{port: port, name: name, journal: journal} do
    for n <- 1..10 do
      {:ok, _} = FormdbHttp.put_feature(name, feature("f#{n}", n))
      {:ok, _} = FormdbHttp.put_point(name, "s", n, n)
    end

    seqs = fn query -> Enum.map(json(get(port, journal <> query))["entries"], & &1["seq"]) end
    assert seqs.("") == Enum.to_list(1..20)
    assert seqs.("?since=5&until=8") == [6, 7, 8]
    assert seqs.("?since=5&until=5") == []
    assert seqs.("?since=20") == []
    assert seqs.("?since=20&order=desc") == []
    assert seqs.("?type=put_points&until=6") == [2, 4, 6]
    assert all(port, journal, 0) == Enum.to_list(1..20)

    for {query, pointer} <- [
          {"type=nonsense", "/type"},
          {"limit=0", "/limit"},
          {"since=-1", "/since"},
          {"since=21", "/since"},
          {"since=21&until=99&order=desc", "/since"},
          {"since=21&type=put_feature", "/since"},
          {"since=21&wait=1", "/since"},
          {"since=5&until=3", "/until"}
        ] do
      response = get(port, journal <> "?" <> query)
      assert {query, 400, pointer} == {query, response.status, json(response)["pointer"]}
    end
  end

  # Follows `next` to the end, three at a time.
  defp all(_port, _journal, nil), do: []

  defp all(port, journal, since) do
    page = json(get(port, "#{journal}?since=#{since}&limit=3"))
    assert length(page["entries"]) <= 3
    Enum.map(page["entries"], & &1["seq"]) ++ all(port, journal, page["next"])
  end

  test "from one time to another", %{port: port, name: name, journal: journal} do
    acks =
      for n <- 1..3 do
        {:ok, ack} = FormdbHttp.put_feature(name, feature("a", n))
        Process.sleep(2)
        ack
      end

    [_first, second, _third] = for ack <- acks, do: FormdbHttp.format_timestamp(ack.time)

    seqs = fn query ->
      for entry <- json(get(port, journal <> query))["entries"], do: entry["seq"]
    end

    assert seqs.("?since=" <> second) == [3]
    assert seqs.("?until=" <> second) == [1, 2]
    assert seqs.("?since=1&until=" <> second) == [2]
    assert seqs.("?since=2020-01-01") == [1, 2, 3]
    assert seqs.("?until=2020-01-01") == []

    for key <- ["since", "until"], {value, part} <- [{"then", "then"}, {"9000-01-01", "ahead"}] do
      refused = get(port, journal <> "?#{key}=#{value}")
      assert %{"status" => 400, "pointer" => pointer, "detail" => detail} = json(refused)
      assert {pointer, detail =~ part} == {"/" <> key, true}
    end

    crossed = get(port, journal <> "?since=3&until=" <> second)
    assert json(crossed)["detail"] =~ "before since"
  end

  test "a page of large blocks ends early and goes on", context do
    %{port: port, name: name, journal: journal} = context
    timestamps = Enum.to_list(1..60_000)
    values = Enum.map(timestamps, &(&1 / 7))
    # Some 2.5 MB of JSON each, with 16 MiB in a page.
    for _ <- 1..10, do: {:ok, _} = FormdbHttp.put_columns(name, "s", timestamps, values)

    page = json(get(port, journal))
    assert length(page["entries"]) in 1..9
    assert page["next"] == List.last(page["entries"])["seq"]
    assert hd(page["entries"])["body"]["values"] == values
  end
end
