defmodule FormdbHttpCli.Command do
  @moduledoc false
  # What a command is, of a task of Mix and of a release's `bin/formdb-server`: both run the same
  # module. It prints its report on standard output, and refuses what it cannot do with a sentence.
  # Nothing here calls Mix, which a release has not.
  #
  # Texts name the tasks of Mix (`mix formdb.load_dump`). Who has a release reads the names that the
  # commands have there (`formdb-server load-dump`).

  alias FormdbHttp.Config

  @doc "What it does, in a line."
  @callback summary() :: String.t()

  @doc "What `--help` prints."
  @callback help() :: String.t()

  @doc "Does it. `:failed` when the report on standard output says what is wrong."
  @callback run([String.t()]) :: :ok | :failed

  defmodule Refusal do
    @moduledoc false
    defexception [:message]
  end

  @doc "Runs a command, or prints its help."
  @spec perform(module(), [String.t()]) :: :ok | :failed | {:refused, String.t()}
  def perform(command, arguments) when arguments in [["--help"], ["-h"]],
    do: say(String.trim_trailing(command.help()))

  def perform(command, arguments) do
    command.run(arguments)
  rescue
    refusal in Refusal -> {:refused, worded(refusal.message)}
  end

  @doc "Ends the command with a sentence for whoever called it."
  @spec refuse(String.t()) :: no_return()
  def refuse(sentence), do: raise(Refusal, message: sentence)

  @doc """
  Has `check` look at each of what was found in a folder, at the others too where one does not hold;
  refuses with the sentence `none` where nothing was found.
  """
  @spec check_all([Path.t()], String.t(), (Path.t() -> boolean())) :: :ok | :failed
  def check_all([], none, _check), do: refuse(none)

  def check_all(found, _none, check),
    do: if(Enum.all?(Enum.map(found, check)), do: :ok, else: :failed)

  @doc "The settings; a sentence for whoever called it where they are wrong."
  @spec config() :: Config.t()
  def config do
    case Config.from_application() do
      {:ok, config} -> config
      {:error, message} -> refuse("The configuration is wrong:\n" <> message)
    end
  end

  @doc "Prints a line, or more."
  @spec say(iodata()) :: :ok
  def say(text), do: text |> IO.iodata_to_binary() |> worded() |> IO.puts()

  @doc "From now on texts name the commands of a release."
  @spec in_release() :: :ok
  def in_release, do: :persistent_term.put(__MODULE__, :release)

  defp worded(text) do
    case :persistent_term.get(__MODULE__, :mix) do
      :release -> as_release(text)
      :mix -> text
    end
  end

  @doc "A text with the names that commands have in a release."
  @spec as_release(String.t()) :: String.t()
  def as_release(text) do
    Regex.replace(~r/\bmix (help )?formdb\.([a-z_]+)/, text, fn _all, help, task ->
      "formdb-server #{help}#{String.replace(task, "_", "-")}"
    end)
  end
end
