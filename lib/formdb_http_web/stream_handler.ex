defmodule FormdbHttpWeb.StreamHandler do
  @moduledoc false
  # Cowboy's own stream handler with four additions: it counts the requests under
  # way, from the first byte of a request's body to the last byte of its answer,
  # it tells HalfClose of them, it lets go of answers that were sent, and it turns the
  # empty answers that Cowboy gives to broken requests into problems. It runs in the
  # process of the connection.

  @behaviour :cowboy_stream

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Cowboy.HalfClose
  alias FormdbHttpWeb.{AnswerMemory, InFlight, Problem}

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
    {commands, state} = :cowboy_stream_h.init(id, req, opts)
    InFlight.enter(in_flight)
    HalfClose.begin(id, req.has_body, opts.env.half_close_ms)
    {commands, {in_flight, 0, state}}
  end

  @impl true
  def data(id, fin, data, {in_flight, size, state}) do
    if fin == :fin, do: HalfClose.arrived()
    {commands, state} = :cowboy_stream_h.data(id, fin, data, state)
    {commands, {in_flight, size, state}}
  end

  @impl true
  def info(id, {:response, status, %{"content-length" => "0"} = headers, ""}, state)
      when status in [400, 500] do
    # Cowboy's answer to a body that breaks the chunked coding.
    {status, headers, body} = problem(status, headers, "the body breaks its transfer coding")
    forward(id, {:response, status, headers, body}, state)
  end

  def info(id, message, state), do: forward(id, message, state)

  defp forward(id, message, {in_flight, size, state}) do
    size = with {:response, _, _, body} <- message, do: IO.iodata_length(body), else: (_ -> size)
    {commands, state} = :cowboy_stream_h.info(id, message, state)
    {commands, {in_flight, size, state}}
  end

  @impl true
  def terminate(id, reason, {in_flight, size, state}) do
    InFlight.leave(in_flight)
    AnswerMemory.sent(size)
    HalfClose.done(id)
    :cowboy_stream_h.terminate(id, reason, state)
  end

  @impl true
  def early_error(_id, reason, _partial_request, {:response, status, headers, _body}, _opts) do
    detail =
      case reason do
        {_kind, _name, sentence} when status != 500 -> to_string(sentence)
        _other -> "the server failed to read the request"
      end

    {status, headers, body} = problem(status, headers, detail)
    {:response, status, headers, body}
  end

  defp problem(status, headers, detail) do
    code = Map.get(@codes, status, :internal_error)
    {_status, problem_headers, body} = Problem.answer(%Error{code: code, detail: detail})

    headers =
      headers
      |> Map.merge(problem_headers)
      |> Map.merge(%{
        "content-length" => body |> IO.iodata_length() |> Integer.to_string(),
        "server" => "FormDB"
      })

    {status, headers, body}
  end
end
