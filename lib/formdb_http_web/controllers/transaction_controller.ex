defmodule FormdbHttpWeb.TransactionController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3, show_json: 1]

  alias FormdbHttp.Transaction
  alias FormdbHttpWeb.{Answer, Body, Members, Params, Paths, Places, Problem}

  def create(req, %{db: name}) do
    with :ok <- refuse_key(req.headers),
         {:ok, members} <- Members.read(req, ["read_only", "as_of"], ~s({"read_only":true})),
         {:ok, read_only} <- read_only(members),
         {:ok, as_of} <- as_of(members),
         # It outlives this request, so nobody but its lease ends it.
         opts = [read_only: read_only, as_of: as_of, owner: nil],
         {:ok, transaction} <- FormdbHttp.begin(name, opts),
         {:ok, status} <- FormdbHttp.transaction(transaction) do
      Answer.created(
        Paths.to(req, :transaction, %{db: name, txn: status.id}),
        transaction_id: status.id,
        seq: status.seq,
        read_only: status.read_only,
        expires_in_ms: status.expires_in_ms
      )
    end
  end

  defp refuse_key(%{"idempotency-key" => _key}) do
    again = "one that is begun again and not used ends by itself"
    refuse(:invalid_parameter, "Idempotency-Key is not taken here; #{again}")
  end

  defp refuse_key(_headers), do: :ok

  defp read_only(%{"read_only" => flag}) when is_boolean(flag), do: {:ok, flag}

  defp read_only(%{"read_only" => other}) do
    refuse(
      :invalid_body,
      "read_only is #{show_json(other)}; expected true or false",
      "/read_only"
    )
  end

  defp read_only(_members), do: {:ok, false}

  defp as_of(%{"as_of" => value}) when is_integer(value) or is_binary(value), do: {:ok, value}

  defp as_of(%{"as_of" => other}) do
    detail =
      "as_of is #{show_json(other)}; expected a sequence, or a time such as 2026-01-31T12:00:00Z"

    refuse(:invalid_body, detail, "/as_of")
  end

  defp as_of(_members), do: {:ok, nil}

  def show(_req, params) do
    with {:ok, status} <- FormdbHttp.transaction(transaction(params)) do
      Answer.json(
        200,
        [
          transaction_id: status.id,
          status: status.status,
          seq: status.seq,
          read_only: status.read_only,
          operations: status.operations,
          bytes: status.bytes,
          expires_in_ms: status.expires_in_ms
        ] ++ outcome(status)
      )
    end
  end

  defp outcome(%{status: :committed} = status), do: commit_members(status)
  defp outcome(%{reason: nil}), do: []
  defp outcome(%{reason: reason}), do: [reason: Places.hide(reason)]

  def operations(req, params) do
    opts = Params.options(params, [:unit, :tz, :idempotency_key])

    with {:ok, body} <- Body.read(req),
         {:ok, applied} <- FormdbHttp.apply(transaction(params), body, opts) do
      members = [operations: applied.operations, feature_ids: applied.feature_ids]

      200
      |> Answer.json(members ++ rejected(applied) ++ Problem.warnings(applied))
      |> Answer.replayed(applied)
    end
  end

  defp rejected(%{rejected: rejected}),
    do: [rejected: Enum.map(rejected, &Problem.rejected/1)]

  defp rejected(_all_taken), do: []

  def commit(_req, params) do
    opts = Params.options(params, [:durability, :idempotency_key])

    with {:ok, ack} <- FormdbHttp.commit(transaction(params), opts),
         do: 200 |> Answer.json(commit_members(ack)) |> Answer.replayed(ack)
  end

  defp commit_members(ack) do
    time = if ack.time, do: FormdbHttp.format_timestamp(ack.time)
    [first_seq: ack.first_seq, last_seq: ack.last_seq, hash: ack.hash, time: time]
  end

  def abort(_req, %{txn: id} = params) do
    with :ok <- FormdbHttp.abort(transaction(params)),
         do: Answer.json(200, transaction_id: id, status: "aborted")
  end

  defp transaction(%{db: name, txn: id}), do: %Transaction{database: name, id: id}
end
