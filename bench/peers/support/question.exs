defmodule Bench.Peers.Question do
  @moduledoc """
  One question in the words of each who is asked: its answers are compared, and then it is
  measured.

      Question.row(peers, "box of 38", boxes, 32, %{
        answers: :ids,
        ours: fn {w, s, e, n} -> "/api/v1/databases/uniform/features?bbox=\#{w},\#{s},\#{e},\#{n}" end,
        postgis: {script_of_pgbench, fn box -> "select id from ..." end},
        tile38: fn box -> ["WITHIN", ...] end
      })

  Who has no words for it, or is not there, is left out. `allow` has the part of all hits
  that may differ from ours, for who measures on a sphere.
  """

  alias Bench.{Measure, Peers}
  alias Bench.Peers.{Embedded, Inside, Ours, Postgres, Redis, Tile38}

  @sample 200

  def row(peers, name, questions, connections, words, shared \\ []) do
    sample = Enum.take(questions, @sample)
    ours = peers[Ours]

    found =
      Peers.alone(ours, fn -> answers(ours, words.answers, Enum.map(sample, words.ours)) end)

    file = name |> String.replace(~r/\W+/, "-")

    asked =
      for {module, key} <- [{Postgres, :postgis}, {Tile38, :tile38}, {Redis, :redis}],
          peer = peers[module],
          said = words[key] do
        answers = Peers.alone(peer, fn -> answers(module, peer, words.answers, sample, said) end)
        allow = words[:allow][key] || 0.0
        note = Peers.same("#{name}, #{peer.name}", found, answers, allow)
        {peer, ask(module, peer, file, questions, connections, said), [note: note]}
      end

    paths = Stream.map(questions, words.ours)
    Peers.row(name, [{ours, Ours.ask(ours, file, paths, connections), []} | asked], shared)
  end

  defp answers(ours, :ids, paths), do: Ours.ids(ours, paths)
  defp answers(ours, :counts, paths), do: Ours.counts(ours, paths)

  defp answers(Postgres, peer, :ids, sample, {_, select}), do: Postgres.rows(peer, sample, select)

  defp answers(Postgres, peer, :counts, sample, {_, select}),
    do: for([count] <- Postgres.rows(peer, sample, select), do: String.to_integer(count))

  defp answers(Tile38, peer, :ids, sample, command),
    do: Tile38.ids(peer, Enum.map(sample, command))

  defp answers(Tile38, peer, :counts, sample, command),
    do: Tile38.counts(peer, Enum.map(sample, command))

  defp answers(Redis, peer, :ids, sample, command), do: Redis.ids(peer, Enum.map(sample, command))

  defp ask(Postgres, peer, _file, _questions, connections, {script, _}),
    do: Postgres.ask(peer, script, connections)

  defp ask(module, peer, file, questions, connections, command),
    do: module.ask(peer, file, Stream.map(questions, command), connections)

  @doc """
  The same within the process that asks, from one caller. `ours` is the function that is
  called with a question, and `kind` how `embedded.py` calls it.
  """
  def within(peers, name, questions, kind, table, ours, allow \\ 0.0) do
    sample = Enum.take(questions, @sample)
    what = if kind == "box", do: :ids, else: :counts
    found = Enum.map(sample, &ours.(:answer, &1))
    listed = List.to_tuple(questions)

    asked =
      for library <- ~w(SQLite DuckDB GeoPandas), peer = peers[library], asks?(library, kind) do
        answers = apply(Embedded, what, [peer, kind, table, sample])
        # SQLite's R*Tree has floats of 32 bits, some 1 m.
        allow = if library == "SQLite", do: 0.001, else: allow

        {peer, Embedded.ask(peer, kind, table, questions),
         [note: Peers.same("#{name}, #{library}", found, answers, allow)]}
      end

    rate = fn ->
      Measure.throughput(1, Bench.span(2_000), fn _, n ->
        ours.(:ask, elem(listed, rem(n, tuple_size(listed))))
      end)
    end

    Peers.row(name, [{peers[Inside], rate, []} | asked])
  end

  defp asks?("SQLite", kind), do: kind in ["box", "count"]
  defp asks?(_, _), do: true
end
