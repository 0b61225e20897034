defmodule FormdbHttpWeb.OpenAPI do
  @moduledoc false
  # The document of the API as it is sent, in OpenAPI 3.1 and 3.0. All but its head is text
  # when this module is compiled.

  alias FormdbHttp.JSON
  alias FormdbHttpWeb.OpenAPI.{Dialect, Document}

  @description """
  A database server for GeoJSON features and time series, in which every change is a block of an \
  append-only journal that can be read back, proved and undone.

  What holds everywhere: `HEAD` answers as `GET`, without the body; `OPTIONS` answers 204 with \
  `Allow`; a method that a path does not take is 405 with `Allow`, and a path at which there is \
  nothing 404. Errors are `application/problem+json` with a stable `code`. Parameters and members \
  of small bodies that a call does not have are refused. Answers may have more members than are \
  written here. Bodies may be sent in gzip or zstd (`Content-Encoding`), and answers beyond 1 KiB \
  are given in one of them to a client that says so (`Accept-Encoding`).
  """

  @type version :: :"3.1" | :"3.0"

  @doc """
  The document as JSON and its hash, for a server whose paths begin with `base_path`.
  """
  @spec json(version(), String.t()) :: {iodata(), hash :: String.t()}
  def json(version, base_path) do
    {text, digest} = parts(version)
    head = for {key, value} <- head(version, base_path), do: {key, {:json, JSON.text(value)}}
    hash = :crypto.hash(:sha256, [digest, JSON.encode(head)])
    members = for {key, part} <- text, do: {key, {:json, part}}
    {JSON.encode(head ++ members), Base.encode16(hash, case: :lower)}
  end

  @parts Document.parts()

  for {version, parts} <- ["3.1": @parts, "3.0": Dialect.older(@parts)] do
    parts = for {key, part} <- parts, do: {key, JSON.text(part)}
    digest = :crypto.hash(:sha256, for({_key, part} <- parts, do: part))
    defp parts(unquote(version)), do: {unquote(parts), unquote(digest)}
  end

  defp head(version, base_path) do
    [
      openapi: if(version == :"3.1", do: "3.1.0", else: "3.0.3"),
      info: [
        title: "FormDB HTTP",
        version: FormdbHttp.version(),
        description: @description,
        license: license(version)
      ],
      servers: [[url: if(base_path == "", do: "/", else: base_path)]]
    ]
  end

  defp license(:"3.1"), do: [name: "Apache 2.0", identifier: "Apache-2.0"]
  defp license(:"3.0"), do: [name: "Apache 2.0"]
end
