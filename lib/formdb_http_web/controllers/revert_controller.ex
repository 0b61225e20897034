defmodule FormdbHttpWeb.RevertController do
  @moduledoc false
  # Undoing: one block, several as one transaction; writing an earlier version again.

  alias FormdbHttpWeb.{Answer, Body, Members, Params, Paths}

  def create(req, %{dry_run: true, db: db, partial: partial}) do
    with {:ok, body} <- Body.read(req),
         {:ok, plan} <- FormdbHttp.plan_revert(db, body, partial: partial),
         do: {200, %{"content-type" => "application/json"}, plan.json}
  end

  def create(req, %{db: db} = params) do
    opts = Params.options(params, [:partial, :durability, :idempotency_key])

    with {:ok, body} <- Body.read(req),
         {:ok, ack} <- FormdbHttp.revert_many(db, body, opts) do
      unchanged = if ack.unchanged, do: [unchanged: ack.unchanged], else: []

      members =
        [reverted: ack.reverted] ++
          unchanged ++
          [
            first_seq: ack.first_seq,
            last_seq: ack.last_seq,
            hash: ack.hash,
            time: FormdbHttp.format_timestamp(ack.time)
          ]

      req
      |> Paths.to(:block, %{db: db, block: ack.first_seq})
      |> Answer.created(members)
      |> Answer.replayed(ack)
    end
  end

  def block(req, %{db: db, block: block} = params) do
    with {:ok, provenance} <- Members.provenance(req),
         opts = Params.options(params, [:partial, :durability, :idempotency_key]) ++ provenance,
         {:ok, ack} <- FormdbHttp.revert(db, block, opts) do
      members = [
        seq: ack.seq,
        hash: ack.hash,
        time: FormdbHttp.format_timestamp(ack.time),
        reverts: ack.reverts
      ]

      req
      |> Paths.to(:block, %{db: db, block: ack.seq})
      |> Answer.created(members)
      |> Answer.replayed(ack)
    end
  end

  def restore(req, %{db: db, block: block} = params) do
    with {:ok, provenance} <- Members.provenance(req),
         opts = Params.options(params, [:durability, :idempotency_key]) ++ provenance,
         {:ok, ack} <- FormdbHttp.restore(db, block, opts) do
      {entity, place} = restored(req, db, ack)

      members = [
        entity,
        seq: ack.seq,
        hash: ack.hash,
        time: FormdbHttp.format_timestamp(ack.time),
        restores: ack.restores
      ]

      place
      |> Answer.created(members)
      |> Answer.replayed(ack)
    end
  end

  defp restored(req, db, %{feature_id: id}),
    do: {{:feature_id, id}, Paths.to(req, :feature, %{db: db, id: id})}

  defp restored(req, db, %{series_id: id}),
    do: {{:series_id, id}, Paths.to(req, :attributes, %{db: db, series: id})}
end
