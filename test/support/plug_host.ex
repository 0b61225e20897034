defmodule FormdbHttp.PlugHost do
  @moduledoc """
  An application that has FormDB mounted, without Plug: requests in this process, through
  `FormdbHttpWeb.Plug`, on the stand-in of `Plug.Conn`.

  The process that plays the server has the body and takes the answer. It refuses a conn that is
  not the last one.
  """

  use GenServer

  @doc """
  The conn of a request. Options: `:headers`; `:body`, text or a list of the parts in which it
  comes, of which `{:wait, ms}` is a pause and an exception is raised; `:length`, `false` for one
  that says none; `:parsed`, what a parser has made of it before; `:script_name`; `:peer`;
  `:scheme`; `:listener`, a process that is sent the parts of the answer and answers each (see
  `take/1`).
  """
  def conn(method, path, opts \\ []) do
    [request_path | query] = String.split(path, "?", parts: 2)
    body = opts |> Keyword.get(:body) |> List.wrap()
    {:ok, host} = GenServer.start_link(__MODULE__, {body, opts[:listener]})
    script_name = Keyword.get(opts, :script_name, [])

    conn = %Plug.Conn{
      adapter: {__MODULE__, %{host: host, turn: 0, method: method}},
      method: method,
      request_path: request_path,
      path_info: Enum.drop(segments(request_path), length(script_name)),
      script_name: script_name,
      query_string: Enum.join(query),
      req_headers:
        [{"host", "localhost"} | Keyword.get(opts, :headers, [])] ++ length(body, opts),
      remote_ip: Keyword.get(opts, :peer, {127, 0, 0, 1}),
      scheme: Keyword.get(opts, :scheme, :http)
    }

    if parsed = opts[:parsed], do: %{conn | body_params: parsed}, else: conn
  end

  defp segments(path), do: String.split(path, "/", trim: true)

  defp length([], _opts), do: []

  defp length(body, opts) do
    if Keyword.get(opts, :length, true),
      do: [
        {"content-length",
         to_string(for(part <- body, is_binary(part), into: "", do: part) |> byte_size())}
      ],
      else: [{"transfer-encoding", "chunked"}]
  end

  @doc "The answer to a request by the plug with those options, as a client has it."
  def request(plug, method, path, opts \\ []) do
    conn = FormdbHttpWeb.Plug.call(conn(method, path, opts), FormdbHttpWeb.Plug.init(plug))
    true = conn.halted
    answer(conn)
  end

  @doc """
  Ends what the plug has started beside the databases, for tests of others start a server, which
  has the same processes; and what it knows of their settings.
  """
  def stop do
    Supervisor.terminate_child(FormdbHttp.Supervisor, FormdbHttpWeb.Mounted)
    Supervisor.delete_child(FormdbHttp.Supervisor, FormdbHttpWeb.Mounted)

    for {{FormdbHttpWeb.Mounted, _} = key, _} <- :persistent_term.get(),
        do: :persistent_term.erase(key)
  end

  @doc "What was sent on a conn, as `FormdbHttp.HTTPClient` has it."
  def answer(%{adapter: {_name, %{host: host, method: method}}}) do
    {status, headers, body} = GenServer.call(host, :answered)
    body = if method == "HEAD", do: "", else: body

    %{
      status: status,
      headers: fields(headers),
      body: body,
      names: Enum.map(headers, &elem(&1, 0))
    }
  end

  defp fields(headers) do
    names = Enum.map(headers, &elem(&1, 0))
    # That none comes twice is a matter of the plug's.
    [] = names -- Enum.uniq(names)
    Map.new(headers)
  end

  @doc "Status, header fields and body as they were given to the server."
  def sent(%{adapter: {_name, %{host: host}}}), do: GenServer.call(host, :answered)

  @doc "How many bytes of the body were asked for, from the first time on."
  def asked(%{adapter: {_name, %{host: host}}}), do: GenServer.call(host, :asked)

  @doc "The next part of an answer whose listener this process is; the client goes on or is `:gone`."
  def take(go_on \\ :ok) do
    receive do
      {__MODULE__, from, part} ->
        GenServer.reply(from, if(go_on == :ok, do: :ok, else: {:error, :closed}))
        part
    after
      5_000 -> raise "no part came"
    end
  end

  @doc "For `Plug.Conn`."
  def call(host, turn, what), do: GenServer.call(host, {turn, what}, :infinity)

  @impl true
  def init({body, listener}),
    do: {:ok, %{body: body, listener: listener, turn: 0, answer: nil, asked: []}}

  @impl true
  def handle_call(:answered, _from, state), do: {:reply, state.answer, state}
  def handle_call(:asked, _from, state), do: {:reply, Enum.reverse(state.asked), state}

  def handle_call({turn, what}, from, %{turn: turn} = state),
    do: act(what, from, %{state | turn: turn + 1})

  def handle_call({turn, what}, _from, state),
    do: {:reply, raise("#{inspect(what)} on the conn of turn #{turn}, not #{state.turn}"), state}

  defp act({:read, length, opts}, _from, %{body: body} = state) do
    {answer, body} = fill("", body, length, opts)
    # An error comes without a new conn.
    back = if match?({kind, _} when kind in [:error, :raise], answer), do: 1, else: 0
    state = %{state | body: body, asked: [length | state.asked], turn: state.turn - back}
    {:reply, answer, state}
  end

  defp act({:answer, status, headers, body}, _from, %{answer: nil} = state),
    do: {:reply, :ok, %{state | answer: {status, headers, body}}}

  defp act({:begin, status, headers}, _from, %{answer: nil} = state),
    do: {:reply, :ok, %{state | answer: {status, headers, ""}}}

  defp act({:chunk, part}, from, %{answer: {status, headers, body}} = state) do
    state = %{state | answer: {status, headers, body <> part}}

    if state.listener do
      send(state.listener, {__MODULE__, from, part})
      {:noreply, state}
    else
      {:reply, :ok, state}
    end
  end

  # As servers do: a part is filled before it is given out.
  defp fill(part, [], _length, _opts), do: {{:ok, part}, []}

  defp fill(part, body, length, _opts) when byte_size(part) >= length and body != [],
    do: {{:more, part}, body}

  defp fill(part, [{:wait, ms} | body], length, opts) do
    if ms > opts[:read_timeout] do
      {{:error, :timeout}, body}
    else
      Process.sleep(ms)
      fill(part, body, length, opts)
    end
  end

  defp fill(_part, [%{__exception__: true} = exception | body], _length, _opts),
    do: {{:raise, exception}, body}

  defp fill(part, [next | body], length, opts) do
    room = length - byte_size(part)

    if byte_size(next) > room do
      {some, rest} = :erlang.split_binary(next, room)
      {{:more, part <> some}, [rest | body]}
    else
      fill(part <> next, body, length, opts)
    end
  end
end
