defmodule FormdbHttp.LiveWorld do
  @moduledoc """
  A system of its own in which everything happens at once to a database that many follow: writes
  of every kind and level, reverts, changes of filters, slow readers, processes that die, and
  the database closed and opened again. A test kills it, starts it again where it was, and
  at last has it compare what each follower was told with the journal.

  In folder `LIVE_WORLD`: `data/` of the databases, and a file for each follower
  (`FormdbHttp.LiveWorld.Follower`).
  """

  alias FormdbHttp.JSON
  alias FormdbHttp.LiveWorld.{Filters, Follower}

  @database "world"
  @followers 64
  @writers 4

  ## In the test

  @doc """
  Starts it as an operating-system process: with `"run"` until it is killed, with `"finish"`
  until all have seen everything and that was compared, with `"compare"` that alone.
  """
  def start(folder, task) do
    otp = to_string(:code.root_dir())
    code = Enum.reject(:code.get_path(), &String.starts_with?(to_string(&1), otp))
    arguments = ["-noshell", "+fnu", "-pa"] ++ code ++ ["-s", to_string(__MODULE__), "main"]
    inherited = for {"FORMDB_" <> _ = name, _} <- System.get_env(), do: {name, nil}

    settings = [
      {"FORMDB_DATA_DIR", Path.join(folder, "data")},
      {"LIVE_WORLD", folder},
      {"LIVE_TASK", task},
      {"ERL_CRASH_DUMP_BYTES", "0"}
    ]

    environment =
      for {name, value} <- inherited ++ settings,
          do: {String.to_charlist(name), if(value, do: String.to_charlist(value), else: false)}

    port =
      Port.open({:spawn_executable, Path.join(otp, "bin/erl")}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args: arguments,
        env: environment
      ])

    {:os_pid, pid} = Port.info(port, :os_pid)
    {port, pid}
  end

  @doc "Ends it with SIGKILL. What it had to say until then."
  def kill({_port, pid} = world) do
    System.cmd("/bin/kill", ["-KILL", to_string(pid)])
    await(world)
  end

  @doc "Waits until it ends: its exit status, and what it had to say."
  def await(world, said \\ "")

  def await({port, _pid} = world, said) do
    receive do
      {^port, {:data, data}} -> await(world, said <> data)
      {^port, {:exit_status, status}} -> {status, said}
    end
  end

  @doc "The files of the followers."
  def files(folder), do: folder |> Path.join("follower-*") |> Path.wildcard() |> Enum.sort()

  ## In the system

  @doc false
  def main do
    folder = System.fetch_env!("LIVE_WORLD")
    task = System.fetch_env!("LIVE_TASK")
    config = %{"FORMDB_DATA_DIR" => System.fetch_env!("FORMDB_DATA_DIR")}
    # Readers fall behind, and the journal has many segments.
    config =
      Map.merge(config, %{
        "FORMDB_SUBSCRIPTION_BYTES" => "64KiB",
        "FORMDB_SEGMENT_BYTES" => "1MiB"
      })

    Application.put_env(:formdb_http, :config, config, persistent: true)
    Application.put_env(:logger, :level, :error, persistent: true)
    {:ok, _started} = Application.ensure_all_started(:formdb_http)
    {:ok, _info} = FormdbHttp.open(@database)

    spawn(fn ->
      # With the test that started it.
      IO.gets("")
      System.halt(1)
    end)

    spawn(fn -> run(task, folder) end)
  end

  @doc "Ends the system, saying what was wrong, unless it was right."
  def right!(true, _what), do: :ok

  def right!(false, what) do
    IO.puts("WRONG: #{what}")
    System.halt(2)
  end

  defp run("compare", folder), do: compare(folder)

  defp run(task, folder) do
    files = for n <- 1..@followers, do: Path.join(folder, "follower-#{n}")
    opts = [strategy: :one_for_one, max_restarts: 1_000_000]
    {:ok, followers} = Supervisor.start_link(Enum.map(files, &{Follower, &1}), opts)

    case task do
      "run" ->
        for n <- 1..@writers, do: spawn_link(fn -> seed(n) && forever(&write/0) end)
        spawn_link(fn -> seed(:restless) && forever(fn -> disturb(followers) end) end)
        forever(&close_and_open/0)

      "finish" ->
        {:ok, %{seq: seq}} = FormdbHttp.put_feature(@database, feature("last"))
        await_all(followers, seq)
        Supervisor.stop(followers)
        compare(folder)
    end
  end

  defp seed(what), do: :rand.seed(:exsss, {:erlang.phash2(what), System.os_time(), 7})

  defp forever(fun) do
    fun.()
    forever(fun)
  end

  ## What happens

  # Errors are as they come: it may be closed, and not everything can be undone.
  defp write do
    opts = [durability: Enum.random([:sync, :sync, :sync, :interval, :none])]
    series = Enum.random(Filters.series())

    case :rand.uniform(20) do
      n when n <= 7 ->
        FormdbHttp.put_feature(@database, feature(), opts)

      n when n <= 11 ->
        features = for _ <- 1..:rand.uniform(40), do: feature()
        collection = %{"type" => "FeatureCollection", "features" => features}
        FormdbHttp.put_features(@database, collection, [on_duplicate: :replace] ++ opts)

      n when n <= 14 ->
        times = for n <- 1..:rand.uniform(10), do: :rand.uniform(50) * 20 + n
        FormdbHttp.put_columns(@database, series, times, Enum.map(times, &(&1 / 2)), opts)

      15 ->
        FormdbHttp.delete_feature(@database, "f#{:rand.uniform(40)}", opts)

      16 ->
        start = :rand.uniform(900)
        FormdbHttp.delete_points(@database, series, start, start + 100, opts)

      17 ->
        FormdbHttp.set_attributes(@database, series, %{"unit" => Enum.random(~w(Cel K))}, opts)

      18 ->
        keep = %{"on_duplicate" => Enum.random(~w(keep replace))}
        FormdbHttp.set_defaults(@database, keep, opts)

      n when n in 19..20 ->
        with {:ok, %{seq: seq}} when seq > 0 <- FormdbHttp.database(@database),
             do: FormdbHttp.revert(@database, max(seq - :rand.uniform(200), 1), opts)
    end
  end

  defp feature(id \\ "f#{:rand.uniform(40)}") do
    properties = %{"kind" => Enum.random(Filters.kinds()), "n" => Enum.random([nil, 1, 3, 5, 6])}

    %{
      "type" => "Feature",
      "id" => id,
      "geometry" => Enum.random([nil | List.duplicate(point(), 9)]),
      "properties" => Map.reject(properties, fn {_name, value} -> value == nil end)
    }
  end

  defp point, do: %{"type" => "Point", "coordinates" => Filters.position()}

  # Followers die, and take other filters.
  defp disturb(followers) do
    {_id, pid, _type, _modules} = followers |> Supervisor.which_children() |> Enum.random()

    if is_pid(pid) do
      case :rand.uniform(2) do
        1 -> send(pid, :change)
        2 -> Process.exit(pid, :kill)
      end
    end

    Process.sleep(:rand.uniform(40))
  end

  defp close_and_open do
    Process.sleep(300 + :rand.uniform(1_000))
    FormdbHttp.close(@database)
    Process.sleep(:rand.uniform(30))
    {:ok, _info} = FormdbHttp.open(@database)
  end

  # What has been sent by the first answer has been written down by the second.
  defp await_all(followers, seq) do
    for {_id, pid, _type, _modules} <- Supervisor.which_children(followers) do
      until(fn -> at(pid) >= seq end)
      at(pid)
    end
  end

  defp at(pid) do
    send(pid, {:where, self()})

    receive do
      {:at, ^pid, seq} -> seq
    end
  end

  defp until(done?), do: done?.() || (Process.sleep(10) && until(done?))

  ## What is compared

  defp compare(folder) do
    entries = Filters.read(@database)
    by_seq = Map.new(entries, &{&1.seq, &1})
    seen = :ets.new(:seen, [])

    counts =
      for file <- files(folder) do
        lines = Follower.lines(file)
        told = for ["E", seq, version, sum] <- lines, do: {String.to_integer(seq), version, sum}
        begins = for(["B", seq, _filter] <- lines, do: String.to_integer(seq))
        expected = expected(decisions(lines), entries, hd(begins))

        same(
          Path.basename(file),
          Enum.map(told, fn {seq, version, _} -> {seq, version} end),
          expected
        )

        for {seq, version, sum} <- told, do: same_text(seen, seq, version, sum)

        %{
          told: length(told),
          begins: length(begins),
          changes: length(lines) - length(told) - length(begins)
        }
      end

    texts(seen, by_seq)

    [told, begins, changes] =
      for key <- [:told, :begins, :changes], do: counts |> Enum.map(& &1[key]) |> Enum.sum()

    IO.puts(
      "RIGHT: #{told} deliveries, #{begins} subscriptions, #{changes} changes, #{length(entries)} blocks"
    )

    System.halt(0)
  end

  # Which filter decides from which block on, the last first. Who begins again decides anew
  # from there.
  defp decisions(lines) do
    Enum.reduce(lines, [], fn
      [kind, seq, filter], decisions when kind in ["B", "F"] ->
        seq = String.to_integer(seq)

        [
          {seq, Follower.decode(filter)}
          | Enum.drop_while(decisions, fn {from, _} -> from >= seq end)
        ]

      _event, decisions ->
        decisions
    end)
  end

  defp expected(decisions, entries, since) do
    {taken, _decisions} =
      Enum.flat_map_reduce(entries, Enum.reverse(decisions), fn entry, decisions ->
        [{_from, filter} | _] = decisions = current(decisions, entry.seq)
        version = entry.seq > since && Filters.taken(filter, entry)
        {if(version, do: [{entry.seq, version}], else: []), decisions}
      end)

    taken
  end

  defp current([_past, {from, _} = next | rest], seq) when from < seq,
    do: current([next | rest], seq)

  defp current(decisions, _seq), do: decisions

  defp same(who, told, expected) do
    case Enum.zip(told ++ [:end], expected ++ [:end])
         |> Enum.find(fn {one, other} -> one != other end) do
      nil ->
        right!(length(told) == length(expected), "#{who} was told of more or less")

      {found, wanted} ->
        right!(false, "#{who} was told #{inspect(found)}, not #{inspect(wanted)}")
    end
  end

  # All who are told of a block are told the same.
  defp same_text(seen, seq, version, sum) do
    unless :ets.insert_new(seen, {{seq, version}, sum}),
      do: right!(:ets.lookup_element(seen, {seq, version}, 2) == sum, "block #{seq} in two texts")
  end

  # And that is its entry in the journal.
  defp texts(seen, by_seq) do
    {:ok, %{ref: ref} = subscription} = FormdbHttp.subscribe(@database, since: 0, demand: 1_000)
    last = map_size(by_seq)

    Stream.repeatedly(fn ->
      receive do
        {:formdb, ^ref, [_ | _] = events} ->
          FormdbHttp.ask(subscription, length(events))
          events

        {:formdb, ^ref, _notice} ->
          []
      end
    end)
    |> Stream.concat()
    |> Enum.find(fn event ->
      entry = Map.fetch!(by_seq, event.seq)
      json = JSON.decode!(event.json)
      matched = Atom.to_string(event.matched)
      effect = if entry.op == "revert", do: %{"effect" => entry.effect}, else: %{}
      expected = entry.json |> Map.merge(effect) |> Map.put("matched", matched)
      right!(json == expected, "block #{event.seq} is another in the journal")
      version = Map.fetch!(%{"before" => "b", "after" => "a", "both" => "x"}, matched)

      for {_key, sum} <- :ets.lookup(seen, {event.seq, version}),
          do:
            right!(
              sum == to_string(:erlang.phash2(event.json)),
              "block #{event.seq} in two texts"
            )

      event.seq == last
    end)
  end
end
