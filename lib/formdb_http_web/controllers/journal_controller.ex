defmodule FormdbHttpWeb.JournalController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttp.Serving
  alias FormdbHttpWeb.{Answer, Downloading, Params}

  def index(req, %{db: db} = params) do
    with {:ok, params} <- in_sequences(params, db, :since),
         {:ok, params} <- in_sequences(params, db, :until),
         :ok <- check_order(params) do
      case Downloading.framing(req) do
        nil -> page(params)
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

  # Up to what is durable now: it goes on growing.
  defp download({_type, form} = framing, %{db: db} = params) do
    with {:ok, %{durable_seq: durable}} <- FormdbHttp.database(db) do
      opts = [until: min(params[:until] || durable, durable)] ++ Params.options(params, [:type])

      Downloading.answer(framing, params[:since] || 0, params[:limit], fn since, limit ->
        with {:ok, page} <- FormdbHttp.journal(db, [since: since, limit: limit] ++ opts),
             do: {:ok, Map.put(page, :text, Serving.json_lines(page.json, form))}
      end)
    end
  end

  defp page(%{db: db} = params) do
    opts = Params.options(params, [:since, :until, :type, :limit])

    with {:ok, page} <- FormdbHttp.journal(db, opts),
         do: Answer.json(200, entries: {:json, page.json}, next: page.next)
  end
end
