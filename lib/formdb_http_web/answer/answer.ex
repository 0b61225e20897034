defmodule FormdbHttpWeb.Answer do
  @moduledoc false
  # Answers of controllers: {status, headers, body}.

  alias FormdbHttp.JSON

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
  header (RFC 8288). `next` is its cursor, if there is one; then `path` is called
  for the path of this page, whose query is `params` and the pairs in `more`. A page that
  was asked for by POST has no link as a header, which could not say so.
  """
  def page(content_type, members, next, path, params, more \\ [], method \\ "GET")

  def page(content_type, members, nil, _path, _params, _more, _method) do
    {200, %{"content-type" => content_type}, JSON.encode(members ++ [links: []])}
  end

  def page(content_type, members, next, path, params, more, method) do
    pairs = Enum.to_list(Map.put(params, "cursor", next)) ++ more
    href = path.() <> "?" <> URI.encode_query(pairs)
    headers = %{"content-type" => content_type}

    if method == "GET" do
      headers = Map.put(headers, "link", ["<", href, ">; rel=\"next\""])
      {200, headers, JSON.encode(members ++ [links: [[rel: "next", href: href]]])}
    else
      link = [rel: "next", href: href, method: method]
      {200, headers, JSON.encode(members ++ [links: [link]])}
    end
  end
end
