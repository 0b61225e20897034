defmodule FormdbHttp.LiveWorld.Follower do
  @moduledoc """
  A process that follows a database, and writes down what it is told before it asks for more:
  what stands there is what it knows when it comes back, after its own death or that of the
  whole system. Lines of its file:

      B SEQ FILTER          it begins after block SEQ
      F SEQ FILTER          from the block after SEQ on another filter decides
      E SEQ VERSION SUM     an event, and a sum over its text

  It checks at once that each event comes after the one before, and proofs where it asked
  for them.
  """

  alias FormdbHttp.{JSON, LiveWorld, TransparencyVerifier}
  alias FormdbHttp.LiveWorld.Filters

  @database "world"
  @closed [:database_not_found, :database_closed, :database_opening]

  @doc "Starts one that begins where its file ends."
  def start_link(path), do: {:ok, spawn_link(fn -> begin(path) end)}

  def child_spec(path), do: %{id: path, start: {__MODULE__, :start_link, [path]}}

  ## What is written down

  @doc "The lines of a file, as lists of words."
  def lines(path) do
    for line <- path |> File.read!() |> String.split("\n", trim: true),
        do: String.split(line, " ")
  end

  def encode(filter), do: filter |> :erlang.term_to_binary() |> Base.encode64()
  def decode(text), do: text |> Base.decode64!() |> :erlang.binary_to_term()

  # A kill may have cut the last line.
  defp make_whole(path) do
    text = File.read!(path)
    kept = text |> :binary.matches("\n") |> List.last({-1, 1}) |> elem(0)
    file = File.open!(path, [:read, :write, :raw])
    {:ok, _} = :file.position(file, kept + 1)
    :ok = :file.truncate(file)
    File.close(file)
  end

  ## Following

  defp begin(path) do
    :rand.seed(:exsss, {:erlang.phash2(path), System.unique_integer(), System.os_time()})
    known = if File.exists?(path), do: make_whole(path) && lines(path), else: []

    # Where it has changed its filter, it may not have seen all that the old one decided on.
    last = Enum.find(Enum.reverse(known), &match?(["E" | _], &1)) || List.last(known)
    state = %{path: path, filter: Filters.random(), slow: Enum.random([0, 0, 0, 1, 5])}
    state = Map.put(state, :proof, :rand.uniform(5) == 1)

    case last do
      nil -> subscribe(state, Enum.random([0, nil]))
      [_kind, seq | _] -> subscribe(state, String.to_integer(seq))
    end
  end

  defp subscribe(state, since) do
    opts = [
      filter: state.filter,
      since: knowing(since),
      demand: Enum.random([0, 3, 100, 1_000]),
      proof: state.proof
    ]

    case FormdbHttp.subscribe(@database, opts) do
      {:ok, %{since: begins} = subscription} ->
        LiveWorld.right!(since in [nil, begins], "it begins elsewhere")
        check_grown(subscription)
        file = File.open!(state.path, [:append, :raw])
        write(file, ["B ", to_string(begins), " ", encode(state.filter), "\n"])
        FormdbHttp.ask(subscription, 1)
        loop(Map.merge(state, %{file: file, subscription: subscription, last: begins}))

      # It is closed, and opened again in a moment.
      {:error, %{code: code}} ->
        LiveWorld.right!(code in @closed, "it is refused as #{code}")
        Process.sleep(20)
        subscribe(state, since)
    end
  end

  # In all the ways in which one can say it.
  defp knowing(since) do
    with true <- since != nil and :rand.uniform(2) == 1,
         {:ok, head} <- FormdbHttp.tree_head(@database, since),
         {:ok, %{log: log}} <- FormdbHttp.database(@database) do
      %{seq: since, log: log, head: head}
    else
      _other -> since
    end
  end

  defp check_grown(%{consistency: nil}), do: :ok

  defp check_grown(%{consistency: proof}) do
    proof = Map.new(proof, fn {key, value} -> {to_string(key), value} end)
    LiveWorld.right!(TransparencyVerifier.consistency?(proof), "a proof of consistency")
  end

  defp loop(%{subscription: %{ref: ref}} = state) do
    receive do
      {:formdb, ^ref, [_ | _] = events} -> events |> told(state) |> loop()
      {:formdb, ^ref, {:lagging, _seq}} -> state |> asked(50) |> loop()
      {:formdb, ^ref, {:live, _seq}} -> loop(state)
      {:formdb, ^ref, {:closed, :closed}} -> again(state)
      :change -> state |> change() |> loop()
      {:where, from} -> state |> tell(from) |> loop()
    end
  end

  defp told(events, state) do
    {lines, last} = Enum.map_reduce(events, state.last, &line(&1, &2, state.proof))
    write(state.file, lines)
    if state.slow > 0, do: Process.sleep(state.slow)
    asked(%{state | last: last}, length(events))
  end

  defp line(%{seq: seq, after: before, matched: matched, json: json}, last, proof?) do
    LiveWorld.right!(before == last and seq > last, "block #{seq} after #{before}, not #{last}")
    json = if proof?, do: proved(json), else: json
    version = fenced(json) || Map.fetch!(%{before: "b", after: "a", both: "x"}, matched)
    {["E ", to_string(seq), " ", version, " ", to_string(:erlang.phash2(json)), "\n"], seq}
  end

  defp fenced(json) do
    case Regex.run(~r/^{"matched":"\w+","fence":\["([^\]]*)"\](?:,"reason":"(\w+)")?/, json) do
      nil -> nil
      [_all, names | reason] -> names |> String.split(~s(",")) |> Filters.told(List.first(reason))
    end
  end

  # The event without the proof, once that has been verified.
  defp proved(json) do
    %{"proof" => proof, "hash" => hash} = JSON.decode!(json)
    right? = proof["leaf_hash"] == hash and TransparencyVerifier.inclusion?(proof)
    LiveWorld.right!(right?, "a proof of inclusion")
    [event, _proof] = String.split(json, ~s(,"proof":{"leaf_index"))
    event <> "}"
  end

  defp asked(state, count) do
    FormdbHttp.ask(state.subscription, count)
    state
  end

  # Up to which block it has been sent everything.
  defp tell(state, from) do
    send(from, {:at, self(), FormdbHttp.subscription_info(state.subscription).seq})
    state
  end

  defp change(state) do
    filter = Filters.random()

    case FormdbHttp.update_filter(state.subscription, filter) do
      {:ok, %{seq: seq}} ->
        LiveWorld.right!(seq >= state.last, "a filter of the past")
        write(state.file, ["F ", to_string(seq), " ", encode(filter), "\n"])
        %{state | filter: filter}

      # It is told in a moment.
      {:error, %{code: :database_closed}} ->
        state
    end
  end

  defp again(state) do
    File.close(state.file)
    subscribe(%{state | filter: Filters.random()}, state.last)
  end

  defp write(file, lines), do: :ok = :file.write(file, lines)
end
