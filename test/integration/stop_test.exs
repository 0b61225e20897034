defmodule FormdbHttp.StopTest do
  # A stop ends in time, whatever hangs: a server of its own is told to stop while
  # something in it never ends.
  use ExUnit.Case, async: true

  import FormdbHttp.HTTPClient, only: [connect: 1, post: 3]

  alias FormdbHttp.ServerProcess

  @moduletag :tmp_dir
  @moduletag timeout: 120_000

  @drain_ms 300
  # FORMDB_DRAIN_TIMEOUT_MS and 5 s are promised; the rest is for a busy machine, which
  # also has to notice that the process is gone.
  @limit_ms @drain_ms + 5_000 + 3_000

  for {what, planted} <- [
        {"a process of the application", "process"},
        {"a database that is being closed", "database"}
      ] do
    test "#{what} that never ends", %{tmp_dir: dir} do
      server = start(dir, [{"PLANTED_HANG", unquote(planted)}])
      assert stop(server) < @limit_ms
      assert ServerProcess.output(server) =~ "is cut short"
    end
  end

  test "a handler that never ends", %{tmp_dir: dir} do
    server = start(dir, [{"PLANTED_HANG", "handler"}])
    # Not one that is answered in the process of the connection, which middlewares do not see.
    begin(server, "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert stop(server) < @limit_ms
    assert ServerProcess.output(server) =~ "stopped with 1 requests unanswered"
  end

  test "a client that never sends the rest of its body", %{tmp_dir: dir} do
    server = start(dir, [{"FORMDB_BODY_TIMEOUT_MS", "60000"}])

    begin(
      server,
      "POST /api/v1/databases HTTP/1.1\r\nhost: localhost\r\n" <>
        "content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    )

    assert stop(server) < @limit_ms
    assert ServerProcess.output(server) =~ "stopped with 1 requests unanswered"
  end

  test "the log has a line for each event, and none for applications that ended", %{tmp_dir: dir} do
    server = start(dir, [])
    stop(server)
    # But for what the test's own server says on standard output.
    lines = server |> ServerProcess.output() |> String.split("\n", trim: true)
    lines = Enum.reject(lines, &(&1 =~ ~r/^listening on \d+$/))
    assert Enum.any?(lines, &(&1 =~ "SIGTERM received"))
    for line <- lines, do: assert(line =~ ~r/^\d{4}-\d\d-\d\dT\S+Z \[[a-z]+\] \S/, line)
    refute Enum.any?(lines, &(&1 =~ "[notice]"))
  end

  test "the end of its terminal stops it in order, too", %{tmp_dir: dir} do
    server = start(dir, [])
    assert post(ServerProcess.port(server), "/api/v1/databases", %{name: "quakes"}).status == 201
    assert ServerProcess.hang_up(server) == 0
    output = ServerProcess.output(server)
    assert output =~ "SIGHUP received" and output =~ "closed"
  end

  defp start(dir, settings) do
    settings = [{"FORMDB_DRAIN_TIMEOUT_MS", "#{@drain_ms}"} | settings]
    server = start_supervised!({ServerProcess, {dir, settings}})
    ServerProcess.port(server)
    server
  end

  # A request that is under way when this returns, on a connection that stays open.
  defp begin(server, bytes) do
    socket = connect(ServerProcess.port(server))
    :ok = :gen_tcp.send(socket, bytes)
    Process.sleep(300)
  end

  # Milliseconds that it took.
  defp stop(server) do
    {took, status} = :timer.tc(fn -> ServerProcess.stop(server) end)
    assert status == 0
    div(took, 1_000)
  end
end
