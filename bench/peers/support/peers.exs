for file <-
      ~w(program clients data points borders resp ours inside postgres tile38 redis influxdb victoria embedded),
    do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Peers do
  @moduledoc """
  Asks this system and others the same, one at a time: the others are held meanwhile
  (SIGSTOP), so that nothing they do in the background counts against who is asked.

      Bench.Peers.with([Ours, Postgres], fn peers ->
        Bench.Peers.row("box of 38", [{peers[Ours], fn -> 1.0 end, []}])
      end)
  """

  alias Bench.{Measure, Report}
  alias Bench.Peers.{Embedded, Program}

  @doc """
  Starts what can be started, each in a folder of its own, and calls `fun` with
  `%{module => peer}`, a peer being what its module started with its `:name`. A text is the name of a
  library (`Bench.Peers.Embedded`). All are ended afterwards.
  """
  def with(modules, fun) do
    root =
      Path.join(System.tmp_dir!(), "peers-#{System.pid()}-#{System.unique_integer([:positive])}")

    try do
      peers =
        for module <- modules, peer = start(module, root), into: %{} do
          hold(peer)
          {module, peer}
        end

      fun.(peers)
    after
      for peer <- Process.delete(__MODULE__) || [], do: stop(peer)

      File.rm_rf!(root)
    end
  end

  defp start(module, root) do
    {name, started} = start(module, Path.join(root, inspect(module)), is_atom(module))

    case started do
      {:ok, peer} ->
        Process.put(__MODULE__, [peer | Process.get(__MODULE__) || []])
        IO.puts("#{name} #{peer.version}")
        Map.put(peer, :name, name)

      {:skip, why} ->
        IO.puts("#{name} is left out: #{why}")
        nil
    end
  end

  defp start(module, folder, true), do: {module.name(), module.start(folder)}
  defp start(library, folder, false), do: {library, Embedded.start(library, folder)}

  @doc "Calls `fun` while all others are held."
  def alone(peer, fun) do
    go_on(peer)

    try do
      fun.()
    after
      hold(peer)
    end
  end

  defp hold(%{program: program}), do: Program.hold(program)
  defp hold(_within_this_process), do: :ok
  defp go_on(%{program: program}), do: Program.go_on(program)
  defp go_on(_within_this_process), do: :ok
  defp stop(%{program: program}), do: Program.stop(program)
  defp stop(embedded), do: Embedded.stop(embedded)

  @doc """
  Measures a row: in each round all who are asked, one after the other. `asked` is
  `{peer, function, members}` of a figure, and `nil` for who cannot be asked.
  """
  def row(name, asked, shared \\ []) do
    Report.measure(
      for {peer, fun, members} <- Enum.reject(asked, &is_nil/1) do
        members = [row: name, peer: peer.name, version: peer.version] ++ shared ++ members
        {"#{name}: #{peer.name}", fn -> alone(peer, fun) end, members}
      end
    )
  end

  @doc """
  Compares answers with the first ones, and returns what is told of them. Answers are a list
  for each question, of ids or counts; as many as the part `allow` of them may differ.
  """
  def same(what, [first | _] = answers, others, allow \\ 0.0) when is_list(answers) do
    questions = length(answers)

    total =
      if is_list(first), do: answers |> Enum.map(&length/1) |> Enum.sum(), else: Enum.sum(answers)

    Measure.check!(total > 0, "#{what}: no question finds anything")

    differences = Enum.zip_with(answers, others, &difference/2)

    Measure.check!(
      length(others) == questions,
      "#{what}: #{length(others)} answers to #{questions} questions"
    )

    differing = Enum.sum(differences)
    same = Enum.count(differences, &(&1 == 0))

    Measure.check!(
      differing <= allow * total,
      "#{what}: #{same} of #{questions} answers are the same, #{differing} of #{total} hits differ"
    )

    if differing == 0,
      do: "#{questions} answers alike",
      else: "#{same} of #{questions} answers alike, #{differing} of #{total} hits differ"
  end

  defp difference(a, b) when is_list(a) do
    {a, b} = {MapSet.new(a), MapSet.new(b)}
    max(MapSet.size(MapSet.difference(a, b)), MapSet.size(MapSet.difference(b, a)))
  end

  defp difference(a, b), do: abs(a - b)
end

for file <- ~w(question time_words), do: Code.require_file("#{file}.exs", __DIR__)
