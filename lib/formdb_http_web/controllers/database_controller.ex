defmodule FormdbHttpWeb.DatabaseController do
  @moduledoc false

  import FormdbHttpWeb.Problem, only: [refuse: 3]

  alias FormdbHttpWeb.{Answer, Body, Params, Paths}

  # The body holds one name of 63 characters at most.
  @max_body_bytes 4_096

  # In this order in the answer; what the engine reports besides comes after them.
  @first [:id, :status, :seq, :root, :features, :series, :points]

  def index(req) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, databases} <- FormdbHttp.databases(),
         do: Answer.json(200, databases: Enum.map(databases, &members/1))
  end

  def create(req) do
    with {:ok, _none} <- Params.query(req, []),
         {:ok, body} <- Body.read(req, min(@max_body_bytes, req.max_body_bytes)),
         {:ok, name} <- name(body),
         {:ok, database} <- FormdbHttp.create_database(name) do
      {created?, database} = Map.pop!(database, :created)

      if created?,
        do: Answer.created(Paths.database(database.id), members(database)),
        else: Answer.json(200, members(database))
    end
  end

  # Nothing, or an object without a name: the server makes one up.
  defp name(""), do: {:ok, nil}

  defp name(body) do
    case decode(body) do
      {:ok, %{"name" => name} = object} when map_size(object) == 1 and is_binary(name) ->
        {:ok, name}

      {:ok, object} when object == %{} ->
        {:ok, nil}

      {:ok, %{"name" => name}} when not is_binary(name) ->
        refuse(:invalid_name, "the name is not a string", "/name")

      {:ok, %{} = object} ->
        [member | _] = object |> Map.delete("name") |> Map.keys()
        detail = "found the member #{inspect(member)}; the only one taken is name"
        refuse(:invalid_body, detail, "/" <> pointer_part(member))

      {:ok, _other} ->
        refuse(:invalid_json, ~s(found no object; expected one such as {"name":"quakes"}), "")

      :error ->
        refuse(:invalid_json, ~s(found no JSON; expected text such as {"name":"quakes"}), "")
    end
  end

  defp decode(body) do
    {:ok, :jsx.decode(body, [:strict, :return_maps])}
  rescue
    ArgumentError -> :error
  end

  # RFC 6901, section 3.
  defp pointer_part(name), do: name |> String.replace("~", "~0") |> String.replace("/", "~1")

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
    with {:ok, databases} <- FormdbHttp.databases() do
      case Enum.find(databases, &(&1.id == name)) do
        nil -> {:error, error}
        database -> Answer.json(200, members(database))
      end
    end
  end

  def delete(req, name) do
    with {:ok, params} <- Params.query(req, ["purge"]) do
      case params do
        %{"purge" => "true"} ->
          with :ok <- FormdbHttp.purge_database(name),
               do: Answer.json(200, id: name, purged: true)

        %{"purge" => other} ->
          detail = "purge is #{inspect(other)}; give true, or leave it out to close only"
          refuse(:invalid_parameter, detail, "/purge")

        _none ->
          with :ok <- FormdbHttp.close_database(name),
               do: Answer.json(200, id: name, closed: true)
      end
    end
  end

  @doc "A database as it stands in answers."
  def members(database) do
    {error, database} = Map.pop(database, :error)
    {first, rest} = Map.split(database, @first)
    error = if error, do: [code: error.code, detail: error.detail], else: []
    for(key <- @first, is_map_key(first, key), do: {key, first[key]}) ++ Enum.sort(rest) ++ error
  end
end
