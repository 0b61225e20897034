defmodule FormdbHttpWeb.Audit.Log do
  @moduledoc false
  # A line of the log for each event of FormdbHttpWeb.Audit.Event (FORMDB_AUDIT_LOG), whatever
  # the level of the log is. Who is refused over and over is not to fill it: of the same act,
  # reason and actor from one address so many lines a minute are written (FORMDB_AUDIT_LINES),
  # and then one that says how many more there were. Of more of these than there is room for,
  # further ones are one, without an address. What was done is always written, but for what costs
  # next to nothing to do.

  use GenServer

  alias FormdbHttp.{Config, Telemetry}
  alias FormdbHttp.Config.Web
  alias FormdbHttpWeb.Audit.Event

  @id "formdb-audit-log"
  @table __MODULE__
  @most 256
  @interval_ms 60_000

  @always [:create_database, :close_database, :purge_database, :read_credentials, :request]

  # What tells these from each other, and what their sum says.
  @summed [:act, :outcome, :reason, :actor, :credential, :key_id, :client]

  @doc "The process, for a supervisor: before what listens, so that it ends after it."
  @spec children(Config.t()) :: [{module(), Config.t()}]
  def children(config), do: if(config.audit_log, do: [{__MODULE__, config}], else: [])

  @spec start_link(Config.t()) :: GenServer.on_start()
  def start_link(config), do: GenServer.start_link(__MODULE__, config, name: __MODULE__)

  @impl true
  def init(%{audit_lines: lines}) do
    Process.flag(:trap_exit, true)
    :ets.new(@table, [:named_table, :public, write_concurrency: true])
    # As the audit is no matter of more or less detail.
    :logger.set_module_level(__MODULE__, :all)
    Telemetry.attach(@id, Event.name(), &__MODULE__.handle/4, lines)
    sum_up_later()
    {:ok, lines}
  end

  defp sum_up_later, do: Process.send_after(self(), :sum_up, @interval_ms)

  @impl true
  def handle_info(:sum_up, lines) do
    sum_up(lines)
    sum_up_later()
    {:noreply, lines}
  end

  def handle_info(_other, lines), do: {:noreply, lines}

  @impl true
  def handle_call(:sum_up, _from, lines), do: {:reply, sum_up(lines), lines}

  @impl true
  def terminate(_reason, lines) do
    Telemetry.detach(@id)
    sum_up(lines)
  end

  @doc "Writes the lines about what was only counted so far, and counts anew."
  @spec sum_up() :: :ok
  def sum_up, do: GenServer.call(__MODULE__, :sum_up)

  @doc false
  def handle(_event, _measurements, %{act: act, outcome: outcome} = metadata, lines) do
    if (outcome == :done and act in @always) or count(metadata) <= lines,
      do: write(metadata, 1)

    :ok
  end

  # How many of its like there were in this minute.
  defp count(metadata) do
    key = {metadata.act, metadata.reason, metadata.actor, network(metadata.client)}

    if :ets.member(@table, key) or :ets.info(@table, :size) < @most,
      do: count(key, metadata),
      else: count({metadata.act, metadata.reason}, %{metadata | actor: nil, client: nil})
  end

  defp count(key, metadata),
    do: :ets.update_counter(@table, key, {2, 1}, {key, 0, Map.take(metadata, @summed)})

  defp network(client) do
    {:ok, address} = client |> String.to_charlist() |> :inet.parse_address()
    Web.client_network(address)
  end

  # One that is counted meanwhile is counted in the next minute.
  defp sum_up(lines) do
    for {key, _count, _metadata} <- :ets.tab2list(@table),
        {_key, count, metadata} <- :ets.take(@table, key),
        count > lines,
        do: write(metadata, count - lines)

    :ok
  end

  defp write(metadata, count) do
    level = if metadata.outcome == :done, do: :info, else: :warning
    # The id of the request is in the metadata of its process.
    report = metadata |> Map.delete(:request_id) |> Map.merge(%{event: "audit", count: count})

    :logger.log(level, report, %{
      mfa: {__MODULE__, :write, 2},
      report_cb: &__MODULE__.text/1,
      fields: report
    })
  end

  @order [:act, :outcome, :reason, :count, :actor, :credential, :key_id, :claimed, :client] ++
           [:method, :route, :database, :status, :setting, :entries, :added, :changed, :removed]

  @doc false
  def text(report) do
    words = for key <- @order, value = report[key], do: [" ", to_string(key), "=", word(value)]
    {~c"~ts", [["audit", words]]}
  end

  # The sub of a token may have spaces, and so look like more than it is.
  defp word(text) when is_binary(text),
    do: if(text =~ ~r/\A[\x21\x23-\x7e]+\z/, do: text, else: inspect(text))

  defp word(value), do: to_string(value)
end
