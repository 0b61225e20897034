defmodule FormdbHttpWeb.PagesTest do
  # The pages for people: their types, that they take nothing from elsewhere, and that what
  # they refer to is there.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.{Accept, Endpoint, Router}

  setup do
    start_supervised!({Endpoint, Config.load!()})
    {:ok, port: Endpoint.port()}
  end

  @html [{"accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}]

  test "the first page is for people who ask for one, and links for programs", %{port: port} do
    name = "pages_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)

    page = get(port, "/", @html)
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    # It is long enough to be packed if there are many databases.
    assert page.headers["vary"] in ["accept", "accept, accept-encoding"]
    assert page.body =~ ~s(<li><a href="/api/v1/databases/#{name}">#{name}</a>: open</li>)
    assert page.body =~ FormdbHttp.version()
    refute page.body =~ "{{"

    for accept <- [[], [{"accept", "*/*"}], [{"accept", "application/json, text/html;q=0.9"}]] do
      response = get(port, "/", accept)
      assert response.headers["content-type"] == "application/json"
      found = json(response)

      assert %{"id" => name, "status" => "open", "href" => "/api/v1/databases/" <> name} in found[
               "databases"
             ]

      for %{"href" => href, "rel" => rel} <- found["links"],
          do: assert({rel, get(port, href).status} == {rel, 200})

      assert Enum.map(found["links"], & &1["rel"]) == [
               "service-doc",
               "service-desc",
               "status",
               "databases"
             ]
    end
  end

  test "pages take nothing from elsewhere, and what they refer to is there", %{port: port} do
    for path <- ["/", "/docs", "/docs/", "/live"] do
      page = get(port, path, @html)
      assert page.status == 200
      policy = page.headers["content-security-policy"]
      assert policy =~ "default-src 'none'" and policy =~ "script-src 'self'"
      refute policy =~ "unsafe" or policy =~ "http"
      assert page.headers["x-content-type-options"] == "nosniff"
      refute page.body =~ ~r/<style|<script>|\son[a-z]+=|style=/

      references =
        Regex.scan(~r/(?:href|src|data-document)="([^"]*)"/, page.body, capture: :all_but_first)

      assert length(references) >= 3

      for [reference] <- references, reference != "data:," do
        assert reference =~ ~r"\A/", reference
        assert {reference, get(port, reference).status} == {reference, 200}
      end
    end
  end

  test "without scripts the page at /docs is a list of all calls", %{port: port} do
    [list] =
      Regex.run(~r{<noscript>(.*)</noscript>}s, get(port, "/docs").body, capture: :all_but_first)

    for resource <- FormdbHttpWeb.Routes.all(), {method, call} <- resource.calls do
      shown = "<dt><code>#{method} #{resource.template}</code></dt><dd>#{call.about}</dd>"
      assert list =~ shown, shown
    end

    assert byte_size(list) < 10_000
  end

  test "script and style have their types and refer to nothing outside", %{port: port} do
    for {path, type} <- [
          {"/docs/docs.js", "text/javascript; charset=utf-8"},
          {"/live/live.js", "text/javascript; charset=utf-8"},
          {"/docs/style.css", "text/css; charset=utf-8"},
          {"/live/world.svg", "image/svg+xml"}
        ] do
      file = get(port, path)
      assert file.headers["content-type"] == type
      # Names of dialects of XML are no addresses.
      body = String.replace(file.body, "http://www.w3.org/2000/svg", "")
      refute body =~ ~r"https?://|//[a-z]+\.|url\(|@import|innerHTML|eval\("
      assert get(port, path, [{"if-none-match", file.headers["etag"]}]).status == 304
    end
  end

  test "links have the path under which a proxy serves the pages" do
    for base <- ["/formdb", "/a'b"] do
      {%{calls: %{"GET" => call}}, []} = Router.find("/")
      # There may be databases, which are listed to who may read them.
      req = %{base_path: base, headers: %{}, call: call, settings: %{auth: nil}}
      {200, _headers, page} = FormdbHttpWeb.PageController.docs(req, %{})
      shown = String.replace(base, "'", "&#39;")

      assert page =~ ~s(src="#{shown}/docs/docs.js") and
               page =~ ~s(data-document="#{shown}/openapi.json")

      {200, _headers, links} = FormdbHttpWeb.PageController.home(req, %{})
      assert IO.iodata_to_binary(links) =~ ~s("href":"#{base}/docs")
    end

    assert FormdbHttpWeb.BasePath.within("/formdb", "/formdb") == "/"
    assert {%{name: :home}, []} = Router.find("/")
  end

  test "of several types the one that is liked best is given" do
    types = ["application/json", "text/html"]

    for {accept, expected} <- [
          {"text/html", "text/html"},
          {"TEXT/HTML;q=0.5, application/*;q=0.4", "text/html"},
          {"text/*", "text/html"},
          {"text/*, text/html;q=0", "application/json"},
          {"*/*", "application/json"},
          {"image/png", "application/json"},
          {"text/html;q=x", "application/json"},
          {"", "application/json"}
        ],
        do: assert({accept, Accept.preferred(%{"accept" => accept}, types)} == {accept, expected})

    assert Accept.preferred(%{}, types) == "application/json"
  end
end
