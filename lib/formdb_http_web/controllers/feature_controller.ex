defmodule FormdbHttpWeb.FeatureController do
  @moduledoc false

  alias FormdbHttpWeb.{Answer, Body, Conditions, ETag, Members, Params, Paths, Problem, Uploading}

  @geojson "application/geo+json"
  @write [:durability, :idempotency_key, :antimeridian]

  ## Writing

  def create(req, params) do
    case Uploading.framing(req) do
      nil -> create_at_once(req, params)
      framing -> upload(req, framing, params)
    end
  end

  defp upload(_req, _framing, %{on_duplicate: :refuse}),
    do: Uploading.in_whole("on_duplicate", "refuse", "leave it out")

  defp upload(req, framing, params) do
    opts = Params.options(params, [:antimeridian])
    Uploading.write(req, params, [format: {:features, framing}] ++ opts)
  end

  defp create_at_once(_req, %{on_error: :stop}), do: Uploading.as_it_comes("on_error", "stop")

  defp create_at_once(req, %{db: db, on_error: on_error} = params) do
    opts = Params.options(params, [:on_duplicate, :on_error | @write])

    with {:ok, provenance} <- Params.provenance(params),
         {:ok, body} <- Body.read(req),
         {:ok, written} <- FormdbHttp.Serving.write_features(db, body, opts ++ provenance) do
      case written do
        {:feature, ack} ->
          req
          |> Paths.to(:feature, %{db: db, id: ack.feature_id})
          |> Answer.created(members(ack))
          |> Answer.replayed(ack)

        {:collection, ack} ->
          members = [
            inserted: ack.inserted,
            replaced: ack.replaced,
            first_seq: ack.first_seq,
            last_seq: ack.last_seq,
            feature_ids: ack.feature_ids
          ]

          members = if on_error == :skip, do: members ++ rejected(ack.rejected), else: members
          members = members ++ Problem.warnings(ack)
          201 |> Answer.json(members) |> Answer.replayed(ack)
      end
    end
  end

  defp rejected(rejected), do: [rejected: Enum.map(rejected, &Problem.rejected/1)]

  def put(req, %{db: db, id: id} = params) do
    with {:ok, expected} <- Conditions.expected(req.headers),
         opts = [id: id] ++ expected ++ Params.options(params, @write),
         {:ok, body} <- Body.read(req),
         {:ok, ack} <- FormdbHttp.put_feature(db, body, opts) do
      if ack.created,
        do: req |> Paths.to(:feature, params) |> Answer.created(members(ack)) |> version(ack),
        else: 200 |> Answer.json(members(ack)) |> version(ack)
    end
  end

  def patch(req, %{db: db, id: id} = params) do
    with {:ok, expected} <- Conditions.expected(req.headers),
         {:ok, body} <- Body.read(req),
         opts = expected ++ Params.options(params, @write),
         {:ok, ack} <- FormdbHttp.patch_feature(db, id, body, opts),
         do: 200 |> Answer.json(members(ack)) |> version(ack)
  end

  def delete(req, %{db: db, id: id} = params) do
    with {:ok, expected} <- Conditions.expected(req.headers),
         {:ok, provenance} <- Members.provenance(req),
         opts = expected ++ provenance ++ Params.options(params, @write),
         {:ok, ack} <- FormdbHttp.delete_feature(db, id, opts),
         do: 200 |> Answer.json(members(ack)) |> Answer.replayed(ack)
  end

  defp members(ack) do
    [
      feature_id: ack.feature_id,
      seq: ack.seq,
      hash: ack.hash,
      time: FormdbHttp.format_timestamp(ack.time)
    ] ++ Problem.warnings(ack)
  end

  defp version(answer, ack) do
    answer |> Answer.header("etag", ETag.strong(ack.hash)) |> Answer.replayed(ack)
  end

  ## Reading

  def provenance(_req, %{db: db, id: id} = params) do
    opts = Params.options(params, [:since, :limit, :as_of])

    with {:ok, page} <- FormdbHttp.provenance(db, id, opts),
         do:
           Answer.json(200, feature_id: id, provenance_chain: {:json, page.json}, next: page.next)
  end

  def lineage(_req, %{db: db, id: id} = params) do
    with {:ok, lineage} <- FormdbHttp.lineage(db, id, Params.options(params, [:limit, :as_of])) do
      Answer.json(200,
        feature_id: id,
        derived_from: {:json, lineage.json},
        elsewhere: lineage.elsewhere,
        truncated: lineage.truncated
      )
    end
  end

  def diff(_req, %{db: db, id: id, from: from, to: to}) do
    with {:ok, json} <- FormdbHttp.feature_diff(db, id, from, to) do
      # It is an object already.
      "{" <> members = json
      {status, headers, head} = Answer.json(200, feature_id: id)
      head = IO.iodata_to_binary(head)
      {status, headers, [binary_part(head, 0, byte_size(head) - 1), ",", members]}
    end
  end

  def show(req, %{db: db, id: id} = params) do
    opts = Params.options(params, [:as_of, :transaction])
    with {:ok, feature} <- FormdbHttp.get_feature(db, id, opts), do: show_version(req, feature)
  end

  defp show_version(req, %{hash: hash, json: json} = feature) do
    headers = version_headers(feature)

    case Conditions.evaluate(req.headers, hash) do
      :fresh -> {200, Map.put(headers, "content-type", @geojson), json}
      :not_modified -> {304, headers, ""}
      refused -> refused
    end
  end

  # The transaction's own, which is no version yet.
  defp version_headers(%{hash: nil}), do: %{}

  # The document is as it was written, so its sequence stands beside it.
  defp version_headers(%{hash: hash, seq: seq}),
    do: %{"etag" => ETag.strong(hash), "formdb-seq" => Integer.to_string(seq)}
end
