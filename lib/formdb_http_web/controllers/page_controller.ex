defmodule FormdbHttpWeb.PageController do
  @moduledoc false
  # Pages for people: what this is, and the API to read and to try.

  alias FormdbHttpWeb.{Accept, Answer, Authorization, Paths, Routes, Static}

  # Without scripts the page is a list.
  @calls for {about, resources} <- Routes.groups(),
             do: [
               "<h2>#{Static.escape(about)}</h2>\n<dl>\n",
               for resource <- resources,
                   method <- ["GET", "POST", "PUT", "PATCH", "DELETE"],
                   call = resource.calls[method] do
                 "<dt><code>#{method} #{Static.escape(resource.template)}</code></dt>" <>
                   "<dd>#{Static.escape(call.about)}</dd>\n"
               end,
               "</dl>\n"
             ]
  @calls IO.iodata_to_binary(@calls)

  def docs(req, _params), do: Static.answer(req, "docs.html", %{"calls" => @calls})
  def script(req, _params), do: Static.answer(req, "docs.js")
  def live(req, _params), do: Static.answer(req, "live.html")
  def live_script(req, _params), do: Static.answer(req, "live.js")
  def world(req, _params), do: Static.answer(req, "world.svg")
  def style(req, _params), do: Static.answer(req, "style.css")

  # Programs get the same as links.
  def home(req, _params) do
    # From memory, as probes.
    databases =
      for %{id: name} = one <- FormdbHttp.Serving.known_databases(),
          Authorization.visible?(req, name),
          do: one

    case Accept.preferred(req.headers, req.call.gives) do
      "text/html" -> page(req, databases)
      _json_or_cbor -> links(req, databases)
    end
    |> Answer.header("vary", "accept")
  end

  defp page(req, databases) do
    values = %{"version" => FormdbHttp.version(), "databases" => list(req, databases)}
    {200, Static.fields("home.html"), Static.fill("home.html", req, values)}
  end

  # A browser has no way to say who asks.
  defp list(%{settings: %{auth: auth}, principal: nil}, []) when auth != nil,
    do: "<p>They are named to who brings an API key or a token.</p>"

  defp list(_req, []), do: "<p>There is none yet.</p>"

  defp list(req, databases) do
    items =
      for %{id: id, status: status} <- databases do
        href = Static.escape(Paths.to(req, :database, %{db: id}))
        ~s(<li><a href="#{href}">#{Static.escape(id)}</a>: #{status}</li>\n)
      end

    "<ul>\n#{items}</ul>"
  end

  # Relations of RFC 8631.
  defp links(req, databases) do
    links =
      for {rel, resource, type} <- [
            {"service-doc", :docs, "text/html"},
            {"service-desc", :document, "application/json"},
            {"status", :ready, "application/json"},
            {"databases", :databases, "application/json"}
          ],
          do: [rel: rel, href: Paths.to(req, resource, %{}), type: type]

    databases =
      for %{id: id, status: status} <- databases,
          do: [id: id, status: status, href: Paths.to(req, :database, %{db: id})]

    Answer.json(200,
      name: "FormDB HTTP",
      version: FormdbHttp.version(),
      databases: databases,
      links: links
    )
  end
end
