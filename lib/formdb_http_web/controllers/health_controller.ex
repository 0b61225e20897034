defmodule FormdbHttpWeb.HealthController do
  @moduledoc false
  # Probes. `live` says that the VM schedules processes, nothing more: restarting
  # the server mends no damaged journal. `ready` says whether all databases take
  # reads and writes. Where the memory of the indexes is used up, the disk has little room
  # left, the clock is wrong, or some block is damaged, other reads go on, and no other server
  # would do better: it stays 200, and says so.

  alias FormdbHttpWeb.{Answer, Authorization, Endpoint, Places}

  # A part of the memory for indexes so small that writes are refused when it is all that is
  # left, or will be soon.
  @left 0.01
  # How far the clock may be behind: it is corrected by less all the time.
  @behind_ms 1_000

  def live(_req, _params), do: answer(200, status: "ok")

  def ready(req, _params) do
    databases = databases()

    case stopping() ++ data_folder() ++ Enum.flat_map(databases, &reason/1) do
      [] -> answer(200, "ready" |> well(databases) |> told(req))
      reasons -> answer(503, told([status: "not ready", reasons: reasons], req))
    end
  end

  # Probes bring no credential, and are told no names.
  defp told(members, req) do
    if Authorization.may?(req, :read, :all),
      do: members,
      else:
        Keyword.replace_lazy(
          members,
          :reasons,
          &(&1 |> Enum.map(fn r -> nameless(r) end) |> Enum.uniq())
        )
  end

  defp nameless(reason) do
    if reason[:database],
      do: [
        reason: "a database is not as it should be; with the scope read:* this says which"
      ],
      else: reason
  end

  def detailed(_req, _params) do
    {uptime, _since_last_call} = :erlang.statistics(:wall_clock)

    databases = databases()
    status = if stopping() == [], do: well("ok", databases), else: [status: "stopping"]
    {index_used, index_limit} = FormdbHttp.Serving.index_memory()

    members = [
      version: FormdbHttp.version(),
      elixir: System.version(),
      otp: System.otp_release(),
      schedulers: System.schedulers_online(),
      uptime_seconds: div(uptime, 1_000),
      connections: Endpoint.connections(),
      processes: :erlang.system_info(:process_count),
      memory: memory(),
      index_memory: [used_bytes: index_used, limit_bytes: index_limit],
      disk: Enum.sort(FormdbHttp.Serving.disk()),
      databases: Enum.map(databases, &FormdbHttpWeb.DatabaseController.members/1)
    ]

    answer(200, status ++ members)
  end

  # The status, unless something is to be said.
  defp well(status, databases) do
    case index_memory() ++ disk() ++ Enum.flat_map(databases, &(clock(&1) ++ damage(&1))) do
      [] -> [status: status]
      reasons -> [status: "degraded", reasons: reasons]
    end
  end

  defp index_memory do
    {used, limit} = FormdbHttp.Serving.index_memory()

    if limit - used < limit * @left do
      reason =
        "the indexes take #{used} of the #{limit} bytes that they may (setting " <>
          "FORMDB_INDEX_BYTES): writes that add are refused; reads and deletes go on"

      [[reason: reason]]
    else
      []
    end
  end

  defp disk do
    case FormdbHttp.Serving.disk_low() do
      nil -> []
      reason -> [[reason: reason]]
    end
  end

  defp clock(%{clock_offset_ms: ahead, id: name}) when ahead > 0 do
    reason =
      "the system's clock has jumped ahead by #{ahead} ms, and commit times do not follow it yet"

    [[database: name, reason: reason]]
  end

  defp clock(%{clock_offset_ms: behind, id: name}) when behind < -@behind_ms do
    reason =
      "the system's clock is #{-behind} ms behind the last commit: commit times stand still " <>
        "until it has caught up"

    [[database: name, reason: reason]]
  end

  defp clock(_database), do: []

  defp damage(%{scrub: %{damaged: places}, id: name}) when places > 0 do
    counted = if places == 1, do: "1 place", else: "#{places} places"
    found = FormdbHttp.Serving.damage(name)
    last = if found, do: ": " <> Places.hide(found), else: ""

    reason =
      "what it has stored is damaged at #{counted}#{last}. What needs that is refused, as are " <>
        "backups; all else goes on"

    [[database: name, reason: reason]]
  end

  defp damage(_database), do: []

  defp answer(status, members), do: status |> Answer.json(members) |> Answer.unstored()

  # Every database, the open ones with their figures. From memory: a probe waits for no
  # thread that others may hold.
  defp databases, do: Enum.map(FormdbHttp.Serving.known_databases(), &with_figures/1)

  defp with_figures(%{status: :open, id: name} = database) do
    case FormdbHttp.database(name) do
      {:ok, figures} -> figures
      # It was closed meanwhile.
      {:error, _error} -> %{database | status: :closed}
    end
  end

  defp with_figures(database), do: database

  defp data_folder do
    case FormdbHttp.Serving.data_folder_lost() do
      nil -> []
      error -> [[reason: "the data folder is gone: " <> Places.hide(error.detail)]]
    end
  end

  # Where another server is the host, it is that which knows.
  defp stopping do
    if Endpoint.accepting?() == false, do: [[reason: "the server is stopping"]], else: []
  end

  defp reason(%{status: :opening, id: name}) do
    [[database: name, reason: "its journal is being read"]]
  end

  defp reason(%{status: :failed, id: name, error: error}) do
    [[database: name, reason: "it cannot be opened: " <> Places.hide(error.detail)]]
  end

  defp reason(%{failed: cause, id: name}) when is_binary(cause) do
    [[database: name, reason: "it has to be opened again: " <> Places.hide(cause)]]
  end

  defp reason(%{poisoned: cause, id: name}) when is_binary(cause) do
    [[database: name, reason: "it takes no writes: " <> Places.hide(cause)]]
  end

  defp reason(_database), do: []

  # Bytes; what the engine holds (indexes, caches) is outside of the VM's account.
  defp memory do
    for kind <- [:total, :processes, :binary, :ets, :code], do: {kind, :erlang.memory(kind)}
  end
end
