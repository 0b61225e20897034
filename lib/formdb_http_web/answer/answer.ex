defmodule FormdbHttpWeb.Answer do
  @moduledoc false
  # Answers of controllers: {status, headers, body}.

  alias FormdbHttp.JSON
  alias FormdbHttpWeb.Paths

  @json %{"content-type" => "application/json"}

  @doc "An answer in JSON. The value is as `FormdbHttp.JSON.encode/1` takes it."
  def json(status, value), do: {status, @json, JSON.encode(value)}

  @doc "One that names the address of what was created."
  def created(location, value) do
    {201, Map.put(@json, "location", location), JSON.encode(value)}
  end

  @doc "The answer to a write, marked when an earlier request was answered again."
  def replayed({status, headers, body}, %{replayed: true}),
    do: {status, Map.put(headers, "idempotency-replayed", "true"), body}

  def replayed(answer, %{replayed: false}), do: answer

  @doc "An answer with one more header field."
  def header({status, headers, body}, name, value),
    do: {status, Map.put(headers, name, value), body}

  @doc "An answer that no cache may keep: it is about the moment."
  def unstored(answer), do: header(answer, "cache-control", "no-store")

  @doc """
  A page: the members, with `links` to the next page added, and the same link as a
  header (RFC 8288). `next` is its cursor, if there is one: then the link is to the resource of
  the name `resource` with the query that was asked. A page that was asked for by POST has no
  link as a header, which could not say so; its body is to be sent again.
  """
  def page(_req, _resource, _params, content_type, members, nil) do
    {200, %{"content-type" => content_type}, JSON.encode(members ++ [links: []])}
  end

  def page(req, resource, params, content_type, members, next) do
    href = href(req, resource, params, {"cursor", next})
    headers = %{"content-type" => content_type}

    if req.method == "POST" do
      link = [rel: "next", href: href, method: "POST"]
      {200, headers, JSON.encode(members ++ [links: [link]])}
    else
      headers = Map.put(headers, "link", next(href))
      {200, headers, JSON.encode(members ++ [links: [[rel: "next", href: href]]])}
    end
  end

  @doc """
  The answer with a link to the next page as a header. That is of the same question with one
  parameter given anew; `nil`: there is none.
  """
  def linked(answer, _req, _resource, _params, nil), do: answer

  def linked(answer, req, resource, params, parameter),
    do: header(answer, "link", next(href(req, resource, params, parameter)))

  defp next(href), do: ["<", href, ">; rel=\"next\""]

  defp href(req, resource, params, {name, value}) do
    {asked, filters} = req.asked
    pairs = Enum.to_list(Map.put(asked, name, value)) ++ filters
    Paths.to(req, resource, params) <> "?" <> URI.encode_query(pairs)
  end
end
