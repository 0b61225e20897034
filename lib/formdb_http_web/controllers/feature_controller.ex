defmodule FormdbHttpWeb.FeatureController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Body, Params, Paths}

  @geojson "application/geo+json"

  def create(req, name) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, body} <- Body.read(req, req.max_body_bytes),
         {:ok, written} <- FormdbHttp.write_features(name, body) do
      case written do
        {:feature, ack} ->
          Answer.created(
            Paths.feature(name, ack.feature_id),
            feature_id: ack.feature_id,
            seq: ack.seq,
            hash: ack.hash,
            time: FormdbHttp.format_timestamp(ack.time)
          )

        {:collection, ack} ->
          Answer.json(
            201,
            inserted: ack.inserted,
            first_seq: ack.first_seq,
            last_seq: ack.last_seq,
            feature_ids: ack.feature_ids
          )
      end
    end
  end

  def index(req, name) do
    with {:ok, params} <- Params.query(req, ["bbox", "limit", "cursor"]),
         {:ok, box} <- Params.required(params, "bbox", "west,south,east,north in degrees"),
         {:ok, limit} <- Params.limit(params),
         {:ok, page} <- FormdbHttp.query_box(name, box, limit: limit, cursor: params["cursor"]) do
      members = [
        type: "FeatureCollection",
        features: {:json, page.json},
        seq: page.seq,
        numberReturned: page.returned
      ]

      Answer.page(@geojson, members, page.next, fn -> Paths.features(name) end, params)
    end
  end

  def provenance(req, name, id) do
    with {:ok, params} <- Params.query(req, ["since", "limit"]),
         {:ok, since} <- Params.count(params, "since"),
         {:ok, limit} <- Params.limit(params),
         {:ok, page} <- FormdbHttp.provenance(name, id, since: since, limit: limit) do
      Answer.json(200, feature_id: id, provenance_chain: {:json, page.json}, next: page.next)
    end
  end

  def show(req, name, id) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, %{hash: hash, json: json}} <- FormdbHttp.get_feature(name, id) do
      etag = <<?", hash::binary, ?">>

      if known?(req.headers, etag),
        do: {304, %{"etag" => etag}, ""},
        else: {200, %{"content-type" => @geojson, "etag" => etag}, json}
    end
  end

  # RFC 9110, 13.1.2: weak comparison, so W/"a" is as good as "a". Our tags hold
  # neither commas nor quotes.
  defp known?(%{"if-none-match" => "*"}, _etag), do: true

  defp known?(%{"if-none-match" => tags}, etag) do
    tags
    |> String.split(",")
    |> Enum.any?(&(&1 |> String.trim() |> String.replace_prefix("W/", "") == etag))
  end

  defp known?(_headers, _etag), do: false
end
