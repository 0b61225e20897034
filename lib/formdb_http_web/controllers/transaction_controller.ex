defmodule FormdbHttpWeb.TransactionController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3, show_json: 1]

  alias FormdbHttp.Transaction
  alias FormdbHttpWeb.{Answer, Body, Params, Paths, Places, Problem, WriteOptions}

  def create(req, name) do
    with {:ok, _none} <- Params.query(req, []),
         again = "one that is begun again and not used ends by itself",
         :ok <- WriteOptions.refuse_key(req, again),
         {:ok, members} <- Body.read_members(req, ["read_only", "as_of"], ~s({"read_only":true})),
         {:ok, read_only} <- read_only(members),
         {:ok, as_of} <- as_of(members),
         # It outlives this request, so nobody but its lease ends it.
         opts = [read_only: read_only, as_of: as_of, owner: nil],
         {:ok, transaction} <- FormdbHttp.begin(name, opts),
         {:ok, status} <- FormdbHttp.transaction(transaction) do
      Answer.created(
        Paths.transaction(req, name, status.id),
        transaction_id: status.id,
        seq: status.seq,
        read_only: status.read_only,
        expires_in_ms: status.expires_in_ms
      )
    end
  end

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

  def show(req, name, id) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, status} <- FormdbHttp.transaction(transaction(name, id)) do
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
  defp outcome(%{status: :aborted, reason: reason}), do: [reason: Places.hide(reason)]
  defp outcome(_status), do: []

  def operations(req, name, id) do
    with {:ok, params} <- Params.query(req, ["unit"]),
         {:ok, unit} <- Params.unit(params),
         {:ok, key} <- WriteOptions.key(req.headers),
         {:ok, body} <- Body.read(req, req.max_body_bytes),
         {:ok, applied} <- FormdbHttp.apply(transaction(name, id), body, unit ++ key) do
      members = [operations: applied.operations, feature_ids: applied.feature_ids]

      members = members ++ rejected(applied)

      200 |> Answer.json(members) |> Answer.replayed(applied)
    end
  end

  defp rejected(%{rejected: rejected}),
    do: [rejected: Enum.map(rejected, &Problem.rejected/1)]

  defp rejected(_all_taken), do: []

  def commit(req, name, id) do
    with {:ok, params} <- Params.query(req, WriteOptions.params()),
         {:ok, opts} <- WriteOptions.read(req, params),
         {:ok, ack} <- FormdbHttp.commit(transaction(name, id), opts),
         do: 200 |> Answer.json(commit_members(ack)) |> Answer.replayed(ack)
  end

  defp commit_members(ack) do
    time = if ack.time, do: FormdbHttp.format_timestamp(ack.time)
    [first_seq: ack.first_seq, last_seq: ack.last_seq, hash: ack.hash, time: time]
  end

  def abort(req, name, id) do
    with {:ok, _none} <- Params.query(req, []),
         :ok <- FormdbHttp.abort(transaction(name, id)),
         do: Answer.json(200, transaction_id: id, status: "aborted")
  end

  defp transaction(name, id), do: %Transaction{database: name, id: id}
end
