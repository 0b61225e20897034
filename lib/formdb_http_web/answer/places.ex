defmodule FormdbHttpWeb.Places do
  @moduledoc false
  # What the engine says of files names them with their folders, which are the operator's
  # business: the log has them, clients get the names alone. Every text of the engine that
  # reaches a client goes through here.

  alias FormdbHttp.Serving

  @doc "The text without the folders of the server's disk; names of files and databases stay."
  @spec hide(String.t()) :: String.t()
  def hide(text) do
    data_dir = Serving.data_dir()

    # Whatever lies in the data folder has a name of these characters.
    if String.contains?(text, data_dir),
      do: Regex.replace(~r"#{Regex.escape(data_dir)}((?:/[\w.\-]+)*)(?![\w\-])", text, &name/2),
      else: text
  end

  defp name(_path, ""), do: "the data folder"
  defp name(_path, below), do: Path.basename(below)
end
