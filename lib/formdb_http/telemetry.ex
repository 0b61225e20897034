defmodule FormdbHttp.Telemetry do
  @moduledoc """
  Events of the databases and of the server, in the shape of the library
  [telemetry](https://hexdocs.pm/telemetry): a name, measurements and metadata.

  Where that library is loaded, as in every Phoenix application, events go to its handlers:

      :telemetry.attach("slow", [:formdb, :request, :stop], &MyApp.Slow.handle/4, nil)

  Otherwise `attach/4` takes the same arguments. A handler runs in the process that the event
  happens in, so it has to be quick. One that fails is detached, and the log says so.

  | event | measurements | metadata |
  |---|---|---|
  | `[:formdb, :request, :stop]` | `duration`, `request_bytes`, `response_bytes` | `method`, `route`, `path`, `status`, `request_id`, `trace_id`, `span_id`, `client`, `actor` |
  | `[:formdb, :audit]` | `count` | `act`, `outcome`, `reason`, `actor`, `credential`, `key_id`, `claimed`, `client`, `method`, `route`, `database`, `status`, `request_id` |
  | `[:formdb, :audit]` of the act `:read_credentials` | `count` | `act`, `outcome`, `reason`, `setting`, `entries`, `added`, `changed`, `removed` |
  | `[:formdb, :commit, :stop]` | `duration` | `result` |
  | `[:formdb, :database, :open]` | `duration`, `blocks`, `blocks_read`, `bytes_cut` | `database`, `created` |
  | `[:formdb, :database, :open_failed]` | | `database`, `code` |
  | `[:formdb, :database, :close]` | | `database` |
  | `[:formdb, :database, :read_only]` | | `database` |
  | `[:formdb, :webhook, :attempt]` | `events` | `database`, `webhook`, `result` |
  | `[:formdb, :disk, :low]`, `[:formdb, :disk, :enough]` | `free_bytes`, `min_free_bytes` | |

    * `duration` - in native units of time (`System.convert_time_unit/3`): of a request from
      its head to the end of its answer, of a commit as long as its caller waited, of an opening
      until the database could be used
    * `request_bytes`, `response_bytes` - bodies as they went over the network
    * `method` - `other` for one that HTTP does not have
    * `route` - the path with names in the place of what varies, `unmatched` where there is
      nothing
    * `path` - as it was sent, without the query string
    * `request_id`, `trace_id`, `span_id` - the first from `x-request-id` or made up, the others
      from `traceparent` or `nil`
    * `client` - the address of who asked, as text
    * `actor` - who asked, as the journal calls them; `nil` where that is not known
    * `act` - `:create_database`, `:open_database`, `:close_database`, `:purge_database`, `:sign_in`,
      `:create_webhook`, `:change_webhook`, `:delete_webhook`, `:settle_dead_letters`, `:read_credentials`,
      `:join`: a channel on a WebSocket that was refused, or `:request`: any other
    * `outcome` - `:done`, `:failed` or `:refused`
    * `reason` - the code of the error; `:hidden` of a database on which there is no scope
    * `credential`, `key_id` - `:api_key`, `:password`, `:token` (one of this server), `:jwt` (of another
      issuer) or `nil`; of keys the first digits of the SHA-256, of a `:jwt` its `kid`
    * `claimed` - of a sign-in that was refused, the user whose name was given, if there is one
    * `result` - `:ok`, or the code of the error; of an attempt to deliver `:confirmed` or `:failed`
  """

  require Logger

  @typedoc "The name of an event."
  @type event :: [atom(), ...]

  @typedoc "What was measured, and of what: see above."
  @type measurements :: %{optional(atom()) => term()}
  @type metadata :: %{optional(atom()) => term()}

  @typedoc "Called with the event, its measurements, its metadata and its configuration."
  @type handler :: (event(), measurements(), metadata(), config :: term() -> term())

  @handlers {__MODULE__, :handlers}

  @doc "Has `handler` called for an event. One with the same id is replaced."
  @spec attach(String.t(), event(), handler(), term()) :: :ok
  def attach(id, event, handler, config) do
    change(fn handlers ->
      others = handlers |> Map.get(event, []) |> List.keydelete(id, 0)
      Map.put(handlers, event, others ++ [{id, handler, config}])
    end)
  end

  @doc "The handler with this id is not called any more."
  @spec detach(String.t()) :: :ok
  def detach(id) do
    change(fn handlers ->
      for {event, list} <- handlers,
          left = List.keydelete(list, id, 0),
          left != [],
          into: %{},
          do: {event, left}
    end)
  end

  # Rare, and by one process after the other.
  defp change(change) do
    :global.trans(
      {@handlers, self()},
      fn -> :persistent_term.put(@handlers, change.(handlers())) end,
      [node()]
    )
  end

  defp handlers, do: :persistent_term.get(@handlers, %{})

  @doc "Whether anybody may want to know of this event: some 100 ns."
  @spec listened?(event()) :: boolean()
  def listened?(event), do: is_map_key(handlers(), event) or library?()

  # Only if the module is loaded already.
  defp library?, do: function_exported?(:telemetry, :execute, 3)

  @doc "Tells all handlers of an event."
  @spec execute(event(), measurements(), metadata()) :: :ok
  def execute(event, measurements, metadata) do
    for {id, handler, config} <- Map.get(handlers(), event, []),
        do: call(id, handler, [event, measurements, metadata, config])

    if library?(), do: :telemetry.execute(event, measurements, metadata)
    :ok
  end

  # What it failed over may be what a client has written.
  defp call(id, handler, arguments) do
    apply(handler, arguments)
  catch
    kind, _reason ->
      detach(id)

      Logger.error(
        "the handler #{inspect(id)} of an event failed (#{kind}) and is not called again"
      )
  end
end
