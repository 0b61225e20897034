defmodule FormdbHttp.ConfigTest do
  use ExUnit.Case

  alias FormdbHttp.Config

  doctest Config

  @mib 1024 * 1024

  defp load!(environment) do
    assert {:ok, config} = Config.load(environment)
    config
  end

  defp problem!(environment) do
    assert {:error, message} = Config.load(environment)
    message
  end

  describe "defaults" do
    test "are the documented ones" do
      assert load!(%{}) == %Config{
               host: {127, 0, 0, 1},
               port: 4000,
               allow_unauthenticated: false,
               allowed_origins: [],
               allowed_hosts: [],
               base_path: "",
               trusted_proxies: [],
               data_dir: Path.expand("data"),
               max_body_bytes: 64 * @mib,
               max_connections: 10_000,
               drain_timeout_ms: 10_000,
               write_timeout_ms: 30_000,
               default_page_items: 1_000,
               page_items: 100_000,
               page_bytes: 16 * @mib,
               buckets: 100_000,
               heavy_questions: 0,
               question_tries: 0,
               large_writes: 0,
               heavy_waiting: 64,
               heavy_wait_ms: 5_000,
               queue_transactions: 65_536,
               queue_bytes: 256 * @mib,
               transaction_bytes: 256 * @mib,
               group_bytes: 16 * @mib,
               group_ms: 10,
               segment_bytes: 256 * @mib,
               snapshot_bytes: 256 * @mib,
               snapshot_replay_ms: 2_000,
               closing_snapshot_ms: 2_000,
               recovery: :cut_torn_tail,
               body_cache_bytes: 256 * @mib,
               geometry_cache_bytes: 128 * @mib,
               query_timeout_ms: 30_000,
               query_cache_entries: 100_000,
               query_cache_bytes: 64 * @mib,
               query_cache_ttl_ms: 0,
               positions: 1_000_000,
               id_bytes: 256,
               durability: :sync,
               sync_interval_ms: 200,
               clock_jump_seconds: 300,
               clock_settle_seconds: 600,
               idempotency_seconds: 86_400,
               idempotency_keys: 100_000,
               open_transactions: 1_000,
               transaction_lease_seconds: 30
             }
    end

    test "of the engine's limits are those of the engine's source" do
      source = File.read!("native_rust/engine/src/limits/mod.rs")
      [_, body] = Regex.run(~r/fn default\(\) -> Self \{\s*Self \{(.*?)\}/s, source)

      in_source =
        for [_, field, value] <- Regex.scan(~r/(\w+): ([\d_]+(?: << \d+)?),/, body), into: %{} do
          case String.split(String.replace(value, "_", ""), " << ") do
            [number] -> {String.to_atom(field), String.to_integer(number)}
            [number, shift] -> {String.to_atom(field), shift(number, shift)}
          end
        end

      {policy, numbers} = Map.pop!(Config.engine_limits(load!(%{})), :recovery)
      assert numbers == in_source
      # The policy's default is an attribute, its name is in a table.
      policies = File.read!("native_rust/engine/src/limits/recovery.rs")
      assert [_, default] = Regex.run(~r/#\[default\]\s+(\w+),/, policies)
      assert Macro.underscore(default) == to_string(policy)
      assert policies =~ "Self::#{default} => \"#{policy}\""
    end

    test "hold in the reference table, a row for each setting" do
      rows = Config.reference() |> String.split("\n") |> Enum.filter(&(&1 =~ "`FORMDB_"))
      assert length(rows) == map_size(%Config{}) - 1
      assert Enum.any?(rows, &(&1 =~ "| `FORMDB_PORT` | whole number | 4000 | 0 to 65535 |"))

      assert Enum.any?(
               rows,
               &(&1 =~ "| `FORMDB_GROUP_BYTES` | bytes | 16 MiB | 1 KiB to 1 GiB |")
             )
    end

    defp shift(number, bits),
      do: Bitwise.bsl(String.to_integer(number), String.to_integer(bits))
  end

  describe "values" do
    test "of each type are parsed" do
      config =
        load!(%{
          "FORMDB_HOST" => "::1",
          "FORMDB_PORT" => "0",
          "FORMDB_DATA_DIR" => "/var/lib/../lib/formdb",
          "FORMDB_DRAIN_TIMEOUT_MS" => "0",
          "FORMDB_MAX_CONNECTIONS" => "0012",
          "FORMDB_DURABILITY" => "interval",
          "FORMDB_IDEMPOTENCY_SECONDS" => "0"
        })

      assert config.durability == :interval
      assert config.idempotency_seconds == 0

      assert config.host == {0, 0, 0, 0, 0, 0, 0, 1}
      assert config.port == 0
      assert config.data_dir == "/var/lib/formdb"
      assert config.drain_timeout_ms == 0
      assert config.max_connections == 12
      assert load!(%{"FORMDB_HOST" => "localhost"}).host == {127, 0, 0, 1}
    end

    test "in bytes take binary units" do
      for {text, bytes} <- [
            {"1048576", @mib},
            {"1024KiB", @mib},
            {"1MiB", @mib},
            {"1 MiB", @mib},
            {"1GiB", 1024 * @mib}
          ] do
        assert load!(%{"FORMDB_MAX_BODY_BYTES" => text}).max_body_bytes == bytes
      end
    end

    test "reach the engine under its names" do
      limits = Config.engine_limits(load!(%{"FORMDB_SEGMENT_BYTES" => "4KiB"}))
      assert limits.segment_bytes == 4096
      refute Map.has_key?(limits, :default_page_items)
      refute Map.has_key?(limits, :port)
    end

    test "of other programs are ignored" do
      assert load!(%{"PATH" => "/bin", "PORT" => "x", "formdb_port" => "x"}) == load!(%{})
    end
  end

  describe "a bad value" do
    test "is refused with its variable, itself and what was expected" do
      assert problem!(%{"FORMDB_PORT" => "http"}) ==
               ~s(FORMDB_PORT is "http"; expected a whole number from 0 to 65535. Change or unset it)
    end

    test "of any type is refused" do
      for {variable, texts} <- %{
            "FORMDB_PORT" => ["", " 1", "1 ", "-1", "65536", "1e3", "1_000", "0x10", "١"],
            "FORMDB_HOST" => ["", "127.0.0", "127.0.0.256", "example.org", "127.1"],
            "FORMDB_ALLOW_UNAUTHENTICATED" => ["", "1", "yes", "TRUE"],
            "FORMDB_DATA_DIR" => ["", "a\0b"],
            "FORMDB_MAX_BODY_BYTES" => [
              "",
              "MiB",
              "1MB",
              "1.5MiB",
              "1TiB",
              "0",
              "1025MiB",
              "-1MiB"
            ],
            "FORMDB_DURABILITY" => ["", "SYNC", "fsync", "sync,none"],
            "FORMDB_IDEMPOTENCY_SECONDS" => ["1d", "31622401"],
            "FORMDB_WRITE_TIMEOUT_MS" => ["0", "5s", String.duplicate("9", 10_000)]
          },
          text <- texts do
        assert problem!(%{variable => text}) =~ "#{variable} is #{inspect(text)}; expected "
      end
    end

    test "does not hide another one" do
      message = problem!(%{"FORMDB_PORT" => "a", "FORMDB_HOST" => "b", "FORMDB_POSITIONS" => "5"})
      assert [host, port] = String.split(message, "\n")
      assert host =~ "FORMDB_HOST"
      assert port =~ "FORMDB_PORT"
    end
  end

  test "an unknown variable is refused with the nearest known one" do
    assert problem!(%{"FORMDB_PROT" => "4000"}) ==
             "FORMDB_PROT is not a setting; the nearest one is FORMDB_PORT. Rename or unset it"

    assert problem!(%{"FORMDB_DATADIR" => "x"}) =~ "nearest one is FORMDB_DATA_DIR"
    # What is like none of them is not taken for one of them.
    assert problem!(%{"FORMDB_FOO" => "x"}) ==
             "FORMDB_FOO is not a setting; docs/OPERATIONS.md lists all settings. Unset it"

    assert problem!(%{"FORMDB_MAX_BODY_SIZE" => "x"}) =~ "nearest one is FORMDB_MAX_BODY_BYTES"
    assert problem!(%{"FORMDB_" => "x"}) =~ "FORMDB_ is not a setting"
  end

  test "what a client reads in the same shell is no setting and no fault" do
    client =
      Map.new(~w(FORMDB_URL FORMDB_TOKEN FORMDB_CA_FILE FORMDB_DB FORMDB_CONFIG), &{&1, "x"})

    assert {:ok, config} = Config.load(Map.put(client, "FORMDB_PORT", "4001"))
    assert config.port == 4001
  end

  describe "an address other machines can reach" do
    test "is refused" do
      for host <- ["0.0.0.0", "::", "192.0.2.7", "128.0.0.1", "::ffff:192.0.2.7", "::127.0.0.1"] do
        message = problem!(%{"FORMDB_HOST" => host})
        assert message =~ "FORMDB_HOST is "
        assert message =~ "FORMDB_ALLOW_UNAUTHENTICATED=true"
      end
    end

    test "is taken when the setting says so" do
      environment = %{"FORMDB_HOST" => "0.0.0.0", "FORMDB_ALLOW_UNAUTHENTICATED" => "true"}
      assert load!(environment).host == {0, 0, 0, 0}
    end

    test "is none of the loopback addresses" do
      for host <- ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"] do
        assert {:ok, _} = Config.load(%{"FORMDB_HOST" => host})
      end
    end
  end

  describe "settings that contradict each other" do
    test "are refused with both names" do
      message = problem!(%{"FORMDB_PAGE_ITEMS" => "999"})
      assert message =~ "FORMDB_DEFAULT_PAGE_ITEMS is 1000, more than FORMDB_PAGE_ITEMS"

      message = problem!(%{"FORMDB_QUEUE_BYTES" => "255MiB"})
      assert message =~ "FORMDB_TRANSACTION_BYTES is 268435456, more than FORMDB_QUEUE_BYTES"
    end

    test "and with the threads of the VM" do
      most = :erlang.system_info(:dirty_io_schedulers) - 3
      assert load!(%{"FORMDB_HEAVY_QUESTIONS" => "#{most}"}).heavy_questions == most
      message = problem!(%{"FORMDB_HEAVY_QUESTIONS" => "#{most + 1}"})
      assert message =~ "FORMDB_HEAVY_QUESTIONS is #{most + 1}, more than the #{most} that leave"

      settings = %{"FORMDB_HEAVY_QUESTIONS" => "#{most - 1}", "FORMDB_QUESTION_TRIES" => "2"}
      assert load!(settings).question_tries == 2
      message = problem!(%{settings | "FORMDB_QUESTION_TRIES" => "3"})
      assert message =~ "FORMDB_QUESTION_TRIES is 3, more than the 2 that leave"
    end

    test "may be equal" do
      assert load!(%{"FORMDB_PAGE_ITEMS" => "1000"}).page_items == 1_000
    end
  end

  test "load! takes what the application's key :config has" do
    assert Config.load!().port == 0
    before = Application.get_env(:formdb_http, :config)
    on_exit(fn -> Application.put_env(:formdb_http, :config, before) end)

    for {given, told} <- [
          {[port: 7], 7},
          {%{port: 7}, 7},
          {%{"FORMDB_PORT" => "7"}, 7},
          {%{"FORMDB_PORT" => 7}, 7},
          {[port: :http], ":port is :http; expected a whole number"},
          {%{"FORMDB_PORT" => :http}, "FORMDB_PORT is :http; expected a whole number"},
          {%{:port => 7, "FORMDB_PORT" => 7}, ~s("FORMDB_PORT" is not a setting)}
        ] do
      Application.put_env(:formdb_http, :config, given)

      if is_integer(told),
        do: assert(Config.load!().port == told),
        else: assert_raise(ArgumentError, ~r/#{told}/, &Config.load!/0)
    end
  end

  describe "who may ask, and through what" do
    test "lists are read, and written in one way" do
      for {variable, field, text, value} <- [
            {"FORMDB_ALLOWED_ORIGINS", :allowed_origins, "*", :any},
            {"FORMDB_ALLOWED_ORIGINS", :allowed_origins, "", []},
            {"FORMDB_ALLOWED_ORIGINS", :allowed_origins,
             "HTTPS://Map.example:443 ,http://[::1]:80", ["https://map.example", "http://[::1]"]},
            {"FORMDB_ALLOWED_HOSTS", :allowed_hosts, "Db.example,other", ["db.example", "other"]},
            {"FORMDB_ALLOWED_HOSTS", :allowed_hosts, "*", :any},
            {"FORMDB_TRUSTED_PROXIES", :trusted_proxies, "127.0.0.1, ::1, 10.0.0.0/8",
             [{{127, 0, 0, 1}, 32}, {{0, 0, 0, 0, 0, 0, 0, 1}, 128}, {{10, 0, 0, 0}, 8}]},
            {"FORMDB_BASE_PATH", :base_path, "/", ""},
            {"FORMDB_BASE_PATH", :base_path, "/a/b%20c/", "/a/b%20c"},
            {"FORMDB_BASE_PATH", :base_path, "/.well-known", "/.well-known"}
          ] do
        assert {text, Map.fetch!(load!(%{variable => text}), field)} == {text, value}
      end
    end

    test "what is none is refused" do
      for {variable, texts} <- [
            {"FORMDB_ALLOWED_ORIGINS",
             [
               "map.example",
               "https://map.example/",
               "ftp://map.example",
               "https://",
               "null",
               "*,*"
             ]},
            {"FORMDB_ALLOWED_HOSTS", ["db.example:80", "http://db", "a b", "*.example"]},
            {"FORMDB_TRUSTED_PROXIES",
             ["*", "localhost", "10.0.0.0/33", "10.0.0.0/", "::/129", "1.2.3"]},
            {"FORMDB_BASE_PATH",
             ["a", "//a", "/a//b", "/a b", "/../a", "/a/..", "/a/.", "/%zz", "/a?b", "/a\n"]}
          ],
          text <- texts do
        assert {:error, message} = Config.load(%{variable => text})
        assert message =~ variable, text
      end
    end
  end

  describe "options" do
    test "are the variables without their prefix, as terms or as text" do
      assert {:ok, config} =
               Config.new(
                 data_dir: "/var/lib/../lib/formdb",
                 port: 0,
                 host: {0, 0, 0, 0, 0, 0, 0, 1},
                 page_bytes: "8MiB",
                 durability: :none,
                 recovery: "refuse_torn_tail",
                 allow_unauthenticated: true,
                 allowed_origins: ["https://Map.example", "http://a:80"],
                 allowed_hosts: :any,
                 trusted_proxies: ["10.0.0.0/8", {{127, 0, 0, 1}, 32}],
                 probe_port: nil
               )

      assert %Config{
               data_dir: "/var/lib/formdb",
               port: 0,
               host: {0, 0, 0, 0, 0, 0, 0, 1},
               page_bytes: 8_388_608,
               durability: :none,
               recovery: :refuse_torn_tail,
               allow_unauthenticated: true,
               allowed_origins: ["https://map.example", "http://a"],
               allowed_hosts: :any,
               trusted_proxies: [{{10, 0, 0, 0}, 8}, {{127, 0, 0, 1}, 32}],
               probe_port: nil
             } = config

      assert Config.new(%{}) == Config.load(%{})
    end

    test "take every default as it is" do
      defaults = Map.from_struct(load!(%{}))
      assert Config.new(defaults) == {:ok, load!(%{})}
    end

    test "of the wrong kind are refused with key, value and what was expected" do
      for {option, value} <- [
            port: 70_000,
            port: -1,
            port: 4.5,
            port: :http,
            host: {127, 0, 0},
            host: ~c"127.0.0.1",
            data_dir: nil,
            data_dir: :here,
            page_bytes: "8MB",
            durability: :fsync,
            durability: nil,
            allow_unauthenticated: 1,
            allowed_origins: [:all],
            allowed_hosts: [1],
            trusted_proxies: [{{127, 0, 0, 1}, 33}],
            trusted_proxies: :any
          ] do
        assert {:error, message} = Config.new([{option, value}])
        assert message =~ ":#{option} is #{inspect(value)}; expected ", message
      end

      assert {:error, ":date_dir is not a setting; the nearest one is :data_dir. " <> _} =
               Config.new(date_dir: "/srv")

      assert {:error, ":default_page_items is 1000, more than :page_items, which is 9." <> _} =
               Config.new(page_items: 9)
    end

    test "that are wrong stop a supervisor before anything is started" do
      assert_raise ArgumentError, ~r/:prt is not a setting; the nearest one is :port/, fn ->
        Supervisor.start_link([{FormdbHttp, prt: 1}], strategy: :one_for_one)
      end

      assert_raise ArgumentError, ~r/expected options such as/, fn ->
        FormdbHttp.start_link([:data_dir])
      end
    end
  end
end
