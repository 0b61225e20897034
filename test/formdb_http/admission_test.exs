defmodule FormdbHttp.AdmissionTest do
  # The doors are those of the whole application.
  use ExUnit.Case

  import FormdbHttp.Waiting

  alias FormdbHttp.{Admission, Error, Native}

  defp bound, do: Admission.figures(:question).bound

  # Takes a place and keeps it until it is told to leave.
  defp hold do
    test = self()

    pid =
      spawn_link(fn ->
        Admission.run(:question, fn ->
          send(test, {:holds, self()})
          receive do: (:leave -> :ok)
        end)
      end)

    assert_receive {:holds, ^pid}, 5_000
    pid
  end

  defp full do
    holders = for _ <- 1..bound(), do: hold()
    on_exit(fn -> wait_until(fn -> Admission.figures(:question).taken == 0 end) end)
    holders
  end

  defp leave(holders), do: for(holder <- holders, do: send(holder, :leave))

  # Waits for a place on behalf of a client and tells when it has it.
  defp wait(client, word) do
    test = self()
    before = Admission.figures(:question).waiting

    pid =
      spawn(fn ->
        Admission.ask_as(client)
        Admission.run(:question, fn -> send(test, {:had, word}) end)
      end)

    wait_until(fn -> Admission.figures(:question).waiting == before + 1 end)
    pid
  end

  test "work beyond the bound waits for a place" do
    holders = full()
    assert Admission.figures(:question).taken == bound()
    wait(:a, 1)
    refute_receive {:had, 1}, 50
    leave(Enum.take(holders, 1))
    assert_receive {:had, 1}, 1_000
    leave(holders)
  end

  test "clients take turns" do
    [first | holders] = full()
    for {client, word} <- [a: 1, a: 2, a: 3, b: 4, c: 5], do: wait(client, word)
    send(first, :leave)
    order = for _ <- 1..5, do: receive(do: ({:had, word} -> word))
    assert order == [1, 4, 5, 2, 3]
    leave(holders)
  end

  test "who waits is forgotten when it dies" do
    holders = full()
    pid = wait(:a, 1)
    Process.exit(pid, :kill)
    wait_until(fn -> Admission.figures(:question).waiting == 0 end)
    leave(holders)
    refute_receive {:had, 1}, 50
    wait_until(fn -> Admission.figures(:question).taken == 0 end)
  end

  test "a holder that dies, or fails, gives its place back" do
    [first | holders] = full()
    wait(:a, 1)
    Process.unlink(first)
    Process.exit(first, :kill)
    assert_receive {:had, 1}, 1_000
    leave(holders)
    assert catch_throw(Admission.run(:question, fn -> throw(:out) end)) == :out
    wait_until(fn -> Admission.figures(:question).taken == 0 end)
  end

  test "a place stays taken while a call of its dead holder is still under way" do
    # The nearest of many, on a dirty thread; nothing ends that early.
    index = FormdbHttp.SpatialIndex.new()

    for n <- 1..300_000,
        do: FormdbHttp.SpatialIndex.insert(index, "#{n}", {n / 2_000, rem(n, 80)})

    long = fn -> FormdbHttp.SpatialIndex.nearest(index, {0, 0}, 300_000) end
    {pid, monitor} = spawn_monitor(fn -> Admission.run(:question, long) end)
    wait_until(fn -> Admission.figures(:question).taken == 1 end)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^monitor, _, _, :killed}, 5_000
    # It is dead and its thread is not free.
    assert Admission.figures(:question).taken == 1
    wait_until(fn -> Admission.figures(:question).taken == 0 end)
  end

  test "who finds the line full is refused at once and told what limits it" do
    most = FormdbHttp.Catalog.config().heavy_waiting
    holders = full()
    waiting = for n <- 1..most, do: wait(n, n)
    assert {:error, %Error{code: :busy, detail: detail}} = Admission.run(:question, fn -> :ok end)
    assert detail =~ "all #{bound()} places (setting FORMDB_HEAVY_QUESTIONS) are taken"
    assert detail =~ "FORMDB_HEAVY_WAITING"
    for pid <- waiting, do: Process.exit(pid, :kill)
    leave(holders)
    wait_until(fn -> Admission.figures(:question).waiting == 0 end)
  end

  test "who waits too long is refused" do
    patience = FormdbHttp.Catalog.config().heavy_wait_ms
    holders = full()
    refused = Admission.figures(:question).refused
    started = System.monotonic_time(:millisecond)
    assert {:error, %Error{code: :busy, detail: detail}} = Admission.run(:question, fn -> :ok end)
    assert System.monotonic_time(:millisecond) - started >= patience
    assert detail =~ "none became free in #{patience} ms"
    assert Admission.figures(:question).refused == refused + 1
    leave(holders)
  end

  test "a gate has so many places, and a place is given back once" do
    gate = Native.gate_new(2)
    place = Native.gate_enter(gate)
    other = Native.gate_enter(gate)
    assert Native.gate_enter(gate) == nil
    Native.gate_leave(place)
    Native.gate_leave(place)
    assert Native.gate_taken(gate) == 1
    Native.gate_leave(other)
    assert Native.gate_taken(gate) == 0
  end

  test "however many come and go, no place is lost" do
    tasks =
      for n <- 1..32 do
        Task.async(fn ->
          Admission.ask_as(rem(n, 5))
          for _ <- 1..50, do: Admission.run(:question, fn -> Process.sleep(0) end)
        end)
      end

    Task.await_many(tasks, 60_000)
    assert %{taken: 0, waiting: 0} = Admission.figures(:question)
  end

  describe "while every place is taken" do
    setup do
      name = "busy_#{System.unique_integer([:positive])}"
      {:ok, _} = FormdbHttp.open(name)
      on_exit(fn -> FormdbHttp.purge(name) end)
      features = for n <- 0..99_999, do: [if(n == 0, do: "", else: ","), point(n)]
      text = IO.iodata_to_binary([~s({"type":"FeatureCollection","features":[), features, "]}"])
      {:ok, _} = FormdbHttp.put_features(name, text)
      {:ok, db: name}
    end

    defp point(n) do
      ~s({"type":"Feature","id":"f#{n}","geometry":{"type":"Point","coordinates":) <>
        ~s([#{rem(n, 360) - 180},#{rem(div(n, 360), 170) - 85}]},"properties":{"n":#{n}}})
    end

    test "what is short is answered, and what is long waits until there is one", %{db: db} do
      holders = full()
      tried = Admission.figures(:try)
      assert {:ok, %{returned: 10}} = FormdbHttp.search(db, {:near, {0.2, 0.1}}, k: 10)
      assert {:ok, %{count: 2}} = FormdbHttp.count(db, {:box, {0, 0, 0, 0}}, [])

      long =
        Task.async(fn -> FormdbHttp.count(db, :everything, filters: [{"prop.n", "lt:50000"}]) end)

      wait_until(fn -> Admission.figures(:question).waiting == 1 end)
      refute Task.yield(long, 100)
      assert {:ok, %{returned: 10}} = FormdbHttp.search(db, {:near, {9.2, 9.1}}, k: 10)
      leave(holders)
      assert {:ok, %{count: 50_000}} = Task.await(long, 30_000)
      assert Admission.figures(:try).refused == tried.refused
      wait_until(fn -> Admission.figures(:try).taken == 0 end)
    end
  end
end
