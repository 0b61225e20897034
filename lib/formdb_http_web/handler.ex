defmodule FormdbHttpWeb.Handler do
  @moduledoc false
  # From a request to its answer, for whichever server: the way in for hosts. The steps of
  # the pipeline run one after the other until one answers; whatever goes wrong in one, the
  # client is told.

  require FormdbHttp.Serving
  require Logger

  alias FormdbHttp.{Config, Error, Fault, Serving}

  alias FormdbHttpWeb.{
    AccessLog,
    Admission,
    AnswerMemory,
    Audit,
    Authentication,
    Authorization,
    BasePath,
    Bearer,
    Body,
    BodyReader,
    Compression,
    Conditions,
    CrossOrigin,
    Forwarded,
    Metrics,
    Problem,
    RateLimit,
    Request,
    RequestEnd,
    RequestId,
    Router,
    SecurityFields,
    Settings
  }

  alias FormdbHttpWeb.Audit.Notes

  # What is at the path is found out first, since every answer is counted under it. Steps
  # that depend on who asks go after CrossOrigin: a browser asks beforehand without saying
  # who it asks for.
  @found [&Router.route/1]
  @decided [
    &Forwarded.call/1,
    &BasePath.call/1,
    &CrossOrigin.call/1,
    &RateLimit.by_address/1,
    &Bearer.call/1,
    &Authentication.call/1,
    &RateLimit.by_principal/1,
    &Authorization.call/1,
    &Conditions.call/1
  ]
  @done [&Admission.call/1, &Router.call/1]

  @typedoc "What is left to do for a request that was begun in another process."
  @opaque rest :: %{req: Request.t(), steps: [function()], started: integer(), notes: Notes.t()}

  # What an answer says beside its own fields, which count more. A cache may keep it, but not give
  # it without asking (RFC 9111, 5.2.2.4): what is true now need not be in a second, and a name that
  # was purged can be made anew.
  @fields SecurityFields.put(%{"cache-control" => "no-cache", "x-request-id" => nil})
  # And one that depends on who asks is for nobody else.
  @private "private, "

  @doc """
  What a host does before its first request; gives the settings of its requests. `address`
  is where it listens.
  """
  @spec init(Config.t(), :inet.ip_address(), Settings.routes()) :: Settings.t()
  def init(config, address, routes) do
    Metrics.register()
    RequestId.start()
    AccessLog.attach(config)
    Settings.new(config, address, routes)
  end

  @doc "The answer to a request. It is counted, and so is the memory of its bytes."
  @spec call(Request.t()) :: Request.answer()
  def call(%Request{} = req), do: answer(@found ++ @decided ++ @done, req)

  @doc """
  The answer to a request, if that can be given at once, by a process that has other things to
  do; or what is left to do of it, for `resume/2` in another process.
  """
  @spec briefly(Request.t()) :: {:ok, Request.answer()} | {:long, rest()}
  def briefly(%Request{} = req) do
    started = System.monotonic_time()
    Notes.begin()

    with {:cont, %{call: %{brief: true}} = req} <- run(@found, RequestId.identify(req)),
         {:cont, req} <- run(@decided, req) do
      case Serving.briefly(fn -> run(@done, req) end) do
        {:ok, {:halt, req, answer}} -> {:ok, conclude(req, started, answer)}
        :long -> {:long, rest(req, @done, started)}
      end
    else
      {:cont, req} -> {:long, rest(req, @decided ++ @done, started)}
      {:halt, req, answer} -> {:ok, conclude(req, started, answer)}
    end
  end

  defp rest(req, steps, started) do
    # It is read anew where the request goes on, and counted there.
    Body.release()
    Body.received()
    %{req: req, steps: steps, started: started, notes: Notes.said()}
  end

  @doc "The answer to a request that was begun in another process. `body` is its reader here."
  @spec resume(rest(), {module(), BodyReader.state()}) :: Request.answer()
  def resume(%{req: req, steps: steps, started: started, notes: notes}, body) do
    Notes.resume(notes)
    RequestId.resume(req)
    {:halt, req, answer} = run(steps, %{req | body: body})
    conclude(req, started, answer)
  end

  @doc "The answer to a request that the host does not let in, for a reason of its own."
  @spec refuse(Request.t(), Error.t()) :: Request.answer()
  def refuse(%Request{} = req, %Error{} = error),
    do: answer([&Router.route/1, fn _req -> {:error, error} end], req)

  defp answer(steps, req) do
    started = System.monotonic_time()
    Notes.begin()
    {:halt, req, answer} = run(steps, RequestId.identify(req))
    conclude(req, started, answer)
  end

  defp conclude(req, started, answer) do
    Audit.request(req, elem(answer, 0))
    {status, headers, body} = finish(req, started, answer)

    headers =
      %{@fields | "x-request-id" => req.id}
      |> Map.merge(headers)
      |> merge(req.fields)
      |> SecurityFields.transport(if(req.secure, do: req.settings.hsts))

    {status, if(req.settings.auth, do: private(headers), else: headers), body}
  end

  defp private(%{"cache-control" => "no-store"} = headers), do: headers

  defp private(headers) do
    headers
    |> Map.update!("cache-control", &(@private <> &1))
    |> merge(%{"vary" => "authorization"})
  end

  # What stays open is counted when it begins, and goes as it is.
  defp finish(%{method: method} = req, started, {status, headers, {:live, parts}}) do
    RequestEnd.note(req, status, started, 0)
    {status, headers, if(method == "HEAD", do: {:stream, []}, else: {:live, parts})}
  end

  defp finish(req, started, {status, _headers, {:socket, _module, _state}} = answer) do
    RequestEnd.note(req, status, started, 0)
    answer
  end

  # HEAD wants none of them.
  defp finish(%{method: "HEAD"} = req, started, {_status, _headers, {:stream, _parts}} = answer) do
    {status, headers, _parts} = Compression.call(answer, req)
    RequestEnd.note(req, status, started, 0)
    {status, headers, {:stream, []}}
  end

  # Its parts have their bounds where they are made.
  defp finish(req, started, {_status, _headers, {:stream, _parts}} = answer) do
    {status, headers, {:stream, parts}} = Compression.call(answer, req)
    ended = fn sent -> RequestEnd.note(req, status, started, sent) end
    parts = Stream.transform(parts, fn -> 0 end, &{[&1], &2 + IO.iodata_length(&1)}, ended)
    {status, headers, {:stream, parts}}
  end

  # Before it is sent, so that whoever has the answer finds the request counted.
  defp finish(req, started, answer) do
    answer = AnswerMemory.count(answer, Router.safe?(req))
    {status, _headers, body} = answer = Compression.call(answer, req)
    sent = if req.method == "HEAD", do: 0, else: IO.iodata_length(body)
    RequestEnd.note(req, status, started, sent)
    answer
  end

  # The last step answers.
  defp run([], req), do: {:cont, req}

  defp run([step | steps], req) do
    case attempt(step, req) do
      {:cont, req} -> run(steps, req)
      {:halt, answer} -> {:halt, req, answer}
    end
  end

  defp attempt(step, req) do
    with {:error, error} <- step.(req) do
      Problem.log(error)
      {:halt, Problem.answer(error)}
    end
  catch
    :throw, reason when Serving.is_at_length(reason) ->
      throw(reason)

    kind, reason ->
      Logger.error([
        "#{req.method} #{Problem.show(req.path)} failed: ",
        Fault.describe(kind, reason, __STACKTRACE__)
      ])

      detail = "the server failed to answer; its log says why"
      {:halt, Problem.answer(%Error{code: :internal_error, detail: detail})}
  end

  defp merge(headers, fields) when fields == %{}, do: headers

  defp merge(headers, fields),
    do: Map.merge(headers, fields, &both/3)

  # An answer that has a field itself knows more of it.
  defp both("vary", one, other), do: [one, ", ", other]
  defp both(_name, own, _other), do: own
end
