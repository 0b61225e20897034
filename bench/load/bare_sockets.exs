# A bare Cowboy that sends to each WebSocket what is posted to it, line by line: the limit of the
# machine, for bench/websocket_stress_test.exs, which starts it in an operating system process of its own.
#
#   mix run --no-compile --no-start bench/load/bare_sockets.exs

defmodule Bench.BareSockets do
  @idle_ms 600_000

  defmodule Socket do
    @moduledoc false
    def init(req, opts), do: {:cowboy_websocket, req, nil, opts}

    def websocket_init(state) do
      :ets.insert(:sockets, {self()})
      {[], state}
    end

    def websocket_handle(_frame, state), do: {[], state}
    def websocket_info({:send, text}, state), do: {[text: text], state}

    def terminate(_reason, _req, _state) do
      :ets.delete(:sockets, self())
      :ok
    end
  end

  defmodule Post do
    @moduledoc false
    def init(req, state) do
      {:ok, body, req} = read(req, [])
      sockets = for {pid} <- :ets.tab2list(:sockets), do: pid

      for text <- :binary.split(body, "\n", [:global, :trim_all]),
          text = :binary.copy(text),
          pid <- sockets,
          do: send(pid, {:send, text})

      {:ok, :cowboy_req.reply(200, %{}, "", req), state}
    end

    defp read(req, parts) do
      case :cowboy_req.read_body(req, %{length: 64_000_000}) do
        {:ok, part, req} -> {:ok, IO.iodata_to_binary([parts, part]), req}
        {:more, part, req} -> read(req, [parts, part])
      end
    end
  end

  def run do
    {:ok, _} = Application.ensure_all_started(:cowboy)
    :ets.new(:sockets, [:named_table, :public, write_concurrency: true])
    opts = %{idle_timeout: @idle_ms, compress: false}

    routes = :cowboy_router.compile([{:_, [{"/socket", Socket, opts}, {"/", Post, nil}]}])

    transport = %{
      socket_opts: [ip: {127, 0, 0, 1}, port: 0, backlog: 1_024],
      max_connections: :infinity,
      num_acceptors: 10
    }

    {:ok, _} = :cowboy.start_clear(:bare, transport, %{env: %{dispatch: routes}})
    IO.puts("listening on http://127.0.0.1:#{:ranch.get_port(:bare)}")
    Process.sleep(:infinity)
  end
end

Bench.BareSockets.run()
