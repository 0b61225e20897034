defmodule FormdbHttp.TelemetryTest do
  use ExUnit.Case

  import ExUnit.CaptureLog

  alias FormdbHttp.Telemetry

  @event [:formdb, :test]

  setup do
    on_exit(fn -> for id <- ["a", "b"], do: Telemetry.detach(id) end)
    refute Code.ensure_loaded?(:telemetry)
    :ok
  end

  defp handler(event, measurements, metadata, pid),
    do: send(pid, {event, measurements, metadata})

  test "handlers are called until they are detached" do
    refute Telemetry.listened?(@event)
    :ok = Telemetry.execute(@event, %{}, %{})
    :ok = Telemetry.attach("a", @event, &handler/4, self())
    assert Telemetry.listened?(@event)
    :ok = Telemetry.execute(@event, %{count: 1}, %{name: "x"})
    assert_received {@event, %{count: 1}, %{name: "x"}}
    # The same again is no second one.
    :ok = Telemetry.attach("a", @event, &handler/4, self())
    :ok = Telemetry.execute(@event, %{}, %{})
    assert_received {@event, _, _}
    refute_received {@event, _, _}
    :ok = Telemetry.detach("a")
    refute Telemetry.listened?(@event)
  end

  test "one that fails is detached, and neither the caller nor the others notice" do
    :ok = Telemetry.attach("a", @event, fn _, _, _, _ -> raise "s3cr3t" end, nil)
    :ok = Telemetry.attach("b", @event, &handler/4, self())
    log = capture_log(fn -> :ok = Telemetry.execute(@event, %{}, %{}) end)
    assert log =~ ~s("a") and not (log =~ "s3cr3t")
    assert_received {@event, _, _}
    assert capture_log(fn -> :ok = Telemetry.execute(@event, %{}, %{}) end) == ""
    assert_received {@event, _, _}
  end

  test "the library gets them where it is loaded" do
    Code.compile_string("""
    defmodule :telemetry do
      def execute(event, measurements, metadata) do
        send(:erlang.whereis(:telemetry_test), {:library, event, measurements, metadata})
        :ok
      end
    end
    """)

    on_exit(fn ->
      :code.purge(:telemetry)
      :code.delete(:telemetry)
    end)

    Process.register(self(), :telemetry_test)
    assert Telemetry.listened?(@event)
    :ok = Telemetry.execute(@event, %{n: 1}, %{})
    assert_received {:library, @event, %{n: 1}, %{}}
  end

  test "databases tell when they open, write and close" do
    name = "telemetry_#{System.unique_integer([:positive])}"
    on_exit(fn -> FormdbHttp.purge(name) end)

    for {id, event} <- [{"a", [:formdb, :database, :open]}, {"b", [:formdb, :commit, :stop]}],
        do: Telemetry.attach(id, event, &handler/4, self())

    on_exit(fn -> Telemetry.detach("c") end)
    Telemetry.attach("c", [:formdb, :database, :close], &handler/4, self())

    {:ok, _} = FormdbHttp.open(name)
    assert_receive {[:formdb, :database, :open], measurements, metadata}
    assert metadata == %{database: name, created: true}
    assert %{duration: duration, blocks: 0, blocks_read: 0, bytes_cut: 0} = measurements
    assert duration > 0

    feature = ~s({"type":"Feature","id":"a","geometry":null,"properties":{}})
    {:ok, _} = FormdbHttp.put_feature(name, feature)
    assert_receive {[:formdb, :commit, :stop], %{duration: duration}, %{result: :ok}}
    assert duration > 0
    {:error, _} = FormdbHttp.put_feature(name, feature, expect: :absent)
    assert_receive {[:formdb, :commit, :stop], _, %{result: :precondition_failed}}

    :ok = FormdbHttp.close(name)
    assert_receive {[:formdb, :database, :close], %{}, %{database: ^name}}
  end
end
