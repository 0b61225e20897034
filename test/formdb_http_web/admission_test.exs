defmodule FormdbHttpWeb.AdmissionTest do
  # Which requests wait for a place, and which never do.
  use ExUnit.Case

  import FormdbHttp.HTTPClient
  import FormdbHttp.Waiting

  alias FormdbHttp.{Admission, Config}
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "places_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)

    feature = fn id ->
      ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[1,2]},) <>
        ~s("properties":{"n":1}})
    end

    for id <- ["a", "b"], do: {:ok, _} = FormdbHttp.put_feature(name, feature.(id))
    times = for n <- 1..60_000, do: n
    {:ok, _} = FormdbHttp.put_columns(name, "s", times, Enum.map(times, &(rem(&1 * 7, 11) / 1)))
    {:ok, port: Endpoint.port(), db: "/api/v1/databases/" <> name}
  end

  # Until the test ends.
  defp take_all(door) do
    test = self()

    holders =
      for _ <- 1..Admission.figures(door).bound do
        holder = spawn(fn -> Admission.run(door, fn -> hold(test) end) end)
        assert_receive {:holds, ^holder}, 5_000
        holder
      end

    on_exit(fn -> for holder <- holders, do: send(holder, :leave) end)
  end

  defp hold(test) do
    send(test, {:holds, self()})
    receive do: (:leave -> :ok)
  end

  # What finds no place free, and is tried first.
  defp tried do
    geometry = ~s({"geometry":{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,0]]]}})

    [
      {"GET", "/features?prop.n=gte:1", nil},
      {"GET", "/features?count=true&prop.n=gte:1", nil},
      {"GET", "/features/nearby?point=1,2&k=2", nil},
      {"GET", "/features/heatmap?zoom=4&prop.n=gte:1", nil},
      {"POST", "/features/intersects?prop.n=gte:1", geometry},
      {"GET", "/timeseries/s?limit=2000", nil},
      {"GET", "/timeseries/s/aggregate?aggregation=p95", nil},
      {"GET", "/timeseries/s*/aggregate?aggregation=p95", nil}
    ]
  end

  test "heavy questions are refused when there is no place in time", %{port: port, db: db} do
    {:ok, 201, %{"transaction_id" => transaction}} = begin(port, db)
    take_all(:question)

    questions = [
      {"GET", "/features?bbox=-180,-90,180,90&transaction=#{transaction}", nil},
      {"GET", "/features/a/lineage", nil},
      {"GET", "/features/a/provenance?limit=2000", nil},
      {"GET", "/timeseries", nil},
      {"GET", "/timeseries/s*", nil},
      {"GET", "/timeseries/s/summary", nil},
      {"GET", "/journal?type=put_feature", nil},
      {"GET", "/journal?limit=2000", nil},
      {"GET", "/schema", nil}
    ]

    refused(port, db, questions, "FORMDB_HEAVY_QUESTIONS")
  end

  test "what may be short is answered all the same", %{port: port, db: db} do
    take_all(:question)

    # Together they may be too many for a machine that is busy; alone each is short now and then.
    for {question, answer} <- all(port, db, tried()), answer.status != 200 do
      assert {question, 503} == {question, answer.status}
      wait_until(fn -> match?([{_question, %{status: 200}}], all(port, db, [question])) end)
    end
  end

  test "and is refused when there is no place to try it either", %{port: port, db: db} do
    for door <- [:question, :try], do: take_all(door)
    refused(port, db, tried(), "FORMDB_QUESTION_TRIES")
  end

  defp refused(port, db, questions, setting) do
    for {{method, path, _body}, answer} <- all(port, db, questions) do
      assert {method, path, answer.status} == {method, path, 503}
      assert answer.headers["retry-after"] == "1"
      problem = json(answer)
      assert problem["code"] == "busy"
      assert problem["detail"] =~ setting
      assert problem["detail"] =~ "FORMDB_HEAVY_WAIT_MS"
    end
  end

  # At once.
  defp all(port, db, questions) do
    questions
    |> Enum.map(fn {method, path, body} = question ->
      Task.async(fn ->
        headers = if body, do: [{"content-type", "application/json"}], else: []
        {question, request(port, method, db <> path, headers: headers, body: body)}
      end)
    end)
    |> Task.await_many(30_000)
  end

  defp begin(port, db) do
    answer = post(port, db <> "/transactions", ~s({"read_only":true}))
    {:ok, answer.status, json(answer)}
  end

  test "probes and small requests need no place", %{port: port, db: db} do
    {:ok, 201, %{"transaction_id" => transaction}} = begin(port, db)
    for door <- [:question, :write], do: take_all(door)
    point = ~s({"series_id":"p","timestamp":1,"value":1})

    for {method, path, body, status} <- [
          {"GET", "/health", nil, 200},
          {"GET", "/health/live", nil, 200},
          {"GET", "/health/ready", nil, 200},
          {"GET", "/health/detailed", nil, 200},
          {"GET", "/metrics", nil, 200},
          {"GET", "/api/v1/version", nil, 200},
          {"GET", "/api/v1/databases", nil, 200},
          {"GET", db, nil, 200},
          {"GET", db <> "/features/a", nil, 200},
          {"GET", db <> "/features/a?as_of=1", nil, 200},
          {"GET", db <> "/features/a?transaction=#{transaction}", nil, 200},
          {"GET", db <> "/features/a/provenance", nil, 200},
          {"GET", db <> "/timeseries/s/latest", nil, 200},
          {"GET", db <> "/timeseries/s?limit=1000", nil, 200},
          {"GET", db <> "/timeseries/s?limit=100000&start=0&end=500&unit=us", nil, 200},
          {"GET", db <> "/timeseries/s?limit=10&transaction=#{transaction}", nil, 200},
          {"GET", db <> "/journal?limit=10", nil, 200},
          {"GET", db <> "/blocks/1", nil, 200},
          {"GET", db <> "/tree", nil, 200},
          {"GET", db <> "/proofs/inclusion?seq=1", nil, 200},
          {"GET", "/api/v1/databases/none/features/a", nil, 404},
          {"POST", db <> "/timeseries", point, 201},
          # Not parsed on a normal scheduler, and not large.
          {"POST", db <> "/timeseries", point <> String.duplicate(" ", 100_000), 201},
          {"POST", db <> "/blocks/1/revert", nil, 201}
        ] do
      headers = if body, do: [{"content-type", "application/json"}], else: []
      answer = request(port, method, path, headers: headers, body: body)
      assert {method, path, answer.status} == {method, path, status}
    end
  end

  test "large records wait for a place, read or rewritten", %{port: port, db: db} do
    text = String.duplicate("x", 1_100_000)
    large = ~s({"type":"Feature","id":"large","geometry":null,"properties":{"t":"#{text}"}})
    %{status: 201} = created = post(port, db <> "/features", large)
    seq = json(created)["seq"]
    assert get(port, db <> "/features/large").status == 200
    for door <- [:question, :write], do: take_all(door)

    for {method, path, body} <- [
          {"GET", "/features/large", nil},
          {"GET", "/blocks/#{seq}", nil},
          {"PATCH", "/features/large", ~s({"properties":{"n":1}})},
          {"POST", "/blocks/#{seq}/revert", nil}
        ] do
      headers = if body, do: [{"content-type", "application/json"}], else: []
      answer = request(port, method, db <> path, headers: headers, body: body)
      assert {method, path, answer.status} == {method, path, 503}
    end

    assert get(port, db <> "/features/none").status == 404
    assert get(port, db <> "/blocks/1000000").status == 404
  end

  test "large bodies wait for a place of their own", %{port: port, db: db} do
    take_all(:write)
    large = ~s({"series_id":"p","timestamp":1,"value":1}) <> String.duplicate(" ", 1_100_000)
    answer = post(port, db <> "/timeseries", large)
    assert answer.status == 503
    assert json(answer)["detail"] =~ "FORMDB_LARGE_WRITES"
    # Questions have theirs.
    assert get(port, db <> "/schema").status == 200
  end

  test "the metrics say how many places there are and who has them", %{port: port} do
    take_all(:question)
    bound = Admission.figures(:question).bound
    text = get(port, "/metrics").body
    assert text =~ ~s(formdb_heavy_bound{kind="question"} #{bound}\n)
    assert text =~ ~s(formdb_heavy_running{kind="question"} #{bound}\n)
    assert text =~ ~s(formdb_heavy_running{kind="write"} 0\n)

    # Whatever has a bound says of itself what others do.
    for door <- FormdbHttp.Admission.doors(), metric <- ~w(bound running waiting) do
      assert text =~ ~r/formdb_heavy_#{metric}\{kind="#{door}"\} \d+\n/
    end

    for door <- FormdbHttp.Admission.doors(), metric <- ~w(waited refused) do
      assert text =~ ~r/formdb_heavy_#{metric}_total\{kind="#{door}"\} \d+\n/
    end

    assert text =~ ~r/formdb_heavy_refused_total\{kind="question"\} \d+\n/
  end
end
