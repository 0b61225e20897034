defmodule FormdbHttpWeb.JournalPage do
  @moduledoc false
  # A page of the journal, asked for by the parameters of `GET .../journal`.

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttp.{Error, Types}
  alias FormdbHttpWeb.{Params, Request}

  @filters [:type, :feature_id, :series_id, :actor, :transaction, :bodies, :order]

  @doc "The parameters with sequences in the place of times."
  @spec resolve(map()) :: {:ok, map()} | {:error, Error.t()}
  def resolve(params) do
    with {:ok, params} <- in_sequence(params, :since),
         {:ok, params} <- in_sequence(params, :until),
         :ok <- check_order(params),
         :ok <- same_log(params),
         do: {:ok, params}
  end

  @doc "Whether the database has the history that parameters name, if they name one."
  @spec same_log(map()) :: :ok | {:error, Error.t()}
  def same_log(%{log: nil}), do: :ok

  def same_log(%{db: db, log: known}) do
    with {:ok, %{log: log}} when log != known <- FormdbHttp.database(db) do
      detail =
        "the database has the log #{log}, which is not the one that is named: it was salvaged, " <>
          "restored or made anew"

      refuse(:log_diverged, detail, "/log")
    else
      {:ok, _the_same} -> :ok
      {:error, error} -> {:error, error}
    end
  end

  @doc """
  The parameters, where a time under `key` is the sequence of the last block that was committed
  by then.
  """
  @spec in_sequence(map(), atom()) :: {:ok, map()} | {:error, Error.t()}
  def in_sequence(%{db: db} = params, key) do
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

  @doc "What chooses among the blocks, as options of `FormdbHttp.journal/2`."
  @spec filters(map()) :: keyword()
  def filters(params) do
    provenance = for {"provenance." <> name, text} <- params.filters, do: {name, text}
    [provenance: provenance] ++ Params.options(params, @filters)
  end

  @doc "The page that parameters without times ask for."
  @spec read(map()) :: Types.result(map())
  def read(%{db: db} = params) do
    opts = Params.options(params, [:since, :until, :limit]) ++ filters(params)
    FormdbHttp.journal(db, opts)
  end

  @doc "For how many milliseconds a request waits that asks for so many seconds."
  @spec wait_ms(Request.t(), map()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def wait_ms(%{settings: %{longest_wait_ms: most}}, %{wait: seconds})
      when seconds * 1_000 > most do
    detail = "wait is #{seconds} s; it may be #{div(most, 1_000)} s (FORMDB_LONGEST_WAIT_MS)"
    refuse(:invalid_parameter, detail, "/wait")
  end

  def wait_ms(_req, %{wait: seconds}), do: {:ok, seconds * 1_000}

  @doc "A page as the members of its answer."
  @spec members(map()) :: keyword()
  def members(page), do: [entries: {:json, page.json}, next: page.next]
end
