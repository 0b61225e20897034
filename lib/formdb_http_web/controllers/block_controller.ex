defmodule FormdbHttpWeb.BlockController do
  @moduledoc false

  alias FormdbHttpWeb.{Accept, Conditions, ETag}

  # What has this hash will always have it.
  @immutable "max-age=31536000, immutable"

  def show(req, %{db: db, block: asked}) do
    with {:ok, block} <- FormdbHttp.block(db, asked) do
      {type, tag, body} =
        case Accept.preferred(req.headers, req.call.gives) do
          "application/cbor" = cbor -> {cbor, ETag.strong(block.hash), block.cbor}
          json -> {json, ETag.weak(block.hash), block.json}
        end

      headers = %{"etag" => tag, "vary" => "accept"}
      # A sequence is that of another block once the database was removed and made anew.
      headers =
        if is_binary(asked), do: Map.put(headers, "cache-control", @immutable), else: headers

      case Conditions.evaluate(req.headers, block.hash) do
        :fresh -> {200, Map.put(headers, "content-type", type), body}
        :not_modified -> {304, headers, ""}
        refused -> refused
      end
    end
  end
end
