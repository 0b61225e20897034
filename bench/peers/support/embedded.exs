defmodule Bench.Peers.Embedded do
  @moduledoc """
  Libraries that answer within the process that asks: SQLite, DuckDB and GeoPandas, each in
  a Python of its own (`embedded.py`), which is told by lines of JSON what to ask. One caller
  asks. Ours is asked the same way, within this VM.
  """

  alias FormdbHttp.JSON

  @python ".tools/peers/python/bin/python"
  @patience 900_000

  @doc "Starts one by the name of its library: `{:ok, peer}` or `{:skip, why}`."
  def start(library, folder) do
    if File.exists?(@python) do
      File.mkdir_p!(folder)

      port =
        Port.open({:spawn_executable, String.to_charlist(Path.expand(@python))}, [
          :binary,
          :exit_status,
          line: 1_048_576,
          args: [Path.expand("../embedded.py", __DIR__), library, folder]
        ])

      peer = %{port: port, name: library}
      {:ok, Map.put(peer, :version, call(peer, "version", []))}
    else
      {:skip, "there is no #{@python} (bin/setup --peers)"}
    end
  end

  @doc "Calls a function of the library's class."
  def call(peer, function, members) do
    line = JSON.encode([do: function] ++ members) |> IO.iodata_to_binary()
    Port.command(peer.port, [line, ?\n])
    answer(peer, [])
  end

  defp answer(%{port: port} = peer, so_far) do
    receive do
      {^port, {:data, {:noeol, part}}} ->
        answer(peer, [so_far, part])

      {^port, {:data, {:eol, part}}} ->
        [so_far, part] |> IO.iodata_to_binary() |> JSON.decode!()

      {^port, {:exit_status, status}} ->
        raise "#{peer.name} ended with #{status}; its messages are above"
    after
      @patience -> raise "#{peer.name} does not answer"
    end
  end

  @doc "Loads a file of features, and returns the microseconds."
  def load(peer, table, file, count) do
    [^count, seconds] = call(peer, "load", table: table, path: file)
    seconds * 1.0e6
  end

  @doc "Calls a second of questions of a kind."
  def ask(peer, kind, table, questions) do
    questions = Enum.map(questions, &Tuple.to_list/1)

    fn ->
      call(peer, "time",
        kind: kind,
        table: table,
        questions: questions,
        seconds: Bench.span(2_000) / 1_000
      )
    end
  end

  def ids(peer, kind, table, questions) do
    questions = Enum.map(questions, &Tuple.to_list/1)
    call(peer, "ids", kind: kind, table: table, questions: questions)
  end

  def counts(peer, kind, table, questions),
    do:
      call(peer, "counts",
        kind: kind,
        table: table,
        questions: Enum.map(questions, &Tuple.to_list/1)
      )

  @doc "Ends it."
  def stop(peer), do: Port.close(peer.port)
end
