defmodule FormdbHttp.Webhooks.Letters do
  @moduledoc false
  # Dead letters: deliveries that were given up. Of each it is kept what reads it from the journal
  # again, and what came of it. Pure.

  alias FormdbHttp.Webhooks.Batch

  defstruct letters: [], waiting: []

  @typedoc """
    * `id` - by the version of the webhook and the blocks it is about: `FormdbHttp.Webhooks.Batch.name/2`
    * `first`, `last`, `after`, `count` - as of the batch that it was
    * `filter` - by which its events were chosen
    * `dwells` - of one that was no events: what it was, since it is not in the journal
    * `attempts`, `time`, `status`, `error` - how often it was tried, when last, and what came of it
    * `queued` - whether it is to be sent again
  """
  @type letter :: %{
          id: String.t(),
          first: pos_integer() | nil,
          last: pos_integer() | nil,
          after: non_neg_integer() | nil,
          count: pos_integer(),
          filter: map(),
          dwells: [String.t()],
          attempts: pos_integer(),
          time: integer(),
          status: integer() | nil,
          error: String.t(),
          queued: boolean()
        }
  @type t :: %__MODULE__{letters: [letter()], waiting: [String.t()]}

  @kept [:id, :first, :last, :after, :count, :filter, :dwells, :attempts, :time, :status, :error]

  @doc "From what `stored/1` gave, as it was read; `:damaged` where it is not that."
  @spec load(map()) :: {:ok, t()} | :damaged
  def load(%{"dead_letters" => letters}) when is_list(letters) do
    if Enum.all?(letters, &whole?/1),
      do: {:ok, %__MODULE__{letters: Enum.map(letters, &loaded/1)}},
      else: :damaged
  end

  def load(_other), do: :damaged

  defp loaded(stored),
    do: for(key <- @kept, into: %{queued: false}, do: {key, stored[Atom.to_string(key)]})

  defp whole?(%{"id" => id, "filter" => %{}, "dwells" => dwells, "error" => error} = letter)
       when is_binary(id) and is_list(dwells) and is_binary(error) do
    events? = Enum.all?(["first", "last", "after"], &is_integer(letter[&1]))

    Enum.all?(["count", "attempts", "time"], &is_integer(letter[&1])) and
      (events? or dwells != []) and Enum.all?(dwells, &is_binary/1)
  end

  defp whole?(_other), do: false

  @spec stored(t()) :: [map()]
  def stored(%__MODULE__{letters: letters}), do: Enum.map(letters, &Map.take(&1, @kept))

  @spec new(Batch.t(), String.t(), map(), pos_integer(), map()) :: letter()
  def new(batch, id, filter, attempts, outcome) do
    told(
      %{
        id: id,
        first: batch.first,
        last: batch.last,
        after: batch.after,
        count: batch.count,
        filter: filter,
        dwells: if(batch.kind == :dwells, do: batch.items, else: []),
        attempts: attempts,
        queued: false
      },
      outcome
    )
  end

  defp told(letter, outcome) do
    now = System.os_time(:microsecond)
    Map.merge(letter, %{time: now, status: outcome.status, error: outcome.error})
  end

  @spec count(t()) :: non_neg_integer()
  def count(%__MODULE__{letters: letters}), do: length(letters)

  @spec list(t()) :: [letter()]
  def list(%__MODULE__{letters: letters}), do: letters

  @doc "Adds one, which is last then, also where it was there."
  @spec add(t(), letter()) :: t()
  def add(%__MODULE__{} = all, letter) do
    all = forget(all, letter.id)
    %{all | letters: all.letters ++ [letter]}
  end

  @spec forget(t(), String.t()) :: t()
  def forget(%__MODULE__{letters: letters, waiting: waiting} = all, id),
    do: %{all | letters: Enum.reject(letters, &(&1.id == id)), waiting: List.delete(waiting, id)}

  @doc "That one was sent again in vain."
  @spec failed(t(), String.t(), map()) :: t()
  def failed(%__MODULE__{} = all, id, outcome) do
    all = %{all | waiting: List.delete(all.waiting, id)}

    update(all, [id], fn letter ->
      told(%{letter | attempts: letter.attempts + 1, queued: false}, outcome)
    end)
  end

  @doc "Those that are to be sent again are queued; those to be forgotten are gone."
  @spec settle(t(), :resend | :forget, :all | [String.t()]) ::
          {:ok, t(), non_neg_integer()} | {:error, {:unknown, String.t()}}
  def settle(%__MODULE__{letters: letters} = all, how, which) do
    known = Enum.map(letters, & &1.id)
    ids = if which == :all, do: known, else: Enum.uniq(which)

    case {ids -- known, how} do
      {[unknown | _], _how} ->
        {:error, {:unknown, unknown}}

      {[], :forget} ->
        {:ok, Enum.reduce(ids, all, &forget(&2, &1)), length(ids)}

      {[], :resend} ->
        all = update(all, ids, &%{&1 | queued: true})
        {:ok, %{all | waiting: Enum.uniq(all.waiting ++ ids)}, length(ids)}
    end
  end

  @doc "The one to send again next."
  @spec next(t()) :: letter() | nil
  def next(%__MODULE__{waiting: []}), do: nil
  def next(%__MODULE__{waiting: [id | _], letters: all}), do: Enum.find(all, &(&1.id == id))

  defp update(%{letters: letters} = all, ids, change) do
    ids = MapSet.new(ids)
    change = fn letter -> if letter.id in ids, do: change.(letter), else: letter end
    %{all | letters: Enum.map(letters, change)}
  end
end
