# Series of points, asked of this system and of others.
# bench/peers/README.md says what the rows mean.

Code.require_file("../support/bench.exs", __DIR__)
Code.require_file("../support/server.exs", __DIR__)
Code.require_file("support/peers.exs", __DIR__)
Logger.configure(level: :warning)

defmodule Bench.Peers.Time do
  alias Bench.{Measure, Peers, Report, Server}

  alias Bench.Peers.{
    Clients,
    Embedded,
    InfluxDB,
    Ours,
    Points,
    Postgres,
    TimeWords,
    Victoria
  }

  @connections 16
  @questions 20_000
  @sample 20
  # A request of lines to InfluxDB, as its manual has it.
  @batch 10_000

  def run do
    Report.open("peers_time")
    series = Bench.scaled(2_000, 200)
    minutes = Bench.scaled(50_000, 10_000)

    Peers.with([Ours, Victoria, InfluxDB, Postgres, "DuckDB"], fn peers ->
      IO.puts("#{series} series of #{minutes} points each")

      for {module, peer} <- peers,
          do: Peers.alone(peer, fn -> load(module, peer, series, minutes) end)

      questions(peers, series, minutes)
    end)

    Report.close()
  end

  ## Loading

  defp load(module, peer, series, minutes) do
    {micros, _} = Measure.time(fn -> loaded(module, peer, series, minutes) end)
    IO.puts("#{peer.name} has them after #{div(micros, 1_000_000)} s")
  end

  defp loaded(Ours, ours, series, minutes) do
    path = Ours.database(ours, "time") <> "/timeseries"
    times = column(minutes, &(Points.at(&1) * 1_000_000))
    values = kinds(&column(minutes, fn minute -> Points.value(&1, minute) end))

    posts(series, fn n ->
      body =
        ~s({"series_id":"s#{n}","timestamps":[#{times}],"values":[#{elem(values, rem(n, 16))}]})

      {201, _} = Server.call(ours, :post, path, body)
    end)
  end

  defp loaded(Victoria, victoria, series, minutes) do
    times = column(minutes, &(Points.at(&1) * 1_000))
    values = kinds(&column(minutes, fn minute -> Points.value(&1, minute) end))

    posts(series, fn n ->
      name = ~s({"__name__":"m","s":"#{n}"})
      body = ~s({"metric":#{name},"values":[#{elem(values, rem(n, 16))}],"timestamps":[#{times}]})
      {204, _} = Server.call(victoria, :post, "/api/v1/import", body)
    end)

    Victoria.flush(victoria)
  end

  defp loaded(InfluxDB, influx, series, minutes) do
    InfluxDB.database(influx, "time")

    batches =
      kinds(fn kind ->
        0..(minutes - 1)
        |> Enum.map(&"#{Points.value(kind, &1)} #{Points.at(&1)}000000000\n")
        |> Enum.chunk_every(@batch)
      end)

    posts(series, fn n ->
      for batch <- elem(batches, rem(n, 16)) do
        body = batch |> Enum.map(&["m,s=#{n} v=", &1]) |> IO.iodata_to_binary()
        {204, _} = Server.call(influx, :post, "/write?db=time", body, type: "text/plain")
      end
    end)
  end

  defp loaded(Postgres, postgres, series, minutes) do
    Postgres.sql(postgres, """
    create table points as
      select series, timestamptz '#{Points.iso(0)}' + minute * interval '1 minute' as t,
        (#{Points.value_sql()})::float8 as value
      from generate_series(0, #{series - 1}) series, generate_series(0, #{minutes - 1}) minute;
    create index on points (series, t) include (value);
    vacuum analyze points;
    """)
  end

  defp loaded("DuckDB", duckdb, series, minutes) do
    for statement <- [
          "set timezone='UTC'",
          "create table points as select series::int as series, " <>
            "timestamptz '#{Points.iso(0)}' + to_minutes(minute) as t, (#{Points.value_sql()})::double as value " <>
            "from range(#{series}) s(series), range(#{minutes}) m(minute) order by series, t",
          "checkpoint"
        ],
        do: Embedded.call(duckdb, "sql", statement: statement)
  end

  defp kinds(fun), do: for(kind <- 0..15, do: fun.(kind)) |> List.to_tuple()
  defp column(minutes, value), do: Enum.map_join(0..(minutes - 1), ",", &to_string(value.(&1)))
  defp posts(series, post), do: Measure.by_two(0..(series - 1), post)

  ## Questions

  defp questions(peers, series, minutes) do
    Report.section("#{series} series of #{minutes} points, #{@connections} connections",
      checked: "#{@sample} questions of each row against each other, value by value"
    )

    one(peers, "a day by 5 minutes", {:buckets, 5}, draw(series, minutes, 1_440))
    one(peers, "360 points", :points, draw(series, minutes, 360))

    Report.section("#{series} series of #{minutes} points, one connection",
      checked: "an answer of each row against each other, value by value"
    )

    day = div(minutes, 2_880) * 1_440
    all(peers, "mean of each series, all #{series * minutes} points", :mean, {:all, 0, minutes})
    all(peers, "a day of all series by the hour", {:buckets, 60}, {:all, day, 1_440})
    all(peers, "list of the series", :list, {:all, 0, minutes})
    all(peers, "latest point of each series", :latest, {:all, 0, minutes})
  end

  # Series and starts at whole five minutes.
  defp draw(series, minutes, length) do
    :rand.seed(:exsss, {6, 20_261_128, 7})

    for _ <- 1..@questions,
        do: {:rand.uniform(series) - 1, 5 * (:rand.uniform(div(minutes - length, 5)) - 1), length}
  end

  defp one(peers, name, kind, [{_, _, length} | _] = questions) do
    sample = Enum.take(questions, @sample)
    notes = notes(peers, name, kind, sample)
    file = String.replace(name, " ", "-")

    Peers.row(
      name,
      for {module, peer} <- in_order(peers) do
        {peer, ask(module, peer, file, kind, questions, length), notes[module]}
      end
    )
  end

  defp ask(Ours, peer, file, kind, questions, _),
    do: Ours.ask(peer, file, Stream.map(questions, &TimeWords.ours(kind, &1)), @connections)

  defp ask(Victoria, peer, file, kind, questions, _),
    do:
      Victoria.ask(peer, file, Stream.map(questions, &TimeWords.victoria(kind, &1)), @connections)

  defp ask(InfluxDB, peer, file, kind, questions, _),
    do:
      InfluxDB.ask(
        peer,
        file,
        "time",
        Stream.map(questions, &TimeWords.influx(kind, &1)),
        @connections
      )

  defp ask(Postgres, peer, _, kind, questions, length) do
    {series, _, _} = Enum.max(questions)
    last = questions |> Enum.map(&elem(&1, 1)) |> Enum.max()
    at = "to_timestamp(#{Points.at(0)} + 60 * :m"

    Postgres.ask(
      peer,
      """
      \\set s random(0, #{series})
      \\set m random(0, #{div(last, 5)}) * 5
      #{TimeWords.sql(kind, ":s", "#{at})", "#{at} + #{60 * length})")};
      """,
      @connections
    )
  end

  defp ask("DuckDB", peer, _, kind, questions, length) do
    statement = TimeWords.sql(kind, "?", "?::timestamptz", "?::timestamptz")

    parameters =
      for {series, minute, _} <- questions,
          do: [series, Points.iso(minute), Points.iso(minute + length)]

    fn ->
      seconds = Bench.span(2_000) / 1_000

      Embedded.call(peer, "time_sql",
        statement: statement,
        parameters: parameters,
        seconds: seconds
      )
    end
  end

  defp all(peers, name, kind, question) do
    notes = notes(peers, name, kind, [question])

    Peers.row(
      name,
      for(
        {module, peer} <- in_order(peers),
        do: {peer, heavy(module, peer, kind, question), notes[module]}
      )
    )
  end

  defp heavy(Ours, peer, kind, question),
    do: fn -> Clients.curl(peer.url <> TimeWords.ours(kind, question)) end

  defp heavy(Victoria, peer, kind, question),
    do: fn -> Clients.curl(peer.url <> TimeWords.victoria(kind, question)) end

  defp heavy(InfluxDB, peer, kind, question),
    do: fn ->
      Clients.curl(peer.url <> InfluxDB.path("time", TimeWords.influx(kind, question)))
    end

  defp heavy(Postgres, peer, kind, question) do
    statement =
      if kind in [:list, :latest],
        do: TimeWords.skipping(kind),
        else: TimeWords.sql(kind, question)

    Postgres.ask(peer, statement <> ";\n", 1)
  end

  defp heavy("DuckDB", peer, kind, question) do
    statement = TimeWords.sql(kind, question)

    fn ->
      Embedded.call(peer, "time_sql",
        statement: statement,
        parameters: [[]],
        seconds: Bench.span(2_000) / 1_000
      )
    end
  end

  # What is told of each peer's answers, beside ours.
  defp notes(peers, name, kind, sample) do
    found = answers(Ours, peers[Ours], kind, sample)

    for {module, peer} <- peers, module != Ours, into: %{Ours => []} do
      {module,
       [
         note:
           Peers.same("#{name}, #{peer.name}", found, answers(module, peer, kind, sample)) <>
             within(module)
       ]}
    end
  end

  defp within("DuckDB"), do: "; within the process, one caller"
  defp within(_), do: ""

  defp answers(module, peer, kind, sample) do
    Peers.alone(peer, fn ->
      for question <- sample do
        answers = TimeWords.answer(module, peer, kind, question)
        if kind == :list, do: Enum.map(answers, &elem(&1, 0)), else: answers
      end
    end)
  end

  defp in_order(peers),
    do:
      for(
        module <- [Ours, Victoria, InfluxDB, Postgres, "DuckDB"],
        peer = peers[module],
        do: {module, peer}
      )
end

Bench.Peers.Time.run()
