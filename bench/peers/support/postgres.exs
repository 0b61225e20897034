defmodule Bench.Peers.Postgres do
  @moduledoc """
  PostgreSQL with PostGIS, asked by pgbench with prepared statements through a socket of its
  folder. It syncs each commit unless a row says otherwise, and has a quarter of some 8 GB for its buffers.
  """

  alias Bench.Peers.{Clients, Program}

  def name, do: "PostGIS"

  # Postgres refuses to be root; this is somebody else in a name space of its own.
  @nobody ~w(unshare --user --map-user=1000 --map-group=1000)

  def start(folder) do
    with {:ok, bin} <- binaries(), {:ok, prefix} <- prefix() do
      File.mkdir_p!(folder)
      data = Path.join(folder, "data")
      [program | arguments] = prefix ++ [Path.join(bin, "initdb")]
      Program.run!(program, arguments ++ ~w(-D #{data} -U bench -A trust --no-locale -E UTF8 -N))
      # A name of a socket has at most some 100 bytes.
      sockets = Path.join("/tmp", "peers-#{System.pid()}")
      File.mkdir_p!(sockets)
      System.at_exit(fn _ -> File.rm_rf(sockets) end)
      port = Program.free_port()

      settings =
        ~w(shared_buffers=2GB work_mem=64MB maintenance_work_mem=1GB max_wal_size=8GB wal_level=minimal
           max_wal_senders=0 effective_cache_size=6GB random_page_cost=1.1 jit=off max_connections=100 autovacuum=off)
        |> Enum.flat_map(&["-c", &1])

      command =
        prefix ++
          [Path.join(bin, "postgres")] ++
          ~w(-D #{data} -p #{port} -h 127.0.0.1 -k #{sockets}) ++ settings

      postgres = %{bin: bin, port: port, folder: sockets}
      ready = fn -> match?({_, 0}, psql_raw(postgres, "postgres", "select 1")) end
      program = Program.start(folder, command, ready, signal: "INT")
      {_, 0} = psql_raw(postgres, "postgres", "create database bench")
      sql(postgres, "create extension postgis")

      [version] =
        sql(
          postgres,
          "select version_and_postgis from (select postgis_lib_version() || ' on PostgreSQL ' || current_setting('server_version') as version_and_postgis) v"
        )

      version = hd(String.split(version, " ("))
      {:ok, Map.merge(postgres, %{program: program, version: version})}
    end
  end

  defp binaries do
    found =
      Path.wildcard("/usr/lib/postgresql/*/bin")
      |> Enum.filter(&(File.exists?(Path.join(&1, "initdb")) and postgis?(&1)))
      |> List.last()

    if found,
      do: {:ok, found},
      else: {:skip, "PostgreSQL with PostGIS is not installed (bin/setup --peers)"}
  end

  defp postgis?(bin) do
    version = bin |> Path.dirname() |> Path.basename()
    File.exists?("/usr/share/postgresql/#{version}/extension/postgis.control")
  end

  defp prefix do
    cond do
      Program.run!("id", ["-u"]) != "0\n" ->
        {:ok, []}

      match?(
        {"1000\n", 0},
        System.cmd(hd(@nobody), tl(@nobody) ++ ~w(id -u), stderr_to_stdout: true)
      ) ->
        {:ok, @nobody}

      true ->
        {:skip, "PostgreSQL does not run as root, and this system has no user namespaces"}
    end
  end

  @doc "Runs statements, and returns the lines of what they select."
  def sql(postgres, statements) do
    {output, 0} = psql_raw(postgres, "bench", statements)
    String.split(output, "\n", trim: true)
  end

  @doc "What each of several questions selects: a list of texts for each."
  def rows(postgres, questions, select) do
    questions
    |> Enum.map(&[select.(&1), ";\n\\echo ==\n"])
    |> then(&sql(postgres, &1))
    |> Enum.chunk_while([], &chunk/2, fn _ -> {:cont, nil} end)
  end

  defp chunk("==", rows), do: {:cont, Enum.reverse(rows), []}
  defp chunk(row, rows), do: {:cont, [row | rows]}

  defp psql_raw(postgres, database, statements) do
    path = Path.join(System.tmp_dir!(), "peers-#{System.unique_integer([:positive])}.sql")
    File.write!(path, statements)

    arguments =
      ~w(-X -q -A -t -v ON_ERROR_STOP=1 -h #{postgres.folder} -p #{postgres.port} -U bench -d #{database} -f #{path})

    result = System.cmd(Path.join(postgres.bin, "psql"), arguments, stderr_to_stdout: true)
    File.rm!(path)
    result
  end

  @doc "Loads features that are points into a table with indexes in degrees and on the spheroid."
  def load_points(postgres, name, features) do
    rows = Stream.map(features, fn {id, x, y, document} -> "#{id}\t#{x}\t#{y}\t#{document}" end)
    table = Bench.Peers.Data.file("#{name}.tsv", rows)

    sql(postgres, """
    create temp table loading (id text, x float8, y float8, doc text);
    \\copy loading from '#{table}'
    create table #{name} as select id, st_setsrid(st_point(x, y), 4326) as geom,
      st_setsrid(st_point(x, y), 4326)::geography as geog, doc from loading;
    alter table #{name} add primary key (id);
    create index on #{name} using gist (geom);
    create index on #{name} using gist (geog);
    vacuum analyze #{name};
    """)
  end

  @doc "Loads areas `{id, document}` into a table with an index."
  def load_areas(postgres, name, documents) do
    rows = Stream.map(documents, fn {id, document} -> "#{id}\t#{document}" end)
    table = Bench.Peers.Data.file("#{name}.tsv", rows)

    sql(postgres, """
    create temp table loading (id text, doc text);
    \\copy loading from '#{table}'
    create table #{name} as select id, st_setsrid(st_geomfromgeojson(doc::json->'geometry'), 4326) as geom, doc
      from loading;
    alter table #{name} add primary key (id);
    create index on #{name} using gist (geom);
    vacuum analyze #{name};
    """)
  end

  @doc "Transactions a second of a script of pgbench."
  def ask(postgres, script, connections, opts \\ []),
    do: fn -> Clients.pgbench(postgres, script, connections, opts) end
end
