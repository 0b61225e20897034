defmodule FormdbHttpWeb.Places do
  @moduledoc false
  # What the engine says of files names them with their folders, which are the operator's
  # business: the log has them, clients get the names alone. Every text of the engine that
  # reaches a client goes through here.

  alias FormdbHttp.Serving

  @doc "The text without the folders of the server's disk; names of files and databases stay."
  @spec hide(String.t()) :: String.t()
  def hide(text) do
    folders = [
      {Serving.data_dir(), "the data folder"},
      {Serving.backup_dir(), "the folder of backups"}
    ]

    # Whatever lies in these folders has a name of these characters.
    for {folder, called} <- folders,
        folder != nil,
        String.contains?(text, folder),
        reduce: text do
      text ->
        path = ~r"#{Regex.escape(folder)}((?:/[\w.\-]+)*)(?![\w\-])"
        Regex.replace(path, text, fn _path, below -> name(below, called) end)
    end
  end

  defp name("", called), do: called
  defp name(below, _called), do: Path.basename(below)
end
