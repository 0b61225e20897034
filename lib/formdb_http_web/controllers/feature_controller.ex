defmodule FormdbHttpWeb.FeatureController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3, show: 1]

  alias FormdbHttpWeb.{Answer, Body, Conditions, ETag, Params, Paths, Problem, WriteOptions}

  @geojson "application/geo+json"

  ## Writing

  def create(req, name) do
    own = ["on_duplicate", "on_error", "antimeridian"]

    with {:ok, params} <- Params.query(req, own ++ WriteOptions.params()),
         {:ok, opts} <- WriteOptions.read(req, params),
         {:ok, on_duplicate} <- on_duplicate(params),
         {:ok, on_error} <- on_error(params),
         {:ok, antimeridian} <- WriteOptions.antimeridian(params),
         opts = [on_duplicate: on_duplicate, on_error: on_error] ++ antimeridian ++ opts,
         {:ok, body} <- Body.read(req, req.max_body_bytes),
         {:ok, written} <- FormdbHttp.Serving.write_features(name, body, opts) do
      case written do
        {:feature, ack} ->
          Paths.feature(req, name, ack.feature_id)
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
          201 |> Answer.json(members) |> Answer.replayed(ack)
      end
    end
  end

  defp on_duplicate(%{"on_duplicate" => "replace"}), do: {:ok, :replace}
  defp on_duplicate(%{"on_duplicate" => "refuse"}), do: {:ok, :refuse}

  defp on_duplicate(%{"on_duplicate" => other}) do
    detail = "on_duplicate is #{show(other)}; give refuse or replace"
    refuse(:invalid_parameter, detail, "/on_duplicate")
  end

  defp on_duplicate(_params), do: {:ok, :refuse}

  defp on_error(%{"on_error" => "skip"}), do: {:ok, :skip}
  defp on_error(%{"on_error" => "refuse"}), do: {:ok, :refuse}

  defp on_error(%{"on_error" => other}) do
    detail = "on_error is #{inspect(other)}; give refuse or skip"
    refuse(:invalid_parameter, detail, "/on_error")
  end

  defp on_error(_params), do: {:ok, :refuse}

  defp rejected(rejected), do: [rejected: Enum.map(rejected, &Problem.rejected/1)]

  def put(req, name, id) do
    with {:ok, params} <- Params.query(req, ["antimeridian" | WriteOptions.params()]),
         {:ok, opts} <- WriteOptions.read_conditional(req, params),
         {:ok, antimeridian} <- WriteOptions.antimeridian(params),
         opts = antimeridian ++ opts,
         {:ok, body} <- Body.read(req, req.max_body_bytes),
         {:ok, ack} <- FormdbHttp.put_feature(name, body, [id: id] ++ opts) do
      if ack.created,
        do: req |> Paths.feature(name, id) |> Answer.created(members(ack)) |> version(ack),
        else: 200 |> Answer.json(members(ack)) |> version(ack)
    end
  end

  def patch(req, name, id) do
    with {:ok, params} <- Params.query(req, ["antimeridian" | WriteOptions.params()]),
         {:ok, opts} <- WriteOptions.read_conditional(req, params),
         {:ok, antimeridian} <- WriteOptions.antimeridian(params),
         opts = antimeridian ++ opts,
         {:ok, body} <- Body.read(req, req.max_body_bytes),
         {:ok, ack} <- FormdbHttp.patch_feature(name, id, body, opts),
         do: 200 |> Answer.json(members(ack)) |> version(ack)
  end

  def delete(req, name, id) do
    with {:ok, params} <- Params.query(req, WriteOptions.params()),
         {:ok, opts} <- WriteOptions.read_conditional(req, params),
         {:ok, provenance} <- Body.read_provenance(req),
         {:ok, ack} <- FormdbHttp.delete_feature(name, id, opts ++ provenance),
         do: 200 |> Answer.json(members(ack)) |> Answer.replayed(ack)
  end

  defp members(ack) do
    [
      feature_id: ack.feature_id,
      seq: ack.seq,
      hash: ack.hash,
      time: FormdbHttp.format_timestamp(ack.time)
    ]
  end

  defp version(answer, ack) do
    answer |> Answer.header("etag", ETag.strong(ack.hash)) |> Answer.replayed(ack)
  end

  ## Reading

  def provenance(req, name, id) do
    with {:ok, params} <- Params.query(req, ["since", "limit"]),
         {:ok, since} <- Params.count(params, "since"),
         {:ok, limit} <- Params.limit(params),
         {:ok, page} <- FormdbHttp.provenance(name, id, since: since, limit: limit) do
      Answer.json(200, feature_id: id, provenance_chain: {:json, page.json}, next: page.next)
    end
  end

  def lineage(req, name, id) do
    with {:ok, params} <- Params.query(req, ["limit"]),
         {:ok, limit} <- Params.limit(params),
         {:ok, lineage} <- FormdbHttp.lineage(name, id, limit: limit) do
      Answer.json(200,
        feature_id: id,
        derived_from: {:json, lineage.json},
        elsewhere: lineage.elsewhere,
        truncated: lineage.truncated
      )
    end
  end

  def show(req, name, id) do
    with {:ok, params} <- Params.query(req, ["as_of", "transaction"]),
         {:ok, as_of} <- Params.as_of(params),
         opts = [as_of: as_of, transaction: Params.transaction(params, name)],
         {:ok, feature} <- FormdbHttp.get_feature(name, id, opts),
         do: show_version(req, feature)
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
