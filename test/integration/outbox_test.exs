defmodule FormdbHttp.OutboxTest do
  # Of many writes that are answered at once, whatever becomes of the process that sends the answers.
  use ExUnit.Case, async: false

  import FormdbHttp.Waiting

  alias FormdbHttp.Outbox

  setup do
    name = "outbox_#{System.unique_integer([:positive])}"
    {:ok, _info} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, name: name}
  end

  @writers 256

  # Those of them that are answered while nobody sends: groups of few are answered by the committer.
  defp written_while_nobody_sends(name) do
    :sys.suspend(Outbox)

    writers =
      for n <- 1..@writers do
        Task.async(fn -> FormdbHttp.put_point(name, "s", n * 1_000_000, n / 1) end)
      end

    wait_until(fn -> match?({:ok, %{durable_seq: @writers}}, FormdbHttp.database(name)) end)
    answered = for {task, {:ok, answer}} <- Task.yield_many(writers, 200), do: {task, answer}
    waiting = writers -- Enum.map(answered, fn {task, _answer} -> task end)
    assert waiting != []
    {Enum.map(answered, fn {_task, answer} -> answer end), waiting}
  end

  defp check(answers) do
    seqs = for {:ok, %{seq: seq}} <- answers, do: seq
    assert Enum.sort(seqs) == Enum.to_list(1..@writers)
  end

  test "who waits is answered when they are sent", %{name: name} do
    {answers, waiting} = written_while_nobody_sends(name)
    :sys.resume(Outbox)
    check(answers ++ Task.await_many(waiting, 60_000))
  end

  test "what a process has left when it ends, the next one sends", %{name: name} do
    {answers, waiting} = written_while_nobody_sends(name)
    outbox = Process.whereis(Outbox)
    Process.exit(outbox, :kill)
    check(answers ++ Task.await_many(waiting, 60_000))
    wait_until(fn -> match?({:ok, %{seq: @writers}}, FormdbHttp.database(name)) end, 60_000)
    assert Process.whereis(Outbox) not in [nil, outbox]
  end

  test "while it is away the committer sends itself", %{name: name} do
    outbox = Process.whereis(Outbox)

    # One that takes its place, and ends with nothing left.
    {_another, monitor} =
      spawn_monitor(fn ->
        FormdbHttp.Native.outbox_open()
        false = FormdbHttp.Native.outbox_send()
      end)

    assert_receive {:DOWN, ^monitor, :process, _another, :normal}

    writers =
      for n <- 1..@writers do
        Task.async(fn -> FormdbHttp.put_point(name, "s", n * 1_000_000, n / 1) end)
      end

    check(Task.await_many(writers, 60_000))
    assert Process.whereis(Outbox) == outbox
  after
    # The one that serves takes its place again.
    :sys.replace_state(Outbox, fn state ->
      FormdbHttp.Native.outbox_open()
      send(self(), :answers)
      state
    end)
  end
end
