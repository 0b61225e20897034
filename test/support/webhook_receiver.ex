defmodule FormdbHttp.WebhookReceiver do
  @moduledoc """
  A receiver of webhooks for tests, over plain sockets: it keeps every request as it came, in the
  order in which they came, and answers as the test says, however wrong that is.
  """

  use GenServer

  alias FormdbHttp.JSON

  @type request :: %{path: String.t(), headers: %{String.t() => String.t()}, body: binary()}

  @doc """
  Starts one on a free port. `answer` is called for each request, in a process of its connection,
  with the request, the socket, and how many came before; what it returns is sent, if it is no
  atom. A status alone is an answer without a body. Options: `:tls`, options of
  `:ssl.handshake/3`.
  """
  def start_link({answer, opts}) do
    answer = if is_function(answer), do: answer, else: fn _, _, _ -> answer end
    GenServer.start_link(__MODULE__, {answer, opts})
  end

  def start_link(answer), do: start_link({answer, []})

  def port(receiver), do: GenServer.call(receiver, :port)

  def address(receiver, path \\ "/hook"), do: "http://127.0.0.1:#{port(receiver)}#{path}"

  @doc "The requests that came, in order."
  @spec requests(pid()) :: [request()]
  def requests(receiver), do: GenServer.call(receiver, :requests)

  @doc "The events of all of them, in the order in which they came."
  @spec events(pid()) :: [map()]
  def events(receiver),
    do: for(%{body: body} <- requests(receiver), event <- JSON.decode!(body)["events"], do: event)

  @doc "From now on it answers so."
  def answer_with(receiver, answer) do
    answer = if is_function(answer), do: answer, else: fn _, _, _ -> answer end
    GenServer.call(receiver, {:answer, answer})
  end

  @impl true
  def init({answer, opts}) do
    {:ok, listener} =
      :gen_tcp.listen(opts[:port] || 0, [
        :binary,
        active: false,
        reuseaddr: true,
        backlog: 1_024,
        ip: {127, 0, 0, 1}
      ])

    receiver = self()
    spawn_link(fn -> accept(listener, receiver, opts[:tls]) end)
    {:ok, port} = :inet.port(listener)
    {:ok, %{port: port, listener: listener, answer: answer, requests: [], count: 0}}
  end

  @impl true
  def handle_call(:port, _from, state), do: {:reply, state.port, state}

  def handle_call(:requests, _from, state),
    do: {:reply, Enum.reverse(state.requests), state}

  def handle_call({:answer, answer}, _from, state), do: {:reply, :ok, %{state | answer: answer}}

  def handle_call({:came, request}, _from, state) do
    count = state.count + 1
    state = %{state | requests: [request | state.requests], count: count}
    {:reply, {state.answer, count - 1}, state}
  end

  defp accept(listener, receiver, tls) do
    with {:ok, socket} <- :gen_tcp.accept(listener) do
      pid = spawn(fn -> serve(socket, receiver, tls) end)
      :gen_tcp.controlling_process(socket, pid)
      send(pid, :yours)
      accept(listener, receiver, tls)
    end
  end

  defp serve(socket, receiver, tls) do
    receive do: (:yours -> :ok)

    case tls do
      nil ->
        exchange({:gen_tcp, socket}, receiver)

      options ->
        with {:ok, secured} <- :ssl.handshake(socket, options, 5_000),
             do: exchange({:ssl, secured}, receiver)
    end
  end

  defp exchange({module, socket} = connection, receiver) do
    with {:ok, request} <- read(connection, "") do
      {answer, before} = GenServer.call(receiver, {:came, request})

      case answer.(request, connection, before) do
        status when is_integer(status) ->
          module.send(socket, "HTTP/1.1 #{status} X\r\ncontent-length: 0\r\n\r\n")

        bytes when is_binary(bytes) or is_list(bytes) ->
          module.send(socket, bytes)

        atom when is_atom(atom) ->
          :ok
      end

      module.close(socket)
    end
  catch
    # The test is over.
    :exit, _reason -> :ok
  end

  defp read({module, socket} = connection, bytes) do
    case :binary.split(bytes, "\r\n\r\n") do
      [head, rest] ->
        ["POST " <> line | lines] = String.split(head, "\r\n")
        [path, "HTTP/1.1"] = String.split(line, " ")

        headers =
          for line <- lines, [name, value] = String.split(line, ": ", parts: 2), into: %{} do
            {name, value}
          end

        left = String.to_integer(headers["content-length"]) - byte_size(rest)

        with {:ok, more} <- rest(connection, left),
             do: {:ok, %{path: path, headers: headers, body: rest <> more}}

      [_part] ->
        with {:ok, more} <- module.recv(socket, 0, 10_000), do: read(connection, bytes <> more)
    end
  end

  defp rest(_connection, 0), do: {:ok, ""}
  defp rest({module, socket}, left), do: module.recv(socket, left, 10_000)
end
