defmodule FormdbHttpWeb.DatabaseController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3, show_json: 1]

  alias FormdbHttpWeb.Audit.Notes
  alias FormdbHttpWeb.{Answer, Authorization, Body, Members, Params, Paths, Places}

  # In this order in the answer; what the engine reports besides comes after them.
  @first [:id, :status, :log, :seq, :durable_seq, :root] ++
           [:features, :versions, :series, :points, :defaults]

  def index(req, _params) do
    with {:ok, databases} <- FormdbHttp.databases() do
      visible = for %{id: name} = one <- databases, Authorization.visible?(req, name), do: one
      Answer.json(200, databases: Enum.map(visible, &members/1))
    end
  end

  def create(req, _params) do
    with {:ok, members} <- Members.read(req, ["name"], ~s({"name":"quakes"})),
         {:ok, name} <- name(members),
         :ok <- Notes.say(database: name),
         :ok <- Authorization.check(req, :admin, name || :all),
         {:ok, database} <- FormdbHttp.open(name) do
      {created?, database} = Map.pop!(database, :created)
      Notes.say(database: database.id)

      if created?,
        do: req |> Paths.to(:database, %{db: database.id}) |> Answer.created(members(database)),
        else: Answer.json(200, members(database))
    end
  end

  # Without a name the server makes one up.
  defp name(%{"name" => name}) when is_binary(name), do: {:ok, name}

  defp name(%{"name" => other}) do
    detail = "the name is #{show_json(other)}; expected a string such as \"quakes\""
    refuse(:invalid_name, detail, "/name")
  end

  defp name(_none), do: {:ok, nil}

  def show(_req, %{db: name}) do
    case FormdbHttp.database(name) do
      {:ok, database} -> Answer.json(200, members(database))
      {:error, %{code: :database_not_found} = error} -> show_closed(name, error)
      {:error, error} -> {:error, error}
    end
  end

  # One that is not open may still be on disk.
  defp show_closed(name, error) do
    case Enum.find(FormdbHttp.Serving.known_databases(), &(&1.id == name)) do
      nil -> {:error, error}
      database -> Answer.json(200, members(database))
    end
  end

  def update(req, %{db: name} = params) do
    opts = Params.options(params, [:durability, :idempotency_key])

    with {:ok, body} <- Body.read(req),
         {:ok, ack} <- FormdbHttp.set_defaults(name, body, opts) do
      members = [
        id: name,
        defaults: Enum.sort(ack.defaults),
        seq: ack.seq,
        hash: ack.hash,
        time: FormdbHttp.format_timestamp(ack.time)
      ]

      200 |> Answer.json(members) |> Answer.replayed(ack)
    end
  end

  def schema(_req, %{db: name} = params) do
    with {:ok, %{json: json}} <- FormdbHttp.schema(name, Params.options(params, [:as_of])),
         do: Answer.json(200, {:json, json})
  end

  def delete(_req, %{db: name, purge: true}) do
    Notes.say(act: :purge_database)
    with :ok <- FormdbHttp.purge(name), do: Answer.json(200, id: name, purged: true)
  end

  def delete(_req, %{db: name}) do
    with :ok <- FormdbHttp.close(name), do: Answer.json(200, id: name, closed: true)
  end

  @doc "A database as it stands in answers."
  def members(database) do
    {error, database} = Map.pop(database, :error)
    {first, rest} = Map.split(database, @first)
    error = if error, do: [code: error.code, detail: Places.hide(error.detail)], else: []
    first = for key <- @first, is_map_key(first, key), do: {key, first[key]}
    Enum.map(first, &member/1) ++ Enum.map(Enum.sort(rest), &member/1) ++ error
  end

  defp member({key, figures}) when is_map(figures), do: {key, Enum.sort(figures)}

  defp member({key, cause}) when key in [:poisoned, :failed] and is_binary(cause),
    do: {key, Places.hide(cause)}

  defp member(member), do: member
end
