defmodule FormdbHttp.UnreadLogTest do
  # Standard output is a pipe that is full from the start and that nobody reads.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Exposition, ServerProcess}

  @tag timeout: 120_000
  @tag :tmp_dir
  test "a log that nobody reads stops nothing, least of all a stop", %{tmp_dir: data_dir} do
    {:ok, free} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(free)
    :ok = :gen_tcp.close(free)

    settings = [{"FORMDB_PORT", to_string(port)}, {"FORMDB_LOG_BUFFER_BYTES", "1KiB"}]
    server = start_supervised!({ServerProcess, {data_dir, settings, :unread}})
    await(port, 600)

    # Some 20 KiB of log; the pipe's port takes 8 KiB before it says that it is busy.
    name = String.duplicate("x", 60)
    assert post(port, "/api/v1/databases", %{name: name}).status == 201

    for _ <- 1..60 do
      assert delete(port, "/api/v1/databases/" <> name).status == 200
      assert post(port, "/api/v1/databases", %{name: name}).status == 200
    end

    assert get(port, "/health/ready").status == 200
    metrics = Exposition.parse!(get(port, "/metrics").body)
    assert Exposition.value(metrics, "formdb_log_lines_dropped_total", %{}) > 10

    {microseconds, status} = :timer.tc(fn -> ServerProcess.stop(server) end)
    assert status == 0
    assert microseconds < 15_000_000
  end

  @tag timeout: 120_000
  @tag :tmp_dir
  test "one that is read has every line up to the end", %{tmp_dir: data_dir} do
    server = start_supervised!({ServerProcess, data_dir})
    port = ServerProcess.await_ready(server)
    assert post(port, "/api/v1/databases", %{name: "quakes"}).status == 201
    assert ServerProcess.stop(server) == 0
    output = ServerProcess.output(server)

    for line <- [
          "[info] listening on http://127.0.0.1:#{port}, data in ",
          "[info] created database quakes",
          "[info] SIGTERM received: stopping",
          "[info] closed database quakes"
        ],
        do: assert(output =~ ~r/^\d{4}-\d\d-\d\dT[\d:.]+Z #{Regex.escape(line)}/m)

    refute output =~ "dropped"
  end

  defp await(port, attempts) do
    case :gen_tcp.connect({127, 0, 0, 1}, port, []) do
      {:ok, socket} ->
        :gen_tcp.close(socket)

      {:error, _reason} when attempts > 0 ->
        Process.sleep(50)
        await(port, attempts - 1)
    end
  end
end
