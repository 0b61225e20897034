defmodule FormdbHttpWeb.RoutesTest do
  # The table of routes, and what comes from it.
  use ExUnit.Case, async: true

  alias FormdbHttp.Config
  alias FormdbHttpWeb.{Handler, Paths, Problem, Request, Router, Routes}
  alias FormdbHttpWeb.Routes.Content

  @part "a b/c*"

  defp parts(resource),
    do: for({_kind, key} <- resource.segments, into: %{}, do: {key, @part})

  test "what is at the path that is made for a resource is that resource" do
    resources = Routes.all()
    assert resources == Enum.uniq_by(resources, & &1.name)
    assert resources == Enum.uniq_by(resources, & &1.template)

    for resource <- resources do
      path = Paths.to(%{base_path: ""}, resource.name, parts(resource))
      assert {found, parts} = Router.find(path)
      assert found.name == resource.name
      assert parts == for({_kind, _key} <- resource.segments, do: "a%20b%2Fc%2A")
    end
  end

  defp request(method, path, config, routes \\ :all) do
    %Request{
      method: method,
      path: path,
      query: "",
      headers: %{},
      peer: {127, 0, 0, 1},
      asker: self(),
      body: {nil, nil},
      body_length: 0,
      settings: Handler.init(config, {127, 0, 0, 1}, routes),
      base_path: config.base_path
    }
  end

  test "the methods that the server knows are those of the table" do
    called = for resource <- Routes.all(), {method, _call} <- resource.calls, do: method
    assert Enum.sort(Router.methods()) == Enum.sort(Enum.uniq(["HEAD", "OPTIONS" | called]))
  end

  test "a path at which there is nothing is told what may have been meant" do
    {:ok, config} = Config.load(%{})

    told = fn path, config, routes ->
      {:cont, request} = Router.route(request("GET", path, config, routes))
      {:error, %{code: :not_found, detail: detail}} = Router.call(request)
      detail
    end

    # Each resource that has an id in its path, if one with a slash is written as it is.
    for resource <- Routes.all(), {_kind, key} when key != :db <- resource.segments do
      params = Map.put(parts(resource), :db, "x")
      path = Paths.to(%{base_path: ""}, resource.name, %{params | key => "tokyo/rain"})
      meant = told.(String.replace(path, "%2F", "/"), config, :all)
      assert meant =~ "within an id is written %2F, as in", path
      assert meant =~ ~r{as in "[^"]*%2F}, path
      assert meant =~ "/docs and /openapi.json", path
    end

    db = "/api/v1/databases/x"
    assert told.(db <> "/timeseries/tokyo/rain", config, :all) =~ "#{db}/timeseries/tokyo%2Frain"
    latest = told.(db <> "/timeseries/a/b/c/latest", config, :all)
    assert latest =~ "#{db}/timeseries/a%2Fb%2Fc/latest"

    for path <- ["/nothing", "/api/v1/databases/x/y", "/api/v1/databases/x/y/z", "//", "*"] do
      assert told.(path, config, :all) =~ "/docs and /openapi.json list the paths"
      refute told.(path, config, :all) =~ "%2F"
    end

    long = db <> "/features" <> String.duplicate("/a", 5_000)
    {micros, _detail} = :timer.tc(fn -> told.(long, config, :all) end)
    assert micros < 100_000

    below = %{config | base_path: "/formdb"}
    assert told.("/formdb#{db}/features/a/b", below, :all) =~ "/formdb#{db}/features/a%2Fb"
    assert told.("/nothing", below, :all) =~ "/formdb/docs and /formdb/openapi.json"
    refute told.("/docs", config, :probes) =~ "/openapi.json"
  end

  test "Allow names the methods of every resource, and others are refused" do
    {:ok, config} = Config.load(%{})

    for resource <- Routes.all() do
      methods = Map.keys(resource.calls)
      allow = String.split(resource.allow, ", ")
      head = if "GET" in methods, do: ["HEAD"], else: []
      assert Enum.sort(allow) == Enum.sort(["OPTIONS" | head] ++ methods)

      for method <- Router.methods() do
        path = Paths.to(%{base_path: ""}, resource.name, parts(resource))
        {:cont, request} = Router.route(request(method, path, config))
        assert request.call == resource.calls[if(method == "HEAD", do: "GET", else: method)]

        # What is no handshake is refused by the call itself: as malformed, whatever its method.
        if request.call == nil and (method == "OPTIONS" or resource.name != :socket) do
          assert {:halt, {status, %{"allow" => told}, _}} = Router.call(request)
          assert told == resource.allow
          assert status == if(method == "OPTIONS", do: 204, else: 405)
        end
      end
    end
  end

  test "a word in the place of an id is no feature" do
    words =
      for %{template: "/api/v1/databases/{db}/features/" <> word} <- Routes.all(),
          not (word =~ ~r"[/{]"),
          do: word

    assert words != [] and Enum.sort(words) == Enum.sort(Router.feature_queries())
  end

  test "every call says what it does, who may, and what it takes and answers" do
    for resource <- Routes.all(), {method, call} <- resource.calls do
      where = "#{method} #{resource.template}"
      assert call.scope in [nil, :read, :write, :admin], where
      assert method != "GET" or call.scope in [nil, :read], where
      assert call.about =~ ~r/\A[A-Z].*\.\z/, where
      assert Enum.any?(call.statuses, &(&1 in [101 | Enum.to_list(200..299)])), where
      assert call.statuses == Enum.uniq(call.statuses), where
      assert Enum.all?(call.errors, &(&1 >= 400 and &1 not in Routes.any())), where
      assert Enum.all?(call.answers, &(&1.status not in call.errors)), where
      # What is looked up by status is one.
      assert call.answers == Enum.uniq_by(call.answers, & &1.status), where

      for %{status: status, content: content} <- call.answers do
        types = if Content.cbor_form?(content), do: Content.types(content)
        assert call.forms[status] == types, where
      end

      contents = for %{content: content} <- call.answers, do: content
      contents = if call.body, do: [elem(call.body, 1) | contents], else: contents

      for content <- contents do
        types = Content.types(content)
        assert types == Enum.uniq(types), where
        for type <- types, do: assert(type =~ ~r"\A[a-z]+/[a-z+-]+\z", where)
      end

      parameters = call.path ++ call.query ++ call.headers
      assert parameters == Enum.uniq_by(parameters, & &1.name), where
      for parameter <- parameters, do: assert(parameter.about =~ ~r/\A[A-Z].*\.\z/, where)
    end

    assert Enum.all?(Routes.any(), &(&1 >= 400))
    assert Problem.status(:busy) in Routes.any()
  end

  test "the listener for probes has probes and metrics, and nothing else" do
    for resource <- Routes.all() do
      path = Paths.to(%{base_path: ""}, resource.name, parts(resource))
      probe? = resource.template =~ ~r"\A/(health|metrics)"
      assert {path, Router.find(path, :probes) != nil} == {path, probe?}
    end
  end

  test "nothing but its own folder knows Cowboy, and no path stands outside of the table" do
    sources = Path.wildcard("lib/formdb_http_web/**/*.ex")
    assert length(sources) > 50

    for file <- sources, source = File.read!(file) do
      unless file =~ "/cowboy/", do: refute(source =~ ~r/:(cowboy|ranch|cow_)/, file)

      unless file =~ ~r"/(cowboy/|endpoint\.ex)",
        do: refute(source =~ ~r/^\s+(alias|import|use) FormdbHttpWeb\.Cowboy/m, file)

      unless file =~ "/routes/", do: refute(source =~ ~s("/api/), file)
    end
  end
end
