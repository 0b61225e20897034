defmodule FormdbHttpWeb.HostedSocketTest do
  # The socket of an endpoint of Phoenix: its callbacks, as Phoenix and WebSock call them, in the
  # process of the connection. Nothing listens.
  use ExUnit.Case

  import ExUnit.CaptureLog

  alias FormdbHttp.{JSON, PlugHost}
  alias FormdbHttpWeb.Socket
  alias FormdbHttpWeb.Live.Open

  setup do
    on_exit(&PlugHost.stop/0)

    name = "hosted-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, db: name, topic: "journal:" <> name}
  end

  def who(%{params: %{"user" => user}, connect_info: %{session: %{"team" => team}}}),
    do: %{actor: user, scopes: "read:#{team}-*"}

  def who(_info), do: nil

  # What `connect_info: [:peer_data, :uri, :x_headers]` makes of a client on this machine.
  defp here do
    %{
      peer_data: %{address: {127, 0, 0, 1}, port: 1, ssl_cert: nil},
      uri: %URI{scheme: "http", host: "localhost", port: 4_000, path: "/formdb/websocket"},
      x_headers: []
    }
  end

  # As Phoenix.Transports.WebSocket calls it.
  defp connect(
         params,
         info \\ here(),
         opts \\ []
       ) do
    Socket.connect(%{
      endpoint: Host.Endpoint,
      transport: :websocket,
      options: [path: "/websocket", timeout: 60_000] ++ opts,
      params: Map.merge(%{"vsn" => "2.0.0"}, params),
      connect_info: info
    })
  end

  defp open(params \\ %{}) do
    {:ok, state} = connect(params)
    {:ok, state} = Socket.init(state)
    state
  end

  defp say(message, state), do: Socket.handle_in({JSON.text(message), opcode: :text}, state)

  defp told({:push, frames, state}),
    do: {for({:text, text} <- frames, do: JSON.decode!(IO.iodata_to_binary(text))), state}

  # What comes for the process goes through handle_info, as a server does it.
  defp await(event, state) do
    receive do
      message ->
        case Socket.handle_info(message, state) do
          {:ok, state} ->
            await(event, state)

          {:push, _frames, _state} = push ->
            {frames, state} = told(push)
            found = Enum.find(frames, &match?([_, _, _, ^event, _], &1))
            if found, do: {found, state}, else: await(event, state)
        end
    after
      5_000 -> flunk("no #{event} came")
    end
  end

  test "joins, is told of what is written, and leaves", %{db: db, topic: topic} do
    state = open()

    {[["1", "1", ^topic, "phx_reply", %{"status" => "ok"}]], state} =
      told(say(["1", "1", topic, "phx_join", %{}], state))

    {:ok, %{seq: 1}} = FormdbHttp.put_point(db, "s", 0, 1)
    {[_, _, _, _, payload], state} = await("journal_event", state)
    assert %{"seq" => 1, "op" => "put_points"} = payload
    {frames, state} = told(say(["1", "2", topic, "phx_leave", %{}], state))
    assert [["1", "2", ^topic, "phx_reply", _], ["1", "1", ^topic, "phx_close", _]] = frames
    assert Socket.handle_control({"", opcode: :ping}, state) == {:ok, state}
    assert Socket.terminate(:normal, state) == :ok
  end

  test "speaks the first version, too", %{topic: topic} do
    {:ok, state} = connect(%{"vsn" => "1.0.0"})
    {:ok, state} = Socket.init(state)
    join = %{"topic" => topic, "event" => "phx_join", "payload" => %{}, "ref" => "1"}

    assert {[%{"event" => "phx_reply", "ref" => "1", "payload" => %{"status" => "ok"}}], state} =
             told(say(join, state))

    Socket.terminate(:normal, state)
  end

  test "lets in whom it should", %{topic: topic} do
    assert connect(%{"vsn" => "3.0.0"}) == :error
    # Nobody is known: who it is not known where they are is not on this machine.
    for name <- [:peer_data, :uri, :x_headers] do
      log =
        capture_log(fn ->
          assert connect(%{}, Map.delete(here(), name)) == :error
        end)

      assert log =~ "not let in" and log =~ "connect_info: [:peer_data, :uri, :x_headers]"
    end

    assert connect(%{}, %{here() | peer_data: %{address: {192, 0, 2, 1}}}) == :error
    # Nor who comes through a proxy on it, or by a name that was made to point to it.
    assert connect(%{}, %{here() | x_headers: [{"x-forwarded-for", "192.0.2.1"}]}) == :error

    assert connect(%{}, %{here() | uri: %URI{scheme: "http", host: "evil.example", port: 80}}) ==
             :error

    assert connect(%{"vsn" => ["2.0.0"]}) == :error
    assert connect(%{"vsn" => %{"2" => "0"}, "token" => ["x"]}) == :error
    assert Socket.connect(%{transport: :longpoll}) == :error

    principal = [principal: &__MODULE__.who/1]
    assert connect(%{}, %{}, principal) == :error
    session = %{session: %{"team" => "hosted"}}
    # Parameters of the application's own are passed over.
    {:ok, state} = connect(%{"user" => "ana", "theme" => ["dark"]}, session, principal)
    {:ok, state} = Socket.init(state)

    assert {[[_, _, _, _, %{"status" => "ok"}]], state} =
             told(say(["1", "1", topic, "phx_join", %{}], state))

    assert {[[_, _, _, _, %{"status" => "error"}]], _} =
             told(say(["2", "2", "journal:other", "phx_join", %{}], state))

    assert_raise ArgumentError, ~r/expected a function/, fn ->
      connect(%{}, session, principal: :ana)
    end

    Socket.terminate(:normal, state)
  end

  test "does not go down with what fails, and tells nothing of it", %{topic: topic} do
    state = open()
    broken = %{state | channels: :broken}

    log =
      capture_log(fn ->
        message = ["1", "1", topic, "phx_join", %{"k" => "hush"}]
        assert {:stop, :normal, {1011, ""}, _} = say(message, broken)
      end)

    assert log =~ "a socket failed"
    refute log =~ "hush"
    assert {:stop, :normal, {1007, _}, _} = Socket.handle_in({"no message", opcode: :text}, state)
  end

  test "is told to come again when the endpoint stops" do
    assert Socket.child_spec([]) == :ignore
    assert Socket.drainer_spec(drainer: false) == :ignore

    assert_raise ArgumentError, ~r/expected some of/, fn ->
      Socket.drainer_spec(drainer: [size: 1])
    end

    test = self()

    sockets =
      for _ <- 1..3 do
        spawn_link(fn ->
          state = open()
          send(test, {:open, self()})
          serve(state, test)
        end)
      end

    for socket <- sockets, do: assert_receive({:open, ^socket}, 5_000)
    assert Open.count(:socket) == 3
    start_supervised!(Socket.drainer_spec(drainer: [batch: 2, interval: 10]), id: :drainer)
    began = System.monotonic_time(:millisecond)
    stop_supervised!(:drainer)
    # All of them, in two batches.
    for socket <- sockets, do: assert_receive({:closed, ^socket, 1012}, 5_000)
    assert Open.count(:socket) == 0
    assert System.monotonic_time(:millisecond) - began >= 10
  end

  defp serve(state, test) do
    receive do
      message ->
        case Socket.handle_info(message, state) do
          {:ok, state} -> serve(state, test)
          {:stop, :normal, {code, _}, _} -> send(test, {:closed, self(), code})
        end
    end
  end
end
