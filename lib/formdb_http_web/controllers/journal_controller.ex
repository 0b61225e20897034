defmodule FormdbHttpWeb.JournalController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.{Answer, Downloading, Params}

  @filters [:type, :feature_id, :series_id, :actor, :transaction, :bodies, :order]

  def index(req, %{db: db} = params) do
    with {:ok, params} <- in_sequences(params, db, :since),
         {:ok, params} <- in_sequences(params, db, :until),
         :ok <- check_order(params) do
      case Downloading.framing(req) do
        nil -> page(req, params)
        framing -> download(framing, params)
      end
    end
  end

  # A time stands for the last block that was committed by then.
  defp in_sequences(params, db, key) do
    case params do
      %{^key => time} when is_binary(time) ->
        case FormdbHttp.seq_at(db, time) do
          {:ok, seq} -> {:ok, %{params | key => seq}}
          {:error, %{pointer: "/" <> _name} = error} -> {:error, %{error | pointer: "/#{key}"}}
          {:error, error} -> {:error, error}
        end

      _sequence_or_none ->
        {:ok, params}
    end
  end

  defp check_order(%{since: since, until: until})
       when is_integer(since) and is_integer(until) and since > until do
    detail = "until is #{until}, before since (#{since}); expected it at or after that"
    refuse(:invalid_parameter, detail, "/until")
  end

  defp check_order(_params), do: :ok

  defp filters(params) do
    provenance = for {"provenance." <> name, text} <- params.filters, do: {name, text}
    [provenance: provenance] ++ Params.options(params, @filters)
  end

  # Up to what is durable now: it goes on growing. From which end the next page goes on
  # depends on the order.
  defp download({_type, form} = framing, %{db: db} = params) do
    with {:ok, %{durable_seq: durable}} <- FormdbHttp.database(db) do
      {since, until} = {params.since || 0, min(params.until || durable, durable)}

      {first, range} =
        if params.order == :desc,
          do: {until, &[since: since, until: &1]},
          else: {since, &[since: &1, until: until]}

      opts = filters(params)

      Downloading.answer(framing, first, params.limit, fn next, limit ->
        with {:ok, page} <- FormdbHttp.journal(db, [limit: limit] ++ range.(next) ++ opts),
             do: {:ok, Map.put(page, :text, Serving.json_lines(page.json, form))}
      end)
    end
  end

  defp page(req, %{db: db} = params) do
    opts = Params.options(params, [:since, :until, :limit]) ++ filters(params)
    begin = if params.order == :desc, do: "until", else: "since"

    with {:ok, page} <- FormdbHttp.journal(db, opts) do
      200
      |> Answer.json(entries: {:json, page.json}, next: page.next)
      |> Answer.linked(req, :journal, params, page.next && {begin, page.next})
    end
  end
end
