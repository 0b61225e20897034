defmodule FormdbHttpWeb.Uploading do
  @moduledoc false
  # Bodies without end: features or points that are written while they come. The answer is
  # lines of JSON: progress, and at the end what became of it all. Where the end comes within
  # a second nothing is sent before it, so that what goes wrong until then has its status.

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  require Logger

  alias FormdbHttp.{Error, Fault, JSON, Serving, Upload}
  alias FormdbHttpWeb.{Body, BodyType, Params, Problem, Request}

  @framings %{
    "application/x-ndjson" => :lines,
    "application/geo+json-seq" => :sequence,
    "application/json-seq" => :sequence,
    "text/csv" => :csv
  }

  @headers %{"content-type" => "application/x-ndjson"}

  # Lines of progress come at most once a second, and later at most once in a hundredth of the
  # time that has passed: clients may read nothing before they have sent everything (browsers
  # do), and what waits for them has to fit into the buffers on the way.
  @progress_ms 1_000
  @share 100

  @doc "How the records of a body are told apart; `nil` of one that is read as a whole."
  @spec framing(Request.t()) :: :lines | :sequence | :csv | nil
  def framing(req), do: @framings[BodyType.essence(req.headers)]

  @doc "Writes a body that has such a framing. Options as `FormdbHttp.upload/3` has them."
  @spec write(Request.t(), map(), keyword()) :: Request.answer() | {:error, Error.t()}
  def write(req, %{db: db} = params, opts) do
    Serving.at_length()

    opts =
      opts ++
        [record_bytes: req.settings.max_body_bytes] ++
        Params.options(params, [:on_error, :durability, :idempotency_key])

    with :ok <- check_on_error(params),
         {:ok, provenance} <- Params.provenance(params),
         opts = opts ++ provenance,
         {:ok, body} <- Body.open(req),
         {:ok, upload} <- Upload.new(db, opts) do
      begun = now()
      answer(next(%{upload: upload, body: body, begun: begun, told: begun, last_seq: nil}))
    end
  end

  defp check_on_error(%{on_error: :refuse}),
    do: in_whole("on_error", "refuse", "give skip or stop")

  defp check_on_error(_params), do: :ok

  @doc "The refusal of what can be had only of a body that is read as a whole."
  @spec in_whole(String.t(), String.t(), String.t()) :: {:error, Error.t()}
  def in_whole(name, value, instead) do
    detail = "#{name}=#{value} cannot be kept of a body that is written as it comes; #{instead}"
    refuse(:invalid_parameter, detail, "/" <> name)
  end

  @doc "The refusal of what can be had only of a body that is written as it comes."
  @spec as_it_comes(String.t() | atom(), String.t() | atom()) :: {:error, Error.t()}
  def as_it_comes(name, value) do
    detail = "#{name}=#{value} is for lines, sequences and tables; this body is read as a whole"
    refuse(:invalid_parameter, detail, "/#{name}")
  end

  defp answer({:progress, line, state}) do
    rest =
      Stream.unfold(state, fn
        nil ->
          nil

        state ->
          case attempt(state) do
            {:progress, line, state} -> {line, state}
            {:done, uploaded} -> {done(uploaded), nil}
            {:failed, error, uploaded} -> {failed(error, uploaded), nil}
          end
      end)

    {200, @headers, {:stream, Stream.concat([line], rest)}}
  end

  defp answer({:done, uploaded}), do: {200, @headers, done(uploaded)}
  defp answer({:failed, error, uploaded}), do: {:error, so_far(error, uploaded)}

  # Nobody else could tell the client any more.
  defp attempt(state) do
    next(state)
  catch
    kind, reason ->
      Logger.error(["an upload failed: ", Fault.describe(kind, reason, __STACKTRACE__)])
      error = %Error{code: :internal_error, detail: "the server failed; its log says why"}
      {:failed, error, Upload.figures(state.upload)}
  end

  # Until there is something to tell.
  defp next(%{upload: upload} = state) do
    with {:more, part, body} <- Body.next(state.body),
         {:ok, upload} <- Upload.put(upload, part) do
      state = %{state | upload: upload, body: body}
      now = now()
      due? = now - state.told >= max(@progress_ms, div(now - state.begun, @share))
      last_seq = Upload.figures(upload).last_seq

      if due? and last_seq != state.last_seq,
        do: {:progress, progress(upload), %{state | told: now, last_seq: last_seq}},
        else: next(state)
    else
      {:done, part, _body} ->
        with {:ok, upload} <- Upload.put(upload, part),
             {:ok, uploaded} <- Upload.finish(upload) do
          {:done, uploaded}
        else
          {:error, error, upload} -> {:failed, error, Upload.figures(upload)}
        end

      {:error, error} ->
        {:failed, error, Upload.figures(upload)}

      {:error, error, upload} ->
        {:failed, error, Upload.figures(upload)}
    end
  end

  defp progress(upload) do
    uploaded = Upload.figures(upload)
    line(inserted: uploaded.inserted, last_seq: uploaded.last_seq)
  end

  defp done(uploaded), do: line([done: true] ++ members(uploaded))

  defp failed(error, uploaded) do
    Problem.log(error)
    line([done: false, error: Problem.fault(error)] ++ members(uploaded))
  end

  defp members(uploaded) do
    [
      inserted: uploaded.inserted,
      replaced: uploaded.replaced,
      ignored: uploaded.ignored,
      skipped: uploaded.skipped
    ] ++
      for({:missing, cells} <- uploaded, do: {:missing, cells}) ++
      [
        first_seq: uploaded.first_seq,
        last_seq: uploaded.last_seq,
        blocks: uploaded.blocks,
        rejected: in_lines(uploaded.rejected)
      ] ++ Problem.warnings(uploaded)
  end

  defp in_lines(faults), do: for(fault <- faults, do: [line: fault.line] ++ Problem.fault(fault))

  defp line(members), do: [JSON.encode(members), "\n"]

  # What has a status of its own says in words what was written before.
  defp so_far(error, uploaded),
    do: %{error | detail: in_line(error, uploaded.rejected) <> written(uploaded)}

  defp written(%{last_seq: nil}), do: ""
  defp written(%{last_seq: seq}), do: "; what came before it is written, up to sequence #{seq}"

  defp in_line(error, []), do: error.detail

  defp in_line(error, rejected) do
    %{line: line, code: code, detail: detail} = List.last(rejected)

    # With on_error=stop the fault is the error.
    if code == error.code and String.starts_with?(detail, error.detail),
      do: "line #{line}: #{detail}",
      else: "#{error.detail}; the last of #{length(rejected)} faulty lines is #{line}: #{detail}"
  end

  defp now, do: System.monotonic_time(:millisecond)
end
