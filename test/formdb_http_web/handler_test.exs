defmodule FormdbHttpWeb.HandlerTest do
  # What a host of another server has: a request goes in, an answer comes out. Nothing listens.
  use ExUnit.Case

  import ExUnit.CaptureLog

  alias FormdbHttp.{Config, Error, JSON, WorkMemory}
  alias FormdbHttpWeb.{BodyReader, Endpoint, Handler, Request}

  defmodule Parts do
    # A body that comes in parts.
    @behaviour BodyReader

    @impl true
    def read([part], _bytes, _wait_ms), do: {:ok, part, []}
    def read([part | rest], _bytes, _wait_ms), do: {:more, part, rest}
    def read(:never, _bytes, _wait_ms), do: {:error, :timeout}

    @impl true
    def refuse(_parts) do
      send(self(), :refused)
      :ok
    end
  end

  setup do
    refute Process.whereis(Endpoint)
    name = "handler_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    {:ok, name: name, db: "/api/v1/databases/" <> name}
  end

  defp request(method, path, opts \\ []) do
    config = struct!(Config.load!(), Keyword.get(opts, :settings, []))
    [path | query] = String.split(path, "?", parts: 2)
    parts = Keyword.get(opts, :body, [""])
    known? = Keyword.get(opts, :length, :known) == :known

    %Request{
      method: method,
      path: path,
      query: Enum.join(query),
      headers: Map.merge(%{"host" => "localhost"}, Keyword.get(opts, :headers, %{})),
      peer: {127, 0, 0, 1},
      asker: self(),
      body: {Parts, parts},
      body_length: if(known?, do: IO.iodata_length(parts), else: :unknown),
      settings: Handler.init(config, {127, 0, 0, 1}, :all)
    }
  end

  defp ask(method, path, opts \\ []) do
    {status, headers, body} = method |> request(path, opts) |> Handler.call()
    {status, headers, IO.iodata_to_binary(body)}
  end

  test "health and metrics need no listener of our own", %{name: name} do
    for path <- ["/health", "/health/live", "/health/ready"],
        do: assert({200, %{"cache-control" => "no-store"}, _} = ask("GET", path))

    assert {200, _, body} = ask("GET", "/health/detailed")
    detailed = JSON.decode!(body)
    assert %{"status" => "ok", "connections" => nil} = detailed
    assert name in Enum.map(detailed["databases"], & &1["id"])

    assert {200, _, text} = ask("GET", "/metrics")
    assert text =~ "formdb_uptime_seconds" and text =~ ~s(database="#{name}")
    assert text =~ ~s(formdb_http_requests_total{method="GET",route="/health/ready")
    refute text =~ "formdb_http_connections"
  end

  test "a body comes in parts, and its memory is given back", %{db: db} do
    feature = ~s({"type":"Feature","id":"a","geometry":null,"properties":{}})
    {one, other} = String.split_at(feature, 20)
    before = WorkMemory.figures()

    for length <- [:known, :unknown] do
      opts = [body: [one, "", other], length: length]
      assert {201, headers, _} = ask("POST", db <> "/features", opts)
      assert headers["location"] == db <> "/features/a"
      assert headers["cache-control"] == "no-cache"
    end

    assert {200, %{"etag" => _}, body} = ask("GET", db <> "/features/a")
    assert JSON.decode!(body) == JSON.decode!(feature)
    assert WorkMemory.figures() == before
    refute_received :refused
  end

  test "of a body that is not going to be read the host is told", %{db: db} do
    path = db <> "/features"
    settings = [max_body_bytes: 10]
    assert {413, _, _} = ask("POST", path, body: ["too long for it"], settings: settings)
    assert_received :refused

    opts = [body: ["too long", " for it"], length: :unknown, settings: settings]
    assert {413, _, _} = ask("POST", path, opts)
    assert_received :refused

    request = request("POST", path, length: :unknown)
    assert {408, _, _} = Handler.call(%{request | body: {Parts, :never}})
  end

  test "links have the path under which the server is found", %{db: db} do
    for n <- 1..3,
        do: ask("POST", db <> "/features", body: [~s({"type":"Point","coordinates":[#{n},0]})])

    settings = [base_path: "/formdb"]
    path = "/formdb#{db}/features?limit=1"
    assert {200, %{"link" => link}, _} = ask("GET", path, settings: settings)
    assert IO.iodata_to_binary(link) =~ "</formdb#{db}/features?cursor="
  end

  test "what goes wrong on the way is told, and logged without what it was about", %{db: db} do
    log =
      capture_log(fn ->
        # No host makes such a request.
        broken = %{request("GET", db <> "/features") | query: :secret}
        assert {500, headers, body} = Handler.call(broken)
        assert headers["content-type"] == "application/problem+json"
        assert IO.iodata_to_binary(body) =~ "internal_error"
      end)

    assert log =~ "GET \"#{db}/features\" failed" and log =~ "FunctionClauseError"
    refute log =~ "secret"
  end

  test "what a host refuses is answered in the same form, and counted", %{db: db} do
    error = %Error{code: :uri_too_long, detail: "too long"}
    before = refused_trees()
    assert {414, _, _} = Handler.refuse(request("GET", db <> "/tree"), error)
    assert refused_trees() == before + 1
  end

  defp refused_trees do
    {200, _, text} = ask("GET", "/metrics")
    line = ~r/requests_total\{method="GET",route="[^"]*\{db\}\/tree",status="4xx"\} (\d+)/

    case Regex.run(line, text) do
      [_, count] -> String.to_integer(count)
      nil -> 0
    end
  end
end
