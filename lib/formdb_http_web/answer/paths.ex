defmodule FormdbHttpWeb.Paths do
  @moduledoc false
  # Paths of resources, as they stand in Location headers and links: without a host, so
  # that they hold behind a proxy as well, and with the path under which that serves us
  # (`base_path` of the request).

  @databases "/api/v1/databases"

  def database(req, name), do: "#{req.base_path}#{@databases}/#{encode(name)}"
  def features(req, name), do: "#{database(req, name)}/features"

  def feature(req, name, id), do: "#{features(req, name)}/#{encode(id)}"
  def timeseries(req, name), do: "#{database(req, name)}/timeseries"
  def series(req, name, id), do: "#{timeseries(req, name)}/#{encode(id)}"
  # The star of an id is encoded, so this one is told apart.
  def series_by_prefix(req, name, prefix), do: "#{timeseries(req, name)}/#{encode(prefix)}*"

  def transaction(req, name, id), do: "#{database(req, name)}/transactions/#{encode(id)}"
  def block(req, name, seq), do: "#{database(req, name)}/blocks/#{seq}"

  # "." and ".." would be resolved by the client (RFC 3986, 5.2.4).
  defp encode("."), do: "%2E"
  defp encode(".."), do: "%2E%2E"
  defp encode(part), do: URI.encode(part, &URI.char_unreserved?/1)
end
