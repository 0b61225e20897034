defmodule FormdbHttp.Config.Reference do
  @moduledoc false
  # The settings as a table in Markdown.

  alias FormdbHttp.Config.{Settings, Value}

  @spec table([Settings.row()]) :: String.t()
  def table(settings) do
    """
    | variable | type | default | range | meaning |
    |---|---|---|---|---|
    #{Enum.map(settings, &row/1)}
    """
  end

  defp row(setting) do
    cells = [
      "`#{Settings.variable(setting.field)}`",
      Value.type(setting),
      Value.show(setting, setting.default),
      range(setting),
      setting.doc
    ]

    "| " <> Enum.join(cells, " | ") <> " |\n"
  end

  defp range(%{range: first..last//1} = setting),
    do: "#{Value.show(setting, first)} to #{Value.show(setting, last)}"

  defp range(_setting), do: ""
end
