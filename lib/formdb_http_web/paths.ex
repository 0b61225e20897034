defmodule FormdbHttpWeb.Paths do
  @moduledoc false
  # Paths of resources, as they stand in Location headers and links: relative to
  # the server, so that they hold behind a proxy as well.

  @databases "/api/v1/databases"

  def database(name), do: "#{@databases}/#{encode(name)}"
  def features(name), do: "#{database(name)}/features"

  # Paths of queries; a percent-encoded letter tells a feature of that name apart.
  @queries ["bbox", "geometry", "nearby", "within", "intersects", "heatmap"]

  def feature(name, <<first, rest::binary>> = id) when id in @queries,
    do: "#{features(name)}/%#{Base.encode16(<<first>>)}#{rest}"

  def feature(name, id), do: "#{features(name)}/#{encode(id)}"
  def timeseries(name), do: "#{database(name)}/timeseries"
  def series(name, id), do: "#{timeseries(name)}/#{encode(id)}"
  # The star of an id is encoded, so this one is told apart.
  def series_by_prefix(name, prefix), do: "#{timeseries(name)}/#{encode(prefix)}*"

  def transaction(name, id), do: "#{database(name)}/transactions/#{encode(id)}"
  def block(name, seq), do: "#{database(name)}/blocks/#{seq}"

  # "." and ".." would be resolved by the client (RFC 3986, 5.2.4).
  defp encode("."), do: "%2E"
  defp encode(".."), do: "%2E%2E"
  defp encode(part), do: URI.encode(part, &URI.char_unreserved?/1)
end
