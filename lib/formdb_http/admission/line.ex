defmodule FormdbHttp.Admission.Line do
  @moduledoc false
  # Who waits, and whose turn it is: the clients by turns, and each client's own in the
  # order in which they came. Plain data; FormdbHttp.Admission keeps one.
  #
  # The line has a number of places. When all are taken, somebody whose client has fewer
  # than the greediest one's takes the place of that one's last.

  defstruct [:most, size: 0, turns: :queue.new(), clients: %{}]

  @opaque t :: %__MODULE__{}

  @doc "An empty line with so many places."
  @spec new(non_neg_integer()) :: t()
  def new(most), do: %__MODULE__{most: most}

  @doc "How many wait."
  @spec size(t()) :: non_neg_integer()
  def size(line), do: line.size

  @doc """
  Puts `waiter` after its client's others: `{:ok, line}`, `{:instead, other, line}` when
  another one lost its place, or `:full`.
  """
  @spec join(t(), client :: term(), waiter :: term()) ::
          {:ok, t()} | {:instead, waiter :: term(), t()} | :full
  def join(%{size: size, most: most} = line, client, waiter) when size < most,
    do: {:ok, add(line, client, waiter)}

  def join(line, client, waiter) do
    own = length(Map.get(line.clients, client, []))

    case Enum.max_by(line.clients, fn {_client, waiters} -> length(waiters) end, fn -> nil end) do
      {greediest, waiters} when length(waiters) > own + 1 ->
        last = List.last(waiters)
        {:instead, last, line |> take(greediest, last) |> add(client, waiter)}

      _nobody_has_more ->
        :full
    end
  end

  defp add(line, client, waiter) do
    turns =
      if is_map_key(line.clients, client), do: line.turns, else: :queue.in(client, line.turns)

    clients = Map.update(line.clients, client, [waiter], &(&1 ++ [waiter]))
    %{line | size: line.size + 1, turns: turns, clients: clients}
  end

  @doc "Whose turn it is, and the line without them; `nil` when nobody waits."
  @spec next(t()) :: {waiter :: term(), t()} | nil
  def next(line) do
    case :queue.out(line.turns) do
      {:empty, _turns} ->
        nil

      {{:value, client}, turns} ->
        [waiter | rest] = Map.fetch!(line.clients, client)
        line = %{line | size: line.size - 1}

        if rest == [],
          do: {waiter, %{line | turns: turns, clients: Map.delete(line.clients, client)}},
          else:
            {waiter,
             %{line | turns: :queue.in(client, turns), clients: %{line.clients | client => rest}}}
    end
  end

  @doc "The line without `waiter`, wherever they are in it."
  @spec leave(t(), client :: term(), waiter :: term()) :: t()
  def leave(line, client, waiter) do
    if waiter in Map.get(line.clients, client, []), do: take(line, client, waiter), else: line
  end

  defp take(line, client, waiter) do
    line = %{line | size: line.size - 1}

    case List.delete(Map.fetch!(line.clients, client), waiter) do
      [] ->
        turns = :queue.filter(&(&1 != client), line.turns)
        %{line | turns: turns, clients: Map.delete(line.clients, client)}

      rest ->
        %{line | clients: %{line.clients | client => rest}}
    end
  end
end
