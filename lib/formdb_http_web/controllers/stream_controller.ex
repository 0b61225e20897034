defmodule FormdbHttpWeb.StreamController do
  @moduledoc false
  # The journal as it grows, as server-sent events.

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttpWeb.JournalPage
  alias FormdbHttpWeb.Live.{EventStream, FilterWords, Opening, Reader}

  # Events that may be on their way to this process.
  @demand 256

  # A proxy that gathers an answer before it passes it on (nginx) is told not to.
  @headers %{
    "content-type" => "text/event-stream",
    "cache-control" => "no-store",
    "x-accel-buffering" => "no"
  }

  def show(%{settings: settings} = req, %{db: db} = params) do
    opts = %{
      heartbeat_ms: settings.heartbeat_ms,
      wait_ms: settings.longest_wait_ms,
      reader: Reader.new(req)
    }

    case subscribe(params) do
      {:ok, sub} ->
        {200, @headers, {:live, EventStream.parts(sub, opts)}}

      {:error, error} ->
        if Opening.passes?(error, db),
          do: {200, @headers, {:live, Opening.parts(db, fn -> subscribe(params) end, opts)}},
          else: {:error, error}
    end
  end

  defp subscribe(%{db: db} = params) do
    with {:ok, params} <- JournalPage.in_sequence(params, :since),
         {:ok, since} <- since(params) do
      opts = [filter: FilterWords.filter(params), since: since, proof: params.proof]
      FormdbHttp.subscribe(db, [to: self(), demand: @demand] ++ opts)
    end
  end

  # A client that comes again asks as it did at first, and says how far it got.
  # The hash that it gave is that of where it began.
  defp since(params) do
    with {:ok, head} <- head(params) do
      case params do
        %{last_event_id: seq, log: log} when seq != nil -> {:ok, place(seq, nil, log, head)}
        %{since: seq, hash: hash, log: log} when seq != nil -> {:ok, place(seq, hash, log, head)}
        %{hash: nil, log: log} when head != nil -> {:ok, place(nil, nil, log, head)}
        %{hash: nil, log: nil} -> {:ok, nil}
        _none -> of_no_sequence()
      end
    end
  end

  defp of_no_sequence do
    detail = "log and hash are of a sequence; give it as since"
    refuse(:invalid_parameter, detail, "/since")
  end

  defp place(seq, hash, log, head), do: %{seq: seq, hash: hash, log: log, head: head}

  defp head(%{tree_size: nil, root: nil}), do: {:ok, nil}

  defp head(%{tree_size: size, root: root}) when size != nil and root != nil,
    do: {:ok, %{tree_size: size, root: root}}

  defp head(%{root: root}) do
    {missing, given} = if root, do: {"tree_size", "root"}, else: {"root", "tree_size"}
    refuse(:invalid_parameter, "#{given} is of a head; give #{missing}, too", "/" <> given)
  end
end
