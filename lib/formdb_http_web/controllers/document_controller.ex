defmodule FormdbHttpWeb.DocumentController do
  @moduledoc false
  # The document of the API, and the page that shows it.

  alias FormdbHttpWeb.{Conditions, ETag, OpenAPI}

  def show(req, %{version: version}) do
    {json, hash} = OpenAPI.json(version, req.base_path)
    headers = %{"etag" => ETag.strong(hash)}

    case Conditions.evaluate(req.headers, hash) do
      :fresh -> {200, Map.put(headers, "content-type", "application/json"), json}
      :not_modified -> {304, headers, ""}
      refused -> refused
    end
  end
end
