defmodule FormdbHttp.Webhooks.Progress do
  @moduledoc false
  # How webhooks get on, in a table that anybody reads: a row for each, written by the process
  # that delivers it. There is no address and no secret in it.

  @table __MODULE__

  @type state :: FormdbHttp.Types.Webhook.state()

  @typedoc """
    * `cursor` - up to which block events were confirmed
    * `idle` - the subscription and how much of it has been received, where nothing of that waits to
      be delivered
    * `last` - of the last attempt: its time, status and error
    * `next` - when the next one is made, milliseconds since 1970; `nil`: when there is an event
    * `deliveries`, `events`, `failures` - since the database was opened: what was confirmed, and
      attempts that failed
  """
  @type row :: %{
          state: state(),
          reason: String.t() | nil,
          cursor: non_neg_integer(),
          idle: {FormdbHttp.Subscription.t(), non_neg_integer()} | nil,
          last: FormdbHttp.Types.Webhook.attempt() | nil,
          next: integer() | nil,
          dead_letters: non_neg_integer(),
          deliveries: non_neg_integer(),
          events: non_neg_integer(),
          failures: non_neg_integer()
        }

  @doc "The table, of the process that calls this."
  @spec new() :: :ets.table()
  def new, do: :ets.new(@table, [:named_table, :public, read_concurrency: true])

  @spec put(String.t(), String.t(), row()) :: true
  def put(database, id, row), do: :ets.insert(@table, {{database, id}, row})

  @spec delete(String.t(), String.t()) :: true
  def delete(database, id), do: :ets.delete(@table, {database, id})

  @spec get(String.t(), String.t()) :: row() | nil
  def get(database, id) do
    case :ets.lookup(@table, {database, id}) do
      [{_key, row}] -> row
      [] -> nil
    end
  end

  @doc "All of them, by database and id."
  @spec all() :: [{{String.t(), String.t()}, row()}]
  def all, do: :ets.tab2list(@table)
end
