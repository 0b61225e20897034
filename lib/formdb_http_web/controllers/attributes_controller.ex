defmodule FormdbHttpWeb.AttributesController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Body, Conditions, ETag, Members, Params, Paths}

  @write [:durability, :idempotency_key]

  ## Writing

  def put(req, %{db: db, series: series} = params) do
    with {:ok, expected} <- Conditions.expected(req.headers),
         {:ok, body} <- Body.read(req),
         opts = expected ++ Params.options(params, @write),
         {:ok, ack} <- FormdbHttp.set_attributes(db, series, body, opts) do
      if ack.created,
        do: req |> Paths.to(:attributes, params) |> Answer.created(members(ack)) |> version(ack),
        else: 200 |> Answer.json(members(ack)) |> version(ack)
    end
  end

  def delete(req, %{db: db, series: series} = params) do
    with {:ok, expected} <- Conditions.expected(req.headers),
         {:ok, provenance} <- Members.provenance(req),
         opts = expected ++ provenance ++ Params.options(params, @write),
         {:ok, ack} <- FormdbHttp.delete_attributes(db, series, opts),
         do: 200 |> Answer.json(members(ack)) |> Answer.replayed(ack)
  end

  defp members(ack) do
    [
      series_id: ack.series_id,
      seq: ack.seq,
      hash: ack.hash,
      time: FormdbHttp.format_timestamp(ack.time)
    ]
  end

  defp version(answer, ack) do
    answer |> Answer.header("etag", ETag.strong(ack.hash)) |> Answer.replayed(ack)
  end

  ## Reading

  def show(req, %{db: db, series: series} = params) do
    with {:ok, found} <- FormdbHttp.get_attributes(db, series, Params.options(params, [:as_of])) do
      headers = %{"etag" => ETag.strong(found.hash), "formdb-seq" => "#{found.seq}"}

      case Conditions.evaluate(req.headers, found.hash) do
        :fresh -> {200, Map.put(headers, "content-type", "application/json"), found.json}
        :not_modified -> {304, headers, ""}
        refused -> refused
      end
    end
  end

  def provenance(_req, %{db: db, series: series} = params) do
    opts = Params.options(params, [:since, :limit, :as_of])

    with {:ok, page} <- FormdbHttp.attributes_provenance(db, series, opts) do
      chain = {:json, page.json}
      Answer.json(200, series_id: series, provenance_chain: chain, next: page.next)
    end
  end
end
