defmodule FormdbHttp.Webhooks.Keeper do
  @moduledoc false
  # Keeps the webhooks of one open database: starts what delivers them, and makes changes, one at
  # a time. The journal says which there are; what is beside it is brought in line with that.

  use GenServer, restart: :transient

  require Logger

  alias FormdbHttp.{
    Catalog,
    Databases,
    Engine,
    Error,
    Fault,
    JSON,
    Native,
    ServerKey,
    Types,
    Writing
  }

  alias FormdbHttp.Webhooks.{Change, Delivery, Known, Progress, Registration}
  alias FormdbHttp.Webhooks.{SideFiles, Signature}

  @registry FormdbHttp.DatabaseRegistry
  # Before something that failed is started again.
  @again_ms 1_000

  defstruct [:database, :log, :former, :key, :folder, :config, webhooks: %{}, deliveries: %{}]

  @spec start_link(String.t()) :: GenServer.on_start()
  def start_link(database),
    do: GenServer.start_link(__MODULE__, database, name: {:via, Registry, key(database)})

  defp key(database), do: {@registry, {:webhooks, database}}

  @spec whereis(String.t()) :: pid() | nil
  def whereis(database) do
    case Registry.lookup(@registry, {:webhooks, database}) do
      [{pid, _value}] -> pid
      [] -> nil
    end
  end

  @doc "Asks the keeper of a database, which has to be open."
  @spec call(String.t(), term()) :: term()
  def call(database, request) do
    with :ok <- Engine.check_open(database) do
      case whereis(database) do
        nil -> {:error, closing(database)}
        pid -> GenServer.call(pid, request, :infinity)
      end
    end
  catch
    :exit, _reason -> {:error, closing(database)}
  end

  defp closing(database) do
    %Error{
      code: :database_closed,
      detail: "database #{inspect(database)} is opening or closing; try again"
    }
  end

  @impl true
  def init(database) do
    Process.flag(:trap_exit, true)
    config = Catalog.config()
    folder = SideFiles.folder(config.data_dir, database)
    state = %__MODULE__{database: database, folder: folder, config: config}
    {:ok, state, {:continue, :begin}}
  end

  @impl true
  def handle_continue(:begin, state), do: Fault.guarded(who(state), fn -> begin(state) end)

  defp who(%{database: database}), do: "the keeper of the webhooks of database #{database}"

  defp begin(state) do
    with {:ok, %{log: log}} <- Databases.info(state.database),
         {:ok, webhooks} <- read(state.database, nil) do
      key = server_key(state.config, webhooks)
      former = Known.former(state.folder)

      state = %{
        state
        | log: log,
          former: former,
          key: key,
          webhooks: Map.new(webhooks, &{&1.id, &1})
      }

      for id <- SideFiles.owners(state.folder), do: tidy(state, id)
      {:noreply, Enum.reduce(webhooks, state, &start(&2, &1))}
    else
      {:error, %Error{code: code}} when code in [:database_not_found, :database_closed] ->
        {:stop, :normal, state}

      {:error, error} ->
        why = Exception.message(error)
        Logger.error("the webhooks of database #{state.database} cannot be delivered: #{why}")
        {:noreply, state}
    end
  end

  # Made with the first webhook, not with the first database. Without it no address is known.
  defp server_key(_config, []), do: nil

  defp server_key(config, _webhooks) do
    case load_key(config) do
      {:ok, key} ->
        key

      {:error, why} ->
        Logger.error("no webhook can be delivered: #{why}")
        nil
    end
  end

  # As a function: it is in no log, whatever becomes of this process.
  defp load_key(config) do
    with {:ok, key} <- ServerKey.load(ServerKey.path(config)), do: {:ok, fn -> key end}
  end

  @doc "The webhooks there are, as of a sequence, in the order in which they were set."
  @spec read(String.t(), non_neg_integer() | nil) :: Types.result([Registration.t()])
  def read(database, as_of, since \\ 0, before \\ []) do
    with {:ok, {json, next}} <-
           Engine.call(database, &Native.webhooks(&1, database, since, as_of)),
         {:ok, entries} <- JSON.decode(json) do
      all = before ++ Enum.map(entries, &Registration.from_entry/1)
      if next, do: read(database, as_of, next, all), else: {:ok, all}
    end
  end

  # What a crash left between the journal and the files.
  defp tidy(state, id), do: Known.tidy(state, id, state.webhooks[id])

  ## Delivering

  defp start(state, webhook) do
    setup = %{
      database: state.database,
      webhook: webhook,
      address: nil,
      obstacle: nil,
      place: Known.beginning(state, webhook),
      warning: nil,
      key: state.key,
      folder: state.folder,
      config: state.config
    }

    {:ok, pid} = Delivery.start_link(known(setup, state))
    %{state | deliveries: Map.put(state.deliveries, webhook.id, pid)}
  end

  # One that another server wrote is not this one's to deliver to, and one that was written in
  # another database only once somebody says so: both would deliver the same.
  defp known(%{webhook: webhook} = setup, state) do
    case Known.address(state, webhook) do
      {:ok, address} ->
        placed(%{setup | address: fn -> address end}, state)

      {:copy, address, from} ->
        why =
          "the database is a copy of #{from}, or was called so; to have it delivered from here, too, change it " <>
            ~s(with "active": true, and "since" to say after which block)

        placed(%{setup | address: fn -> address end, obstacle: {:paused, why}}, state)

      {:unknown, why} ->
        Logger.warning("webhook #{webhook.id} of database #{state.database}: #{why}")
        %{setup | obstacle: {:no_address, why}}
    end
  end

  defp placed(%{webhook: webhook} = setup, state) do
    case Known.place(state, webhook) do
      {:ok, place} ->
        %{setup | place: place}

      {:unknown, why} ->
        warning = "#{why}; what came after block #{webhook.since} is told again"
        Logger.warning("webhook #{webhook.id} of database #{state.database}: #{warning}")
        %{setup | warning: warning}
    end
  end

  defp stop(state, id) do
    case Map.pop(state.deliveries, id) do
      {nil, _deliveries} ->
        state

      {pid, deliveries} ->
        monitor = Process.monitor(pid)
        Process.exit(pid, :shutdown)

        receive do
          {:DOWN, ^monitor, :process, _pid, _reason} -> :ok
        end

        %{state | deliveries: deliveries}
    end
  end

  @impl true
  def handle_info(message, state), do: Fault.guarded(who(state), fn -> hear(message, state) end)

  defp hear({:EXIT, pid, reason}, state) do
    case Enum.find(state.deliveries, fn {_id, other} -> other == pid end) do
      nil ->
        {:noreply, state}

      {id, _pid} ->
        Logger.error("webhook #{id} of database #{state.database} failed: #{Fault.ended(reason)}")
        Process.send_after(self(), {:again, id}, @again_ms)
        {:noreply, %{state | deliveries: Map.delete(state.deliveries, id)}}
    end
  end

  defp hear({:again, id}, state) do
    case state do
      %{webhooks: %{^id => webhook}, deliveries: deliveries}
      when not is_map_key(deliveries, id) ->
        {:noreply, start(state, webhook)}

      _gone_or_started ->
        {:noreply, state}
    end
  end

  defp hear(_other, state), do: {:noreply, state}

  # A callback since Elixir 1.17.
  if {:format_status, 1} in GenServer.behaviour_info(:callbacks), do: @impl(true)
  def format_status(status), do: Fault.status(status)

  @impl true
  def terminate(_reason, state), do: Fault.guarded(who(state), fn -> finish(state) end)

  defp finish(state) do
    for id <- Map.keys(state.deliveries), reduce: state, do: (state -> stop(state, id))
    for id <- Map.keys(state.webhooks), do: Progress.delete(state.database, id)
  end

  ## Calls

  @impl true
  def handle_call(asked, _from, state),
    do: Fault.guarded(who(state), fn -> answer(asked, state) end)

  defp answer(:list, state) do
    all = state.webhooks |> Map.values() |> Enum.sort_by(& &1.seq)
    {:reply, {:ok, Enum.map(all, &{&1, text(state, &1)})}, state}
  end

  defp answer({:get, id}, state) do
    case state.webhooks do
      %{^id => webhook} -> {:reply, {:ok, {webhook, text(state, webhook)}}, state}
      _none -> {:reply, not_found(id), state}
    end
  end

  defp answer({:create, asked, opts}, state) do
    with {:ok, state} <- with_key(state),
         {:ok, made} <- Change.make(state, asked),
         new = %{address: asked.address.(), begins: true},
         {:ok, state, answer} <- commit(state, made, new, [expect: :absent] ++ opts) do
      {:reply, {:ok, answer}, state}
    else
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  defp answer({:update, id, asked, opts}, state) do
    with {:ok, webhook} <- fetch(state, id),
         {:ok, state} <- with_key(state),
         {:ok, made, new} <- Change.of(state, webhook, asked),
         opts = [expect: {:seq, webhook.seq}] ++ opts,
         {:ok, state, answer} <- commit(state, made, new, opts) do
      {:reply, {:ok, answer}, state}
    else
      :unchanged -> {:reply, {:ok, shown(state, state.webhooks[id])}, state}
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  defp answer({:delete, id, opts}, state) do
    with {:ok, _webhook} <- fetch(state, id),
         request = {:webhook, id, nil},
         {:ok, nil, ack} <- Writing.write(state.database, request, :normal, opts) do
      state = stop(state, id)
      Progress.delete(state.database, id)
      Known.tidy(state, id, nil)
      ack = %{seq: ack.first_seq, hash: ack.hash, time: ack.time}
      {:reply, {:ok, ack}, %{state | webhooks: Map.delete(state.webhooks, id)}}
    else
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  defp answer({:delivery, id}, state) do
    case {fetch(state, id), state.deliveries} do
      {{:ok, _webhook}, %{^id => pid}} -> {:reply, {:ok, pid}, state}
      {{:ok, _webhook}, _starting} -> {:reply, {:error, closing(state.database)}, state}
      {error, _deliveries} -> {:reply, error, state}
    end
  end

  defp fetch(state, id) do
    with :error <- Map.fetch(state.webhooks, id), do: not_found(id)
  end

  defp not_found(id) do
    {:error, %Error{code: :webhook_not_found, detail: "there is no webhook #{inspect(id)}"}}
  end

  # The whole address, if this server knows it.
  defp text(state, webhook) do
    case Known.address(state, webhook) do
      {:ok, %{text: text}} -> text
      {:copy, %{text: text}, _from} -> text
      {:unknown, _why} -> nil
    end
  end

  defp shown(state, %{id: id, secrets: [nonce | _]} = webhook) do
    key = Signature.secret(state.key.(), state.log, id, nonce)
    {webhook, text(state, webhook), Signature.shown(key)}
  end

  defp with_key(%{log: nil}) do
    detail = "the webhooks of this database cannot be delivered; the log of the server says why"
    {:error, %Error{code: :webhooks_unavailable, detail: detail}}
  end

  defp with_key(%{key: nil} = state) do
    case load_key(state.config) do
      {:ok, key} ->
        {:ok, %{state | key: key}}

      {:error, why} ->
        Logger.error("no webhook can be registered: #{why}")
        {:error, %Error{code: :webhooks_unavailable, detail: "the server's key cannot be read"}}
    end
  end

  defp with_key(state), do: {:ok, state}

  ## Changes

  # What the block says is beside it before it is written, and what it said before until then.
  defp commit(state, %{id: id} = webhook, new, opts) do
    with :ok <- prepare(state, webhook, new),
         request = {:webhook, id, JSON.text(Registration.document(webhook))},
         {:ok, nil, ack} <- write(state, request, opts) do
      state = stop(state, id)
      seq = ack.first_seq
      time = FormdbHttp.format_timestamp(ack.time)
      webhook = %{webhook | seq: seq, hash: ack.hash, time: time}
      webhook = %{webhook | actor: FormdbHttp.Actor.of(opts), version: webhook.version || seq}
      state = put_in(state.webhooks[id], webhook)
      tidy(state, id)
      if new[:resumed], do: resume(state, webhook)
      state = start(state, webhook)
      {:ok, state, shown(state, webhook)}
    else
      {:error, error} ->
        # What was written for this one alone.
        tidy(state, id)
        {:error, error}
    end
  end

  defp write(state, request, opts) do
    with {:error, %Error{code: :precondition_failed}} <-
           Writing.write(state.database, request, :normal, opts) do
      {:webhook, id, _text} = request

      detail =
        "there is a webhook #{inspect(id)} already; change it with PATCH, or give another id"

      {:error, %Error{code: :webhook_exists, detail: detail, pointer: "/id"}}
    end
  end

  defp prepare(state, webhook, %{address: address, begins: begins}) do
    with :ok <- if(address, do: Known.write_address(state, webhook, address), else: :ok),
         :ok <- if(begins, do: Known.write_beginning(state, webhook), else: :ok) do
      :ok
    else
      {:error, why} ->
        Logger.error("the files of a webhook cannot be written: #{why}")
        {:error, %Error{code: :io_error, detail: "the files of the webhook cannot be written"}}
    end
  end

  # What stopped it is settled.
  defp resume(state, webhook) do
    name = SideFiles.name(webhook, :state)

    with {:ok, %{"stopped" => %{}} = known} <- SideFiles.read_json(state.folder, name),
         do: SideFiles.write_json(state.folder, name, Map.delete(known, "stopped"))
  end
end
