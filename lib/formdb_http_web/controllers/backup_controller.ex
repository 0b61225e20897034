defmodule FormdbHttpWeb.BackupController do
  @moduledoc false
  # Backups of a database, in the folder that the server has for them.

  import FormdbHttpWeb.Problem, only: [refuse: 3, show_json: 1]

  alias FormdbHttpWeb.Audit.Notes
  alias FormdbHttpWeb.{Answer, Members, Places}

  # For so long a request waits for its backup: less than proxies wait for an answer.
  @wait_ms 10_000

  # In this order in answers.
  @members [:name, :database, :state, :time, :seq, :root, :log, :files, :bytes] ++
             [:copied_bytes, :linked_bytes, :previous, :previous_damaged, :done, :total]

  def index(_req, %{db: db}) do
    with {:ok, backups} <- FormdbHttp.backups(db),
         do: Answer.json(200, backups: Enum.map(backups, &members/1))
  end

  def create(req, %{db: db}) do
    Notes.say(act: :create_backup)

    with {:ok, members} <- Members.read(req, ["name"], ~s({"name":"before-the-move"})),
         {:ok, name} <- name(members),
         {:ok, backup} <- FormdbHttp.create_backup(db, [wait_ms: @wait_ms] ++ name),
         do: Answer.json(201, members(backup))
  end

  defp name(%{"name" => name}) when is_binary(name), do: {:ok, [name: name]}

  defp name(%{"name" => other}) do
    detail = "the name is #{show_json(other)}; expected a string such as \"before-the-move\""
    refuse(:invalid_name, detail, "/name")
  end

  defp name(_none), do: {:ok, []}

  defp members(backup) do
    known = for key <- @members, is_map_key(backup, key), do: {key, backup[key]}

    case backup do
      %{error: error} -> known ++ [code: error.code, detail: Places.hide(error.detail)]
      _whole -> known
    end
  end
end
