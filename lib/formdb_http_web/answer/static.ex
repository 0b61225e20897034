defmodule FormdbHttpWeb.Static do
  @moduledoc false
  # The files in priv/static, which are part of this module once it is compiled. In them
  # {{base}} stands for the path under which the server is found, and other names in braces
  # for what a caller puts there.

  alias FormdbHttpWeb.{Conditions, ETag, Request}

  @folder Path.expand("../../../priv/static", __DIR__)
  @types %{
    ".html" => "text/html; charset=utf-8",
    ".css" => "text/css; charset=utf-8",
    ".js" => "text/javascript; charset=utf-8",
    ".svg" => "image/svg+xml"
  }

  # Nothing is taken from elsewhere, and no script or style stands in a page itself.
  @policy "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " <>
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  @doc """
  The answer with a file, filled as `fill/3` does, with a tag by which it need not be sent again.
  """
  @spec answer(Request.t(), String.t(), %{String.t() => String.t()}) ::
          Request.answer() | {:error, FormdbHttp.Error.t()}
  def answer(req, name, values \\ %{}) do
    text = fill(name, req, values)
    hash = Base.encode16(:crypto.hash(:sha256, text), case: :lower)
    headers = %{"etag" => ETag.strong(hash)}

    case Conditions.evaluate(req.headers, hash) do
      :fresh -> {200, Map.merge(headers, fields(name)), text}
      :not_modified -> {304, headers, ""}
      refused -> refused
    end
  end

  @doc "The text of a file with `values`, which are HTML, in the place of their names."
  @spec fill(String.t(), Request.t(), %{String.t() => String.t()}) :: String.t()
  def fill(name, req, values) do
    values = Map.put(values, "base", escape(req.base_path))
    Regex.replace(~r/\{\{([a-z]+)\}\}/, file(name), fn _, key -> Map.fetch!(values, key) end)
  end

  @doc "The header fields of an answer with such a file."
  @spec fields(String.t()) :: %{String.t() => String.t()}
  def fields(name) do
    %{
      "content-type" => Map.fetch!(@types, Path.extname(name)),
      "content-security-policy" => @policy,
      "referrer-policy" => "no-referrer"
    }
  end

  @doc "Text as it stands in HTML, in the values of attributes too."
  @spec escape(String.t()) :: String.t()
  def escape(text) do
    String.replace(text, ["&", "<", ">", ~s("), "'"], &"&##{:binary.first(&1)};")
  end

  for path <- @folder |> Path.join("*") |> Path.wildcard() do
    @external_resource path
    defp file(unquote(Path.basename(path))), do: unquote(File.read!(path))
  end
end
