defmodule FormdbHttpWeb.DatabaseController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3, show: 1, show_json: 1]

  alias FormdbHttpWeb.{Answer, Body, Params, Paths, Places}

  # In this order in the answer; what the engine reports besides comes after them.
  @first [:id, :status, :log, :seq, :durable_seq, :root, :features, :series, :points]

  def index(req) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, databases} <- FormdbHttp.databases(),
         do: Answer.json(200, databases: Enum.map(databases, &members/1))
  end

  def create(req) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, members} <- Body.read_members(req, ["name"], ~s({"name":"quakes"})),
         {:ok, name} <- name(members),
         {:ok, database} <- FormdbHttp.open(name) do
      {created?, database} = Map.pop!(database, :created)

      if created?,
        do: Answer.created(Paths.database(req, database.id), members(database)),
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

  def show(req, name) do
    with {:ok, _none} <- Params.query(req, []) do
      case FormdbHttp.database(name) do
        {:ok, database} -> Answer.json(200, members(database))
        {:error, %{code: :database_not_found} = error} -> show_closed(name, error)
        {:error, error} -> {:error, error}
      end
    end
  end

  # One that is not open may still be on disk.
  defp show_closed(name, error) do
    case Enum.find(FormdbHttp.Serving.known_databases(), &(&1.id == name)) do
      nil -> {:error, error}
      database -> Answer.json(200, members(database))
    end
  end

  def schema(req, name) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, %{json: json}} <- FormdbHttp.schema(name),
         do: Answer.json(200, {:json, json})
  end

  def delete(req, name) do
    with {:ok, params} <- Params.query(req, ["purge"]) do
      case params do
        %{"purge" => "true"} ->
          with :ok <- FormdbHttp.purge(name),
               do: Answer.json(200, id: name, purged: true)

        %{"purge" => other} ->
          detail = "purge is #{show(other)}; give true, or leave it out to close only"
          refuse(:invalid_parameter, detail, "/purge")

        _none ->
          with :ok <- FormdbHttp.close(name),
               do: Answer.json(200, id: name, closed: true)
      end
    end
  end

  @doc "A database as it stands in answers."
  def members(database) do
    {error, database} = Map.pop(database, :error)
    {first, rest} = Map.split(database, @first)
    error = if error, do: [code: error.code, detail: Places.hide(error.detail)], else: []
    first = for key <- @first, is_map_key(first, key), do: {key, first[key]}
    first ++ Enum.map(Enum.sort(rest), &member/1) ++ error
  end

  defp member({key, figures}) when is_map(figures), do: {key, Enum.sort(figures)}

  defp member({key, cause}) when key in [:poisoned, :failed] and is_binary(cause),
    do: {key, Places.hide(cause)}

  defp member(member), do: member
end
