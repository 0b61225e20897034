defmodule FormdbHttpCli.Task do
  @moduledoc false
  # A task of Mix that runs a command.

  alias FormdbHttpCli.Command

  defmacro __using__(command: command) do
    quote do
      @shortdoc unquote(command).summary()
      @moduledoc unquote(command).help()

      use Mix.Task

      @impl true
      def run(arguments), do: unquote(__MODULE__).run(unquote(command), arguments)
    end
  end

  @doc false
  def run(command, arguments) do
    Mix.Task.run("app.config")

    case Command.perform(command, arguments) do
      :ok -> :ok
      :failed -> exit({:shutdown, 1})
      {:refused, sentence} -> Mix.raise(sentence)
    end
  end
end
