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
  defp since(%{last_event_id: seq, log: nil}) when seq != nil, do: {:ok, seq}
  defp since(%{last_event_id: seq, log: log}) when seq != nil, do: {:ok, %{seq: seq, log: log}}
  defp since(%{since: since, log: nil, hash: nil}), do: {:ok, since}

  defp since(%{since: seq, log: log, hash: hash}) when seq != nil,
    do: {:ok, %{seq: seq, log: log, hash: hash}}

  defp since(_none) do
    detail = "log and hash are of a sequence; give it as since"
    refuse(:invalid_parameter, detail, "/since")
  end
end
