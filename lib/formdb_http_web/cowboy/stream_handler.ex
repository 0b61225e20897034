defmodule FormdbHttpWeb.Cowboy.StreamHandler do
  @moduledoc false
  # Cowboy's own stream handler with some additions: it counts the requests under
  # way, from the first byte of a request's body to the last byte of its answer,
  # it tells HalfClose of them, it tells each which one is before it (see Pipelining), it
  # sends answers in parts (see Streaming), it lets go of answers that were sent, it lets
  # "100 Continue" be sent once a request, and it turns the empty answers that Cowboy gives
  # to broken requests into problems, which it counts. What can be answered at once it answers
  # itself (see Direct). It runs in the process of the
  # connection.

  @behaviour :cowboy_stream

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Cowboy.{Direct, HalfClose, InFlight, Limits, Pipelining, Streaming}
  alias FormdbHttpWeb.{AnswerMemory, Problem, RequestId, RequestMetrics, Router, SecurityFields}

  # A body longer than this is long, and so much of it is taken at a time. Usually that is 1,460 bytes,
  # each a message to the connection's process; one whose requests are short needs no more. Cowboy
  # lets as many come as Listener says before it looks whether anybody wants them.
  @long_body_bytes 16_384

  # That a body which was announced did not come with its head, nor soon after it.
  @no_body_yet {__MODULE__, :no_body_yet}
  @soon_ms 20

  @codes %{
    400 => :malformed_request,
    408 => :request_timeout,
    414 => :uri_too_long,
    431 => :headers_too_large,
    501 => :not_implemented,
    505 => :version_not_supported
  }

  @impl true
  def init(id, req, %{env: %{in_flight: in_flight}} = opts) do
    ends_well? = ends_well?(req.headers)
    # Over some header fields Cowboy's connection ends without a call of terminate/3.
    in_flight = if ends_well?, do: in_flight
    if in_flight, do: InFlight.enter(in_flight)

    state = %{
      in_flight: in_flight,
      idle_timeout: opts.idle_timeout,
      size: 0,
      http1?: req.version != :"HTTP/2",
      continued?: false,
      cowboy: nil,
      waits: nil
    }

    cond do
      not ends_well? or HalfClose.latest() != nil or not Direct.may?(req) ->
        spawn_process(id, req, opts, state)

      req.has_body ->
        timer = Process.send_after(self(), {{self(), id}, @no_body_yet}, @soon_ms)
        {[], %{state | waits: {timer, req, opts}}}

      true ->
        direct(id, req, "", opts, state)
    end
  end

  defp direct(id, req, body, opts, state) do
    case Direct.answer(req, body, opts.env) do
      {:ok, commands, size} ->
        {commands, %{state | size: size}}

      {:begun, begun} ->
        {commands, state} = spawn_process(id, req, put_in(opts.env[:begun], begun), state)
        {more, state} = if req.has_body, do: data(id, :fin, body, state), else: {[], state}
        {commands ++ more, state}
    end
  end

  defp spawn_process(id, req, opts, state) do
    expect_body(req)
    {opts, turn} = Pipelining.turn(opts, HalfClose.latest())
    {commands, cowboy} = :cowboy_stream_h.init(id, req, opts)
    {:spawn, process, _shutdown} = List.keyfind(commands, :spawn, 0)
    HalfClose.begin(id, process, req.has_body, opts.env.half_close_ms)
    {commands ++ turn, %{state | cowboy: cowboy, waits: nil}}
  end

  # Of a length that nobody knows, too: atoms are greater than numbers.
  defp expect_body(%{has_body: true, body_length: length}) when length > @long_body_bytes do
    {_closed, socket} = Streaming.connection()
    :inet.setopts(socket, buffer: @long_body_bytes)
  end

  defp expect_body(_req), do: :ok

  defp ends_well?(%{"connection" => text}) do
    :cow_http_hd.parse_connection(text)
    true
  rescue
    _no_list -> false
  end

  defp ends_well?(_headers), do: true

  @impl true
  def data(id, :fin, body, %{waits: {timer, req, opts}} = state) do
    Process.cancel_timer(timer)
    direct(id, req, body, opts, %{state | waits: nil})
  end

  def data(id, fin, data, %{waits: {timer, req, opts}} = state) do
    Process.cancel_timer(timer)
    {commands, state} = spawn_process(id, req, opts, state)
    {more, state} = data(id, fin, data, state)
    {commands ++ more, state}
  end

  def data(id, fin, data, state) do
    if fin == :fin, do: HalfClose.arrived()
    {commands, cowboy} = :cowboy_stream_h.data(id, fin, data, state.cowboy)
    {commands, %{state | cowboy: cowboy}}
  end

  @impl true
  def info(id, @no_body_yet, %{waits: {_timer, req, opts}} = state),
    do: spawn_process(id, req, opts, state)

  def info(_id, @no_body_yet, state), do: {[], state}

  def info(id, {:response, status, %{"content-length" => "0"} = headers, ""}, state)
      when status in [400, 500] do
    # Cowboy's answer to a body that breaks the chunked coding.
    {status, headers, body} = problem(status, headers, "the body breaks its transfer coding")
    # It closes the connection then.
    headers = if state.http1?, do: Map.put(headers, "connection", "close"), else: headers
    count("other", status, body)
    forward(id, {:response, status, headers, body}, state)
  end

  def info(_id, {Streaming, message}, state),
    do: {Streaming.commands(message, state.idle_timeout), state}

  def info(id, message, state), do: forward(id, message, state)

  defp forward(id, message, state) do
    size =
      with {:response, _, _, body} <- message,
           do: IO.iodata_length(body),
           else: (_ -> state.size)

    {commands, cowboy} = :cowboy_stream_h.info(id, message, state.cowboy)
    {commands, continued?} = continue_once(commands, state.continued?)
    {commands, %{state | size: size, continued?: continued?, cowboy: cowboy}}
  end

  # Cowboy says it again each time that somebody asks for more of a body that does not come.
  defp continue_once(commands, continued?) do
    case {Enum.any?(commands, &continue?/1), continued?} do
      {false, continued?} -> {commands, continued?}
      {true, false} -> {commands, true}
      {true, true} -> {Enum.reject(commands, &continue?/1), true}
    end
  end

  defp continue?(command), do: match?({:inform, 100, _headers}, command)

  @impl true
  def terminate(id, reason, state) do
    if state.in_flight, do: InFlight.leave(state.in_flight)
    AnswerMemory.sent(state.size)

    if state.cowboy do
      HalfClose.done(id)
      :cowboy_stream_h.terminate(id, reason, state.cowboy)
    end

    :ok
  end

  @impl true
  def early_error(_id, reason, partial_request, {:response, status, headers, _body}, _opts) do
    detail =
      case reason do
        {_kind, _name, sentence} when status != 500 -> explain(status, to_string(sentence))
        _other -> "the server failed to read the request"
      end

    {status, headers, body} = problem(status, headers, detail)
    count(Map.get(partial_request, :method, "other"), status, body)
    {:response, status, headers, body}
  end

  # Cowboy names no limits, and calls them configuration. From 2.17 on it says so of a host, too.
  defp explain(414, "The host header" <> _),
    do: "Host is longer than the #{Limits.header_value_bytes()} bytes that a value may have"

  defp explain(414, _sentence),
    do: "the request line is longer than the #{Limits.request_line_bytes()} bytes it may have"

  defp explain(431, _sentence) do
    "there may be #{Limits.header_fields()} header fields, with names of " <>
      "#{Limits.header_name_bytes()} bytes and values of #{Limits.header_value_bytes()} bytes each"
  end

  defp explain(408, _sentence),
    do: "the header fields did not arrive within #{div(Limits.keep_alive_ms(), 1_000)} s"

  # Cowboy says so, too, of a line that ends without a carriage return.
  defp explain(505, _sentence),
    do: "expected HTTP/1.1 or HTTP/1.0 at the end of the request line, and CR LF after it"

  # Of TRACE and CONNECT, which it does not let through; other methods that no path takes are
  # refused by the router.
  defp explain(501, _sentence),
    do: "no path takes this method; the server knows #{Enum.join(Router.methods(), ", ")}"

  defp explain(_status, sentence), do: sentence

  # They have no path, or one that is not to be trusted.
  defp count(method, status, body),
    do: RequestMetrics.count(method, nil, status, 0, 0, IO.iodata_length(body))

  # Nobody has named the request.
  defp problem(status, headers, detail) do
    code = Map.get(@codes, status, :internal_error)
    id = RequestId.new()
    {_status, problem_headers, body} = Problem.answer(%Error{code: code, detail: detail}, id)

    headers =
      headers
      |> Map.merge(problem_headers)
      |> Map.merge(%{
        "content-length" => body |> IO.iodata_length() |> Integer.to_string(),
        "cache-control" => "no-store",
        "date" => :cowboy_clock.rfc1123(),
        "x-request-id" => id,
        "server" => "FormDB"
      })
      |> SecurityFields.put()

    {status, headers, body}
  end
end
