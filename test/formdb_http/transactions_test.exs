defmodule FormdbHttp.TransactionsTest do
  use ExUnit.Case

  alias FormdbHttp.JSON
  alias FormdbHttp.{Error, Transaction}

  @world {-180, -90, 180, 90}

  setup do
    name = "txn_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, db: name}
  end

  defp feature(id, lon \\ 0) do
    %{
      "type" => "Feature",
      "id" => id,
      "geometry" => %{"type" => "Point", "coordinates" => [lon, 0]},
      "properties" => %{}
    }
  end

  defp ids(db, opts) do
    {:ok, %{json: json}} = FormdbHttp.search(db, {:box, @world}, opts)
    json |> JSON.decode!() |> Enum.map(& &1["id"])
  end

  defp code({:error, %Error{code: code}}), do: code

  test "is seen by itself, and by others once it is committed", %{db: db} do
    {:ok, _} = FormdbHttp.put_feature(db, feature("a"))
    {:ok, _} = FormdbHttp.put_feature(db, feature("b"))
    {:ok, _} = FormdbHttp.put_columns(db, "s", [1, 2, 3], [1, 2, 3])

    assert {:ok, %Transaction{database: ^db, id: "txn_" <> _, seq: 3, read_only: false} = txn} =
             FormdbHttp.begin(db, actor: "ana")

    assert {:ok, %{operations: 4, feature_ids: ["c"]}} =
             FormdbHttp.apply(txn, [
               {:put_feature, feature("c")},
               {:delete_feature, "a"},
               {:put_points, %{"series_id" => "s", "timestamp" => 9, "value" => 9}},
               {:delete_points, "s", 2, 3}
             ])

    text = ~s({"operations":[{"op":"put_feature","feature":{"type":"Feature",
      "geometry":{"type":"Point","coordinates":[5,5]},"properties":{}}}]})
    assert {:ok, %{operations: 5, feature_ids: ["feat_" <> _ = id]}} = FormdbHttp.apply(txn, text)

    assert ids(db, transaction: txn) == ["b", "c", id]
    assert ids(db, []) == ["a", "b"]

    assert {:ok, %{seq: nil, hash: nil, json: _}} =
             FormdbHttp.get_feature(db, "c", transaction: txn)

    assert {:ok, %{seq: 2}} = FormdbHttp.get_feature(db, "b", transaction: txn)
    assert code(FormdbHttp.get_feature(db, "a", transaction: txn)) == :feature_not_found
    assert {:ok, %{points: points}} = FormdbHttp.range(db, "s", 0, 10, transaction: txn)
    assert points == [{1, 1.0}, {3, 3.0}, {9, 9.0}]

    assert {:ok, %{status: :open, operations: 5, seq: 3, expires_in_ms: left} = status} =
             FormdbHttp.transaction(txn)

    assert left in 1..30_000 and status.reason == nil

    assert {:ok, %{first_seq: 4, last_seq: 8, hash: hash, time: _, replayed: false}} =
             FormdbHttp.commit(txn)

    assert {:ok, %{first_seq: 4, hash: ^hash, replayed: true}} = FormdbHttp.commit(txn)
    assert {:ok, %{status: :committed, first_seq: 4, last_seq: 8}} = FormdbHttp.transaction(txn)
    assert ids(db, []) == ["b", "c", id]
    {:ok, %{json: json}} = FormdbHttp.block(db, 8)
    assert %{"txn" => 4, "actor" => "ana"} = JSON.decode!(json)
    assert code(FormdbHttp.apply(txn, [])) == :transaction_not_found
    assert code(FormdbHttp.abort(txn)) == :transaction_not_found
  end

  test "that is aborted leaves nothing", %{db: db} do
    {:ok, txn} = FormdbHttp.begin(db)
    {:ok, _} = FormdbHttp.apply(txn, [{:put_feature, feature("a")}])
    assert :ok = FormdbHttp.abort(txn)
    assert :ok = FormdbHttp.abort(txn)
    assert {:ok, %{status: :aborted, reason: reason}} = FormdbHttp.transaction(txn)
    assert reason =~ "aborted"
    assert code(FormdbHttp.commit(txn)) == :transaction_not_found
    assert {:ok, %{seq: 0}} = FormdbHttp.database(db)
  end

  test "that lost to another writes nothing and says why", %{db: db} do
    {:ok, _} = FormdbHttp.put_feature(db, feature("a"))
    {:ok, txn} = FormdbHttp.begin(db)

    {:ok, _} =
      FormdbHttp.apply(txn, [{:put_feature, feature("a", 1)}, {:put_feature, feature("b")}])

    {:ok, _} = FormdbHttp.put_feature(db, feature("a", 2))
    assert {:error, %Error{code: :conflict, detail: detail}} = FormdbHttp.commit(txn)
    assert detail =~ "block 2"
    assert {:ok, %{seq: 2}} = FormdbHttp.database(db)
  end

  test "that only reads is pinned and refuses to write", %{db: db} do
    {:ok, _} = FormdbHttp.put_feature(db, feature("a"))
    {:ok, _} = FormdbHttp.put_feature(db, feature("b"))
    {:ok, txn} = FormdbHttp.begin(db, read_only: true, as_of: 1)
    assert txn.seq == 1
    assert ids(db, transaction: txn) == ["a"]
    assert code(FormdbHttp.apply(txn, [{:delete_feature, "a"}])) == :read_only_transaction
    assert {:ok, %{first_seq: nil, hash: nil}} = FormdbHttp.commit(txn)
    assert code(FormdbHttp.begin(db, as_of: 1)) == :invalid_parameter
    assert code(FormdbHttp.begin(db, read_only: true, as_of: 3)) == :invalid_parameter
  end

  test "cannot be read as of something else, nor in another database", %{db: db} do
    {:ok, txn} = FormdbHttp.begin(db)
    opts = [transaction: txn, as_of: 0]
    assert code(FormdbHttp.get_feature(db, "a", opts)) == :invalid_parameter
    assert code(FormdbHttp.range(db, "s", 0, 1, opts)) == :invalid_parameter

    assert_raise ArgumentError, ~r/the transaction is one of/, fn ->
      FormdbHttp.get_feature("other", "a", transaction: txn)
    end
  end

  test "refuses what is no operation, all or none", %{db: db} do
    {:ok, txn} = FormdbHttp.begin(db)

    for {text, pointer} <- [
          {"{}", ""},
          {~s({"operations":5}), "/operations"},
          {~s({"operations":[{"op":"drop"}]}), "/operations/0/op"},
          {~s({"operations":[{"op":"delete_feature","id":"a"},{"op":"put_feature"}]}),
           "/operations/1"},
          {~s({"operations":[{"op":"put_feature","feature":{"type":"Feature","geometry":
             {"type":"Point","coordinates":[1,95]},"properties":{}}}]}),
           "/operations/0/feature/geometry/coordinates/1"}
        ] do
      assert {:error, %Error{} = error} = FormdbHttp.apply(txn, text)
      assert {text, error.pointer} == {text, pointer}
    end

    assert_raise ArgumentError, ~r/expected {:put_feature/, fn ->
      FormdbHttp.apply(txn, [{:truncate, "s"}])
    end

    assert {:ok, %{operations: 0}} = FormdbHttp.transaction(txn)
  end

  test "ends with the process that began it, unless that is nobody", %{db: db} do
    test = self()

    {owner, monitor} =
      spawn_monitor(fn ->
        {:ok, own} = FormdbHttp.begin(db)
        {:ok, free} = FormdbHttp.begin(db, owner: nil)
        {:ok, mine} = FormdbHttp.begin(db, owner: test)
        {:ok, done} = FormdbHttp.begin(db)
        {:ok, _} = FormdbHttp.apply(done, [{:put_feature, feature("a")}])
        {:ok, _} = FormdbHttp.commit(done)
        send(test, {own, free, mine, done})
      end)

    assert_receive {own, free, mine, done}
    assert_receive {:DOWN, ^monitor, :process, ^owner, :normal}
    assert eventually(fn -> match?({:ok, %{status: :aborted}}, FormdbHttp.transaction(own)) end)
    assert {:ok, %{status: :open}} = FormdbHttp.transaction(free)
    assert {:ok, %{status: :open}} = FormdbHttp.transaction(mine)
    assert {:ok, %{status: :committed}} = FormdbHttp.transaction(done)
  end

  test "is forgotten by the process that watches it, however it ends", %{db: db} do
    {:ok, committed} = FormdbHttp.begin(db)
    {:ok, aborted} = FormdbHttp.begin(db)
    {:ok, lost} = FormdbHttp.begin(db)
    {:ok, open} = FormdbHttp.begin(db)
    ids = Enum.map([committed, aborted, lost, open], & &1.id)
    assert Enum.all?(ids, &is_map_key(:sys.get_state(FormdbHttp.Leases).watched, &1))

    {:ok, _} = FormdbHttp.commit(committed)
    :ok = FormdbHttp.abort(aborted)
    # Behind its back, as when its lease ends.
    {:ok, nil} = FormdbHttp.Native.transaction_abort(FormdbHttp.Catalog.handle(), db, lost.id)
    send(FormdbHttp.Leases, :sweep)
    state = :sys.get_state(FormdbHttp.Leases)
    assert Enum.filter(ids, &is_map_key(state.watched, &1)) == [open.id]
    assert map_size(state.watched) == map_size(state.monitors)
    # It survives what is not meant for it.
    send(FormdbHttp.Leases, :noise)

    :ok = FormdbHttp.close(db)
    send(FormdbHttp.Leases, :sweep)
    refute is_map_key(:sys.get_state(FormdbHttp.Leases).watched, open.id)
  end

  test "is gone with its database, but for its key", %{db: db} do
    {:ok, txn} = FormdbHttp.begin(db)
    {:ok, _} = FormdbHttp.apply(txn, [{:put_feature, feature("a")}])
    {:ok, first} = FormdbHttp.commit(txn, idempotency_key: "once")
    {:ok, other} = FormdbHttp.begin(db)
    :ok = FormdbHttp.close(db)
    {:ok, _} = FormdbHttp.open(db)
    assert code(FormdbHttp.transaction(other)) == :transaction_not_found
    assert code(FormdbHttp.commit(txn)) == :transaction_not_found
    assert FormdbHttp.commit(txn, idempotency_key: "once") == {:ok, %{first | replayed: true}}
    assert code(FormdbHttp.commit(other, idempotency_key: "new")) == :transaction_not_found
    assert code(FormdbHttp.commit(other, idempotency_key: "once")) == :idempotency_key_reused
  end

  test "whose commit is refused answers once", %{db: db} do
    {:ok, txn} = FormdbHttp.begin(db)
    {:ok, _} = FormdbHttp.apply(txn, [{:put_feature, feature("a")}])
    assert code(FormdbHttp.commit(txn, idempotency_key: "\n")) == :invalid_parameter
    refute_received _
    assert {:ok, %{status: :aborted}} = FormdbHttp.transaction(txn)
  end

  test "that is nobody's is not found", %{db: db} do
    txn = %Transaction{database: db, id: "txn_none"}

    for answer <- [
          FormdbHttp.transaction(txn),
          FormdbHttp.apply(txn, []),
          FormdbHttp.commit(txn),
          FormdbHttp.abort(txn),
          FormdbHttp.get_feature(db, "a", transaction: txn),
          FormdbHttp.search(db, {:box, @world}, transaction: txn),
          FormdbHttp.range(db, "s", 0, 1, transaction: txn)
        ],
        do: assert(code(answer) == :transaction_not_found)
  end

  defp eventually(holds, tries \\ 200) do
    cond do
      holds.() -> true
      tries == 0 -> false
      true -> Process.sleep(5) && eventually(holds, tries - 1)
    end
  end
end
